#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# install.sh USERLIB BUILD VERSION: the files that "make install" puts below DESTDIR
# suffice to build and run programs by pkg-config, shared and static, and include a
# manual page for each call.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
userlib=$1 build=$2 version=$3
CC=${CC:-cc}
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT

# Do not pass on variables of the make that runs this.
env -u MAKEFLAGS -u MAKEOVERRIDES make -s -C "$userlib" CC="$CC" BUILD="$build" \
	VERSION="$version" PREFIX=/opt/ndshm DESTDIR="$top" install >"$top/log" 2>&1
ok "install" || cat "$top/log"
is "what is installed" "opt/ndshm/bin/ndshm
opt/ndshm/bin/ndshm-82574
opt/ndshm/include/linux/ndshm.h
opt/ndshm/include/linux/ndshm_netlink.h
opt/ndshm/include/linux/ndshm_status.h
opt/ndshm/include/ndshm/admin.h
opt/ndshm/include/ndshm/loan.h
opt/ndshm/include/ndshm/lsa.h
opt/ndshm/include/ndshm/ndshm.h
opt/ndshm/include/ndshm/ndshm.hpp
opt/ndshm/include/ndshm/ring.h
opt/ndshm/include/ndshm/section.h
opt/ndshm/lib/libndshm.a
opt/ndshm/lib/libndshm.so
opt/ndshm/lib/libndshm.so.0
opt/ndshm/lib/libndshm.so.$version
opt/ndshm/lib/pkgconfig/libndshm.pc" "$(cd "$top" && find opt -not -type d -not -path '*/man/*' | sort)"

man=$top/opt/ndshm/share/man
is "manual pages, by section" "1 3 7" "$(cd "$man" && echo * | sed 's/man//g')"
[ -f "$man/man1/ndshm.1" ] && [ -f "$man/man7/libndshm.7" ]
ok "one for the command, and one to begin with"
is "one for each program" "" "$(cd "$top/opt/ndshm/bin" && for name in *; do
	[ -f "$man/man1/$name.1" ] || echo "$name"; done)"
is "and one for each call" "" "$(nm -D --defined-only --without-symbol-versions \
	"$top/opt/ndshm/lib/libndshm.so" | awk '$2 == "T" { print $3 }' |
	sed "s,_sized\$,," | while read -r name; do [ -f "$man/man3/$name.3" ] || echo "$name"; done)"
is "which lead nowhere else" "" "$(find "$man" -type l -lname '*/*'; find "$man" -xtype l)"
is "they are of this version" "" "$(find "$man" -type f | while read -r file; do
	grep -q "^\.TH .*ndshm $version\"$" "$file" || echo "$file"; done)"
is "everybody can read them" "" "$(find "$man" -type f -not -perm 644)"

pc() {
	PKG_CONFIG_PATH=$top/opt/ndshm/lib/pkgconfig \
		pkg-config --define-variable=prefix="$top/opt/ndshm" \
		--define-variable=libdir="$top/opt/ndshm/lib" \
		--define-variable=includedir="$top/opt/ndshm/include" "$@"
}

is "the package's version" "$version" "$(pc --modversion libndshm)"
IFS=. read -r major minor patch <<<"$version"
is "the header's version" "$(printf '0x%06xU' $((major << 16 | minor << 8 | patch)))" \
	"$(sed -n 's/^#define NDSHM_API_VERSION[[:blank:]]*//p' "$top/opt/ndshm/include/ndshm/ndshm.h")"

cat >"$top/program.c" <<END
#include <stdio.h>
#include <ndshm/ndshm.h>

int main(void)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *block;
	struct ndshm *ndshm;

	request.length = 5000;
	if (ndshm_open("memfd:", &ndshm) || ndshm_alloc(ndshm, &request, &block))
		return 1;
	printf("%llu\n", (unsigned long long)ndshm_block_length(block));
	ndshm_free(block);
	ndshm_close(ndshm);
	return 0;
}
END

# shellcheck disable=SC2046 # flags are words
"$CC" -o "$top/shared" "$top/program.c" $(pc --cflags --libs libndshm)
ok "a program is built with the shared library"
is "and runs" 8192 "$(LD_LIBRARY_PATH=$top/opt/ndshm/lib "$top/shared")"
objdump -p "$top/shared" | grep -q 'NEEDED.*libndshm.so.0'
ok "and needs it by its soname"

# As Documentation/use/first-driver.rst builds it.
# shellcheck disable=SC2046
"$CC" -Wall -Wextra -Werror -o "$top/edu" "$userlib/examples/edu.c" $(pc --cflags --libs libndshm) 2>"$top/log"
ok "the driver of the tutorial is built" || cat "$top/log"

# The C library warns of functions in libnl's archive that load libraries; none is called here.
# shellcheck disable=SC2046
"$CC" -static -o "$top/static" "$top/program.c" $(pc --cflags --libs --static libndshm) \
	2>"$top/log"
ok "a program is built statically" || cat "$top/log"
is "and runs" 8192 "$("$top/static")"

is "the installed command finds the library" "ndshm $version" \
	"$(LD_LIBRARY_PATH=$top/opt/ndshm/lib "$top/opt/ndshm/bin/ndshm" --version)"
NDSHM_BACKEND=memfd: "$top/opt/ndshm/bin/ndshm-82574" --adapter card 2>"$top/log"
is "the installed example runs, but there is no card" 1 $?
grep -q '^ndshm-82574: card: no such adapter;' "$top/log"
ok "and says so" || cat "$top/log"
! objdump -p "$top/opt/ndshm/bin/ndshm" | grep -qE 'R(UN)?PATH'
ok "and has no path of its own"

touch "$top/opt/ndshm/include/linux/other.h"
env -u MAKEFLAGS -u MAKEOVERRIDES make -s -C "$userlib" CC="$CC" BUILD="$build" \
	VERSION="$version" PREFIX=/opt/ndshm DESTDIR="$top" uninstall >"$top/log" 2>&1
ok "uninstall" || cat "$top/log"
is "which leaves the files of others" "opt/ndshm/include/linux/other.h" \
	"$(cd "$top" && find opt -not -type d)"
[ ! -d "$top/opt/ndshm/include/ndshm" ]
ok "and no directory of its own"
end
