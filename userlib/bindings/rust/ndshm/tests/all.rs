// SPDX-License-Identifier: GPL-2.0
//! The crate, on the stand-in or on NDSHM_TEST_BACKEND.

use std::env;
use std::io;
use std::os::unix::io::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;
use std::thread;

use ndshm::{sys, BlockRequest, Context, Reason, Result, SectionRequest};

const EROFS: i32 = 30;
const EINVAL: i32 = 22;
const ERANGE: i32 = 34;

extern "C" {
    fn fork() -> i32;
    fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
    fn _exit(status: i32) -> !;
}

fn backend() -> String {
    env::var("NDSHM_TEST_BACKEND").unwrap_or_else(|_| "memfd:".to_string())
}

fn open() -> Context {
    Context::open(Some(&backend())).unwrap()
}

fn fails<T>(result: Result<T>, errno: i32, reason: u32) {
    let error = result.err().expect("an error");

    assert_eq!(
        (error.errno(), error.reason()),
        (errno, Reason(reason)),
        "{error}"
    );
}

#[test]
fn contexts_have_info() {
    let context = open();
    let name = if backend() == "memfd:" {
        "memfd"
    } else {
        "node0"
    };

    assert_eq!(context.info().unwrap().blocks, 0);
    assert!(context.find_adapter(name).unwrap().id > 0);
    fails(
        context.find_adapter("none"),
        2,
        sys::NDSHM_REASON_ADAPTER_UNKNOWN,
    );
    fails(
        context.find_provider("none"),
        2,
        sys::NDSHM_REASON_PROVIDER_UNKNOWN,
    );
    fails(context.find_adapter("a\0b"), EINVAL, sys::NDSHM_REASON_NAME);
    fails(
        Context::open(Some("/nowhere/ndshm")),
        2,
        sys::NDSHM_REASON_NONE,
    );
}

#[test]
fn errors_have_the_reasons_text() {
    let error = open().block(0).err().unwrap();

    assert_eq!(error.reason().name(), "length-zero");
    assert_eq!(
        error.to_string(),
        format!("block: {}", error.reason().text())
    );
    let error = Context::open(Some("/nowhere/ndshm")).err().unwrap();
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotFound);
    assert_eq!(Reason(99999).name(), "unknown");
}

#[test]
fn blocks_are_freed() {
    let context = open();
    let block = context.block(5000).unwrap();
    let memory = block.map().unwrap();

    assert_eq!((block.length(), memory.len()), (8192, 8192));
    assert!(memory.is_writable() && !memory.is_empty());
    memory.write(4000, b"hello").unwrap();
    assert_eq!(&block.map().unwrap().to_vec()[3999..4006], b"\0hello\0");
    assert_eq!(context.info().unwrap().blocks, 1);

    let (info, segments) = block.query().unwrap();
    assert_eq!(
        (info.length, info.segments as usize),
        (8192, segments.len())
    );
    assert_eq!(
        segments.iter().map(|segment| segment.length).sum::<u64>(),
        8192
    );
    block.sync(sys::NDSHM_SYNC_FOR_CPU, 0, 8192).unwrap();
    if context.info().unwrap().features & u64::from(sys::NDSHM_FEATURE_EXPORT) != 0 {
        block.export(true).unwrap();
    } else {
        assert!(block.export(false).is_err());
    }
    fails(
        block.sync(sys::NDSHM_SYNC_FOR_CPU, 1, 8192),
        EINVAL,
        sys::NDSHM_REASON_RANGE,
    );
    drop(block);
    assert_eq!(context.info().unwrap().blocks, 0);

    let request = BlockRequest {
        node: 9999,
        ..BlockRequest::new(1)
    };
    fails(context.block_with(&request), EINVAL, sys::NDSHM_REASON_NODE);
}

#[test]
fn blocks_keep_the_context_open() {
    let block = open().block(1).unwrap();

    block.map().unwrap().write(0, &[1; 4096]).unwrap();
    assert_eq!(block.query().unwrap().0.length, 4096);
}

#[test]
fn a_child_does_not_free_the_parents_block() {
    let context = open();
    let block = context.block(1).unwrap();
    let mut status = -1;

    // SAFETY: the child only drops the block.
    unsafe {
        let child = fork();
        if child == 0 {
            drop(block);
            _exit(0);
        }
        assert_eq!(waitpid(child, &mut status, 0), child);
    }
    assert_eq!(status, 0);
    assert_eq!(block.query().unwrap().0.length, 4096);
}

#[test]
fn a_child_does_not_free_the_parents_allocation() {
    let context = open();
    let section = context.create_section(1 << 20, 4096).unwrap();
    let allocation = section.allocate(1000, 4096).unwrap();
    let mut status = -1;

    // SAFETY: the child only drops the allocation.
    unsafe {
        let child = fork();
        if child == 0 {
            drop(allocation);
            // A free that is refused records a reason.
            _exit(i32::from(sys::ndshm_last_reason(context.as_ptr()) != sys::NDSHM_REASON_NONE));
        }
        assert_eq!(waitpid(child, &mut status, 0), child);
    }
    assert_eq!(status, 0);
    assert_eq!(section.stats().unwrap().live_blocks, 1);
}

#[test]
fn memory_is_checked() {
    let block = open().block(4096).unwrap();
    let memory = block.map().unwrap();
    let mut bytes = [0; 4];

    fails(memory.write(4093, &bytes), ERANGE, 0);
    fails(memory.read(4093, &mut bytes), ERANGE, 0);
    fails(memory.read(usize::MAX, &mut bytes), ERANGE, 0);
    fails(memory.slice(4097, 0), ERANGE, 0);
    assert!(memory.slice(4096, 0).unwrap().is_empty());
    fails(memory.atomic_u32(4093), ERANGE, 0);
    fails(memory.atomic_u32(2), EINVAL, 0);
    fails(memory.slice(1, 100).unwrap().atomic_u64(8), EINVAL, 0);
    memory.write(4092, &[1, 2, 3, 4]).unwrap();
    memory.slice(4090, 6).unwrap().read(2, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 3, 4]);
    memory
        .atomic_u64(8)
        .unwrap()
        .store(u64::MAX, Ordering::Relaxed);
    assert_eq!(memory.atomic_u8(15).unwrap().load(Ordering::Relaxed), 255);
    assert_eq!(memory.atomic_u8(16).unwrap().load(Ordering::Relaxed), 0);
}

#[test]
fn sections_are_shared() {
    let context = open();
    let section = context.create_section(1 << 20, 4096).unwrap();
    let readonly = context
        .adopt_section(section.share(true).unwrap().as_fd())
        .unwrap();
    let allocation = section.allocate(1000, 4096).unwrap();

    assert_eq!(
        (section.size(), section.query().unwrap().initial_size),
        (1 << 20, 4096)
    );
    assert_eq!(allocation.offset() % 4096, 0);
    allocation.memory().write(0, &[7; 1000]).unwrap();
    let seen = readonly.memory(allocation.offset(), 1000).unwrap();
    assert_eq!(seen.to_vec(), [7; 1000]);
    assert!(!seen.is_writable() && seen.as_ptr() != allocation.memory().as_ptr());
    fails(
        seen.write(0, &[1]),
        EROFS,
        sys::NDSHM_REASON_SECTION_READONLY,
    );
    fails(seen.atomic_u8(0), EROFS, sys::NDSHM_REASON_SECTION_READONLY);
    fails(
        readonly.allocate(1, 16),
        EROFS,
        sys::NDSHM_REASON_SECTION_READONLY,
    );
    fails(section.memory(1 << 20, 1), ERANGE, 0);
    fails(section.memory(u64::MAX, 2), ERANGE, 0);
    assert_eq!(section.stats().unwrap().live_blocks, 1);
    drop(allocation);
    assert_eq!(section.stats().unwrap().live_blocks, 0);

    let offset = section.allocate(100, 16).unwrap().into_offset();
    assert_eq!(section.stats().unwrap().live_blocks, 1);
    section
        .memory(offset, 100)
        .unwrap()
        .write(0, &[1; 100])
        .unwrap();

    section.delete(0).unwrap();
    fails(
        context.adopt_section(section.as_fd()),
        43,
        sys::NDSHM_REASON_SECTION_DELETED,
    );
    // SAFETY: the number is not used while it is borrowed; it is that of no section.
    let none = unsafe { BorrowedFd::borrow_raw(1000) };
    fails(context.adopt_section(none), 9, sys::NDSHM_REASON_DESCRIPTOR);
}

#[test]
fn threads_allocate() {
    let section = open().create_section(1 << 22, 0).unwrap();

    thread::scope(|scope| {
        for value in 0..4 {
            let section = &section;
            scope.spawn(move || {
                for _ in 0..200 {
                    let allocation = section.allocate(300, 16).unwrap();

                    allocation.memory().write(0, &[value; 300]).unwrap();
                    assert_eq!(allocation.memory().to_vec(), [value; 300]);
                }
            });
        }
    });
    assert_eq!(section.stats().unwrap().live_blocks, 0);
}

#[test]
fn sections_have_names() {
    let context = open();
    let request = SectionRequest {
        name: Some("rust"),
        ..SectionRequest::new(4096)
    };
    let names = context.info().unwrap().features & u64::from(sys::NDSHM_FEATURE_NAMES);

    if names == 0 {
        fails(context.create_section_with(&request), 95, 0);
        return;
    }
    let section = context.create_section_with(&request).unwrap();
    let other = context
        .open_section(sys::NDSHM_OWNER_SELF, "rust", true)
        .unwrap();
    assert_eq!(section.query().unwrap().id, other.query().unwrap().id);
    let other = context.open_section(sys::NDSHM_OWNER_SELF, "none", false);
    fails(other, 2, sys::NDSHM_REASON_SECTION_UNKNOWN);
}
