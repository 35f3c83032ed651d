#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# wire.sh [KERNEL]: compare the cost of the kernel driver prototype for the 82574 with that of the
# kernel's own driver for this card: instructions for each of 20,000 packets of three lengths in each
# direction, for each KiB by TCP, and for a second in which nothing happens. Sent frames go to an
# unused address (one that is not in the card's hash tables either); received frames come from a
# third card, whose cost is subtracted. TCP has this third card at the other end, whose cost is part
# of the figures. The row "dummy" is what the kernel needs to send to an interface that drops all
# frames: no driver can need less.
#
# Exit 1 if the prototype costs more than NDSHM_LIMIT times as much (1.25) with any length, in either
# direction. NDSHM_KO and NDSHM_PROTOTYPE name ndshm.ko and ndshm_82574.ko; BUILD is the build
# directory. NDSHM_APPEND is added to the kernel's command line: with "iommu=pt" the IOMMU does not
# translate.
set -euo pipefail
bench_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
build=${BUILD:-$bench_dir/../../../build/bench}
kernel=${1:-6.12}

if [[ $kernel != guest ]]; then
	[[ -f ${NDSHM_KO:-} && -f ${NDSHM_PROTOTYPE:-} ]] ||
		{ echo "${0##*/}: NDSHM_KO must name ndshm.ko, and NDSHM_PROTOTYPE ndshm_82574.ko" >&2; exit 1; }
	mkdir -p -- "$build"
	build=$(cd -- "$build" && pwd -P)
	for program in wire tcp quiet; do
		gcc -O2 -Wall -Wextra -o "$build/ndshm-$program" "$bench_dir/$program.c"
	done
	export NDSHM_WIRE=$build
	exec "$bench_dir/../../vm/run.sh" --kernel "$kernel" --name "wire-$kernel" --icount --iommu --wire --timeout 3000 \
		--netdev hubport,id=wire2,hubid=7 \
		--device e1000e,netdev=wire2,mac=52:54:00:6e:64:03,addr=0x14,romfile= \
		${NDSHM_APPEND:+--append "$NDSHM_APPEND"} -- "${BASH_SOURCE[0]}" guest
fi

count=20000 nobody=02:00:00:00:77:77 bytes=$((32 << 20))
lengths=(98 1514 9000)
own=0000:00:10.0 prototype=0000:00:11.0 third=0000:00:14.0

modprobe dummy numdummies=1
insmod "$NDSHM_KO"
insmod "$NDSHM_PROTOTYPE"
echo ndshm_82574 >/sys/bus/pci/devices/$prototype/driver_override
echo $prototype >/sys/bus/pci/drivers_probe
modprobe e1000e
declare -A name address
for card in $own $prototype $third; do
	name[$card]=$(basename /sys/bus/pci/devices/$card/net/*)
	address[$card]=$(cat "/sys/class/net/${name[$card]}/address")
done
name[dummy]=dummy0
# No frames but those of the test: IPv6 would send some.
for net in "${name[@]}"; do echo 1 >"/proc/sys/net/ipv6/conf/$net/disable_ipv6" 2>/dev/null || true; done

# set_up MTU CARD...: only these are up, so that no other card gets the frames.
set_up() {
	local mtu=$1 net card
	shift
	for net in "${name[@]}"; do ip link set "$net" down; done
	for card; do ip link set "${name[$card]}" mtu "$mtu" up; done
	for card; do until [[ $(cat "/sys/class/net/${name[$card]}/carrier") == 1 ]]; do sleep 0.1; done; done
}

# Both cards must have the same IOMMU mode, because translation costs
# instructions.
declare -A mode
for card in $own $prototype; do
	mode[$card]=$(cat /sys/bus/pci/devices/$card/iommu_group/type) || { echo "no IOMMU for $card" >&2; exit 1; }
done
[[ ${mode[$own]} == "${mode[$prototype]}" ]] || { echo "IOMMU: ${mode[$own]} and ${mode[$prototype]}" >&2; exit 1; }
echo "both behind the IOMMU: ${mode[$own]}"

# sent CARD, received CARD: print the instructions for a packet of $length. The first frames are a
# warm-up.
sent() { run "$1" $nobody "/sys/class/net/${name[$1]}/statistics/tx_packets"; }
received() { run $third "${address[$1]}" "/sys/class/net/${name[$1]}/statistics/rx_packets"; }
run() {
	"$NDSHM_WIRE/ndshm-wire" "${name[$1]}" "$2" 1000 "$length" "$3" >/dev/null
	echo $(($("$NDSHM_WIRE/ndshm-wire" "${name[$1]}" "$2" $count "$length" "$3") / count))
}

# tcp CARD: print the instructions for a KiB to the third card, and from it.
tcp() {
	local to from
	set_up 1500 "$1"
	ip netns add there
	ip link set "${name[$third]}" netns there
	ip -n there address add 192.0.2.1/24 dev "${name[$third]}"
	ip -n there link set "${name[$third]}" mtu 1500 up
	ip address add 192.0.2.2/24 dev "${name[$1]}"
	until ping -q -n -c 1 -W 1 192.0.2.1 >/dev/null; do :; done
	to=$("$NDSHM_WIRE/ndshm-tcp" 192.0.2.1 /run/netns/there $bytes)
	from=$(ip netns exec there "$NDSHM_WIRE/ndshm-tcp" 192.0.2.2 /proc/1/ns/net $bytes)
	ip address del 192.0.2.2/24 dev "${name[$1]}"
	ip -n there link set "${name[$third]}" netns 1
	ip netns del there
	echo $((to / (bytes >> 10))) $((from / (bytes >> 10)))
}

declare -A figure
for length in "${lengths[@]}"; do
	mtu=$((length > 1514 ? 9000 : 1500))
	set_up $mtu dummy
	figure[dummy sent "$length"]=$(sent dummy)
	set_up $mtu $third
	third_sent=$(sent $third)
	for card in $own $prototype; do
		set_up $mtu $card $third
		figure[$card received "$length"]=$(($(received $card) - third_sent))
		set_up $mtu $card
		figure[$card sent "$length"]=$(sent $card)
	done
done
set_up 1500 dummy
no_card=$("$NDSHM_WIRE/ndshm-quiet" 10)
for card in $own $prototype; do
	both=$(set -e; tcp $card)
	read -r "figure[$card sent tcp]" "figure[$card received tcp]" <<<"$both"
	set_up 1500 $card
	figure[$card idle]=$(($("$NDSHM_WIRE/ndshm-quiet" 10) - no_card))
done

columns=("${lengths[@]}" tcp)
print() {
	local column
	printf '%-22s' "$1"
	for column in "${columns[@]}"; do printf '%9s' "${figure[$2 $column]:--}"; done
	echo
}
echo 'Instructions for a packet, by bytes, and for a KiB by TCP:'
printf '%-22s' ''
printf '%9s' "${columns[@]}"
echo
print 'dummy, sent' 'dummy sent'
print 'e1000e, sent' "$own sent"
print 'ndshm_82574, sent' "$prototype sent"
print 'e1000e, received' "$own received"
print 'ndshm_82574, received' "$prototype received"
echo "Instructions in an idle second, above those without a card: e1000e ${figure[$own idle]}, ndshm_82574 ${figure[$prototype idle]}"
failed=''
for way in sent received; do
	for column in "${columns[@]}"; do
		awk -v what="$way $column" -v ours="${figure[$prototype $way $column]}" -v its="${figure[$own $way $column]}" -v limit="${NDSHM_LIMIT:-1.25}" 'BEGIN {
			printf "%s: the prototype costs %.2f of e1000e; the limit is %.2f\n", what, ours / its, limit
			exit ours <= 0 || its <= 0 || ours / its > limit
		}' || failed=1
	done
done
[[ ! $failed ]]
