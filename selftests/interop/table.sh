#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# table.sh [--check]: write the rows of interop.table to Documentation/use/consumers.rst, between the
# two comments there; with --check compare only.
set -euo pipefail
here=$(dirname -- "${BASH_SOURCE[0]}")
page=$here/../../Documentation/use/consumers.rst
new=$(mktemp)
trap 'rm -f -- "$new"' EXIT

print_table() {
	local line='==========================================================  ========  ==========  ==========  =========='
	# shellcheck disable=SC2016 # marks of the page's text
	printf '%s\n%-60s%-10s%-12s%-12s%s\n%s\n' "$line" 'what is done with the memory' kernel '``pages``' section '``coherent``' "$line"
	while read -r name kernels pages coherent section text; do
		[[ $name && $name != \#* ]] || continue
		[[ ${#text} -le 58 ]] || { echo "interop.table: $name: text of more than 58 characters" >&2; return 1; }
		printf '%-60s%-10s%-12s%-12s%s\n' "$text" "$kernels" "$pages" "$section" "$coherent"
	done <"$here/interop.table"
	printf '%s\n' "$line"
}

table=$(print_table)
TABLE=$table awk '
	/^\.\. end of the table$/ { print ENVIRON["TABLE"] "\n"; skip = 0 }
	!skip
	/^\.\. table: selftests\/interop\/table\.sh$/ { print ""; skip = 1 }' "$page" >"$new"
if [[ ${1:-} == --check ]]; then
	diff -u -- "$page" "$new"
else
	cat -- "$new" >"$page"
fi
