#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# demo-guest.sh [PROTOTYPE]: the part of the demo that runs in the virtual machine. NDSHM_KO is the
# module, NDSHM_BUILD the directory of the programs. PROTOTYPE is a driver in the kernel, which then
# drives the card in place of the program.
set -euo pipefail

card=0000:00:11.0	# for the driver in user space
ndshm=$NDSHM_BUILD/user/ndshm
# On a busy host the usual queueing discipline drops frames that have waited too long.
sysctl -qw net.core.default_qdisc=pfifo_fast

step() { printf '\n== %s\n' "$*"; }

# other_end: the kernel's own driver takes the other card, whose interface is then $wire.
other_end() {
	modprobe e1000e
	wire=$(basename /sys/bus/pci/devices/0000:00:10.0/net/*)
}

# link_up NET: set the interface up. The link comes up after a moment; wait for the kernel's
# notification.
link_up() {
	local events
	exec {events}< <(exec timeout 30 ip monitor link dev "$1")
	ip link set "$1" up
	ip link show dev "$1" | grep -q LOWER_UP || grep -qm1 LOWER_UP <&"$events"
	exec {events}<&-
}

# pinged [COMMAND]...: with the command before it, such as one that enters a namespace. ping ends with
# the 200th reply; if that was late, it has sent another request, which must also be answered.
pinged() {
	local patience=$((SECONDS + 10))
	"$@" ping -q -c 200 -i 0.02 -s 1400 -w 60 192.0.2.2
	until [[ $("$@" cat /proc/net/snmp | icmp OutEchos) == "$("$@" cat /proc/net/snmp | icmp InEchoReps)" ]]; do
		[[ $SECONDS -lt $patience ]] || { echo 'not every request was answered'; return 1; }
		sleep 0.05
	done
}
# icmp NAME: print a counter of ICMP.
icmp() { awk -v name="$1" '$1 == "Icmp:" { if (column) print $column; else for (i = 2; i <= NF; i++) if ($i == name) column = i }'; }

finish() {
	step 'The kernel log since the module was loaded'
	dmesg | sed -n '/ndshm/,$p' | grep -v -e 'loading out-of-tree' -e 'module verification failed' \
		-e e1000e -e 'clocksource' || echo '(nothing of note)'
}

# The interfaces of both drivers are the kernel's: one is in a namespace, so that frames use the link.
prototype() {
	local device=/sys/bus/pci/devices/$card net
	step "Load the module and the driver in the kernel, and give it the card $card"
	insmod "$NDSHM_KO"
	insmod "$1"
	echo ndshm_82574 >"$device/driver_override"
	echo "$card" >/sys/bus/pci/drivers/ndshm_82574/bind
	net=$(basename "$device"/net/*)
	other_end
	ip address add 192.0.2.2/24 dev "$net"
	ip netns add there
	ip link set "$wire" netns there
	ip -n there address add 192.0.2.1/24 dev "$wire"
	ip -n there link set "$wire" up
	link_up "$net"
	step "From the kernel's own driver on the other end of the wire: 200 pings of 1,400 bytes"
	pinged ip netns exec there
	step 'What the module sees'
	"$ndshm" list queues
	finish
}

if [[ ${1:-} ]]; then
	prototype "$1"
	exit
fi

step "Load the module, and give it the card $card"
insmod "$NDSHM_KO"
"$ndshm" bind "$card"
"$ndshm" list adapters

step "Start the user-space driver on it; it answers for 192.0.2.2"
coproc driver { exec "$NDSHM_BUILD/user/ndshm-82574" --adapter "$card" --address 192.0.2.2 --interrupts; }
exec {output}<&"${driver[0]}"
# shellcheck disable=SC2154 # coproc sets it
pid=$driver_PID
while read -r line <&"$output"; do
	printf '%s\n' "$line"
	[[ $line != ready:* ]] || break
done
kill -0 "$pid"

step "From the kernel's own driver on the other end of the wire: 200 pings of 1,400 bytes"
other_end
ip address add 192.0.2.1/24 dev "$wire"
link_up "$wire"
pinged

step 'What the module sees'
"$ndshm" list blocks

step 'Stop the driver; its counters'
kill -TERM "$pid"
cat <&"$output"
wait "$pid"

finish
