#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# man.sh USERLIB UAPI LIBRARY ARCHIVE NDSHM EXAMPLE: the manual pages agree with the headers, the
# library, the command and ndshm-82574, and their programs run without the module. CC may name
# the compiler.
#
# Programs are compiled from the formatted page, as a reader sees it.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
userlib=$1 uapi=$2 library=$3 archive=$4 ndshm=$5 example=$6
CC=${CC:-cc}
pages=$userlib/man
flags=(-std=gnu11 -Wall -Wextra -Werror -I"$userlib/include" -I"$uapi")
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
export NDSHM_BACKEND=memfd:

names() {
	"$pages/names.sh" "$1"
}

# section PAGE NAME: print a formatted section.
section() {
	mandoc -T ascii -O width=100 "$1" | sed 's/.\x08//g' |
		awk -v name="$2" '/^[^ ]/ { here = $0 == name; next } here'
}

# structures, prototypes: list those in the input, one a line, without comments and
# spaces.
structures() {
	cpp -fpreprocessed -dD -P 2>/dev/null | tr -s ' \t\n' ' ' | sed 's,__extension__ ,,g' |
		grep -oE '(typedef )?struct [A-Za-z_]+ ?\{[^}]*\}[^;]*;' | tr -d ' ' | sort -u
}
prototypes() {
	sed -e ':more' -e '/\\$/{N;s/\\\n//;b more' -e '}' | cpp -fpreprocessed -dD -P 2>/dev/null |
		grep -v -e '^ *#' -e '^extern "C"' | tr -s ' \t\n' ' ' | sed 's/{[^}]*}/;/g' |
		tr ';' '\n' | grep '(' | tr -d ' }' | sort -u
}

# constants: list ndshm's constants in the input; NDSHM_STATUS_* is no constant.
constants() {
	sed 's/NDSHM_[A-Z_]*_\*//g' | grep -oE '\bNDSHM_[A-Z_]+[A-Z]' | sort -u
}

command -v mandoc >"$top/log"
ok "mandoc, which prints the pages, is there (Debian's package mandoc)"
exported=$(nm -D --defined-only --without-symbol-versions "$library" | awk '$2 == "T" { print $3 }' |
	   sed 's/_sized$//')
calls=$(for page in "$pages"/*.3; do names "$page"; done)
[ "$(wc -l <<<"$exported")" -gt 20 ]
ok "the library exports functions"
is "each of them has a page" "" "$(comm -23 <(sort <<<"$exported") <(sort <<<"$calls"))"
is "and one only" "" "$(sort <<<"$calls" | uniq -d)"

# The synopsis has the text of the headers, and the compiler reads it in the same way.
sed -E 's/\bNDSHM_(NONNULL\([^)]*\)|MUST_CHECK)//g; s/^static inline //' "$userlib"/include/ndshm/*.h | prototypes >"$top/declared"
for page in "$pages"/*.3; do
	name=${page##*/}
	name=${name%.3}
	section "$page" SYNOPSIS >"$top/synopsis"
	{
		grep '#include' "$top/synopsis"
		echo 'void *const declared[] = {'
		names "$page" | sed 's/.*/	(void *)&,/'
		echo '};'
		grep -v '#include' "$top/synopsis"
	} >"$top/synopsis.c"
	is "$name: the prototypes are of what it is about" "$(names "$page" | sort)" \
		"$(grep -v typedef "$top/synopsis" | grep -oE '\b[A-Za-z_]+\(' | tr -d '(' | sort)"
	"$CC" "${flags[@]}" -c -o "$top/synopsis.o" "$top/synopsis.c" 2>"$top/log"
	ok "$name: they are the headers'" || sed 's/^/# /' "$top/log"
	is "$name: word by word" "" "$(sed 's/static inline //' "$top/synopsis" | prototypes | comm -23 - "$top/declared")"
	is "$name: its first name is the file's" "$name" "$(names "$page" | head -n 1)"
done

cat "$userlib"/include/ndshm/*.h | structures >"$top/public"
cat "$userlib"/include/ndshm/*.h "$uapi"/linux/ndshm.h | structures >"$top/known"
for page in "$pages"/*.3; do section "$page" DESCRIPTION; done | structures >"$top/shown"
[ "$(wc -l <"$top/public")" -gt 5 ]
ok "the headers define structures"
is "each of them is on a page" "" "$(comm -23 "$top/public" "$top/shown")"
is "as the headers have it" "" "$(comm -13 "$top/known" "$top/shown")"
is "constants are the headers', or the command's variables" "" "$(comm -23 \
	<(cat "$pages"/*.[1-9] | constants) \
	<(cat "$userlib"/include/ndshm/*.h "$uapi"/linux/*.h "$userlib"/tools/*.c | constants))"

# "memory ENOMEM" for each "(memory)" below ".B ENOMEM". A reason has one errno.
said=$(awk '
	/^\.SH/ { here = $2 == "ERRORS"; next }
	!here { next }
	/^\.TP/ { getline; errno = $2 }
	{
		while (match($0, /\([a-z_-]+\)/)) {
			print substr($0, RSTART + 1, RLENGTH - 2), errno
			$0 = substr($0, RSTART + RLENGTH)
		}
	}' "$pages"/*.3 | sort -u)
table=$(sed -nE -e 's/^NDSHM_REASON_ROW\([A-Z_]+, [A-Z_]+, (E[A-Z0-9]+), "([a-z-]+)", [0-9]+,$/\2 \1/p' \
	-e 's/^\t\{ NDSHM_STATUS_[A-Z_]+, -(E[A-Z]+), "([a-z-]+)",$/\2 \1/p' \
	"$uapi/reason_rows.h" "$userlib/src/reason.c" | sort -u)
[ "$(wc -l <<<"$said")" -gt 40 ] && [ "$(wc -l <<<"$table")" -gt 60 ]
ok "the pages name reasons"
is "each below its errno" "" "$(comm -23 <(echo "$said") <(echo "$table"))"

# Names with their section, so that each is found in its own.
here=$(for page in "$pages"/*.[1-9]; do names "$page" | sed "s/\$/(${page##*.})/"; done | sort -u)
is "references to ndshm's pages lead somewhere" "" "$(comm -13 <(echo "$here") \
	<(sed -nE 's/^\.BR ((lib)?ndshm[a-z_]*(-82574)?) (\([0-9]\)).*/\1\4/p' "$pages"/*.[1-9] | sort -u))"
is "the overview names every page of calls" "" "$(comm -23 \
	<(cd "$pages" && printf '%s\n' *.3 | sed 's/\.3$//' | sort) \
	<(section "$pages/libndshm.7" DESCRIPTION | grep -oE '\b[a-z_]+\(3\)' | sed 's/(3)//' | sort -u))"

# Use the marks of the source: a formatted page does not show the start of a program.
for page in "$pages"/*.[1-9]; do
	for program in $(sed -nE 's/^\.\\" SRC BEGIN \((.*)\.c\)$/\1/p' "$page"); do
		{
			printf '.TH x 1 2026-01-01 x\n.SH EXAMPLES\n'
			sed -n '/^\.\\" SRC BEGIN ('"$program"'\.c)$/,/^\.\\" SRC END$/p' "$page"
		} >"$top/page"
		section "$top/page" EXAMPLES >"$top/$program.c"
		# shellcheck disable=SC2046 # flags are words
		"$CC" "${flags[@]}" -o "$top/$program" "$top/$program.c" "$archive" \
			-pthread $(pkg-config --libs libnl-genl-3.0) 2>"$top/log"
		ok "${page##*/}: $program.c is a program" || sed 's/^/# /' "$top/log"
		echo "$program" >>"$top/programs"
		case $program in
		claim|irqs)
			# The backend without a module has no claims.
			"$top/$program" memfd >"$top/log" 2>&1
			is "and runs" "1 Operation not supported (claim-unsupported)" \
				"$? $(cat "$top/log")"
			;;
		*)
			"$top/$program" >"$top/log" 2>&1
			ok "and runs" || sed 's/^/# /' "$top/log"
			[ -s "$top/log" ]
			ok "and shows something"
			;;
		esac
	done
done
[ "$(wc -l <"$top/programs")" -gt 10 ]
ok "there are programs"

# Compare with the command's help: common OPTIONS apply to all commands.
commands=$("$ndshm" --help |
	sed -n '/^Commands:/,/^$/s/^  \([a-z-]\+\( [a-z]\+\)\?\).*/\1/p')
is "ndshm(1) has each command, in its order" "$commands" \
	"$(sed 's/\\-/-/g' "$pages/ndshm.1" | sed -nE 's/^\.SS ndshm ([a-z-]+( [a-z]+)?).*/\1/p')"
while read -r command; do
	read -ra words <<<"$command"
	described=$(sed 's/\\-/-/g' "$pages/ndshm.1" | awk -v command="${words[0]}" '
		/^\.S[HS]/ { here = $2 == "OPTIONS" || ($2 == "ndshm" && $3 == command) }
		here' | grep -oE '\-\-[a-z-]+' | sort -u)
	is "and each option of ndshm $command" "" "$(comm -23 \
		<("$ndshm" "${words[@]}" --help | grep -oE '^ .{5}--[a-z-]+' | sed 's/.*--/--/' |
		  sort -u) <(echo "$described"))"
done <<<"$commands"
is "ndshm-82574(1) has each option" "$("$example" --help | grep -oE '^ .{5}--[a-z-]+' | sed 's/.*--/--/' | sort)" \
	"$(section "$pages/ndshm-82574.1" OPTIONS | grep -oE '^ {7}(-., )?--[a-z-]+' | sed 's/.*--/--/' | sort)"

is "pages are of this library" "" \
	"$(grep -LE '^\.TH [a-z_]+(-82574)? [1-9] [0-9]{4}-[0-9]{2}-[0-9]{2} "(lib)?ndshm @VERSION@"$' "$pages"/*.[1-9])"
end
