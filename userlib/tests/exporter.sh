#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# exporter.sh NDSHM JSON_GET LISTENER PACKAGING: metrics of the objects of stand_in_list.c as text
# and by HTTP, and the dashboard that shows them.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
ndshm=$1 json_get=$2 listener=$3 packaging=$4
top=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill $pid; rm -rf "$top"' EXIT
export NDSHM_BACKEND=memfd:
unset STAND_IN_BLOCKS STAND_IN_LENGTH STAND_IN_LOOKUPS STAND_IN_NAME STAND_IN_REFUSE
unset LISTEN_PID LISTEN_FDS

# has NAME LINE: expect this line in the last output.
has() {
	grep -qxF -- "$2" <<<"$out"
	ok "$1" || echo "# missing: $2"
}

run 0 "text" exporter
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
STAND_IN_NAME='a"b\c}' run 0 "text: a strange name" exporter
has "text: a strange name is quoted" 'ndshm_blocks{adapter="node0",provider="pages",user="a\"b\\c}",uid="0"} 2'
run 0 "text: users by number" exporter --numeric
has "text: users by number: one" 'ndshm_blocks{adapter="node0",provider="pages",user="0",uid="0"} 2'
STAND_IN_BLOCKS=100000 run 0 "text: 100,000 blocks" exporter
is "text: 100,000 blocks: number" 100000 "$(awk '/^ndshm_blocks/ { sum += $2 } END { print sum }' <<<"$out")"
STAND_IN_REFUSE=1 run 1 "text: refused" exporter
says "text: refused: why" "ndshm: cannot read the metrics: * (EPERM)"
"$ndshm" exporter >/dev/full 2>"$top/err"
is "text: a full disk is a failure" 1 $?
STAND_IN_REFUSE=1 run 1 "text: refused in JSON" exporter --json
out=$err
is "text: refused in JSON: errno" '"EPERM"' "$(get error errno)"

# start PROGRAM...: start a server. Sets $pid, and $line to its first line.
start() {
	mkfifo "$top/fifo"
	"$@" >"$top/fifo" 2>"$top/log" &
	pid=$!
	exec 8<"$top/fifo"
	rm "$top/fifo"
	read -r -t 60 line <&8
}

# stop NAME: expect a successful end after SIGTERM.
stop() {
	kill -TERM $pid
	wait $pid
	is "$1" 0 $?
	pid=
	exec 8<&-
}

# http REQUEST: send it. Sets $status to the status line, $head and $out.
http() {
	exec 9<>"/dev/tcp/127.0.0.1/$port"
	printf '%b' "$1" >&9 2>/dev/null
	timeout 60 cat <&9 | tr -d '\r' >"$top/answer"
	exec 9>&-
	status=$(head -n 1 "$top/answer")
	head=$(sed '/^$/q' "$top/answer")
	out=$(sed '1,/^$/d' "$top/answer")
}

get_request='GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'

start "$ndshm" exporter --listen 127.0.0.1:0
[[ $line =~ ^listening\ on\ 127\.0\.0\.1:([0-9]+)$ ]]
ok "served: the address is printed"
port=${BASH_REMATCH[1]}
http "$get_request"
is "served: status" "HTTP/1.1 200 OK" "$status"
is "served: text" "$text" "$out"
[[ $head == *"Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8"* ]]
ok "served: type"
is "served: length" "$(($(wc -c <<<"$text")))" "$(sed -n 's/^Content-Length: //p' <<<"$head")"
http 'GET /metrics?x=1 HTTP/1.0\n\n'
is "served: bare line feeds" "HTTP/1.1 200 OK" "$status"
http 'GET / HTTP/1.1\r\n\r\n'
is "served: another path" "HTTP/1.1 404 Not Found" "$status"
http 'GET /metricsx HTTP/1.1\r\n\r\n'
is "served: a longer path" "HTTP/1.1 404 Not Found" "$status"
http 'POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n'
is "served: another method" "HTTP/1.1 405 Method Not Allowed" "$status"
[[ $head == *"Allow: GET"* ]]
ok "served: another method: the right one"
for words in 'x\r\n\r\n' '\r\n\r\n' 'GET /metrics\r\n\r\n' 'GET /metrics HTTP/1.1\r\n\0\r\n\r\n'; do
	http "$words"
	is "served: no request: $words" "HTTP/1.1 400 Bad Request" "$status"
done
http "GET /metrics HTTP/1.1\r\nX: $(printf 'x%.0s' {1..5000})"
is "served: a long request" "HTTP/1.1 431 Request Header Fields Too Large" "$status"

# Connections that send nothing, and one that goes away.
exec 9<>"/dev/tcp/127.0.0.1/$port"
exec 9>&-
idle=()
for ((i = 0; i < 16; i++)); do
	exec {fd}<>"/dev/tcp/127.0.0.1/$port"
	idle+=("$fd")
done
http "$get_request"
is "served: in spite of 16 connections that send nothing" "HTTP/1.1 200 OK" "$status"
for fd in "${idle[@]}"; do
	exec {fd}>&-
done
is "served: no errors" "" "$(cat "$top/log")"

run 1 "port in use" exporter --listen "127.0.0.1:$port"
says "port in use: why" "ndshm: cannot listen on 127.0.0.1:$port: another process uses the port: *choose another port (EADDRINUSE)"
run 1 "port in use, in JSON" exporter --listen "127.0.0.1:$port" --json
out=$err
[[ $(get error message) == *"another process uses the port"* ]]
ok "port in use, in JSON: why"
stop "served: ends with SIGTERM"

for words in "" 9823 127.0.0.1 127.0.0.1: :9823 127.0.0.1:65536 127.0.0.1:-1 127.0.0.1:x ::1:9823 \
	     "[::1:9823" "[]:9823" "]:9823" localhost:9823 "127.0.0.1:9823 "; do
	run 1 "bad address: \"$words\"" exporter --listen "$words"
	says "bad address: \"$words\": why" "ndshm: cannot listen on \"$words\": not a numeric address and a port; *"
done
run 1 "a foreign address" exporter --listen 192.0.2.1:9823
says "a foreign address: why" "*no network interface has the address: * (EADDRNOTAVAIL)"
run 2 "an argument" exporter more

export STAND_IN_REFUSE=1
start "$ndshm" exporter --listen 127.0.0.1:0
port=${line##*:}
http "$get_request"
is "served: refused" "HTTP/1.1 503 Service Unavailable" "$status"
is "served: refused: the client learns no cause" "the metrics cannot be read; see the log of the exporter" "$out"
is "served: refused: the log has it" 1 "$(grep -c 'cannot read the metrics: .*(EPERM)$' "$top/log")"
unset STAND_IN_REFUSE
stop "served: refused: goes on"

# A socket of systemd.
start "$listener" listening "$ndshm" exporter
port=$line
http "$get_request"
is "inherited: status" "HTTP/1.1 200 OK" "$status"
is "inherited: text" "$text" "$out"
stop "inherited: ends with SIGTERM"
"$listener" idle "$ndshm" exporter >"$top/out" 2>"$top/err"
is "inherited: it does not listen" 1 $?
grep -q "cannot use the socket of systemd: it is not a listening stream socket: " "$top/err"
ok "inherited: it does not listen: why"
"$listener" two "$ndshm" exporter >"$top/out" 2>"$top/err"
is "inherited: two sockets" 1 $?
grep -q "cannot use the socket of systemd: LISTEN_FDS is not 1: pass one socket" "$top/err"
ok "inherited: two sockets: why"
"$listener" listening "$ndshm" exporter --listen 127.0.0.1:0 >"$top/out" 2>"$top/err"
is "inherited, and --listen" 1 $?
LISTEN_PID=1 LISTEN_FDS=1 run 0 "a socket for another process" exporter

out=$(cat "$packaging/exporter/ndshm-dashboard.json")
is "dashboard: title" '"ndshm"' "$(get title)"
is "dashboard: metrics exist" "" "$(comm -23 <(grep -o '"expr": .*' <<<"$out" | grep -oE 'ndshm_[a-z_]+' | sort -u) \
	<(sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' <<<"$text" | sort))"
end
