#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh: compare time and memory of the library's heap with malloc of glibc, mimalloc and jemalloc.
# Needs valgrind, strace, libmimalloc2.0 and libjemalloc2, but no kernel module; allocators that are
# not installed are left out. Each row has the number of instructions per pair of an allocation and
# a free, loop included, computed from runs of two lengths. The limit is $factor times the best of
# the other allocators. The last line is: N passed, N failed.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
build=${BUILD:-$here/../../build/bench/heap}
few=200000 many=700000
limit_mean=110 factor=1.5 limit_threads=5

rows=(at-once in-order mixed same)
declare -A what=(
	[at-once]='64 B, freed at once'
	[in-order]='64 B, 1,000 allocated, then freed in order'
	[mixed]='16 B - 64 KiB, 1,000 live, random one replaced'
	[same]='2 KiB, 1,000 live, random one replaced'
)

make -s -C "$here" BUILD="$build" >&2
build=$(cd -- "$build" && pwd -P)
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
passed=0 failed=0

# verdict CONDITION: an arithmetic expression of awk
verdict() {
	if awk "BEGIN { exit !($1) }"; then
		passed=$((passed + 1))
		echo PASS
	else
		failed=$((failed + 1))
		echo FAIL
	fi
}

# instructions PRELOAD ALLOCATOR ROW PAIRS [THREADS]: number for the busiest thread
instructions() {
	local preload=$1
	shift
	rm -f -- "$scratch"/callgrind*
	LD_PRELOAD=$preload valgrind -q --tool=callgrind --separate-threads=yes \
		--callgrind-out-file="$scratch/callgrind" "$build/heap" "$@" >&2
	awk '/^totals:/ && $2 > most { most = $2 } END { print most }' "$scratch"/callgrind-*
}

# pair PRELOAD ALLOCATOR ROW [THREADS [LIVE]]: number of instructions of one pair
pair() {
	local low high
	low=$(instructions "$1" "$2" "$3" $few "${@:4}")
	high=$(instructions "$1" "$2" "$3" $many "${@:4}")
	echo $(((high - low + (many - few) / 2) / (many - few)))
}

# Reads all output: otherwise ldconfig gets SIGPIPE, which pipefail makes fatal.
library() { ldconfig -p | awk -v name="$1" '$1 == name && !found++ { print $NF }'; }

# peer LIBRARY ROW: number for malloc of that library, or - if LIBRARY is -
peer() {
	if [[ $1 == - ]]; then echo -; else pair "$1" malloc "$2"; fi
}

mimalloc=$(library libmimalloc.so.2)
jemalloc=$(library libjemalloc.so.2)
format='%-48s %6s %6s %9s %9s %6s  %s\n'
# shellcheck disable=SC2059 # one format for all rows
row() { printf "$format" "$@"; }

row 'instructions a pair' ndshm glibc mimalloc jemalloc limit ''
product=1
for name in "${rows[@]}"; do
	ours=$(pair '' ndshm "$name")
	glibc=$(pair '' malloc "$name")
	mi=$(peer "${mimalloc:--}" "$name")
	je=$(peer "${jemalloc:--}" "$name")
	best=$(printf '%s\n' "$glibc" "$mi" "$je" | awk '/[0-9]/ && (!n++ || $1 < least) { least = $1 } END { print least }')
	limit=$(awk "BEGIN { print int($best * $factor) }")
	said=$scratch/said
	verdict "$ours <= $limit" >"$said"
	row "${what[$name]}" "$ours" "$glibc" "$mi" "$je" "$limit" "$(<"$said")"
	product="$product * $ours"
done
mean=$(awk "BEGIN { printf \"%.1f\", ($product) ^ 0.25 }")
verdict "$mean <= $limit_mean" >"$said"
row 'geometric mean' "$mean" '' '' '' $limit_mean "$(<"$said")"

# A thread that changes between two sections finds its other cache without a lock.
one=$(pair '' ndshm at-once)
two=$(pair '' two-sections at-once)
verdict "$two <= 2 * $one" >"$said"
row "${what[at-once]}, of two sections in turn" "$two" '' '' '' $((2 * one)) "$(<"$said")"

echo
# The same number of live blocks in total, because the search for a free place depends on it.
for name in "${rows[@]}"; do
	one=$(pair '' ndshm "$name" 1 2000)
	two=$(pair '' ndshm "$name" 2)
	more=$(awk "BEGIN { printf \"%.1f\", ($two - $one) * 100 / $one }")
	verdict "$more <= $limit_threads" >"$said"
	printf '%-48s %s, of two threads with half alive each %s: %s %%, limit %s  %s\n' "${what[$name]}" \
		"$one" "$two" "$more" $limit_threads "$(<"$said")"
done

echo
# System calls in the steady state: the difference between a longer and a shorter run.
calls() {
	strace -f -qq -o "$scratch/strace" "$build/heap" ndshm "$@" >&2
	wc -l <"$scratch/strace"
}
for name in "${rows[@]}"; do
	more=$(($(calls "$name" 2000000) - $(calls "$name" 1000000)))
	verdict "$more <= 0" >"$said"
	printf '%-48s %s system calls a million pairs  %s\n' "${what[$name]}" "$more" "$(<"$said")"
done

echo
if "$build/footprint" ndshm; then verdict 1; else verdict 0; fi >"$said"
cat "$said"

echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
