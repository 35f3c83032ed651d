#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# built-kernel.sh ARCH PURPOSE TARBALL: build a kernel for ARCH, x86 or arm64, into the current,
# empty directory: vmlinuz, modules/, release, append, config, and build/ for external modules; for
# arm64 also arch; memory, if its guests need more than others. Its options are those of
# lean.config, ARCH.config and PURPOSE.config. For arm64 cross.sh runs it. For kernels.sh, which
# keeps complete directories.
set -Eeuo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

[[ $# -eq 3 ]] || die 'usage: built-kernel.sh ARCH PURPOSE TARBALL'
arch=$1 purpose=$2 tarball=$3 top=$PWD

# Without one of these a clean run would mean nothing.
must_have=(SMP NUMA MEMCG USERFAULTFD FUSE_FS USER_NS HOTPLUG_PCI_PCIE SUSPEND XDP_SOCKETS
	BLK_DEV_LOOP NET_PKTGEN PCIEAER_INJECT CFS_BANDWIDTH CPUSETS MEMORY_FAILURE KSM IO_URING
	DMA_SHARED_BUFFER TRANSPARENT_HUGEPAGE)
case $purpose in
debug)	must_have+=(KASAN KASAN_VMALLOC PROVE_LOCKING DEBUG_ATOMIC_SLEEP DEBUG_KMEMLEAK DMA_API_DEBUG
		PAGE_OWNER DEBUG_LIST DEBUG_OBJECTS_FREE UBSAN FAULT_INJECTION_DEBUG_FS FAILSLAB
		FAIL_PAGE_ALLOC FAULT_INJECTION_USERCOPY KCOV KUNIT DMABUF_DEBUG) ;;
plain)	must_have+=(KPROBE_EVENTS) ;;
64k)	must_have+=(ARM64_64K_PAGES KPROBE_EVENTS) ;;
*)	die "no such purpose: $purpose" ;;
esac
# Half of the source is left out: of other architectures only Kconfig files are read.
case $arch in
x86)	image=arch/x86/boot/bzImage other=(arch/[a-wyz])
	must_have+=(INTEL_IOMMU IRQ_REMAP IA32_EMULATION X86_IOPL_IOPERM)
	[[ $purpose != debug ]] || must_have+=(UNWINDER_FRAME_POINTER) ;;
arm64)	image=arch/arm64/boot/Image other=(arch/[b-z] arch/a[a-qs-z] arch/arm/ arch/arc/)
	must_have+=(ARM_SMMU_V3 PCI_HOST_GENERIC VIRTIO_MMIO HW_RANDOM_VIRTIO RESET_CONTROLLER) ;;
*)	die "no such architecture: $arch" ;;
esac

# What a module is compiled with, when all is built.
keep=(Makefile Kbuild Kconfig .config Module.symvers include "arch/$arch" scripts usr/include)
[[ $arch != x86 ]] || keep+=(tools/objtool/objtool)

unpack() {
	local -a excluded=()
	local part
	for part in "${other[@]}"; do excluded+=(--exclude="linux-source-*/$part*/*.[chS]"); done
	xz -dc -T0 -- "$1" | tar -x --strip-components=1 -f - "${excluded[@]}" \
		--exclude='linux-source-*/arch/*.dts*' --exclude='linux-source-*/Documentation/*.[rty]*' \
		--exclude='linux-source-*/sound/*.[ch]' --exclude='linux-source-*/drivers/gpu/*.[ch]' \
		--exclude='linux-source-*/drivers/media/*.[ch]' \
		--exclude='linux-source-*/drivers/staging/*.[ch]' \
		--exclude='linux-source-*/tools/testing/*' --exclude='linux-source-*/tools/perf/*'
}

configure() {
	make -s tinyconfig
	cat -- "$vm_dir/lean.config" "$vm_dir/$arch.config" "$vm_dir/$purpose.config" >>.config
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

# For programs of the host, which the build compiles.
unset PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR
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
# sixth of the time, for a kernel that is a few percent slower; the files with assertions
# that are true only when they are optimized more are.
make -j$(($(nproc) + 1)) CFLAGS_UBSAN= stack_enable=0 KCFLAGS=-O1 CFLAGS_arena.o=-O2 \
	CFLAGS_patching.o=-O2 "${image##*/}" modules >>"$top/build.log" 2>&1
release=$(make -s kernelrelease)
make -s modules_install INSTALL_MOD_PATH="$top/root" DEPMOD=true >>"$top/build.log" 2>&1
say "built $release in $SECONDS s"

cp -- "$image" "$top/vmlinuz"
cp -- .config "$top/config"
depmod -b "$top/root" "$release"
mv -- "$top/root/lib/modules/$release" "$top/modules"
rm -rf -- "$top/root" "$top/modules/build" "$top/modules/source"
printf '%s\n' "$release" >"$top/release"
[[ $arch == x86 ]] || printf '%s\n' "$arch" >"$top/arch"
# Tests use six huge pages of one node at a time, and what they do not touch costs the host nothing.
[[ $purpose != 64k ]] || echo 16G >"$top/memory"
# Emulated processors on a busy machine may stand still for long.
append='watchdog_thresh=60 workqueue.watchdog_thresh=120 rcupdate.rcu_cpu_stall_timeout=120'
# Mistakes end the run.
[[ $purpose != debug ]] || append="panic_on_warn=1 page_owner=on hung_task_panic=1 $append"
printf '%s\n' "$append" >"$top/append"
find arch scripts -name '*.o' -delete -o -name '*.a' -delete
mkdir "$top/build"
tar -c --exclude="arch/$arch/boot/*" -f - "${keep[@]}" | tar -x -C "$top/build" -f -
cd "$top"
rm -rf -- tree
