// SPDX-License-Identifier: LGPL-2.1-or-later
//! Declarations of `ndshm/ndshm.h`, `ndshm/section.h` and `ndshm/admin.h`, made by bindgen when the
//! crate is built. The headers and the manual pages of libndshm describe them.
#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals)]

include!(concat!(env!("OUT_DIR"), "/declarations.rs"));

/// Replaces a DMA address that this client is not allowed to see.
pub const NDSHM_ADDRESS_HIDDEN: u64 = u64::MAX;
