#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-ndis-names.sh: do kernel/tests/ndis/layout.c and layout_port.c assert something of all that the NDIS
# headers define: macros, types, tags, enumerators and functions by their whole names, members
# behind their type's? A comment does not count. There are no exceptions but the headers' own
# guards. Prints the missing ones, and fails if there is one.
set -euo pipefail

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd -- "$top"

# Code without comments, with each directive in one line.
code() { cat -- "$@" | sed -Ez -e 's,/\*([^*]|\*+[^*/])*\*+/, ,g' -e 's/\\\n/ /g'; }

headers=(kernel/include/ndshm/ndis*.h)
# As words: the pointer types of TYPES_ARE() and INTEGER_IS(), tag, pointer type and the type before each member of STRUCT_IS() and
# UNION_IS(), and both names of REVISION_IS().
layout=$(code kernel/tests/ndis/layout{,_port}.c | tr -s '\n\t ' ' ' |
	sed -E -e 's/(TYPES_ARE|INTEGER_IS)\(([A-Z_0-9a-z]+),/& P\2,/g' -e 's/(STRUCT|UNION)_IS\(/\n&/g' \
		-e 's/REVISION_IS\(([A-Z_0-9]+), ([0-9]),/& NDIS_\1_REVISION_\2 NDIS_SIZEOF_\1_REVISION_\2,/g' |
	awk -F '[(,]' '/^(STRUCT|UNION)_IS/ { gsub(/ M\(/, " M(" $2 ", "); sub(/,/, ", _" $2 " P" $2 ",") }
		{ printf "%s", $0 }')

macros=$(code "${headers[@]}" | sed -nE 's/^[[:space:]]*#[[:space:]]*define[[:space:]]+([A-Za-z_0-9]+).*/\1/p' |
	grep -v '^_NDSHM_NDIS[A-Z_]*_H$')

# The rest in one line: bodies of functions and all in parentheses goes, so that the word before one of
# ; , = [ } is declared there. Names that are only used here are others' own.
declarations=$(code "${headers[@]}" | sed -e '/^[[:space:]]*#/d' | tr -s '\n\t ' ' ' |
	sed -E -e ':inner' -e 's/\([^()]*\)/@/g' -e 't inner' -e 's/\b__(acquires|releases)@//g' -e 's/@ *\{[^{}]*\}/;/g' -e 's/@//g' \
		-e 's/(^|;) *struct [a-z_0-9]+ *;/\1/g' -e 's/(^|;) *struct [a-z_0-9]+ *;/\1/g')

# Each structure: its tag without the underscore, and a member, per line.
members=$(sed -E -e 's/\b(struct|union) _([A-Z_0-9]+) \{/\n@\2 {/g' <<<"$declarations" |
	awk '/^@/ {
		depth = 0
		type = substr($1, 2)
		for (i = 2; i <= NF; i++) {
			if ($i ~ /\{/) depth++
			if ($i ~ /^\}/ && !--depth) break
			if (match($i, /^\*?[A-Za-z_0-9]+[;\[]/)) {
				gsub(/^\*|[;\[].*/, "", $i)
				print type, $i
			}
		}
	}')

tags=$(grep -oE '\b(struct|union|enum) _[A-Z_0-9]+' <<<"$declarations" | cut -d ' ' -f 2)
names=$(grep -oE '\b[A-Za-z_][A-Za-z_0-9]* *[];,=[}]' <<<"$declarations" | grep -oE '^[A-Za-z_0-9]+' |
	grep -vxFf <(cut -d ' ' -f 2 <<<"$members"))

wrong=0
missing() {
	echo "kernel/tests/ndis/layout{,_port}.c assert nothing of $1"
	wrong=1
}

# That it finds the known ones.
for known in NDIS_STATUS_PAUSED NTAPI PUCHAR NdisSharedMemoryUsageMax NdisInterfacePci NdisMFreeSharedMemory \
	MINIPORT_PROCESS_SG_LIST PNET_BUFFER_SHARED_MEMORY NdisGetSharedDataAlignment; do
	grep -qx "$known" <<<"$macros"$'\n'"$names" || { echo "$0 does not find $known"; wrong=1; }
done
for known in 'LARGE_INTEGER u' 'LARGE_INTEGER QuadPart' 'SCATTER_GATHER_LIST Elements' \
	'NDIS_SHARED_MEMORY_PARAMETERS VPortId' 'NET_BUFFER_SHARED_MEMORY SharedMemoryLength'; do
	grep -qx "$known" <<<"$members" || { echo "$0 does not find $known"; wrong=1; }
done

while read -r name; do
	grep -qw -- "$name" <<<"$layout" || missing "$name"
done < <(printf '%s\n' "$macros" "$tags" "$names" | sort -u)
while read -r type member; do
	grep -qE -- "\b$type, ?([A-Za-z_]+\.)*$member\b" <<<"$layout" || missing "$member of $type"
done < <(sort -u <<<"$members")
[[ $wrong -eq 0 ]]
