#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# packages.sh GROUP|package:NAME...: install the missing packages that a target
# of the Makefile needs. Prints nothing if none is missing.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# GROUP PACKAGE WHY
table='
build  gcc                  compiles the module, the library and the tests
build  make                 drives every build
build  libc6-dev            C library headers
build  libelf1              objtool of the kernel headers
build  libssl3              sign-file and others of the kernel headers
build  pkg-config           finds libnl, jansson and ncurses
build  libnl-3-dev          netlink sockets for the library
build  libnl-genl-3-dev     generic netlink for the library
build  libjansson-dev       JSON output of the ndshm command
build  libncurses-dev       the live table of the ndshm command
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
test   xz-utils             unpacks the kernel source
check  ccache               compiles once what stays the same
check  g++                  the library header as C++
check  gcc-multilib         32-bit programs
check  musl-tools           compiles the library with another C library
check  mandoc               prints manual pages, for what they say to be tried
check  python3              reads what was reached of the module
check  python3-yaml         ynl of the kernel tree
check  python3-jsonschema   the same
check  python3-cffi         builds the bindings for Python
check  python3-dev          headers for them
check  python3-numpy        an example of them
check  python3-setuptools   builds them
check  bindgen              makes declarations for Rust
check  cargo                builds the bindings for Rust
check  rustc                compiles them
check  binutils             the same
check  tmux                 a terminal for the live table
check  strace               counts system calls of the allocator
check  iperf3               TCP over a driver
check  ethtool              what a driver says of its card
check  rsync                headers of the kernel source, for kselftest
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
interop  fio                I/O
interop  e2fsprogs          a file system with direct I/O
interop  pciutils           finds the device
docs   python3-sphinx       makes HTML of the documentation
package  mmdebstrap         makes the clean chroots
package  udev               applies the rule of the device node in the guest
package  systemd            makes the group in the guest
package  iproute2           genl: resolves the netlink family
lint   ccache               compiles once what stays the same
lint   sparse               address space and endianness checks
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

[[ $# -gt 0 ]] || die "usage: packages.sh GROUP|package:NAME... (groups: $(awk 'NF { print $1 }' <<<"$table" | sort -u | paste -sd' '))"

declare -A why=()
for want; do
	if [[ $want == package:* ]]; then
		why[${want#package:}]='asked for by name'
		continue
	fi
	found=
	while read -r group name text; do
		[[ $group == "$want" ]] || continue
		found=1
		why[$name]=$text
	done <<<"$table"
	[[ $found ]] || die "no such group: $want"
done

# Without dpkg, treat all packages as missing.
installed=
if command -v dpkg-query >/dev/null; then
	installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' -- "${!why[@]}" 2>/dev/null |
		sed -n 's/^installed //p') || true
fi
declare -a missing=()
for name in "${!why[@]}"; do
	grep -qxF -- "$name" <<<"$installed" || missing+=("$name")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort)

if ! command -v apt-get >/dev/null; then
	say 'this is not a Debian-like machine (no apt-get); install by hand what these Debian packages hold:'
	for name in "${missing[@]}"; do printf '  %-20s %s\n' "$name" "${why[$name]}" >&2; done
	exit 1
fi

say 'installing:'
for name in "${missing[@]}"; do printf '  %-20s %s\n' "$name" "${why[$name]}" >&2; done
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
