#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ps_module.sh NDSHM JSON_GET KEEPS DEVICE [CARD]: questions of an incident, each answered by one
# command in less than a second (see ask): twelve processes of three users have 2 GiB, or half of the
# machine's memory if that is less. CARD is an adapter that can be claimed. Must run as root, as
# the only user of the module. Needs setpriv and unshare. NDSHM is a build without sanitizers, whose
# start takes longer than the answers.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
ndshm=$1 json_get=$2 device=$4 card=${5:-}
export NDSHM_BACKEND=$device
was=$(stat -c %a "$device")
trap 'exec 6>&-; wait; chmod "$was" "$device"; rm -rf "$top"' EXIT
chmod 666 "$device"
chmod 755 "$top"
cp "$ndshm" "${ndshm%/*}/libndshm.so.0" "$3" "$top/"
keeps=$top/${3##*/}
ulimit -l unlimited

available=$(awk '$1 == "MemAvailable:" { print int($2 / 2) * 1024 }' /proc/meminfo)
all=$((2 << 30))
[[ $available -ge $all ]] || all=$available
unit=$((all / 16 >> 20 << 20))
echo "# $((unit * 16 >> 20)) MiB in all, of 2048 MiB"

# The processes end with the last writer of this pipe.
mkfifo "$top/end"
exec 6<>"$top/end"
# keep UID UNITS [ROLE]: sets $allocator and $keeper to the ids of the processes.
keep() {
	rm -f "$top/kept" "$top/refused"
	setpriv --reuid "$1" --clear-groups --inh-caps=-all -- \
		"$keeps" $((unit * $2)) 1 ${3:+"$3"} <"$top/end" 6>&- >"$top/kept" 2>"$top/refused" &
	allocator='' keeper=''
	until [[ -s $top/kept || -s $top/refused ]]; do sleep 0.05; done
	[[ ! -s $top/kept ]] || read -r allocator keeper <"$top/kept"
}
others=()
for user in 2001 2001 2001 2002 2002 2002 2003; do
	keep $user 1
	others+=("$keeper")
done
keep 2001 4
most=$keeper
keep 2002 2 leak
leaked_by=$allocator leak=$keeper
keep 2003 1 client
parent=$allocator child=$keeper
keep 2003 1 thread
thread=$keeper
[[ $(cat "$top/refused") == "" && $thread ]]
ok "twelve processes" || cat "$top/refused"

# The peer takes about a second under emulation on an idle machine, and much less without it. If it
# takes longer, the machine is busy, and so long is the limit.
peer_table 20000
# ask NAME ARGUMENT...: as run 0, and the shortest of up to five answers takes less than a second, or
# less than the shortest of as many runs of the peer.
ask() {
	local best=1000000000 peer=1000000000 limit=1000000 took code

	for _ in 1 2 3 4 5; do
		microseconds run 0 "$1" "${@:2}" >"$top/checked"
		[[ $took -ge $best ]] || best=$took
		[[ $best -ge $limit ]] || break
		microseconds peer >"$top/formatted"
		[[ $took -ge $peer ]] || peer=$took
		limit=$((peer > 1000000 ? peer : 1000000))
	done
	cat "$top/checked"
	[[ $best -lt $limit ]]
	ok "$1: less than a second"
	echo "# $1: ndshm ${*:2}: $((best / 1000)) ms; limit $((limit / 1000)) ms"
}

ask "who has the most" ps
sed 's/^/# /' <<<"$out"
is "who has the most: the process" "$most" "$(awk 'NR == 2 { print $1 }' <<<"$out")"
is "who has the most: all are there" 12 "$(awk 'NR > 1' <<<"$out" | wc -l)"
ask "which user has the most" ps --by user --json
is "which user has the most: the user" 2001 "$(get 0 uid)"
is "which user has the most: bytes" $((unit * 7)) "$(get 0 held)"
is "which user has the most: a shared descriptor counts once" $((unit * 3)) "$(get 2 held)"
ask "who leaks" ps blocks
sed 's/^/# /' <<<"$out"
is "who leaks: the ended and the live process, and no other" "$leaked_by ended $leak ${keeps##*/}" \
	"$(awk '$5 == "ended" { print $4, $5, $6, $7 }' <<<"$out")"

run 0 "processes in JSON" ps --json
for pid in "$parent" "$child" "$thread"; do
	[[ $out == *"\"allocated\": $unit, "*"\"pid\": $pid, "*'"kind": "client"'* ]]
	ok "process $pid has a client"
done
only pid "$thread"
is "the other thread: its mapping" "$unit" "$(get 0 mapped)"
is "the other thread: its descriptor" "$unit" "$(get 0 allocated)"
run 0 "its block" ps blocks --json
only allocator "$thread"
is "its block: runs" '"running"' "$(get 0 state)"

# clients PID: the number of descriptors of the device in the last JSON.
clients() { awk -v RS='\n  ' -v pid="\"pid\": $1, " 'index($0, pid) { print gsub(/"kind": "client"/, "") }' <<<"$out"; }
keep 2003 1 tables
tables=$keeper
run 0 "threads with tables of their own" ps --json
is "threads with tables of their own: each is read once" 4 "$(clients "$tables")"
only pid "$tables"
is "threads with tables of their own: one client" "$unit" "$(get 0 allocated)"
"${3%/*}/no_call" kcmp 1 "$ndshm" ps --json >"$top/out"
is "kcmp() is not permitted" 0 $?
out=$(cat "$top/out")
is "kcmp() is not permitted: threads share their descriptors" 1 "$(clients "$tables")"
is "kcmp() is not permitted: a leader has ended" 1 "$(clients "$thread")"

setpriv --reuid 2001 --clear-groups --inh-caps=-all -- "$top/ndshm" ps --json \
	>"$top/out" 2>"$top/err"
is "a user" 0 $?
out=$(cat "$top/out")
is "a user: the own processes" "$most" "$(get 0 pid)"
get 4 >/dev/null
is "a user: no others" 1 $?
[[ $(cat "$top/err") == '{"note":{"message":"ndshm: '*' processes not read: permission denied; run as root '* ]]
ok "a user: a note" || cat "$top/err"
unshare --pid --fork -- "$ndshm" ps >"$top/out" 2>"$top/err"
is "/proc of another PID namespace" 1 $?
[[ $(cat "$top/err") == "ndshm: cannot use /proc: it shows other processes "*"; mount proc on it" ]]
ok "/proc of another PID namespace: why" || cat "$top/err"

hold "section +([0-9]): *" section create --name frames --max 1M --initial 64K
id=${line#section } id=${id%%:*} first=$pid
run 0 "sections" ps sections --json
only name '"frames"'
is "sections: its id" "$id" "$(get 0 id)"
is "sections: the process" "$first" "$(get 0 pid)"
is "sections: has memory" 65536 "$(get 0 committed)"
is "sections: a descriptor" 1 "$(get 0 descriptors)"
exec 7>&-
unhold "the section is deleted"
if [[ $card ]]; then
	run 0 "no claim" ps claims --json
	is "no claim: none" '[]' "$(get)"
	hold "*" alloc --adapter "$card"
	run 0 "claims" ps claims --json
	is "claims: the adapter" "\"$card\"" "$(get 0 adapter)"
	is "claims: the process" "$pid" "$(get 0 pid)"
	exec 7>&-
	unhold "the claim ends"
fi
end
