#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ps.sh NDSHM JSON_GET: which processes have what, in a /proc of plain files.
# stand_in_list.c provides the objects.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
ndshm=$1 json_get=$2
export NDSHM_BACKEND=memfd:
root=$top/root
proc=$root/proc

# process PID NAME UID CGROUP
process() {
	mkdir -p "$proc/$1/fd" "$proc/$1/fdinfo"
	printf 'Name:\t%s\nState:\tS (sleeping)\nUid:\t7\t%s\t7\t7\nThreads:\t1\n' "$2" "$3" \
		>"$proc/$1/status"
	printf '1:cpu:/other\n0::%s\n' "$4" >"$proc/$1/cgroup"
	echo '00400000-00401000 r-xp 00000000 08:01 17 /usr/bin/ndshm:block:1000' >"$proc/$1/maps"
	descriptor "$1" 0 /etc/passwd pos:0
}
# descriptor PID FD TARGET LINE...
descriptor() {
	ln -s "$3" "$proc/$1/fd/$2"
	printf 'pos:\t0\nflags:\t02\n' >"$proc/$1/fdinfo/$2"
	printf '%b\n' "${@:4}" >>"$proc/$1/fdinfo/$2"
}
client() { descriptor "$1" "$2" /dev/null "ndshm-blocks:\t$3" "ndshm-bytes:\t$4" "${@:5}"; }
# mapping PID BYTES NAME
mapping() { printf '%x-%x rw-s 00000000 00:2f 17 %20s %s\n' 4096 $((4096 + $2)) '' "$3" >>"$proc/$1/maps"; }

fails 1 "no /proc" "ndshm: cannot read $proc: * (ENOENT)" ps --root "$root"
mkdir -p "$proc" "$root/sys/class/misc/ndshm"
run 0 "no process" ps --root "$root"
is "no process: title" \
	"PID  COMMAND  USER  HELD  BLOCKS  ALLOCATED  MAPPED  SECTIONS  COMMITTED  EXTENTS  TAKEN  CLAIMS" "$out"
echo 1:3 >"$root/sys/class/misc/ndshm/dev"

# Blocks 1001, 1005 and 1009 are of process 1, which runs, but for its leader; 1002, 1006 and 1010
# of 4000000 and 1003, 1007 and 1011 of 4000001, a zombie, which have ended.
process 1 $'in\033it' 0 /init.scope
process 20 server 1000 /a
process 21 'wor ker' 1000 /b
process 30 other 0 /a
process 4000001 zombie 0 /a
process 50 reader 0 /a
sed -i 's/State:.*/State:\tZ (zombie)/' "$proc/4000001/status" "$proc/1/status"
sed -i 's/Threads:.*/Threads:\t2/' "$proc/1/status"
client 1 5 3 73728 'ndshm-claim:\t7' 'ndshm-claim:\t99'
mapping 1 8192 ndshm:block:1001
# Block 1002 twice in one process, also in another, and one that the lists do not have.
mapping 20 4096 ndshm:block:1002
mapping 20 8192 ndshm:block:1002
mapping 20 4096 ndshm:block:777
mapping 21 12288 ndshm:block:1002
mapping 21 4096 ndshm:bar:0
# Processes that end after their descriptors are read.
process 60 ended 1000 /a
client 60 5 9 94208 'ndshm-claim:\t8'
mapping 60 4096 ndshm:block:1010
rm "$proc/60/status"
process 4000002 zombie 1000 /a
sed -i 's/State:.*/State:\tZ (zombie)/' "$proc/4000002/status"
mapping 4000002 4096 ndshm:block:1010
# Names that are no objects.
mapping 50 4096 '/tmp/ ndshm:block:1003'
mapping 50 4096 'ndshm:blocks:1003'
descriptor 50 3 '/tmp/ndshm:section:1' 'ndshm-section:\t1'
descriptor 50 4 /dev/zero 'ndshm-blocks:\t1'
# Section 1, and one that the lists do not have.
descriptor 20 3 ndshm:section:1 'ndshm-section:\t1' 'ndshm-committed:\t4096'
descriptor 20 4 ndshm:section:1 'ndshm-section:\t1' 'ndshm-committed:\t4096'
descriptor 20 5 'anon_inode:[ndshm-holder]' 'ndshm-section:\t1' 'ndshm-extents:\t3' 'ndshm-bytes:\t12288'
mapping 21 1048576 ndshm:section:1
descriptor 21 3 ndshm:section:66 'ndshm-section:\t66' 'ndshm-committed:\t65536'

run 0 "processes" ps --root "$root" --bytes
is "processes: the largest first" \
"PID  COMMAND   USER      HELD  BLOCKS  ALLOCATED  MAPPED  SECTIONS  COMMITTED  EXTENTS  TAKEN  CLAIMS
 21  wor ker   1000   1126400       0          0   12288         2    1114112        0      0  -
 20  server    1000   1064960       0          0   16384         1    1048576        3  12288  -
  1  in\x1bit  root?    73728       3      73728    8192         0          0        0      0  card?, 99" \
	"$out"
is "processes: no note" "" "$err"
run 0 "processes in JSON" ps --root "$root" --json
is "processes in JSON: pid" 21 "$(get 0 pid)"
is "processes in JSON: user" '"1000"' "$(get 0 user)"
is "processes in JSON: a section" '"section"' "$(get 0 has 0 kind)"
is "processes in JSON: a BAR" '"bar-mapping"' "$(get 0 has 2 kind)"
[[ $out == *'{"kind": "holder", "fd": 5, "section": 1, "extents": 3, "bytes": 12288}'* ]]
ok "processes in JSON: a holder"
is "processes in JSON: claims" '["card?","99"]' "$(get 2 has 0 claims)"
get 2 has 2 >/dev/null
is "processes in JSON: only its own" 1 $?
is "processes in JSON: command" '"in\u001Bit"' "$(grep -o '"in[^"]*"' <<<"$out")"

run 0 "by user" ps --root "$root" --by user --bytes --output user,processes,held,mapped,sections
is "by user: an object counts once" "USER   PROCESSES     HELD  MAPPED  SECTIONS
1000           2  1130496   16384         2
root?          1    73728    8192         0" "$out"
run 0 "by cgroup" ps --root "$root" --by cgroup --output cgroup,held --sort cgroup --bytes
is "by cgroup: table" "CGROUP          HELD
/a           1064960
/b           1126400
/init.scope    73728" "$out"
run 0 "by cgroup in JSON" ps --root "$root" --by cgroup -j
is "by cgroup in JSON: name" '"/b"' "$(get 0 cgroup)"

run 0 "blocks" ps blocks --root "$root" --bytes
is "blocks: an ended allocator, and those that map them" \
"1002     12288  4000000000    4000000  ended     20  server     12288
1002     12288  4000000000    4000000  ended     21  wor ker    12288
1006     28672  root?         4000000  ended      -  -              0
1010     45056  4000000001    4000000  ended      -  -              0" "$(awk '$4 == 4000000' <<<"$out")"
is "blocks: of a zombie" "ended ended ended" "$(awk '$4 == 4000001 { print $5 }' <<<"$out" | xargs)"
is "blocks: of a process" "1001 1 1005 - 1009 -" "$(awk '$5 == "running" { print $1, $6 }' <<<"$out" | xargs)"
is "blocks: of the kernel" "1000 1004 1008" "$(awk '$5 == "kernel" { print $1 }' <<<"$out" | xargs)"
run 0 "blocks in JSON" ps blocks --root "$root" --json
is "blocks in JSON: one of another user" "777 null hidden 20" \
	"$(sed -n 's/.*"id": 777,.*"user": \([^,]*\),.*"state": "\([a-z]*\)",.*"pid": \([0-9]*\),.*/777 \1 \2 \3/p' <<<"$out")"

run 0 "sections" ps sections --root "$root" --bytes
is "sections: table" \
"ID  NAME  COMMITTED  USER   PID  COMMAND  DESCRIPTORS  HOLDERS  EXTENTS  TAKEN   MAPPED
 1  -       1048576  root?   20  server             2        1        3  12288        0
 1  -       1048576  root?   21  wor ker            0        0        0      0  1048576
 2  -       2097152  root?    -  -                  0        0        0      0        0
66  -         65536  -       21  wor ker            1        0        0      0        0" "$out"
run 0 "sections in JSON" ps sections --root "$root" -j
is "sections in JSON: none has it" null "$(get 2 pid)"
export STAND_IN_SECTION=$'caf\xc3\xa9'
LC_ALL=C.UTF-8 run 0 "sections: a name in UTF-8" ps sections --root "$root" --output name
is "sections: a name in UTF-8: rows" $'caf\xc3\xa9\ncaf\xc3\xa9' "$(sed -n '2p; 3p' <<<"$out")"
run 0 "sections: that name in JSON" ps sections --root "$root" --json
is "sections: that name in JSON: all of it" '"caf\u00E9"' "$(grep -m 1 -o '"caf[^"]*"' <<<"$out")"
unset STAND_IN_SECTION
run 0 "claims" ps claims --root "$root"
is "claims: table" "ADAPTER  PID  COMMAND   USER
card?      1  in\x1bit  root?
-          1  in\x1bit  root?" "$out"

# bad WORDS PATTERN: expect a usage error.
bad() { bad_usage "ndshm ps: $2"$'\n'"Try *" "ps $1"; }

bad "adapters" '"adapters": cannot be shown; use processes, blocks, sections or claims'
bad "blocks sections" '"sections": unexpected argument; *'
bad "blocks --by user" '--by: blocks have no groups; *'
bad "--by adapter" '--by: processes have no groups by "adapter"; use process, user or cgroup'
bad "--sort size" '--sort: there is no column "size"; use PID, COMMAND, *, CLAIMS'
STAND_IN_REFUSE=1 run 1 "refused" ps --root "$root"
says "refused: why" "ndshm: cannot list blocks and sections: * (EPERM)"
end
