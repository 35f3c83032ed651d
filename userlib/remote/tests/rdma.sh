#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# rdma.sh TESTS [bench]: libndshm-remote by RDMA, as root in a virtual machine: both sides use one
# device of soft-RoCE over veth. TESTS is the directory of the test programs, NDSHM_KO the module.
# NDSHM_LONG=1: 10,000 transfers, 1,000 kills of each side. bench: beside perftest and UCX only.
set -uo pipefail
tests=$1 what=${2:-tests}
bad=0 number=0
address=192.0.2.1
export NDSHM_TEST_ADDRESS=$address NDSHM_TEST_RDMA=1 LONG=${NDSHM_LONG:-0}

check() {
	number=$((number + 1))
	if "${@:2}"; then echo "ok $number - $1"; else echo "not ok $number - $1"; bad=1; fi
}
# rxe asks for a module of the crypto API by a path of the initial file system.
set_up() {
	modprobe -a veth crc32_generic rdma_rxe ib_uverbs &&
		ip link add rdma0 type veth peer name rdma1 && ip addr add "$address/24" dev rdma0 &&
		ip link set lo up && ip link set rdma0 up && ip link set rdma1 up &&
		rdma link add rdma type rxe netdev rdma0 && ulimit -l unlimited
}
resources() { rdma resource show; }
# Baseline of the system: the last object may be freed after its process has ended.
left_nothing() {
	local _
	for _ in {1..50}; do
		[[ $(resources) == "$1" ]] && return
		sleep 0.1
	done
	echo "# before: $1"
	echo "# after:  $(resources)"
	return 1
}
program() { "$tests/$1" "${@:2}" | sed 's/^/# /'; }

turns=7
# Median of all turns.
median() { printf '%s\n' "$@" | sort -n | sed -n "$((turns / 2 + 1))p"; }
# beside PORT COMMAND...: run it beside a server of the same program on this port.
beside() {
	local port=$1 server
	shift
	timeout 100 "$@" >/dev/null 2>&1 &
	server=$!
	while ! ss -Hltn "sport = :$port" | grep -q . && kill -0 "$server" 2>/dev/null; do sleep 0.05; done
	timeout 100 "$@" "$address" 2>/dev/null
	kill "$server" 2>/dev/null || true
	wait "$server"
}
# perftest PROGRAM COLUMN SIZE COUNT: one number of its result.
perftest() {
	local index
	index=$(grep -l 'ffff:c000:0201' /sys/class/infiniband/rdma/ports/1/gids/* | sed 's/.*\///')
	beside 18515 "$1" -d rdma -x "$index" -F -s "$3" -n "$4" |
		awk -v size="$3" -v column="$2" '$1 == size { print $column }'
}
# Gets of the transport of UCX that uses verbs, which copies small ones through a buffer, too. Its
# layer of endpoints (ucp_get) finds no other transport that it needs besides, or ends by a signal.
ucx_perftest() {
	local copy=bcopy

	[[ $3 -le 4096 ]] || copy=zcopy
	beside 13399 "$(type -P ucx_perftest)" -p 13399 -d rdma:1 -x rc_verbs -t get -D "$copy" -O 1 -w 20 \
		-s "$3" -n "$4" | awk -v column="$2" '/^Final:/ { print $column }'
}
ratio() { awk -v ours="$1" -v theirs="$2" 'BEGIN { print theirs ? ours / theirs : 0 }'; }
# compare KIND UNIT SIZE COUNT COLUMN RUN PROGRAM COLUMN: in turns. RUN runs PROGRAM. The ratio is
# the median of those of the turns, since the speed of the machine changes between them.
compare() {
	local ours=() theirs=() ratios=() turn
	for ((turn = 0; turn < turns; turn++)); do
		ours+=("$("$tests/remote_bench" "$1" "$3" "$4" | cut -d ' ' -f "$5")")
		theirs+=("$("$6" "$7" "$8" "$3" "$4")")
		ratios+=("$(ratio "${ours[-1]}" "${theirs[-1]}")")
	done
	awk -v kind="$1" -v unit="$2" -v size="$3" -v program="$7" -v ours="$(median "${ours[@]}")" \
		-v what="${9:-}" -v theirs="$(median "${theirs[@]}")" -v ratio="$(median "${ratios[@]}")" 'BEGIN {
		printf "%-5s %8d bytes%s: %9.2f %s, %s %9.2f %s, ratio %.2f\n", kind, size, what, ours,
		       unit, program, theirs, unit, ratio }'
}
# Columns 5 and 6 of ib_read_lat are the median and the mean, in us, 3 and 4 those of ucx_perftest;
# column 4 of ib_write_bw is the mean in units of 2^20 bytes.
bench() {
	local size count
	for size in 64 4096 1048576; do
		count=$((size > 4096 ? 20 : 1000))
		if type -P ucx_perftest >/dev/null; then
			compare get us "$size" "$count" 2 ucx_perftest ucx_perftest 3 ', median'
			compare get us "$size" "$count" 1 ucx_perftest ucx_perftest 4 ', mean'
		else
			echo 'ucx_perftest: not installed (packages.sh bench)'
		fi
		compare get us "$size" "$count" 2 perftest ib_read_lat 5 ', median'
		compare get us "$size" "$count" 1 perftest ib_read_lat 6 ', mean'
		compare puts MiB/s "$size" "$((size > 4096 ? 80 : 16000))" 1 perftest ib_write_bw 4
	done
}

check 'the device is set up' set_up
[[ $bad -eq 0 ]] || { echo "1..$number"; exit 1; }
if [[ $what == bench ]]; then
	unset NDSHM_TEST_BACKEND
	bench
	exit
fi
insmod "$NDSHM_KO" || exit 1
export NDSHM_TEST_BACKEND=/dev/ndshm
before=$(resources)
check 'what devices do' program remote_rdma
check 'transfers' program remote
check 'owners that are killed' program remote_faults killed_owners_are_errors
check 'peers that are killed' program remote_faults killed_clients_leave_nothing
check 'no queue pair, region or domain is left' left_nothing "$before"
check 'the module is not in use' rmmod ndshm
echo "1..$number"
exit $bad
