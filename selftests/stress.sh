#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# stress.sh PROGRAM [PART]...: the long form of the stress test, in a guest with an edu
# device: loads the module, runs PROGRAM (selftests' `stress`), unloads the module.
#
# NDSHM_KO is ndshm.ko, NDSHM_MOCK ndshm_mock.ko. NDSHM_SCALE=N: N percent of ten thousand
# kills and deaths, and a thousand unbinds; NDSHM_SCALE and NDSHM_SEED are also the program's.
set -uo pipefail

scale=${NDSHM_SCALE:-100} program=$1 code=0
shift

insmod "$NDSHM_KO" || exit 1
"$program" --kills $((100 * scale)) --deaths $((100 * scale)) --unbinds $((10 * scale)) \
	"$@" || code=$?
if ! rmmod ndshm || [[ -e /dev/ndshm || -e /sys/module/ndshm ]]; then
	echo '# ndshm cannot be unloaded after the stress'
	code=1
fi
exit "$code"
