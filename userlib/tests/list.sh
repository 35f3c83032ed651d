#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# list.sh NDSHM JSON_GET: the lists of the command. stand_in_list.c provides the objects.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
ndshm=$1 json_get=$2
export NDSHM_BACKEND=memfd:

export STAND_IN_BLOCKS=3
run 0 "blocks" list blocks --bytes
is "blocks: table" "  ID  ADAPTER  PROVIDER  USAGE  LENGTH  CONSUMED  SEGMENTS  USER            PID  TAG   STATE
1000  node0    pages     other    4096      4096         1  root?        kernel  -     -
1001  card?    pages     other    8192      8192         2  root?             1  R..x  charged
1002  99       pages     other   12288     12288         1  4000000000  4000000  tx    -" "$out"
run 0 "blocks: users by number" list blocks --numeric --bytes
is "blocks: users by number: row" \
	"1000  node0    pages     other    4096      4096         1  0            kernel  -     -" \
	"$(sed -n 2p <<<"$out")"
run 0 "blocks: sizes" list blocks --output length
is "blocks: sizes: for a reader" "LENGTH
    4K
    8K
   12K" "$out"
run 0 "blocks in JSON" list blocks -j
is "blocks in JSON: a line each, in an array" 5 "$(wc -l <<<"$out")"
is "blocks in JSON: adapter" '"card?"' "$(get 1 adapter)"
is "blocks in JSON: user" '"root?"' "$(get 0 user)"
is "blocks in JSON: length" 12288 "$(get 2 length)"
is "blocks in JSON: tag" '"R..x"' "$(get 1 tag)"
is "blocks in JSON: no tag" null "$(get 0 tag)"
run 0 "adapters" list adapters --numeric
is "adapters: in the order of the module" "7 1" "$(awk 'NR > 1 { printf "%s%s", s, $1; s = " " }' <<<"$out")"

# Time is linear in the number of rows, and a user is looked up once.
export STAND_IN_BLOCKS=100000 STAND_IN_LOOKUPS=$top/lookups
for json in "" -j; do
	rm -f "$STAND_IN_LOOKUPS"
	# shellcheck disable=SC2086 # no word, or one
	timeout 120 "$ndshm" list blocks $json >"$top/out"
	is "100,000 blocks ${json:--}" 0 $?
	is "100,000 blocks ${json:--}: each has a line" 100000 "$(grep -c pages "$top/out")"
	is "100,000 blocks ${json:--}: a user is looked up once" 3 "$(wc -l <"$STAND_IN_LOOKUPS")"
done
rm -f "$STAND_IN_LOOKUPS"
run 0 "users by number" list blocks --numeric
[ ! -e "$STAND_IN_LOOKUPS" ]
ok "users by number: none is looked up"
unset STAND_IN_BLOCKS STAND_IN_LOOKUPS

# ids ARGUMENT...: print the ids of a list, in its order and in one line.
ids() {
	"$ndshm" list "$@" --output id | awk 'NR > 1 { printf "%s%s", s, $1; s = " " }'
}

is "sort by a number" "1008 1009 1010 1011" "$(ids blocks --sort length | cut -d' ' -f 9-)"
is "sort by a number, greatest first" "1011 1010 1009" "$(ids blocks --sort -Length | cut -d' ' -f -3)"
is "sort by a name: an object without one is first" "1002 1005 1008 1011 1001 1004 1007 1010 1000 1003 1006 1009" \
	"$(ids blocks --sort adapter)"
is "sort by a user" "1002 1003 1008 1009 1004" "$(ids blocks --sort user | cut -d' ' -f -5)"
run 0 "sort in JSON" list blocks -j --sort -id
is "sort in JSON: the first" 1011 "$(get 0 id)"
run 0 "blocks in JSON: dma-bufs" list blocks -j --sort -id
is "blocks in JSON: dma-bufs: number" "2 0" "$(get 0 exports) $(get 1 exports)"
run 0 "sections in JSON: dma-bufs" list sections -j
is "sections in JSON: dma-bufs: number" "3 0" "$(get 0 exports) $(get 1 exports)"
run 0 "states" list blocks --output state
is "states: of blocks" $'-\ncharged\nrevoked\ncharged, revoked\ncharged, exported' \
	"$(sed -n '2p; 3p; 6p; 11p; 13p' <<<"$out")"

run 0 "columns" list blocks --bytes --output user,Length,id
is "columns: table" "USER        LENGTH    ID
root?         4096  1000" "$(head -n 2 <<<"$out")"
run 0 "a name of two words" list providers --output default-for
is "a name of two words: title" "DEFAULT FOR" "${out%%$'\n'*}"
run 0 "no titles" list adapters --noheadings -o name --sort name
is "no titles: rows" "card?
node0" "$out"
STAND_IN_BLOCKS=0 run 0 "nothing" list blocks --output id,length
is "nothing: titles" "ID  LENGTH" "$out"
STAND_IN_BLOCKS=0 run 0 "nothing without titles" list blocks --noheadings
is "nothing without titles: no line" "" "$out"
STAND_IN_BLOCKS=0 run 0 "nothing in JSON" list blocks --json
is "nothing in JSON: an array" "[]" "$out"
export STAND_IN_SECTION=$'caf\xc3\xa9\e'
run 0 "sections: a name that is not printable" list sections --output name
is "sections: a name that is not printable: table" 'NAME
caf\xc3\xa9\x1b
-' "$out"
LC_ALL=C.UTF-8 run 0 "sections: a name in UTF-8" list sections --output name,id
is "sections: a name in UTF-8: its width" $'NAME      ID\ncaf\xc3\xa9\\x1b   1\n-          2' "$out"
LC_ALL=C.UTF-8 STAND_IN_NAME=$'ren\xc3\xa9\a' run 0 "blocks: a user in UTF-8" list blocks --output user
is "blocks: a user in UTF-8: row" $'ren\xc3\xa9?' "$(sed -n 2p <<<"$out")"
run 0 "sections: that name in JSON" list sections --json
is "sections: that name in JSON: all of it" $'"caf\xc3\xa9\\u001B"' "$(get 0 name)"
is "sections: that name in JSON: safe in terminals" 0 "$(LC_ALL=C grep -c '[^ -~]' <<<"$out")"
is "sections in JSON: mode" '"0640"' "$(get 0 mode)"
STAND_IN_SECTION=$'a\xff' run 0 "sections: a name that is not UTF-8" list sections --json
is "sections: a name that is not UTF-8: in JSON" '"a?"' "$(get 0 name)"
unset STAND_IN_SECTION

# Sizes have at most one decimal, to the nearest tenth.
export STAND_IN_BLOCKS=1
for sizes in 0:0 1023:1023 1024:1K 1025:1K 1126:1.1K 1075:1K 1076:1.1K 1536:1.5K 2047:2K \
	     1048575:1M 1048576:1M 1048524:1023.9K 1610612736:1.5G 1099511627775:1T \
	     1152921504606846976:1E 18446744073709551615:16E; do
	export STAND_IN_LENGTH=${sizes%:*}
	run 0 "size of ${sizes%:*} bytes" list blocks --output length
	is "size of ${sizes%:*} bytes: for a reader" "${sizes#*:}" "$(tail -n 1 <<<"$out" | tr -d ' ')"
done
unset STAND_IN_BLOCKS STAND_IN_LENGTH

# bad WORDS PATTERN: expect a usage error.
bad() { bad_usage "ndshm list: $2"$'\n'"Try *" "list $1"; }

bad "blocks --sort size" '--sort: there is no column "size"; use ID, ADAPTER, *, STATE'
bad "blocks --sort -" '--sort: there is no column ""; use *'
bad "blocks --output id,size" '--output: there is no column "size"; use *'
bad "blocks --output id," '--output: there is no column ""; use *'
bad "blocks --output $(printf 'id,%.0s' {1..16})id" '--output: more than 16 columns; name fewer'
run 2 "bad usage: columns of JSON" list blocks --output id --json
says "bad usage: columns of JSON is explained" \
	'{"error":{"message":"ndshm list: --json: has every member; omit --output"*'

STAND_IN_REFUSE=1 run 1 "refused" list blocks
says "refused: why" "ndshm: cannot list blocks: * (EPERM)"
"$ndshm" list blocks --json >/dev/full 2>"$top/err"
is "a full disk is a failure in JSON" 1 $?
end
