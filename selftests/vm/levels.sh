# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Levels: commands that print TAP lines. A few run at a time, and their results are
# counted. For check.sh and check-debug.sh, which set `logs`, `kernels` and, if skips
# are permitted, `may_skip`; and `everywhere`, the levels that run on all kernels even
# with LOT.

export BUILD=${BUILD:-$(cd -- "${BASH_SOURCE[0]%/*}/../.." && pwd)/build}
export NDSHM_LONG=${LONG:-}

# The machine of the kselftest programs: all devices that they can use, two functions in
# one IOMMU group, and two in hot-plug slots.
# shellcheck disable=SC2034
machine=(--iommu --wire --edu --numa 2
	--device 'edu,addr=0x13.0,multifunction=on' --device 'edu,addr=0x13.1'
	--device 'pcie-root-port,id=slot2,chassis=2,addr=0x14' --device 'edu,bus=slot2'
	--device 'pcie-root-port,id=slot3,chassis=3,addr=0x15' --device 'edu,bus=slot3')

# A third card on the link, which shares the interrupt line of the second.
# shellcheck disable=SC2034
third_card=(--netdev 'hubport,id=wire2,hubid=7'
	--device 'e1000e,netdev=wire2,mac=52:54:00:6e:64:03,addr=0x15,romfile=')

# Emulated guests leave CPUs idle at times, but running more guests than CPUs gains little
# and disturbs time measurements.
jobs_at_once=${JOBS:-$(nproc)}
started=0 start=$SECONDS

at() { printf '[%4d s] %s\n' $((SECONDS - start)) "$*"; }

begin_levels() {
	mkdir -p -- "${logs:?}"
	exec {logs_lock}>"$BUILD/levels.lock"
	flock -n "$logs_lock" || { echo "another run is under way in $BUILD: wait for it, or set BUILD" >&2; exit 1; }
	results=$logs/results
	: >"$results"
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

# strip_modules DIRECTORY: copy the modules below it to DIRECTORY/stripped without debug
# information, which is most of their size and would be copied at each load.
strip_modules() {
	local directory=$1 module
	rm -rf -- "$directory/stripped"
	(cd -- "$directory" && find . -name '*.ko' -printf '%P\n') | while read -r module; do
		mkdir -p -- "$(dirname -- "$directory/stripped/$module")" &&
			strip --strip-debug -o "$directory/stripped/$module" "$directory/$module" || return 1
	done
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

wanted() { [[ -z ${LEVELS:-} || " $LEVELS " == *" ${1##*/} "* || " $LEVELS " == *" $1 "* ]]; }

# With LOT=N each level runs on one of the kernels, in turn; N selects the kernel of the first.
# Levels that both scripts have run in one of them, selected by N / 2.
both='heap dma-bare bare prototype reserved'
declare -A levels_of
has_the_lot() {
	local kernel=${1%/*} at=0 all
	[[ ${LOT:-} && $1 == */* && " ${everywhere:-} " != *" ${1##*/} "* ]] || return 0
	read -ra all <<<"${kernels:?}"
	while [[ ${all[at]} != "$kernel" ]]; do at=$((at + 1)); done
	levels_of[$kernel]=$((${levels_of[$kernel]:-0} + 1))
	(((levels_of[$kernel] + at + LOT) % ${#all[@]} == 0)) || return 1
	[[ " $both " != *" ${1##*/} "* ]] || ((LOT / 2 % 2 == ${side:?}))
}

# level NAME COMMAND...: start the level as soon as a place is free. A command that
# fails without a failing line, or succeeds without any line, counts as one failure.
left_out=
level() {
	left_out=
	wanted "$1" || return 0
	has_the_lot "$1" || { left_out=1; return 0; }
	start_level "$@"
}

# instead NAME COMMAND...: start this level if LOT left out the previous one.
instead() {
	[[ $left_out ]] || return 0
	left_out=
	start_level "$@"
}

start_level() {
	while [[ $(jobs -rp | wc -l) -ge $jobs_at_once ]]; do wait -n || true; done
	started=$((started + 1))
	# In its own process group, so that all of its processes can be ended.
	set -m
	run_level "$@" {logs_lock}>&- &
	set +m
}

run_level() {
	local name=$1 log=$logs/$1.log good bad skip spent began=$SECONDS
	shift
	mkdir -p -- "${log%/*}"
	at "$name"
	# Show failures at once; the rest is in the log.
	{ "$@" 2>&1 </dev/null || printf '\nlevel failed: exit %d\n' $?; } | tee -- "$log" |
		grep --line-buffered -E '^(# )*not ok |^run.sh:|level failed' | sed -u "s#^#$name: #" || true
	good=$(grep -cE '^(# )*ok [0-9]+|^ok - ' "$log") || true
	skip=$(grep -cE '^(# )*ok [0-9]+.*# SKIP' "$log") || true
	bad=$(grep -E '^(# )*ok [0-9]+.*# SKIP' "$log" | grep -vcE "${may_skip:-^$}") || true
	[[ $bad -eq 0 ]] || at "$name: something was skipped that must not be"
	bad=$((bad + $(grep -cE '^(# )*not ok ' "$log" || true)))
	if [[ $bad -eq 0 ]] && { [[ $good -eq 0 ]] || grep -q '^level failed' "$log"; }; then
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

# Print the verdict. A level without a result is a failure.
end_levels() {
	local passed failed skipped lines name
	all_levels
	read -r passed failed skipped lines < <(awk '{ p += $2; f += $3; s += $4 } END { print p + 0, f + 0, s + 0, NR }' "$results")
	[[ $started -gt 0 ]] || { echo "no such level: ${LEVELS:-}"; failed=$((failed + 1)); }
	# Each level writes one line.
	failed=$((failed + (started > lines ? started - lines : 0)))
	# Repeat failures at the end of a long log, with the kernel's messages.
	awk '$3 { print $1 }' "$results" | while read -r name; do
		{
			grep -E '^(# )*not ok |^run.sh:|^level failed' "$logs/$name.log" | head -n 10
			sed -n '/^splat: from/,$p' "$logs/$name.log" | head -n 20
		} | sed "s#^#$name: #" || true
	done
	printf '\n%s\n' "took $((SECONDS - start)) s; $skipped skipped; logs in $logs"
	printf '%d passed, %d failed\n' "$passed" "$failed"
	[[ $failed -eq 0 ]]
}
