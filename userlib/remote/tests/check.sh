#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh USERLIB UAPI BUILD VERSION: what libndshm-remote exports is what its header declares and
# its manual pages describe, and what is installed suffices for a program. CC and CXX may name the
# compilers.

# shellcheck source-path=SCRIPTDIR source=../../tests/lib.sh
. "$(dirname "$0")/../../tests/lib.sh"
userlib=$1 uapi=$2 build=$3 version=$4
CC=${CC:-cc}
CXX=${CXX:-c++}
pages=$userlib/remote/man
header=$userlib/remote/include/ndshm/remote.h
flags=(-I"$userlib/remote/include" -I"$userlib/include" -I"$uapi" -Wall -Wextra -Werror -pedantic)
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT

# The header.
program='#include <ndshm/remote.h>
#include <ndshm/remote.h>
int main(void)
{
	struct ndshm_remote_request request = NDSHM_REMOTE_REQUEST_INIT;
	struct ndshm_remote_info info;
	extern struct ndshm_remote *remote;

	return (int)request.flags + ndshm_remote_query(remote, &info);
}'
for standard in c99 c11 gnu17; do
	"$CC" -std=$standard "${flags[@]}" -fsyntax-only -x c - <<<"$program"
	ok "remote.h is $standard"
done
for standard in c++11 c++17; do
	"$CXX" -std=$standard "${flags[@]}" -fsyntax-only -x c++ - \
		<<<"${program/NDSHM_REMOTE_REQUEST_INIT/{\}}"
	ok "remote.h is $standard"
done
"$CXX" -std=c++20 "${flags[@]}" -fsyntax-only -x c++ - <<<"$program"
ok "remote.h and its initializer are c++20"

# Symbols.
library=$build/libndshm-remote.so.$version
declared=$(cpp -fpreprocessed -dD -P "$header" 2>/dev/null | tr '\n' ' ' | tr ';' '\n' |
	   grep -oE '\bndshm_remote_[a-z_]+ *\(' | tr -d ' (' | sort -u)
exported=$(nm -D --defined-only "$library" | awk '$2 == "T" { print $3 }' | sort)
[ "$(wc -l <<<"$declared")" -gt 20 ]
ok "the header declares functions"
is "exported is what is declared" "$(grep -vx ndshm_remote_query <<<"$declared")" \
	"${exported//@@NDSHM_REMOTE_0.1/}"
is "and nothing else" "NDSHM_REMOTE_0.1" \
	"$(nm -D --defined-only "$library" | awk '$2 != "T" { print $3 }')"
is "the soname" "libndshm-remote.so.0" \
	"$(objdump -p "$library" | awk '$1 == "SONAME" { print $2 }')"
needed() { objdump -p "$1" | awk '$1 == "NEEDED" { print $2 }' | sort | paste -sd' '; }
others() {
	needed "$1" | tr ' ' '\n' | grep -vE '^(libc|libpthread|ld-linux[a-z0-9-]*)\.so' |
		sed 's/\.so.*//' | paste -sd' '
}
is "libndshm-remote needs libndshm, nettle and libibverbs only" \
	"libibverbs libndshm libnettle" "$(others "$library")"
is "libndshm needs what it did" "libnl-3 libnl-genl-3" "$(others "$build/libndshm.so.$version")"

# Manual pages.
named=$(for page in "$pages"/*.3; do "$userlib/man/names.sh" "$page"; done)
is "each function has a page" "" \
	"$(comm -23 <(sed 's/_sized$//' <<<"$declared" | sort -u) <(sort <<<"$named"))"
is "and one only" "" "$(sort <<<"$named" | uniq -d)"
# prototypes: list those in the input, one a line, without comments and spaces.
prototypes() {
	cpp -fpreprocessed -dD -P 2>/dev/null | grep -v -e '^ *#' -e '^extern "C"' | tr -s ' \t\n' ' ' |
		sed 's/{[^}]*}/;/g' | tr ';' '\n' | grep '(' | tr -d ' }' | sort -u
}
sed -E 's/\bNDSHM_(NONNULL\([^)]*\)|MUST_CHECK)//g; s/^static inline //; /INIT \{/,/^\}/d' \
	"$header" | prototypes >"$top/declared"
for page in "$pages"/*.3; do
	mandoc -T ascii -O width=200 "$page" | sed 's/.\x08//g' |
		awk '/^[^ ]/ { here = $0 == "SYNOPSIS"; next } here' |
		prototypes >"$top/shown"
	is "${page##*/}: it shows its functions" "$("$userlib/man/names.sh" "$page" | sort)" \
		"$(grep -oE 'ndshm_remote_[a-z_]+\(' "$top/shown" | tr -d '(' | sort)"
	is "${page##*/}: as the header has them" "" "$(comm -23 "$top/shown" "$top/declared")"
done
reasons=$(sed -nE 's/^\tROW\(.*"(remote-[a-z-]+)",$/\1/p' "$userlib/remote/src/reason.c" | sort)
is "reasons are on the pages" "$reasons" \
	"$(cat "$pages"/*.3 | grep -oE '\(remote-[a-z-]+\)' | tr -d '()' | sort -u)"

# Installed.
env -u MAKEFLAGS -u MAKEOVERRIDES make -s -C "$userlib" CC="$CC" BUILD="$build" VERSION="$version" \
	PREFIX=/opt/ndshm DESTDIR="$top" install >"$top/log" 2>&1
ok "install" || cat "$top/log"
pc() {
	PKG_CONFIG_PATH=$top/opt/ndshm/lib/pkgconfig pkg-config --define-variable=prefix="$top/opt/ndshm" \
		--define-variable=libdir="$top/opt/ndshm/lib" \
		--define-variable=includedir="$top/opt/ndshm/include" "$@"
}
cat >"$top/program.c" <<END
#include <stdio.h>
#include <ndshm/remote.h>

int main(void)
{
	struct ndshm_remote_request request = NDSHM_REMOTE_REQUEST_INIT;
	struct ndshm_remote *remote;

	if (ndshm_remote_open(&request, &remote))
		return 1;
	ndshm_remote_close(remote);
	request.timeout = 1;
	if (!ndshm_remote_open(&request, &remote))
		return 1;
	puts(ndshm_remote_reason_name(ndshm_remote_last_reason()));
	return 0;
}
END
# shellcheck disable=SC2046 # flags are words
"$CC" -o "$top/program" "$top/program.c" $(pc --cflags --libs libndshm-remote)
ok "a program is built by pkg-config"
is "and runs" "remote-limit" "$(LD_LIBRARY_PATH=$top/opt/ndshm/lib "$top/program" 2>&1)"
[ -f "$top/opt/ndshm/share/man/man7/ndshm_remote.7" ] &&
	[ -f "$top/opt/ndshm/share/man/man3/ndshm_remote_flush.3" ]
ok "manual pages are installed"
env -u MAKEFLAGS -u MAKEOVERRIDES make -s -C "$userlib" CC="$CC" BUILD="$build" VERSION="$version" \
	PREFIX=/opt/ndshm DESTDIR="$top" uninstall >"$top/log" 2>&1
is "uninstall leaves nothing" "" "$(cd "$top" && find opt -not -type d)"

# Without the headers all else is built, and make says what is missing.
remedy="install nettle-dev and libibverbs-dev"
for missing in nettle_libs verbs_libs; do
	said=$(env -u MAKEFLAGS -u MAKEOVERRIDES make -s -C "$userlib" CC="$CC" \
		BUILD="$top/without" $missing= remote 2>&1)
	is "with no $missing make names the packages" \
		"libndshm-remote: not built, because headers are missing; $remedy" "$said"
done
end
