# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For tests of a card in full traffic: the kernel's own card at one end of the
# wire floods the card at the other end, which the user-space driver has.
#
# NDSHM_BUILD is the directory with user/ndshm and user/ndshm-82574, NDSHM_KO the
# module. NDSHM_ROUNDS=N says how often, NDSHM_LONG=1 makes the runs long. Needs the cards of
# `run.sh --wire`.

kernel_card=0000:00:10.0
user_card=0000:00:11.0
user_mac=52:54:00:6e:64:02
# shellcheck disable=SC2034 # for who includes this
parameters=/sys/module/ndshm/parameters
ndshm=$NDSHM_BUILD/user/ndshm
# shellcheck disable=SC2034
rounds=${NDSHM_ROUNDS:-$([[ ${NDSHM_LONG:-} ]] && echo 100 || echo 10)}
number=0 failures=0

skip() { echo "1..0 # SKIP $*"; exit 4; }

# check NAME COMMAND...: one line of the answer, by the command's exit code. The kernel log says
# in which of them something came.
check() {
	local name=$1
	shift
	number=$((number + 1))
	echo "selftest $number - $name" >/dev/kmsg
	if "$@"; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		failures=$((failures + 1))
	fi
}

finish() {
	echo "1..$number"
	[[ $failures -eq 0 ]]
}

# wire_up [WORD...]: the kernel's end of the wire, set up with these words of `ip link set`.
# shellcheck disable=SC2120 # there may be none
wire_up() {
	local events
	modprobe e1000e
	net=$(basename /sys/bus/pci/devices/$kernel_card/net/*)
	exec {events}< <(exec timeout 30 ip monitor link dev "$net")
	ip link set "$net" "$@" up
	ip link show dev "$net" | grep -q LOWER_UP || grep -qm1 LOWER_UP <&"$events"
	exec {events}<&-
}

# The flood does not care whether anyone answers. It is no faster than the driver
# under emulation: a card whose receive ring is full does not write, and would
# prove nothing. NDSHM_FLOOD_DELAY is the time between two frames, in nanoseconds, where the
# kernel takes longer.
flood_start() {
	local net
	modprobe pktgen
	wire_up
	echo rem_device_all >/proc/net/pktgen/kpktgend_0
	echo "add_device $net" >/proc/net/pktgen/kpktgend_0
	for setting in 'count 0' 'clone_skb 0' 'pkt_size 1400' "delay ${NDSHM_FLOOD_DELAY:-300000}" 'src_min 192.0.2.1' 'dst 192.0.2.2' \
		"dst_mac $user_mac"; do
		echo "$setting" >"/proc/net/pktgen/$net"
	done
	# It returns when the flood is stopped.
	{ echo start >/proc/net/pktgen/pgctrl; } 2>/dev/null &
}

flood_stop() { echo stop >/proc/net/pktgen/pgctrl; }

# driver_run ERE [OPTION...]: run the driver, and return when it says something.
driver_run() {
	local what=$1 line
	shift
	coproc driver { exec "$NDSHM_BUILD/user/ndshm-82574" --adapter "$user_card" "$@" 2>&1; }
	# bash forgets a coprocess that has ended: keep what is needed of it.
	# shellcheck disable=SC2154 # coproc sets it
	driver_pid=$driver_PID
	exec {driver_output}<&"${driver[0]}"
	local patience=$((SECONDS + 60))
	while [[ $SECONDS -lt $patience ]] && read -r -t 60 line <&"$driver_output"; do
		# shellcheck disable=SC2034 # for who calls this
		[[ $line =~ $what ]] && { driver_said=$line; return; }
	done
	echo "# the driver did not say '$what'; its last words: $line"
	return 1
}

# driver_start [OPTION...]: the same, until frames arrive in its memory. It says something each
# second, whether it receives or not.
driver_start() { driver_run 'received[^0-9]*[1-9]' --stats 1 "$@"; }

# Its exit code.
driver_wait() {
	local code=0
	wait "$driver_pid" || code=$?
	exec {driver_output}<&-
	return "$code"
}

# Has every block gone, and every section?
nothing_left() {
	local what list
	for what in blocks sections; do
		list=$("$ndshm" list "$what" --json) || return
		[[ $list != *'"id"'* ]] || { echo "# left: $what: $list"; return 1; }
	done
}

# memory_of ROUND: options that say where the driver has its rings and buffers. In blocks, in
# a section, and in so much of one that what is left there would be given back at once.
# shellcheck disable=SC2034 # for who includes this
memory=()
# shellcheck disable=SC2034
memory_of() {
	case $(($1 % 3)) in
	1) memory=() ;;
	2) memory=(--section) ;;
	0) memory=(--section --max-frame 9014) ;;
	esac
}

# Is there nothing new in the kernel log that matches?
log_mark() { log_lines=$(dmesg | wc -l); }
log_has() { dmesg | tail -n +$((log_lines + 1)) | grep -Eq "$1"; }
log_clean() { ! log_has 'WARNING|BUG|Oops|DMAR.*fault|general protection|Unable to handle'; }
