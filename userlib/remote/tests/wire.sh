#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# wire.sh station|test PROGRAM: one of two machines with a wire between them, which is this one's only
# network card. PROGRAM is remote_wire. NDSHM_KO is the module. NDSHM_TRANSPORT: see remote_wire.c.
set -euo pipefail
role=$1 program=$2
network=192.0.2 port=7000

case $role in
station) number=1 ;;
test)	number=2 ;;
esac

# wire_up NUMBER: print the name of the interface.
wire_up() {
	local device
	modprobe virtio_net
	device=$(basename -- "$(dirname -- "$(grep -l 52:54:00:6e:65: /sys/class/net/*/address)")")
	sysctl -q "net.ipv6.conf.$device.disable_ipv6=1"
	ip address add "$network.$1/24" dev "$device"
	ip link set "$device" up
	echo "$device"
}

NDSHM_WIRE=$(wire_up "$number")
export NDSHM_WIRE
insmod "$NDSHM_KO"
case $role in
station)	"$program" station "$port" ;;
test)		"$program" test "$network.1" "$port" ;;
esac
rmmod ndshm
