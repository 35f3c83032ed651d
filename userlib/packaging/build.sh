#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# build.sh [--key]: build the Debian packages in a clean chroot, check them with lintian, and write
# them to BUILD/package. Nothing is built if no input has changed since. --key prints the hash of
# the inputs.
#
# The chroot has what the package declares to need, and no network. It is in the cache, and is
# made again for other build dependencies; remove cache/chroot to get newer packages in it.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
top=$(cd -- "$here/../.." && pwd -P)
. "$top/selftests/vm/lib.sh"
. "$here/chroot.sh"

out=$(realpath -m -- "${BUILD:-$top/build}/package")
version=$(sed -n 's/^VERSION := //p' "$top/Makefile")

# Copy the files that a clone would have, and new files, with debian/ at its top,
# to DIRECTORY.
export_source() {
	(cd -- "$top" && git ls-files -z --cached --others --exclude-standard -- \
		Kbuild COPYING kernel uapi userlib Documentation/{examples,netlink} ':!userlib/packaging/*.sh' |
		while IFS= read -rd '' file; do [[ ! -e $file ]] || printf '%s\0' "$file"; done |
		tar --null -T - --sort=name --owner=0 --group=0 -c) | tar -x -C "$1"
	mv -- "$1/userlib/packaging/debian" "$1/debian"
	mkdir -- "$1/debian/source"
	echo '3.0 (native)' >"$1/debian/source/format"
	sed -i "s/#MODULE_VERSION#/$version/" "$1/debian/ndshm-dkms.dkms"
}

build_dependencies() {
	sed -n '/^Build-Depends:/,/^[^ ]/s/^ \([a-z0-9-]*\).*/\1/p' "$here/debian/control" |
		sed -e 's/^debhelper-compat$/debhelper/' -e 's/^dh-sequence-dkms$/dh-dkms/' -e '/^dh-sequence-installsysusers$/d' | paste -sd,
}

scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
source=$scratch/ndshm-$version
mkdir -- "$source"
export_source "$source"
key=$(cd -- "$source" && { echo "$(build_dependencies)"; cat -- "$here/build.sh" "$here/chroot.sh"; find . -type f -perm /111 | sort
	find . -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum | cut -d' ' -f1)
if [[ ${1:-} == --key ]]; then
	echo "$key"
	exit
fi
if [[ $(cat -- "$out/key" 2>/dev/null) == "$key" ]]; then
	say "$out: unchanged"
	exit
fi

# The names of the versions must agree: a package of another version would not find the module.
changelog=$(sed -n '/^ndshm (/{s/.*(\(.*\)).*/\1/p;q}' "$here/debian/changelog")
module=$(sed -n 's/^MODULE_VERSION("\(.*\)");/\1/p' "$top/kernel/main.c")
[[ $changelog == "$version" && $module == "$version" ]] ||
	die "version: Makefile has $version, debian/changelog $changelog, kernel/main.c $module; make them equal"

tar=$(chroot_make build buildd "$(build_dependencies),lintian")
say 'building the packages'
chroot_run "$tar" "$scratch" bash -euc '
	cd "/mnt/$1"
	export HOME=/nonexistent LC_ALL=C.UTF-8
	nice -n 19 dpkg-buildpackage -us -uc -j"$(nproc)" >../build.log 2>&1 || { tail -n 40 ../build.log >&2; exit 1; }
	cd ..
	lintian --allow-root --fail-on error,warning --info ./*.changes
' - "ndshm-$version"
rm -rf -- "$out"
mkdir -p -- "$out"
cp -- "$scratch"/*.{deb,dsc,tar.xz,changes,buildinfo} "$scratch/build.log" "$out/"
printf '%s\n' "$key" >"$out/key"
ls -1 -- "$out"/*.deb
