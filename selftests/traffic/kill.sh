#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# SIGKILL of the user-space driver in full traffic. Behind a strict IOMMU the
# next claim must start under traffic without a logged fault; without an IOMMU,
# freed memory, which the test build keeps and poisons, must not change.
#
# kill.sh iommu|bare [skip]: with `skip` (test build only) the kernel does not
# quiesce the card, and the same checks must detect that.
set -uo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mode=$1 skip=${2:-}
[[ $skip ]] && rounds=2

[[ -e /sys/bus/pci/devices/$user_card ]] || skip "no card $user_card"
# With an IOMMU, unisolated adapters are not allowed: the IOMMU must be strict.
insmod "$NDSHM_KO" allow_unisolated="$([[ $mode == bare ]] && echo 1 || echo 0)"
"$ndshm" bind "$user_card" >/dev/null || exit 1
# The card writes until its descriptors are used up, and the memory must have been freed by then.
[[ ! $skip ]] || NDSHM_FLOOD_DELAY=${NDSHM_FLOOD_DELAY:-3000000}
flood_start
if [[ $skip ]]; then
	[[ -e $parameters/test_skip_quiesce ]] || skip 'not a test build'
	echo Y >$parameters/test_skip_quiesce
fi
[[ $mode == iommu || -e $parameters/test_hold_freed ]] || skip 'not a test build'

net=$(basename /sys/bus/pci/devices/$kernel_card/net/*)
sent() { cat "/sys/class/net/$net/statistics/tx_packets"; }

killed() {
	driver_start "${memory[@]}" "${interrupts[@]}" || return
	[[ $mode == iommu ]] || echo Y >$parameters/test_hold_freed
	sent_before=$(sent)
	kill -KILL "$driver_pid"
	driver_wait
	[[ $? -eq 137 ]] && nothing_left
}

# Wait a second, then compare the number of changed freed pages: test NUMBER OPERATOR 0. With -gt,
# wait until there is one, and until the card has written to all of its 256 descriptors: memory that
# it still writes to must not be freed.
poison_changed() {
	local patience=$((SECONDS + 10)) held changed
	sleep 1
	until [[ $1 != -gt || $SECONDS -ge $patience ]] ||
		[[ $(sent) -ge $((sent_before + 300)) && $(cat $parameters/test_held_changed) -gt 0 ]]; do
		sleep 0.05
	done
	held=$(cat $parameters/test_held)
	changed=$(cat $parameters/test_held_changed)
	echo "# $held pieces of freed memory kept, $changed changed"
	echo N >$parameters/test_hold_freed
	[[ $held -gt 0 ]] && test "$changed" "$1" 0
}
# The memory may have been freed after the card has used up its descriptors: try once more.
poison_seen() { poison_changed -gt || { killed && poison_changed -gt; }; }
fault_logged() { log_has 'DMAR.*fault'; }

log_mark
for ((round = 1; round <= rounds; round++)); do
	# Only freed blocks are kept and checked, so use other memory only with
	# the IOMMU.
	[[ $mode == bare ]] || memory_of "$round"
	interrupts_of "$round"
	how=("${memory[@]}" "${interrupts[@]}")
	check "$mode: killed in full traffic, nothing left ($round${how[*]:+, ${how[*]}})" killed
	[[ $mode == iommu ]] && continue
	if [[ $skip ]]; then
		check "$mode: without the quiet step freed memory changes ($round)" poison_seen
	else
		check "$mode: freed memory does not change for a second ($round)" poison_changed -eq
	fi
done
if [[ $mode == iommu && $skip ]]; then
	check 'iommu: without the quiet step a fault is logged' fault_logged
else
	check "$mode: the kernel log is clean" log_clean
fi
flood_stop
finish
