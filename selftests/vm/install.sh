#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# install.sh KDIR KEEP: `make install` for a kernel whose headers are installed, with KDIR
# /lib/modules/RELEASE/build; what it has installed is used, and `make uninstall` leaves no file that
# was not there before. To be run as root of a system that may be changed, such as a chroot, with the
# source and KEEP below /mnt, /root or /tmp. KEEP gets the installed module and the examples, which
# are built with it, for selftests/examples.sh in a guest. Prints TAP.
set -euo pipefail
top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
. "$top/userlib/packaging/tap.sh"

kdir=$1 keep=$2
release=$(basename -- "${kdir%/build}")
version=$(sed -n 's/^VERSION := //p' "$top/Makefile")
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
mkdir -p -- "$keep" "$work/own"

project() { make -C "$top" KDIR="$kdir" "$@"; }
# The files of depmod have the modules that it knows.
list_all() {
	list_files
	find "/lib/modules/$release" -maxdepth 1 -name 'modules.*' -exec sha256sum {} + | sort
}
own_modules() {
	cp -- "$top"/Documentation/examples/{Kbuild,*.c} "$work/own/"
	make -C "$kdir" "M=$work/own" KCFLAGS=-Werror modules && cp -- "$work/own"/*.ko "$keep/"
}
module_found() {
	is "$(modinfo -k "$release" -F vermagic ndshm | cut -d' ' -f1)" "$release" &&
		has "ndshm.ko" "$(modprobe -S "$release" --show-depends ndshm)" &&
		cp -- "$(modinfo -k "$release" -n ndshm)" "$keep/"
}
no_files() { is "$(find "$1" -not -type d)" ''; }

check "the project is built for $release" project all
list_all >"$work/before"
check "it is installed" project install
ldconfig
check 'the command runs' is "$(ndshm --version 2>&1)" "ndshm $version"
check 'the manual page is there' test -e /usr/local/share/man/man1/ndshm.1
check 'the module is found' module_found
check "modules of others are built with it" own_modules
check 'it is uninstalled' project uninstall
ldconfig
list_all >"$work/after"
check 'and no file is left' unchanged "$work/before" "$work/after"
check 'it is installed to DESTDIR' project install DESTDIR="$work/root"
check 'with the module' test -e "$(echo "$work/root/lib/modules/$release"/*/ndshm.ko*)"
check 'it is uninstalled from there' project uninstall DESTDIR="$work/root"
check 'and no file is left there' no_files "$work/root"
list_all >"$work/after"
check 'nor elsewhere' unchanged "$work/before" "$work/after"
echo "1..$number"
