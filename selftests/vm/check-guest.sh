#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-guest.sh KSELFTEST OUTPUT [tree]: in the guest, load the module in both
# ways and run the kselftest programs built in OUTPUT; with `tree`, as a target
# of the kernel's own selftests, which has a link to them.
set -uo pipefail

kselftest=$1 output=$2 how=${3:-}
top=$(cd "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)

number=0 bad=0
check() {
	number=$((number + 1))
	if "${@:2}"; then echo "ok $number - $1"; else echo "not ok $number - $1"; bad=1; fi
}

# In a separate modules directory, because depmod for all of the kernel's
# modules takes minutes.
installed_and_loaded() {
	local tree=/tmp/modules where
	where=$tree/lib/modules/$(uname -r)
	mkdir -p "$where/updates" && cp "$NDSHM_KO" "$where/updates/" &&
		cp "/lib/modules/$(uname -r)/modules.builtin" "/lib/modules/$(uname -r)/modules.order" "$where/" &&
		depmod -b "$tree" && modprobe -d "$tree" ndshm
}
unloaded() { rmmod ndshm && [[ ! -e /dev/ndshm && ! -e /sys/module/ndshm ]]; }
in_use_stays() {
	exec 3<>/dev/ndshm
	! rmmod ndshm 2>/dev/null
	local code=$?
	exec 3>&-
	return $code
}
nothing_left() { [[ ! -e /sys/bus/platform/devices/ndshm-node.0 ]] && ! grep -q ndshm /proc/filesystems /proc/modules; }

check 'modprobe loads what was installed' installed_and_loaded
check 'rmmod is refused while a client is open' in_use_stays
check 'rmmod' unloaded
check 'nothing is left' nothing_left
check 'insmod loads the file, again' insmod "$NDSHM_KO"

# Give all files the same current time, so that make does not rebuild programs whose
# sources have changed on the host since. (That would take minutes here.)
find "$output" -type f -exec touch -d "@$(date +%s)" {} +
if [[ $how == tree ]]; then
	make -s -C "$kselftest" TARGETS=ndshm O="$output" NDSHM_SRC="$top" TEST_GEN_MODS_DIR= CC=false run_tests || bad=1
else
	make -s -C "$top/selftests" KSELFTEST_DIR="$kselftest" OUTPUT="$output" TEST_GEN_MODS_DIR= CC=false run_tests || bad=1
fi

number=0
check 'rmmod after all tests' unloaded
check 'nothing is left' nothing_left
exit $bad
