#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The main use case from scratch: build, boot, bind a network card behind an
# IOMMU, drive it from user space with ndshm's memory, and ping it from the
# kernel.
set -euo pipefail

here=$(cd "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
build=${BUILD:-$top/build}
kernel=${KERNEL:-6.12}
log=$build/demo.log
start=$SECONDS

step() { printf '[%3d s] %s\n' $((SECONDS - start)) "$*"; }

# Write long output to a file, and show its end after a failure.
quietly() {
	"$@" >"$log" 2>&1 || { tail -n 40 "$log" >&2; echo "failed: $*" >&2; exit 1; }
}

mkdir -p "$build"
step 'packages'
"$here/packages.sh" build vm
step "kernel $kernel of the distribution, as data"
headers=$("$here/kernels.sh" headers "$kernel")
release=$("$here/kernels.sh" release "$kernel")
step "the module for $release"
quietly make -C "$top" -j"$(nproc)" modules KDIR="$headers" MODULE_DIR="$build/modules/$kernel"
step 'the library, the command and the driver'
quietly make -C "$top" -j"$(nproc)" userlib
step 'a virtual machine with an IOMMU and two network cards, wired back to back'
export NDSHM_BUILD=$build NDSHM_KO=$build/modules/$kernel/ndshm.ko
"$here/run.sh" --kernel "$kernel" --name demo --iommu --wire --timeout 300 --quiet -- "$here/demo-guest.sh"
step 'done'
