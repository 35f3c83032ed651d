#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kunit.sh: in a guest whose kernel has KUnit, loads the module NDSHM_KUNIT, which needs no other
# one, and prints the results of its suites as TAP. NDSHM_SEED=N repeats the random sequences of a
# run that said seed=N.
set -uo pipefail

# All of them: a suite that is not there is missed, and so is one that is not listed.
suites='reason registry params queue_state handles revoke_cb block_table large_block_table extent_map ndis'
results=/sys/kernel/debug/kunit
number=0 failures=0

# answer WORD NAME: one line, with WORD ok or not ok.
answer() {
	number=$((number + 1))
	echo "$1 $number - $2"
	[[ $1 == ok ]] || failures=$((failures + 1))
}
check() { if "${@:2}"; then answer ok "$1"; else answer 'not ok' "$1"; fi; }

# The results of one suite: a line a case, and its messages as comments. A suite stands on
# its own: its cases are those that it planned, and at least one of them ran.
show_suite() {
	local suite=$1 file=$results/$1/results line planned=0 seen=0 ran=0
	if [[ ! -r $file ]]; then
		answer 'not ok' "$suite: there is no such suite"
		return
	fi
	while IFS= read -r line; do
		if [[ $line =~ ^\ {4}1\.\.([0-9]+)$ ]]; then
			planned=${BASH_REMATCH[1]}
		elif [[ $line =~ ^\ {4}(ok|not\ ok)\ [0-9]+\ (.*)$ ]]; then
			seen=$((seen + 1))
			[[ ${BASH_REMATCH[2]} == *'# SKIP'* ]] || ran=$((ran + 1))
			answer "${BASH_REMATCH[1]}" "$suite.${BASH_REMATCH[2]}"
		elif [[ $line =~ ^\ {5,}ok\ |KTAP\ version|^\ +1\.\.|^(not\ )?ok\  ]]; then
			:
		else
			echo "# $line"
		fi
	done <"$file"
	check "$suite: all of its $planned cases ran" [ "$seen" -eq "$planned" -a "$ran" -gt 0 ]
}

[[ -d $results ]] || { echo '1..0 # SKIP this kernel has no KUnit'; exit 4; }
check 'insmod' insmod "$NDSHM_KUNIT" seed="${NDSHM_SEED:-0}"
for suite in $suites; do show_suite "ndshm_$suite"; done
for suite in "$results"/ndshm_*; do
	suite=${suite##*/ndshm_}
	[[ " $suites " == *" $suite "* ]] || answer 'not ok' "suite $suite is not listed here"
done
check 'rmmod' rmmod ndshm_kunit
echo "1..$number"
[[ $failures -eq 0 ]]
