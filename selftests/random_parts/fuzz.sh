#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh PROGRAM [OPTION]...: in a throw-away guest of run.sh, load the module and run PROGRAM
# (selftests' `random`) with the options. NDSHM_KO is the module; NDSHM_COVERAGE is loaded if set.
# New programs (corpus/) and coverage (coverage) are left in the run directory.
set -euo pipefail

[[ ${NDSHM_VM:-} ]] || { echo 'fuzz.sh: not outside a guest of selftests/vm/run.sh' >&2; exit 2; }
# The kernel's periodic scan would only cost time.
echo scan=off 2>/dev/null >/sys/kernel/debug/kmemleak || true
[[ -z ${NDSHM_COVERAGE:-} ]] || insmod "$NDSHM_COVERAGE"
insmod "${NDSHM_KO:?}"
recorder=${NDSHM_KO%/*}/kernel/tests/ndshm_recorder.ko
[[ ! -e $recorder ]] || insmod "$recorder"
mkdir -p "$NDSHM_VM_DIR/corpus"
# Let the kernel log where a fatal signal hit the driver.
echo 1 >/proc/sys/kernel/print-fatal-signals

code=0
"$1" --out "$NDSHM_VM_DIR/corpus" "${@:2}" || code=$?

rmmod ndshm
[[ -z ${NDSHM_COVERAGE:-} ]] || cat /sys/kernel/debug/ndshm_coverage >"$NDSHM_VM_DIR/coverage"
exit "$code"
