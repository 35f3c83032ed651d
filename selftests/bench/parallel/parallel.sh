#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# parallel.sh [OPTION]...: throughput of two processes on two processors. See --help.
set -euo pipefail
parallel_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
vm=$parallel_dir/../../vm

help() {
	cat <<'END'
usage: parallel.sh [OPTION]...

How many blocks a second two processes on two processors allocate and free, beside one
process on each of them. Needs a machine with two processors that nothing else uses.

  --length BYTES     4096 by default
  --map              map and touch the block, too
  --kernel NAME      6.12 (default) or another that the rig knows

Environment:
  NDSHM_KO   ndshm.ko, built for that kernel
  BUILD      where to build, by default build/bench/parallel

Exit: 0, 1 if the ratio is too low, 4 if the machine was not quiet, or as of ../../vm/run.sh
END
}

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

kernel=6.12 length=4096 map=''
while [[ $# -gt 0 ]]; do
	case $1 in
	--map)		map=map; shift; continue ;;
	--help|-h)	help; exit 0 ;;
	--length|--kernel)
		[[ $# -gt 1 ]] || die "$1 needs a value" ;;
	*)		die "no such option: $1 (see --help)" ;;
	esac
	case $1 in
	--length)	length=$2 ;;
	--kernel)	kernel=$2 ;;
	esac
	shift 2
done

[[ -f ${NDSHM_KO:-} ]] || die 'NDSHM_KO must name ndshm.ko'
build=${BUILD:-$parallel_dir/../../../build/bench/parallel}
mkdir -p -- "$build"
build=$(cd -- "$build" && pwd -P)
strip --strip-debug -o "$build/ndshm.ko" "$NDSHM_KO"
"${CC:-gcc}" -O2 -std=gnu11 -Wall -Wextra -static -I"$parallel_dir/../../../uapi" \
	-o "$build/parallel" "$parallel_dir/parallel.c"
cd -- "$build"
exec "$vm/run.sh" --kernel "$kernel" --quiet --share "$build" -- \
	sh -c "insmod ndshm.ko && ./parallel $length $map"
