# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The kernel driver prototype for the 82574, with the kernel's own driver of the same card
# at the other end of the link. To be sourced after lib.sh.
#
# NDSHM_PROTOTYPE is ndshm_82574.ko, NDSHM_PROGRAMS the directory of the kselftest programs.
# NDSHM_STEP=N sends every Nth length only.
# shellcheck disable=SC2154 # lib.sh has the cards

driver_directory=/sys/bus/pci/drivers/ndshm_82574
card=/sys/bus/pci/devices/$user_card
frames=$NDSHM_PROGRAMS/frames
step=${NDSHM_STEP:-1}
ours=192.0.2.2 its=192.0.2.1

# The module must not bind cards by itself or have an alias that would load it.
unasked() {
	insmod "$NDSHM_PROTOTYPE" && [[ ! -e $card/driver && -z $(modinfo -F alias "$NDSHM_PROTOTYPE") ]]
}
asked() { echo ndshm_82574 >"$card/driver_override" && bound; }
bound() { [[ -e $card/driver ]] || echo "$user_card" >$driver_directory/bind && named; }
named() { net=$(basename "$card"/net/*) && [[ -e /sys/class/net/$net ]]; }
unbind() { echo "$user_card" >$driver_directory/unbind && [[ ! -e $card/driver ]]; }

find_other_end() {
	modprobe e1000e
	kernel_net=$(basename /sys/bus/pci/devices/$kernel_card/net/*)
}

# carried COMMAND...: wait until the command shows a link that carries frames. After LOWER_UP the
# queue still drops frames for a while, and an old state may be shown without a carrier. Polling is
# safer than waiting for the event, which may have passed already.
carried() {
	local patience=$((SECONDS + 30))
	until "$@" | grep -q 'LOWER_UP.* state UP '; do
		[[ $SECONDS -lt $patience ]] || { echo "# no link: $*"; return 1; }
		sleep 0.05
	done
}

# up [WORD...]: set the interface up with these words and wait for the link.
up() { ip link set "$net" "$@" up && carried ip link show "$net"; }
down() { ip link set "$net" down; }

# The kernel's card is in another namespace, so that frames to it use the link.
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
# both_up WORD...: set up both ends of the link.
both_up() {
	ip -n there link set "$kernel_net" "$@" up && up "$@" &&
		carried ip -n there link show "$kernel_net"
}

# Suspend the machine, but of the devices only the card, because files and output depend on others.
# Needs the mock module.
asleep() {
	local control=/sys/kernel/debug/ndshm_mock/ctl device was
	was=$(cat "/sys/class/net/$net/carrier_down_count")
	for device in /sys/bus/pci/devices/*; do
		[[ ${device##*/} == "$user_card" ]] || echo "awake ${device##*/}" >$control || return
	done
	echo 0 >/sys/module/suspend/parameters/pm_test_delay
	echo platform >/sys/power/pm_test && echo mem >/sys/power/state &&
		[[ $(cat "/sys/class/net/$net/carrier_down_count") -gt $was ]]
}

compared() { "$frames" compare "$net" "$kernel_net@there" "$@" "$step"; }

# Leaks found by the debug kernel since `baseline take /tmp/baseline`.
no_leaks() {
	"$NDSHM_PROGRAMS/baseline" check /tmp/baseline "$1" >/tmp/leaks || { sed 's/^/# /' /tmp/leaks; return 1; }
}
# kmemleak can attribute its findings to our modules only while these are
# loaded.
no_memory_is_lost() {
	{ echo scan=off >/sys/kernel/debug/kmemleak; } 2>/dev/null || return 0
	check 'no memory is lost' no_leaks kmemleak
}
# Counters, to be checked after the modules are unloaded. Pages are not compared, because the
# network stack keeps pages of drivers' packets on each CPU.
nothing_is_left() {
	local dma_entries
	read -r dma_entries _ </tmp/baseline
	[[ $dma_entries -lt 0 ]] || check 'no mapping for DMA is left' no_leaks dma_entries
}
