#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# trace.sh [OPTION]...: which instructions a cycle of allocate and free consists of. See --help.
set -euo pipefail
trace_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
vm=$trace_dir/../../vm

help() {
	cat <<'END'
usage: trace.sh [OPTION]...

Trace each instruction of a program that allocates and frees a block, in an emulated
machine with one processor. Print the instructions of a cycle by function, and those that lock
the bus where there are several processors.

  --length BYTES     4096 by default
  --map              map and touch the block, too
  --kernel NAME      6.12 (default) or another that the rig knows
  --most NUMBER      locked instructions of a cycle that are no failure (default: 10)

Environment:
  NDSHM_KO   ndshm.ko, built for that kernel
  BUILD      where to build and to write the trace, by default build/bench/trace

Exit: 0, 1 if there are more locked instructions, or as of ../../vm/run.sh
END
}

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

kernel=6.12 length=4096 map='' most=10
while [[ $# -gt 0 ]]; do
	case $1 in
	--map)		map=map; shift; continue ;;
	--help|-h)	help; exit 0 ;;
	--length|--kernel|--most)
		[[ $# -gt 1 ]] || die "$1 needs a value" ;;
	*)		die "no such option: $1 (see --help)" ;;
	esac
	case $1 in
	--length)	length=$2 ;;
	--kernel)	kernel=$2 ;;
	--most)		most=$2 ;;
	esac
	shift 2
done

[[ -f ${NDSHM_KO:-} ]] || die 'NDSHM_KO must name ndshm.ko'
build=${BUILD:-$trace_dir/../../../build/bench/trace}
mkdir -p -- "$build"
build=$(cd -- "$build" && pwd -P)
rm -f -- "$build"/{looping,stop,trace,kallsyms}
cp -- "$NDSHM_KO" "$build/ndshm.ko"
strip --strip-debug "$build/ndshm.ko"
"${CC:-gcc}" -O2 -std=gnu11 -Wall -Wextra -static -I"$trace_dir/../../../uapi" \
	-o "$build/loop" "$trace_dir/loop.c"

cd -- "$build"
logs=${XDG_CACHE_HOME:-$HOME/.cache}/ndshm/runs/trace
"$vm/run.sh" --kernel "$kernel" --icount --quiet --name trace --share "$build" --timeout 600 -- \
	sh -c "insmod ndshm.ko && cat /proc/kallsyms >kallsyms && ./loop $length $map" >&2 &
guest=$!
trap 'touch "$build/stop"' EXIT

# Wait until the file $1 has $2 bytes, while the guest runs.
wait_for() {
	until [[ -f $1 && $(stat -c %s -- "$1") -ge $2 ]]; do
		kill -0 "$guest" 2>/dev/null || { wait "$guest"; die 'the guest has ended'; }
		sleep 0.2
	done
}

# Each instruction is translated once, which prints it, and then in each turn its address.
wait_for looping 0
printf '%s\n' "logfile $build/trace" 'log exec,nochain,in_asm' 'one-insn-per-tb on' >"$logs/monitor.in"
wait_for trace 20000000
printf '%s\n' 'log none' 'one-insn-per-tb off' >"$logs/monitor.in"
touch stop
wait "$guest"
"$trace_dir/trace.py" --most "$most" kallsyms trace
