#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-debug-guest.sh OUTPUT leaks|others: in a guest with a debug kernel, run the
# kselftest programs built in OUTPUT and compare the kernel's counters before and after.
# `leaks`: the programs that together use every way to allocate, with kmemleak and
# page_owner, which take most of the time. `others`: KUnit, more kills by `random`, and the other
# programs except the 32-bit ones, which run the same code. With NDSHM_SHARD=0 to 7 `leaks`
# runs every second program, `others` every fourth. Leaves the reached call sites in the run
# directory.
set -uo pipefail

output=$1 which=$2
# The order puts the two longest programs into different halves.
leaks=(random fail_nth mock mock_revoke provider ndis unload)
top=$(cd "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
baseline=$output/baseline

number=0 bad=0
check() {
	number=$((number + 1))
	if "${@:2}"; then echo "ok $number selftests: $1"; else echo "not ok $number selftests: $1"; bad=1; fi
}

programs() {
	if [[ $which == leaks ]]; then
		printf '%s\n' "${leaks[@]}"
	else
		echo
		echo random
		grep -vxE "$(IFS='|' && echo "${leaks[*]}")|.*_32" "$output.list"
	fi | awk -v shard="${NDSHM_SHARD:+$((NDSHM_SHARD / 2))}" -v parts="$([[ $which == leaks ]] && echo 2 || echo 4)" \
		'(shard == "" || (NR + 1) % parts == shard % parts) && NF'
}

kills=300
[[ -z ${NDSHM_SHARD:-} ]] || kills=75
if [[ $which == leaks ]]; then
	kills=50
	# The kernel's periodic scan would only cost time.
	echo scan=off >/sys/kernel/debug/kmemleak
fi
# These are the numbers for the usual scale, which is 10 on debug kernels.
scaled() { echo $(($1 * ${NDSHM_SCALE:-10} / 10 ? $1 * ${NDSHM_SCALE:-10} / 10 : 1)); }
random=(--kills "$(scaled "$kills")")
insmod "$NDSHM_COVERAGE"
check 'the baseline is taken' "$baseline" take /tmp/baseline
check 'insmod' insmod "$NDSHM_KO"
[[ $which == leaks ]] || "$top/selftests/kunit.sh" || bad=1

# Like run_kselftest.sh, whose own processes would take longer here than most of the
# programs.
run_program() {
	local code began=$SECONDS
	local -a arguments=()
	[[ $1 != random ]] || arguments=("${random[@]}")
	echo "# $1"
	(cd "$output" && exec "./$1" "${arguments[@]}") 2>&1 </dev/null | sed -u 's/^/# /'
	code=${PIPESTATUS[0]}
	number=$((number + 1))
	echo "# $1 took $((SECONDS - began)) s"
	case $code in
	0) echo "ok $number selftests: $1" ;;
	4) echo "ok $number selftests: $1 # SKIP" ;;
	*) echo "not ok $number selftests: $1: exit $code"; bad=1 ;;
	esac
}
mapfile -t programs < <(programs)
[[ ${#programs[@]} -ge 3 ]] || { echo 'not ok - there are no programs'; bad=1; }
for program in "${programs[@]}"; do run_program "$program"; done

# Processes of the last program may still be ending.
unloaded_soon() {
	local patience=$((SECONDS + 10))
	until rmmod ndshm; do
		[[ $SECONDS -lt $patience ]] || return
		sleep 0.2
	done
}

number=0
check 'rmmod' unloaded_soon
if [[ $which == others ]]; then
	"$baseline" check /tmp/baseline dma_entries || bad=1
else
	"$baseline" check /tmp/baseline || bad=1
fi
cat /sys/kernel/debug/ndshm_coverage >"$NDSHM_VM_DIR/coverage"
exit $bad
