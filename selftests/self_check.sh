#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# self_check.sh: in a guest that does not end at a warning, make one mistake of each kind (in
# the mock module) and see that its finder says so, and that splat.sh or the baselines do.
# self_check.sh MISTAKE: make that one only; the kernel is expected to end.
set -uo pipefail

top=$(cd "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
splat=$top/selftests/vm/splat.sh
baseline=$NDSHM_BUILD/selftests/programs/baseline
mock=/sys/kernel/debug/ndshm_mock/ctl

insmod "$NDSHM_COVERAGE" && insmod "$NDSHM_KO" && insmod "$NDSHM_MOCK" || exit 1

if [[ ${1:-} ]]; then
	echo "self_check: $1" >/dev/kmsg
	echo "fault $1" >"$mock"
	echo "not ok 1 - $1 did not end the kernel"
	# The end comes a moment later, if it comes.
	sleep 60
	exit 1
fi

number=0 bad=0
verdict() {
	number=$((number + 1))
	if [[ $2 ]]; then echo "ok $number - $1"; else echo "not ok $number - $1"; bad=1; fi
}

# reported MISTAKE ERE: the log says it in the finder's words, and so does splat.sh.
reported() {
	local mark="self_check: $1 $RANDOM" found=
	echo "$mark" >/dev/kmsg
	echo "fault $1" >"$mock" || true
	dmesg | "$splat" --since "$mark" - >/tmp/found || found=1
	grep -qE -- "$2" /tmp/found || found=
	[[ $found ]] || cat /tmp/found
	verdict "$1: $2" "$found"
}

# not_back FINDER MISTAKE: its baseline is not what it was.
not_back() {
	local found=
	"$baseline" take /tmp/baseline || exit 1
	"$baseline" check /tmp/baseline "$1" >/tmp/found || { cat /tmp/found; verdict "$1: the baseline is stable" ''; }
	echo "fault $2" >"$mock"
	"$baseline" check /tmp/baseline "$1" >/tmp/found || found=1
	grep -q '^not ok' /tmp/found || found=
	[[ $found ]] || cat /tmp/found
	verdict "$2: the baseline of $1 says so" "$found"
}

# lockdep ends with its first report, and with those of others that doubt the kernel.
reported lockdep 'possible circular locking dependency'
reported atomic_sleep 'sleeping function called from invalid context'
reported log 'BUG: '
reported dma_api 'DMA-API: '
reported warn 'WARNING: .*ndshm_mock'
not_back pages page
not_back dma_entries dma_entry
not_back kmemleak kmemleak
reported kasan 'KASAN: slab-use-after-free'
# Only now has the run proved anything.
[[ $bad -ne 0 ]] || echo "self_check: all $number mistakes were made" >/dev/kmsg
exit $bad
