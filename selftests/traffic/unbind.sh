#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Unbind the adapter in full traffic with its memory mapped: the program must get
# SIGBUS or ENODEV, and the kernel log must be clean.
set -uo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

driver_directory=/sys/bus/pci/drivers/ndshm_pci

[[ -e /sys/bus/pci/devices/$user_card ]] || skip "no card $user_card"
insmod "$NDSHM_KO"
"$ndshm" bind "$user_card" >/dev/null || exit 1
flood_start

# 3 is the driver's exit code for a revoked adapter.
unbound() {
	driver_start "${memory[@]}" "${interrupts[@]}" || return
	echo "$user_card" >$driver_directory/unbind || return
	driver_wait
	local code=$?
	[[ $code -eq 3 ]] || { echo "# the driver's exit code is $code"; return 1; }
	nothing_left
}
bound() { echo "$user_card" >$driver_directory/bind; }

log_mark
for ((round = 1; round <= rounds; round++)); do
	memory_of "$round"
	interrupts_of "$round"
	how=("${memory[@]}" "${interrupts[@]}")
	check "unbound in full traffic: the program is told ($round${how[*]:+, ${how[*]}})" unbound
	check "bound again ($round)" bound
done
check 'the kernel log is clean' log_clean
flood_stop
finish
