// SPDX-License-Identifier: LGPL-2.1-or-later
use std::mem::{self, size_of, MaybeUninit};
use std::os::unix::io::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::process;
use std::ptr::{self, NonNull};

use crate::block::{O_CLOEXEC, O_RDONLY, O_RDWR};
use crate::context::c_string;
use crate::{sys, Context, Memory, Result};

/// Parameters of a section.
#[derive(Clone, Copy, Debug)]
pub struct SectionRequest<'n> {
    /// Bytes of the range; rounded up to pages.
    pub max_size: u64,
    /// Bytes that have memory from the start.
    pub initial_size: u64,
    /// Id of the adapter; 0: the default adapter.
    pub adapter: u32,
    /// Id of the provider; 0: the built-in "pages".
    pub provider: u32,
    /// NUMA node, or `sys::NDSHM_NODE_ANY`.
    pub node: i32,
    /// Name for [`Context::open_section`].
    pub name: Option<&'n str>,
    /// Group for `mode`, or `sys::NDSHM_GROUP_SELF`.
    pub group: u32,
    /// Permission to open by name.
    pub mode: u32,
}

impl SectionRequest<'_> {
    /// Return the usual parameters.
    pub fn new(max_size: u64) -> SectionRequest<'static> {
        let mut usual = MaybeUninit::<sys::ndshm_section_request>::zeroed();
        // SAFETY: the function sets all members.
        let usual = unsafe {
            sys::ndshm_section_request_init(usual.as_mut_ptr());
            usual.assume_init()
        };

        SectionRequest {
            max_size,
            initial_size: usual.initial_size,
            adapter: usual.adapter,
            provider: usual.provider,
            node: usual.node,
            name: None,
            group: usual.group,
            mode: usual.mode,
        }
    }
}

/// A section that is mapped, and closed when it is dropped.
pub struct Section {
    section: NonNull<sys::ndshm_section>,
    readonly: bool,
    context: Context,
}

// SAFETY: threads may share a section.
unsafe impl Send for Section {}
// SAFETY: as above.
unsafe impl Sync for Section {}

impl Drop for Section {
    fn drop(&mut self) {
        // SAFETY: nothing borrows the section. A child of fork() is permitted to close.
        unsafe { sys::ndshm_section_close(self.section.as_ptr()) }
    }
}

impl AsFd for Section {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the section keeps its descriptor open.
        unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
    }
}

impl AsRawFd for Section {
    fn as_raw_fd(&self) -> RawFd {
        // SAFETY: the section is open.
        unsafe { sys::ndshm_section_fd(self.as_ptr()) }
    }
}

impl Context {
    /// Create a section of `max_size` bytes, of which `initial_size` have memory from the start.
    pub fn create_section(&self, max_size: u64, initial_size: u64) -> Result<Section> {
        self.create_section_with(&SectionRequest {
            initial_size,
            ..SectionRequest::new(max_size)
        })
    }

    /// Create a section.
    pub fn create_section_with(&self, request: &SectionRequest) -> Result<Section> {
        let name = request
            .name
            .map(|name| c_string(name, "section"))
            .transpose()?;
        let request = sys::ndshm_section_request {
            max_size: request.max_size,
            initial_size: request.initial_size,
            adapter: request.adapter,
            provider: request.provider,
            node: request.node,
            flags: 0,
            name: name.as_ref().map_or(ptr::null(), |name| name.as_ptr()),
            group: request.group,
            mode: request.mode,
        };

        // SAFETY: the context is open, and the name lives long enough.
        self.section(|out| unsafe { sys::ndshm_section_create(self.as_ptr(), &request, out) })
    }

    /// Map the section of a descriptor, which remains the caller's.
    pub fn adopt_section(&self, fd: BorrowedFd) -> Result<Section> {
        // SAFETY: the context is open.
        self.section(|out| unsafe { sys::ndshm_section_adopt(self.as_ptr(), fd.as_raw_fd(), out) })
    }

    /// Map the section that the user `owner`, or `sys::NDSHM_OWNER_SELF`, created with this name.
    pub fn open_section(&self, owner: u32, name: &str, readonly: bool) -> Result<Section> {
        let name = c_string(name, "section")?;
        let flags = if readonly {
            sys::NDSHM_OPEN_READONLY
        } else {
            0
        };

        // SAFETY: the context is open, and `name` is a string.
        self.section(|out| unsafe {
            sys::ndshm_section_open(self.as_ptr(), owner, name.as_ptr(), flags, out)
        })
    }

    fn section(&self, call: impl FnOnce(*mut *mut sys::ndshm_section) -> i32) -> Result<Section> {
        let mut out = ptr::null_mut();

        self.check(call(&mut out), "section")?;
        let mut section = Section {
            section: NonNull::new(out).expect("a section after success"),
            readonly: true,
            context: self.clone(),
        };
        section.readonly = section.query()?.flags & sys::NDSHM_SECTION_READONLY != 0;
        Ok(section)
    }
}

impl Section {
    /// The section for calls of [`sys`]. It must not be closed.
    pub fn as_ptr(&self) -> *mut sys::ndshm_section {
        self.section.as_ptr()
    }

    /// The length of the range in bytes.
    pub fn size(&self) -> u64 {
        // SAFETY: the section is open.
        unsafe { sys::ndshm_section_size(self.as_ptr()) }
    }

    /// Query the properties.
    pub fn query(&self) -> Result<sys::ndshm_section_info> {
        // SAFETY: the section is open.
        self.context.fill("section", |out| unsafe {
            sys::ndshm_section_query_sized(self.as_ptr(), out, size_of::<sys::ndshm_section_info>())
        })
    }

    /// Return the statistics of this process's heap.
    pub fn stats(&self) -> Result<sys::ndshm_heap_stats> {
        // SAFETY: the section is open.
        self.context.fill("section", |out| unsafe {
            sys::ndshm_section_stats_sized(self.as_ptr(), out, size_of::<sys::ndshm_heap_stats>())
        })
    }

    /// Make another descriptor of the section, to pass to other processes.
    pub fn share(&self, readonly: bool) -> Result<OwnedFd> {
        let flags = if readonly {
            sys::NDSHM_SHARE_READONLY
        } else {
            0
        };
        let mut fd = -1;

        // SAFETY: the section is open.
        let result = unsafe { sys::ndshm_section_share(self.as_ptr(), flags, &mut fd) };
        self.context.check(result, "section")?;
        // SAFETY: the descriptor is new.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Delete the section for all processes; `flags` are `sys::NDSHM_DELETE_*`. It stays mapped
    /// until it is dropped; access to memory that was revoked is SIGBUS.
    pub fn delete(&self, flags: u32) -> Result<()> {
        // SAFETY: the section is open.
        let result = unsafe { sys::ndshm_section_delete(self.as_ptr(), flags) };
        self.context.check(result, "section")
    }

    /// Synchronise a range; `direction` is one of `sys::NDSHM_SYNC_*`.
    pub fn sync(&self, direction: u32, offset: u64, length: u64) -> Result<()> {
        // SAFETY: the section is open.
        let result = unsafe { sys::ndshm_section_sync(self.as_ptr(), direction, offset, length) };
        self.context.check(result, "section")
    }

    /// Create a dma-buf of allocated pages, for other drivers.
    pub fn export(&self, offset: u64, length: u64, readonly: bool) -> Result<OwnedFd> {
        let access = if readonly { O_RDONLY } else { O_RDWR };
        let mut fd = -1;

        // SAFETY: the section is open.
        let result = unsafe {
            sys::ndshm_section_export(self.as_ptr(), offset, length, access | O_CLOEXEC, &mut fd)
        };
        self.context.check(result, "section")?;
        // SAFETY: the descriptor is new.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Return a range of the section, such as an allocation of another process.
    pub fn memory(&self, offset: u64, length: u64) -> Result<Memory<'_>> {
        let mut out = ptr::null_mut();

        // SAFETY: the section is open.
        self.context.check(
            unsafe { sys::ndshm_section_pointer(self.as_ptr(), offset, length, &mut out) },
            "section",
        )?;
        // SAFETY: the range is mapped while the section is open, which the lifetime ensures.
        Ok(unsafe { Memory::new(out.cast(), length as usize, !self.readonly) })
    }

    /// Allocate `size` bytes at a multiple of `alignment`, a power of two from 16 to 2 MiB. The
    /// contents are undefined.
    pub fn allocate(&self, size: usize, alignment: usize) -> Result<Allocation<'_>> {
        let mut out = ptr::null_mut();

        // SAFETY: the section is open.
        self.context.check(
            unsafe { sys::ndshm_section_alloc_aligned(self.as_ptr(), alignment, size, &mut out) },
            "section",
        )?;
        Ok(Allocation {
            section: self,
            start: out.cast(),
            size,
            process: process::id(),
        })
    }
}

/// Memory of a section that this process allocated, freed when it is dropped.
pub struct Allocation<'s> {
    section: &'s Section,
    start: *mut u8,
    size: usize,
    process: u32,
}

// SAFETY: threads may share a section, and any thread may free.
unsafe impl Send for Allocation<'_> {}
// SAFETY: as above; its memory is accessed as Memory.
unsafe impl Sync for Allocation<'_> {}

impl Drop for Allocation<'_> {
    fn drop(&mut self) {
        // A child may have an allocation of its own at the address, which this would free.
        if self.process == process::id() {
            // SAFETY: nothing borrows the allocation.
            unsafe { sys::ndshm_section_free(self.section.as_ptr(), self.start.cast()) };
        }
    }
}

impl Allocation<'_> {
    /// The memory.
    pub fn memory(&self) -> Memory<'_> {
        // SAFETY: it is mapped while the section is, which is borrowed, and it can be written,
        // because a read-only section has no allocations.
        unsafe { Memory::new(self.start, self.size, true) }
    }

    /// The offset from the start of the section, for [`Section::memory`] of other processes.
    pub fn offset(&self) -> u64 {
        // SAFETY: the section is open.
        let base = unsafe { sys::ndshm_section_base(self.section.as_ptr()) };

        (self.start as usize - base as usize) as u64
    }

    /// Keep the memory allocated until the section is closed, and return its offset.
    pub fn into_offset(self) -> u64 {
        let offset = self.offset();

        mem::forget(self);
        offset
    }
}
