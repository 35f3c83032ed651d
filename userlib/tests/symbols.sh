#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# symbols.sh LIBRARY ARCHIVE HEADER...: the library exports exactly the functions that
# its headers declare, each with a version.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
library=$1 archive=$2
shift 2

# Strip comments, then find "name(" at the start of each declaration.
declared=$(cat "$@" | cpp -fpreprocessed -dD -P 2>/dev/null | tr '\n' ' ' | tr ';' '\n' |
	   grep -oE '\bndshm_[a-z_]+ *\(' | tr -d ' (' | sort -u)
# Inline functions that call one with the size of the caller's structure.
inlines=$(sed -n 's/^static inline int \(ndshm_[a-z_]*\)(.*/\1/p' "$@" | sort)
exported=$(nm -D --defined-only "$library" | awk '$2 == "T" { print $3 }' | sort)
names=$(nm -D --defined-only --without-symbol-versions "$library" |
	awk '$2 == "T" { print $3 }' | sort)

[ "$(wc -l <<<"$declared")" -gt 20 ]
ok "the headers declare functions"
is "inline functions pass a size" "$(grep '_sized$' <<<"$declared")" "$(sed 's/$/_sized/' <<<"$inlines")"
declared=$(comm -23 <(echo "$declared") <(echo "$inlines"))
is "exported is what is declared" "$declared" "$names"
is "every version is NDSHM_0.1" "@@NDSHM_0.1" "$(grep -o '@.*' <<<"$exported" | sort -u)"
is "nothing but functions and the version is exported" "NDSHM_0.1" \
	"$(nm -D --defined-only "$library" | awk '$2 != "T" { print $3 }')"
is "the soname" "libndshm.so.0" \
	"$(objdump -p "$library" | awk '$1 == "SONAME" { print $2 }')"
is "the library needs libnl only" "libnl-3 libnl-genl-3" \
	"$(objdump -p "$library" | awk '$1 == "NEEDED" { sub(/\.so.*/, "", $2); print $2 }' |
	   grep -vE '^(libc|libpthread|ld-linux[a-z0-9-]*)$' | sort | paste -sd' ')"

# A static program links all global names: they must not clash with its own.
is "the archive's global names are ndshm's" "" \
	"$(nm -g --defined-only "$archive" 2>/dev/null | awk 'NF == 3 { print $3 }' |
	   grep -v '^ndshm_')"
end
