#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# top.sh NDSHM JSON_GET: the live table in a terminal of tmux, with a /proc of plain files.
# stand_in_list.c provides the objects.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
ndshm=$1 json_get=$2
export NDSHM_BACKEND=memfd: LC_ALL=C.UTF-8 TMUX_TMPDIR=$top TERM=xterm
unset TMUX
terminal() { tmux -u -L ndshm -f /dev/null "$@"; }
trap 'terminal kill-server 2>"$top/log"; rm -rf "$top"' EXIT
root=$top/root
proc=$root/proc
mkdir -p "$proc" "$root/sys/class/misc/ndshm"

# process PID NAME UID SECTION COMMITTED
process() {
	mkdir -p "$proc/$1/fd" "$proc/$1/fdinfo"
	printf 'Name:\t%s\nState:\tS\nUid:\t7\t%s\t7\t7\nThreads:\t1\n' "$2" "$3" >"$proc/$1/status"
	echo "0::/slice/$2" >"$proc/$1/cgroup"
	: >"$proc/$1/maps"
	printf 'ndshm-section:\t%s\nndshm-committed:\t%s\n' "$4" "$5" >"$proc/$1/fdinfo/3"
	ln -s "ndshm:section:$4" "$proc/$1/fd/3"
}
for i in {1..30}; do process $((100 + i)) "worker$i" $((2000 + i % 2)) $((70 + i)) $((i << 20)); done

run 1 "no terminal" top --root "$root"
says "no terminal: why" "ndshm: cannot show a live table: input or output is no terminal; use --batch"
run 0 "batch" top --root "$root" --batch --iterations 1 --by user --bytes --output user,processes,held
is "batch: summary" "by user; blocks: 12 with 312K, sections: 2 with 3M" "$(sed -n '1s/.*, by/by/p' <<<"$out")"
is "batch: table" "USER  PROCESSES       HELD
2000         15  251658240
2001         15  235929600" "$(tail -n +2 <<<"$out")"
run 0 "batch: two" top --root "$root" --batch -n 2 -d 0.1
is "batch: two tables" 2 "$(grep -c "worker1 " <<<"$out")"
for by in adapter provider; do
	run 0 "batch by $by in JSON" top --root "$root" --batch -n 1 --by $by --json --sort "$by"
	is "batch by $by in JSON: a line" 1 "$(wc -l <<<"$out")"
	is "batch by $by in JSON: by" "\"$by\"" "$(get by)"
done
is "batch by provider in JSON: blocks" 12 "$(get rows 0 blocks)"
is "batch by provider in JSON: sections" 3145728 "$(get rows 0 committed)"
run 0 "batch by process in JSON" top --root "$root" --batch -n 1 --json
is "batch by process in JSON: command" '"worker30"' "$(get rows 0 command)"

# bad WORDS PATTERN: expect a usage error.
bad() { bad_usage "*ndshm top: $2" "top $1"; }

bad "--by queue" '--by: there are no groups by "queue"; use process, *'
bad "--delay 0" '--delay: "0" is no delay; use 0.1 to 3600 seconds*'
bad "--delay nan" '--delay: "nan" is no delay; *'
bad "--iterations 0" '--iterations: "0" is no count; *'
bad "--json" '--json: a live table is no JSON; use --batch*'
bad "processes" '"processes": unexpected argument; *'
STAND_IN_REFUSE=1 run 1 "refused" top --root "$root" --batch
says "refused: why" "ndshm: cannot list blocks and sections: * (EPERM)"

command -v tmux >"$top/log"
ok "tmux, which shows the screen, is there (Debian's package tmux)"

# seen NAME PATTERN: expect the screen to match within some seconds.
seen() {
	local patience=$((SECONDS + 30))
	while [[ $SECONDS -lt $patience ]]; do
		screen=$(terminal capture-pane -p -t top 2>&1)
		# shellcheck disable=SC2053 # a pattern
		[[ $screen == $2 ]] && break
		sleep 0.1
	done
	# shellcheck disable=SC2053 # a pattern
	[[ $screen == $2 ]]
	ok "$1" || sed 's/^/# /' <<<"$screen"
}
# start ARGUMENT...: start it in a terminal of 100 by 16.
start() {
	rm -f "$top/code"
	terminal new-session -d -s top -x 100 -y 16 \
		"sh -c 'echo \$\$ >$top/pid; exec $ndshm top --root $root $* 2>$top/err'; echo \$? >$top/code; exec cat"
}
keys() { terminal send-keys -t top "$@"; }
# ended NAME CODE: expect it to have ended.
ended() {
	local patience=$((SECONDS + 30))
	until [[ -s $top/code || $SECONDS -ge $patience ]]; do sleep 0.1; done
	is "$1" "$2" "$(cat "$top/code")"
	terminal kill-session -t top
}

# Without a session the server ends, and a new session can meet one that ends.
terminal new-session -d -s keep cat

start --delay 0.5
seen "the screen: the largest first" "ndshm top - *, by process; blocks: 12 with 312K, sections: 2 with 3M
sort -HELD
PID  COMMAND   USER  HELD *
130  worker30  2000   30M *
q quit  p process *"
is "the screen: its lines" 16 "$(wc -l <<<"$screen")"
process 999 $'caf\xc3\xa9' 3000 999 $((64 << 20))
seen "a new process, with a name in UTF-8" *$'CLAIMS
999  caf\xc3\xa9      3000   64M '*
rm -r "$proc/999"
seen "the process has gone" *"CLAIMS
130  worker30"*
keys Down Down
seen "scrolled" *"CLAIMS
128  worker28"*
keys NPage NPage NPage
seen "scrolled to the end" *"101  worker1 "*"q quit"*
keys Home r
seen "reversed" *"sort HELD"*"CLAIMS
101  worker1 "*
keys '<' '<' '<'
seen "another column" *"sort -PID"*"CLAIMS
130  "*
keys u
seen "by user" *", by user;"*"sort -HELD
USER  PROCESSES *
2000         15  240M *"
keys c
seen "by cgroup" *"CGROUP *
/slice/worker30  *"
keys a
seen "by adapter" *"ADAPTER  BLOCKS  CONSUMED *
node0 *"
keys v
seen "by provider" *"PROVIDER *
pages         12 *"
keys p
seen "by process again" *"CLAIMS
130  worker30"*
terminal resize-window -t top -x 40 -y 8
seen "a smaller terminal" "ndshm top - *
130  worker30*
127 *
q quit  p process *"
is "a smaller terminal: its lines" 8 "$(wc -l <<<"$screen")"
terminal resize-window -t top -x 20 -y 2
seen "hardly a terminal" "ndshm top*q quit*"
keys q
ended "q ends it" 0
is "q ends it: no error" "" "$(cat "$top/err")"

start --delay 0.2 --iterations 2
ended "the number of tables ends it" 0
start
seen "before SIGTERM" "*worker30*"
kill -TERM "$(cat "$top/pid")"
ended "SIGTERM ends it" 0
start --delay 0.2
seen "before an error" "*worker30*"
mv "$proc" "$proc.gone"
ended "an error ends it" 1
is "an error ends it: why" "ndshm: cannot read $proc: No such file or directory (ENOENT)" "$(cat "$top/err")"
end
