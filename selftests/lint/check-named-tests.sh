#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-named-tests.sh: do the pages whose tables name tests have each number once, and does
# every test that they name exist? Where a test's name says whether it is of what is documented or
# of what is ours, is it in that table? Prints what is wrong, and fails if something is.
set -euo pipefail

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd -- "$top"

wrong=0
complain() {
	echo "$page: $*"
	wrong=1
}

# has ERE FILE...: files that are not there have nothing.
has() {
	grep -qE -- "$1" <<<"$(cat -- "${@:2}" 2>/dev/null | tr '\n\t' '  ')"
}

# Is there a test of that name? The kinds of names are those of the first table in hacking/pitfalls.rst.
exists() {
	local name=$1 program=${1%.*} case=${1##*.}

	case $name in
	*.sh) [[ -x selftests/$name ]] ;;
	user/*) has "RUN\($case\)" "userlib/tests/${program#user/}.c" ;;
	lint.*) has "check_$case\(\) *\{" selftests/lint/lint.sh ;;
	check.*) grep -qE "^${case}[[:blank:]]+(stock|-)[[:blank:]]" selftests/vm/levels.table ;;
	check-debug.*) grep -qE "^${case}[[:blank:]]+debug[[:blank:]]" selftests/vm/levels.table ;;
	storm.*) has "\{ \"$case\"," selftests/storm.c ;;
	fail_nth.*) has "(\.name = |[A-Z_]+\()\"$case\"," selftests/fail_points/*.c ;;
	ndshm_*.*)
		has "KUNIT_CASE(_PARAM)?\(${case}[,)]" "$(grep -ls "SUITE_NAME(\"${program#ndshm_}\")" kernel/tests/kunit/*.c | head -1)"
		;;
	*.*) has "TEST(_F|_F_TIMEOUT|_SIGNAL)?\(([a-z0-9_]+, *)?${case}[,)]" "selftests/$program.c" ;;
	*) false ;;
	esac
}

# A row: number, a blank, everything from there to the next row in one line.
rows() {
	awk '
		/^   \* - [0-9]+$/ { if (row != "") print row; row = $3; next }
		/^[^ ]/ { if (row != "") print row; row = "" }
		row != "" { gsub(/^ +/, ""); row = row " " $0 }
		END { if (row != "") print row }' "$page"
}

# check PAGE ROWS [UP_TO WORD [OTHER]]: to that number, each row names a test that has the word, and
# behind it one that has the other word.
check() {
	local page=$1 count=$2 up_to=${3:-0} word=${4:-} other=${5:-} number row tests names name same

	same=$(diff <(seq "$count") <(rows | cut -d ' ' -f 1 | sort -n)) ||
		complain "numbers that are missing (<) or too many (>):
$(grep '^[<>]' <<<"$same")"
	while read -r number row; do
		# What is behind the second column's dash.
		tests=${row##* - }
		[[ $row == "- "*" - "* && $tests ]] || complain "line $number does not have three columns"
		names=$(grep -oE '``[^`]+``' <<<"$tests" | tr -d '`' | grep -E '[./]' | sort -u) || true
		[[ $names || $tests == 'Not yet: with '* || $tests == 'Cannot happen here: '* ]] ||
			complain "line $number names no test, and does not say why"
		((number > up_to)) || [[ $names == *"$word"* ]] ||
			complain "line $number names no test that has $word in its name"
		((number <= up_to)) || [[ $names == *"$other"* ]] ||
			complain "line $number names no test that has $other in its name"
		for name in $names; do
			exists "$name" || complain "line $number: there is no $name"
		done
	done <<<"$(rows)"
}

check Documentation/hacking/pitfalls.rst 65
check Documentation/use/lsa.rst 24 11 lsa_

# Which of the two tables has each case of a program: all of them, and none the other's.
sorted_out() {
	local page=$1 file=$2 up_to=$3 case first second text
	first=$(rows | awk -v last="$up_to" '$1 <= last')
	second=$(rows | awk -v last="$up_to" '$1 > last')
	for case in $(tr '\n\t' '  ' <"$file" | grep -oE 'TEST_F\([a-z]+, *[a-z0-9_]+' | sed 's/.*[, ]//'); do
		case $case in
		ndis_*) text=$first ;;
		own_*) text=$second ;;
		# Of the program, and of no call.
		all_of_them|names) continue ;;
		*)
			complain "is $case of $file documented (ndis_), or ours (own_)?"
			continue
			;;
		esac
		[[ $text == *"\`\`ndis.$case\`\`"* ]] || complain "$case is not in the table that its name says"
	done
	[[ $first != *.own_* && $second != *.ndis_* ]] || complain "a table has cases of the other's"
}

check Documentation/driver/ndis.rst 53 19 ndis.ndis_ ndis.own_
sorted_out Documentation/driver/ndis.rst selftests/ndis.c 19
[[ $wrong -eq 0 ]]
