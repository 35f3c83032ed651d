#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# admin.sh NDSHM JSON_GET: output of the command for queues and events.
# stand_in_admin.c provides them.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
ndshm=$1 json_get=$2
export NDSHM_BACKEND=memfd:


export STAND_IN_REFUSE=1
fails 1 "monitor: not permitted" "ndshm: cannot listen: requires CAP_SYS_ADMIN; * (EPERM)" monitor
run 1 "monitor: not permitted in JSON" monitor --json
out=$err
is "monitor: not permitted in JSON: errno" '"EPERM"' "$(get error errno)"
unset STAND_IN_REFUSE

run 0 "monitor" monitor --count 5
is "monitor: lines" "adapter added 7 name=card?0
provider revoked 8 name=pool
adapter claimed 7 name=card
lost: events came faster than they were read
adapter released 7 name=card
provider gone 8 name=pool" "$out"
run 0 "monitor: fewer" monitor -c 2
is "monitor: fewer: lines" 2 "$(wc -l <<<"$out")"
run 0 "monitor in JSON" monitor --count 4 --json
is "monitor in JSON: a line each" 5 "$(wc -l <<<"$out")"
lines=$out
line() { out=$(sed -n "$1p" <<<"$lines"); }
line 1
is "adapter: object" '"adapter"' "$(get object)"
is "adapter: event" '"added"' "$(get event)"
is "adapter: name" '"card?0"' "$(get adapter name)"
line 2
is "provider: id" 8 "$(get provider id)"
line 3
is "claim: claimed" true "$(get adapter claimed)"
line 4
is "lost" '"lost"' "$(get event)"
line 5
is "claim: event of its end" '"released"' "$(get event)"
is "claim: needs a reset" true "$(get adapter needs_reset)"

STAND_IN_QUEUES=1 run 0 "queues: names and values" list queues
is "queues: names and values: table" \
	"ADAPTER  KIND   ID  STATE    FILTERS  BLOCKS  BYTES  PACKETS  BUFFERS  LOOKAHEAD  PROCESSORS    NAME              VM
memfd    queue   3  running        0       -      -        -      512        128  64-66,68,127  fast \x1b[2Jpath  vm \xc3\xa9
memfd    port    4  active         -       -      -        -        -          -  -             -                 -" "$out"
STAND_IN_QUEUES=1 run 0 "queues: names and values in JSON" list queues -j
is "queues: processors" '[64,65,66,68,127]' "$(get 0 processors | tr -d ' \n')"
is "queues: name" '"fast \u001B[2Jpath"' "$(get 0 name)"
is "queues: virtual machine" $'"vm \xc3\xa9"' "$(get 0 vm_name)"
is "queues: lookahead" 128 "$(get 0 lookahead)"
is "queues: no name" '""' "$(get 1 name)"
when='20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{6}'
TZ=NPT-5:45 run 0 "monitor: time" monitor --time --count 4
is "monitor: time: each line" 5 "$(grep -cE "^$when\+05:45 [a-z]" <<<"$out")"
TZ=BRT3 run 0 "monitor: time in JSON" monitor --time --count 4 --json
lines=$out
for number in 1 4 5; do
	line $number
	[[ $(get time) =~ ^\"$when-03:00\"$ ]]
	ok "monitor: time in JSON: line $number"
done

# Each line is printed at once, and a signal is a successful end.
for signal in INT TERM; do
	mkfifo "$top/out.fifo"
	"$ndshm" monitor >"$top/out.fifo" 2>&1 &
	pid=$!
	exec 8<"$top/out.fifo"
	for ((i = 0; i < 6; i++)); do
		read -r line <&8
	done
	[[ $line == "provider gone "* ]] && kill -0 $pid
	ok "monitor: shown and waiting for SIG$signal"
	kill -$signal $pid
	wait $pid
	is "monitor: ends with SIG$signal" 0 $?
	exec 8<&-
	rm "$top/out.fifo"
done
"$ndshm" monitor --count 1 >/dev/full 2>"$top/err"
is "monitor: a full disk is a failure" 1 $?
end
