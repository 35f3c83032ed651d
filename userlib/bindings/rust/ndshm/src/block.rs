// SPDX-License-Identifier: LGPL-2.1-or-later
use std::mem::MaybeUninit;
use std::os::unix::io::{FromRawFd, OwnedFd};
use std::process;
use std::ptr::{self, NonNull};

use crate::error::ENOSPC;
use crate::{sys, Context, Memory, Result};

/* Of <fcntl.h>. */
pub(crate) const O_RDONLY: i32 = 0;
pub(crate) const O_RDWR: i32 = 2;
pub(crate) const O_CLOEXEC: i32 = 0o2_000_000;

/// Parameters of a block.
#[derive(Clone, Copy, Debug)]
pub struct BlockRequest {
    /// Bytes; rounded up to pages.
    pub length: u64,
    /// Id of the adapter; 0: the default adapter.
    pub adapter: u32,
    /// Id of the provider; 0: the adapter's default.
    pub provider: u32,
    /// NUMA node, or `sys::NDSHM_NODE_ANY`.
    pub node: i32,
    /// `sys::NDSHM_USAGE_*`.
    pub usage: u32,
    /// The block must be one DMA segment.
    pub contiguous: bool,
    /// Tag for lists: four characters, the first in the lowest byte; 0: none.
    pub tag: u32,
}

impl BlockRequest {
    /// Return the usual parameters.
    pub fn new(length: u64) -> BlockRequest {
        let mut usual = MaybeUninit::<sys::ndshm_request>::zeroed();
        // SAFETY: the function sets all members.
        let usual = unsafe {
            sys::ndshm_request_init(usual.as_mut_ptr());
            usual.assume_init()
        };

        BlockRequest {
            length,
            adapter: usual.adapter,
            provider: usual.provider,
            node: usual.node,
            usage: usual.usage,
            contiguous: false,
            tag: usual.tag,
        }
    }
}

/// A range of DMA addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The first address, or `sys::NDSHM_ADDRESS_HIDDEN`.
    pub address: u64,
    /// Bytes.
    pub length: u64,
}

/// A block of DMA-capable memory, freed when it is dropped.
pub struct Block {
    block: NonNull<sys::ndshm_block>,
    process: u32,
    context: Context,
}

// SAFETY: a block can be used by any thread, but by one at a time.
unsafe impl Send for Block {}

impl Drop for Block {
    fn drop(&mut self) {
        // A child shares the descriptor, so that this would free the parent's block.
        if self.process == process::id() {
            // SAFETY: nothing borrows the block.
            unsafe { sys::ndshm_free(self.block.as_ptr()) }
        }
    }
}

impl Context {
    /// Allocate a block of `length` bytes, rounded up to pages. It reads as zero.
    pub fn block(&self, length: u64) -> Result<Block> {
        self.block_with(&BlockRequest::new(length))
    }

    /// Allocate a block.
    pub fn block_with(&self, request: &BlockRequest) -> Result<Block> {
        let request = sys::ndshm_request {
            length: request.length,
            adapter: request.adapter,
            provider: request.provider,
            node: request.node,
            usage: request.usage,
            flags: if request.contiguous {
                sys::NDSHM_ALLOC_CONTIGUOUS
            } else {
                0
            },
            tag: request.tag,
        };
        let mut out = ptr::null_mut();

        // SAFETY: the context is open.
        self.check(
            unsafe { sys::ndshm_alloc(self.as_ptr(), &request, &mut out) },
            "block",
        )?;
        Ok(Block {
            block: NonNull::new(out).expect("a block after success"),
            process: process::id(),
            context: self.clone(),
        })
    }
}

impl Block {
    /// The block for calls of [`sys`]. It must not be freed or unmapped.
    pub fn as_ptr(&self) -> *mut sys::ndshm_block {
        self.block.as_ptr()
    }

    /// The length in bytes.
    pub fn length(&self) -> u64 {
        // SAFETY: the block is not freed.
        unsafe { sys::ndshm_block_length(self.as_ptr()) }
    }

    /// Map the block, which stays mapped until it is dropped.
    pub fn map(&self) -> Result<Memory<'_>> {
        let mut out = ptr::null_mut();

        // SAFETY: the block is not freed.
        self.context
            .check(unsafe { sys::ndshm_map(self.as_ptr(), &mut out) }, "block")?;
        // SAFETY: the block is mapped until it is dropped, which the lifetime excludes.
        Ok(unsafe { Memory::new(out.cast(), self.length() as usize, true) })
    }

    /// Query the properties and the DMA addresses of the block.
    pub fn query(&self) -> Result<(sys::ndshm_block_info, Vec<Segment>)> {
        let mut segments = vec![sys::ndshm_segment {
            address: 0,
            length: 0,
        }];

        loop {
            let mut count = 0;
            let mut short = false;
            let found = self.context.fill("block", |out| {
                // SAFETY: `segments` has as many members as the call is told.
                let result = unsafe {
                    sys::ndshm_query(
                        self.as_ptr(),
                        out,
                        segments.as_mut_ptr(),
                        segments.len(),
                        &mut count,
                    )
                };
                short = result == -ENOSPC && count > segments.len();
                result
            });

            if short {
                segments.resize(count, segments[0]);
                continue;
            }
            segments.truncate(count);
            return Ok((
                found?,
                segments
                    .iter()
                    .map(|s| Segment {
                        address: s.address,
                        length: s.length,
                    })
                    .collect(),
            ));
        }
    }

    /// Synchronise a range; `direction` is one of `sys::NDSHM_SYNC_*`.
    pub fn sync(&self, direction: u32, offset: u64, length: u64) -> Result<()> {
        // SAFETY: the block is not freed.
        let result = unsafe { sys::ndshm_sync(self.as_ptr(), direction, offset, length) };
        self.context.check(result, "block")
    }

    /// Create a dma-buf of the block, for other drivers.
    pub fn export(&self, readonly: bool) -> Result<OwnedFd> {
        let access = if readonly { O_RDONLY } else { O_RDWR };
        let mut fd = -1;

        // SAFETY: the block is not freed.
        let result = unsafe { sys::ndshm_export(self.as_ptr(), access | O_CLOEXEC, &mut fd) };
        self.context.check(result, "block")?;
        // SAFETY: the descriptor is new.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}
