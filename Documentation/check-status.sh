#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-status.sh [--write]: do the tables of reasons agree? The numbers are those of
# uapi/linux/ndshm_status.h, the rows those of kernel/base/reason.c, which the library's
# (userlib/src/reason.c) must repeat, and the tables in use/status.rst are made of them. Statuses
# have the numbers of kernel/include/ndshm/ndis_status.h; which no reason has is told, too.
# Prints what differs, and fails if something does; --write corrects use/status.rst.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
top=$(cd -- "$here/.." && pwd -P)
header=$top/uapi/linux/ndshm_status.h
page=$here/use/status.rst
[[ $# -eq 0 || ($# -eq 1 && $1 == --write) ]] || { echo "usage: ${0##*/} [--write]" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# rows FILE: REASON STATUS ERRNO NAME, and the text behind a tab if it has one. The
# kernel's rows end behind the name.
rows() {
	tr '\n\t' '  ' <"$1" |
		grep -oE 'ROW\([A-Z_]+, +[A-Z_]+, +[A-Z0-9]+, +"[^"]+"(, +"([^"\\]|\\.)+")?\)' |
		sed -E -e 's/^ROW\(([A-Z_]+), +([A-Z_]+), +([A-Z0-9]+), +"([^"]+)"(, +"(.*)")?\)$/\1 \2 \3 \4\t\6/' \
			-e 's/\\"/"/g'
}
rows "$top/kernel/base/reason.c" | cut -f 1 >"$work/kernel"
rows "$top/userlib/src/reason.c" >"$work/library-texts"
cut -f 1 "$work/library-texts" >"$work/library"
sed -nE 's/^#define NDSHM_REASON_([A-Z_]+)[[:space:]]+__NDSHM_REASON\(([0-9]+)U\)$/\1 \2/p' "$header" >"$work/numbers"
sed -nE 's/^#define NDSHM_STATUS_([A-Z_]+)[[:space:]]+__NDSHM_STATUS\((0x[0-9A-F]+)U\)$/\1 \2/p' "$header" >"$work/statuses"

sed -nE 's/^#define NDIS_STATUS_([A-Z_]+)[[:space:]]+\(\(NDIS_STATUS\)(0x[0-9A-F]+)\)$/\1 \2/p' \
	"$top/kernel/include/ndshm/ndis_status.h" | sort >"$work/ndis"

wrong=0
same() {
	diff -u --label "$1" --label "$2" -- "$3" "$4" || wrong=1
}

known=$(sed -nE 's/^#define NDSHM_REASON_COUNT_KNOWN[[:space:]]+([0-9]+)U$/\1/p' "$header")
[[ $(wc -l <"$work/numbers") -eq $known && $known -gt 0 ]] ||
	{ echo "the header defines $(wc -l <"$work/numbers") reasons, and says $known"; wrong=1; }
seq 0 $((known - 1)) >"$work/sequence"
cut -d ' ' -f 2 "$work/numbers" >"$work/in-header"
same 'one number behind the other' "${header#"$top/"}" "$work/sequence" "$work/in-header"
cut -d ' ' -f 1 "$work/numbers" >"$work/names-header"
cut -d ' ' -f 1 "$work/kernel" >"$work/names-kernel"
same "${header#"$top/"}" kernel/base/reason.c "$work/names-header" "$work/names-kernel"
same kernel/base/reason.c userlib/src/reason.c "$work/kernel" "$work/library"

sort "$work/statuses" >"$work/statuses-sorted"
comm -12 "$work/statuses-sorted" "$work/ndis" >"$work/statuses-ndis"
same "${header#"$top/"}" kernel/include/ndshm/ndis_status.h "$work/statuses-sorted" "$work/statuses-ndis"
cut -d ' ' -f 2 "$work/kernel" | sort -u >"$work/answered"
join -v 1 "$work/ndis" "$work/answered" | sort -k 2 >"$work/never"

# The page: what stands above the mark is written by hand.
mark='.. Made by check-status.sh from the source; do not edit what follows.'
{
	sed "/^$mark\$/,\$d" "$page"
	printf '%s\n\nStatuses\n========\n\n' "$mark"
	line='==========  ======================'
	printf '%s\n' "$line" 'number      ``NDSHM_STATUS_``' "$line"
	while read -r name number; do printf '%s  %s\n' "$number" "$name"; done <"$work/statuses"
	printf '%s\n\n\nNever answered\n==============\n\n' "$line"
	line='==========  ======================'
	printf '%s\n' "$line" 'number      ``NDIS_STATUS_``' "$line"
	while read -r name number; do printf '%s  %s\n' "$number" "$name"; done <"$work/never"
	printf '%s\n\n\nReasons\n=======\n\n' "$line"
	line='======  ========================  ======================  ==============='
	printf '%s\n' "$line"
	printf '%-6s  %-24s  %-22s  %s\n' number '``NDSHM_REASON_``' '``NDSHM_STATUS_``' errno
	printf '%s\n' "$line"
	paste -d ' ' "$work/in-header" "$work/kernel" | while read -r number reason status error _; do
		printf '%-6s  %-24s  %-22s  %s\n' "$number" "$reason" "$status" "$error"
	done
	printf '%s\n\n\nWhat to do\n==========\n' "$line"
	paste -d ' ' "$work/in-header" "$work/library-texts" |
		while IFS=$'\t' read -r row text; do
			read -r number _ _ error name <<<"$row"
			printf '\n``%s`` (%s, %s)\n' "$name" "$number" "$error"
			fold -s -w 98 <<<"${text^}." | sed -e 's/^/  /' -e 's/ $//'
		done
} >"$work/page"
if [[ ${1:-} == --write ]]; then
	cmp -s -- "$work/page" "$page" || cp -- "$work/page" "$page"
else
	same Documentation/use/status.rst 'what the source says' "$page" "$work/page"
fi
[[ $wrong -eq 0 ]]
