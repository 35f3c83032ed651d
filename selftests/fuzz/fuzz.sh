#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz.sh OUTPUT [OPTION]...: in a throw-away guest of run.sh, load the modules and run
# OUTPUT/ndshm-fuzz with the corpus and the options. NDSHM_KO is the module; NDSHM_MOCK and
# NDSHM_COVERAGE are loaded if set, and with the mock the NDIS cases in the same directory. New
# programs (corpus/) and coverage (coverage) are left in the run directory.
set -euo pipefail

[[ ${NDSHM_VM:-} ]] || { echo 'fuzz.sh: not outside a guest of selftests/vm/run.sh' >&2; exit 2; }
here=$(cd "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
output=${1:?fuzz.sh OUTPUT [OPTION]...}
shift
# The kernel's periodic scan would only cost time.
echo scan=off 2>/dev/null >/sys/kernel/debug/kmemleak || true
[[ -z ${NDSHM_COVERAGE:-} ]] || insmod "$NDSHM_COVERAGE"
insmod "${NDSHM_KO:?}"
if [[ ${NDSHM_MOCK:-} ]]; then
	insmod "$NDSHM_MOCK"
	insmod "${NDSHM_MOCK%/*}/ndshm_ndis_cases.ko"
fi
recorder=${NDSHM_KO%/*}/kernel/tests/ndshm_recorder.ko
[[ ! -e $recorder ]] || insmod "$recorder"
mkdir -p "$NDSHM_VM_DIR/corpus"
# Let the kernel log where a fatal signal hit the fuzzer.
echo 1 >/proc/sys/kernel/print-fatal-signals

code=0
"$output/ndshm-fuzz" --corpus "$here/corpus" --out "$NDSHM_VM_DIR/corpus" "$@" || code=$?

[[ -z ${NDSHM_MOCK:-} ]] || rmmod ndshm_mock ndshm_ndis_cases
rmmod ndshm
[[ -z ${NDSHM_COVERAGE:-} ]] || cat /sys/kernel/debug/ndshm_coverage >"$NDSHM_VM_DIR/coverage"
exit "$code"
