#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# interrupts.sh [KERNEL]: compare ndshm-82574 with --interrupts with the kernel's driver of the card and
# with polling, in one virtual machine with one CPU whose clock counts instructions.
#
# Latency: the round trip of single pings, which the kernel's end of the link sends and the kernel or
# ndshm-82574 answers, after a pause in which the target sleeps. A nanosecond is an instruction of user
# space or kernel.
# Throughput: the instructions for each answer while requests always wait, as echo.sh measures them.
#
# Exit 1 if the latency by MSI is more than that of the kernel, or by INTx, which needs a call to be
# unmasked, more than 1.30 times as much; or if an answer costs more than 1.01 times as much as with
# polling. NDSHM_KO names ndshm.ko, NDSHM_USER the build directory of userlib, with its examples; BUILD
# is the build directory of ndshm-load.
set -euo pipefail
bench_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
top=$bench_dir/../../..
build=${BUILD:-$top/build/bench}
kernel=${1:-6.12}

if [[ $kernel != guest ]]; then
	[[ -f ${NDSHM_KO:-} && -x ${NDSHM_USER:-}/ndshm-82574 ]] ||
		{ echo "${0##*/}: NDSHM_KO must name ndshm.ko, and NDSHM_USER the directory of ndshm-82574" >&2; exit 1; }
	mkdir -p -- "$build"
	NDSHM_BENCH=$(cd -- "$build" && pwd -P)
	NDSHM_KO=$(realpath -- "$NDSHM_KO") NDSHM_USER=$(realpath -- "$NDSHM_USER")
	"$bench_dir/build.sh" "$NDSHM_BENCH" "$NDSHM_USER"
	export NDSHM_KO NDSHM_USER NDSHM_BENCH
	exec "$top/selftests/vm/run.sh" --kernel "$kernel" --name "interrupts-$kernel" --icount --iommu --wire \
		--timeout 1800 -- "${BASH_SOURCE[0]}" guest
fi

sender=0000:00:10.0 target=0000:00:11.0
sender_mac=52:54:00:6e:64:01 target_mac=52:54:00:6e:64:02
ours=192.0.2.1 its=192.0.2.2
ndshm=$NDSHM_USER/ndshm
columns=('98 32' '1514 32' '98 64' '1514 64')
declare -A latency cost

name_of() { basename "/sys/bus/pci/devices/$1/net/"*; }

# up NAME [COMMAND...]: set an interface up, by the commands of its network namespace.
up() {
	local net=$1
	shift
	"$@" sysctl -qw "net.ipv6.conf.$net.disable_ipv6=1"
	"$@" ip link set "$net" up
	until [[ $("$@" cat "/sys/class/net/$net/carrier") == 1 ]]; do sleep 0.1; done
}

# run PATTERN OPTION...: run the driver, until a line of its output matches.
run() {
	local pattern=$1 line
	shift
	coproc program { exec "$NDSHM_USER/ndshm-82574" --adapter "$target" --address $its "$@" 2>&1; }
	# shellcheck disable=SC2154 # coproc sets it
	pid=$program_PID
	exec {output}<&"${program[0]}"
	while read -r -t 60 line <&"$output"; do
		[[ ! $line =~ $pattern ]] || return 0
	done
	echo "ndshm-82574 does not answer: $line" >&2
	return 1
}

stop() {
	kill "$pid"
	wait "$pid" || true
	exec {output}<&-
}

# pings ROW: the mean round trip, in microseconds; the first pings are a warm-up.
pings() {
	ping -n -q -c 20 -i 0.01 -W 5 $its >/dev/null
	ping -n -q -c 200 -i 0.01 -W 5 $its >/tmp/pings
	grep -q ' 0% packet loss' /tmp/pings || { cat /tmp/pings; return 1; }
	latency[$1]=$(sed -nE 's,^rtt min/avg/max/mdev = ([0-9.]+)/([0-9.]+)/.*,\1 \2,p' /tmp/pings |
		awk '{ print $1 * 1000, $2 * 1000 }')
}

# ping_driver ROW OPTION...
ping_driver() {
	local row=$1
	shift
	run '^ready:' "$@"
	pings "$row"
	stop
}

# load ROW OPTION...: instructions for an answer.
load() {
	local row=$1 column length burst
	shift
	for column in "${columns[@]}"; do
		read -r length burst <<<"$column"
		run '^ready:' --burst "$burst" "$@"
		cost[$row $column]=$("$NDSHM_BENCH/ndshm-load" "$sender" "$target_mac" "$length" "$burst" $((burst * 200)) "$pid")
		stop
	done
}

insmod "$NDSHM_KO"
modprobe e1000e
net=$(name_of $sender) other=$(name_of $target)
up "$net"
ip address add $ours/24 dev "$net"
ip neighbour replace $its lladdr $target_mac dev "$net" nud permanent

unshare -n sleep infinity &
peer=$!
inside=(nsenter -t "$peer" -n)
until [[ $(readlink "/proc/$peer/ns/net") != $(readlink /proc/self/ns/net) ]]; do sleep 0.01; done
ip link set "$other" netns "$peer"
up "$other" "${inside[@]}" unshare -m sh -c 'mount -t sysfs sysfs /sys && exec "$@"' -
"${inside[@]}" ip address add $its/24 dev "$other"
"${inside[@]}" ip neighbour replace $ours lladdr $sender_mac dev "$other" nud permanent
pings kernel
kill "$peer"
# The interface comes back with the end of the namespace.
until [[ -e /sys/bus/pci/devices/$target/net/$other ]]; do sleep 0.1; done

"$ndshm" bind "$target" >/dev/null
ping_driver msi --interrupts=msi
ping_driver intx --interrupts=intx
ping_driver nap
ping_driver poll --idle-us 0

ip link set "$net" down
"$ndshm" bind "$sender" >/dev/null
load poll --idle-us 0
load msi --interrupts=msi
load intx --interrupts=intx

echo 'Round trip of a ping after a pause, in microseconds of one instruction a nanosecond (least, mean):'
for row in kernel msi intx nap poll; do
	case $row in
	kernel) what='e1000e, kernel' ;;
	msi|intx) what="ndshm-82574 --interrupts=$row" ;;
	nap) what='ndshm-82574' ;;
	poll) what='ndshm-82574 --idle-us 0' ;;
	esac
	read -r least mean <<<"${latency[$row]}"
	printf '%-34s %9.3f %9.3f\n' "$what" "$least" "$mean"
done
echo 'Instructions for each answer while requests wait, by bytes of a frame and frames at a time:'
printf '%-34s' ''
for column in "${columns[@]}"; do printf '%9s' "${column/ /x}"; done
echo
for row in poll msi intx; do
	[[ $row == poll ]] && what='ndshm-82574 --idle-us 0' || what="ndshm-82574 --interrupts=$row"
	printf '%-34s' "$what"
	for column in "${columns[@]}"; do printf '%9s' "${cost[$row $column]}"; done
	echo
done

# compare WHAT OURS ITS LIMIT
compare() {
	awk -v what="$1" -v ours="$2" -v its="$3" -v limit="$4" 'BEGIN {
		printf "%s: %.3f; the limit is %.2f\n", what, ours / its, limit
		exit ours / its > limit
	}' || failed=1
}
declare -A limit=([msi]=1.00 [intx]=1.30)
for row in msi intx; do
	compare "latency by $row to that of the kernel" "${latency[$row]#* }" "${latency[kernel]#* }" "${limit[$row]}"
	for column in "${columns[@]}"; do
		compare "cost by $row to that of polling, ${column/ /x}" "${cost[$row $column]}" "${cost[poll $column]}" 1.01
	done
done
[[ ! ${failed:-} ]]
