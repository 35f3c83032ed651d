// SPDX-License-Identifier: LGPL-2.1-or-later
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicU8, Ordering};

use crate::error::{EINVAL, ERANGE, EROFS};
use crate::{sys, Error, Result};

/// Memory that other threads, processes and devices can change at any time.
///
/// Bytes are copied one by one with relaxed atomic accesses, and integers are references to
/// atomics. Access to a page without memory ends the process by SIGBUS: after a revocation, and in
/// a range of a section that is not allocated.
#[derive(Clone, Copy, Debug)]
pub struct Memory<'a> {
    start: *mut u8,
    length: usize,
    writable: bool,
    owner: PhantomData<&'a AtomicU8>,
}

// SAFETY: all accesses are atomic, and the owner of the mapping is borrowed for 'a.
unsafe impl Send for Memory<'_> {}
// SAFETY: as above.
unsafe impl Sync for Memory<'_> {}

impl<'a> Memory<'a> {
    /// # Safety
    /// `length` bytes from `start` on must stay mapped for 'a, writable if `writable` is true.
    pub(crate) unsafe fn new(start: *mut u8, length: usize, writable: bool) -> Memory<'a> {
        Memory {
            start,
            length,
            writable,
            owner: PhantomData,
        }
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Whether the mapping is writable.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// The first byte, for unsafe code and system calls.
    pub fn as_ptr(&self) -> *mut u8 {
        self.start
    }

    /// Return a part of the memory. ERANGE: it is not within the memory.
    pub fn slice(&self, offset: usize, length: usize) -> Result<Memory<'a>> {
        match offset.checked_add(length) {
            Some(end) if end <= self.length => Ok(Memory {
                // Not beyond the end: `offset` is at most the length.
                start: self.start.wrapping_add(offset),
                length,
                ..*self
            }),
            _ => Err(Error::new("memory", ERANGE, sys::NDSHM_REASON_NONE)),
        }
    }

    /// Copy bytes from `offset` on to `into`.
    pub fn read(&self, offset: usize, into: &mut [u8]) -> Result<()> {
        let part = self.slice(offset, into.len())?;

        for (to, from) in into.iter_mut().zip(part.bytes()) {
            *to = from.load(Ordering::Relaxed);
        }
        Ok(())
    }

    /// Copy `from` to the bytes from `offset` on. EROFS: the memory is mapped read-only.
    pub fn write(&self, offset: usize, from: &[u8]) -> Result<()> {
        let part = self.slice(offset, from.len())?;

        part.check_writable()?;
        for (from, to) in from.iter().zip(part.bytes()) {
            to.store(*from, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Return a copy of all bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes()
            .iter()
            .map(|byte| byte.load(Ordering::Relaxed))
            .collect()
    }

    /// Return a byte. ERANGE: it is not within the memory. EROFS: the memory is mapped read-only,
    /// where an atomic could raise SIGSEGV.
    pub fn atomic_u8(&self, offset: usize) -> Result<&'a AtomicU8> {
        self.atomic(offset)
    }

    /// Return four bytes, as [`Memory::atomic_u8`]. EINVAL: their address is not aligned.
    pub fn atomic_u32(&self, offset: usize) -> Result<&'a AtomicU32> {
        self.atomic(offset)
    }

    /// Return eight bytes, as [`Memory::atomic_u32`].
    pub fn atomic_u64(&self, offset: usize) -> Result<&'a AtomicU64> {
        self.atomic(offset)
    }

    fn atomic<T>(&self, offset: usize) -> Result<&'a T> {
        let part = self.slice(offset, std::mem::size_of::<T>())?;

        part.check_writable()?;
        if part.start as usize % std::mem::align_of::<T>() != 0 {
            return Err(Error::new("memory", EINVAL, sys::NDSHM_REASON_NONE));
        }
        // SAFETY: T is an atomic of any value, and it is mapped for 'a, aligned and writable.
        Ok(unsafe { &*part.start.cast() })
    }

    fn bytes(&self) -> &'a [AtomicU8] {
        // SAFETY: AtomicU8 has the layout of u8 and any value; the bytes are mapped for 'a. A
        // relaxed load of a byte does not write, so it is permitted in a read-only mapping.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.length) }
    }

    fn check_writable(&self) -> Result<()> {
        if self.writable {
            Ok(())
        } else {
            Err(Error::new(
                "memory",
                EROFS,
                sys::NDSHM_REASON_SECTION_READONLY,
            ))
        }
    }
}
