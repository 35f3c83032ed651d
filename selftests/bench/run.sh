#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh [OPTION]...: build the benchmark and run it in a virtual machine whose clock
# counts instructions. See --help.
set -euo pipefail
bench_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
vm=$bench_dir/../vm

help() {
	cat <<'END'
usage: run.sh [OPTION]...

  --kernel NAME      6.12 (default) or another that the rig knows
  --append TEXT      added to the kernel command line, such as init_on_alloc=0
  --timeout SECONDS  3000 by default
  --json             print everything as JSON, and no tables
  --place PLACE      measure as root, user or card only, or only the rows tails of a user
  --steps            measure the steps of a mapped cycle one by one, too

Environment:
  NDSHM_KO   ndshm.ko, built for that kernel, where it was built
  KDIR       build directory of that kernel; found by itself
  BUILD      where to build, by default build/bench; bench.json and bench.svg are left there

Exit: 0, 1 if a target is missed, 4 if one could not be tried, or as of ../vm/run.sh
END
}

die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

kernel=6.12 seconds=3000
machine=() program=()
while [[ $# -gt 0 ]]; do
	case $1 in
	--json|--steps)	program+=("$1"); shift; continue ;;
	--help|-h)	help; exit 0 ;;
	--kernel|--append|--timeout|--place)
		[[ $# -gt 1 ]] || die "$1 needs a value" ;;
	*)		die "no such option: $1 (see --help)" ;;
	esac
	case $1 in
	--kernel)	kernel=$2 ;;
	--append)	machine+=(--append "$2") ;;
	--timeout)	seconds=$2 ;;
	--place)	program+=(--place "$2") ;;
	esac
	shift 2
done

build=${BUILD:-$bench_dir/../../build/bench}
[[ -f ${NDSHM_KO:-} ]] || die 'NDSHM_KO must name ndshm.ko'
mkdir -p -- "$build"
build=$(cd -- "$build" && pwd -P)
kdir=${KDIR:-$("$vm/kernels.sh" headers "$kernel")}

make -s -C "$bench_dir" BUILD="$build" KDIR="$kdir" NDSHM="$(dirname -- "$NDSHM_KO")" >&2
cp -- "$NDSHM_KO" "$build/ndshm.ko"
rm -f -- "$build/bench.json"
cd -- "$build"
# The rows with a million blocks need 5 GiB.
memory=2G
[[ $(awk '/^MemAvailable/ { print $2 }' /proc/meminfo) -lt $((12 << 20)) ]] || memory=8G
code=0
"$vm/run.sh" --memory "$memory" --kernel "$kernel" --icount --iommu --wire --share "$build" --timeout "$seconds" \
	"${machine[@]}" -- "$bench_dir/guest.sh" "${program[@]}" || code=$?
# Also of a run that missed a goal.
if [[ -s bench.json ]]; then
	"$bench_dir/chart.py" bench.json bench.svg
	echo "The figures: $build/bench.json, drawn: $build/bench.svg" >&2
fi
exit "$code"
