# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Common parts of the tests with a card in full traffic: the kernel's own card at one end of
# the link floods the card at the other end, which the user-space driver uses.
#
# NDSHM_BUILD is the directory with user/ndshm and user/ndshm-82574, NDSHM_KO the module.
# NDSHM_ROUNDS=N sets the number of rounds, NDSHM_LONG=1 makes the runs long. Needs the cards
# of `run.sh --wire`.

kernel_card=0000:00:10.0
user_card=0000:00:11.0
user_mac=52:54:00:6e:64:02
# shellcheck disable=SC2034 # for the sourcing script
parameters=/sys/module/ndshm/parameters
ndshm=$NDSHM_BUILD/user/ndshm
# shellcheck disable=SC2034
rounds=${NDSHM_ROUNDS:-$([[ ${NDSHM_LONG:-} ]] && echo 100 || echo 10)}
number=0 failures=0
# On a busy host the usual queueing discipline drops frames that have waited too long.
sysctl -qw net.core.default_qdisc=pfifo_fast

skip() { echo "1..0 # SKIP $*"; exit 4; }

# check NAME COMMAND...: print one TAP line by the exit code of the command. The name is also
# written to the kernel log, where it precedes the messages of its test.
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

# wire_up [WORD...]: set up the kernel's end of the link with these words of `ip link set`.
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

# count TABLE NAME: print a counter from /proc/net/snmp. ping may end before late replies arrive, so
# tests use the kernel's counters.
count() {
	awk -v table="$1:" -v name="$2" '$1 == table {
		if (column) print $column
		else for (i = 2; i <= NF; i++) if ($i == name) column = i
	}' /proc/net/snmp
}

# becomes TABLE NAME NUMBER: wait until the counter has this value and no higher
# one.
becomes() {
	local patience=$((SECONDS + 20))
	while [[ $(count "$1" "$2") -lt $3 && $SECONDS -lt $patience ]]; do sleep 0.05; done
	[[ $(count "$1" "$2") -eq $3 ]] || { echo "# $2 is $(count "$1" "$2"), not $3"; return 1; }
}

# ended ADAPTER COUNT COMMAND...: run a command that ends as many queues or ports of the adapter, and
# print in their order, each with how often it comes in a row, `stopped` for the end of a queue's
# DMA, `block` for a freed block, and `gone` for the end of a queue.
ended() {
	local patience=$((SECONDS + 30)) tracing=/sys/kernel/tracing id
	local -a enable=("$tracing/events/ndshm/ndshm_"{queue_state,block_free}"/enable")
	id=$("$ndshm" list adapters | awk -v name="$1" '$2 == name { print $1 }')
	echo >$tracing/trace
	echo 1 | tee "${enable[@]}" >/dev/null
	"${@:3}"
	until [[ $(grep -c "ndshm_queue_state: adapter=$id .* to=undefined " $tracing/trace) -ge $2 ]]; do
		[[ $SECONDS -lt $patience ]] || break
		sleep 0.05
	done
	echo 0 | tee "${enable[@]}" >/dev/null
	awk -v adapter=" adapter=$id " 'index($0, adapter) {
		if (/ndshm_block_free: /) print "block"
		else if (/ to=(freeing|deleting) /) print "stopped"
		else if (/ to=undefined /) print "gone"
	}' $tracing/trace | uniq -c | awk '{ print $1, $2 }'
}

# Flood without waiting for replies. The rate must not exceed that of the driver under
# emulation, because a card whose receive ring is full does no DMA and would prove nothing.
# NDSHM_FLOOD_DELAY is the interval between frames in nanoseconds, for slower kernels.
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
	# The write returns when the flood is stopped.
	{ echo start >/proc/net/pktgen/pgctrl; } 2>/dev/null &
}

flood_stop() { echo stop >/proc/net/pktgen/pgctrl; }
# A suspend interrupts the flood like a signal, so start it again, after it has really ended.
flood_ended() {
	local patience=$((SECONDS + 60))
	until grep -q '^Running: *$' /proc/net/pktgen/kpktgend_0; do
		[[ $SECONDS -lt $patience ]] || { echo '# the flood goes on'; return 1; }
		sleep 0.05
	done
}

# driver_run ERE [OPTION...]: run the driver, and return when a line of its
# output matches.
driver_run() {
	local what=$1 line
	shift
	coproc driver { exec "$NDSHM_BUILD/user/ndshm-82574" --adapter "$user_card" "$@" 2>&1; }
	# bash unsets the variables of a coprocess that has ended, so copy them.
	# shellcheck disable=SC2154 # coproc sets it
	driver_pid=$driver_PID
	exec {driver_output}<&"${driver[0]}"
	local patience=$((SECONDS + 60))
	while [[ $SECONDS -lt $patience ]] && read -r -t 60 line <&"$driver_output"; do
		# shellcheck disable=SC2034 # for the caller
		[[ $line =~ $what ]] && { driver_said=$line; return; }
	done
	echo "# the driver did not say '$what'; its last words: $line"
	return 1
}

# driver_start [OPTION...]: run the driver until frames arrive in its memory. It prints
# statistics each second.
driver_start() { driver_run 'received[^0-9]*[1-9]' --stats 1 "$@"; }

# Wait for the driver and return its exit code.
driver_wait() {
	local code=0
	wait "$driver_pid" || code=$?
	exec {driver_output}<&-
	return "$code"
}

# Check that no block and no section is left.
nothing_left() {
	local what list
	for what in blocks sections; do
		list=$("$ndshm" list "$what" --json) || return
		[[ $list != *'"id"'* ]] || { echo "# left: $what: $list"; return 1; }
	done
}

# memory_of ROUND: set the options that place the driver's rings and buffers: in blocks, in a
# section, or in a section with so much memory that unused parts would be freed at once.
# shellcheck disable=SC2034 # for the sourcing script
memory=()
# shellcheck disable=SC2034
memory_of() {
	case $(($1 % 3)) in
	1) memory=() ;;
	2) memory=(--section) ;;
	0) memory=(--section --max-frame 9014) ;;
	esac
}

# interrupts_of ROUND: set the options by which the driver waits: every second round it sleeps until
# the card interrupts.
# shellcheck disable=SC2034 # for the sourcing script
interrupts=()
# shellcheck disable=SC2034
interrupts_of() {
	case $(($1 % 4)) in
	1|3) interrupts=() ;;
	2) interrupts=(--interrupts=msi) ;;
	0) interrupts=(--interrupts=intx) ;;
	esac
}

# New lines of the kernel log since log_mark: log_has searches for a pattern,
# log_clean checks that there is no error.
log_mark() { log_lines=$(dmesg | wc -l); }
log_has() { dmesg | tail -n +$((log_lines + 1)) | grep -Eq "$1"; }
log_clean() { ! log_has 'WARNING|BUG|Oops|DMAR.*fault|general protection|Unable to handle'; }
