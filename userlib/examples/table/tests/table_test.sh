#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# table_test.sh TABLE: the owner and readers of the table as two processes, without the module. Last
# line: N passed, N failed.
set -uo pipefail
# shellcheck source=../../../tests/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../../tests/lib.sh"

table=$1
dir=$(mktemp -d)
owner=
trap '[[ -z $owner ]] || kill -9 "$owner"; rm -rf "$dir"' EXIT
export NDSHM_BACKEND=memfd:

check() { "${@:2}"; ok "$1"; }
# same EXPECTED ACTUAL
same() { [[ $1 == "$2" ]] || { echo "# expected: $1"; echo "# got:      $2"; false; }; }

# start: an owner, whose input is descriptor 4 and whose output 3.
start() {
	rm -f "$dir/in" "$dir/out"
	mkfifo "$dir/in" "$dir/out"
	"$table" serve "$dir" <"$dir/in" >"$dir/out" &
	owner=$!
	exec 4>"$dir/in" 3<"$dir/out"
	read -r line <&3
	same ready "$line"
}
# ask COMMAND: a line of the owner's output is in `line`.
ask() { echo "$1" >&4 && read -r line <&3; }
# How often the owner's own thread has slept.
sleeps() { sed -n 's/^voluntary_ctxt_switches:[[:blank:]]*//p' "/proc/$owner/task/$owner/status"; }

check 'an owner starts' start
check 'its secrets are its own' same '600 600' "$(stat -c %a "$dir/token" "$dir/where" | paste -sd' ')"
echo 'set colour blue and green' >&4
echo 'set shape round' >&4
ask info
check 'values are read' same $'blue and green\nround' "$("$table" get "$dir" colour shape)"
check 'a key that is not there' same 'ndshm-table: size: No such file or directory' "$("$table" get "$dir" size 2>&1)"
echo 'set colour red' >&4
echo 'unset shape' >&4
ask info
check 'a new value' same red "$("$table" get "$dir" colour)"
check 'a key that was removed' same '' "$("$table" get "$dir" shape 2>/dev/null)"
ask "set $(printf '%057d' 0) x"
check 'a key that is too long' same no "$line"
for i in {1..300}; do echo "set key$i value$i" >&4; done
echo 'set same aaaa' >&4
ask info
check 'many keys' same $'value1\nvalue150\nvalue300' "$("$table" get "$dir" key1 key150 key300)"

# A thread of the library executes the gets, that of the owner sleeps.
before=$(sleeps)
check 'gets: all are executed' same '1000 gets, 0 torn, 0 mixed, 0 missing, 1 connections' \
	"$("$table" watch "$dir" same 1000)"
check 'and the owner is not woken' same "$before" "$(sleeps)"

# While the owner writes. It is killed, and the reader finds the next one.
echo 'set busy a' >&4
echo 'churn busy 100000000' >&4
"$table" watch "$dir" busy 60000 >"$dir/said" &
reader=$!
ended=
for _ in 1 2 3; do
	sleep 0.4
	kill -9 "$owner"
	wait "$owner" 2>/dev/null
	start || ended=1
	echo 'set busy a' >&4
	echo 'churn busy 100000000' >&4
done
check 'owners are killed and started' [ ! "$ended" ]
check 'the reader survives them' wait "$reader"
read -r gets _ torn _ mixed _ _ _ connections _ <"$dir/said"
echo "# $(<"$dir/said")"
check 'the reader has connected to several owners' [ "$connections" -gt 1 ]
# On a busy machine the owner seldom writes just then.
for _ in {1..30}; do
	[[ $torn -eq 0 && $mixed -eq 0 ]] || break
	read -r gets _ torn _ mixed _ < <("$table" watch "$dir" busy 20000)
done
check 'slots were torn' [ "$torn" -gt 0 ]
check 'and fetched again' [ "$gets" -gt 20000 ]
check 'and none was used' same 0 "$mixed"
kill -9 "$owner"
wait "$owner" 2>/dev/null
owner=
end
