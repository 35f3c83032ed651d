#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# demo.sh [arm64]: the main use case from scratch: build, boot, bind a network card behind an
# IOMMU, drive it from user space with ndshm's memory, and ping it from the
# kernel. With `arm64` for that architecture, whose machine is emulated: also with a device tree
# that says that devices do not see the caches, and with the driver prototype in the kernel.
set -euo pipefail

here=$(cd "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
build=${BUILD:-$top/build}
arch=${1:-}
kernel=${KERNEL:-6.12${arch:+-$arch}}
build+=${arch:+/$arch}
log=$build/demo.log
start=$SECONDS
# What check.sh builds there has test switches.
modules=$build/modules/${arch:+demo-}$kernel
# What compiles for the architecture, before each command.
cross=()
[[ ! $arch ]] || cross=("$here/cross.sh" "$arch")

step() { printf '[%3d s] %s\n' $((SECONDS - start)) "$*"; }

# Write long output to a file, and show its end after a failure.
quietly() {
	"$@" >"$log" 2>&1 || { tail -n 40 "$log" >&2; echo "failed: $*" >&2; exit 1; }
}

mkdir -p "$build"
step 'packages'
"$here/packages.sh" build vm ${arch:+"$arch"}
step "kernel $kernel of the distribution, as data"
headers=$("$here/kernels.sh" headers "$kernel")
release=$("$here/kernels.sh" release "$kernel")
step "the module for $release"
quietly "${cross[@]}" make -C "$top" -j"$(nproc)" modules KDIR="$headers" MODULE_DIR="$modules" \
	${arch:+NDSHM_PROTOTYPES=1}
step 'the library, the command and the driver'
quietly "${cross[@]}" make -C "$top" -j"$(nproc)" userlib BUILD="$build"
export NDSHM_BUILD=$build NDSHM_KO=$modules/ndshm.ko
# demo [OPTION]... -- COMMAND...: with these options of run.sh.
demo() { "$here/run.sh" --kernel "$kernel" --name "demo${arch:+-$arch}" --iommu --wire --timeout 300 --quiet "$@"; }
step 'a virtual machine with an IOMMU and two network cards, wired back to back'
demo -- "$here/demo-guest.sh"
if [[ $arch ]]; then
	prototype=$modules/kernel/prototypes/82574/ndshm_82574.ko
	step 'the same, and devices do not see the caches'
	demo --not-coherent -- "$here/demo-guest.sh"
	for option in '' --not-coherent; do
		step "the driver in the kernel${option:+, and devices do not see the caches}"
		demo $option -- "$here/demo-guest.sh" "$prototype"
	done
fi
step 'done'
