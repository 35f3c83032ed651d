#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# root.sh ARCH: print a directory with files of the machine's Debian release for another
# architecture: what guests run, and what their programs are linked with. It is unpacked in the
# cache, and none of its programs runs on the host.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
. "$vm_dir/../../userlib/packaging/chroot.sh"

# Programs of tests and of the scripts around them, and libraries to link with.
packages=(bash dash coreutils kmod util-linux mount procps findutils grep sed gawk mawk diffutils tar
	libc-bin base-files base-passwd perl-base make busybox-static iproute2 iputils-ping ethtool
	pciutils strace libcap2-bin libc6-dev libgcc-12-dev libnl-3-dev libnl-genl-3-dev libjansson-dev
	libncurses-dev libsmartcols-dev python3)

fill() {
	local tmp=$dir.tmp
	[[ ! -d $dir ]] || return 0
	"$vm_dir/packages.sh" arm64
	chroot_sources
	say "fetching files of Debian $suite for $arch"
	rm -rf -- "$tmp"
	mkdir -p -- "$tmp"
	# Nothing is configured: that would run programs of the packages.
	mmdebstrap --quiet --architectures="$arch" --variant=extract --include="${packages[*]}" \
		"$suite" - "${sources[@]}" 2>"$dir.log" | tar -C "$tmp" --exclude='./dev/*' --no-same-owner -xf - ||
		{ tail -n 20 -- "$dir.log" >&2; die "cannot unpack Debian for $arch; the log is $dir.log"; }
	# What scripts of the packages do.
	ln -sf dash "$tmp/bin/sh"
	ln -sf gawk "$tmp/usr/bin/awk"
	cp -- "$tmp/usr/share/base-passwd/passwd.master" "$tmp/etc/passwd"
	cp -- "$tmp/usr/share/base-passwd/group.master" "$tmp/etc/group"
	echo '127.0.0.1 localhost' >"$tmp/etc/hosts"
	mv -T -- "$tmp" "$dir"
}

arch=${1:?usage: root.sh ARCH}
dir=$cache/roots/$arch-$(sha256sum -- "${BASH_SOURCE[0]}" | cut -c1-12)
mkdir -p -- "$cache/roots"
[[ -d $dir ]] || with_lock "$cache/roots/lock" fill
printf '%s\n' "$dir"
