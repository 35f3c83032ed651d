#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# splat.sh [--expect ERE]... [--since TEXT] FILE|-: check a kernel log for lines
# that must not occur (see the file splats), and print them. Exit code: 0: clean, 1:
# not clean, 2: usage error.
#
# --expect ERE: matching lines are permitted, and at least one is required.
#
# --since TEXT: check only the lines after the last one that contains TEXT.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
usage='usage: splat.sh [--expect ERE]... [--since TEXT] FILE|-'

expect=() since='' file=
while [[ $# -gt 0 ]]; do
	case $1 in
	--expect)	expect+=("${2?$usage}"); shift 2 ;;
	--since)	since=${2?$usage}; shift 2 ;;
	-?*)		printf '%s\n' "$usage" >&2; exit 2 ;;
	*)		[[ -z $file ]] || { printf '%s\n' "$usage" >&2; exit 2; }
			file=$1; shift ;;
	esac
done
[[ $file == - || -r $file ]] || { printf '%s\n' "$usage" >&2; exit 2; }
[[ $file != - ]] || file=/dev/stdin

# A serial console ends lines with \r\n.
log=$(tr -d '\r\000' <"$file")
if [[ $since ]]; then
	log=$(awk -v since="$since" '
		index($0, since) { text = ""; next }
		{ text = text $0 "\n" }
		END { printf "%s", text }' <<<"$log")
fi

# The kernel itself has a leak, which kmemleak counts. Where the tests say that all objects that
# were suspected until then are of it, the lines that count them are no splats.
log=$(awk '
	{ line[NR] = $0 }
	match($0, /kmemleak: [0-9]+ new suspected/) {
		split(substr($0, RSTART), word, " ")
		suspected += word[2]
		counts[NR]
	}
	match($0, /ndshm_debug: [0-9]+ leaks are of the kernel/) {
		split(substr($0, RSTART), word, " ")
		if (word[2] == suspected)
			for (at in counts) { line[at] = ""; delete counts[at] }
	}
	END { for (at = 1; at <= NR; at++) print line[at] }' <<<"$log")

patterns=$(grep -Ev '^(#|[[:space:]]*$)' -- "$here/splats")
hits=$(grep -anE -f <(printf '%s\n' "$patterns") <<<"$log" || true)

status=0
for ere in "${expect[@]}"; do
	if ! grep -qaE -e "$ere" <<<"$log"; then
		printf 'splat: expected in the kernel log, but not there: %s\n' "$ere"
		status=1
	fi
	hits=$(grep -avE -e "$ere" <<<"$hits" || true)
done
[[ $hits ]] || exit "$status"

# The lines after the first match explain it: the trace.
first=${hits%%:*}
printf 'splat: the kernel log holds\n%s\n' "$(head -n 20 <<<"$hits" | sed 's/^[0-9]*:/  /')"
printf 'splat: from the first one on\n%s\n' "$(sed -n "$first,$((first + 39))p" <<<"$log" | sed 's/^/  /')"
exit 1
