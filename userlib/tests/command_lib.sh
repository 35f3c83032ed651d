# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # the script must set $ndshm and $json_get
#
# For tests of the command. The directory $top lasts as long as the script.
export LC_ALL=C
unset "${!STAND_IN_@}"
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# run CODE NAME ARGUMENT...: expect exit status CODE; $out and $err are its output.
run() {
	local code=$1 name=$2 got

	shift 2
	"$ndshm" "$@" >"$top/out" 2>"$top/err" </dev/null
	got=$?
	out=$(cat "$top/out")
	err=$(cat "$top/err")
	is "$name" "$code" $got
}

# says NAME PATTERN: expect these errors of the last run, and no output.
says() {
	# shellcheck disable=SC2053 # a pattern
	[[ $err == $2 ]]
	ok "$1" || echo "# $err"
	[ -z "$out" ]
	ok "$1, and nothing else"
}

# fails CODE NAME PATTERN ARGUMENT...: expect this exit status and these errors.
fails() {
	run "$1" "$2" "${@:4}"
	says "$2: why" "$3"
}

# bad_usage PATTERN WORDS [OPTION...]: expect a usage error with this text. The options come first.
bad_usage() {
	# shellcheck disable=SC2086 # words
	run 2 "bad usage: $2" "${@:3}" $2
	says "bad usage: $2 is explained" "$1"
}

get() {
	"$json_get" "$@" <<<"$out"
}

# only MEMBER VALUE: keep the rows with this member, which is not the last one, of a list in JSON.
only() {
	out=$(grep -F "\"$1\": $2, " <<<"$out" | sed '1s/^/[/; $!s/,*$/,/; $s/,*$/]/')
}

# hold PATTERN ARGUMENT...: run with --hold. Sets $line to its first line, which must
# match and is printed before it waits, and $pid.
hold() {
	mkfifo "$top/in" "$top/held"
	"$ndshm" "${@:2}" --hold <"$top/in" >"$top/held" 2>&1 &
	pid=$!
	exec 7>"$top/in" 8<"$top/held"
	read -r line <&8
	# shellcheck disable=SC2053 # a pattern
	[[ $line == $1 ]] && kill -0 $pid
	ok "hold: shown and waiting" || echo "# $line"
}

# unhold NAME: expect a successful end.
unhold() {
	wait $pid
	is "$1" 0 $?
	exec 7>&- 8<&-
	rm -f "$top/in" "$top/held"
}

# holds_and_ends PATTERN ARGUMENT...: with each way to end it.
holds_and_ends() {
	hold "$@"
	echo "not the end" >&7
	exec 7>&-
	unhold "hold: ends with the input"
	hold "$@"
	kill -TERM $pid
	unhold "hold: ends with SIGTERM"
	hold "$@"
	kill -INT $pid
	unhold "hold: ends with SIGINT"
}
