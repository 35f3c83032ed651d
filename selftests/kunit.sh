#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kunit.sh: in a guest whose kernel has KUnit, loads the module NDSHM_KUNIT and the one
# beside it that tests the pure logic alone, and prints the results of their suites as TAP.
# NDSHM_KO is loaded first if it is not there yet. NDSHM_SEED=N repeats the random
# sequences of a run that said seed=N.
set -uo pipefail

# All of them: a suite that is not there is missed, and so is one that is not listed.
declare -A suites=(
	[ndshm_kunit]='reason headers params segments queue_state registry provider handles handles_many revoke_cb block blockset queue packet request charge extent_map policy ndis'
	[ndshm_kunit_alone]='reason headers params segments queue_state registry extent_map block_table large_block_table'
)
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

run_module() {
	local file=$1 module suite prefix
	module=$(basename -- "$file" .ko)
	prefix=${module/#ndshm_kunit/ndshm}
	check "$module: insmod" insmod "$file" seed="${NDSHM_SEED:-0}"
	for suite in ${suites[$module]}; do show_suite "${prefix}_$suite"; done
	for suite in "$results/${prefix}"_*; do
		suite=${suite##*/"${prefix}"_}
		[[ " ${suites[$module]} " == *" $suite "* || ($prefix == ndshm && $suite == alone_*) ]] ||
			answer 'not ok' "$module: suite $suite is not listed here"
	done
	check "$module: rmmod" rmmod "$module"
}

[[ -d $results ]] || { echo '1..0 # SKIP this kernel has no KUnit'; exit 4; }
# First, while ndshm.ko may not be there: it is not needed.
run_module "${NDSHM_KUNIT%.ko}_alone.ko"
[[ -d /sys/module/ndshm ]] || check 'ndshm: insmod' insmod "$NDSHM_KO"
run_module "$NDSHM_KUNIT"
echo "1..$number"
[[ $failures -eq 0 ]]
