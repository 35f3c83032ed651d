#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# sync-table.sh KERNEL=LOG...: write the syncs that selftests/sync_calls.c has counted to
# Documentation/use/abi.rst, between the two comments there: for each path the bytes and, after the
# slash, the calls. LOG is that of the level `not-coherent` on KERNEL. Fails if a path was run by
# one kernel only, or if a count is not the needed one of the path.
set -euo pipefail
here=$(dirname -- "${BASH_SOURCE[0]}")
page=$here/../../Documentation/use/abi.rst
[[ $# -gt 0 && $1 == *=* ]] || { echo 'usage: sync-table.sh KERNEL=LOG...' >&2; exit 1; }
new=$(mktemp)
trap 'rm -f -- "$new"' EXIT

# One line for each row of a log: kernel, adapter, path, and for each side the needed count, the
# counted, and the number of calls.
rows() {
	local pair
	for pair; do
		sed -nE "s/.*:row: (card|node): ([^:]+): ([0-9]+) ([0-9]+) ([0-9]+): ([0-9]+) ([0-9]+) ([0-9]+)\$/${pair%%=*}|\1|\2|\3|\4|\5|\6|\7|\8/p" \
			"${pair#*=}"
	done
}

table=$(rows "$@" | awk -F'|' -v kernels="$(printf '%s\n' "${@%%=*}" | paste -sd' ')" '
	function cell(needed, counted, calls) {
		if (needed != counted) { print "sync-table.sh: " $3 ": " counted " bytes, not " needed >"/dev/stderr"; bad = 1 }
		return calls ? counted " / " calls : "-"
	}
	{
		path = $3
		if (!(path in seen)) { seen[path] = ++n; name[n] = path }
		device[path, $2, $1] = cell($4, $5, $6)
		processor[path, $2, $1] = cell($7, $8, $9)
	}
	# One line for both adapters, or one for each: that of a card and that of a node.
	function show(path, adapter, text,	k) {
		text = sprintf("%-9s%-31s", text, path)
		for (k = 1; k <= count; k++) {
			if (!((path, adapter, kernel[k]) in device)) {
				print "sync-table.sh: " path ": not run on " kernel[k] >"/dev/stderr"
				bad = 1
			}
			text = text sprintf("  %-15s  %-15s", device[path, adapter, kernel[k]], processor[path, adapter, kernel[k]])
		}
		sub(/ +$/, "", text)
		print text
	}
	function differ(path,	k) {
		for (k = 1; k <= count; k++)
			if (device[path, "card", kernel[k]] != device[path, "node", kernel[k]] ||
			    processor[path, "card", kernel[k]] != processor[path, "node", kernel[k]])
				return 1
		return 0
	}
	END {
		count = split(kernels, kernel, " ")
		line = "=======  ==============================="
		head = sprintf("%-9s%-31s", "adapter", "path")
		for (k = 1; k <= count; k++) {
			line = line "  ===============  ==============="
			head = head sprintf("  %-15s  %-15s", kernel[k] " device", kernel[k] " CPU")
		}
		sub(/ +$/, "", head)
		print line "\n" head "\n" line
		for (i = 1; i <= n; i++) {
			if (!differ(name[i])) { show(name[i], "card", "both"); continue }
			show(name[i], "card", "card")
			show(name[i], "node", "node")
		}
		print line
		exit bad || !n
	}')
TABLE=$table awk '
	/^\.\. end of the table$/ { print ENVIRON["TABLE"] "\n"; skip = 0 }
	!skip
	/^\.\. table: selftests\/vm\/sync-table\.sh$/ { print ""; skip = 1 }' "$page" >"$new"
cat -- "$new" >"$page"
