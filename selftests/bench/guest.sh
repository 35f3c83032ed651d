#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh [OPTION]...: the part of run.sh that runs in the virtual machine, in the
# build directory. The options are those of the program.
set -euo pipefail

# udmabuf may be built in or missing; a missing peer is not in the tables.
modprobe -q udmabuf || true
insmod ndshm.ko
insmod ndshm_bench.ko
# Fixed addresses: the position of a mapping decides whether it needs a page
# table of its own.
exec setarch --addr-no-randomize ./ndshm-bench --output bench.json "$@"
