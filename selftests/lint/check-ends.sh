#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-ends.sh: print each function of the core with a synonym of a word for an end in its name: one
# between underscores that is not in the table of Documentation/hacking. Tests and prototypes are
# left out. Fail if there is one.
set -euo pipefail

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd -- "$top"

# The synonym and its words.
synonyms='abandon lose_memory
abort cancel
adopt pass_reference
arm enable
destroy free, fini or exit
detach remove
dismiss cancel
disown remove
drop put, free or remove
empty take, drain or unused
erase remove
finish end or done
flush drain
forget clear
give free
hold get or keep
invalidate clear or revoke
late an object
leave remove
quiesce stop or drain
reap free
reclaim free
recycle free
refuse fail or trace
reopen open
retire kill or remove
revive open
shrink free
teardown exit or fini
trim free
undo the opposite of the act
unlink remove
unreserve cancel'
# Names that drivers of others use.
names='ndshm_adapter_reopen|ndshm_requests_abort'

# Definitions and declarations are the lines with a parenthesis that begin in the first column.
wrong=$(git ls-files 'kernel/*.[ch]' | grep -vE '^kernel/(tests|prototypes)/' |
	xargs grep -oE '^[A-Za-z_][A-Za-z0-9_ *]*\(' /dev/null |
	sed -E 's/^([^:]*):(.*[ *])?([A-Za-z0-9_]+)\($/\1 \3/' | sort -u |
	awk -v names="^($names)\$" '
		NR == FNR { word = $1; sub(/^[^ ]+ /, ""); instead[word] = $0; next }
		$2 ~ names { next }
		{
			for (i = split($2, part, "_"); i; i--)
				if (part[i] in instead) print $1 ": " $2 ": for \"" part[i] "\" use " instead[part[i]]
		}' <(echo "$synonyms") -)
[[ ! $wrong ]] || { echo "$wrong"; exit 1; }
