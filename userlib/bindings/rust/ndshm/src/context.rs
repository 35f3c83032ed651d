// SPDX-License-Identifier: LGPL-2.1-or-later
use std::ffi::CString;
use std::mem::{size_of, MaybeUninit};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use crate::error::EINVAL;
use crate::{sys, Error, Result};

struct Handle(NonNull<sys::ndshm>);

// SAFETY: threads may share a context.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: this was the last reference. A child of fork() is permitted to close.
        unsafe { sys::ndshm_close(self.0.as_ptr()) }
    }
}

/// A client. It is closed with its last clone, block and section.
#[derive(Clone)]
pub struct Context(Arc<Handle>);

/// Return a C string. EINVAL (NAME): it contains a NUL character.
pub(crate) fn c_string(text: &str, what: &'static str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::new(what, EINVAL, sys::NDSHM_REASON_NAME))
}

impl Context {
    /// Open the path of a device, "memfd:" or "section:"; None is the default.
    pub fn open(path: Option<&str>) -> Result<Context> {
        let path = path.map(|text| c_string(text, "open")).transpose()?;
        let mut out = ptr::null_mut();
        // SAFETY: `path` is NULL or a string that lives long enough.
        let result = unsafe {
            sys::ndshm_open(
                path.as_ref().map_or(ptr::null(), |text| text.as_ptr()),
                &mut out,
            )
        };

        match NonNull::new(out) {
            Some(opened) if result == 0 => Ok(Context(Arc::new(Handle(opened)))),
            _ => Err(Error::new("open", -result, sys::NDSHM_REASON_NONE)),
        }
    }

    /// The context for calls of [`sys`]. It must not be closed.
    pub fn as_ptr(&self) -> *mut sys::ndshm {
        self.0 .0.as_ptr()
    }

    /// Return the error of this thread's last call, if `result` is negative.
    pub(crate) fn check(&self, result: i32, what: &'static str) -> Result<()> {
        if result == 0 {
            return Ok(());
        }
        // SAFETY: the context is open.
        let reason = unsafe { sys::ndshm_last_reason(self.as_ptr()) };
        Err(Error::new(what, -result, reason))
    }

    /// Call a function that fills in a structure.
    pub(crate) fn fill<T>(
        &self,
        what: &'static str,
        call: impl FnOnce(*mut T) -> i32,
    ) -> Result<T> {
        let mut out = MaybeUninit::zeroed();

        self.check(call(out.as_mut_ptr()), what)?;
        // SAFETY: the call succeeded and filled it in.
        Ok(unsafe { out.assume_init() })
    }

    /// Return features, limits and usage.
    pub fn info(&self) -> Result<sys::ndshm_info> {
        // SAFETY: the context is open.
        self.fill("context", |out| unsafe {
            sys::ndshm_get_info_sized(self.as_ptr(), out, size_of::<sys::ndshm_info>())
        })
    }

    /// Find an adapter by its name.
    pub fn find_adapter(&self, name: &str) -> Result<sys::ndshm_adapter_info> {
        let name = c_string(name, "adapter")?;

        // SAFETY: the context is open, and `name` is a string.
        self.fill("adapter", |out| unsafe {
            let size = size_of::<sys::ndshm_adapter_info>();
            sys::ndshm_find_adapter_sized(self.as_ptr(), name.as_ptr(), out, size)
        })
    }

    /// Find a provider by its name.
    pub fn find_provider(&self, name: &str) -> Result<sys::ndshm_provider_info> {
        let name = c_string(name, "provider")?;

        // SAFETY: the context is open, and `name` is a string.
        self.fill("provider", |out| unsafe {
            let size = size_of::<sys::ndshm_provider_info>();
            sys::ndshm_find_provider_sized(self.as_ptr(), name.as_ptr(), out, size)
        })
    }
}
