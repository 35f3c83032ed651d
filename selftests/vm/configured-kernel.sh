#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# configured-kernel.sh ARCH TARBALL COMPILER: makes the current, empty directory a source tree with the
# default configuration for ARCH, against which a module can be compiled, but no kernel built: arch
# is the name of ARCH there, and Module.symvers has all symbols that the source exports. COMPILER is
# a directory as of `kernels.sh compiler`. For kernels.sh, which keeps what is whole.
set -Eeuo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# What a module is compiled with.
keep=(Makefile Kbuild Kconfig .config Module.symvers include scripts)

[[ $# -eq 3 ]] || die 'usage: configured-kernel.sh ARCH TARBALL COMPILER'
case $1 in
riscv64)	arch=riscv config=defconfig ;;
ppc64el)	arch=powerpc config=ppc64le_defconfig ;;
ppc64)		arch=powerpc config=ppc64_defconfig ;;
*)		die "$1: no configuration is known; riscv64, ppc64el and ppc64 have one" ;;
esac
tarball=$2 compiler=$3 top=$PWD
prefix=$(<"$compiler/prefix")
keep+=("arch/$arch")
libraries=$compiler/usr/lib/$(gcc -print-multiarch)
export PATH=$compiler/usr/bin:$PATH LD_LIBRARY_PATH=$libraries

unpack() {
	xz -dc -T0 -- "$tarball" | tar -x --strip-components=1 -f - --exclude='*.dts*' \
		--exclude='linux-source-*/Documentation/*.[rty]*' --exclude='linux-source-*/tools/testing/*' \
		--exclude='linux-source-*/sound/*.[ch]' --exclude='linux-source-*/drivers/gpu/*.[ch]' \
		--exclude='linux-source-*/drivers/media/*.[ch]' --exclude='linux-source-*/drivers/staging/*.[ch]' \
		--exclude='linux-source-*/drivers/net/*.[ch]' --exclude='linux-source-*/tools/perf/*'
	find arch -mindepth 2 -name '*.[chS]' ! -path "arch/$arch/*" -delete
}

# A module that needs another symbol does not link. Macros make some of the names.
symbols() {
	{
		grep -rhoE --include='*.[chS]' '^[[:space:]]*EXPORT_(PER_CPU_)?SYMBOL(_NS)?(_GPL)?\([[:alnum:]_]+' "$@" | sed 's/.*(//'
		sed -n 's/^STANDARD_PARAM_DEF(\([a-z0-9]*\),.*/param_ops_\1/p' kernel/params.c
		sed -n 's/^define_dev_printk_level(\(\w*\),.*/\1/p' drivers/base/core.c
		sed -n 's/^BPF_TRACE_DEFN_x(\([0-9]*\));$/bpf_trace_run\1/p' kernel/trace/bpf_trace.c
		sed -n 's/^DEFINE_BATCHED_ENTROPY(\(\w*\))$/get_random_\1/p' drivers/char/random.c
		sed -n 's/^SUBSYS(\(\w*\))$/\1_cgrp_subsys_enabled_key/p' include/linux/cgroup_subsys.h
	} | sort -u | sed 's/.*/0x00000000\t&\tvmlinux\tEXPORT_SYMBOL_GPL\t/'
}

mkdir tree
cd tree
say "unpacking $(basename -- "$(dirname -- "$tarball")") for $1"
unpack
trap 'tail -n 20 -- "$top/build.log" >&2; say "the source cannot be configured for $1"' ERR
options=(ARCH="$arch" CROSS_COMPILE="$prefix" CC="$(basename -- "$compiler/usr/bin/$prefix"gcc-[0-9]*)")
make -s "${options[@]}" "$config" >"$top/build.log" 2>&1
scripts/config --disable MODVERSIONS --disable DEBUG_INFO_BTF
make -s -j"$(nproc)" "${options[@]}" olddefconfig modules_prepare >>"$top/build.log" 2>&1
symbols arch/"$arch" kernel mm lib drivers fs block net security crypto virt init include >Module.symvers
cd "$top"
printf '%s\n' "$arch" >arch
mkdir kept
for part in "${keep[@]}"; do mkdir -p "kept/$(dirname -- "$part")" && mv -- "tree/$part" "kept/$part"; done
mkdir -p kept/tools
[[ ! -d tree/tools/objtool ]] || mv -- tree/tools/objtool kept/tools/
rm -rf -- tree
mv -- kept build
