#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# compile-all.sh: compile the module against the headers of the distribution's kernels, and print
# a table and TAP. A warning is a failure. By default these are the newest kernels of each series,
# architecture (amd64, arm64) and flavour (cloud, rt); with ALL=1 all of the release of Debian and
# its backports. Headers and the compiler for arm64 are unpacked into the cache and not installed. A
# success is kept there until the sources, the version of the headers or the compiler change. For
# riscv64 and ppc64el the distribution has no headers: the source is configured, and modpost compares
# with what it exports. A big-endian kernel must be refused. Two more rows are user space for i386 and
# the library with musl, neither of which is linked.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

top=$(cd -- "$vm_dir/../.." && pwd -P)
results=$cache/compiled
work=$(realpath -m -- "${BUILD:-$top/build}/modules/all")

"$vm_dir/packages.sh" compile-all
sources=$(cd -- "$top" && { git ls-files -z --cached --others --exclude-standard -- Kbuild Makefile kernel uapi |
	xargs -0 sha256sum; gcc --version; } | sha256sum)

# compile RELEASE HEADERS COMPILER [ARGUMENT]...: print "compiles", or the first line that the compiler
# says. The arguments are make's.
compile() {
	local said=$work/$1.said
	local -a options=()
	[[ ! $3 ]] || options=("LD_LIBRARY_PATH=$3/usr/lib/$(gcc -print-multiarch)" "PATH=$3/usr/bin:$PATH"
		"CROSS_COMPILE=$(<"$3/prefix")")
	rm -rf -- "${work:?}/$1"
	nice -n 19 env "${options[@]}" make -C "$top" -j"$(nproc)" modules KDIR="$2" MODULE_DIR="$work/$1" "${@:4}" \
		>"$said.out" 2>"$said" || true
	sed -i -e '/^make/d' -e /BTF/d "$said"
	if [[ -f $work/$1/ndshm.ko && ! -s $said ]]; then
		echo compiles
	else
		grep -m 1 -E 'error|warning' "$said" || { head -n 1 "$said"; [[ -s $said ]] || echo 'no ndshm.ko and no message'; }
	fi
	rm -rf -- "${work:?}/$1" "$said" "$said.out"
}

# compile_user COMPILER DIRECTORY...: the same for the sources below the directories of userlib.
compile_user() {
	local -a files
	# musl-gcc looks for no headers of the kernel.
	mkdir -p -- "$work/include"
	ln -sfn -- /usr/include/linux /usr/include/asm-generic "/usr/include/$(gcc -print-multiarch)/asm" "$work/include/"
	mapfile -t files < <(cd -- "$top/userlib" && git ls-files --cached --others --exclude-standard -- "${@:2}" | grep '\.c$')
	# shellcheck disable=SC2046,SC2086 # words
	if (cd -- "$top/userlib" && nice -n 19 $1 -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DVERSION='"0"' \
		-Wall -Wextra -Wno-psabi -Iinclude -I../uapi $(pkg-config --cflags libnl-genl-3.0 jansson ncursesw smartcols) \
		-idirafter "$work/include" -fsyntax-only "${files[@]}") >"$work/user.said" 2>&1 && [[ ! -s $work/user.said ]]; then
		echo compiles
	else
		grep -m 1 -E 'error|warning' "$work/user.said" || head -n 1 "$work/user.said"
	fi
}

native=$(dpkg --print-architecture)
declare -A compilers=([$native]='')
[[ $native == arm64 ]] || compilers[arm64]=$("$vm_dir/kernels.sh" compiler arm64)
releases=()
for architecture in "${!compilers[@]}"; do
	mapfile -t found < <("$vm_dir/kernels.sh" releases "$architecture")
	[[ ${#found[@]} -gt 0 ]] || die "the package index has no headers for $architecture; run: apt-get update"
	releases+=("${found[@]}")
done
if [[ ! ${ALL:-} ]]; then
	declare -A newest=()
	for release in "${releases[@]}"; do
		[[ $release =~ ^([0-9]+\.[0-9]+)\.[^-]*(-[0-9]+)?-(.*)$ ]]
		newest[${BASH_REMATCH[1]}-${BASH_REMATCH[3]}]=$release
	done
	mapfile -t releases < <(printf '%s\n' "${newest[@]}" | sort -V)
fi

mkdir -p -- "$work" "$results"
keep_objects
number=0
table=$(printf '# %-32s %s' kernel result)
row() {
	number=$((number + 1))
	table+=$(printf '\n# %-32s %s' "$1" "$2")
	[[ $2 == compiles || $2 == refused ]] || printf 'not '
	echo "ok $number - $1: $2"
}
# once RELEASE HEADERS COMPILER [ARGUMENT]...: the result, of now or of an earlier success.
once() {
	local kept result=compiles
	kept=$results/$(printf '%s\n' "$sources" "$2" "${3##*/}" "${@:4}" | sha256sum | cut -c1-20)
	[[ -s $kept ]] || result=$(compile "$@")
	[[ $result != compiles ]] || echo "$result" >"$kept"
	row "$1" "$result"
}
# configured ARCH: the same for the source as it is configured for ARCH.
configured() {
	local dir compiler
	dir=$("$vm_dir/kernels.sh" configured "$1")
	compiler=$("$vm_dir/kernels.sh" compiler "$1")
	"${2:-once}" "6.12-$1" "$dir/build" "$compiler" "ARCH=$(<"$dir/arch")" \
		"CC=$(basename -- "$compiler/usr/bin/$(<"$compiler/prefix")"gcc-[0-9]*)"
}
# As `once`, of what Kbuild must not compile.
refused() {
	local said
	said=$(compile "$@")
	[[ $said != compiles ]] || said='not refused'
	[[ $said != *'this kernel is big-endian; build for a little-endian kernel'* ]] || said=refused
	row "$1" "$said"
}
for release in "${releases[@]}"; do
	once "$release" "$("$vm_dir/kernels.sh" release-headers "$release")" "${compilers[${release##*-}]}"
done
configured riscv64
configured ppc64el
configured ppc64 refused
row 'user space for i386' "$(compile_user 'gcc -m32' src tools examples)"
row 'library with musl' "$(compile_user musl-gcc src)"
printf '%s\n1..%d\n' "$table" "$number"
