#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# storm.sh PROGRAM [PART]...: the long form of the storm, in a guest with an edu
# device: loads the module, runs PROGRAM (selftests' `storm`), unloads the module.
#
# NDSHM_KO is ndshm.ko, NDSHM_MOCK ndshm_mock.ko. NDSHM_STORM_KILLS (10000),
# NDSHM_STORM_DEATHS (as many), NDSHM_STORM_UNBINDS (1000), NDSHM_STORM_REQUESTS (100000)
# and NDSHM_SEED are the program's.
set -uo pipefail

export NDSHM_STORM_KILLS=${NDSHM_STORM_KILLS:-10000}
export NDSHM_STORM_DEATHS=${NDSHM_STORM_DEATHS:-$NDSHM_STORM_KILLS}
export NDSHM_STORM_UNBINDS=${NDSHM_STORM_UNBINDS:-1000}
export NDSHM_STORM_REQUESTS=${NDSHM_STORM_REQUESTS:-100000}
program=$1 code=0
shift

insmod "$NDSHM_KO" || exit 1
"$program" "$@" || code=$?
if ! rmmod ndshm || [[ -e /dev/ndshm || -e /sys/module/ndshm ]]; then
	echo '# ndshm cannot be unloaded after the storm'
	code=1
fi
exit "$code"
