#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# isolation.sh WORDS [CARD JOINS]: in a boot made so that the card of the traffic tests lacks
# the isolation properties WORDS of `ndshm list adapters` and no other, that is
# said, an unprivileged claim is refused, a privileged one as long as it is not
# allowed, and an unprivileged program sees no DMA address. "isolated": nothing
# lacks, and the unprivileged claim succeeds. JOINS: a function of the IOMMU group of CARD
# that makes the difference, and that is found and bound after CARD was claimed. Its bind ends the claim.
set -uo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/traffic/lib.sh"

word=$1 user_card=${2:-$user_card} joins=${3:-}
[[ -e /sys/bus/pci/devices/$user_card ]] || skip "no card $user_card"
insmod "$NDSHM_KO"
chmod 0666 /dev/ndshm
# The rig's "lazy" boot must stay lazy: `ndshm bind` would make the group strict.
bind_plainly() {
	echo ndshm_pci >"/sys/bus/pci/devices/$1/driver_override" &&
		echo "$1" >/sys/bus/pci/drivers/ndshm_pci/bind
}
[[ ! $joins ]] || echo 1 >"/sys/bus/pci/devices/$joins/remove" || exit 1
if [[ $word == isolated ]]; then
	"$ndshm" bind "$user_card" >/dev/null
else
	bind_plainly "$user_card"
fi || { echo "Bail out! $user_card cannot be bound"; exit 1; }
chmod 0666 "/dev/ndshm-devices/$user_card" || exit 1

# Somebody else may be unable to reach the checkout: here they can.
mkdir -m 0755 /tmp/programs
cp -L "$ndshm" "$(dirname "$ndshm")"/libndshm.so.0 /tmp/programs/
ndshm=/tmp/programs/ndshm
unprivileged=(setpriv --reuid 65534 --regid 65534 --clear-groups)
# A claim and a block under it.
claim=("$ndshm" alloc --adapter "$user_card")

# says WORD COMMAND...: is WORD in what it prints, which is shown?
says() {
	local text
	text=$("${@:2}" 2>&1)
	sed 's/^/# /' <<<"$text"
	grep -qi -- "$1" <<<"$text"
}
adapter_line() { "$ndshm" list adapters | grep -F "$user_card"; }

log_mark
if [[ $joins ]]; then
	check 'the card is isolated' says ' isolated$' adapter_line
	exec 9> >("${unprivileged[@]}" "${claim[@]}" --hold >/tmp/holder 2>&1)
	until [[ -s /tmp/holder ]]; do sleep 0.1; done
	check 'an unprivileged program has claimed it' says ' claimed ' adapter_line
	echo 1 >/sys/bus/pci/rescan
	check 'a function joins its group' says ' not isolated: shared group$' adapter_line
	check 'the function is bound' bind_plainly "$joins"
	check 'which has ended the claim' says ' claimable' adapter_line
	exec 9>&-
fi
# All that is missing, and nothing else.
check "list adapters says: $word" says " $([[ $word == isolated ]] || echo 'not isolated: ')$word\$" adapter_line
if [[ $word == isolated ]]; then
	check 'an unprivileged program may claim it, and sees its DMA addresses' says 'segment *0x' "${unprivileged[@]}" "${claim[@]}"
else
	check 'an unprivileged claim is refused' says not-isolated "${unprivileged[@]}" "${claim[@]}"
	check 'a privileged claim is refused while not allowed' says unisolated-off "${claim[@]}"
fi
check 'where there is no isolation, DMA addresses are hidden from the unprivileged' \
	says 'segment *hidden' "${unprivileged[@]}" "$ndshm" alloc --adapter node0
check 'the kernel log is clean' log_clean
finish
