#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel driver prototype for the 82574, against the kernel's own driver of the same card
# at the other end of the wire: whether what arrives is what was sent, and whether the card
# can be taken away, and its memory, in full traffic.
#
# NDSHM_PROTOTYPE is ndshm_82574.ko, NDSHM_PROGRAMS the directory of the kselftest programs.
# With NDSHM_MOCK its memory is also that of a provider that notices who uses it wrongly.
# NDSHM_STEP=N sends every Nth length only, NDSHM_SECONDS=N is how long TCP runs each way.
set -uo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

driver_directory=/sys/bus/pci/drivers/ndshm_82574
card=/sys/bus/pci/devices/$user_card
frames=$NDSHM_PROGRAMS/frames
step=${NDSHM_STEP:-1} seconds=${NDSHM_SECONDS:-5}
ours=192.0.2.2 its=192.0.2.1
mock=/sys/kernel/debug/ndshm_mock

[[ -e $card ]] || skip "no card $user_card"
command -v iperf3 >/dev/null || skip 'no iperf3'
insmod "$NDSHM_KO"
"$NDSHM_PROGRAMS/baseline" take /tmp/baseline || exit

# It takes nothing by itself, nor has anything that would load it.
unasked() {
	insmod "$NDSHM_PROTOTYPE" && [[ ! -e $card/driver && -z $(modinfo -F alias "$NDSHM_PROTOTYPE") ]]
}
asked() { echo ndshm_82574 >"$card/driver_override" && bound; }
bound() { [[ -e $card/driver ]] || echo "$user_card" >$driver_directory/bind && named; }
named() { net=$(basename "$card"/net/*) && [[ -e /sys/class/net/$net ]]; }
unbind() { echo "$user_card" >$driver_directory/unbind && [[ ! -e $card/driver ]]; }

# carried COMMAND...: until the link is there that the command shows. Who waits for the event
# instead may begin to when it has been.
carried() {
	local patience=$((SECONDS + 30))
	until "$@" | grep -q LOWER_UP; do
		[[ $SECONDS -lt $patience ]] || { echo "# no link: $*"; return 1; }
		sleep 0.05
	done
}

# up [WORD...]: set up with these words, until there is a link.
up() { ip link set "$net" "$@" up && carried ip link show "$net"; }
down() { ip link set "$net" down; }

# The kernel's end in a namespace of its own, so that what is sent to it takes the wire.
there() { ip netns exec there "$@"; }
move_there() {
	ip netns add there
	ip link set "$kernel_net" down
	ip link set "$kernel_net" netns there
	ip -n there address add $its/24 dev "$kernel_net"
	ip address replace $ours/24 dev "$net"
}
move_back() {
	ip -n there link set "$kernel_net" netns 1
	ip netns del there
}
# both_up WORD...: both ends of the wire.
both_up() {
	ip -n there link set "$kernel_net" "$@" up && up "$@" &&
		carried ip -n there link show "$kernel_net"
}

compared() { "$frames" compare "$net" "$kernel_net@there" "$@" "$step"; }

tcp() {
	local code server
	there iperf3 --server --one-off --bind $its >/dev/null 2>&1 &
	server=$!
	until there ss -Hltn "src $its" 2>/dev/null | grep -q .; do
		kill -0 $server || return
		sleep 0.05
	done
	iperf3 --client $its --time "$seconds" --json "$@" >/tmp/iperf3
	code=$?
	wait $server
	[[ $code -eq 0 ]] || { sed 's/^/# /' /tmp/iperf3; return 1; }
	awk '/"sum_received"/ { sum = 1 } sum && /"bytes"/ { gsub(/[^0-9]/, ""); print "# " $0 " bytes"; exit !($0 > 10000) }' /tmp/iperf3
}
pinged() { ping -q -n -c 50 -i 0.01 -W 5 -M 'do' -s "$1" $its >/tmp/ping || { sed 's/^/# /' /tmp/ping; return 1; }; }

# What it counts is what the card counts.
counted() {
	local card_rx card_tx rx tx
	down
	rx=$(cat "/sys/class/net/$net/statistics/rx_packets")
	tx=$(cat "/sys/class/net/$net/statistics/tx_packets")
	card_rx=$(ethtool -S "$net" | awk '$1 == "good_frames_received:" { print $2 }')
	card_tx=$(ethtool -S "$net" | awk '$1 == "good_frames_transmitted:" { print $2 }')
	[[ $rx -gt 0 && $rx -eq $card_rx && $tx -gt 0 && $tx -eq $card_tx ]] ||
		{ echo "# received $rx, the card $card_rx; sent $tx, the card $card_tx"; return 1; }
}
linked() { up && ethtool "$net" | grep -q 'Speed: 1000Mb/s' && ethtool "$net" | grep -q 'Duplex: Full'; }

# It goes, and comes again; who looks from time to time may see neither.
link_follows() {
	local patience=$((SECONDS + 30)) was directory=/sys/class/net/$net
	was=$(cat "$directory/carrier_down_count")
	ethtool -r "$net" || return
	until [[ $(cat "$directory/carrier_down_count") -gt $was && $(cat "$directory/carrier") == 1 ]]; do
		[[ $SECONDS -lt $patience ]] || return
		sleep 0.05
	done
}

# Groups of Ethernet: one that somebody listens to, and one that nobody does.
heard() {
	local before after
	before=$(cat "/sys/class/net/$net/statistics/rx_packets")
	there ping -q -n -c 5 -i 0.01 -W 1 -I "$kernel_net" "$1" >/dev/null
	after=$(cat "/sys/class/net/$net/statistics/rx_packets")
	[[ $after -ge $((before + 5)) ]]
}
multicast() {
	local group=239.1.2.3 mac=01:00:5e:01:02:03
	! heard $group || { echo '# a group that nobody listens to is heard'; return 1; }
	ip maddress add $mac dev "$net" && heard $group && ip maddress del $mac dev "$net" || return
	! heard $group || { echo '# a group that was left is heard'; return 1; }
	ip link set "$net" allmulticast on && heard $group && ip link set "$net" allmulticast off || return
	! heard $group || return
	ip link set "$net" promisc on && heard $group && ip link set "$net" promisc off
}

# Until frames come and go.
traffic() {
	local patience=$((SECONDS + 60)) rx tx was
	was=$(cat "/sys/class/net/$net/statistics/rx_packets")
	"$frames" flood "$net" >/tmp/flood 2>&1 &
	flood=$!
	while [[ $SECONDS -lt $patience ]]; do
		rx=$(cat "/sys/class/net/$net/statistics/rx_packets") || return
		tx=$(cat "/sys/class/net/$net/statistics/tx_packets") || return
		[[ $rx -gt $((was + 50)) && $tx -gt 50 ]] && return
		sleep 0.01
	done
	echo "# no traffic: received $rx, sent $tx"
	return 1
}
flooded() { wait "$flood" && cat /tmp/flood || { cat /tmp/flood; return 1; }; }

set_down() { up mtu "$1" && traffic && down && flooded && nothing_left; }
unbound() { up mtu "$1" && traffic && unbind && flooded && nothing_left; }
restarted() {
	up && traffic && echo 1 >"$card/reset" && traffic_goes_on && down && flooded && nothing_left
}
traffic_goes_on() { kill "$flood" && wait "$flood"; up && traffic; }
resized() { up mtu 1500 && traffic && ip link set "$net" mtu 9000 && down && flooded && nothing_left; }

# What the kernel finds has the names of the modules in it, as long as they are loaded.
no_leaks() {
	"$NDSHM_PROGRAMS/baseline" check /tmp/baseline kmemleak >/tmp/leaks || { sed 's/^/# /' /tmp/leaks; return 1; }
}

# What the provider of our memory says of us.
sound() {
	local line
	line=$(grep '^memory ' $mock/providers)
	[[ $line =~ live=0\ .*double_free=0\ use_after_free=0\ .*overrun=0\ misused=0\  &&
		$line =~ for_device=[1-9] && $line =~ for_cpu=[1-9] ]] || { echo "# $line"; return 1; }
}
has_memory() {
	echo "provider add memory adapter=$user_card" >$mock/ctl &&
		echo 'script memory needs_sync=1' >$mock/ctl
}
# The card is stopped, and the interface is there; it has other memory when it is opened again.
revoked() {
	has_memory && up mtu "$1" && traffic && echo 'provider revoke memory' >$mock/ctl || return
	kill "$flood" && wait "$flood"
	ip link show dev "$net" | grep -q NO-CARRIER && down && nothing_left && sound && up && traffic && down && flooded
}

check 'loaded, it takes no card' unasked
check 'told to, it takes the card' asked
modprobe e1000e
kernel_net=$(basename /sys/bus/pci/devices/$kernel_card/net/*)

log_mark
move_there
check 'a link, with jumbo frames' both_up mtu 9000
check 'frames of 60 to 9014 bytes' compared 60 9014
check 'ping, of 8,972 bytes' pinged 8972
check 'TCP to the other end, with jumbo frames' tcp
check 'TCP from the other end, with jumbo frames' tcp --reverse
check 'a link, with ordinary frames' both_up mtu 1500
check 'frames of 60 to 1514 bytes' compared 60 1514
check 'TCP to the other end' tcp
check 'TCP from the other end' tcp --reverse
check 'frames are counted' counted
check 'speed and duplex' linked
check 'the link is negotiated anew' link_follows
check 'multicast' multicast
if [[ ${NDSHM_MOCK:-} ]]; then
	down
	insmod "$NDSHM_MOCK" quarantine=64
	check 'memory that needs to be synced' has_memory
	check 'the link, in that memory' both_up mtu 9000
	check 'frames of 60 to 9014 bytes, in that memory' compared 60 9014
	down
	check 'that memory is used as it should be' sound
	echo 'provider del memory' >$mock/ctl
fi
move_back

flood_start
for ((round = 1; round <= rounds; round++)); do
	mtu=$((round % 2 ? 1500 : 9000))
	check "set down in full traffic ($round)" set_down $mtu
	check "unbound in full traffic ($round)" unbound $mtu
	check "bound again ($round)" bound
	[[ ! ${NDSHM_MOCK:-} ]] || check "its memory goes in full traffic ($round)" revoked $mtu
done
check 'longer frames in full traffic' resized
check 'reset in full traffic' restarted
flood_stop

move_there
check 'the link, as before' both_up mtu 9000
check 'frames of 60 to 9014 bytes, as before' compared 60 9014
move_back
check 'unbound' unbind
check 'nothing left' nothing_left
leaks_are_found() { echo scan=off >/sys/kernel/debug/kmemleak; } 2>/dev/null
! leaks_are_found || check 'no memory is lost' no_leaks
check 'unloaded' rmmod ndshm_82574
[[ ! ${NDSHM_MOCK:-} ]] || rmmod ndshm_mock
check 'nobody uses ndshm' rmmod ndshm
check 'the kernel log is clean' log_clean
finish
