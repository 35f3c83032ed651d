#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# wire.sh [KERNEL]: compare the cost of the kernel driver prototype for the 82574 with that of the
# kernel's own driver for this card: instructions for 20,000 packets of 1,500 bytes in each
# direction. Sent frames go to an unused address (one that is not in the card's hash tables either);
# received frames come from a third card, whose cost is subtracted. Exit 1 if the prototype costs
# more than NDSHM_LIMIT times as much (1.25) in either direction. NDSHM_KO and NDSHM_PROTOTYPE name
# ndshm.ko and ndshm_82574.ko; BUILD is the build directory.
set -euo pipefail
bench_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
build=${BUILD:-$bench_dir/../../../build/bench}
kernel=${1:-6.12}

if [[ $kernel != guest ]]; then
	[[ -f ${NDSHM_KO:-} && -f ${NDSHM_PROTOTYPE:-} ]] ||
		{ echo "${0##*/}: NDSHM_KO must name ndshm.ko, and NDSHM_PROTOTYPE ndshm_82574.ko" >&2; exit 1; }
	mkdir -p -- "$build"
	build=$(cd -- "$build" && pwd -P)
	gcc -O2 -Wall -Wextra -o "$build/ndshm-wire" "$bench_dir/wire.c"
	export NDSHM_WIRE=$build/ndshm-wire
	exec "$bench_dir/../../vm/run.sh" --kernel "$kernel" --name "wire-$kernel" --icount --iommu --wire --timeout 1800 \
		--netdev hubport,id=wire2,hubid=7 \
		--device e1000e,netdev=wire2,mac=52:54:00:6e:64:03,addr=0x14,romfile= \
		-- "${BASH_SOURCE[0]}" guest
fi

count=20000 length=1514 nobody=02:00:00:00:77:77
own=0000:00:10.0 prototype=0000:00:11.0 third=0000:00:14.0

insmod "$NDSHM_KO"
insmod "$NDSHM_PROTOTYPE"
echo ndshm_82574 >/sys/bus/pci/devices/$prototype/driver_override
echo $prototype >/sys/bus/pci/drivers_probe
modprobe e1000e
declare -A name address
for card in $own $prototype $third; do
	name[$card]=$(basename /sys/bus/pci/devices/$card/net/*)
	address[$card]=$(cat "/sys/class/net/${name[$card]}/address")
	# No frames but those of the test: IPv6 would send some.
	echo 1 >"/proc/sys/net/ipv6/conf/${name[$card]}/disable_ipv6" 2>/dev/null || true
	ip link set "${name[$card]}" up
	until [[ $(cat "/sys/class/net/${name[$card]}/carrier") == 1 ]]; do sleep 0.1; done
done
# Both cards must have the same IOMMU mode, because translation costs
# instructions.
declare -A mode
for card in $own $prototype; do
	mode[$card]=$(cat /sys/bus/pci/devices/$card/iommu_group/type) || { echo "no IOMMU for $card" >&2; exit 1; }
done
[[ ${mode[$own]} == "${mode[$prototype]}" ]] || { echo "IOMMU: ${mode[$own]} and ${mode[$prototype]}" >&2; exit 1; }
echo "both behind the IOMMU: ${mode[$own]}"

# sent CARD, received CARD: print the instructions. The first frames are a
# warm-up.
sent() { run "$1" $nobody "/sys/class/net/${name[$1]}/statistics/tx_packets"; }
received() { run $third "${address[$1]}" "/sys/class/net/${name[$1]}/statistics/rx_packets"; }
run() {
	"$NDSHM_WIRE" "${name[$1]}" "$2" 1000 $length "$3" >/dev/null
	"$NDSHM_WIRE" "${name[$1]}" "$2" $count $length "$3"
}

third_sent=$(sent $third)
declare -A tx rx
for card in $own $prototype; do
	tx[$card]=$(sent $card)
	rx[$card]=$(($(received $card) - third_sent))
	printf '%-12s sent %6d, received %6d instructions a packet\n' \
		"$(basename "$(realpath /sys/bus/pci/devices/$card/driver)")" $((tx[$card] / count)) $((rx[$card] / count))
done
awk -v our_tx=${tx[$prototype]} -v our_rx=${rx[$prototype]} -v its_tx=${tx[$own]} -v its_rx=${rx[$own]} -v limit="${NDSHM_LIMIT:-1.25}" 'BEGIN {
	printf "prototype: sent %.2f, received %.2f of e1000e; the limit is %.2f each way\n", our_tx / its_tx, our_rx / its_rx, limit
	exit our_tx / its_tx > limit || our_rx / its_rx > limit
}'
