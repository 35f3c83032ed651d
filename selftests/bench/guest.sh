#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh [OPTION]...: the half of run.sh that runs in the virtual machine, in the
# directory where everything was built. The options are the program's.
set -euo pipefail

# It may be built in, or the kernel may lack it: then it is not in the tables.
modprobe -q udmabuf || true
insmod ndshm.ko
insmod ndshm_bench.ko
# Where a mapping lies decides whether it needs a page of page tables of its own.
exec setarch --addr-no-randomize ./ndshm-bench --output bench.json "$@"
