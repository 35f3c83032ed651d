#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel driver prototype for the 82574, with the kernel's own driver of the same card at
# the other end of the link: received frames must equal the sent ones, and the card and its
# memory must be removable in full traffic.
#
# NDSHM_PROTOTYPE is ndshm_82574.ko, NDSHM_PROGRAMS the directory of the kselftest programs.
# With NDSHM_MOCK the driver also uses memory of a provider that detects misuse. NDSHM_STEP=N
# sends every Nth length only, NDSHM_SECONDS=N is the duration of TCP in each direction.
# Needs `run.sh --wire` and the part `third` of vm/machine.sh.
set -uo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
. "$(dirname -- "${BASH_SOURCE[0]}")/card.sh"

seconds=${NDSHM_SECONDS:-5}
mock=/sys/kernel/debug/ndshm_mock
third_card=0000:00:15.0
third=/sys/bus/pci/devices/$third_card
tracing=/sys/kernel/tracing
ours6=fd00::2 its6=fd00::1 ours_tagged=198.51.100.2 its_tagged=198.51.100.1

[[ -e $card ]] || skip "no card $user_card"
[[ -e $third ]] || skip "no card $third_card"
command -v iperf3 >/dev/null || skip 'no iperf3'
modprobe 8021q 2>/dev/null || no_vlans=yes
insmod "$NDSHM_KO"
"$NDSHM_PROGRAMS/baseline" take /tmp/baseline || exit

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
skipped() {
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}
check_v6() { if [[ -e /proc/net/if_inet6 ]]; then check "$@"; else skipped "$1" 'the kernel has no IPv6'; fi; }
check_vlan() { if [[ ! ${no_vlans:-} ]]; then check "$@"; else skipped "$1" 'the kernel has no VLANs'; fi; }

# copied_to LENGTH: longer frames are not copied but mapped.
copied_to() { ethtool --set-tunable "$net" tx-copybreak "$1" && [[ $(copybreak) == "$1" ]]; }
copybreak() { ethtool --get-tunable "$net" tx-copybreak | awk '{ print $2 }'; }
mapped() { ethtool -S "$net" | awk '$1 == "tx_mapped:" { print $2 }'; }
# with_mappings COMMAND...: frames are really mapped meanwhile.
with_mappings() {
	local before
	before=$(mapped)
	"$@" || return
	[[ $(mapped) -gt $((before + 10)) ]] || { echo "# only $(($(mapped) - before)) frames were mapped"; return 1; }
}
# Behind the IOMMU, which translates here, all are copied.
copied_by_default() { [[ $(copybreak) == 131072 && $(mapped) -eq 0 ]] || { copybreak | sed 's/^/# /'; return 1; }; }

# good_frames_transmitted counts a frame that the emulated card cuts as one; a real card counts its
# segments.
cut_by_card() { ethtool -K "$net" tso "$1"; }
segmented() { ethtool -S "$net" | awk '$1 == "segmented_frames:" { print $2 }'; }
# stream ADDRESS: what is sent by TCP must arrive as it was, in segments that the card makes.
stream() {
	local before
	before=$(segmented)
	"$NDSHM_PROGRAMS/stream" "$1" there 1000000 && [[ $(segmented) -gt $((before + 10)) ]] ||
		{ echo "# $(($(segmented) - before)) frames were cut"; return 1; }
}
stream6() {
	local code
	ip address replace $ours6/64 dev "$net" nodad && ip -n there address replace $its6/64 dev "$kernel_net" nodad && stream $its6
	code=$?
	ip address del $ours6/64 dev "$net"
	ip -n there address del $its6/64 dev "$kernel_net"
	return $code
}

# A network of tagged frames between the two cards. The other card always inserts and removes the tags.
tagged_up() {
	ip link add link "$net" name tagged type vlan id 5 && ip -n there link add link "$kernel_net" name tagged type vlan id 5 &&
		ip address add $ours_tagged/24 dev tagged && ip -n there address add $its_tagged/24 dev tagged &&
		ip link set tagged up && ip -n there link set tagged up && carried ip link show tagged && carried ip -n there link show tagged
}
tagged_down() { ip link del tagged; ip -n there link del tagged; }
offloads() { ethtool -k "$net" | awk '/^[rt]x-vlan-offload:/ { print $2 }' | paste -sd ' '; }
# tagged on|off: who inserts the tags.
tagged() {
	local code
	ethtool -K "$net" rxvlan "$1" txvlan "$1" && [[ $(offloads) == "$1 $1" ]] && tagged_up &&
		"$frames" compare tagged tagged@there 60 1514 "$step" && stream $its_tagged && down && up &&
		carried ip link show tagged && "$frames" compare tagged tagged@there 60 1514 50
	code=$?
	tagged_down
	return $code
}
# The card cannot insert tags without removing others.
tagged_one_way() { ethtool -K "$net" rxvlan off txvlan on >/dev/null 2>&1; [[ $(offloads) == 'off off' ]] && ethtool -K "$net" rxvlan on txvlan on; }

pinged() { ping -q -n -c 50 -i 0.01 -W 5 -M 'do' -s "$1" $its >/tmp/ping || { sed 's/^/# /' /tmp/ping; return 1; }; }

# The stack may pass frames above the announced maximum. The driver must drop them
# all.
too_long() {
	local dropped=/sys/class/net/$net/statistics/tx_dropped was before size setting try
	was=$(cat "$dropped")
	modprobe pktgen && echo rem_device_all >/proc/net/pktgen/kpktgend_0 &&
		echo "add_device $net" >/proc/net/pktgen/kpktgend_0 || return
	for size in 10241 65536 65600 75000; do
		before=$(cat "$dropped")
		# pktgen does not wait for contiguous memory, and sends nothing without it.
		for ((try = 0; try < 10 && $(cat "$dropped") == before; try++)); do
			echo 1 >/proc/sys/vm/compact_memory
			for setting in 'count 1' 'clone_skb 0' 'delay 0' "pkt_size $size" "dst $its"; do
				echo "$setting" >"/proc/net/pktgen/$net" || return
			done
			echo start >/proc/net/pktgen/pgctrl || return
		done
	done
	echo rem_device_all >/proc/net/pktgen/kpktgend_0
	[[ $(cat "$dropped") -eq $((was + 4)) ]] && pinged 56 || { echo "# $(($(cat "$dropped") - was)) frames were dropped, not 4"; return 1; }
}

# The interface's counters must agree with the card's. A frame that arrives while the interface is
# set down is counted by the card only: compare when no more arrive.
counters_agree() {
	rx=$(cat "/sys/class/net/$net/statistics/rx_packets")
	tx=$(cat "/sys/class/net/$net/statistics/tx_packets")
	card_rx=$(ethtool -S "$net" | awk '$1 == "good_frames_received:" { print $2 }')
	card_tx=$(ethtool -S "$net" | awk '$1 == "good_frames_transmitted:" { print $2 }')
	[[ $rx -gt 0 && $rx -eq $card_rx && $tx -gt 0 && $tx -eq $card_tx ]]
}
counted() {
	local patience=$((SECONDS + 20)) card_rx card_tx rx tx code=0
	ip -n there link set "$kernel_net" down || return
	until counters_agree || [[ $SECONDS -ge $patience ]]; do sleep 0.05; done
	down
	counters_agree || { echo "# received $rx, the card $card_rx; sent $tx, the card $card_tx"; code=1; }
	ip -n there link set "$kernel_net" up && carried ip -n there link show "$kernel_net" && return $code
}
linked() { up && ethtool "$net" | grep -q 'Speed: 1000Mb/s' && ethtool "$net" | grep -q 'Duplex: Full'; }

# The link goes down and up; polling may miss both, so compare the kernel's counts. On a busy host
# the link may be up again before the driver looks: negotiate until it has seen the link go down.
link_follows() {
	local patience try was directory=/sys/class/net/$net
	was=$(cat "$directory/carrier_down_count")
	for ((try = 0; try < 10; try++)); do
		ethtool -r "$net" || return
		patience=$((SECONDS + 3))
		until [[ $(cat "$directory/carrier_down_count") -gt $was ]]; do
			[[ $SECONDS -lt $patience ]] || continue 2
			sleep 0.05
		done
		break
	done
	patience=$((SECONDS + 30))
	until [[ $(cat "$directory/carrier_down_count") -gt $was && $(cat "$directory/carrier") == 1 ]]; do
		[[ $SECONDS -lt $patience ]] || return
		sleep 0.05
	done
}

# The module's accounting of the queues: their number, their states, and the sums of filters,
# blocks, bytes and packets; and of the adapter's blocks.
queues() {
	"$ndshm" list queues --bytes | awk -v adapter="$user_card" '
		$1 == adapter && $2 == "queue" && $3 > 0 {
			if (!index(states, " " $4 " ")) states = states " " $4 " "
			count++; filters += $5; blocks += $6; bytes += $7; packets += $8
		}
		END { if (count) { gsub(" ", "", states); print count, states, filters, blocks, bytes, packets } }'
}
blocks() { "$ndshm" list blocks --bytes | awk -v adapter="$user_card" '$2 == adapter { blocks++; bytes += $6 } END { print blocks + 0, bytes + 0 }'; }
# With messages there are two queues, with a line one.
queue_count() { if [[ $(line "$net") ]]; then echo 1; else echo 2; fi; }
accounted() {
	local count
	count=$(queue_count)
	[[ $(blocks) =~ ^[1-9] && $(queues) == "$count running $count $(blocks) 0" ]] || { "$ndshm" list queues | sed 's/^/# /'; return 1; }
}

# The blocks by usage: three rings, 256 transmit buffers in blocks of 64 KiB, and for each of two
# queues a block for each of 256 receive buffers and the spare ones.
usages() { "$ndshm" list blocks | awk -v adapter="$user_card" '$2 == adapter { count[$4]++ } END { for (usage in count) print usage, count[usage] }' | sort; }
for_what_they_are() {
	[[ $(usages) == "other 3"$'\n'"receive ${1:-640}"$'\n'"xmit ${2:-8}" ]] || { usages | sed 's/^/# /'; return 1; }
}
# Larger and smaller MTUs must be refused, although the card can send longer
# frames.
longest() { ! ip link set "$net" mtu 9001 2>/dev/null && ! ip link set "$net" mtu 67 2>/dev/null && for_what_they_are; }

# The order must be, for each queue: DMA stopped, blocks freed, queue freed.
in_order() {
	local count
	count=$(blocks)
	ended $user_card 2 down >/tmp/order
	awk -v blocks="${count% *}" '
		{ order = order $2 " " }
		$2 == "block" { freed += $1 }
		END { exit !(order == "stopped block gone stopped block gone " && freed == blocks) }' /tmp/order ||
		{ sed 's/^/# /' /tmp/order; return 1; }
}

# own NAME [QUEUE]: print a counter of the driver, of one queue or the sum of both.
own() { ethtool -S "$net" | awk -v name="^rx${2:-[01]}_$1:" '$1 ~ name { sum += $2 } END { print sum + 0 }'; }
# hold COUNT: a socket gets as many datagrams, and reads none before `released`.
hold() {
	local patience=$((SECONDS + 30))
	"$frames" hold 9 "$1" 1400 >/tmp/hold 2>&1 &
	holder=$!
	until grep -q ready /tmp/hold; do
		[[ $SECONDS -lt $patience ]] && kill -0 $holder || return
		sleep 0.05
	done
	there "$frames" send $ours 9 "$1" 1400 && pinged 56
}
released() {
	local code=0
	kill $holder && wait $holder || code=$?
	cat /tmp/hold
	return $code
}
# Connections are distributed to both queues, and each has an interrupt.
interrupts() { awk -v name="$net-$1" '$NF == name { for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i } END { print sum + 0 }' /proc/interrupts; }
# The key is random, and a zero bit of it hides a bit of the ports: change each bit of them in turn.
both_queues() {
	local queue was=() bits code
	for queue in 0 1; do was+=("$(own frames $queue)" "$(interrupts $queue)"); done
	for bits in 0 8 16 32 64 128 256 512 1024 2048 4096 8192; do
		tcp --reverse --parallel 8 --cport $((16384 + bits)) || return
		code=0
		for queue in 0 1; do
			[[ $(own frames $queue) -gt $((${was[queue * 2]} + 100)) && $(interrupts $queue) -gt $((${was[queue * 2 + 1]} + 10)) ]] ||
				{ echo "# queue $queue: $(own frames $queue) frames, $(interrupts $queue) interrupts; before ${was[*]}"; code=1; }
		done
		[[ $code -ne 0 ]] || return 0
	done
	return 1
}
# refused OPTION...: ethtool is refused. By ioctl it can succeed nevertheless.
refused() { [[ $(ethtool "$@" 2>&1) == *'Invalid argument'* ]]; }
# Smaller rings have fewer buffers. A size is rounded up; no ring is longer than 1,024 frames.
rings() { ethtool -g "$net" | awk '/^Current/ { now = 1 } now && /^(RX|TX):/ { print $2 }' | paste -sd ' '; }
ring_sizes() {
	ethtool -G "$net" rx 3 tx 90 && [[ $(rings) == '64 96' ]] && carried ip link show "$net" && for_what_they_are 160 3 &&
		compared 60 1514 && stream $its && ! ethtool -G "$net" rx 1025 2>/dev/null && ! ethtool -G "$net" rx-jumbo 64 2>/dev/null &&
		[[ $(rings) == '64 96' ]] || { rings | sed 's/^/# /'; return 1; }
	down && ethtool -G "$net" rx 256 tx 256 && up && for_what_they_are
}
# Fewer interrupts than the time allows, also after a stop; the unit of the card limits the interval.
all_interrupts() { echo $(($(interrupts 0) + $(interrupts 1))); }
spaced() {
	local began interrupts most
	began=$(date +%s%3N) interrupts=$(all_interrupts)
	there "$frames" send $ours 10 3000 1400 && pinged 56
	interrupts=$(($(all_interrupts) - interrupts)) most=$((($(date +%s%3N) - began) / 10 * 2 + 10))
	[[ $interrupts -le $most ]] || { echo "# $interrupts interrupts, not $most at most"; return 1; }
}
coalesced() {
	ethtool -C "$net" rx-usecs 10000 && ethtool -c "$net" | grep -q '^rx-usecs:[[:space:]]*10000$' && spaced &&
		down && up && spaced && refused -C "$net" rx-usecs 16777 && ethtool -C "$net" rx-usecs 50
}
# The PHY keeps what was set, also over a stop. Gigabit needs negotiation.
advertised() { ethtool "$net" | awk '/Advertised link modes:/ { at = 1; sub(".*modes:", "") } /Advertised pause/ { at = 0 } at { print }' | xargs; }
link_settings() {
	ethtool -s "$net" advertise 0x008 && [[ $(advertised) == 100baseT/Full ]] && carried ip link show "$net" &&
		down && up && [[ $(advertised) == 100baseT/Full ]] && pinged 56 &&
		ethtool -s "$net" autoneg off speed 100 duplex full && ethtool "$net" | grep -q 'Auto-negotiation: off' && pinged 56 &&
		refused -s "$net" autoneg off speed 1000 duplex half && refused -r "$net" &&
		ethtool "$net" | grep -q 'Auto-negotiation: off' && ethtool -s "$net" autoneg on && ethtool "$net" | grep -q 'Auto-negotiation: on' &&
		refused -s "$net" advertise 0x1000 &&
		[[ $(advertised) == '10baseT/Half 10baseT/Full 100baseT/Half 100baseT/Full 1000baseT/Full' ]] && carried ip link show "$net" ||
		{ ethtool "$net" | sed 's/^/# /'; return 1; }
}
# Each buffer of the ring is used again meanwhile, several times.
kept() {
	local lent
	hold 40 && lent=$(own lent) && there "$frames" send $ours 10 2000 1400 && pinged 56 || return
	[[ $(own lent) -gt $((lent + 1000)) ]] || { echo "# only $(($(own lent) - lent)) frames are lent"; return 1; }
	released
}
# An unread socket makes the receive memory grow, up to a limit; what exceeds it is copied. The
# memory remains, so that later frames are not copied.
grows() {
	local before buffers copied round
	down && up || return
	before=$(own buffers)
	hold 1400 || return
	# The memory is allocated beside the arrival of frames, and on a busy host later: send until
	# there is enough.
	for ((round = 0; round < 20; round++)); do
		buffers=$(own buffers)
		[[ $buffers -le $((before + 200)) ]] || break
		there "$frames" send $ours 9 100 1400 && pinged 56 || return
	done
	released || return
	[[ $buffers -gt $((before + 200)) && $(own buffers 0) -le 1024 && $(own buffers 1) -le 1024 ]] ||
		{ echo "# $before buffers, then $buffers"; return 1; }
	copied=$(own copied)
	hold 200 && released && [[ $(own copied) -eq $copied ]] && accounted
}
# The driver waits for no socket, and frees its blocks. The new ones would overwrite the pages.
outlives() {
	local began
	hold 40 && began=$SECONDS && unbind && nothing_left && [[ $((SECONDS - began)) -lt 60 ]] && bound &&
		ip address replace $ours/24 dev "$net" && both_up mtu 1500 &&
		there "$frames" send $ours 10 2000 1400 && pinged 56 && released
}

# Multicast groups: joined ones must be received, and others not.
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

# Further addresses must be received, and others not, without receiving all frames.
unicast() {
	local address=192.0.2.4 mac=02:00:00:6e:64:04
	there ip neighbour replace $address lladdr $mac nud permanent dev "$kernel_net" || return
	! heard $address || { echo '# the address of another card is heard'; return 1; }
	bridge fdb add $mac dev "$net" self permanent && heard $address && ip -d link show "$net" | grep -q ' promiscuity 0 ' || return
	! bridge fdb del $mac dev "$net" self || ! heard $address || { echo '# an address that was removed is heard'; return 1; }
	there ip neighbour del $address dev "$kernel_net"
}

# by_line CARD: bind the card again without MSI and with INTx disabled by the previous
# driver.
by_line() {
	local driver
	driver=$(realpath "/sys/bus/pci/devices/$1/driver") &&
		echo "$1" >"$driver/unbind" && echo 0 >"/sys/bus/pci/devices/$1/msi_bus" &&
		setpci -s "$1" COMMAND=400:400 && echo "$1" >"$driver/bind"
}
both_by_line() {
	by_line $user_card && named && ip address replace $ours/24 dev "$net" && by_line $third_card &&
		ip link set "$(basename "$third"/net/*)" name third up && both_up mtu 1500 && carried ip link show third
}
# line NET: print the interface's interrupt numbers.
line() { awk -v net="$1" '/IO-APIC/ && $NF == net || $0 ~ "IO-APIC.* " net "," { sub(":", "", $1); print $1 }' /proc/interrupts; }
on_a_line() { [[ $(line "$net") && $(queue_count) == 1 ]] && accounted || { sed 's/^/# /' /proc/interrupts; return 1; }; }

# What the handlers of the line have returned since the trace was cleared: each more than ten times.
handlers_seen() {
	# On one CPU each handler exit belongs to the entry before it. At either end of the trace one of
	# them may be missing.
	awk -v ours="name=$net" -v others=name=third '
		{ for (i = 1; $i !~ /^\[[0-9]+\]$/ && i < NF; i++); cpu = $i }
		/irq_handler_entry/ { name[cpu] = $NF }
		/irq_handler_exit/ && cpu in name { count[name[cpu] " " $NF]++; delete name[cpu] }
		END {
			for (what in count) if (index(what, ours) || index(what, others)) print "# " what ": " count[what]
			exit !(count[ours " ret=handled"] > 10 && count[ours " ret=unhandled"] > 10 && count[others " ret=handled"] > 10)
		}' $tracing/trace
}
# The handler must report interrupts of another card on the same line as not handled. On a busy host
# several frames share an interrupt: ping until there were enough.
shared() {
	local round code=1
	[[ $(line third) == "$(line "$net")" ]] || { sed 's/^/# /' /proc/interrupts; return 1; }
	ip -n there neighbour replace 192.0.2.3 lladdr "$(cat /sys/class/net/third/address)" dev "$kernel_net"
	echo >$tracing/trace
	for ((round = 0; round < 10 && code; round++)); do
		echo 1 | tee $tracing/events/irq/irq_handler_{entry,exit}/enable >/dev/null
		there ping -q -n -c 20 -i 0.01 -W 0.1 192.0.2.3 >/dev/null
		pinged 56
		echo 0 | tee $tracing/events/irq/irq_handler_{entry,exit}/enable >/dev/null
		! handlers_seen >/tmp/handlers || code=0
	done
	ip link set third down
	cat /tmp/handlers
	return $code
}
by_message() { unbind && echo 1 >"$card/msi_bus" && bound && ip address replace $ours/24 dev "$net" && up && [[ ! $(line "$net") ]]; }

good_frames() { ethtool -S "$net" | awk '/^ *good_frames/ { sum += $2 } END { print sum }'; }
# After resume the addresses, multicast groups, counters and queue must be
# unchanged.
slept() {
	local group=239.1.2.3 mac=01:00:5e:01:02:03 rx good
	ip link set "$net" address 02:00:00:6e:64:02 && ip maddress add $mac dev "$net" || return
	rx=$(cat "/sys/class/net/$net/statistics/rx_packets") good=$(good_frames)
	asleep && carried ip link show "$net" && accounted && compared 60 9014 && heard $group || return
	[[ $(cat "/sys/class/net/$net/statistics/rx_packets") -gt $rx && $(good_frames) -gt $good ]] || return
	ip maddress del $mac dev "$net" && ip link set "$net" address $user_mac && pinged 8972
}

# Memory without pages cannot be lent: all frames are copied.
copied() {
	local lent copied
	lent=$(own lent) copied=$(own copied)
	compared 60 9014 && [[ $(own lent) -eq $lent && $(own copied) -gt $copied ]]
}
# The buffers of a stopped card are still those of the socket.
slept_with_frames() {
	hold 40 && asleep && carried ip link show "$net" && there "$frames" send $ours 10 2000 1400 && pinged 56 && released
}
# There is no memory for another frame size, and the previous memory is already
# freed.
starved() {
	echo 'script memory status=resources' >$mock/ctl && ! ip link set "$net" mtu 1500 2>/dev/null &&
		[[ $(cat "/sys/class/net/$net/mtu") == 9000 && ! $(queues) ]] && nothing_left && echo 1 >"$card/reset" &&
		echo 'script memory reset' >$mock/ctl && needs_sync && down && up && accounted
}

# Start traffic and wait until frames flow in both directions.
traffic() {
	local patience=$((SECONDS + 60)) rx tx was tx_was
	was=$(cat "/sys/class/net/$net/statistics/rx_packets")
	tx_was=$(cat "/sys/class/net/$net/statistics/tx_packets")
	"$frames" flood "$net" >/tmp/flood 2>&1 &
	flood=$!
	while [[ $SECONDS -lt $patience ]]; do
		rx=$(cat "/sys/class/net/$net/statistics/rx_packets") || return
		tx=$(cat "/sys/class/net/$net/statistics/tx_packets") || return
		[[ $rx -gt $((was + 50)) && $tx -gt $((tx_was + 50)) ]] && return
		sleep 0.01
	done
	echo "# no traffic: received $rx, sent $tx"
	return 1
}
flooded() { wait "$flood" && cat /tmp/flood || { cat /tmp/flood; return 1; }; }

# A socket gets the frames of the flood and reads none, until its process is killed.
unread() {
	ip address replace $ours/24 dev "$net"
	"$frames" hold 9 1 1400 >/tmp/unread 2>&1 &
	holder=$!
	until grep -q ready /tmp/unread; do kill -0 $holder && sleep 0.05 || return; done
}
# The receive memory is growing.
unread_grows() {
	local patience=$((SECONDS + 60))
	until [[ $(own buffers) -gt 700 ]]; do
		[[ $SECONDS -lt $patience ]] || { echo "# only $(own buffers) buffers"; return 1; }
		sleep 0.05
	done
}
forgotten() { kill -KILL $holder && ! wait $holder 2>/dev/null; }
set_down() { up mtu "$1" && unread && traffic && unread_grows && down && flooded && nothing_left && forgotten; }
unbound() { up mtu "$1" && unread && traffic && unread_grows && unbind && flooded && nothing_left && forgotten; }
bound_again() { bound && copied_to $limit; }
# Each of these tests leaves the interface in traffic.
restarted() { up && traffic && echo 1 >"$card/reset" && traffic_goes_on; }
traffic_goes_on() { kill "$flood" && wait "$flood"; up && traffic; }

received_more() {
	local patience=$((SECONDS + 30)) was packets=/sys/class/net/$net/statistics/rx_packets
	was=$(cat "$packets")
	until [[ $(cat "$packets") -gt $((was + 50)) ]]; do
		[[ $SECONDS -lt $patience ]] || { echo '# nothing more is received'; return 1; }
		sleep 0.02
	done
}
# The reader busy polls the card while the interface is stopped and started.
polled() {
	local round reader code=0
	ip address replace $ours/24 dev "$net"
	"$frames" read 9 >/tmp/read 2>&1 &
	reader=$!
	for ((round = 0; round < 5 && !code; round++)); do
		received_more && echo 1 >"$card/reset" || code=1
	done
	received_more || code=1
	kill $reader && wait $reader || code=1
	cat /tmp/read
	return $code
}

# The card cannot access memory and so does not report transmissions: the watchdog
# must recover it.
hung() {
	local patience=$((SECONDS + 60)) was timeouts
	timeouts=/sys/class/net/$net/queues/tx-0/tx_timeout
	was=$(cat "$timeouts")
	setpci -s $user_card COMMAND=0:4
	until [[ $(cat "$timeouts") -gt $was ]]; do
		[[ $SECONDS -lt $patience ]] || { echo '# nobody noticed'; return 1; }
		sleep 0.05
	done
	traffic_goes_on
}

# Frames that the card has not fetched are freed when it is stopped. The sender waits for them.
unsent() {
	local patience=$((SECONDS + 30)) now was statistics=/sys/class/net/$net/statistics
	setpci -s $user_card COMMAND=0:4
	now=$(cat "$statistics/tx_packets")
	until [[ ${was:-} == "$now" ]]; do
		[[ $SECONDS -lt $patience ]] || { echo '# frames are still sent'; return 1; }
		sleep 0.5
		was=$now now=$(cat "$statistics/tx_packets")
	done
	was=$(cat "$statistics/tx_dropped")
	down && flooded && nothing_left && [[ $(cat "$statistics/tx_dropped") -gt $((was + 10)) ]] && up && traffic
}

# The steps of the kernel's recovery from an error. Configuration space is lost, as by a reset of
# the bus.
recovery=/sys/module/ndshm_pci_faults/parameters
recovered() {
	traffic_goes_on && echo 1 >$recovery/recovery && [[ $(cat "/sys/class/net/$net/carrier") == 0 ]] &&
		setpci -s $user_card COMMAND=0 BASE_ADDRESS_0=0 CAP_MSIX+2.W=0 && echo 2 >$recovery/recovery && echo 0 >$recovery/recovery && traffic_goes_on
}
# After a recovery that fails the interface stays stopped, until the card is bound again.
not_recovered() {
	traffic_goes_on && echo 1 >$recovery/recovery && echo 1 >$recovery/fail && [[ $(cat "/sys/class/net/$net/carrier") == 0 ]] &&
		! ip link set "$net" mtu 1500 2>/dev/null && unbind && flooded && nothing_left && bound_again && traffic_goes_on
}
slept_in_traffic() { asleep && flood_stop && flood_ended && flood_start && traffic_goes_on; }
stopped() { down && flooded && nothing_left; }

tags_change() {
	local state
	for state in off on off on; do ethtool -K "$net" rxvlan $state && received_more || return; done
	with_mappings received_more
}
# Rings change in full traffic.
rings_change() { ethtool -G "$net" rx 1024 tx 64 && received_more && ethtool -G "$net" rx 256 tx 256 && traffic_goes_on; }
resized() { up mtu 1500 && traffic && ip link set "$net" mtu 9000 && down && flooded && nothing_left; }

# The mock provider's counters must show no misuse.
sound() {
	local line
	line=$(grep '^memory ' $mock/providers)
	[[ $line =~ live=0\ .*double_free=0\ use_after_free=0\ .*overrun=0\ misused=0\  &&
		$line =~ for_device=[1-9] && $line =~ for_cpu=[1-9] ]] || { echo "# $line"; return 1; }
}
has_memory() {
	echo "provider add memory adapter=$user_card" >$mock/ctl && needs_sync
}
needs_sync() { echo 'script memory needs_sync=1' >$mock/ctl; }
# The card is stopped and the interface remains; opened again, it has new memory.
revoked() {
	has_memory && up mtu "$1" && traffic && echo 'provider revoke memory' >$mock/ctl || return
	kill "$flood" && wait "$flood"
	# The kernel clears the carrier at once, and operstate up to a second later.
	[[ $(cat "/sys/class/net/$net/carrier") == 0 ]] && down && nothing_left && sound && up && traffic && down && flooded
}

# The provider is revoked while the interface is opened: opening may fail or result in no link, and
# a later attempt must succeed.
revoked_while_opened() {
	local try opening
	down
	for ((try = 0; try < 10; try++)); do
		# All memory is the provider's, including that of the
		# descriptors.
		echo "provider add memory adapter=$user_card" >$mock/ctl && echo 'script memory reset' >$mock/ctl || return
		ip link set "$net" up 2>/dev/null &
		opening=$!
		[[ $try -lt 5 ]] || "$ndshm" list blocks >/dev/null
		echo 'provider revoke memory' >$mock/ctl || return
		wait $opening
		down && nothing_left && grep -q '^memory .* live=0 .*use_after_free=0 .*overrun=0 misused=0 ' $mock/providers ||
			{ sed 's/^/# /' $mock/providers; return 1; }
	done
	up && accounted && down
}

check 'loaded, it takes no card' unasked
check 'told to, it takes the card' asked
find_other_end

log_mark
move_there
check 'a link, with jumbo frames' both_up mtu 9000
check 'no segments are cut by the card' cut_by_card off
check 'frames are copied by default' copied_by_default
check 'frames of 60 to 9014 bytes' compared 60 9014
check 'no longer ones, and no blocks of another usage' longest
check 'ping, of 8,972 bytes' pinged 8972
check 'frames that are mapped, at first' copied_to 256
check 'frames of 60 to 9014 bytes, mapped' with_mappings compared 60 9014
check 'TCP to the other end, with jumbo frames, mapped' with_mappings tcp
check 'frames that are copied, at first' copied_to 131072
check 'TCP to the other end, with jumbo frames' tcp
check 'TCP from the other end, with jumbo frames' tcp --reverse
check 'a link, with ordinary frames' both_up mtu 1500
check 'frames of 60 to 1514 bytes' compared 60 1514
check 'TCP to the other end' tcp
check 'TCP from the other end' tcp --reverse
check 'both queues receive' both_queues
check 'frames are counted' counted
check 'speed and duplex' linked
check 'segments are cut by the card' cut_by_card on
check 'TCP, cut by the card' stream $its
check_v6 'TCP over IPv6, cut by the card' stream6
check_vlan 'tags by the card' tagged on
check_vlan 'tags by the kernel' tagged off
check 'tags in both directions only' tagged_one_way
check 'frames that are mapped' copied_to 0
check 'frames of 60 to 1514 bytes, mapped' with_mappings compared 60 1514
check 'TCP, cut by the card, mapped' with_mappings stream $its
check_v6 'TCP over IPv6, cut by the card, mapped' with_mappings stream6
check_vlan 'tags by the card, mapped' with_mappings tagged on
check 'frames that are copied' copied_to 131072
check 'settings of the link' link_settings
check 'sizes of the rings' ring_sizes
check 'intervals of interrupts' coalesced
check 'the link is negotiated anew' link_follows
check 'multicast' multicast
check 'further addresses' unicast
check 'frames that are too long' too_long
check 'frames in a socket are kept' kept
check 'the receive memory grows' grows
check 'the card is unbound, and the frames remain' outlives
check 'its blocks are those of a queue' accounted
check 'each has its usage' for_what_they_are
check 'they are freed before the queue, and after DMA has stopped' in_order
check 'interrupts by a line' both_by_line
check 'they come by it' on_a_line
check 'frames of 60 to 1514 bytes, with a line' compared 60 1514
check 'the line is shared' shared
check 'interrupts by messages' by_message
if [[ ${NDSHM_MOCK:-} ]]; then
	down
	insmod "$NDSHM_MOCK" quarantine=64
	check 'memory that needs to be synced' has_memory
	check 'the link, in that memory' both_up mtu 9000
	check 'frames of 60 to 9014 bytes, in that memory' copied
	check 'no memory for other frames' starved
	check 'the machine sleeps' slept
	down
	check 'that memory is used as it should be' sound
	echo 'provider del memory' >$mock/ctl
	check 'a link, in memory with pages' both_up mtu 1500
	check 'the machine sleeps, and frames in a socket are kept' slept_with_frames
fi
move_back

flood_start
for ((round = 1; round <= rounds; round++)); do
	mtu=$((round % 2 ? 1500 : 9000))
	limit=$((round % 2 ? 100 : 131072))
	check "which frames are copied ($round)" copied_to $limit
	check "set down in full traffic ($round)" set_down $mtu
	check "unbound in full traffic ($round)" unbound $mtu
	check "bound again ($round)" bound_again
	[[ ! ${NDSHM_MOCK:-} ]] || check "its memory goes in full traffic ($round)" revoked $mtu
done
[[ ! ${NDSHM_MOCK:-} ]] || check 'its memory goes while it is opened' revoked_while_opened
limit=100
check 'frames are mapped in full traffic' copied_to $limit
check 'longer frames in full traffic' resized
check 'reset in full traffic' restarted
check 'reset while it is polled' polled
check 'other rings in full traffic' rings_change
check 'tags change hands in full traffic' tags_change
check 'set down with frames that are not sent' unsent
if [[ ${NDSHM_MOCK:-} ]]; then
	insmod "${NDSHM_MOCK%/*}/ndshm_pci_faults.ko" function=$user_card
	check 'recovered from an error in full traffic' recovered
	check 'an error in full traffic that cannot be recovered from' not_recovered
	rmmod ndshm_pci_faults
	check 'the machine sleeps in full traffic' slept_in_traffic
fi
if [[ $(uname -r) == 6.1.* ]]; then
	# This kernel logs a hung card as a warning.
	skipped 'a card that hangs in full traffic' 'kernels before 6.12'
else
	# The watchdog sees a full ring only; the sender of mapped frames does not fill it.
	check 'frames are copied in full traffic' copied_to 131072
	check 'a card that hangs in full traffic' hung
fi
check 'set down after all of it' stopped
flood_stop

move_there
check 'the link, as before' both_up mtu 9000
check 'frames of 60 to 9014 bytes, as before' compared 60 9014
move_back
check 'unbound' unbind
check 'nothing left' nothing_left
no_memory_is_lost
check 'unloaded' rmmod ndshm_82574
[[ ! ${NDSHM_MOCK:-} ]] || rmmod ndshm_mock
check 'nobody uses ndshm' rmmod ndshm
nothing_is_left
check 'the kernel log is clean' log_clean
finish
