// SPDX-License-Identifier: LGPL-2.1-or-later
//! Two processes count in a section. The second is this program again; it gets the section as its
//! standard input.
//!
//!     share [DEVICE]

use std::error::Error;
use std::io;
use std::os::unix::io::AsFd;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::{env, result};

use ndshm::Context;

fn count(memory: ndshm::Memory) -> ndshm::Result<()> {
    let counter = memory.atomic_u32(0)?;

    for _ in 0..1000 {
        counter.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

fn main() -> result::Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();

    if let [first, offset] = arguments.as_slice() {
        if first == "count" {
            let context = Context::open(Some("section:"))?;
            let section = context.adopt_section(io::stdin().as_fd())?;

            count(section.memory(offset.parse()?, 4)?)?;
            return Ok(());
        }
    }

    let context = Context::open(arguments.first().map(String::as_str))?;
    let section = context.create_section(1 << 20, 0)?;
    let allocation = section.allocate(4, 16)?;

    allocation.memory().write(0, &[0; 4])?;
    let mut other = Command::new(env::current_exe()?)
        .args(["count", &allocation.offset().to_string()])
        .stdin(Stdio::from(section.share(false)?))
        .spawn()?;
    count(allocation.memory())?;
    println!("{}", other.wait()?);
    println!(
        "counted {}",
        allocation.memory().atomic_u32(0)?.load(Ordering::Relaxed)
    );

    if let Err(error) = context.block(0) {
        println!("{}: {}", error.reason().name(), error);
    }
    Ok(())
}
