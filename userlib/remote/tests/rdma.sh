#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# rdma.sh TESTS [bench]: libndshm-remote by RDMA, as root in a virtual machine: both sides use one
# device of soft-RoCE over veth. TESTS is the directory of the test programs, NDSHM_KO the module.
# NDSHM_LONG=1: 10,000 transfers, 1,000 kills of each side. bench: only compare `ndshm remote bench`
# with perftest and UCX.
set -uo pipefail
tests=$1 what=${2:-tests} ndshm=$1/../../ndshm
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
# The command in another process exports a section, and the same command measures it.
port=7001
secrets=(--token-file /tmp/token --blob /tmp/blob)
export_section() {
	(umask 077; head -c 32 /dev/urandom | base64 >/tmp/token)
	"$ndshm" section create --name rdma --max 4M --initial 4M -- "$ndshm" remote export rdma \
		--rights read,write --listen "$address:$port" "${secrets[@]}" </dev/null &
	exporter=$!
	until [[ -s /tmp/blob ]]; do kill -0 "$exporter" || return; sleep 0.1; done
}
ours() {
	"$ndshm" remote bench "$address:$port" "${secrets[@]}" --size "$1" --write --seconds 0.3 --json >/tmp/ours &&
		grep -q '"transport": "RDMA"' /tmp/ours
}
figure() { sed -nE "s/.*\"$1\": ([0-9.]+).*/\1/p" /tmp/ours; }

# The figures of one size are measured in turns. A ratio is the median of those of the turns, since
# the speed of the machine changes between them: with seven it was 0.8 once and 1.27 the next time.
turns=21
declare -A figures
keep() { figures[$1]+="$2 $3"$'\n'; }
# print ROW SIZE UNIT PEER: of the turns in which the peer has a result.
print() {
	local row
	row=$(awk 'NF == 2 && $2' <<<"${figures[$1]:-}")
	# median EXPRESSION: of both columns.
	median() { awk "{ print $1 }" <<<"$row" | sort -g | awk '{ at[NR] = $1 } END { print at[int((NR + 1) / 2)] }'; }
	printf '%-5s %8d bytes: %9.2f %s, %s %9.2f %s, ratio %.2f, %d turns\n' "${1% *}" "$2" "$(median '$1')" "$3" "$4" \
		"$(median '$2')" "$3" "$(median '$1 / $2')" "$(grep -c . <<<"$row")"
}
# Column 5 of ib_read_lat is the median in us, 3 that of ucx_perftest; column 4 of ib_write_bw is the
# mean in units of 2^20 bytes.
bench() {
	local size count turn
	type -P ucx_perftest >/dev/null || { echo 'ucx_perftest: not installed (packages.sh bench)'; return 1; }
	export_section || return
	for size in 64 4096 1048576; do
		count=$((size > 4096 ? 20 : 1000))
		figures=()
		for ((turn = 0; turn < turns; turn++)); do
			ours "$size" || { cat /tmp/ours; return 1; }
			keep 'get ucx' "$(figure get_us)" "$(ucx_perftest ucx_perftest 3 "$size" "$count")"
			keep 'get read' "$(figure get_us)" "$(perftest ib_read_lat 5 "$size" "$count")"
			keep 'puts write' "$(awk -v rate="$(figure put_mb_s)" 'BEGIN { print rate * 1e6 / 2 ^ 20 }')" \
				"$(perftest ib_write_bw 4 "$size" "$((size > 4096 ? 80 : 16000))")"
		done
		print 'get ucx' "$size" us ucx_perftest
		print 'get read' "$size" us ib_read_lat
		print 'puts write' "$size" MiB/s ib_write_bw
	done
	kill "$exporter"
	wait "$exporter"
}

check 'the device is set up' set_up
[[ $bad -eq 0 ]] || { echo "1..$number"; exit 1; }
insmod "$NDSHM_KO" || exit 1
if [[ $what == bench ]]; then
	bench
	exit
fi
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
