#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-guest.sh KSELFTEST OUTPUT [tree|direct]: in the guest, load the module in both
# ways and run the kselftest programs built in OUTPUT; with `tree`, as a target
# of the kernel's own selftests, which has a link to them; with `direct`, without make and the
# runner of kselftest, which copies the output byte by byte: in an emulated guest of another
# architecture both take long. $NDSHM_ONLY then names the programs.
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
# Processes of the last program may still be ending.
unloaded_soon() {
	local patience=$((SECONDS + 10))
	until unloaded; do
		[[ -e /sys/module/ndshm && $SECONDS -lt $patience ]] || return
		sleep 0.2
	done
}
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

# run_directly NUMBER PROGRAM: print what the runner of kselftest prints.
run_directly() {
	local name="selftests: $top/selftests: $2" code
	echo "# $name"
	(cd -- "$output" && timeout "$seconds" stdbuf --output=L "./$2" 2>&1) | awk '{ print "# " $0; fflush() }'
	code=${PIPESTATUS[0]}
	case $code in
	0)	echo "ok $1 $name" ;;
	4)	echo "ok $1 $name # SKIP" ;;
	124)	echo "not ok $1 $name # TIMEOUT $seconds seconds" ;;
	*)	echo "not ok $1 $name # exit=$code" ;;
	esac
	[[ $code == [04] ]]
}
run_all_directly() {
	local program seconds
	local -a programs
	read -ra programs <<<"$NDSHM_ONLY"
	seconds=$(sed -n 's/^timeout=//p' "$top/selftests/settings")
	echo 'TAP version 13'
	echo "1..${#programs[@]}"
	for program in "${programs[@]}"; do
		number=$((number + 1))
		run_directly "$number" "$program" || bad=1
	done
}

number=0
if [[ $how == direct ]]; then
	run_all_directly
else
	# Give all files the same current time, so that make does not rebuild programs whose
	# sources have changed on the host since. (That would take minutes here.)
	find "$output" -type f -exec touch -d "@$(date +%s)" {} +
	if [[ $how == tree ]]; then
		run=("$kselftest" TARGETS=ndshm O="$output" NDSHM_SRC="$top")
	else
		run=("$top/selftests" KSELFTEST_DIR="$kselftest" OUTPUT="$output")
	fi
	make -s -C "${run[@]}" TEST_GEN_MODS_DIR= CC=false run_tests || bad=1
fi

number=0
check 'rmmod after all tests' unloaded_soon
check 'nothing is left' nothing_left
exit $bad
