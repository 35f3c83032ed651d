#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Hot unplug of a card in full traffic: the program is notified, its memory is
# freed, and the IOMMU logs no access. First through sysfs, after which a rescan
# finds the card again; then all cards are ejected for good. The cards must be in
# slots, each added by
#
#	--netdev hubport,id=wire2,hubid=7
#	--device pcie-root-port,id=slot2,chassis=2,addr=0x14
#	--device e1000e,bus=slot2,netdev=wire2,mac=52:54:00:6e:64:02,romfile=
set -uo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

insmod "$NDSHM_KO"

bound() { "$ndshm" bind "$user_card" >/dev/null; }
is_there() { [[ -e /sys/bus/pci/devices/$user_card ]]; }
removed() { echo 1 >"/sys/bus/pci/devices/$user_card/remove"; }
ejected() { echo 0 >"/sys/bus/pci/slots/$slot/power"; }

# A card that is really plugged in has no state, so reset the bus behind the port.
# Otherwise the kernel's own driver, which binds first, would let it continue its
# DMA.
plugged_in() {
	setpci -s "$port" BRIDGE_CONTROL=40:40 && setpci -s "$port" BRIDGE_CONTROL=0:40 &&
		echo 1 >/sys/bus/pci/rescan && is_there
}

# 3 is the driver's exit code for a revoked adapter.
unplugged() {
	local code=0 adapters
	driver_start "${memory[@]}" || return
	"$@" || return
	driver_wait || code=$?
	[[ $code -eq 3 ]] || { echo "# the driver's exit code is $code"; return 1; }
	adapters=$("$ndshm" list adapters --json) || return
	! is_there && [[ $adapters != *"$user_card"* ]] && nothing_left
}

# Traffic runs, and the program ends on SIGTERM.
served() {
	driver_start || return
	kill -TERM "$driver_pid"
	driver_wait
}

# The address of a slot is that of its card without the function number.
declare -A cards=()
for path in /sys/bus/pci/slots/*/power; do
	slot=$(basename "${path%/power}")
	user_card=$(cat "/sys/bus/pci/slots/$slot/address").0
	[[ $(cat "/sys/bus/pci/devices/$user_card/device") == 0x10d3 ]] && cards[$slot]=$user_card
done 2>/dev/null
[[ ${#cards[@]} -gt 0 ]] || skip 'no card in a slot'
for user_card in "${cards[@]}"; do
	check "bound: $user_card" bound
done
port=$(basename "$(dirname "$(realpath "/sys/bus/pci/devices/$user_card")")")
flood_start

log_mark
for ((round = 1; round <= rounds; round++)); do
	memory_of "$round"
	check "removed in full traffic: the program is told ($round${memory[*]:+, ${memory[*]}})" unplugged removed
	check "plugged in again ($round)" plugged_in
	check "bound again ($round)" bound
done
check 'the card serves as before' served
for slot in "${!cards[@]}"; do
	user_card=${cards[$slot]}
	check "ejected in full traffic: the program is told ($user_card)" unplugged ejected
done
check 'the kernel log is clean' log_clean
flood_stop
finish
