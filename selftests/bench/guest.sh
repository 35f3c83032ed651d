#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh [OPTION]...: the part of run.sh that runs in the virtual machine, in the
# build directory. The options are those of the program.
set -euo pipefail

card=0000:00:11.0
cgroup=/sys/fs/cgroup/bench

# udmabuf may be built in or missing; a missing peer is not in the tables.
modprobe -q udmabuf || true
insmod ndshm.ko

# The rows of an unprivileged user: in a cgroup that accounts memory.
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir -p "$cgroup"
chmod 666 /dev/ndshm /dev/dma_heap/system 2>/dev/null || true
ulimit -l unlimited
ulimit -n 20000
echo 128 >/proc/sys/vm/nr_hugepages

# The tails: more to read than the machine has memory, and a cgroup that is too small for it.
modprobe -q loop || true
truncate -s 16G /tmp/much
losetup --direct-io=off -r /dev/loop0 /tmp/much || true
mkdir -p "${cgroup%/*}/neighbour"
echo 64M >"${cgroup%/*}/neighbour/memory.max"

# The rows of a card: in a group of its own, with a strict domain.
echo DMA >"/sys/bus/pci/devices/$card/iommu_group/type"
echo ndshm_pci >"/sys/bus/pci/devices/$card/driver_override"
echo "$card" >/sys/bus/pci/drivers_probe

insmod ndshm_bench.ko

# Fixed addresses: the position of a mapping decides whether it needs a page
# table of its own.
exec setarch --addr-no-randomize ./ndshm-bench --output bench.json "$@"
