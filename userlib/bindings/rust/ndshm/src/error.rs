// SPDX-License-Identifier: LGPL-2.1-or-later
use std::ffi::CStr;
use std::os::raw::c_char;
use std::{fmt, io};

/// A reason of the module: one of `sys::NDSHM_REASON_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reason(pub u32);

/// Return a string that is part of the library.
fn text_of(text: *const c_char) -> &'static str {
    // SAFETY: the library returns static strings, and never NULL.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or("")
}

impl Reason {
    /// Outside of the module: the error has an errno only.
    pub const NONE: Reason = Reason(ndshm_sys::NDSHM_REASON_NONE);

    /// Return the short name, such as "claim-busy".
    pub fn name(self) -> &'static str {
        // SAFETY: all values are permitted.
        text_of(unsafe { ndshm_sys::ndshm_reason_name(self.0) })
    }

    /// Return a sentence that suggests a remedy.
    pub fn text(self) -> &'static str {
        // SAFETY: all values are permitted.
        text_of(unsafe { ndshm_sys::ndshm_reason_text(self.0) })
    }
}

/// A failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    what: &'static str,
    errno: i32,
    reason: Reason,
}

/// The result of a call.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(what: &'static str, errno: i32, reason: u32) -> Error {
        Error {
            what,
            errno,
            reason: Reason(reason),
        }
    }

    /// The errno, positive.
    pub fn errno(&self) -> i32 {
        self.errno
    }

    /// The reason, or [`Reason::NONE`].
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        if self.reason == Reason::NONE {
            write!(
                to,
                "{}: {}",
                self.what,
                io::Error::from_raw_os_error(self.errno)
            )
        } else {
            write!(to, "{}: {}", self.what, self.reason.text())
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(io::Error::from_raw_os_error(error.errno).kind(), error)
    }
}

// The standard library does not have these numbers.
pub(crate) const EINVAL: i32 = 22;
pub(crate) const ENOSPC: i32 = 28;
pub(crate) const EROFS: i32 = 30;
pub(crate) const ERANGE: i32 = 34;
