#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The part of the demo that runs in the virtual machine. NDSHM_KO is the module,
# NDSHM_BUILD the directory of the programs.
set -euo pipefail

card=0000:00:11.0	# for the driver in user space
ndshm=$NDSHM_BUILD/user/ndshm

step() { printf '\n== %s\n' "$*"; }

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
modprobe e1000e
wire=$(basename /sys/bus/pci/devices/0000:00:10.0/net/*)
ip address add 192.0.2.1/24 dev "$wire"
# The link comes up after a moment; wait for the kernel's notification.
exec {events}< <(exec timeout 30 ip monitor link dev "$wire")
ip link set "$wire" up
ip link show dev "$wire" | grep -q LOWER_UP || grep -qm1 LOWER_UP <&"$events"
ping -q -c 200 -i 0.02 -s 1400 -w 60 192.0.2.2 | tee /tmp/ping

step 'What the module sees'
"$ndshm" list blocks

step 'Stop the driver; its counters'
kill -TERM "$pid"
cat <&"$output"
wait "$pid"

step 'The kernel log since the module was loaded'
dmesg | sed -n '/ndshm/,$p' | grep -v -e 'loading out-of-tree' -e 'module verification failed' \
	-e e1000e -e 'clocksource' || echo '(nothing of note)'
grep -q ' 0% packet loss' /tmp/ping
