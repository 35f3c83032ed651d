#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# packages.sh [--missing] GROUP|package:NAME...: install the missing packages that a target of the
# Makefile needs. Prints nothing if none is missing. --missing installs nothing, and knows what the
# machine has from elsewhere: if something that a GROUP needs is missing, it names all packages and
# the command that installs them, and exits with 1.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# GROUP PACKAGE WHY, or GROUP +GROUP: all packages of the other group, too. GROUP?: without the package
# tests are skipped.
table='
userlib  gcc                compiles the library and the tests
userlib  make               drives every build
userlib  libc6-dev          C library headers
userlib  pkg-config         finds libnl and the libraries below
userlib  libnl-3-dev        netlink sockets for the library
userlib  libnl-genl-3-dev   generic netlink for the library
userlib  libjansson-dev     JSON output of the ndshm command
userlib  libncurses-dev     the live table of the ndshm command
userlib  libsmartcols-dev   its tables
build  +userlib
build  libelf1              objtool of the kernel headers
build  libssl3              sign-file and others of the kernel headers
build  kmod                 modprobe, modinfo and depmod
vm     qemu-system-x86      the virtual machine
vm     libbpf1              library of newer versions of it
vm     busybox-static       user space of the initrd
vm     cpio                 packs the initrd
vm     gzip                 packs the initrd
vm     xz-utils             unpacks kernel modules and the kernel source
vm     kmod                 depmod for the unpacked kernels
vm     iproute2             network set-up in the guest
vm     iputils-ping         traffic in the guest
vm     pciutils             lspci in the guest
vm     procps               ps and sysctl in the guest
test   ccache               compiles once what stays the same
test   python3              maps a section
test   +build
test   +vm
selftests  gcc              compiles the programs
selftests  make             drives the build
selftests  libc6-dev        C library headers
selftests?  gcc-multilib    32-bit programs
library  +userlib
library  g++                the library header as C++
library  binutils           what the library exports
library  mandoc             prints manual pages, for what they say to be tried
library  procps             processes that have memory
library  python3            reads the files for containers
library  python3-yaml       reads the files for containers
library  tmux               a terminal for the live table
library?  gcc-multilib      32-bit programs
library?  python3-cffi      builds the bindings for Python
library?  python3-dev       headers for them
library?  python3-numpy     an example of them
library?  python3-setuptools   builds them
library?  bindgen           makes declarations for Rust
library?  libclang1-14      reads headers for it
library?  libclang-common-14-dev   headers of the compiler for it
library?  cargo             builds the bindings for Rust
library?  rustc             compiles them
check  +build
check  +vm
check  +selftests
check  +library
check  ccache               compiles once what stays the same
check  python3              reads what was reached of the module
check  python3-yaml         ynl of the kernel tree
check  python3-jsonschema   the same
check  strace               counts system calls of the allocator
check  iperf3               TCP over a driver
check  ethtool              what a driver says of its card
check  rsync                headers of the kernel source, for kselftest
compile-all  +build
compile-all  +debug
compile-all  ccache         compiles once what stays the same
compile-all  gcc-multilib   compiles user space for i386
compile-all  musl-tools     compiles the library with another C library
readme  +build
readme  +vm
readme  +docs
readme  man-db              prints manual pages
bench  +build
bench  +vm
bench  g++                  compiles a message queue to compare rings with
bench  python3              draws the charts
bench  valgrind             counts the instructions of an allocator
bench  strace               counts its system calls
bench  libmimalloc2.0       a malloc to compare it with
bench  libjemalloc2         another one
bench  libjemalloc-dev      the same, linked statically
bench  libboost-dev         a message queue to compare rings with
debug  flex                 configures a kernel
debug  bison                configures a kernel
debug  bc                   builds a kernel
debug  lz4                  packs a kernel, and is fast to unpack
debug  libelf-dev           objtool of a kernel that is built here
debug  libssl-dev           the same: a tool that signs modules
debug  perl                 builds a kernel
debug  python3              builds a kernel
debug  xz-utils             unpacks the kernel source
debug  kmod                 depmod for the modules of a kernel
debug  debian-archive-keyring   verifies the source of the newest kernel
debug  gcc                  compiles a kernel
debug  make                 drives the build
debug  libc6-dev            C library headers for the programs of a build
arm64  mmdebstrap           unpacks programs for guests
arm64  qemu-system-arm      the emulator, if no newer one can be fetched
arm64  device-tree-compiler   a machine whose DMA does not see the caches
interop  pkg-config         finds the libraries of consumers
interop  liburing-dev       io_uring
interop  libxdp-dev         AF_XDP
interop  libibverbs-dev     RDMA
interop  ibverbs-providers  soft-RoCE for it
interop  iproute2           rdma: makes a device of soft-RoCE
interop  libucx-dev         UCX
interop  libnuma-dev        policies of memory
interop  librte-ethdev23    DPDK; its headers are unpacked, because their package needs all of DPDK
interop  librte-net-ring23  ports of DPDK
interop  librte-mempool-ring23   pools of DPDK
interop  libbsd-dev         headers of DPDK include its own
interop  python3            maps a descriptor
interop  python3-numpy      arrays in a descriptor
interop  g++                Boost
interop  libboost-dev       Boost.Interprocess
interop  fio                I/O
interop  e2fsprogs          a file system with direct I/O
interop  pciutils           finds the device
docs   python3-sphinx       makes HTML of the documentation
docs   python3-yaml         reads the netlink specification
package  mmdebstrap         makes the clean chroots
package  uidmap             the same for users other than root
package  udev               applies the rule of the device node in the guest
package  systemd            makes the group in the guest
package  iproute2           genl: resolves the netlink family
sparse  sparse              address space and endianness checks
lint   +build
lint   +vm
lint   ccache               compiles once what stays the same
lint   +sparse
lint   clang                second compiler
lint   shellcheck           shell scripts
lint   dwarves              pahole: holes in ABI structures
lint   gcc-multilib         32-bit layout of the ABI
lint   abigail-tools        the binary interface of the library
lint   perl                 checkpatch
lint   python3              the netlink code generator
lint   python3-yaml         reads the netlink specification
lint   python3-jsonschema   validates the netlink specification
lint   mandoc               manual pages
lint   python3-sphinx       the documentation, and the sources that it shows
'

log=$(mktemp)
trap 'rm -f -- "$log"' EXIT

# Show the output of dpkg only after a failure.
apt() {
	local -a sudo=()
	if [[ $EUID -ne 0 ]]; then
		command -v sudo >/dev/null || die "not root and no sudo: as root, run: apt-get $*"
		sudo=(sudo)
	fi
	# Two `make` may run at once: apt waits for another installation, but not for
	# another refresh of the index, hence the lock.
	with_lock "$cache/apt.lock" "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root \
		"$@" </dev/null >"$log" 2>&1 || { cat -- "$log" >&2; return 1; }
}

# Without candidates the index is missing or older than the package.
has_candidates() {
	local policy
	policy=$(LC_ALL=C apt-cache policy -- "$@")
	[[ $(grep -c '^  Candidate: [^(]' <<<"$policy") -eq $# ]]
}

# want GROUP: add its packages to why[], and to required[] those without which tests would fail.
want() {
	local group name text found=
	while read -r group name text; do
		[[ ${group%\?} == "$1" ]] || continue
		found=1
		if [[ $name == +* ]]; then
			want "${name#+}"
			continue
		fi
		why[$name]=$text
		[[ $group == *\? ]] || required[$name]=1
	done <<<"$table"
	[[ $found ]] || die "$1: no such group; the groups are $groups"
}

# has PACKAGE: does the machine have what is used of the package, wherever from?
has() {
	local cc=${CC:-gcc} cxx=${CXX:-g++}
	# shellcheck disable=SC2086 # words of a command
	case $1 in
	gcc)			command -v ${cc%% *} ;;
	g++)			command -v ${cxx%% *} ;;
	libc6-dev)		$cc -E -include stdio.h -x c /dev/null ;;
	gcc-multilib)		$cc -m32 -E -include stdio.h -x c /dev/null ;;
	pkg-config)		command -v "${PKG_CONFIG:-pkg-config}" ;;
	libnl-3-dev)		${PKG_CONFIG:-pkg-config} --exists libnl-3.0 ;;
	libnl-genl-3-dev)	${PKG_CONFIG:-pkg-config} --exists libnl-genl-3.0 ;;
	libjansson-dev)		${PKG_CONFIG:-pkg-config} --exists jansson ;;
	libncurses-dev)		${PKG_CONFIG:-pkg-config} --exists ncursesw ;;
	libsmartcols-dev)	${PKG_CONFIG:-pkg-config} --exists smartcols ;;
	binutils)		command -v objdump ;;
	procps)			command -v ps ;;
	python3-yaml)		python3 -c 'import yaml' ;;
	python3-cffi|python3-numpy|python3-setuptools)	python3 -c "import ${1#python3-}" ;;
	python3-dev)		command -v python3-config ;;
	make|mandoc|python3|tmux|bindgen|cargo|rustc)	command -v "$1" ;;
	*)			return 1 ;;
	esac >/dev/null 2>&1
}

groups=$(awk 'NF { sub(/\?$/, "", $1); print $1 }' <<<"$table" | sort -u | paste -sd' ')
only_name=
[[ ${1:-} != --missing ]] || { only_name=1; shift; }
[[ $# -gt 0 ]] || die "usage: packages.sh [--missing] GROUP|package:NAME... (groups: $groups)"

declare -A why=() required=()
for name; do
	if [[ $name == package:* ]]; then
		why[${name#package:}]='asked for by name'
	else
		want "$name"
	fi
done
if [[ $only_name ]]; then
	for name in "${!why[@]}"; do ! has "$name" || unset "why[$name]"; done
	[[ ${#why[@]} -gt 0 ]] || exit 0
fi

# Without dpkg, treat all packages as missing.
installed=
if command -v dpkg-query >/dev/null; then
	installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' -- "${!why[@]}" 2>/dev/null |
		sed -n 's/^installed //p') || true
fi
declare -a missing=()
fatal=
for name in "${!why[@]}"; do
	grep -qxF -- "$name" <<<"$installed" || { missing+=("$name"); fatal+=${required[$name]:-}; }
done
[[ ${#missing[@]} -gt 0 ]] || exit 0
[[ ! $only_name || $fatal ]] || exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort)

if ! command -v apt-get >/dev/null; then
	say 'this is not a Debian-like machine (no apt-get); install by hand what these Debian packages hold:'
	for name in "${missing[@]}"; do printf '  %-23s %s\n' "$name" "${why[$name]}" >&2; done
	exit 1
fi

if [[ $only_name ]]; then
	say "packages are missing; run: $([[ $EUID -eq 0 ]] || echo 'sudo ')apt-get install --no-install-recommends ${missing[*]}"
else
	say 'installing:'
fi
for name in "${missing[@]}"; do printf '  %-23s %s\n' "$name" "${why[$name]}" >&2; done
[[ ! $only_name ]] || exit 1
# apt-get update succeeds without an index that it cannot fetch, unless this option is set. The
# second attempt is without it, since one of the machine's sources may be gone for good.
update() { apt -o APT::Update::Error-Mode=any update || apt update; }

has_candidates "${missing[@]}" || update
# --no-remove: a conflict is an error, because removing an installed package is the
# user's decision.
install=(install -y --no-remove --no-install-recommends -- "${missing[@]}")
# If the index lists a file that is no longer in the archive, refresh it once.
apt "${install[@]}" || {
	update
	apt "${install[@]}"
}
