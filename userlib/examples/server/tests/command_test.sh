#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# command_test.sh SERVER CLIENT: tests output and exit codes of the two programs, without the
# module. Last line: N passed, N failed.
set -uo pipefail

server=$1 client=$2
dir=$(mktemp -d)
socket=$dir/socket
passed=0 failed=0 pid=''
trap '[[ -z $pid ]] || kill "$pid"; rm -rf "$dir"' EXIT

check() {
	if "${@:2}"; then
		passed=$((passed + 1)); echo "ok $((passed + failed)) - $1"
	else
		failed=$((failed + 1)); echo "not ok $((passed + failed)) - $1"
	fi
}

# says CODE TEXT COMMAND...: expects the exit code, and the text in the output.
says() {
	local code=0 output
	output=$("${@:3}" 2>&1) || code=$?
	[[ $code -eq $1 && $output == *"$2"* ]] || { echo "# exit $code: $output"; false; }
}

# start OPTION...: starts the server; the first line of its output is in `ready`.
start() {
	mkfifo "$dir/output"
	"$server" --socket "$socket" --backend memfd: "$@" >"$dir/output" 2>"$dir/errors" &
	pid=$!
	exec 3<"$dir/output"
	rm "$dir/output"
	read -r ready <&3
}

# ends SIGNAL: expects exit code 0 and no socket; the rest of the output is in `rest`.
ends() {
	local code=0
	kill "-$1" "$pid"
	rest=$(cat <&3)
	wait "$pid" || code=$?
	pid=''
	[[ $code -eq 0 && ! -e $socket && ! -s $dir/errors ]] || { echo "# exit $code"; cat "$dir/errors"; false; }
}

ask() { "$client" --socket "$socket" "$@"; }
# has LINE TEXT: expects the text in the line.
has() { [[ $1 == *"$2"* ]] || { echo "# $1"; false; }; }
permissions() { [[ $(stat -c %a "$socket") == "$1" ]]; }

check 'a server without --socket' says 2 '--socket is missing' "$server"
check 'a number that is none' says 2 'is not a number' "$server" --socket x --clients many
check 'a number that is too great' says 2 'is not a size' "$server" --socket x --size 99999999999G
check 'an octal number that is none' says 2 'is not a mode' "$server" --socket x --mode 8
check 'a word too many' says 2 'what is x?' "$server" --socket y x
check 'memfd: without a buffer' says 2 'must not be 0' "$server" --socket x --backend memfd: --buffer 0
check 'a buffer above the section' says 2 'above --size' "$server" --socket x --size 1M --buffer 2M
check 'a path that is too long' says 1 'choose a shorter one' "$server" --backend memfd: --socket "$dir/$(printf '%0200d' 0)"
check 'a device that is not there' says 1 'is the module loaded?' "$server" --socket "$socket" --backend "$dir/none"
check 'too many clients for the limit' says 1 'lower --clients' \
	bash -c 'ulimit -n 50; exec "$0" --backend memfd: --socket "$1"' "$server" "$socket"
check 'a client without a server' says 1 'is ndshm-server running' ask upper x
check 'a client without --socket' says 2 '--socket is missing' "$client" upper x
check 'a client without a text' says 2 'at least one text' ask upper
check 'an unknown operation' says 2 'is no operation' ask lower x
# shellcheck disable=SC2046
check 'too many texts' says 2 'more than 64' ask upper $(seq 65)

start
check 'the server says where it is' has "$ready" "ready: socket=$socket buffer=1048576"
check 'only its user may come' permissions 600
check 'one that is there already' says 1 'is there already' "$server" --socket "$socket" --backend memfd:
check 'upper' says 0 'HELLO WORLD' ask upper hello ' world'
check 'reverse' says 0 'cba' ask reverse ab c
check 'crc32' says 0 'cbf43926' ask crc32 12345 6789
check 'SIGTERM ends it' ends TERM
check 'its counters' has "$rest" 'served: crc32=1 upper=1 reverse=1'

start --json --stats 1 --mode 666 --buffer 4096 --clients 1
check 'all may come' permissions 666
check 'more than a buffer has' says 1 'higher --buffer' ask upper "$(printf '%04000d' 0)"
check 'a client with nothing' says 0 '' ask upper ''
read -r stats <&3
check 'the counters in time' has "$stats" '"event":"stats"'
check 'SIGINT ends it' ends INT
check 'the last counters' has "$rest" '"event":"end","clients":2,"now":0'
ask_stranger() { says 1 "$1" ask upper x; }
: >"$socket"
check 'a file that is no socket' ask_stranger 'is ndshm-server running'

echo "1..$((passed + failed))"
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
