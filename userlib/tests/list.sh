#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# list.sh NDSHM JSON_GET: the lists of the command. stand_in_list.c provides the objects.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
ndshm=$1 json_get=$2
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
export NDSHM_BACKEND=memfd:
unset STAND_IN_BLOCKS STAND_IN_LENGTH STAND_IN_LOOKUPS STAND_IN_REFUSE STAND_IN_SECTION

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
run 0 "blocks: sizes" list blocks --columns length
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
	"$ndshm" list "$@" --columns id | awk 'NR > 1 { printf "%s%s", s, $1; s = " " }'
}

is "sort by a number" "1008 1009 1010 1011" "$(ids blocks --sort length | cut -d' ' -f 9-)"
is "sort by a number, greatest first" "1011 1010 1009" "$(ids blocks --sort -Length | cut -d' ' -f -3)"
is "sort by a name: an object without one is first" "1002 1005 1008 1011 1001 1004 1007 1010 1000 1003 1006 1009" \
	"$(ids blocks --sort adapter)"
is "sort by a user" "1002 1003 1008 1009 1004" "$(ids blocks --sort user | cut -d' ' -f -5)"
run 0 "sort in JSON" list blocks -j --sort -id
is "sort in JSON: the first" 1011 "$(get 0 id)"
is "filter by a name" "1001 1004 1007 1010" "$(ids blocks --filter 'adapter=card?')"
is "filter by an id without a name" "1002 1005 1008 1011" "$(ids blocks --filter adapter=99)"
is "filter by a process" "1002 1006 1010" "$(ids blocks --filter pid=4000000)"
is "filter by the kernel" "1000 1004 1008" "$(ids blocks --filter PID=kernel)"
is "filter by a number with a unit" "1000" "$(ids blocks --filter length=4K)"
is "filter by a state" "1004 1009" "$(ids blocks --filter state=revoked)"
is "filter by a whole state" "1009" "$(ids blocks --filter 'state=charged, revoked')"
is "filter by dma-bufs" "1011" "$(ids blocks --filter state=exported)"
is "filter by dma-bufs: sections" "1" "$(ids sections --filter 'state=deleted, exported')"
run 0 "blocks in JSON: dma-bufs" list blocks -j --sort -id
is "blocks in JSON: dma-bufs: number" "2 0" "$(get 0 exports) $(get 1 exports)"
run 0 "sections in JSON: dma-bufs" list sections -j
is "sections in JSON: dma-bufs: number" "3 0" "$(get 0 exports) $(get 1 exports)"
is "filter twice" "1009" "$(ids blocks --filter state=revoked --filter state=charged)"
is "filter: none" "" "$(ids blocks --filter user=nobody)"
is "filter by what is missing" "7" "$(ids adapters --filter node=-)"

run 0 "columns" list blocks --bytes --filter id=1000 --columns user,Length,id
is "columns: table" "USER   LENGTH    ID
root?    4096  1000" "$out"
run 0 "a name of two words" list providers --columns default-for
is "a name of two words: title" "DEFAULT FOR" "${out%%$'\n'*}"
run 0 "sum" list blocks --bytes --sum --columns id,length,pid,segments,state --filter user=4000000001
is "sum: table" "   ID  LENGTH      PID  SEGMENTS  STATE
 1004   20480   kernel         1  revoked
 1005   24576        1         2  charged
 1010   45056  4000000         1  -
 1011   49152  4000001         2  charged, exported
total  139264                  6" "$out"
run 0 "sum of much" list sections --sum --columns user,max,committed --bytes
is "sum of much: the greatest number" "total  18446744073709551615    3145728" "${out##*$'\n'}"
STAND_IN_BLOCKS=0 run 0 "sum of nothing" list blocks --sum --columns id,length
is "sum of nothing: table" "   ID  LENGTH
total       0" "$out"

run 0 "by user" list blocks --by user --bytes
is "by user: the greatest first" "USER        COUNT   BYTES
4000000001      4  139264
4000000000      4  106496
root?           4   73728" "$out"
run 0 "by process" list blocks --by process --sort pid --sum --columns pid,count,bytes --bytes
is "by process: table" "    PID  COUNT   BYTES
      -      3   61440
      1      3   73728
4000000      3   86016
4000001      3   98304
  total     12  319488" "$out"
run 0 "by process: commands" list blocks --by process --columns pid,command --sort pid
is "by process: commands: none, the first process, and one that is gone" \
	"- - 1 $(head -n 1 /proc/1/comm) 4000000 -" \
	"$(awk 'NR > 1 && NR < 5 { $1 = $1; printf "%s%s", s, $0; s = " " }' <<<"$out")"
run 0 "by adapter in JSON" list blocks --by adapter -j --filter state=charged
is "by adapter in JSON: the gone" null "$(get 0 adapter)"
is "by adapter in JSON: id" 99 "$(get 0 id)"
is "by adapter in JSON: bytes" 73728 "$(get 0 bytes)"
is "by adapter in JSON: count" 2 "$(get 2 count)"
run 0 "by process in JSON" list blocks --by process -j
is "by process in JSON: no command" null "$(get 0 command)"
is "by process in JSON: processes" "4000001 4000000 1 null" \
	"$(for i in 0 1 2 3; do get $i process; done | xargs)"
export STAND_IN_SECTION=$'caf\xc3\xa9\e'
run 0 "sections: a name that is not printable" list sections --columns name
is "sections: a name that is not printable: table" "NAME
caf???
-" "$out"
is "sections: filter by that name" "1" "$(ids sections --filter "name=$STAND_IN_SECTION")"
run 0 "sections: that name in JSON" list sections --json
is "sections: that name in JSON: all of it" $'"caf\xc3\xa9\\u001B"' "$(get 0 name)"
is "sections: that name in JSON: safe in terminals" 0 "$(LC_ALL=C grep -c '[^ -~]' <<<"$out")"
is "sections in JSON: mode" '"0640"' "$(get 0 mode)"
STAND_IN_SECTION=$'a\xff' run 0 "sections: a name that is not UTF-8" list sections --json
is "sections: a name that is not UTF-8: in JSON" '"a?"' "$(get 0 name)"
unset STAND_IN_SECTION
run 0 "by provider" list sections --by provider --bytes
is "by provider: table" "PROVIDER  COUNT    BYTES
pages         2  3145728" "$out"
STAND_IN_BLOCKS=0 run 0 "by user: none" list blocks --by user
is "by user: none: title" "USER  COUNT  BYTES" "$out"

# Sizes have at most one decimal, to the nearest tenth.
export STAND_IN_BLOCKS=1
for sizes in 0:0 1023:1023 1024:1K 1025:1K 1126:1.1K 1075:1K 1076:1.1K 1536:1.5K 2047:2K \
	     1048575:1M 1048576:1M 1048524:1023.9K 1610612736:1.5G 1099511627775:1T \
	     1152921504606846976:1E 18446744073709551615:16E; do
	export STAND_IN_LENGTH=${sizes%:*}
	run 0 "size of ${sizes%:*} bytes" list blocks --columns length
	is "size of ${sizes%:*} bytes: for a reader" "${sizes#*:}" "$(tail -n 1 <<<"$out" | tr -d ' ')"
done
unset STAND_IN_BLOCKS STAND_IN_LENGTH

# bad WORDS PATTERN: expect a usage error.
bad() {
	# shellcheck disable=SC2086 # words
	run 2 "bad usage: list $1" list $1
	says "bad usage: list $1 is explained" "ndshm list: $2"$'\n'"Try *"
}

bad "blocks --sort size" '--sort: there is no column "size"; use id, adapter, *, state'
bad "blocks --sort -" '--sort: there is no column ""; use *'
bad "blocks --columns id,size" '--columns: there is no column "size"; use *'
bad "blocks --columns id," '--columns: there is no column ""; use *'
bad "blocks --columns $(printf 'id,%.0s' {1..16})id" '--columns: more than 16 columns; name fewer'
bad "blocks --filter id" '--filter: "id" has no "="; use COLUMN=VALUE'
bad "blocks --filter size=1" '--filter: there is no column "size"; use *'
bad "blocks --filter length=much" '--filter: "much" is not a number; *'
bad "blocks$(printf ' --filter id=%d' {1..9})" '--filter: given more than 8 times; omit some'
bad "blocks --by pid" '--by: blocks have no groups by "pid"; use user, process, *'
bad "sections --by process" '--by: sections have no groups by "process"; *'
bad "queues --by adapter" '--by: queues have no groups by "adapter"; *'
bad "blocks --by user --sort id" '--sort: there is no column "id"; use user, count, bytes'
for words in "--json --sum" "--columns id --json"; do
	# shellcheck disable=SC2086 # words
	run 2 "bad usage: list blocks $words" list blocks $words
	says "bad usage: list blocks $words is explained" \
		'{"error":{"message":"ndshm list: --json: has every member and no sum; *'
done

STAND_IN_REFUSE=1 run 1 "refused" list blocks
says "refused: why" "ndshm: cannot list blocks: * (EPERM)"
"$ndshm" list blocks --json >/dev/full 2>"$top/err"
is "a full disk is a failure in JSON" 1 $?
end
