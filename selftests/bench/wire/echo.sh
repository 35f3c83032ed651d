#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# echo.sh [KERNEL]: compare what an answer to an echo request costs with ndshm-82574, with DPDK's
# testpmd, and with the kernel's driver of the card, where the kernel, a packet socket or an AF_XDP
# socket answers. The figures are instructions of user space and kernel for each answer, in one
# virtual machine with one CPU whose clock counts instructions. ndshm-load, which sends the
# requests from a second card, checks the answers; load.c says how they are counted. Each program
# gets as many requests at a time, and processes as many between two writes to the card.
#
# Last, how long each takes from its start to its first answer, by the clock of that machine, while
# the kernel requests one every 2 ms by the second card. A kernel driver starts when it is bound to
# the card, a program when it is executed. With NDSHM_PROTOTYPE, ndshm_82574.ko, also the prototype.
#
# Exit 1 if ndshm-82574 costs more than NDSHM_LIMIT times as much (0.25) as the kernel at any
# length. NDSHM_KO names ndshm.ko, NDSHM_USER the build directory of userlib, with its examples;
# BUILD is the build directory of this program. Without the packages of DPDK, or with
# NDSHM_DPDK='', testpmd is left out. NDSHM_APPEND is added to the kernel's command line.
set -euo pipefail
bench_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
top=$bench_dir/../../..
build=${BUILD:-$top/build/bench}
kernel=${1:-6.12}

if [[ $kernel != guest ]]; then
	[[ -f ${NDSHM_KO:-} && -x ${NDSHM_USER:-}/ndshm-82574 ]] ||
		{ echo "${0##*/}: NDSHM_KO must name ndshm.ko, and NDSHM_USER the directory of ndshm-82574" >&2; exit 1; }
	mkdir -p -- "$build"
	build=$(cd -- "$build" && pwd -P)
	NDSHM_KO=$(realpath -- "$NDSHM_KO") NDSHM_USER=$(realpath -- "$NDSHM_USER")
	"$bench_dir/build.sh" "$build" "$NDSHM_USER"
	if [[ ! -v NDSHM_DPDK ]]; then
		NDSHM_DPDK=$("$bench_dir/dpdk.sh") || NDSHM_DPDK=''
	fi
	NDSHM_PROTOTYPE=${NDSHM_PROTOTYPE:+$(realpath -- "$NDSHM_PROTOTYPE")}
	export NDSHM_KO NDSHM_USER NDSHM_DPDK NDSHM_PROTOTYPE NDSHM_BENCH=$build
	exec "$top/selftests/vm/run.sh" --kernel "$kernel" --name "echo-$kernel" --icount --iommu --wire --timeout 3000 \
		${NDSHM_APPEND:+--append "$NDSHM_APPEND"} -- "${BASH_SOURCE[0]}" guest
fi

sender=0000:00:10.0 target=0000:00:11.0
sender_mac=52:54:00:6e:64:01 target_mac=52:54:00:6e:64:02
ndshm=$NDSHM_USER/ndshm
# Lengths of frames, and requests at a time. The kernel's socket for answers has room for that many.
# ndshm and testpmd have another column with more.
columns=('98 32' '1514 32' '9000 4' '98 64' '1514 64' '9000 64')
declare -A result first

# run PATTERN COMMAND...: run a program that answers, until a line of its output matches.
run() {
	local pattern=$1 line said=''
	shift
	# shellcheck disable=SC2094 # nothing is written to the standard input of testpmd
	coproc program { exec "$@" <>/tmp/nothing 2>&1; }
	# shellcheck disable=SC2154 # coproc sets it
	pid=$program_PID
	exec {output}<&"${program[0]}"
	while read -r -t 60 line <&"$output"; do
		[[ ! $line =~ $pattern ]] || return 0
		said+=$line$'\n'
	done
	printf '%s does not answer:\n%s' "$1" "$said" >&2
	return 1
}

stop() {
	kill "$pid"
	wait "$pid" || true
	exec {output}<&-
}

# load ROW COLUMN [PID]: measure one figure.
load() {
	local length burst
	read -r length burst <<<"$2"
	result[$1 $2]=$("$NDSHM_BENCH/ndshm-load" "$sender" "$target_mac" "$length" "$burst" $((burst * 200)) ${3:+"$3"})
}

# set_mtu NUMBER: the card changes its buffers.
set_mtu() {
	ip link set "$net" mtu "$1" up
	until [[ $(cat "/sys/class/net/$net/carrier") == 1 ]]; do sleep 0.1; done
}

measure_kernel() {
	local column
	ip address add 192.0.2.2/24 dev "$net"
	ip neighbour replace 192.0.2.1 lladdr $sender_mac dev "$net"
	for column in "${columns[@]:0:3}"; do
		set_mtu $((${column% *} > 1514 ? 9000 : 1500))
		load kernel "$column"
	done
	ip address flush dev "$net"
}

# measure_sockets ROW: AF_XDP has no room for frames of more than a page.
measure_sockets() {
	local column
	for column in "${columns[@]:0:3}"; do
		[[ $1 != xdp || ${column% *} -le 1514 ]] || continue
		set_mtu $((${column% *} > 1514 ? 9000 : 1500))
		run ready "$NDSHM_BENCH/ndshm-answer" "$1" "$net"
		load "$1" "$column"
		stop
	done
}

# measure_ndshm ROW [OPTION...]
measure_ndshm() {
	local row=$1 column length burst
	shift
	for column in "${columns[@]}"; do
		read -r length burst <<<"$column"
		run '^ready:' "$NDSHM_USER/ndshm-82574" --adapter "$target" --address 192.0.2.2 --idle-us 0 \
			--burst "$burst" --max-frame $((length > 1514 ? 9014 : 1514)) "$@"
		load "$row" "$column" "$pid"
		stop
	done
}

# run_testpmd [OPTION...]. A library that the machine has installed is not in its directory.
run_testpmd() {
	local libraries=$NDSHM_DPDK/usr/lib/x86_64-linux-gnu name driver drivers=()
	for name in net_e1000 mempool_ring; do
		driver=$(compgen -G "$libraries/dpdk/pmds-*/librte_$name.so.??" ||
			compgen -G "${libraries#"$NDSHM_DPDK"}/dpdk/pmds-*/librte_$name.so.??") ||
			{ echo "${0##*/}: no librte_$name of DPDK: NDSHM_DPDK='' leaves testpmd out" >&2; exit 1; }
		drivers+=("$driver")
	done
	run 'Press enter' env LD_LIBRARY_PATH="$libraries" stdbuf -oL "$NDSHM_DPDK/usr/bin/dpdk-testpmd" \
		--lcores=0@0,1@0 --in-memory -a "$target" "${drivers[@]/#/-d}" -- --forward-mode=icmpecho \
		--auto-start --rxd=256 --txd=256 --total-num-mbufs=2048 "$@"
}

# Frames are in one buffer, as in that of ndshm-82574.
measure_testpmd() {
	local column length burst long
	for column in "${columns[@]}"; do
		read -r length burst <<<"$column"
		long=()
		[[ $length -le 1514 ]] || long=(--max-pkt-len=9018 --mbuf-size=16512)
		run_testpmd --burst="$burst" "${long[@]}"
		load testpmd "$column" "$pid"
		stop
	done
}

# The kernel sends the requests of measure_first, from a namespace of its own.
set_up_requests() {
	local net
	"$ndshm" unbind "$sender" >/dev/null
	net=$(basename /sys/bus/pci/devices/$sender/net/*)
	ip netns add there
	ip link set "$net" netns there
	ip -n there address add 192.0.2.1/24 dev "$net"
	ip -n there link set "$net" up
	ip -n there neighbour replace 192.0.2.2 lladdr $target_mac dev "$net"
	until [[ $(ip netns exec there cat "/sys/class/net/$net/carrier") == 1 ]]; do sleep 0.1; done
}

# measure_first ROW COMMAND...: milliseconds until the first answer.
measure_first() {
	local row=$1 line begin end='' pinging
	shift
	exec {answers}< <(exec ip netns exec there stdbuf -oL ping -D -n -i 0.002 -w 60 192.0.2.2)
	pinging=$!
	# It has begun.
	read -r line <&"$answers"
	begin=${EPOCHREALTIME/./}
	"$@"
	while [[ ! $end ]] && read -r line <&"$answers"; do
		[[ ! $line =~ ^\[([0-9]+)\.([0-9]{6})\]\ .*bytes\ from ]] || end=${BASH_REMATCH[1]}${BASH_REMATCH[2]}
	done
	# It ends by itself without an answer.
	kill "$pinging" 2>/dev/null || true
	exec {answers}<&-
	[[ $end ]] || { echo "$row: no answer" >&2; return 1; }
	first[$row]=$(((end - begin + 500) / 1000))
}

# start_driver DRIVER: as a module that is loaded already.
start_driver() {
	local net
	echo "$1" >/sys/bus/pci/devices/$target/driver_override
	echo $target >/sys/bus/pci/drivers_probe
	net=$(basename /sys/bus/pci/devices/$target/net/*)
	ip address add 192.0.2.2/24 dev "$net"
	ip neighbour replace 192.0.2.1 lladdr $sender_mac dev "$net"
	ip link set "$net" up
}

stop_driver() {
	echo $target >/sys/bus/pci/devices/$target/driver/unbind
}

mode() { cat "/sys/bus/pci/devices/$target/iommu_group/type"; }

# print ROW TEXT
print() {
	local column
	printf '%-44s' "$2"
	for column in "${columns[@]}"; do printf '%9s' "${result[$1 $column]:--}"; done
	echo
}

mkfifo /tmp/nothing
insmod "$NDSHM_KO"
modprobe e1000e
net=$(basename /sys/bus/pci/devices/$target/net/*)
echo 1 >"/proc/sys/net/ipv6/conf/$net/disable_ipv6"
"$ndshm" bind "$sender" >/dev/null
kernel_mode=$(mode)
measure_kernel
measure_sockets packet
measure_sockets xdp
ip link set "$net" down

"$ndshm" bind "$target" >/dev/null
ndshm_mode=$(mode)
measure_ndshm ndshm
measure_ndshm unverified --unverified
"$ndshm" unbind "$target" >/dev/null

if [[ $NDSHM_DPDK ]]; then
	modprobe vfio-pci
	echo vfio-pci >/sys/bus/pci/devices/$target/driver_override
	stop_driver
	echo $target >/sys/bus/pci/drivers_probe
	echo 128 >/proc/sys/vm/nr_hugepages
	measure_testpmd
fi

echo 'Instructions for each answered echo request, by bytes of a frame and frames at a time:'
printf '%-44s' ''
for column in "${columns[@]}"; do printf '%9s' "${column/ /x}"; done
echo
print kernel "e1000e, kernel (IOMMU $kernel_mode)"
print packet "e1000e, packet socket (IOMMU $kernel_mode)"
print xdp "e1000e, AF_XDP, generic (IOMMU $kernel_mode)"
print ndshm "ndshm-82574 (IOMMU $ndshm_mode)"
print unverified "ndshm-82574 --unverified (IOMMU $ndshm_mode)"
[[ ! $NDSHM_DPDK ]] || print testpmd 'testpmd, icmpecho (IOMMU by vfio-pci)'
for column in "${columns[@]:0:3}"; do
	awk -v ours="${result[ndshm $column]}" -v its="${result[kernel $column]}" -v limit="${NDSHM_LIMIT:-0.25}" -v what="${column/ /x}" 'BEGIN {
		printf "%s: ndshm-82574 costs %.3f of the kernel; the limit is %.2f\n", what, ours / its, limit
		exit ours / its > limit
	}' || failed=1
done

set_up_requests
if [[ $NDSHM_DPDK ]]; then
	measure_first testpmd run_testpmd
	stop
fi
stop_driver
measure_first kernel start_driver e1000e
stop_driver
if [[ $NDSHM_PROTOTYPE ]]; then
	insmod "$NDSHM_PROTOTYPE"
	measure_first prototype start_driver ndshm_82574
	stop_driver
fi
echo >/sys/bus/pci/devices/$target/driver_override
"$ndshm" bind "$target" >/dev/null
measure_first ndshm run '^ready:' "$NDSHM_USER/ndshm-82574" --adapter "$target" --address 192.0.2.2
stop

echo 'Milliseconds from the start to the first answer:'
print_first() { [[ ! ${first[$1]:-} ]] || printf '%-44s%9s\n' "$2" "${first[$1]}"; }
print_first kernel e1000e
print_first prototype 'ndshm_82574 (prototype)'
print_first ndshm ndshm-82574
print_first testpmd 'testpmd, icmpecho'
[[ ! ${failed:-} ]]
