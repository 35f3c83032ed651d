#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# emulator.sh kvm|tcg|icount [ARCH]: print the path of the QEMU that runs guests this way, which are
# of the machine's architecture or of ARCH.
#
# QEMU before 9.1 can corrupt the flags of an emulated CPU, so that a guest fails without a
# reason of its own. If the machine's QEMU is older and must emulate, use that of the backports of
# the machine's Debian release. It is unpacked in the cache, never installed. If there is none, use
# the machine's.
#
# NDSHM_QEMU=PATH: use that one.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

first_good=9.1
# Files of the binary's own version, and the libraries that the machine may lack.
case ${2:-amd64} in
arm64)	dir=$cache/emulator-arm64 name=qemu-system-aarch64 package=qemu-system-arm
	packages=(qemu-system-arm qemu-system-common qemu-system-data) ;;
*)	dir=$cache/emulator name=qemu-system-x86_64 package=
	packages=(qemu-system-x86 qemu-system-common qemu-system-data seabios) ;;
esac

qemu_version() { "$1" --version 2>/dev/null | sed -nE '1s/.* version ([0-9.]+).*/\1/p'; }

is_good() {
	local version
	version=$(qemu_version "$1") && [[ $version ]] &&
		dpkg --compare-versions "$version" ge "$first_good"
}

# attempt SECONDS COMMAND...: run COMMAND until it succeeds, at most three times and for SECONDS in
# all.
attempt() {
	local end=$((SECONDS + $1)) i
	for i in 1 2 3; do
		((i == 1)) || sleep 3
		((SECONDS < end)) || break
		! timeout $((end - SECONDS)) "${@:2}" >&2 || return 0
	done
	return 1
}

# Unpack the packages of the backports into directory $1.
fetch() {
	local site suite options=() file
	read -r site suite < <(debian_archive) || { say 'the package index names no release of Debian'; return 1; }
	mkdir -p -- "$1/lists/partial" "$1/root"
	printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s-backports main\n' \
		"$site" "$suite" >"$1/sources.list"
	options=(-qq -o "Dir::Etc::sourcelist=$1/sources.list" -o Dir::Etc::sourceparts=/nonexistent
		-o "Dir::State::lists=$1/lists" -o "Dir::Cache::pkgcache=$1/packages.bin"
		-o "Dir::Cache::srcpkgcache=$1/sources.bin" -o APT::Sandbox::User=root)
	say "fetching a newer QEMU from $suite-backports"
	# No `set -e`: it is off in the condition of fill(), and a part would be unpacked.
	(
		cd -- "$1" &&
			attempt 120 apt-get "${options[@]}" -o APT::Update::Error-Mode=any update &&
			attempt 300 apt-get "${options[@]}" download "${packages[@]}" || exit
		for file in ./*.deb; do dpkg-deb -x "$file" root || exit; done
		rm -rf -- ./*.deb lists ./*.bin
	) || return 1
	is_good "$1/root/usr/bin/$name" ||
		{ say "this QEMU does not run here: $(ldd "$1/root/usr/bin/$name" 2>&1 | grep 'not found' | xargs)"; return 1; }
}

# Fill $dir once. If that fails, try again after an hour, or at once if there is no other emulator.
fill() {
	[[ ! -e $dir/root ]] || return 0
	[[ ! $own || -z $(find "$dir.failed" -mmin -60 2>/dev/null) ]] || return 0
	rm -rf -- "$dir.new"
	if fetch "$dir.new"; then
		rm -rf -- "$dir"
		mv -T -- "$dir.new" "$dir"
	else
		say "using ${own:-no emulator}, whose flags can go wrong"
		: >"$dir.failed"
	fi
}

own=$(command -v "$name") || [[ $package ]] || die "there is no $name"
if [[ ${NDSHM_QEMU:-} && ! ${2:-} ]]; then
	printf '%s\n' "$NDSHM_QEMU"
elif [[ ${1?kvm, tcg or icount} == kvm ]] || { [[ $own ]] && is_good "$own"; }; then
	printf '%s\n' "$own"
else
	with_lock "$cache/emulator.lock" fill
	[[ ! -x $dir/root/usr/bin/$name ]] || own=$dir/root/usr/bin/$name
	[[ $own ]] || die "there is no $name; as root, run: apt-get install $package"
	printf '%s\n' "$own"
fi
