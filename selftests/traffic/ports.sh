#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The driver prototype for virtual functions of the Intel 82576, two of them, with the
# kernel's igb for the physical function: frames between the functions must arrive unchanged,
# the memory of one function must be out of reach of the other, and each must be removable in
# full traffic.
#
# NDSHM_PROTOTYPES is the directory above the modules of kernel/prototypes, NDSHM_PROGRAMS
# the directory of the kselftest programs, NDSHM_MOCK the mock module. NDSHM_STEP=N sends
# every Nth length only. Needs `run.sh --iommu` and the part `igb` of vm/machine.sh.
set -uo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
NDSHM_PROTOTYPE=$NDSHM_PROTOTYPES/82576vf/ndshm_82576vf.ko
. "$(dirname -- "${BASH_SOURCE[0]}")/card.sh"

driver_directory=/sys/bus/pci/drivers/ndshm_82576vf
mock=/sys/kernel/debug/ndshm_mock
memory_bytes=2097152
ring_bytes=4096 buffer_bytes=$((256 * 2048))

# find_card: print the directory of the physical function.
find_card() {
	local device
	for device in /sys/bus/pci/devices/*; do
		[[ $(<"$device/vendor") == 0x8086 && $(<"$device/device") == 0x10c9 ]] && { echo "$device"; return; }
	done
	return 1
}
pf=$(find_card) || skip 'no card 82576'
insmod "$NDSHM_KO"
insmod "$NDSHM_MOCK"
"$NDSHM_PROGRAMS/baseline" take /tmp/baseline || exit
modprobe igb || skip 'the kernel has no igb'
pf_net=$(basename "$pf"/net/*)

# Two functions without a driver, with known addresses. Functions are told by number, 0 and 1.
declare -a function
functions_added() {
	local number
	echo 0 >"$pf/sriov_drivers_autoprobe" && echo 2 >"$pf/sriov_numvfs" || return
	for number in 0 1; do
		function[number]=$(basename "$(readlink "$pf/virtfn$number")")
		ip link set "$pf_net" vf $number mac "52:54:00:6e:64:1$number" || return
	done
}
pf_up() { ip link set "$pf_net" up && carried ip link show "$pf_net"; }
device() { echo "/sys/bus/pci/devices/${function[$1]}"; }

vf_unasked() {
	insmod "$NDSHM_PROTOTYPE" && [[ ! -e $(device 0)/driver && -z $(modinfo -F alias "$NDSHM_PROTOTYPE") ]]
}
# vf_bound NUMBER: bind the function, whose interface is then named vf and its number.
vf_bound() {
	echo ndshm_82576vf >"$(device "$1")/driver_override" && echo "${function[$1]}" >$driver_directory/bind &&
		ip link set "$(basename "$(device "$1")"/net/*)" name "vf$1" && grep -qi "52:54:00:6e:64:1$1" "/sys/class/net/vf$1/address"
}
vf_unbound() { echo "${function[$1]}" >$driver_directory/unbind && [[ ! -e $(device "$1")/driver ]]; }
vf_up() { ip link set "vf$1" up && carried ip link show "vf$1"; }
vf_down() { ip link set "vf$1" down; }
both_of() { "$1" 0 && "$1" 1; }
counter() { cat "/sys/class/net/$1/statistics/$2"; }

# Each function has an IOMMU group of its own; otherwise they have one domain.
grouped_apart() {
	local groups
	groups=$(readlink "$pf/iommu_group" "$(device 0)/iommu_group" "$(device 1)/iommu_group" | sort -u)
	[[ $(wc -l <<<"$groups") -eq 3 ]] || { sed 's/^/# /' <<<"$groups"; return 1; }
}

# blocks_of NUMBER: the number of the function's blocks of its own provider, and of all.
blocks_of() {
	"$ndshm" list blocks | awk -v name="${function[$1]}" '$2 == name { all++; own += $3 == name } END { print own + 0, all + 0 }'
}
no_blocks_of() { [[ $(blocks_of "$1") == '0 0' ]] || { echo "# blocks of function $1: $(blocks_of "$1")"; return 1; }; }
# Two rings, and buffers in blocks of 64 KiB, all of a port of the function.
accounted() {
	local port
	port=$("$ndshm" list queues --bytes | awk -v name="${function[$1]}" '$1 == name && $2 == "port" && $3 > 0 { print $4, $6, $7, $8 }')
	[[ $(blocks_of "$1") == '18 18' && $port == "active 18 $((2 * ring_bytes + 2 * buffer_bytes)) 0" ]] ||
		{ echo "# port '$port', blocks $(blocks_of "$1")"; return 1; }
}
provided() { "$ndshm" list providers | awk -v name="${function[$1]}" '$2 == name && $3 == "adapter" && $NF == "closed" { found = 1 } END { exit !found }'; }

frames_between() {
	"$frames" compare "$1" "$2" 60 1514 "$step" && return
	{ ip -s link; tc -s qdisc show; } | sed 's/^/# /'
	return 1
}

# Address resolution needs broadcasts, which the PF hands to all functions.
pinged() {
	local code wanted
	ip netns add there && ip link set vf1 netns there && ip -n there link set vf1 up &&
		carried ip -n there link show vf1 && ip -n there address add $its/24 dev vf1 && ip address add $ours/24 dev vf0 || return
	wanted=$(($(count Icmp InEchoReps) + 50))
	ping -q -n -c 50 -i 0.01 -W 5 -M 'do' -s 1472 $its >/tmp/ping && becomes Icmp InEchoReps $wanted
	code=$?
	[[ $code -eq 0 ]] || sed 's/^/# /' /tmp/ping
	ip -n there link set vf1 netns 1 && ip netns del there && ip address flush dev vf0 && vf_up 1 && return $code
}

# refused REASON COMMAND: the mock must be refused for this reason.
refused() {
	! echo "$2" 2>/dev/null >$mock/ctl || { echo "# not refused: $2"; return 1; }
	[[ $(<$mock/reason) == "$1" ]] || { echo "# $2: $(<$mock/reason), not $1"; return 1; }
}
kept() { echo "block alloc $1 ${function[$2]} ${function[$3]} $4" >$mock/ctl; }
given_back() { echo "block free $1" >$mock/ctl; }
# A kernel user with both functions' adapters: no block of one provider for the other function, for
# no function, and in the port of the other.
out_of_scope() {
	kept 0 0 0 4096 && given_back 0 && kept 0 1 1 4096 && given_back 0 || return
	refused provider-closed "block alloc 0 ${function[1]} ${function[0]} 4096" &&
		refused provider-closed "block alloc 0 ${function[0]} ${function[1]} 4096" &&
		refused provider-closed "block alloc 0 node0 ${function[0]} 4096"
}
# Clients may use neither the adapter nor the provider.
closed_to_clients() {
	! "$ndshm" alloc --adapter "${function[0]}" --length 4096 >/tmp/alloc 2>&1 && grep -q 'adapter-closed' /tmp/alloc &&
		! "$ndshm" alloc --provider "${function[0]}" --length 4096 >/tmp/alloc 2>&1 && grep -q 'provider-closed' /tmp/alloc ||
		{ sed 's/^/# /' /tmp/alloc; return 1; }
}
# One function's memory is used up, and the other's is not.
budgeted() {
	kept 0 0 0 $((memory_bytes - 2 * ring_bytes - 2 * buffer_bytes)) &&
		refused provider-resources "block alloc 1 ${function[0]} ${function[0]} 1" && kept 1 1 1 4096 &&
		given_back 1 && given_back 0 && kept 0 0 0 4096 && given_back 0
}

memory() { cat "$(device "$1")/memory"; }
set_memory() { { echo "$2" >"$(device "$1")/memory"; } 2>/dev/null; }
# Without memory, or with too little, the interface does not come up, and takes none elsewhere.
starved() {
	vf_down 0 && no_blocks_of 0 && ! set_memory 0 4096 && ! set_memory 0 no && [[ $(memory 0) == "$memory_bytes" ]] &&
		set_memory 0 0 && [[ $(memory 0) == 0 ]] && ! provided 0 && ! ip link set vf0 up 2>/dev/null && no_blocks_of 0 &&
		! set_memory 0 $((2 << 30)) && set_memory 0 65536 && ! ip link set vf0 up 2>/dev/null && no_blocks_of 0 &&
		set_memory 0 0 && set_memory 0 $memory_bytes && provided 0 && vf_up 0 && accounted 0 && accounted 1
}

# The order must be: port stopped, blocks freed, port gone.
in_order() {
	local patience=$((SECONDS + 30)) monitor
	"$ndshm" monitor >/tmp/events &
	monitor=$!
	# The monitor is listening when it has printed an event.
	until [[ -s /tmp/events ]]; do
		[[ $SECONDS -lt $patience ]] && "$ndshm" alloc --length 4096 >/dev/null || return
	done
	vf_down 0
	until grep -q '^queue gone' /tmp/events; do
		[[ $SECONDS -lt $patience ]] || break
		sleep 0.05
	done
	kill $monitor
	awk -v adapter="adapter=${function[0]}" '$4 == adapter { print $1, $2 }' /tmp/events | uniq -c | awk '{ $1 = $1; print }' >/tmp/order
	[[ $(</tmp/order) == '1 queue stopped'$'\n''18 block gone'$'\n''1 queue gone' ]] || { sed 's/^/# /' /tmp/events; return 1; }
	vf_up 0
}

# word NUMBER: print a word of the registers, in hexadecimal; see ethtool.c of the driver.
ring_address() { ethtool -d "vf$1" raw on | od -An -t x4 -v -w4 | awk 'NR == 8 { low = $1 } NR == 9 { print $1 low }'; }

# The IOMMU must have refused this access of function 1, and must otherwise be silent.
faulted() {
	local patience=$((SECONDS + 10)) what="DMAR: .DMA $1.* Request device .${function[1]#*:}. fault addr 0x0*$2 "
	until log_has "$what"; do
		[[ $SECONDS -lt $patience ]] || { dmesg | tail -n 5 | sed 's/^/# /'; echo "# no fault: $1 $2"; return 1; }
		sleep 0.05
	done
}
# A client claims function 1 and has its own memory, and the address of function 0's.
unreachable() {
	local address reach=$NDSHM_PROGRAMS/vf_reach
	address=$(ring_address 0)
	address=${address#00000000}
	[[ $address =~ ^[1-9a-f][0-9a-f]{3,}000$ ]] || { echo "# no address: '$address'"; return 1; }
	vf_down 1 && vf_unbound 1 && "$ndshm" bind "${function[1]}" >/dev/null || return
	log_mark
	"$reach" "${function[1]}" own && log_clean || { echo '# its own memory'; return 1; }
	"$reach" "${function[1]}" read "$address" && faulted Read "$address" || return
	log_mark
	"$reach" "${function[1]}" write "$address" && faulted Write "$address" || return
	"$ndshm" unbind "${function[1]}" >/dev/null && log_mark && vf_bound 1 && vf_up 1
}

# Function 1 sends frames to function 0, until the end.
vf_flood_start() {
	local setting
	modprobe pktgen && echo rem_device_all >/proc/net/pktgen/kpktgend_0 && echo 'add_device vf1' >/proc/net/pktgen/kpktgend_0 || return
	for setting in 'count 0' 'clone_skb 0' 'pkt_size 1400' "delay ${NDSHM_FLOOD_DELAY:-300000}" 'src_min 192.0.2.1' 'dst 192.0.2.2' \
		'dst_mac 52:54:00:6e:64:10'; do
		echo "$setting" >/proc/net/pktgen/vf1 || return
	done
	# The write returns when the flood is stopped.
	{ echo start >/proc/net/pktgen/pgctrl; } 2>/dev/null &
}

# more NET COUNTER: wait until it has grown by 50.
more() {
	local patience=$((SECONDS + 60)) was
	was=$(counter "$1" "$2") || return
	until [[ $(counter "$1" "$2") -gt $((was + 50)) ]]; do
		[[ $SECONDS -lt $patience ]] || { echo "# $1: no more $2"; return 1; }
		sleep 0.02
	done
}
# Frames from and to function 0.
vf_traffic() {
	"$frames" flood vf0 >/tmp/flood 2>&1 &
	flood=$!
	more vf0 rx_packets && more vf0 tx_packets
}
flooded() { wait "$flood" && cat /tmp/flood || { cat /tmp/flood; return 1; }; }
vf_traffic_ends() { kill "$flood" 2>/dev/null; wait "$flood" 2>/dev/null; return 0; }
# Function 1 keeps its memory and its traffic.
other_goes_on() { accounted 1 && more vf1 tx_packets; }

down_in_traffic() { vf_traffic && vf_down 0 && flooded && no_blocks_of 0 && other_goes_on && vf_up 0; }
unbound_in_traffic() { vf_traffic && vf_unbound 0 && flooded && no_blocks_of 0 && other_goes_on && vf_bound 0 && vf_up 0; }
reset_in_traffic() {
	vf_traffic && echo 1 >"$(device 0)/reset" && carried ip link show vf0 && accounted 0 && vf_traffic_ends && vf_traffic && vf_traffic_ends
}
# port_error: inject an error of the port that is not fatal (an unsupported request), in the
# format of the kernel's aer-inject tool.
port_error() {
	local port domain bus device number
	port=$(basename "$(dirname "$(readlink -f "$pf")")")
	IFS=:. read -r domain bus device number <<<"$port"
	modprobe aer_inject && [[ $domain == 0000 ]] &&
		printf '%b' "\\x$bus\\x$device\\x0$number\\x00\\x00\\x00\\x10" "$(printf '\\x00%.0s' {1..25})" >/dev/aer_inject
}
# The kernel asks all functions below the port.
error_in_traffic() {
	local patience=$((SECONDS + 60))
	vf_traffic && log_mark && port_error || return
	until log_has 'device recovery (successful|failed)'; do
		[[ $SECONDS -lt $patience ]] || { echo '# no recovery'; return 1; }
		sleep 0.05
	done
	log_has 'device recovery successful' || { echo '# the recovery failed'; return 1; }
	more vf0 rx_packets && vf_traffic_ends && accounted 0 && other_goes_on && modprobe -r aer_inject
}
# The steps of the kernel's recovery with a reset, for function 0. Configuration space is lost.
recovered_in_traffic() {
	local recovery=/sys/module/ndshm_pci_faults/parameters/recovery code
	insmod "${NDSHM_MOCK%/*}/ndshm_pci_faults.ko" function="${function[0]}" || return
	vf_traffic && echo 1 >$recovery && vf_traffic_ends && [[ $(cat /sys/class/net/vf0/carrier) == 0 ]] && other_goes_on &&
		setpci -s "${function[0]}" COMMAND=0 CAP_MSIX+2.W=0 && echo 2 >$recovery && echo 0 >$recovery &&
		carried ip link show vf0 && accounted 0 && vf_traffic && vf_traffic_ends
	code=$?
	rmmod ndshm_pci_faults && return $code
}
# Suspended, a function stops; its memory stays.
slept_in_traffic() {
	local net=vf0
	vf_traffic && asleep "${function[0]}" && vf_traffic_ends && carried ip link show vf0 && accounted 0 &&
		frames_between vf0 "$pf_net"
}
# The blocks go while the card uses them: the interface stops and stays.
revoked_in_traffic() {
	vf_traffic && set_memory 0 0 && vf_traffic_ends && [[ $(cat /sys/class/net/vf0/carrier) == 0 ]] && ! provided 0 &&
		other_goes_on && vf_down 0 && no_blocks_of 0 && set_memory 0 $memory_bytes && vf_up 0 && accounted 0
}
# The PF disables all queues, and enables none by itself. The flood ends with the carrier of its
# interface.
pf_down_in_traffic() {
	local patience=$((SECONDS + 60))
	vf_traffic && ip link set "$pf_net" down || return
	until [[ $(cat /sys/class/net/vf0/carrier) == 0 ]]; do
		[[ $SECONDS -lt $patience ]] || { echo '# the carrier stays'; return 1; }
		sleep 0.05
	done
	vf_traffic_ends
	flood_stop && pf_up && carried ip link show vf0 && carried ip link show vf1 && accounted 0 && vf_flood_start && vf_traffic && vf_traffic_ends
}
# Both functions vanish, with all that they have.
gone_in_traffic() {
	vf_traffic && echo 0 >"$pf/sriov_numvfs" && flooded && [[ ! -e $pf/virtfn0 ]] && nothing_left &&
		! "$ndshm" list adapters | grep -q "${function[0]}" && ! "$ndshm" list providers | grep -q "${function[0]}"
}
# A module with blocks stays.
needed() { ! rmmod ndshm_82576vf 2>/dev/null && accounted 0; }

log_mark
check 'the physical function is up' pf_up
check 'it has two virtual functions' functions_added
check 'each function has an IOMMU group of its own' grouped_apart
check 'loaded, the driver takes no function' vf_unasked
check 'told to, it takes both' both_of vf_bound
check 'each function has a provider of its own' both_of provided
check 'both come up' both_of vf_up
check 'all memory is of the own provider, in a port' both_of accounted
check 'frames between the functions' frames_between vf0 vf1
check 'frames to and from the physical function' frames_between vf0 "$pf_net"
check 'pings' pinged

check 'no memory of one function for another' out_of_scope
check 'none for clients' closed_to_clients
check 'one function cannot use up the memory of the other' budgeted
check 'without memory it does not come up' starved
check 'the order when a port goes' in_order
check 'the driver cannot go now' needed
check 'the kernel log is clean so far' log_clean
check 'the function does not reach the memory of the other' unreachable
check 'frames between the functions, afterwards' frames_between vf0 vf1

check 'function 1 floods function 0' vf_flood_start
check 'asleep in full traffic' slept_in_traffic
# The suspend has ended the flood like a signal.
flood_stop && flood_ended
check 'function 1 floods function 0 again' vf_flood_start
check 'set down in full traffic' down_in_traffic
check 'unbound in full traffic' unbound_in_traffic
check 'reset in full traffic' reset_in_traffic
check 'its memory goes in full traffic' revoked_in_traffic
check 'the physical function is set down in full traffic' pf_down_in_traffic
check 'recovered from an error of the port in full traffic' error_in_traffic
check 'recovered with a reset in full traffic' recovered_in_traffic
check 'all functions go in full traffic' gone_in_traffic
flood_stop 2>/dev/null

check 'two functions again' functions_added
check 'both bound again' both_of vf_bound
check 'both up again' both_of vf_up
check 'frames between them' frames_between vf0 vf1
both_of vf_down
check 'nothing left' nothing_left
no_memory_is_lost
check 'unloaded, with both bound' rmmod ndshm_82576vf
rmmod ndshm_mock
check 'nobody uses ndshm' rmmod ndshm
echo 0 >"$pf/sriov_numvfs"
nothing_is_left
check 'the kernel log is clean' log_clean
finish
