# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Levels: commands that print TAP lines, run a few at a time and counted. For check.sh
# and check-debug.sh, which set `logs` and, if anything may be skipped, `may_skip`.

export BUILD=${BUILD:-$(cd -- "${BASH_SOURCE[0]%/*}/../.." && pwd)/build}
export NDSHM_LONG=${LONG:-}
# Emulated guests leave a processor idle half of the time: two at once, on two processors.
jobs_at_once=${JOBS:-$(nproc)}
started=0 start=$SECONDS

at() { printf '[%4d s] %s\n' $((SECONDS - start)) "$*"; }

begin_levels() {
	mkdir -p -- "${logs:?}"
	results=$logs/results
	: >"$results"
}

# must NAME COMMAND...: not a test, but nothing can be tested without it.
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

# level NAME COMMAND...: starts it as soon as a place is free. A command that fails
# without a failing line is one failure, and so is one that passes without any line.
level() {
	wanted "$1" || return 0
	while [[ $(jobs -rp | wc -l) -ge $jobs_at_once ]]; do wait -n || true; done
	started=$((started + 1))
	run_level "$@" &
}

run_level() {
	local name=$1 log=$logs/$1.log good bad skip began=$SECONDS
	shift
	mkdir -p -- "${log%/*}"
	at "$name"
	# What goes wrong is shown as it comes, all else is in the log.
	{ "$@" 2>&1 </dev/null || echo "level failed: exit $?"; } | tee -- "$log" |
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
	printf '%s %d %d %d\n' "$name" $((good - skip)) "$bad" "$skip" >>"$results"
	at "$name: $((good - skip)) passed, $bad failed, $skip skipped in $((SECONDS - began)) s"
}

all_levels() { while [[ $(jobs -rp | wc -l) -gt 0 ]]; do wait -n || true; done; }

# The verdict. A level that left no result is a failure.
end_levels() {
	local passed failed skipped lines
	all_levels
	read -r passed failed skipped lines < <(awk '{ p += $2; f += $3; s += $4 } END { print p + 0, f + 0, s + 0, NR }' "$results")
	[[ $started -gt 0 ]] || { echo "no such level: ${LEVELS:-}"; failed=$((failed + 1)); }
	failed=$((failed + started - lines))
	printf '\n%s\n' "took $((SECONDS - start)) s; logs in $logs"
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	[[ $failed -eq 0 ]]
}
