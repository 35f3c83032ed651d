#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh PROGRAM: run remote_bench, and ucx_perftest over TCP with the same sizes if it is
# installed.
set -euo pipefail

"$1"
if ! command -v ucx_perftest >/dev/null; then
	echo 'ucx_perftest: not installed (packages.sh bench)'
	exit 0
fi
export UCX_TLS=tcp UCX_NET_DEVICES=lo

# perftest NAME SIZE COUNT ARGUMENT...: the line of the results.
perftest() {
	local name=$1 size=$2 count=$3 server
	shift 3
	timeout 30 ucx_perftest -p 13399 >/dev/null 2>&1 &
	server=$!
	# Until it listens.
	while ! ss -Hltn 'sport = :13399' | grep -q . && kill -0 "$server" 2>/dev/null; do sleep 0.1; done
	printf 'ucx %-12s %8d bytes: %s\n' "$name" "$size" \
		"$(timeout 30 ucx_perftest 127.0.0.1 -p 13399 -s "$size" -n "$count" -w 20 "$@" 2>&1 |
		   awk '/^Final:/ { print $5 " us, " $7 " MB/s" }')"
	kill "$server" 2>/dev/null || true
	wait "$server" || true
}

for size in 64 4096 1048576; do
	perftest 'get latency' "$size" "$((size > 4096 ? 60 : 1000))" -t ucp_get -O 1
	perftest 'put' "$size" "$((size > 4096 ? 200 : 10000))" -t ucp_put_bw -O 32
done
