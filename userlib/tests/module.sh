#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# module.sh TESTS [BENCH]: the cache of blocks, the LSA calls, copies and the library's allocator on
# the module, which must be loaded: with a peer that overwrites the section, and in children
# of fork(). With the programs in BENCH also the memory of a section and the number of
# system calls. TESTS and BENCH are build directories. NDSHM_LONG=1: ten million
# operations with the peer, 3,000 children, and two cycles of the footprint test instead
# of one. The bindings' tests and examples are run with BENCH, too. NDSHM_SCALE=N: N percent of the usual numbers.
set -uo pipefail

tests=$1 bench=${2:-}
percent=${NDSHM_SCALE:-100}
operations=$((1000 * percent)) forks=$((percent / 2)) footprint=5000000
# At least two children of each kind.
[[ $forks -ge 12 ]] || forks=12
[[ -z ${NDSHM_LONG:-} ]] || operations=10000000 forks=3000 footprint=10000000

bad=0 number=0
check() {
	number=$((number + 1))
	if "${@:2}"; then echo "ok $number - $1"; else echo "not ok $number - $1"; bad=1; fi
}

# Get the total of strace's table.
calls_of() {
	strace -c -f -qq -o /tmp/strace "$bench/heap" module "$@" >/dev/null || return 1
	awk '$NF == "total" { print $4 }' /tmp/strace
}
# Expect that the second million pairs makes no further system call.
no_system_calls() {
	local one two
	one=$(calls_of "$1" 1000000) && two=$(calls_of "$1" 2000000) || return 1
	echo "# $1: $one system calls with a million pairs, $two with two"
	[[ $one -gt 0 && $two -le $one ]]
}

NDSHM_TEST_BACKEND=/dev/ndshm "$tests/lsa" || bad=1
NDSHM_TEST_BACKEND=/dev/ndshm "$tests/section_heap" || bad=1
NDSHM_TEST_BACKEND=/dev/ndshm "$tests/section_dma" || bad=1
NDSHM_TEST_BACKEND=/dev/ndshm "$tests/loan" || bad=1
NDSHM_TEST_BACKEND=/dev/ndshm "$tests/mappings" || bad=1
NDSHM_TEST_BACKEND=/dev/ndshm "$tests/cache" || bad=1
"$tests/module_heap" "$operations" "$forks" || bad=1
[[ $bench ]] || exit $bad
"$(dirname "$0")/../bindings/check.sh" "$tests/../bindings" /dev/ndshm || bad=1

check 'what a section has of memory is no more than 1.25 of what lives' "$bench/footprint" module $footprint
for row in at-once in-order mixed same; do
	check "the second million pairs makes no system call: $row" no_system_calls "$row"
done
exit $bad
