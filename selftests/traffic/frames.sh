#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Frames of many lengths to the user-space driver and back, and sent by it, with its rings
# and buffers in each kind of memory. ping compares each reply with its request, and the
# kernel counts frames with a valid checksum.
set -uo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

answers=/tmp/answers
ours=192.0.2.1 its=192.0.2.2

[[ -e /sys/bus/pci/devices/$user_card ]] || skip "no card $user_card"
insmod "$NDSHM_KO"
"$ndshm" bind "$user_card" >/dev/null || exit 1
wire_up mtu 9000
ip address add $ours/24 dev "$net"

# An echo request has 42 bytes of headers.
answered() {
	local length longest=1514 wanted code=0
	wanted=$(count Icmp InEchoReps)
	driver_run '^ready:' --address $its "$@" || return
	[[ "$*" != *9014* ]] || longest=9014
	for length in 60 61 63 64 65 127 511 1023 1513 1514 2047 2048 2049 4097 8193 9013 9014; do
		[[ $length -le $longest ]] || break
		ping -n -c 20 -i 0.002 -W 5 -M 'do' -s $((length - 42)) $its >$answers 2>&1
		wanted=$((wanted + 20))
		if ! becomes Icmp InEchoReps $wanted || grep -q 'wrong data' $answers ||
			! grep -q 'bytes from' $answers; then
			echo "# frames of $length bytes:"
			sed 's/^/# /' $answers
			code=1
			break
		fi
	done
	kill -TERM "$driver_pid"
	[[ $code -eq 0 ]] || sed 's/^/# /' <&"$driver_output"
	driver_wait && return $code
}

# Valid datagrams to a port that is not open.
sent() {
	local length=$1 wanted
	shift
	wanted=$(($(count Udp NoPorts) + 200))
	driver_run '^end:' --address $its --to $ours --send 200 --quit --size "$length" "$@" || return
	driver_wait && becomes Udp NoPorts $wanted
}

# switches: how often the driver has given up or lost the processor, and its time on it in ticks.
switches() {
	awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$driver_pid/status"
	awk '{ print $14 + $15 }' "/proc/$driver_pid/stat"
}

# An idle driver must not run at all: no frame arrives for five seconds.
idle() {
	local before after wanted code=0
	driver_run '^ready:' --address $its "$@" || return
	ping -n -q -c 1 -W 5 $its >/dev/null || code=1
	sleep 2
	before=$(switches)
	sleep 5
	after=$(switches)
	[[ $before == "$after" ]] || { echo "# switches, ticks: $before, then $after"; code=1; }
	wanted=$(($(count Icmp InEchoReps) + 200))
	ping -n -q -c 200 -i 0.02 -W 5 $its >$answers 2>&1
	becomes Icmp InEchoReps "$wanted" || { sed 's/^/# /' $answers; code=1; }
	grep rtt $answers | sed 's/^/# /'
	kill -TERM "$driver_pid"
	grep '^end:' <&"$driver_output" | sed 's/^/# /'
	driver_wait && return $code
}

# An administrator resets the card while the driver sleeps: it goes on.
card_reset() {
	local code=0 round line wanted
	driver_run '^ready:' --address $its "$@" || return
	for round in 1 2 3; do
		ping -n -q -c 1 -W 5 $its >/dev/null || code=1
		sleep 1
		echo 1 >"/sys/bus/pci/devices/$user_card/reset" || code=1
		read -r -t 30 line <&"$driver_output"
		[[ $line == *'set up again after a reset'* ]] || { echo "# reset $round: '$line'"; code=1; }
		wanted=$(($(count Icmp InEchoReps) + 20))
		ping -n -q -c 20 -i 0.02 -W 5 $its >$answers 2>&1
		becomes Icmp InEchoReps "$wanted" || { sed 's/^/# /' $answers; code=1; }
	done
	kill -TERM "$driver_pid"
	driver_wait && return $code
}

# The section in the driver's ready message must be one that the module lists.
section_named() {
	local id
	driver_run '^ready:.* section=[0-9]' --section || return
	id=$("$ndshm" list sections --json | sed -n 's/.*"id": *\([0-9]*\).*/\1/p')
	kill -TERM "$driver_pid"
	grep -q '^end:' <&"$driver_output" && driver_wait && [[ $driver_said == *" section=$id "* ]]
}

log_mark
for round in 1 2 3; do
	memory_of $round
	longest=1514
	[[ "${memory[*]}" != *9014* ]] || longest=9014
	what="frames up to $longest bytes${memory[*]:+, ${memory[*]}}"
	check "answered: $what" answered "${memory[@]}"
	for length in 60 1001 $longest; do
		check "sent: $length bytes${memory[*]:+, ${memory[*]}}" sent "$length" "${memory[@]}"
	done
	check "nothing left: $what" nothing_left
done
# Frames that no program has sent would wake the driver: of IPv6, and of ARP for a known address.
sysctl -qw "net.ipv6.conf.$net.disable_ipv6=1" 2>/dev/null
ip neighbour replace $its lladdr $user_mac dev "$net" nud permanent
for kind in msi intx; do
	check "answered: by $kind" answered "--interrupts=$kind"
	check "sleeps while idle, then answers: $kind" idle "--interrupts=$kind"
	check "goes on after a reset: $kind" card_reset "--interrupts=$kind"
	check "nothing left: $kind" nothing_left
done
check 'the section has the number that the driver says' section_named
check 'the kernel log is clean' log_clean
"$ndshm" unbind "$user_card" >/dev/null && rmmod ndshm
finish
