#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# isolation.sh WORD [CARD]...: in a boot made so that the card of the traffic
# tests lacks the isolation property WORD of `ndshm list adapters`, that is said,
# an unprivileged claim is refused, a privileged one as long as it is not allowed,
# and an unprivileged program sees no DMA address. WORD "isolated": nothing lacks,
# and the unprivileged claim succeeds. CARDs are bound as well.
set -uo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/traffic/lib.sh"

word=$1
shift
[[ -e /sys/bus/pci/devices/$user_card ]] || skip "no card $user_card"
insmod "$NDSHM_KO"
chmod 0666 /dev/ndshm
# The rig's "lazy" boot must stay lazy: `ndshm bind` would make the group strict.
bind_plainly() {
	echo ndshm_pci >"/sys/bus/pci/devices/$1/driver_override" &&
		echo "$1" >/sys/bus/pci/drivers/ndshm_pci/bind
}
for card in "$user_card" "$@"; do
	if [[ $word == isolated ]]; then
		"$ndshm" bind "$card" >/dev/null
	else
		bind_plainly "$card"
	fi || { echo "Bail out! $card cannot be bound"; exit 1; }
done

unprivileged() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
driver() { timeout 60 "$@" "$NDSHM_BUILD/user/ndshm-82574" --adapter "$user_card" --duration 1 2>&1; }

adapter_line() { "$ndshm" list adapters | grep -F "$user_card"; }
named() { adapter_line | tee /dev/stderr | grep -qiF -- "$word"; }
refused() { driver "${@:2}" | tee /dev/stderr | grep -qF -- "$1"; }
claims() { driver unprivileged | tee /dev/stderr | grep -q '^ready:'; }
hidden() { unprivileged "$ndshm" alloc --adapter node0 | tee /dev/stderr | grep -qi hidden; }

log_mark
check "list adapters says: $word" named
if [[ $word == isolated ]]; then
	check 'an unprivileged program may claim it' claims
else
	check 'an unprivileged claim is refused' refused not-isolated unprivileged
	check 'a privileged claim is refused while not allowed' refused unisolated-off env
fi
check 'DMA addresses are hidden from the unprivileged' hidden
check 'the kernel log is clean' log_clean
finish
