#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# admin.sh NDSHM JSON_GET: output of the command for quotas and events. stand_in_admin.c
# provides the users and the events.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
ndshm=$1 json_get=$2
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
export NDSHM_BACKEND=memfd:
unset STAND_IN_OPEN STAND_IN_REFUSE

table() {
	echo "USER        KIND               USED                 LIMIT  LIMIT OF
$1  sections              1                  1024  default
$1  holders               2                 65536  default
$1  reserved  3298534883328         4398046511104  user
$1  bytes              4096  18446744073709551615  user
$1  requests              5                 16384  default
$1  clients               6                  1024  default"
}

run 0 "one's own quota" quota
is "one's own quota: table" "$(table 4000000000)" "$out"
run 0 "another's, by number" quota 4000000000
is "another's, by number: table" "$(table 4000000000)" "$out"
run 0 "another's, by name" quota root --json
is "another's, by name: user" '"root"' "$(get user)"
is "another's, by name: uid" 0 "$(get uid)"
is "quota in JSON: used" 3298534883328 "$(get reserved used)"
is "quota in JSON: limit" 65536 "$(get holders limit)"
is "quota in JSON: a limit that JSON has not" 9223372036854775807 "$(get bytes limit)"
is "quota in JSON: set" true "$(get bytes set)"
is "quota in JSON: default" false "$(get sections set)"
run 0 "all quotas" quota --all
[[ $out == *root*4000000000* ]]
ok "all quotas: both"
run 2 "all quotas of a user" quota --all root
says "all quotas of a user: why" "ndshm quota: --all: cannot be combined with a user or a limit; omit them"$'\n'*
run 0 "all quotas in JSON" quota --all -j
is "all quotas: the second" 4000000000 "$(get 1 uid)"

STAND_IN_BLOCKS=1 run 0 "exempt users" quota --all
is "exempt users: totals" "USER        EXEMPT
root           12K
77              1G
4000000000       0" "$(sed -n '/EXEMPT/,+3p' <<<"$out")"
is "exempt users: the sum" "1G" "$(tail -n 1 <<<"$out" | grep -o '[0-9.]*[KMG]$')"
is "exempt users: a quota" 18 "$(grep -cE ' (default|user)$' <<<"$out")"
STAND_IN_BLOCKS=1 run 0 "exempt users in JSON" quota --all --json
is "exempt users in JSON: bytes" "12288 1073741824 0" "$(get 0 exempt) $(get 1 exempt) $(get 2 exempt)"
is "exempt users in JSON: the limit of one without a quota" 65536 "$(get 1 holders limit)"

# set_to SET ARGUMENT...: expect these new limits.
set_to() {
	run 0 "quota ${*:2}" quota "${@:2}"
	is "quota ${*:2}: set" "$1" "$err"
}

set_to "uid=0 set=8 reset=0 0 0 0 1048576" root --bytes 1M
set_to "uid=0 set=15 reset=0 1 2 3221225472 0" root --sections 1 --holders 2 --reserved 3G --bytes 0
set_to "uid=4294967295 set=2 reset=5 0 7 0 0" --sections default --holders 7 --reserved default
set_to "uid=0 set=0 reset=8 0 0 0 0" 0 --bytes default
set_to "uid=0 set=1 reset=0 5 0 0 0" root --sections default --sections 5
run 0 "the reserve" reserve
is "the reserve: table" "SIZE  CHUNK SIZE  CHUNKS  FREE  USED
800M          2M     390   381     9" "$out"
is "the reserve: not set" "" "$err"
run 0 "the reserve in JSON" reserve --json
is "the reserve in JSON: all" "838860800 2097152 390 381 9" \
	"$(for key in size chunk_size chunks free used; do get $key; done | xargs)"
run 0 "a size of the reserve" reserve 1.5G
is "a size of the reserve: set" "bytes=1610612736" "$err"
[[ $out == *390* ]]
ok "a size of the reserve: shown"
run 0 "no reserve" reserve 0
is "no reserve: set" "bytes=0" "$err"
STAND_IN_RESERVE=12 run 1 "a reserve that falls short" reserve 1T
[[ $err == *"not enough contiguous memory for all chunks; "*"(ENOMEM)" && $out == *390* ]]
ok "a reserve that falls short: why, and how far it came"
STAND_IN_RESERVE=11 run 1 "a reserve that takes too long" reserve 1T
[[ $err == *"the time was too short, but chunks were allocated; repeat the command (EAGAIN)" && $out == *390* ]]
ok "a reserve that takes too long: why, and how far it came"
STAND_IN_RESERVE=34 run 1 "a reserve that is too large" reserve 1E
[[ $err == *"more than the memory of the machine; give less (ERANGE)" && -z $out ]]
ok "a reserve that is too large: why"
run 2 "a reserve without a size" reserve much
run 2 "a reserve with two sizes" reserve 1M 2M

export STAND_IN_REFUSE=1
run 1 "reserve: not permitted" reserve
says "reserve: not permitted: why" "ndshm: cannot show the reserve: requires CAP_SYS_ADMIN; * (EPERM)"
run 1 "quota: not permitted" quota root
says "quota: not permitted: why" "ndshm: cannot show a quota: requires CAP_SYS_ADMIN; * (EPERM)"
run 1 "quota: not to be set" quota root --bytes 1
says "quota: not to be set: why" "ndshm: cannot set a quota: requires CAP_SYS_ADMIN; * (EPERM)"
run 1 "monitor: not permitted" monitor
says "monitor: not permitted: why" "ndshm: cannot listen: requires CAP_SYS_ADMIN; * (EPERM)"
for words in reserve "quota root" monitor; do
	# shellcheck disable=SC2086
	run 1 "$words: not permitted in JSON" $words --json
	out=$err
	is "$words: not permitted in JSON: errno" '"EPERM"' "$(get error errno)"
done
for error in 11:EAGAIN 12:ENOMEM 34:ERANGE; do
	STAND_IN_RESERVE=${error%:*} run 1 "reserve: ${error#*:} in JSON" reserve 1G --json
	out=$(sed -n 2p <<<"$err")
	is "reserve: ${error#*:} in JSON: errno" "\"${error#*:}\"" "$(get error errno)"
	[[ $(get error message) == *" (${error#*:})\"" ]]
	ok "reserve: ${error#*:} in JSON: text"
done
export STAND_IN_REFUSE=22
run 1 "quota: no such user" quota 12345
says "quota: no such user: why" "ndshm: cannot show a quota: * (EINVAL)"
STAND_IN_OPEN=0 STAND_IN_REFUSE=95 run 1 "an old module" -b /dev/ndshm quota
says "an old module: why" \
	"ndshm: cannot show a quota: not supported by the module; load one of this version (EOPNOTSUPP)"
unset STAND_IN_REFUSE
STAND_IN_OPEN=122 run 1 "too many clients" -b /dev/ndshm alloc
says "too many clients: why" "ndshm: cannot open /dev/ndshm: the user has as many open clients as its \
quota permits; close some, or raise the quota (ndshm quota --clients) (EDQUOT)"

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
	"ADAPTER  KIND   ID  STATE    FILTERS  BLOCKS  BYTES  PACKETS  BUFFERS  LOOKAHEAD  PROCESSORS    NAME           VM
memfd    queue   3  running        0       -      -        -      512        128  64-66,68,127  fast ?[2Jpath  vm ??
memfd    port    4  active         -       -      -        -        -          -  -             -              -" "$out"
STAND_IN_QUEUES=1 run 0 "queues: names and values in JSON" list queues -j
is "queues: processors" '[64,65,66,68,127]' "$(get 0 processors | tr -d ' \n')"
is "queues: name" '"fast ?[2Jpath"' "$(get 0 name)"
is "queues: virtual machine" '"vm ??"' "$(get 0 vm_name)"
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
