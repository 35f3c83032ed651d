#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh [--list|--build] test|stock|debug|arm64: run the levels in levels.table that a newcomer runs
# (`make test`), on stock kernels (`make check`), on debug kernels (`make check-debug`) or on stock
# kernels of arm64 (`make check ARCH=arm64`), as many at a time as there are CPUs, and half as many more
# of arm64, and count their TAP lines. Last line: N passed, N failed. Before, install and build what
# these levels need. --list prints the levels that would run, and builds nothing; --build runs none.
#
# KERNELS="6.1 6.12"	kernels
# LEVELS="heap 6.1/coherent"	levels by name
# SHARD=N		an eighth of the work, 0 to 7: half of the levels, on one kernel each, half of the
#			programs on each kernel; on one debug kernel a quarter of the programs and a
#			sixth of the points of failure, no coverage; on one kernel of arm64 an eighth of the
#			programs
# SCALE=N		percent of the usual rounds (100)
# LONG=1		the long forms of levels that have one
set -euo pipefail

here=$(cd "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
. "$here/lib.sh"
. "$here/machine.sh"
. "$here/level-host.sh"
only=
[[ ${1:-} != --@(list|build) ]] || { only=$1; shift; }
# The kernels of `more` run if KERNELS names them.
group=check
case ${1:-} in
test)	side=0 run=test target=test group=test supported=(6.12) more=(6.1) ;;
stock)	side=0 run=check target=check supported=(6.1 6.12) more=(7.2-plain) ;;
debug)	side=1 run=debug target=check-debug supported=(6.12-debug 7.2-debug) more=(6.12-arm64-debug) ;;
arm64)	side=0 run=arm64 target=check-arm64 supported=(6.12-arm64 6.1-arm64 6.12-arm64-16k) more=(6.12-arm64-64k) ;;
*)	die 'usage: check.sh [--list|--build] test|stock|debug|arm64' ;;
esac
stage=$1 shard=${SHARD:-} scale=${SCALE:-100}
[[ -z $shard || $shard == [0-7] ]] || die "SHARD: from 0 to 7, not $shard"
[[ $scale =~ ^[1-9][0-9]{0,5}$ ]] || die "SCALE: percent from 1 to 999999, not $scale"
read -ra kernels <<<"${KERNELS:-$([[ $stage != stock && $shard ]] && echo "${supported[shard % ${#supported[@]}]}" || echo "${supported[@]}")}"
BUILD=$(realpath -m -- "${BUILD:-$top/build}")
arch=$(foreign_arch "${kernels[0]}")
for name in "${kernels[@]}"; do
	[[ $(foreign_arch "$name") == "$arch" ]] || die "KERNELS: kernels of one architecture, not ${kernels[*]}"
done
# What compiles for another architecture comes before each command.
cross=()
[[ ! $arch ]] || { cross=("$here/cross.sh" "$arch"); BUILD+=/$arch; }
logs=$BUILD/$target
export BUILD NDSHM_LONG=${LONG:-} NDSHM_SCALE=$scale
[[ -z $shard ]] || export NDSHM_SHARD=$shard
cd -- "$top"

jobs_at_once=$(nproc) started=0 planned=0 start=$SECONDS
# These guests, without hardware virtualization, use 0.6 of a processor.
[[ $stage != arm64 ]] || jobs_at_once=$(((3 * jobs_at_once + 1) / 2))
at() { printf '[%4d s] %s\n' $((SECONDS - start)) "$*"; }
# long USUAL LONG: the second with LONG=1.
long() { if [[ $NDSHM_LONG ]]; then echo "$2"; else echo "$1"; fi; }

begin() {
	mkdir -p -- "$logs"
	exec {logs_lock}>"$BUILD/levels.lock"
	flock -n "$logs_lock" || { echo "another run is under way in $BUILD: wait for it, or set BUILD" >&2; exit 1; }
	results=$logs/results
	: >"$results"
	touch "$logs/began"
	trap end_jobs EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# End running levels with the script. Background jobs do not receive the SIGINT of
# Ctrl-C.
# shellcheck disable=SC2317
end_jobs() {
	local -a left
	mapfile -t left < <(jobs -rp)
	[[ ${#left[@]} -eq 0 ]] || { kill -- "${left[@]/#/-}" 2>/dev/null; wait; } || true
}

# must NAME COMMAND...: a preparation without which no test can run.
must() {
	local name=$1
	shift
	at "$name"
	"$@" >"$logs/${name//[ \/]/-}.log" 2>&1 || {
		tail -n 30 "$logs/${name//[ \/]/-}.log"
		at "$name: failed"
		exit 1
	}
}

# nearest WORD NAME...: print the name that is made from WORD with the fewest changes of a letter.
nearest() {
	printf '%s\n' "${@:2}" | awk -v word="$1" '
		function least(a, b) { return a < b ? a : b }
		{
			for (j = 0; j <= length(word); j++) row[j] = j
			for (i = 1; i <= length($0); i++) {
				before = row[0]
				row[0] = i
				for (j = 1; j <= length(word); j++) {
					changed = before + (substr($0, i, 1) != substr(word, j, 1))
					before = row[j]
					row[j] = least(changed, least(row[j], row[j - 1]) + 1)
				}
			}
			if (NR == 1 || row[length(word)] < fewest) { fewest = row[length(word)]; name = $0 }
		}
		END { print name }'
}
# one_of VARIABLE KIND WORD NAME...: end with a message if WORD, a part of VARIABLE, is none of the names.
one_of() {
	[[ " ${*:4} " == *" $3 "* ]] || die "$1: no $2 $3; the nearest is $(nearest "${@:3}"), and all are ${*:4}"
}
# Refuse names that the user has mistyped before anything is installed or built.
check_names() {
	local word
	local -a names
	for word in "${kernels[@]}"; do
		[[ $word == */* ]] || one_of KERNELS kernel "$word" "${supported[@]}" "${more[@]}"
	done
	mapfile -t names < <(printf '%s\n' "${table[@]}" |
		awk -v stage="$stage" '/^[^#]/ && $1 != "skip" && ($2 == stage || $2 stage == "-stock") { print $1 }')
	for word in ${LEVELS:-}; do
		one_of LEVELS level "${word##*/}" "${names[@]}"
		[[ $word != */* ]] || one_of LEVELS kernel "${word%/*}" "${kernels[@]}"
	done
}

# named NAME: does LEVELS name the level NAME or KERNEL/NAME?
named() { [[ " ${LEVELS:-} " == *" ${1##*/} "* || " ${LEVELS:-} " == *" $1 "* ]]; }

# in_shard INDEX: with SHARD=N levels run on the kernels in turn, which starts at kernel N. Bit 1 of N
# selects the target for a quarter, bit 2 every second pair of rows for a half or a quarter.
declare -A turn
in_shard() {
	local kernel=${kernels[$1]}
	turn[$kernel]=$((${turn[$kernel]:-0} + 1))
	(((turn[$kernel] + $1 + shard) % ${#kernels[@]} == 0)) || return 1
	[[ $row_shard != turn ]] || return 0
	(((turn[$kernel] / 2 + shard / 4) % 2 == 0)) || return 1
	[[ $row_shard != quarter ]] || ((shard / 2 % 2 == side))
}

# Does the row run on the kernel with this index? See levels.table for the column `shard`.
runs_on() {
	local kernel=${kernels[$1]}
	case $row_shard in
	request)	named "$kernel/$row_name"; return ;;
	first)		[[ $1 -eq 0 ]] || return 1 ;;
	whole)		[[ ! $shard ]] || return 1 ;;
	esac
	[[ ! ${LEVELS:-} ]] || named "$kernel/$row_name" || return 1
	[[ $shard && $row_shard == @(turn|half|quarter) ]] || return 0
	in_shard "$1"
}

# for_each_level whole|other FUNCTION: call it for each level that runs, with the variables name,
# kernel, row_* and may_skip.
for_each_level() {
	local line name kernel row_name row_kernels row_shard row_seconds row_machine row_skip row_needs row_command may_skip i
	local -A skips=()
	for line in "${table[@]}"; do
		if [[ $line == skip[[:blank:]]* ]]; then
			read -r _ name line <<<"$line"
			skips[$name]=$line
			continue
		fi
		read -r row_name row_kernels row_shard row_seconds row_machine row_skip row_needs row_command <<<"$line"
		[[ $row_name && $row_name != \#* ]] || continue
		if [[ $1 == whole ]]; then [[ $row_shard == whole ]]; else [[ $row_shard != whole ]]; fi || continue
		may_skip=${skips[$row_skip]:-^$} name=$row_name kernel=
		# A debug kernel of another architecture skips what its stock kernels do, too.
		[[ $stage != debug || ! $arch ]] || may_skip+="|${skips[$arch]}"
		[[ ${kernels[0]} != *-64k ]] || may_skip+="|${skips[64k]}"
		row_seconds=$(long "${row_seconds%/*}" "${row_seconds#*/}") row_machine=$(long "${row_machine%/*}" "${row_machine#*/}")
		[[ $scale -le 100 || $row_seconds == - ]] || row_seconds=$((row_seconds * scale / 100))
		if [[ $row_kernels == "$stage" ]]; then
			for i in "${!kernels[@]}"; do
				kernel=${kernels[i]} name=${kernels[i]}/$row_name
				! runs_on "$i" || "$2"
			done
		elif [[ $row_kernels$stage == -stock && (! ${LEVELS:-} || " $LEVELS " == *" $name "*) &&
			(! $shard || $row_shard == turn || ($row_shard == quarter && $((shard % 4)) -eq 3)) ]]; then
			"$2"
		fi
	done
}

# guest [OPTION]... -- COMMAND...: run in a guest of the row's machine.
guest() {
	local -a options
	mapfile -t options < <(machine_options "$row_machine")
	printf '\n%s\n' "$begin_guest"
	"$here/run.sh" --kernel "$kernel" --name "$run-${name//\//-}" --quiet "${options[@]}" --timeout "$row_seconds" "$@"
}
run_command() {
	local code=0
	[[ ! $kernel ]] || kernel_variables
	if [[ $row_command == @* ]]; then
		eval "${row_command#@}"
		return
	fi
	guest -- bash -c ". selftests/vm/level-guest.sh; $row_command" || code=$?
	keep_corpus "$code"
	return "$code"
}
list_level() {
	printf '%s: %s s: %s:' "$name" "$row_seconds" "$row_machine"
	[[ $row_machine == - ]] || printf ' %s' "$(machine_options "$row_machine" | paste -sd ' ')"
	printf '\n\t%s\n' "$row_command"
}

# Start the level as soon as a place is free. Emulated guests leave CPUs idle at times, but
# more guests than CPUs gain little and disturb time measurements.
start_level() {
	while [[ $(jobs -rp | wc -l) -ge $jobs_at_once ]]; do wait -n || true; done
	started=$((started + 1))
	# In its own process group, so that all of its processes can be ended.
	set -m
	run_level {logs_lock}>&- &
	set +m
}

# A command that fails without a failing line, or succeeds without any line, counts as one
# failure.
run_level() {
	local log=$logs/$name.log lines=$logs/$name.lines good bad skip spent began=$SECONDS progress=
	mkdir -p -- "${log%/*}"
	at "$name"
	[[ $stage != test ]] || progress='|^ok [0-9]+ selftests: |^# [a-z_]+$'
	# Show failures at once; the rest is in the log.
	{ run_command 2>&1 </dev/null || printf '\nlevel failed: exit %d\n' $?; } | tee -- "$log" |
		grep --line-buffered -E '^(# )*not ok |^(# )+[^ ]+:[0-9]+:[^ ]+:Expected |^run.sh:|level failed'"$progress" | sed -u "s#^#$name: #" || true
	without_lost <"$log" >"$lines"
	good=$(grep -cE '^(# )*ok [0-9]+|^ok - ' "$lines") || true
	skip=$(grep -cE '^(# )*ok [0-9]+.*# SKIP' "$lines") || true
	bad=$(grep -E '^(# )*ok [0-9]+.*# SKIP' "$lines" | grep -vcE "$may_skip") || true
	[[ $bad -eq 0 ]] || at "$name: this must not be skipped: $(grep -E '^(# )*ok [0-9]+.*# SKIP' "$lines" | grep -vE "$may_skip" | paste -sd ';')"
	bad=$((bad + $(grep -cE '^(# )*not ok ' "$lines" || true)))
	if [[ $bad -eq 0 ]] && { [[ $good -eq 0 ]] || grep -q '^level failed' "$lines"; }; then
		bad=1
	fi
	[[ $bad -eq 0 ]] || { echo "-- failed: $name; the end of its log ($log):"; tail -n 30 -- "$log"; }
	# A file, because in a pipeline `times` would report the subshell's own
	# times.
	times >"$log.times"
	spent=$(awk -F'[ms ]+' 'END { printf "%d", $1 * 60 + $2 + $3 * 60 + $4 }' "$log.times")
	printf '%s %d %d %d\n' "$name" $((good - skip)) "$bad" "$skip" >>"$results"
	at "$name: $((good - skip)) passed, $bad failed, $skip skipped in $((SECONDS - began)) s ($spent s of processors)"
}

all_levels() { while [[ $(jobs -rp | wc -l) -gt 0 ]]; do wait -n || true; done; }

# Print the failures in a log, the lines before each, and the kernel's last words if it died.
explain_failure() {
	grep -B 4 -E '^(# )*not ok ' "$1" | grep -vE '^(# )*ok |^(# )+ +RUN |^--$' | head -n 16
	grep -E '^run.sh:|^level failed' "$1" | head -n 5
	sed -n '/^run.sh: the end of/,/^[^ ]*:/{/^  /p}' "$1" | tail -n 12
	sed -n '/^splat: /,$p' "$1" | head -n 20
}

# Print the verdict. A level without a result is a failure.
verdict() {
	local passed failed skipped lines name
	read -r passed failed skipped lines < <(awk '{ p += $2; f += $3; s += $4 } END { print p + 0, f + 0, s + 0, NR }' "$results")
	# Each level writes one line.
	failed=$((failed + (started > lines ? started - lines : 0)))
	# Repeat failures at the end of a long log, with what explains them.
	awk '$3 { print $1 }' "$results" | while read -r name; do
		explain_failure "$logs/$name.lines" | cut -c 1-160 | sed "s#^#$name: #" || true
	done
	printf '\n%s\n' "took $((SECONDS - start)) s; $skipped skipped; logs in $logs"
	printf '%d passed, %d failed\n' "$passed" "$failed"
	[[ $failed -eq 0 ]]
}

# All that is left is read here, so that the file can be changed while the levels run.
main() {
	mapfile -t table <"$here/levels.table"
	check_names
	for_each_level other need_of_level
	for_each_level whole need_of_level
	[[ $planned -gt 0 ]] || die "LEVELS: no level runs with LEVELS='${LEVELS:-}' KERNELS='${kernels[*]}' SHARD='$shard'; see check.sh --list $stage"
	turn=()
	if [[ $only == --list ]]; then
		for_each_level other list_level
		for_each_level whole list_level
		exit
	fi
	begin
	build_all
	[[ $only != --build ]] || exit 0
	turn=()
	for_each_level other start_level
	all_levels
	for_each_level whole start_level
	all_levels
	verdict
	exit
}
main
