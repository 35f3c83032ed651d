#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh [PATCH]...: plant the fault of each patch (default: all of this directory that are found by
# `make test`) in a copy of the last commit, and run the tests there (TEST, by default `make test`), which
# must build and fail. Prints TAP, and as the last line N passed, N failed.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
top=$(cd -- "$here/../.." && pwd -P)
. "$top/selftests/vm/lib.sh"

# One copy for all, so that each patch compiles only the files that it changes.
work=$(realpath -m -- "${BUILD:-$top/build}/mutants")
rm -rf -- "${work:?}"
mkdir -p -- "$work"
git clone -q --shared "$top" "$work/ndshm"
unset BUILD
cd -- "$work/ndshm"

tests() { bash -c "${TEST:-make test}" >"$work/$1.log" 2>&1 </dev/null; }
# Tests that fail anyway would find every fault.
tests none || die "the tests fail without a fault: $(tail -n 1 -- "$work/none.log"); see $work/none.log"

if [[ $# -eq 0 ]]; then
	mapfile -t patches < <(grep -lx 'Found by: make test' -- "$here"/*.patch)
	set -- "${patches[@]}"
fi
number=0 alive=0
for patch; do
	name=$(basename -- "$patch" .patch) number=$((number + 1))
	patch=$(realpath -- "$patch")
	git apply "$patch" || { alive=$((alive + 1)); echo "not ok $number - $name: does not apply"; continue; }
	tests "$name" || true
	git apply --reverse "$patch"
	# Without the line the tests have not run. Behind it is that of make.
	verdict=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$work/$name.log") || verdict="not run: $(tail -n 1 -- "$work/$name.log")"
	[[ $verdict == *passed* && $verdict != *' 0 failed' ]] || { alive=$((alive + 1)); printf 'not '; }
	echo "ok $number - $name: $verdict"
	grep -m 3 -E '(^|: )(# )*not ok ' "$work/$name.log" | sed 's/^/# /' || true
done
printf '1..%d\n%d passed, %d failed\n' "$number" $((number - alive)) "$alive"
[[ $alive -eq 0 ]]
