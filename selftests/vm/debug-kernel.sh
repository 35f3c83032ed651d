#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# debug-kernel.sh TARBALL: builds a kernel with debug.config into the current, empty
# directory: vmlinuz, modules/, release, append, config, and build/ for external modules.
# For kernels.sh, which keeps what is whole.
set -Eeuo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Without one of these a clean run would mean nothing.
must_have=(KASAN KASAN_VMALLOC PROVE_LOCKING DEBUG_ATOMIC_SLEEP DEBUG_KMEMLEAK DMA_API_DEBUG
	PAGE_OWNER DEBUG_LIST DEBUG_OBJECTS_FREE UBSAN FAULT_INJECTION_DEBUG_FS FAILSLAB
	FAIL_PAGE_ALLOC FAULT_INJECTION_USERCOPY KCOV KUNIT INTEL_IOMMU IRQ_REMAP MEMCG NUMA
	IA32_EMULATION X86_IOPL_IOPERM USERFAULTFD FUSE_FS USER_NS HOTPLUG_PCI_PCIE SUSPEND XDP_SOCKETS BLK_DEV_LOOP
	UNWINDER_FRAME_POINTER NET_PKTGEN PCIEAER_INJECT
	CFS_BANDWIDTH CPUSETS MEMORY_FAILURE KSM IO_URING DMA_SHARED_BUFFER DMABUF_DEBUG)

# What a module is compiled with, when all is built.
keep=(Makefile Kbuild Kconfig .config Module.symvers include arch/x86 scripts
	tools/objtool/objtool usr/include)

unpack() {
	# What is left out is half of the source: nothing reads more of it than Kconfig files.
	xz -dc -T0 -- "$1" | tar -x --strip-components=1 -f - \
		--exclude='linux-source-*/arch/[a-wyz]*/*.[chS]' --exclude='*.dts*' --exclude='linux-source-*/Documentation/*.[rty]*' \
		--exclude='linux-source-*/sound/*.[ch]' --exclude='linux-source-*/drivers/gpu/*.[ch]' \
		--exclude='linux-source-*/drivers/media/*.[ch]' --exclude='linux-source-*/drivers/staging/*.[ch]' \
		--exclude='linux-source-*/tools/testing/*' --exclude='linux-source-*/tools/perf/*'
}

configure() {
	make -s tinyconfig
	cat -- "$vm_dir/debug.config" >>.config
	make -s olddefconfig
	# Each is a folder to look into, and nothing is in it.
	sed -i '/_INTEL=/!s/^\(CONFIG_NET_VENDOR_.*\)=y/# \1 is not set/' .config
	make -s olddefconfig
}

has_all() {
	local option
	for option in "${must_have[@]}"; do
		grep -q "^CONFIG_$option=[ym]" .config || die "this kernel has no CONFIG_$option"
	done
}

[[ $# -eq 1 ]] || die 'usage: debug-kernel.sh TARBALL'
tarball=$1 top=$PWD
mkdir tree
cd tree
say "unpacking $(basename -- "$(dirname -- "$tarball")")"
unpack "$tarball"
# On its own, not in a condition, where `set -e` would not be in force.
trap 'grep -a -B 3 -E "error:|Error [0-9]" -- "$top/build.log" | tail -n 60 >&2; say "the kernel does not build"' ERR
configure >"$top/build.log" 2>&1
has_all
say "building $(make -s kernelversion), which is done once: some seven minutes on two processors"
SECONDS=0
# Undefined behaviour and what lies beside a variable on the stack are looked for in what
# is tested, which is compiled later, and not with these: for the whole kernel they cost
# a good deal of time. So does optimizing it, which its compiler is told to do less of: a
# sixth of the time, for a kernel that is a few percent slower; the file that has an
# assertion which is true only when it is optimized more is.
make -j$(($(nproc) + 1)) CFLAGS_UBSAN= stack_enable=0 KCFLAGS=-O1 CFLAGS_arena.o=-O2 bzImage modules >>"$top/build.log" 2>&1
release=$(make -s kernelrelease)
make -s modules_install INSTALL_MOD_PATH="$top/root" DEPMOD=true >>"$top/build.log" 2>&1
say "built $release in $SECONDS s"

cp -- arch/x86/boot/bzImage "$top/vmlinuz"
cp -- .config "$top/config"
depmod -b "$top/root" "$release"
mv -- "$top/root/lib/modules/$release" "$top/modules"
rm -rf -- "$top/root" "$top/modules/build" "$top/modules/source"
printf '%s\n' "$release" >"$top/release"
# Mistakes end the run; emulated processors on a busy machine may stand still for long.
printf '%s\n' 'panic_on_warn=1 page_owner=on hung_task_panic=1 watchdog_thresh=60 workqueue.watchdog_thresh=120 rcupdate.rcu_cpu_stall_timeout=120' >"$top/append"
find arch scripts -name '*.o' -delete -o -name '*.a' -delete
tar -c --exclude='arch/x86/boot/*' -f - "${keep[@]}" | (mkdir "$top/build" && tar -x -C "$top/build" -f -)
cd "$top"
rm -rf -- tree
