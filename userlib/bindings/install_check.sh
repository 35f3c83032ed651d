#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# install_check.sh USERLIB BUILD: programs in C++, Python and Rust are built from what "make install"
# and "make install-bindings" install, as the page Languages says. CXX, PYTHON, CARGO and RUSTC name
# the programs.

# shellcheck source-path=SCRIPTDIR source=../tests/lib.sh
. "$(dirname "$0")/../tests/lib.sh"
userlib=$1 build=$2 bindings=$2/bindings
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
data=$top/opt/ndshm/share/ndshm

in_tree() {
	env -u MAKEFLAGS -u MAKEOVERRIDES make -s -C "$userlib" BUILD="$build" PREFIX=/opt/ndshm \
		DESTDIR="$top" "$@" >"$top/log" 2>&1
}
# run NAME COMMAND...: run a command, and show its output if it fails.
run() {
	local name=$1
	shift
	"$@" >"$top/log" 2>&1
	ok "$name" || sed 's/^/# /' "$top/log"
}

run "install" in_tree install install-bindings
is "what is installed" "python/example.py
python/ndshm_build.py
python/setup.py
python/src/ndshm/__init__.py
python/src/ndshm/py.typed
rust/Cargo.lock
rust/Cargo.toml
rust/ndshm-sys/Cargo.toml
rust/ndshm-sys/build.rs
rust/ndshm-sys/src/lib.rs
rust/ndshm-sys/wrapper.h
rust/ndshm/Cargo.toml
rust/ndshm/examples/share.rs
rust/ndshm/src/block.rs
rust/ndshm/src/context.rs
rust/ndshm/src/error.rs
rust/ndshm/src/lib.rs
rust/ndshm/src/memory.rs
rust/ndshm/src/section.rs" "$(cd "$data" && find . -type f | sed 's/^..//' | LC_ALL=C sort)"

export PKG_CONFIG_PATH=$top/opt/ndshm/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$top
export LD_LIBRARY_PATH=$top/opt/ndshm/lib
read -ra flags < <(pkg-config --cflags --libs libndshm)
run "C++ is built" "${CXX:-c++}" -std=c++17 -o "$top/cpp" "$userlib/bindings/cpp/example.cpp" \
	"${flags[@]}"
run "and runs" "$top/cpp" memfd:

if [ -e "$bindings/python/missing" ]; then
	true
	ok "python # SKIP install the packages that check.sh names"
else
	build_python() {
		cd "$data/python" && CFLAGS=$(pkg-config --cflags libndshm) \
			LDFLAGS=$(pkg-config --libs-only-L libndshm) \
			"$PYTHON" setup.py build --build-base "$top/python" --build-lib "$top/python/lib"
	}
	run "Python is built" build_python
	PYTHONPATH=$top/python/lib run "and runs" "$PYTHON" "$data/python/example.py" memfd:
fi

if [ -e "$bindings/rust/missing" ]; then
	true
	ok "rust # SKIP install the packages that check.sh names"
else
	mkdir -p "$top/rust/src"
	cat >"$top/rust/Cargo.toml" <<-END
		[package]
		name = "program"
		version = "0.1.0"
		edition = "2021"

		[dependencies]
		ndshm = { path = "$data/rust/ndshm" }
	END
	cat >"$top/rust/src/main.rs" <<-'END'
		fn main() -> ndshm::Result<()> {
		    let block = ndshm::Context::open(Some("memfd:"))?.block(5000)?;
		    block.map()?.write(0, b"hello")
		}
	END
	build_rust() {
		cd "$top/rust" && CARGO_HOME=$top/home "$CARGO" build --offline --quiet
	}
	export RUSTC
	run "Rust is built" build_rust
	run "and runs" "$top/rust/target/debug/program"
fi

run "uninstall" in_tree uninstall
is "which leaves nothing" "" "$(cd "$top" && find opt/ndshm -type f)"
[ ! -d "$data" ]
ok "and no directory"
end
