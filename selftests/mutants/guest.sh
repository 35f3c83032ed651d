#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh PROGRAMS MODULES SECONDS <LIST: in the guest, for each line (NAME PROGRAM...) load MODULES/NAME.ko and
# run the programs until one fails; end with the first NAME of which one does, because the kernel may be damaged,
# and begin none after SECONDS. Prints "# mutant NAME", what the programs print, and "# survived NAME" or "# killed
# NAME: PROGRAM: first failing line". A test that is skipped fails, unless the pattern NDSHM_MAY_SKIP has it.
set -uo pipefail
programs=$1 modules=$2 until=$3
each=${NDSHM_SECONDS:-120}
out=$(mktemp)

failure() {
	awk '/^ok [0-9].*# SKIP/ && $0 !~ ENVIRON["NDSHM_MAY_SKIP"] || /^not ok / { print; exit }' "$out"
}

# A task that cannot be killed is not awaited.
ended() { [[ ! -e /proc/$1 ]] || grep -qs '^State:.[ZX]' "/proc/$1/status"; }

# run PROGRAM: set why, empty if it passes.
run() {
	local code end=$((SECONDS + each)) pid
	(cd -- "$programs" && exec stdbuf --output=L "./$1") >"$out" 2>&1 </dev/null &
	pid=$!
	until ended "$pid"; do
		[[ $SECONDS -lt $end ]] || { why="it takes more than $each s"; return; }
		sleep 0.1
	done
	wait "$pid"
	code=$?
	# All of it is skipped.
	[[ $code -ne 4 ]] || echo "ok 1 selftests: $1 # SKIP" >>"$out"
	why=$(failure)
	[[ $why || $code == [04] ]] || why="exit $code"
}

# Processes of the last program may still be ending.
unload() {
	local patience=$((SECONDS + 10))
	until rmmod ndshm 2>/dev/null || [[ ! -e /sys/module/ndshm || $SECONDS -ge $patience ]]; do sleep 0.2; done
	[[ ! -e /sys/module/ndshm && ! -e /dev/ndshm ]]
}

# judge PROGRAM...: set why, empty if all pass.
judge() {
	local program
	why='insmod: it fails'
	insmod "$NDSHM_KO" || return
	for program; do
		echo "# $program"
		run "$program"
		sed 's/^/# /' "$out"
		[[ ! $why ]] || { why="$program: $why"; return; }
	done
	unload || why='rmmod: it fails'
}

while [[ $SECONDS -lt $until ]] && read -r name list; do
	echo "# mutant $name"
	export NDSHM_KO=$modules/$name.ko
	# shellcheck disable=SC2086
	judge $list
	[[ ! $why ]] || { echo "# killed $name: $why"; exit 1; }
	echo "# survived $name"
done
