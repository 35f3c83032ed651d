#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-named-tests.sh: does each numbered rule of a page have a row of tests, and does every
# test that a row names exist? The rows are in the page itself (hacking/pitfalls.rst) or in a
# matrix beside the tests (selftests/ndis.matrix, selftests/lsa.matrix). Where the name of a test
# states the kind of the rule, do both agree? Prints each fault, and fails if there is one.
set -euo pipefail

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd -- "$top"

wrong=0
fault() {
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
	user/*.sh) [[ -x userlib/tests/${name#user/} ]] ;;
	*.sh) [[ -x selftests/$name ]] ;;
	user/*) has "(RUN|[A-Z_]*TEST)\(${case}[,)]" "userlib/tests/${program#user/}.c" ;;
	lint.*) has "check_$case\(\) *\{" selftests/lint/lint.sh ;;
	check.*) grep -qE "^${case}[[:blank:]]+(stock|-)[[:blank:]]" selftests/vm/levels.table ;;
	check-debug.*) grep -qE "^${case}[[:blank:]]+debug[[:blank:]]" selftests/vm/levels.table ;;
	fail_nth.*) has "(\.name = |[A-Z_]+\()\"$case\"," selftests/fail_points/*.c ;;
	ndshm_*.*)
		has "KUNIT_CASE(_PARAM)?\(${case}[,)]" "$(grep -ls "name = .$program\"" kernel/tests/kunit/*.c | head -1)"
		;;
	*.*)
		has "(TEST(_F|_F_TIMEOUT|_SIGNAL)?\(([a-z0-9_]+, *)?|CASE(_CACHES)?\()${case}[,)]" "selftests/$program.c" \
			"selftests/lib/ndshm_${program}_cases.h"
		;;
	*) false ;;
	esac
}

# The rules of $page: number, a blank, everything up to the next rule in one line.
rules() {
	awk '
		/^   \* - [0-9]+$/ { if (row != "") print row; row = $3; next }
		/^[^ ]/ { if (row != "") print row; row = "" }
		row != "" { gsub(/^ +/, ""); row = row " " $0 }
		END { if (row != "") print row }' "$page"
}

# The rows of $matrix: number, a blank, the tests.
matrix_rows() {
	awk '
		/^#/ { next }
		/^[0-9]+\t/ { if (row != "") print row; row = $0; gsub(/\t/, " ", row); next }
		/^\t/ && row != "" { gsub(/^\t/, ""); row = row " " $0; next }
		{ print "0 " $0 }
		END { if (row != "") print row }' "$matrix"
}

# The rows of tests: of the matrix, else of the last column of the page.
rows() {
	if [[ $matrix ]]; then
		matrix_rows
	else
		rules | sed -E 's/^([0-9]+) .* - /\1 /'
	fi
}

# numbered COUNT: the numbers of standard input are 1 to COUNT, each once.
numbered() {
	local same
	same=$(diff <(seq "$1") <(cut -d ' ' -f 1 | sort -n)) ||
		fault "${2}numbers that are missing (<) or too many (>):
$(grep '^[<>]' <<<"$same")"
}

# check PAGE MATRIX COUNT [UP_TO WORD [OTHER]]: each of COUNT rules has a row; up to that number each
# row names a test that has the word, and behind it one that has the other word.
check() {
	local page=$1 matrix=$2 count=$3 up_to=${4:-0} word=${5:-} other=${6:-} number tests names name columns=3

	[[ ! $matrix ]] || columns=2
	numbered "$count" '' <<<"$(rules)"
	numbered "$count" "$matrix: " <<<"$(rows)"
	while read -r number tests; do
		[[ $(grep -oE '(^| )- [^ ]' <<<"$tests" | wc -l) -eq $((columns - 1)) ]] ||
			fault "rule $number does not have $columns columns"
	done <<<"$(rules)"
	while read -r number tests; do
		names=$(grep -oE '``[^`]+``' <<<"$tests" | tr -d '`' | grep -E '[./]' | sort -u) || true
		[[ ! $matrix ]] || names=$(tr ' ' '\n' <<<"$tests")
		[[ $names || (! $matrix && ($tests == 'Not yet: with '* || $tests == 'Cannot happen here: '*)) ]] ||
			fault "row $number names no test, and does not say why"
		((number > up_to)) || [[ $names == *"$word"* ]] ||
			fault "row $number names no test that has $word in its name"
		((number <= up_to)) || [[ $names == *"$other"* ]] ||
			fault "row $number names no test that has $other in its name"
		for name in $names; do
			exists "$name" || fault "row $number: there is no $name"
		done
	done <<<"$(rows)"
}

# sorted_out PAGE MATRIX FILE UP_TO: each case of a program is in a row of the kind that its name
# states, and in none of the other kind.
sorted_out() {
	local page=$1 matrix=$2 file=$3 up_to=$4 case first second text
	first=$(rows | awk -v last="$up_to" '$1 <= last { print $0 " " }')
	second=$(rows | awk -v last="$up_to" '$1 > last { print $0 " " }')
	for case in $(cat "$file" selftests/lib/ndshm_ndis_cases.h | tr '\n\t' '  ' |
		grep -oE '(TEST_F\([a-z]+, *|CASE(_CACHES)?\()[a-z0-9_]+' | sed 's/.*[, (]//'); do
		case $case in
		ndis_*) text=$first ;;
		own_*) text=$second ;;
		# Of the program, and of no call.
		all_of_them|names|name) continue ;;
		*)
			fault "is $case of $file documented (ndis_), or a choice of ndshm (own_)?"
			continue
			;;
		esac
		[[ $text == *" ndis.$case "* ]] || fault "$case is in no row of the kind that its name states"
	done
	[[ $first != *.own_* && $second != *.ndis_* ]] || fault "a row has cases of the other kind"
}

check Documentation/hacking/pitfalls.rst '' 76
check Documentation/use/lsa.rst selftests/lsa.matrix 24 11 lsa_
check Documentation/driver/ndis.rst selftests/ndis.matrix 58 19 ndis.ndis_ ndis.own_
sorted_out Documentation/driver/ndis.rst selftests/ndis.matrix selftests/ndis.c 19
[[ $wrong -eq 0 ]]
