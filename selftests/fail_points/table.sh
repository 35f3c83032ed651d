#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# table.sh [GROUP]...: counts the points of failure of all commands, or of those groups', on
# each debug kernel, and writes selftests/fail_nth.table. For a change of the module that
# moves them; the difference is to be explained by it. KERNELS="6.12-debug 7.2-debug" says
# which kernels, NDSHM_KO that module for the only one of them, which is built otherwise.
set -euo pipefail

top=$(cd "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
vm=$top/selftests/vm table=$top/selftests/fail_nth.table
# shellcheck source=../vm/lib.sh
. "$vm/lib.sh"
# shellcheck source=../vm/machine.sh
. "$vm/machine.sh"
BUILD=${BUILD:-$top/build}
mapfile -t machine < <(machine_options all,kmemleak)
kselftest=$("$vm/kernels.sh" source 6.12)/tools/testing/selftests
programs=$BUILD/selftests/programs
output=$(mktemp)
trap 'rm -f -- "$output"' EXIT

for kernel in ${KERNELS:-6.12-debug 7.2-debug}; do
	modules=$BUILD/modules/$kernel
	[[ ${NDSHM_KO:-} ]] ||
		make -s -C "$top" -j"$(nproc)" modules KDIR="$("$vm/kernels.sh" headers "$kernel")" \
			MODULE_DIR="$modules" NDSHM_TEST=1 NDSHM_TEST_MODULES=1 NDSHM_COVERAGE=1 NDSHM_PROTOTYPES=1
	make -s -C "$top/selftests" -j"$(nproc)" KSELFTEST_DIR="$kselftest" OUTPUT="$programs" "$programs/fail_nth"
	ko=${NDSHM_KO:-$modules/ndshm.ko} name=table-${kernel##*/}
	# The table goes out with the run directory, which is where the guest may write.
	# shellcheck disable=SC2016
	NDSHM_KO=$ko NDSHM_MOCK=${ko%/*}/kernel/tests/ndshm_mock.ko \
		"$vm/run.sh" --kernel "$kernel" --name "$name" "${machine[@]}" --timeout 3000 -- \
		bash -c 'insmod "${NDSHM_KO%/*}/kernel/tests/ndshm_coverage.ko" && insmod "$NDSHM_KO" &&
			"$1" --table "$NDSHM_VM_DIR/table" "${@:2}"' - "$programs/fail_nth" "$@" >"$output" ||
		{ grep -E '^(not ok|#.*(point|wrong))' -- "$output" >&2; die "not all could be counted on $kernel"; }
	{
		grep '^#' -- "$cache/runs/$name/guest/table"
		grep -v '^#' -- "$cache/runs/$name/guest/table" | sort -s -k 1,1V
	} >"$output"
	cp -- "$output" "$table"
done
git -C "$top" --no-pager diff --stat -- "$table"
