#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# metrics.sh NDSHM JSON_GET PACKAGING: metrics of the objects of stand_in_list.c as text and as an
# answer of HTTP, and the dashboard that shows them.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
ndshm=$1 json_get=$2 packaging=$3
export NDSHM_BACKEND=memfd:

# has NAME LINE: expect this line in the last output.
has() {
	grep -qxF -- "$2" <<<"$out"
	ok "$1" || echo "# missing: $2"
}

run 0 "text" metrics
text=$out
has "text: blocks" 'ndshm_blocks{adapter="node0",provider="pages",user="root?",uid="0"} 2'
has "text: bytes" 'ndshm_block_bytes{adapter="99",provider="pages",user="4000000001",uid="4000000001"} 73728'
has "text: sections" 'ndshm_section_committed_bytes{adapter="node0",provider="pages",user="root?",uid="0"} 3145728'
has "text: a sum of more than 64 bits" \
	'ndshm_section_max_bytes{adapter="node0",provider="pages",user="root?",uid="0"} 18446744073709551615'
has "text: adapters" 'ndshm_adapter_claimed{adapter="card?"} 0'
is "text: the end" "# EOF" "${out##*$'\n'}"
is "text: a series once" "" "$(grep -o '^ndshm.*}' <<<"$out" | sort | uniq -d)"
is "text: all bytes" 319488 "$(awk '/^ndshm_block_bytes/ { sum += $2 } END { print sum }' <<<"$out")"
is "text: samples have a type and a help" "$(grep -o '^ndshm_[a-z_]*' <<<"$out" | sort -u)" \
	"$(sed -n 's/^# HELP \(ndshm_[a-z_]*\) .*\.$/\1/p' <<<"$out" | sort)"
is "text: as many types" "$(grep -c '^# HELP' <<<"$out")" "$(grep -c '^# TYPE ndshm_[a-z_]* gauge$' <<<"$out")"
is "text: a unit ends the name" "" "$(sed -n 's/^# UNIT //p' <<<"$out" | grep -v '^[a-z_]*_bytes bytes$')"
is "text: no other lines" "" "$(grep -vE '^# (TYPE|UNIT|HELP) ndshm_|^# EOF$|^ndshm_[a-z_]+\{([a-z]+="([^"\\]|\\.)*",?)+\} [0-9]+$' <<<"$out")"
STAND_IN_NAME='a"b\c}' run 0 "text: a strange name" metrics
has "text: a strange name is quoted" 'ndshm_blocks{adapter="node0",provider="pages",user="a\"b\\c}",uid="0"} 2'
run 0 "text: users by number" metrics --numeric
has "text: users by number: one" 'ndshm_blocks{adapter="node0",provider="pages",user="0",uid="0"} 2'
STAND_IN_BLOCKS=100000 run 0 "text: 100,000 blocks" metrics
is "text: 100,000 blocks: number" 100000 "$(awk '/^ndshm_blocks/ { sum += $2 } END { print sum }' <<<"$out")"
STAND_IN_REFUSE=1 run 1 "text: refused" metrics
says "text: refused: why" "ndshm: cannot read the metrics: * (EPERM)"
"$ndshm" metrics >/dev/full 2>"$top/err"
is "text: a full disk is a failure" 1 $?
STAND_IN_REFUSE=1 run 1 "text: refused in JSON" metrics --json
out=$err
is "text: refused in JSON: errno" '"EPERM"' "$(get error errno)"

run 2 "an argument" metrics more

# http REQUEST: answer it. Sets $code, $status to the status line, $head and $out.
http() {
	printf '%b' "$1" | "$ndshm" metrics --http >"$top/answer" 2>"$top/err"
	code=$?
	tr -d '\r' <"$top/answer" >"$top/lines"
	status=$(head -n 1 "$top/lines")
	head=$(sed '/^$/q' "$top/lines")
	out=$(sed '1,/^$/d' "$top/lines")
}

for request in 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n' 'GET /metrics HTTP/1.0\n\n' \
	"GET /metrics HTTP/1.1\r\nX: $(printf 'x%.0s' {1..5000})\r\n\r\n"; do
	http "$request"
	is "served: status" "0 HTTP/1.0 200 OK" "$code $status"
	is "served: text" "$text" "$out"
	[[ $head == *"Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8"* ]]
	ok "served: type"
done
{ printf 'GET / HTTP/1.1\r\n\r\n'; sleep 30; } | timeout 20 "$ndshm" metrics --http >"$top/answer"
is "served: the answer does not wait for the end of the input" 0 "${PIPESTATUS[1]}"
STAND_IN_REFUSE=1 http 'GET /metrics HTTP/1.1\r\n\r\n'
is "served: refused" "1 HTTP/1.0 503 Service Unavailable" "$code $status"
is "served: refused: the client learns no cause" "" "$out"
is "served: refused: the log has it" 1 "$(grep -c 'cannot read the metrics: .*(EPERM)$' "$top/err")"
[[ $(sed -n 's/^ExecStart=//p' "$packaging/metrics/ndshm-metrics@.service") == "/usr/bin/ndshm metrics --http" ]]
ok "served: the unit runs this"

out=$(cat "$packaging/metrics/ndshm-dashboard.json")
is "dashboard: title" '"ndshm"' "$(get title)"
is "dashboard: metrics exist" "" "$(comm -23 <(grep -o '"expr": .*' <<<"$out" | grep -oE 'ndshm_[a-z_]+' | sort -u) \
	<(sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' <<<"$text" | sort))"
end
