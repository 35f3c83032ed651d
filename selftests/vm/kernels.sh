#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kernels.sh WHAT NAME: provide the distribution's stock kernels as data, without installing
# them on the host (no boot entry, no initramfs). NAME is 6.1 or 6.12; 6.1-arm64, 6.12-arm64 or
# 6.12-arm64-16k for that architecture; or 6.12-debug, 7.2-debug, 7.2-plain, 6.12-arm64-64k or
# 6.12-arm64-debug, which are built from the distribution's source (see built-kernel.sh).
#
#   image NAME    path of the kernel image
#   modules NAME  path of a directory to be seen as /lib/modules/<release>
#   release NAME  output of `uname -r` in this kernel
#   dir NAME      the directory that holds the three above: vmlinuz, modules/, release;
#                 if the kernel needs options of its own, append; if its guests need more memory
#                 than others, memory; and if it is not for the machine's architecture, arch
#   headers NAME  KDIR for `make -C KDIR M=...`
#   release-headers RELEASE  the same for a kernel of the archive, by its full name
#   releases ARCH  the kernels of the archive, with backports, that have headers: for amd64, arm64
#   configured ARCH  for riscv64, ppc64el, ppc64: a directory with build, a KDIR of the source of 6.12
#                  and its default configuration, and the file arch with the kernel's name of ARCH
#   compiler ARCH  a directory that has a compiler for ARCH in usr/bin, and the file prefix with the
#                  start of the names there
#   source NAME   the part of the kernel source that checks and kselftest need
#   tarball NAME  the whole kernel source, packed
#   files PACKAGE  a directory with the files of a package, which is not installed: for packages that
#                  depend on more than is needed
#
# NAME may also be such a directory (with a slash): a kernel built by hand.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

index=/var/lib/apt/lists
kernels=$cache/kernels
usage='usage: kernels.sh image|modules|release|dir|headers|source|tarball NAME, release-headers RELEASE, releases|configured|compiler ARCH, or files PACKAGE'

# The needed parts of the 1.4 GB: the core of kselftest, checkpatch and related
# scripts, the netlink code generator, and the files that `make headers` reads.
source_parts=(
	Makefile Kbuild Kconfig .clang-format COPYING
	scripts include arch/x86 usr
	tools/arch/x86/include tools/build tools/include tools/net/ynl tools/scripts
	tools/testing/selftests/kselftest tools/testing/selftests/Makefile
	Documentation/netlink Documentation/sphinx Documentation/dev-tools
)
source_files=('tools/testing/selftests/*.mk' 'tools/testing/selftests/*.h' 'tools/testing/selftests/*.sh')

# Print the newest package of the series, a dependency of one of the distribution's
# two meta packages. The release of Debian determines which of them has a series.
newest_image() {
	local series=${1%%-*} other flavour
	other=$(foreign_arch "$1") flavour=${1#"$series"}
	flavour=${flavour#-}
	flavour=${flavour:-$(dpkg --print-architecture)}${other:+:$other}
	LC_ALL=C apt-cache "${archive[@]}" depends "linux-image-$series-$flavour" "linux-image-$flavour" 2>/dev/null |
		sed -n "s/^  Depends: \(linux-image-${series//./\\.}[.-].*\)/\1/p" | head -n 1
}

newest_source() {
	LC_ALL=C apt-cache "${archive[@]}" pkgnames "linux-source-$1" | grep -xF "linux-source-$1" || true
}

candidate() {
	LC_ALL=C apt-cache "${archive[@]}" policy "$1" | sed -n 's/^  Candidate: \([^(]\)/\1/p'
}

# use_lists NAME ARCH,... SITE SUITE [SITE SUITE]...: request packages by exact name through lists
# apart from those of apt, so that nothing of these archives can be installed.
archive=()
use_lists() {
	local dir=$kernels/$1 arch
	index=$dir/lists
	mkdir -p -- "$index/partial"
	printf "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg arch=$2] %s %s main\n" "${@:3}" \
		>"$dir/sources.list.$$"
	mv -- "$dir/sources.list.$$" "$dir/sources.list"
	archive=(-o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=/nonexistent
		-o "Dir::State::lists=$index" -o "Dir::Cache::pkgcache=$dir/packages.bin"
		-o "Dir::Cache::srcpkgcache=$dir/sources.bin" -o APT::Sandbox::User=root)
	for arch in ${2//,/ }; do archive+=(-o "APT::Architectures::=$arch"); done
}

# Kernels newer than this release of Debian come from unstable.
use_unstable() {
	local site
	site=$(debian_archive)
	[[ $site ]] || { refresh_index || true; site=$(debian_archive); }
	[[ $site ]] || die 'the package index names no archive'
	use_lists unstable "$(dpkg --print-architecture)" "${site%% *}" sid
}

# All headers of this release of Debian, with its backports, for both architectures. The lists are
# refreshed when those of apt are newer.
use_backports() {
	local -a places security
	read -ra places < <(debian_archive) ||
		{ refresh_index; read -ra places < <(debian_archive); } ||
		die 'the package index names no archive'
	places+=("${places[0]}" "${places[1]}-backports")
	read -ra security < <(debian_archive -security) || true
	use_lists backports amd64,arm64 "${places[@]}" "${security[@]}"
	[[ $kernels/backports/fetched -nt /var/lib/apt/lists ]] ||
		{ refresh_index && : >"$kernels/backports/fetched"; } ||
		say 'going on with the package index of before'
}

# apt-get update succeeds without an index that it cannot fetch, unless this option is set. The
# second attempt is without it for the machine's own sources, one of which may be gone for good.
refresh_index() {
	local -a update=(apt-get -qq "${archive[@]}" update)
	local -a strictly=(-o APT::Update::Error-Mode=any)
	if [[ ${#archive[@]} -gt 0 ]]; then
		say 'fetching the package index of other archives'
		with_lock "$cache/apt.lock" "${update[@]}" "${strictly[@]}" >&2 ||
			with_lock "$cache/apt.lock" "${update[@]}" "${strictly[@]}" >&2
		return
	fi
	say 'refreshing the package index'
	local -a sudo=()
	if [[ $EUID -ne 0 ]]; then
		command -v sudo >/dev/null || die 'not root and no sudo: as root, run: apt-get update'
		sudo=(sudo)
	fi
	with_lock "$cache/apt.lock" "${sudo[@]}" "${update[@]}" "${strictly[@]}" >&2 ||
		with_lock "$cache/apt.lock" "${sudo[@]}" "${update[@]}" >&2
}

# resolve KIND NAME: print "PACKAGE VERSION". apt is slow, so the answer is cached
# until the package index changes.
resolve() {
	local kind=$1 name=$2 kept package='' version=''
	kept=$kernels/$name.$kind
	if [[ -s $kept && ! $index -nt $kept ]]; then
		cat -- "$kept"
		return
	fi
	command -v apt-cache >/dev/null ||
		die 'stock kernels come as Debian packages; here, pass the directory of a kernel (see the head of this file)'
	package=$("newest_$kind" "$name")
	if [[ -z $package ]]; then
		refresh_index || true
		package=$("newest_$kind" "$name")
	fi
	[[ $package ]] || die "no package holds the $kind of kernel $name"
	version=$(candidate "$package")
	mkdir -p -- "$kernels"
	printf '%s %s\n' "$package" "$version" >"$kept.$$"
	mv -- "$kept.$$" "$kept"
	cat -- "$kept"
}

# unpack PACKAGE VERSION DIR: unpack into DIR in the current directory. If that fails, refresh the
# index and try again. If the index has another version then, or none since the name of a kernel's
# package changes with its ABI, the answers of resolve() are old: let the script begin again.
unpack() {
	local get=(apt-get -qq "${archive[@]}" -o APT::Sandbox::User=root download "$1=$2")
	say "fetching $1 $2"
	if ! "${get[@]}" >&2; then
		refresh_index || true
		if [[ $(candidate "$1") != "$2" ]]; then
			rm -f -- "$kernels"/*.image "$kernels"/*.source
			: >"$NDSHM_STALE"
			die "$1 $2 is no longer in the archive"
		fi
		"${get[@]}" >&2 || die "cannot fetch $1 $2"
	fi
	dpkg-deb -x ./*.deb "$3"
	rm -f -- ./*.deb
}

# make_entry DIR FUNCTION ARG...: run FUNCTION in a temporary directory, which is
# renamed to DIR only when complete.
make_entry() {
	local dir=$1 tmp
	shift
	[[ ! -d $dir ]] || return 0
	# The lock is held, so these are left over from killed runs.
	rm -rf -- "$kernels"/.tmp."${entry_kind:=data}".*
	tmp=$(mktemp -d -- "$kernels/.tmp.$entry_kind.XXXXXX")
	chmod 755 "$tmp"
	# The subshell is not in a condition, because that would disable `set
	# -e`. The variable is expanded now, because it is unset at exit.
	# shellcheck disable=SC2064
	trap "rm -rf -- '$tmp'" EXIT
	(cd -- "$tmp" && "$@")
	mv -T -- "$tmp" "$dir"
	trap - EXIT
}

fill_image() {
	local package=$1 version=$2 release=${1#linux-image-}
	release=${release%:*}
	unpack "$package" "$version" root
	mv -- root/boot/vmlinuz-"$release" vmlinuz
	mv -- root/boot/config-"$release" config
	depmod -b "$PWD/root" "$release"
	mv -- root/lib/modules/"$release" modules
	rm -f -- modules/build modules/source
	rm -rf -- root
	printf '%s\n' "$release" >release
	[[ $package != *:* ]] || printf '%s\n' "${package#*:}" >arch
}

fill_tarball() {
	unpack "$1" "$2" root
	mv -- root/usr/src/"$1".tar.xz linux.tar.xz
	rm -rf -- root
}

fill_source() {
	local top=${1##*/} tarball=$2 part
	local -a members=()
	for part in "${source_parts[@]}" "${source_files[@]}"; do members+=("$top/$part"); done
	say "unpacking a part of $top"
	# A release may lack a part; the user of an important part will report it.
	xz -dc -T0 -- "$tarball" | tar -x --strip-components=1 --wildcards --no-wildcards-match-slash \
		-f - "${members[@]}" 2>tar.log || [[ -f tools/testing/selftests/kselftest_harness.h ]]
	rm -f tar.log
}

# The end of a release is its architecture, or what is special of a variant of arm64.
headers_package() {
	case $1 in
	*-arm64-*)	printf 'linux-headers-%s:arm64\n' "$1" ;;
	*)		printf 'linux-headers-%s:%s\n' "$1" "${1##*-}" ;;
	esac
}

# Unpack the three packages of a kernel's headers. Installing them would install
# the kernel itself. Their links are relative, but the Makefiles include each
# other by absolute path; a relative one permits to move the cache, or to use it
# through a link. The programs are those of this machine's architecture.
fill_headers() {
	local release=$1 version=$2 package headers
	headers=$(headers_package "$release")
	unpack "$headers" "$version" .
	LC_ALL=C apt-cache "${archive[@]}" show "$headers=$version" |
		sed -n 's/^Depends: //p' | grep -oE '\blinux-(headers-[^ ,:]*-common(-rt)?|kbuild-[^ ,:]*)' |
		while read -r package; do
			unpack "$package" "$(candidate "$package")" .
		done
	# shellcheck disable=SC2016
	sed -i 's#^include /usr/src/#include $(dir $(lastword $(MAKEFILE_LIST)))../#' usr/src/linux-headers-*/Makefile
	# Only needed for BTF, which requires further tools.
	rm -f -- "usr/src/linux-headers-$release/vmlinux"
	[[ -d usr/src/linux-headers-$release/scripts && -d usr/src/linux-headers-$release/tools ]] ||
		die "the packages of linux-headers-$release lack something"
}

# is_built NAME: is the kernel built from source?
is_built() { [[ $1 != */* && $1 == *-@(debug|plain|64k) ]]; }

# The key of a kernel that is built is its input: source, options, compiler.
built_dir() {
	local purpose=${1##*-} arch=x86 other tarball what dir compiler
	local -a cross=()
	"$vm_dir/packages.sh" debug || exit 1
	tarball=$(tarball_dir "${1%%-*}")
	compiler=$(gcc -dumpfullversion)
	other=$(foreign_arch "$1")
	if [[ $other ]]; then
		arch=$other cross=("$vm_dir/cross.sh" "$other")
		compiler=$(compiler_dir "$other")
		compiler=${compiler##*/}
	fi
	what=$(cat -- "$vm_dir/"{lean,"$arch","$purpose"}.config "$vm_dir/built-kernel.sh" \
		<(echo "$compiler") | sha256sum | cut -c1-12)
	dir=$kernels/${tarball##*/}-${1#*-}-$what
	entry_kind=${1#*-}
	# Without the flags of a calling make, because the output of the inner make is
	# captured.
	[[ -d $dir ]] || with_lock "$kernels/$entry_kind.lock" make_entry "$dir" \
		env -u MAKEFLAGS "${cross[@]}" "$vm_dir/built-kernel.sh" "$arch" "$purpose" "$tarball/linux.tar.xz"
	printf '%s\n' "$dir"
}

image_dir() {
	local package version dir
	if is_built "$1"; then
		built_dir "$1"
		return
	fi
	if [[ $1 == */* ]]; then
		[[ -f $1/vmlinuz && -f $1/release && -d $1/modules ]] ||
			die "$1 is no kernel directory: it lacks vmlinuz, release or modules/"
		(cd -- "$1" && pwd)
		return
	fi
	read -r package version < <(resolve image "$1") || exit 1
	dir=$kernels/${package%:*}_$version
	[[ -d $dir ]] || with_lock "$kernels/lock" make_entry "$dir" fill_image "$package" "$version"
	printf '%s\n' "$dir"
}

tarball_dir() {
	local package version dir
	read -r package version < <(resolve source "$1") || exit 1
	dir=$kernels/${package}_$version
	[[ -d $dir ]] || with_lock "$kernels/lock" make_entry "$dir" fill_tarball "$package" "$version"
	printf '%s\n' "$dir"
}

source_dir() {
	local tarball dir package
	tarball=$(tarball_dir "$1")
	package=${tarball##*/}
	dir=$tarball.part
	[[ -d $dir ]] || with_lock "$kernels/lock" make_entry "$dir" fill_source "${package%%_*}" "$tarball/linux.tar.xz"
	printf '%s\n' "$dir"
}

headers_dir() {
	local release dir
	if [[ $1 == */* ]]; then
		dir=$(image_dir "$1")
		printf '%s\n' "$dir/modules/build"
		return
	fi
	if is_built "$1"; then
		dir=$(image_dir "$1")
		printf '%s\n' "$dir/build"
		return
	fi
	dir=$(image_dir "$1")
	release=$(cat -- "$dir/release")
	release_headers_dir "$release"
}

release_headers_dir() {
	local release=$1 version dir
	version=$(candidate "$(headers_package "$release")")
	[[ $version ]] || die "linux-headers-$release: no such package; kernels.sh releases prints those that exist"
	dir=$kernels/linux-headers-${release}_$version
	[[ -d $dir ]] || with_lock "$kernels/lock" make_entry "$dir" fill_headers "$release" "$version"
	printf '%s\n' "$dir/usr/src/linux-headers-$release"
}

# A compiler for another architecture cannot be installed beside that for 32-bit programs. It finds
# its parts relative to itself.
compiler_dir() {
	local tuple gcc version dir
	case $1 in
	arm64)		tuple=aarch64-linux-gnu ;;
	riscv64)	tuple=riscv64-linux-gnu ;;
	ppc64el)	tuple=powerpc64le-linux-gnu ;;
	ppc64)		tuple=powerpc64-linux-gnu ;;
	*)		die "$1: no compiler is known; arm64, riscv64, ppc64el and ppc64 have one" ;;
	esac
	gcc=$(LC_ALL=C apt-cache depends "gcc-$tuple" | sed -n "s/^  Depends: \(gcc-[0-9]*-$tuple\)\$/\1/p")
	[[ $gcc ]] || die "gcc-$tuple: no such package; run: apt-get update"
	version=$(candidate "$gcc")
	dir=$kernels/compiler-${gcc}_$version
	[[ -d $dir ]] || with_lock "$kernels/lock" make_entry "$dir" fill_compiler "$tuple-" "$gcc" "cpp${gcc#gcc}" \
		"binutils-$tuple" "lib$(sed -E 's/^(gcc-[0-9]+)-.*/\1/' <<<"$gcc")-dev-$1-cross"
	printf '%s\n' "$dir"
}

fill_compiler() {
	local package
	for package in "${@:2}"; do unpack "$package" "$(candidate "$package")" .; done
	printf '%s\n' "$1" >prefix
}

configured_dir() {
	local tarball compiler what dir
	tarball=$(tarball_dir 6.12)
	compiler=$(compiler_dir "$1")
	what=$(cat -- "$vm_dir/configured-kernel.sh" <(echo "${compiler##*/}") | sha256sum | cut -c1-12)
	dir=$kernels/${tarball##*/}-$1-$what
	entry_kind=configured
	[[ -d $dir ]] || with_lock "$kernels/configured.lock" make_entry "$dir" \
		env -u MAKEFLAGS "$vm_dir/configured-kernel.sh" "$1" "$tarball/linux.tar.xz" "$compiler"
	printf '%s\n' "$dir"
}

files_dir() {
	local version dir
	version=$(candidate "$1")
	[[ $version ]] || die "$1: no such package; run: apt-get update"
	dir=$kernels/$1_$version
	[[ -d $dir ]] || with_lock "$kernels/lock" make_entry "$dir" unpack "$1" "$version" .
	printf '%s\n' "$dir"
}

# Three numbers: without the meta packages, which depend on one of the others.
releases() {
	LC_ALL=C apt-cache "${archive[@]}" pkgnames linux-headers- | grep -E "^linux-headers-[0-9]+\.[0-9]+\.[0-9]+.*-$1\$" |
		sed 's/^linux-headers-//' | sort -V
}

[[ $# -eq 2 ]] || die "$usage"
# Once more if unpack() leaves this file. Only a success prints something.
if [[ ! ${NDSHM_STALE:-} ]]; then
	export NDSHM_STALE=$kernels/.stale.$$
	for _ in 1 2; do
		rm -f -- "$NDSHM_STALE"
		code=0
		"${BASH_SOURCE[0]}" "$@" || code=$?
		[[ $code -ne 0 && -e $NDSHM_STALE ]] || break
	done
	rm -f -- "$NDSHM_STALE"
	exit "$code"
fi
case "$1 $2" in
*' 7.'*)	use_unstable ;;
release*-headers*|releases*)	use_backports ;;
*)		is_built "$2" || [[ ! $(foreign_arch "$2") ]] || use_backports ;;
esac
case $1 in
dir)		image_dir "$2" ;;
image)		dir=$(image_dir "$2"); printf '%s\n' "$dir/vmlinuz" ;;
modules)	dir=$(image_dir "$2"); printf '%s\n' "$dir/modules" ;;
release)	dir=$(image_dir "$2"); cat -- "$dir/release" ;;
configured)	configured_dir "$2" ;;
compiler)	compiler_dir "$2" ;;
files)		files_dir "$2" ;;
headers)	headers_dir "$2" ;;
release-headers)	release_headers_dir "$2" ;;
releases)	releases "$2" ;;
source)		source_dir "$2" ;;
tarball)	dir=$(tarball_dir "$2"); printf '%s\n' "$dir/linux.tar.xz" ;;
*)		die "$usage" ;;
esac
