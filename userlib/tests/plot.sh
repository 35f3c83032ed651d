#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# plot.sh NDSHM: the picture of recorded samples.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
ndshm=$1
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
export TZ=UTC

# xml NAME: expect the output to be well-formed.
xml() {
	python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parseString(sys.stdin.buffer.read())' <<<"$out"
	ok "$1: well-formed"
}
# lines: print the lines of the picture, without the legend.
lines() { grep -o 'class="line l[0-9]" d="M[^"]*"' <<<"$out" | grep -v 'M720 '; }
texts() { sed -n 's/<text[^>]*>\(.*\)<\/text>/\1/p' <<<"$out"; }

# Two processes; the second one comes late, is away for a sample, and is the largest.
cat >"$top/process" <<'END'
{"time": 1000, "by": "process", "rows": [{"pid": 1, "command": "a", "held": 0, "blocks": 7}]}
{"time": 1010, "by": "process", "rows": [{"pid": 1, "command": "a", "held": 2048, "blocks": 8}, {"pid": 2, "command": "b", "held": 4096, "blocks": 1}]}
{"time": 1020, "by": "process", "rows": [{"pid": 1, "command": "a", "held": 2048, "blocks": 9}]}
{"time": 1040, "by": "process", "rows": [{"pid": 2, "command": "b", "held": 4096, "blocks": 1}]}
END
run 0 "processes" plot "$top/process"
xml "processes"
is "processes: lines, the largest in front" 'class="line l1" d="M76.0 354.0h0L232.0 199.0L388.0 199.0"
class="line l0" d="M232.0 44.0h0M700.0 44.0h0"' "$(lines)"
is "processes: texts" 'held by process
peak
0
1K
2K
3K
4K
00:16:40
00:16:50
00:17:00
00:17:10
00:17:20
2 b
4K
1 a
2K' "$(texts)"
run 0 "another value" plot --value blocks --lines 1 "$top/process"
is "another value: numbers" "0 2 4 6 8 10 1 a 9" "$(texts | grep -v -e : -e peak | xargs)"
is "another value: head" "blocks by process: the largest 1 of 2 processes" "$(texts | head -n 1)"
is "another value: one line" 1 "$(lines | wc -l)"

# Names that end the XML, a terminal's line or the legend.
printf '%s\n' '{"time": 5, "by": "user", "rows": [
	{"user": "<a&\"\u001b\uffff>", "held": 18014398509481984},
	{"user": "long-name-long-name-long-name", "held": 9223372036854775807}]}' |
	tr -d '\n\t' >"$top/names"
run 0 "names" plot "$top/names"
xml "names"
is "names: cut" 1 "$(texts | grep -cxF 'long-name-long-name...')"
is "names: escaped" 1 "$(texts | grep -cxF '&lt;a&amp;"????&gt;')"
is "names: a single sample is in the middle" 2 "$(lines | grep -c 'M388.0 ')"
is "names: the largest number" 8E "$(texts | grep -E '^[0-9]+E$' | tail -n 1)"

for by in cgroup adapter provider; do
	value=$([[ $by == cgroup ]] && echo held || echo consumed)
	printf '{"time": 1, "by": "%s", "rows": [{"id": 7, "%s": null, "%s": 3}]}' $by $by $value >"$top/$by"
	run 0 "by $by" plot "$top/$by"
	is "by $by: a row without a name" 1 \
		"$(texts | grep -cxF "$([[ $by == cgroup ]] && echo no cgroup || echo "$by" 7)")"
done
echo '{"time": 1, "by": "user", "rows": []}' >"$top/nobody"
run 0 "no row" plot "$top/nobody"
xml "no row"
out=$("$ndshm" plot <"$top/process")
is "standard input" 2 "$(lines | wc -l)"

# refused NAME TEXT PATTERN: expect the samples to be refused, and nothing to be printed.
refused() {
	printf '%s\n' "$2" >"$top/bad"
	run 1 "$1" plot "$top/bad"
	is "$1: nothing is printed" "" "$out"
	says "$1: why" "ndshm: cannot plot: $3"
}
good=$(head -n 1 "$top/process")
refused "no JSON" "$good"$'\n{' "$top/bad, line 2: it is no JSON; use lines of *"
refused "an array" '[]' "$top/bad, line 1: it is no sample; *"
refused "no time" '{"by": "user", "rows": []}' "$top/bad, line 1: it is no sample; *"
refused "an unknown grouping" '{"time": 1, "by": "colour", "rows": []}' "*: the grouping is not known; *"
refused "another grouping" "$good"$'\n{"time": 1, "by": "user", "rows": []}' "*, line 2: the grouping changes; *"
refused "no value" '{"time": 1, "by": "user", "rows": [{"user": "a"}]}' "*: a row has no such value; use --value *"
refused "a negative value" '{"time": 1, "by": "user", "rows": [{"user": "a", "held": -1}]}' "*: a row has no such value; *"
refused "no name" '{"time": 1, "by": "user", "rows": [{"held": 1}]}' "*: a row has no name; *"
: >"$top/empty"
run 1 "no sample" plot "$top/empty"
says "no sample: why" "ndshm: cannot plot: $top/empty: there is no sample; *"
run 1 "no file" plot "$top/missing"
says "no file: why" "ndshm: cannot open $top/missing: *"
run 1 "a directory" plot "$top"
says "a directory: why" "ndshm: cannot read $top: *EISDIR*"

# bad WORDS PATTERN: expect a usage error.
bad() {
	# shellcheck disable=SC2086 # words
	run 2 "bad usage: plot $1" plot $1
	says "bad usage: plot $1 is explained" "*ndshm plot: $2"
}
bad "--lines 0" '--lines: "0" is no count; use 1 to 8*'
bad "--lines 9" '--lines: "9" is no count; use 1 to 8*'
bad "a b" '"b": unexpected argument; name one file*'
bad "--json a" '--json: a picture is no JSON; omit it*'
end
