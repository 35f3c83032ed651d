#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ring.sh: compare the time of messages between processes with pipes, Unix sockets, and the message
# queues of POSIX and, if it is installed, Boost.Interprocess. Each number is the median of $runs runs, in nanoseconds per message. A message of 64 bytes
# may take 1/$factor of the time of a Unix socket. The last line is: N passed, N failed.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
build=${BUILD:-$here/../../build/bench/heap}
runs=5 messages=${MESSAGES:-400000} factor=5

make -s -C "$here" BUILD="$build" >&2

# median TRANSPORT BYTES PEERS
median() {
	for ((run = 0; run < runs; run++)); do
		"$build/ring" "$1" "$2" "$messages" "$3" || return
	done | sort -n | sed -n $((runs / 2 + 1))p
}

passed=0 failed=0
format='%-44s %6s %7s %7s %7s %7s  %s\n'
# shellcheck disable=SC2059 # one format for all rows
printf "$format" 'nanoseconds a message' ring socket pipe mqueue boost ''
for row in '64 1 -deep' '64 1' '64 2 -deep' '1024 1 -deep' '4096 1 -deep'; do
	read -r bytes peers deep <<<"$row"
	ring=$(median "ring$deep" "$bytes" "$peers")
	socket=$(median "socket$deep" "$bytes" "$peers")
	pipe=$(median "pipe$deep" "$bytes" "$peers")
	mqueue=-
	[[ $deep ]] || mqueue=$(median mqueue "$bytes" "$peers")
	boost=$(median "boost$deep" "$bytes" "$peers") || boost=-
	room=10 said=''
	[[ ! $deep ]] || room=1,024
	if [[ $row == '64 1 -deep' ]]; then
		if ((ring * factor <= socket)); then
			passed=$((passed + 1)) said=PASS
		else
			failed=$((failed + 1)) said=FAIL
		fi
	fi
	# shellcheck disable=SC2059
	printf "$format" "$bytes B, $peers to $peers, room for $room" "$ring" "$socket" "$pipe" "$mqueue" "${boost:--}" "$said"
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
