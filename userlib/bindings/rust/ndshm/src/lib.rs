// SPDX-License-Identifier: LGPL-2.1-or-later
//! Blocks and sections of ndshm.
//!
//! Memory of blocks and sections is a [`Memory`]: a peer or a device can change it at any time, so
//! it is never a slice. [`sys`] has the calls that this crate does not cover.
//!
//! A child of `fork()` must not use a [`Context`] or a [`Block`] of its parent. It may use an inherited
//! [`Section`] and [`Allocation`]. Dropping any of them there frees nothing of the parent.
#![deny(missing_docs)]

mod block;
mod context;
mod error;
mod memory;
mod section;

pub use block::{Block, BlockRequest, Segment};
pub use context::Context;
pub use error::{Error, Reason, Result};
pub use memory::Memory;
pub use ndshm_sys as sys;
pub use section::{Allocation, Section, SectionRequest};
