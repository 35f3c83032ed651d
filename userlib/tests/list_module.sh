#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# list_module.sh NDSHM KEEPS DEVICE [BLOCKS]: lists of 100,000 blocks are fast, in bounded
# memory. Must run as root, as the only user of the module. NDSHM is a build without sanitizers.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
ndshm=$1 keeps=$2 count=${4:-100000}
page=$(getconf PAGESIZE)
top=$(mktemp -d)
export NDSHM_BACKEND=$3
trap 'exec 6>&-; wait; rm -rf "$top"' EXIT

# The processes end with the last writer of this pipe. A client has up to 65535 blocks.
mkfifo "$top/end"
exec 6<>"$top/end"
for i in 1 2; do
	"$keeps" "$page" $((count / 2)) <"$top/end" 6>&- >"$top/kept$i" 2>&1 &
done
for i in 1 2; do
	until [[ -s $top/kept$i ]]; do sleep 0.1; done
done
is "the blocks" 0 "$(grep -c keeps: "$top/kept1" "$top/kept2" | awk -F: '{ n += $2 } END { print n }')"

# As long as the lists.
peer_table 100000

# listed ARGUMENT...: list in an address space of $space MiB.
listed() { (ulimit -v $((space << 10)); exec "$ndshm" list blocks "$@") >"$top/out"; }

# timed PERCENT NAME ARGUMENT...: expect the list to take at most PERCENT of awk's time. The
# shortest of up to five times counts, of both.
timed() {
	local best=1000000000 peer=1000000000 took code

	for _ in 1 2 3 4 5; do
		microseconds peer >"$top/formatted"
		[[ $took -ge $peer ]] || peer=$took
		microseconds listed "${@:3}"
		[[ $took -ge $best ]] || best=$took
		[[ $((best * 100)) -gt $((peer * $1)) ]] || break
	done
	is "$2" 0 $code
	[[ $((best * 100)) -le $((peer * $1)) ]]
	ok "$2: at most $1 % of awk's time"
	echo "# $2: $((best / 1000)) ms, awk: $((peer / 1000)) ms"
}

space=192
timed 300 "a table" --bytes
is "a table: a line each" $((count + 1)) "$(wc -l <"$top/out")"
is "a table: the sums" "$((count * page)) $((count * page)) $count" \
	"$(awk 'NR > 1 { length_ += $5; consumed += $6; segments += $7 } END { print length_, consumed, segments }' "$top/out")"
timed 150 "sorted" --sort -id --output id,length
is "sorted: the first is the last" "$(awk 'NR > 1 { print $1 }' "$top/out" | sort -rn | head -n 1)" \
	"$(awk 'NR == 2 { print $1 }' "$top/out")"
space=64
timed 190 "JSON" --json
is "JSON: a line each" "$count" "$(grep -c '"id": ' "$top/out")"
end
