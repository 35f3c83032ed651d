#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# halo_test.sh HALO: four processes compute what one computes, bit by bit, without the module. Last
# line: N passed, N failed.
set -uo pipefail
# shellcheck source=../../../tests/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../../tests/lib.sh"

halo=$1 steps=300
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export NDSHM_BACKEND=memfd:

check() { "${@:2}"; ok "$1"; }
# plate COUNT: the strips of COUNT processes, in order, in the file `plate.COUNT`.
plate() {
	local rank code=0
	local -a processes=()
	mkdir "$dir/$1"
	# The last one first: neighbours are waited for.
	for ((rank = $1 - 1; rank >= 0; rank--)); do
		"$halo" "$dir/$1" "$rank" "$1" "$steps" >"$dir/$1/strip.$(printf %02d "$rank")" &
		processes+=($!)
	done
	for rank in "${processes[@]}"; do wait "$rank" || code=1; done
	cat "$dir/$1"/strip.* >"$dir/plate.$1"
	return "$code"
}
[[ $("$halo" "$dir" 4 4 1 2>&1) == usage:* ]]
check 'usage' [ $? -eq 0 ]
check 'one process' plate 1
check 'the heat has moved' [ "$(tail -n 1 "$dir/plate.1" | grep -o '0x1[^ ]*' | wc -l)" -eq 64 ]
for count in 2 4 12; do
	check "$count processes" plate "$count"
	check "$count processes compute the same" cmp "$dir/plate.1" "$dir/plate.$count"
done
end
