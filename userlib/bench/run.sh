#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh [--module]: compare time and memory of the library's allocator with malloc of glibc,
# mimalloc and jemalloc, and count the instructions of blocks that a context keeps. All rows call
# public functions, without the module; the peers are shared objects as the library is, and in the
# second table archives. Needs valgrind, strace, libmimalloc2.0, libjemalloc2 and libjemalloc-dev, but
# no kernel module; allocators that are not installed are left out. Rows of instructions are those of user space for a pair of an allocation
# and a free, loop included, computed from runs of two lengths. The limit is $factor times the best
# of the other allocators. The last line is: N passed, N failed.
#
# --module: the same rows on a section of the module, in a virtual machine with one processor whose
# clock counts instructions, without valgrind. All costs are instructions, with those of the kernel:
# system calls, page faults, zeroed pages, ticks, and changes of thread in the rows with two threads.
# Each is the median of $rounds results. NDSHM_KO names ndshm.ko for the rig's kernel 6.12.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
build=${BUILD:-$here/../../build/bench/heap}
self=ndshm clock='' rounds=1
export NDSHM_BACKEND=memfd:
few=200000 many=700000
limit_mean=110 factor=1.5 limit_threads=5 limit_block=150

rows=(at-once in-order mixed same)
declare -A what=(
	[at-once]='64 B, freed at once'
	[in-order]='64 B, 1,000 allocated, then freed in order'
	[mixed]='16 B - 64 KiB, 1,000 live, random one replaced'
	[same]='2 KiB, 1,000 live, random one replaced'
	[at-once-300k]='300,000 B, freed at once'
	[at-once-1m]='1 MiB, freed at once'
	[handover-4k]='4 KiB, freed by another thread'
	[handover-64k]='64 KiB, freed by another thread'
	[lend-4k]='4 KiB, returned by another process'
	[lend-64k]='64 KiB, returned by another process'
)

if [[ ${1:-} == --guest ]]; then
	build=$2 self=module NDSHM_BACKEND=/dev/ndshm clock=instructions rounds=5
	insmod "$NDSHM_KO"
	echo 'a section of the module; instructions of user space and kernel'
else
	make -s -C "$here" BUILD="$build" >&2
	build=$(cd -- "$build" && pwd -P)
fi
if [[ ${1:-} == --module ]]; then
	[[ -f ${NDSHM_KO:-} ]] || { echo "${0##*/}: NDSHM_KO must name ndshm.ko" >&2; exit 1; }
	NDSHM_KO=$(realpath -- "$NDSHM_KO")
	export NDSHM_KO
	# Fixed addresses: the position of a mapping decides whether it needs a page table of its own.
	exec "$here/../../selftests/vm/run.sh" --icount --timeout 3600 -- \
		setarch --addr-no-randomize "$here/run.sh" --guest "$build"
fi
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

# instructions PROGRAM PRELOAD ALLOCATOR ROW PAIRS [THREADS]: number for the busiest thread, or if
# the clock counts them, the mean of the threads
instructions() {
	local program=$1 preload=$2
	shift 2
	if [[ $clock ]]; then
		echo $(($(LD_PRELOAD=$preload "$build/$program" "$@") / ${4:-1}))
		return
	fi
	rm -f -- "$scratch"/callgrind*
	LD_PRELOAD=$preload valgrind -q --tool=callgrind --separate-threads=yes \
		--callgrind-out-file="$scratch/callgrind" "$build/$program" "$@" >/dev/null
	awk '/^totals:/ && $2 > most { most = $2 } END { print most }' "$scratch"/callgrind-*
}

# median COUNT: that of the COUNT numbers in standard input
median() { sort -n | sed -n $(($1 / 2 + 1))p; }

# pair PROGRAM PRELOAD ALLOCATOR ROW [THREADS [LIVE]]: number of instructions of one pair
pair() {
	local low high
	for ((run = 0; run < rounds; run++)); do
		low=$(instructions "$1" "$2" "$3" "$4" $few "${@:5}")
		high=$(instructions "$1" "$2" "$3" "$4" $many "${@:5}")
		echo $(((high - low + (many - few) / 2) / (many - few)))
	done | median $rounds
}

# Reads all output: otherwise ldconfig gets SIGPIPE, which pipefail makes fatal.
library() { ldconfig -p | awk -v name="$1" '$1 == name && !found++ { print $NF }'; }

# peer LIBRARY ROW: number for malloc of that library, or - if LIBRARY is -
peer() {
	if [[ $1 == - ]]; then echo -; else pair heap "$1" malloc "$2"; fi
}

# least NUMBER...: the smallest of the arguments that are numbers
least() { printf '%s\n' "$@" | awk '/[0-9]/ && (!n++ || $1 < least) { least = $1 } END { print least }'; }

# mean NUMBER...: geometric mean, or - if an argument is no number
mean() { printf '%s\n' "$@" | awk '/[0-9]/ { sum += log($1); n++ } END { if (n < NR) print "-"; else printf "%.1f\n", exp(sum / n) }'; }

mimalloc=$(library libmimalloc.so.2)
jemalloc=$(library libjemalloc.so.2)
format='%-48s %6s %6s %9s %9s %6s  %s\n'
# shellcheck disable=SC2059 # one format for all rows
row() { printf "$format" "$@"; }
said=$scratch/said
# judged CONDITION COLUMN...: a row that ends with its verdict
judged() { verdict "$1" >"$said"; row "${@:2}" "$(<"$said")"; }

row 'instructions a pair, shared objects' ndshm glibc mimalloc jemalloc limit ''
all_ours=() all_glibc=() all_mi=() all_je=()
for name in "${rows[@]}"; do
	ours=$(pair heap '' $self "$name")
	glibc=$(pair heap '' malloc "$name")
	mi=$(peer "${mimalloc:--}" "$name")
	je=$(peer "${jemalloc:--}" "$name")
	limit=$(awk "BEGIN { print int($(least "$glibc" "$mi" "$je") * $factor) }")
	judged "$ours <= $limit" "${what[$name]}" "$ours" "$glibc" "$mi" "$je" "$limit"
	all_ours+=("$ours") all_glibc+=("$glibc") all_mi+=("$mi") all_je+=("$je")
done
ours=$(mean "${all_ours[@]}") glibc=$(mean "${all_glibc[@]}") mi=$(mean "${all_mi[@]}") je=$(mean "${all_je[@]}")
limit=$(least $limit_mean "$glibc" "$mi" "$je")
judged "$ours <= $limit" 'geometric mean' "$ours" "$glibc" "$mi" "$je" "$limit"

if [[ -x $build/heap-jemalloc ]]; then
	echo
	row 'instructions a pair, archives' ndshm '' '' jemalloc '' ''
	all_ours=() all_je=()
	for name in "${rows[@]}"; do
		ours=$(pair heap-static '' $self "$name")
		je=$(pair heap-jemalloc '' malloc "$name")
		row "${what[$name]}" "$ours" '' '' "$je" '' ''
		all_ours+=("$ours") all_je+=("$je")
	done
	ours=$(mean "${all_ours[@]}") je=$(mean "${all_je[@]}")
	limit=$(least $limit_mean "$je")
	judged "$ours <= $limit" 'geometric mean' "$ours" '' '' "$je" "$limit"
fi

echo
# Large blocks: fewer pairs, as some allocators make system calls for each.
few=200 many=700
row 'instructions a pair, shared objects' ndshm glibc mimalloc jemalloc limit ''
for name in at-once-300k at-once-1m; do
	ours=$(pair heap '' $self "$name")
	je=$(peer "${jemalloc:--}" "$name")
	limit=$([[ $je == - ]] && echo 12000 || echo $((2 * je)))
	glibc=$(pair heap '' malloc "$name") mi=$(peer "${mimalloc:--}" "$name")
	judged "$ours <= $limit" "${what[$name]}" "$ours" "$glibc" "$mi" "$je" "$limit"
done
few=200000 many=700000

echo
# The context keeps the block. Its length is no part of the cost.
row 'instructions a pair, blocks' ndshm '' '' '' limit ''
for length in 4096 65536 2097152; do
	ours=$(pair blocks '' $self $length)
	judged "$ours <= $limit_block" "$length B, freed at once" "$ours" '' '' '' $limit_block
done

# nanoseconds PRELOAD ALLOCATOR ROW PAIRS: cost of a pair in one run
nanoseconds() { echo $(($(LD_PRELOAD=$1 "$build/heap" "${@:2}") / $4)); }

# hand_over SIZE: measure the rows of two threads or processes, the allocators in turns: in a virtual
# machine the cost of a line of memory that another processor has written changes within seconds, by
# a factor of four. Writes the results to files. Results of the other clock are medians already.
turns=$([[ $clock ]] && echo 1 || echo 7)
hand_over() {
	local size=$1
	rm -f -- "$scratch/turns."*
	for ((turn = 0; turn < turns; turn++)); do
		one_turn ours '' $self "handover-$size"
		one_turn glibc '' malloc "handover-$size"
		[[ ! $mimalloc ]] || one_turn mimalloc "$mimalloc" malloc "handover-$size"
		[[ ! $jemalloc ]] || one_turn jemalloc "$jemalloc" malloc "handover-$size"
		one_turn lend '' $self "lend-$size"
	done
}
# one_turn NAME PRELOAD ALLOCATOR ROW
one_turn() {
	local cost
	if [[ $clock ]]; then cost=$(pair heap "${@:2}"); else cost=$(nanoseconds "${@:2}" 500000); fi
	echo "$cost" >>"$scratch/turns.$1"
}
# turns_of NAME: median of its results, or - if there are none
turns_of() { if [[ -f $scratch/turns.$1 ]]; then median $turns <"$scratch/turns.$1"; else echo -; fi; }

echo
row "${clock:-nanoseconds} a pair" ndshm glibc mimalloc jemalloc limit ''
# Between processes a peer cannot do it: the limit is that between threads.
for size in 4k 64k; do
	hand_over $size
	ours=$(turns_of ours) glibc=$(turns_of glibc) mi=$(turns_of mimalloc) lend=$(turns_of lend)
	limit=$glibc
	[[ $mi == - ]] || limit=$(awk "BEGIN { print int($mi * $factor) }")
	je=$(turns_of jemalloc)
	judged "$ours <= $limit" "${what[handover-$size]}" "$ours" "$glibc" "$mi" "$je" "$limit"
	judged "$lend <= $limit" "${what[lend-$size]}" "$lend" '' '' '' "$limit"
done
for name in handover-4k handover-64k; do
	strace --seccomp-bpf -f -qq -e trace=futex -o "$scratch/strace" "$build/heap" $self "$name" 50000 >/dev/null
	calls=$(wc -l <"$scratch/strace")
	judged "$calls <= 100" "${what[$name]}: futex calls of 50,000 pairs" "$calls" '' '' '' 100
done
# 50 ms in all, or instructions in relation to glibc
ours=$(for run in 1 2 3 4 5; do nanoseconds '' $self grow 4096; done | median 5)
glibc=$(for run in 1 2 3 4 5; do nanoseconds '' malloc grow 4096; done | median 5) limit=12207
[[ ! $clock ]] || limit=$(awk "BEGIN { print int($glibc * $factor) }")
judged "$ours <= $limit" 'one block that grows to 16 MiB, a step of 4 KiB' "$ours" "$glibc" '' '' "$limit"

echo
# A thread that changes between two sections finds its other cache without a lock.
one=$(pair heap '' $self at-once)
two=$(pair heap '' two-sections at-once)
judged "$two <= 2 * $one" "${what[at-once]}, of two sections in turn" "$two" '' '' '' $((2 * one))

echo
# The same number of live blocks in total, because the search for a free place depends on it.
for name in "${rows[@]}"; do
	one=$(pair heap '' $self "$name" 1 2000)
	two=$(pair heap '' $self "$name" 2)
	more=$(awk "BEGIN { printf \"%.1f\", ($two - $one) * 100 / $one }")
	verdict "$more <= $limit_threads" >"$said"
	printf '%-48s %s, of two threads with half alive each %s: %s %%, limit %s  %s\n' "${what[$name]}" \
		"$one" "$two" "$more" $limit_threads "$(<"$said")"
done

echo
# System calls in the steady state: the difference between a longer and a shorter run.
calls() {
	strace -f -qq -o "$scratch/strace" "$build/$1" $self "${@:2}" >/dev/null
	wc -l <"$scratch/strace"
}
# million_pairs PROGRAM ROW TEXT
million_pairs() {
	local more=$(($(calls "$1" "$2" 2000000) - $(calls "$1" "$2" 1000000)))
	verdict "$more <= 0" >"$said"
	printf '%-48s %s system calls a million pairs  %s\n' "$3" "$more" "$(<"$said")"
}
for name in "${rows[@]}"; do
	million_pairs heap "$name" "${what[$name]}"
done
million_pairs blocks 4096 'a block of 4096 B, freed at once'

echo
if "$build/footprint" $self; then verdict 1; else verdict 0; fi >"$said"
cat "$said"

echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
