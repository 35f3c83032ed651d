#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# wire.sh ROLE NUMBER COUNT BUILD: machine NUMBER of COUNT. The first has a network card for each
# other one and bridges these cards; each other one has a single card, which is connected to the
# first. Roles:
#
# station, test		the first and the last run remote_wire, and then the command: the station exports
#			a section, which the test writes, reads and measures; with NDSHM_LONG beside
#			ucx_perftest if that is installed and accesses go by TCP
# witness		accesses the memory of the station while the test and its wire fail
#
# NDSHM_KO is the module, NDSHM_SHARED a directory of all machines. With NDSHM_TRANSPORT=rdma
# accesses go by RDMA, over soft-RoCE on the wire.
set -euo pipefail
role=$1 number=$2 count=$3 build=$4
network=192.0.2 port=7000 ucx_port=13399
ndshm=$build/ndshm program=$build/tests/remote/remote_wire
secrets=(--token-file "$NDSHM_SHARED/token" --blob "$NDSHM_SHARED/blob")

# card ADDRESS: print the name of the card whose address ends with this byte, and enable it.
card() {
	local name
	name=$(basename -- "$(dirname -- "$(grep -l "52:54:00:6e:65:$1" /sys/class/net/*/address)")")
	sysctl -q "net.ipv6.conf.$name.disable_ipv6=1"
	ip link set "$name" up
	echo "$name"
}
# Set NDSHM_WIRE to the card between the last machine and the first, as this machine sees it, and
# `interface` to the interface with the machine's address.
wire_up() {
	local other
	modprobe virtio_net
	if [[ $number -gt 1 ]]; then
		interface=$(card "0$number")
		NDSHM_WIRE=$interface
	else
		interface=bridge
		modprobe bridge
		ip link add "$interface" type bridge
		sysctl -q "net.ipv6.conf.$interface.disable_ipv6=1"
		for ((other = 2; other <= count; other++)); do
			NDSHM_WIRE=$(card "1$other")
			ip link set "$NDSHM_WIRE" master "$interface"
		done
		ip link set "$interface" up
	fi
	ip address add "$network.$number/24" dev "$interface"
}
# No event of the other machine can be waited for.
wait_for_file() { until [[ -s $1 ]]; do sleep 0.2; done; }

# UCX goes by TCP here; rdma.sh compares RDMA.
with_ucx() {
	[[ ${NDSHM_LONG:-} && ${NDSHM_TRANSPORT:-} != rdma ]] && command -v ucx_perftest >/dev/null
}
ucx() { UCX_TLS=tcp UCX_NET_DEVICES=$interface timeout 60 ucx_perftest -p "$ucx_port" "$@"; }

station_command() {
	local exporter served=''
	(umask 077; head -c 32 /dev/urandom | base64 >"$NDSHM_SHARED/token")
	"$ndshm" section create --name wire --max 4M --initial 4M -- "$ndshm" remote export wire \
		--rights read,write --listen "$network.1:$((port + 1))" "${secrets[@]}" </dev/null &
	exporter=$!
	if with_ucx; then
		# One test each.
		while [[ ! -s $NDSHM_SHARED/done ]]; do ucx >/dev/null 2>&1 || sleep 0.2; done &
		served=$!
	fi
	wait_for_file "$NDSHM_SHARED/done"
	"$ndshm" remote list
	kill "$exporter"
	wait "$exporter"
	# The server that waits for one more test ends with the machine.
	[[ ! $served ]] || kill "$served" 2>/dev/null || true
}

number_of_test=0
check() {
	number_of_test=$((number_of_test + 1))
	if "${@:2}"; then
		echo "ok $number_of_test - $1"
	else
		echo "not ok $number_of_test - $1"
		failed=1
	fi
}
remote() { "$ndshm" remote "$1" "$network.1:$((port + 1))" "${secrets[@]}" "${@:2}"; }
same_bytes() { cmp <(remote get --offset 1000 --length 3000000) "$scratch/bytes"; }
# The station starts a server for each test, after the one before.
ucx_row() {
	local said=''
	for _ in {1..10}; do
		said=$(ucx "$network.1" "${@:2}" -w 10 2>&1 |
			awk '/^Final:/ { print $5 " us, " $7 " MB/s" }') || true
		[[ ! $said ]] || break
		sleep 0.3
	done
	echo "# ucx $1: ${said:-no result}"
}
test_ucx() {
	local size
	for size in 64 4096 1048576; do
		ucx_row "get $size" -t ucp_get -O 1 -s "$size" -n $((size > 4096 ? 30 : 300))
		ucx_row "put $size" -t ucp_put_bw -O 32 -s "$size" -n $((size > 4096 ? 100 : 2000))
	done
}
test_command() {
	wait_for_file "$NDSHM_SHARED/blob"
	head -c 3000000 /dev/urandom >"$scratch/bytes"
	check 'the command puts' remote put --offset 1000 --input "$scratch/bytes"
	check 'and gets the same bytes' same_bytes
	remote bench --write --seconds "$([[ ${NDSHM_LONG:-} ]] && echo 3 || echo 0.5)" >"$scratch/bench"
	sed 's/^/# /' "$scratch/bench"
	check 'and measures' [ "$(wc -l <"$scratch/bench")" -eq 4 ]
	! with_ucx || test_ucx
}

failed=
scratch=$(mktemp -d)
wire_up
export NDSHM_WIRE
[[ $count -lt 3 ]] || export NDSHM_WITNESS=$network.2:$port
# rxe asks for a module of the crypto API by a path of the initial file system.
if [[ ${NDSHM_TRANSPORT:-} == rdma ]]; then
	modprobe -a crc32_generic rdma_rxe ib_uverbs
	rdma link add wire type rxe netdev "$interface"
	ulimit -l unlimited
fi
insmod "$NDSHM_KO"
case $role in
station)
	"$program" station "$port"
	station_command ;;
witness)
	"$program" witness "$network.1" "$port" || failed=1
	wait_for_file "$NDSHM_SHARED/done" ;;
test)
	"$program" test "$network.1" "$port" || failed=1
	test_command
	echo "done" >"$NDSHM_SHARED/done" ;;
esac
rmmod ndshm
[[ ! $failed ]]
