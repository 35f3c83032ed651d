# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Debian chroots, packed in the cache, and what the tests of the packages share on the host. To be
# sourced after selftests/vm/lib.sh. Without root they need the user's ranges of /etc/subuid and
# /etc/subgid.

# What the packages depend on, which cannot be fetched where they are installed.
runtime_packages=systemd,udev,dkms,kmod,libjansson4,libncursesw6,libsmartcols1,libnl-genl-3-200,libnl-genl-3-dev

# chroot_sources: set $suite and $sources to the machine's release of Debian and its archives.
chroot_sources() {
	local site security
	[[ ! ${suite:-} ]] || return 0
	read -r site suite < <(debian_archive) ||
		die 'the package index names no release of Debian; on a Debian machine, run: apt-get update'
	sources=("deb $site $suite main")
	! read -r site security < <(debian_archive -security) || sources+=("deb $site $security main")
}

# chroot_make NAME VARIANT PACKAGE,...: print the path of a packed chroot, which is made if the
# cache has none of this content.
chroot_make() {
	local key tar
	# This fetches the package index of a machine that has none.
	"$vm_dir/packages.sh" package
	chroot_sources
	key=$(printf '%s\n' "$suite" "${sources[@]}" "$@" | sha256sum | cut -c1-12)
	tar=$cache/chroot/$1-$key.tar
	[[ -s $tar ]] || with_lock "${tar%-*}.lock" chroot_fill "$tar" "$2" "$3"
	printf '%s\n' "$tar"
}

chroot_fill() {
	local tar=$1 tmp
	[[ ! -s $tar ]] || return 0
	say "making a chroot of Debian $suite"
	tmp=${tar%.tar}.$$.tar
	nice -n 19 mmdebstrap --variant="$2" --include="$3" "$suite" "$tmp" "${sources[@]}" >"$tar.log" 2>&1 || {
		tail -n 20 -- "$tar.log" >&2
		rm -f -- "$tmp"
		die "cannot make the chroot; the log is $tar.log"
	}
	mv -- "$tmp" "$tar"
}

# chroot_run TAR DIRECTORY COMMAND...: run COMMAND as root of a fresh copy of the chroot, which sees
# DIRECTORY at /mnt. It has no network, and its processes end with it.
chroot_run() {
	local tar=$1 directory=$2 root code=0
	local -a user=()
	shift 2
	[[ $EUID -eq 0 ]] || user=(--user --map-root-user --map-auto)
	root=$(mktemp -d -p "${CHROOT_DIR:-/var/tmp}")
	# shellcheck disable=SC2016
	unshare "${user[@]}" --mount --pid --net --ipc --uts --fork --kill-child bash -euc '
		root=$1 tar=$2 directory=$3
		shift 3
		mount -t tmpfs -o size=4G,mode=755 tmpfs "$root"
		tar -C "$root" --exclude="./dev/*" -xpf "$tar"
		mount --rbind /dev "$root/dev"
		mount -t proc proc "$root/proc"
		mount --bind "$directory" "$root/mnt"
		exec chroot "$root" "$@"' - "$root" "$tar" "$directory" "$@" || code=$?
	rmdir -- "$root"
	return "$code"
}

# test_start NAME PACKAGE,... [FILE]...: build the packages, and set $tar to a chroot with what they depend on
# and PACKAGE,..., $work to an empty directory with the packages, NAME.sh and tap.sh, and $passed to
# the file that keeps TAP of a test without a failure. If there is one of these inputs, of which FILE
# is another, print it and exit.
test_start() {
	"$here/build.sh" >&2
	tar=$(chroot_make "$1" apt "$runtime_packages,$2")
	passed=$cache/passed/package-$1-$(cat -- "$build/package/key" "$here/$1.sh" "$here/tap.sh" "${@:3}" <(echo "$tar") | sha256sum | cut -c1-20)
	if [[ -s $passed ]]; then
		cat -- "$passed"
		exit
	fi
	work=$build/package-$1
	rm -rf -- "$work"
	mkdir -p -- "$work/packages" "${passed%/*}"
	cp -- "$build"/package/{ndshm,libndshm}*_*.deb "$work/packages/"
	rm -f -- "$work/packages"/*-dbgsym_*
	cp -- "$here/$1.sh" "$here/tap.sh" "$work/"
}
