// SPDX-License-Identifier: LGPL-2.1-or-later
//! Make declarations from the installed headers with the programs `bindgen` and `cc`. The flags are
//! those of pkg-config, or NDSHM_CFLAGS and NDSHM_LIBS.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Return the output of a program, or panic with its errors.
fn run(command: &mut Command) -> String {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{name}: {error}; install the package {name}"));

    if !output.status.success() {
        panic!("{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

/// Return the flags in a variable, or those of pkg-config.
fn flags(variable: &str, option: &str) -> Vec<String> {
    println!("cargo:rerun-if-env-changed={variable}");
    let text = env::var(variable)
        .unwrap_or_else(|_| run(Command::new("pkg-config").args([option, "libndshm"])));

    text.split_whitespace().map(String::from).collect()
}

/// Return the constants that bindgen does not find, because their values use a macro with arguments.
fn statuses_and_reasons(cflags: &[String]) -> String {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_string());
    let mut words = compiler.split_whitespace();
    let macros = run(Command::new(words.next().unwrap_or("cc"))
        .args(words)
        .args(cflags)
        .args(["-E", "-dM", "wrapper.h"]));
    let mut text = String::new();

    for line in macros.lines() {
        let mut words = line.split_whitespace().skip(1);
        let (name, value) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let value = value
            .strip_prefix("__NDSHM_REASON(")
            .or_else(|| value.strip_prefix("__NDSHM_STATUS("))
            .and_then(|value| value.strip_suffix("U)"));

        // Without the macros themselves.
        if let (Some(value), false) = (value, name.starts_with("__")) {
            writeln!(text, "pub const {name}: u32 = {value};").expect("memory");
        }
    }
    assert!(
        text.contains("NDSHM_REASON_NONE"),
        "no reasons in the headers of libndshm"
    );
    text
}

fn main() {
    let cflags = flags("NDSHM_CFLAGS", "--cflags");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("OUT_DIR"));

    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=wrapper.h");
    for directory in cflags.iter().filter_map(|flag| flag.strip_prefix("-I")) {
        println!("cargo:rerun-if-changed={directory}/ndshm");
        println!("cargo:rerun-if-changed={directory}/linux/ndshm_status.h");
    }
    for flag in flags("NDSHM_LIBS", "--libs") {
        if let Some(directory) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={directory}");
        } else if let Some(library) = flag.strip_prefix("-l") {
            println!("cargo:rustc-link-lib={library}");
        }
    }

    let declarations = run(Command::new("bindgen")
        .args(["wrapper.h", "--size_t-is-usize", "--no-prepend-enum-name"])
        .args([
            "--allowlist-function",
            "ndshm_.*",
            "--allowlist-type",
            "ndshm_.*",
        ])
        // 64 bits of ones, which bindgen takes for the i32 -1.
        .args([
            "--allowlist-var",
            "NDSHM_.*",
            "--blocklist-item",
            "NDSHM_ADDRESS_HIDDEN",
        ])
        .arg("--")
        .args(&cflags));
    fs::write(
        out.join("declarations.rs"),
        declarations + &statuses_and_reasons(&cflags),
    )
    .expect("OUT_DIR can be written");
}
