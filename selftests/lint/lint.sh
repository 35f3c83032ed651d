#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What can be found without running anything. Each check is a function that
# prints what is wrong; silence is a pass. Last line: N passed, N failed.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/../vm/lib.sh"

here=$(cd "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
vm=$top/selftests/vm
build=${BUILD:-$top/build}

"$vm/packages.sh" lint
keep_objects
source=$("$vm/kernels.sh" source 6.12)
for kernel in 6.1 6.12; do "$vm/kernels.sh" headers "$kernel" >/dev/null; done
cd "$top"

kernel_files() { git ls-files 'kernel/*.[ch]' 'kernel/**/*.[ch]'; }

# checkpatch does not know that one file of this module may test versions, and
# that a uapi header cannot use BIT(). Generated files are the generator's. It takes a minute
# and more: a file that was clean is not read again until it, or checkpatch, is another one.
check_checkpatch() {
	local file ignore wrong clean
	mkdir -p "$cache/checkpatch"
	find "$cache/checkpatch" -type f -mtime +30 -delete
	{ kernel_files; git ls-files 'uapi/*.h' 'selftests/*.[ch]' 'selftests/**/*.[ch]' 'Documentation/examples/*.c'; } |
	grep -v -e netlink/gen -e ndshm_netlink.h | sort -u |
	while read -r file; do
		ignore=FILE_PATH_CHANGES,EMBEDDED_FILENAME
		case $file in
		kernel/base/compat.h) ignore+=,LINUX_VERSION_CODE,CONSTANT_COMPARISON ;;
		# Texts are in one piece.
		uapi/reason_rows.h) ignore+=,LONG_LINE ;;
		uapi/*) ignore+=,BIT_MACRO ;;
		# Names that are NDIS's, whose types it takes for factors.
		kernel/include/ndshm/ndis*|kernel/ndis/*|kernel/tests/ndis/*|kernel/tests/kunit/ndis.c|\
		kernel/prototypes/edu/*|kernel/prototypes/reserved/*|Documentation/examples/ndshm_example_ndis.c)
			ignore+=,CAMELCASE,NEW_TYPEDEFS,SPACING,LINE_SPACING
			[[ $file != kernel/tests/* ]] || ignore+=,MACRO_ARG_REUSE,MACRO_WITH_FLOW_CONTROL ;;
		selftests/bench/mod/blocks.c) ignore+=,CAMELCASE ;;
		selftests/*) ignore+=$(cat "$here/checkpatch-selftests") ;;
		esac
		clean=$cache/checkpatch/$({ echo "$file $ignore"; cat "$file" "$source/scripts/checkpatch.pl"; } |
			sha256sum | cut -d' ' -f1)
		if [[ -e $clean ]]; then
			touch "$clean"
			continue
		fi
		wrong=$(perl "$source/scripts/checkpatch.pl" --no-tree --strict --terse --no-summary \
			--ignore "$ignore" -f "$file" 2>&1) || true
		if [[ $wrong ]]; then echo "$wrong"; else touch "$clean"; fi
	done
}

check_kernel_doc() {
	local file
	{ kernel_files; git ls-files 'uapi/*.h'; } | grep -v -e netlink/gen -e ndshm_netlink.h |
	while read -r file; do
		"$source/scripts/kernel-doc" -none -Wall "$file" 2>&1 || true
	done
	# What others can call is described where they look for it.
	git ls-files 'kernel/*.c' | grep -v '^kernel/tests/' |
		xargs sed -n '/^#ifdef NDSHM_TEST_MODULES/,/^#endif/d; s/^EXPORT_SYMBOL_GPL(\(.*\));/\1/p' |
	while read -r symbol; do
		grep -qE "^ \* $symbol(\(\))? - " kernel/include/ndshm/*.h || echo "$symbol: has no kernel-doc in kernel/include"
	done
}

# Warnings of one compilation of the module: W=1 and sparse, ordinary and test build. Where
# `make check` finds it, which has nothing to compile then.
compile() {
	local name=$1 out=$build/modules/$1$2
	shift 2
	rm -rf "$out"
	make -C "$top" -j"$(nproc)" modules MODULE_DIR="$out" KDIR="$("$vm/kernels.sh" headers "$name")" \
		W=1 C=2 "$@" 2>&1 >/dev/null | grep -v -e '^make' -e BTF || true
	[[ -f $out/ndshm.ko ]] || echo "ndshm.ko was not built for $name"
}
check_module_6_1() { compile 6.1 ''; }
check_module_6_12() { compile 6.12 ''; }
check_module_test_6_12() { compile 6.12 -test NDSHM_TEST=1 NDSHM_TEST_MODULES=1 NDSHM_PROTOTYPES=1; }
check_module_test_6_1() { compile 6.1 -test NDSHM_TEST=1 NDSHM_TEST_MODULES=1 NDSHM_PROTOTYPES=1; }

# A 32-bit and a big-endian kernel are refused, in words; others and `make clean` are not.
check_kernel_bits() {
	local said config
	said=$(make --no-print-directory -f Kbuild src=. CONFIG_MODULES=y 2>&1) || true
	grep -q 'ndshm: this kernel is a 32-bit one' <<<"$said" || echo "a 32-bit kernel: $said"
	said=$(make --no-print-directory -f Kbuild src=. CONFIG_MODULES=y CONFIG_64BIT=y CONFIG_CPU_BIG_ENDIAN=y 2>&1) || true
	grep -q 'ndshm: this kernel is big-endian' <<<"$said" || echo "a big-endian kernel: $said"
	for config in CONFIG_MODULES= 'CONFIG_MODULES=y CONFIG_64BIT=y'; do
		# shellcheck disable=SC2086 # words
		said=$(make --no-print-directory -f Kbuild src=. $config 2>&1) || true
		! grep -E '32-bit|big-endian' <<<"$said" || echo "$config: refused"
	done
}

# device, ndis, providers and prototypes know the module through kernel/include only. Excepted are files that
# implement public calls or ioctls: see rooms.py.
check_house() {
	git ls-files 'kernel/providers/*' 'kernel/ndis/*' 'kernel/prototypes/*' 'kernel/device/*' |
		grep -vE '^kernel/(device/claim|device/claim_ioctl|ndis/packet|ndis/request)\.[ch]$' |
		xargs grep -nE '#include "\.\./' | grep -v '^kernel/device/[^:]*:[0-9]*:#include "\.\./bus\.h"$' || true
	# Drivers that were written for NDIS need three of our names at most, and one more in the part
	# that Linux adds to send OID requests. The part that was written for Windows needs none.
	grep -noiE '\bndshm_[a-z0-9_]+|<(linux/)?ndshm[a-z_/]*\.h>' kernel/prototypes/{edu,reserved}/*.[ch] |
		grep -vE ':(ndshm_ndis_(open|close|serve_clients)|<ndshm/ndis\.h>)$' || true
	grep -noiE '\bndshm_[a-z0-9_]+' kernel/tests/ndis/vmq_linux.c | grep -vE ':ndshm_ndis_(open|close|oid)$' || true
	grep -niE 'ndshm|linux' kernel/tests/ndis/vmq.[ch] |
		grep -vE ':( \*|/\*|#include <ndshm/ndis_port\.h>$)' || true
	grep -q 'include <ndshm/ndis_port.h>' kernel/tests/ndis/vmq.h || echo 'vmq.h does not use ndis_port.h'
	# Pure logic can be tested alone.
	grep -nE '#include <linux/(fs|file|miscdevice|netlink|pci|device)|#include <net/' \
		kernel/base/reason.c kernel/base/params.[ch] kernel/adapter/queue_state.[ch] || true
	# Versions are compat.h's affair.
	kernel_files | grep -v base/compat.h | xargs grep -n LINUX_VERSION_CODE || true
	# Memory of dma_alloc_coherent() is shown by its frames, found in one place, and has no page.
	grep -HnE 'virt_to_page|virt_to_phys|dma_to_phys|vmalloc_to_p|pfn_to_page|dma_get_sgtable|__pa\(|dma_mmap' \
		kernel/providers/coherent*.c | grep -v '^[^:]*:[0-9]*: \*' || true
	grep -q ndshm_kernel_pfn kernel/providers/coherent.c || echo 'coherent does not use ndshm_kernel_pfn'
}

# Arrows between the folders of the module.
check_rooms() {
	local folder=Documentation/hacking

	{ "$folder/rooms.py" --names --way "$folder/rooms.rst" --check "$folder/rooms.svg" >/dev/null; } 2>&1 ||
		echo 'see Documentation/hacking/rooms.rst'
}

# A file is found by its name: no two folders of the module have a source file of the same one, and its first
# comment says what it is.
check_file_names() {
	git ls-files 'kernel/*.c' | grep -vE '^kernel/(tests|prototypes)/' | sed 's,.*/,,' | sort | uniq -d |
		sed 's/$/: in several folders/'
	git ls-files 'kernel/*.[ch]' | grep -vE '^kernel/(tests|prototypes)/' | while read -r file; do
		sed -n 2p "$file" | grep -qE '^(/\*|//)' || echo "$file: does not begin with a comment"
	done
}

check_spdx() {
	git ls-files | grep -vE '(^|/)COPYING$|/checkpatch-selftests$' | while read -r file; do
		head -3 "$file" | grep -q SPDX-License-Identifier || echo "$file: no SPDX line"
	done
}

check_netlink_generated() {
	Documentation/netlink/generate.sh "$source" --check >/dev/null 2>&1 ||
		echo 'netlink code is not what the specification generates: run Documentation/netlink/generate.sh'
}

check_status() {
	uapi/generate-status.sh --check ||
		echo 'constants of reasons are not what reason_rows.h generates: run uapi/generate-status.sh'
	grep '^``[a-z-]*``\(, ``[a-z-]*``\)*$' Documentation/use/troubleshooting.rst | grep -o '[a-z][a-z-]*' |
		while read -r name; do
			grep -q "\"$name\"" uapi/reason_rows.h userlib/src/reason.c || echo "troubleshooting.rst: no reason is named $name"
		done
}

# Titles are as the names are, which mandoc would have in capitals.
check_man() {
	git ls-files 'userlib/man/*.[1-9]' | xargs mandoc -T lint 2>&1 |
		grep -v 'lower case character in document title' || true
	[[ $(git ls-files 'userlib/man/*.[1-9]' | wc -l) -gt 20 ]] || echo 'there are no manual pages'
}

# References and what is shown of the sources: a passage that is no longer found is an error.
check_documentation() {
	make -s docs BUILD="$build/lint"
	[[ -e $build/lint/doc/index.html ]] || echo 'no page was made'
}

# Each exported symbol and each function of the library has a description on a page.
check_api_pages() {
	local wrong
	wrong=$(python3 Documentation/api.py --check) || echo "$wrong"
}

# What the level interop compares its results with is what the page shows.
check_consumers() { selftests/interop/table.sh --check || echo 'run selftests/interop/table.sh'; }

check_named_tests() { selftests/lint/check-named-tests.sh || echo 'see Documentation/hacking/pitfalls.rst'; }

# Messages of the commits that are not upstream.
check_commits() { selftests/lint/check-commits.sh || echo 'see Documentation/hacking/contributing.rst'; }

# Each file has a room, and each room has a status, a subject, files and a test.
check_maintainers() {
	local -a rooms
	local rows=Documentation/hacking/MAINTAINERS
	mapfile -t rooms < <(sed -n 's/^F:[[:blank:]]*//p' "$rows")
	diff <(git ls-files | sort) <(git ls-files -- "${rooms[@]}" | sort) | sed -n 's/^< \(.*\)/\1: in no room of MAINTAINERS/p'
	sed '1,/^# ---$/d' "$rows" | awk -v RS= '{
		for (i = split("S D F T", tag, " "); i; i--)
			if ($0 !~ "\n" tag[i] ":\t[^\n]") print $1 " " $2 ": has no " tag[i] ":" }'
}

# What the headers define under NDIS's names, the compiler is asked about.
check_ndis_names() { selftests/lint/check-ndis-names.sh; }

# Words for ends, see rooms.rst.
check_ends() { selftests/lint/check-ends.sh; }

# Words with a replacement in retired-names.
check_names() {
	git ls-files '*.[ch]' '*.md' '*.rst' 'userlib/man/*.[1-9]' | xargs selftests/lint/check-names.pl
}

# Holes and 32-bit layout of every structure of the ABI.
check_abi_layout() {
	local bits
	mkdir -p "$build/lint"
	for bits in 64 32; do
		printf '#include <linux/ndshm.h>\n%s\n' "$(sed -n 's/^struct \(ndshm_[a-z0-9_]*\) {.*/struct \1 v_\1;/p' uapi/linux/ndshm.h)" |
			gcc -m$bits -g -c -x c -I uapi -o "$build/lint/abi-$bits.o" - || echo "not compiled with -m$bits"
		pahole "$build/lint/abi-$bits.o" 2>/dev/null | grep -v cacheline >"$build/lint/abi-$bits.txt"
	done
	grep -c '^struct ndshm_' "$build/lint/abi-64.txt" >/dev/null || echo 'pahole shows no structure'
	grep -nE 'XXX|hole|padding' "$build/lint/abi-64.txt" "$build/lint/abi-32.txt" || true
	diff "$build/lint/abi-64.txt" "$build/lint/abi-32.txt" || true
}

# User space, with both compilers and without a warning.
# The binary interface of the library, with its types, as in userlib/libndshm.abi: a change, also a
# new symbol, changes that file in the same commit. Only for the kind of machine that it is of.
check_user_abi() {
	[[ $(uname -m) == x86_64 ]] || return 0
	local out=$build/lint/user-abi wanted=userlib/libndshm.abi library
	library=$out/libndshm.so.$(sed -n 's/^VERSION := //p' Makefile)
	make -C userlib BUILD="$out" "$library" >/dev/null 2>&1 || { echo 'the library was not built'; return; }
	abidw --no-corpus-path --no-comp-dir-path --no-show-locs --no-parameter-names --no-elf-needed \
		--exported-interfaces-only --drop-private-types --type-id-style hash \
		--headers-dir userlib/include --headers-dir uapi "$library" |
		sed -E -e '1a <!-- SPDX-License-Identifier: LGPL-2.1-or-later -->' -e "s#path='[^']*/#path='#" >"$out/libndshm.abi"
	abidiff --no-default-suppression "$wanted" "$out/libndshm.abi" && return
	echo "if the change is wanted: cp $out/libndshm.abi $wanted"
}

check_user_gcc() { user_build gcc "$build/user"; }
check_user_clang() { user_build clang "$build/lint/user-clang"; }
# All warnings of clang on the library, except those that do not suit it: kernel-doc and names with
# ndshm__, padding, atomic operations of the default order, conversions between types of integers and
# pointers whose values are checked before, and declarations, loops and pointers as in the kernel's C.
check_user_everything() {
	local file nl flags=(-std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -pthread -fsyntax-only
		-Iuserlib/include -Iuapi -Weverything -Wno-unknown-warning-option
		-Wno-documentation-unknown-command -Wno-reserved-identifier -Wno-reserved-macro-identifier
		-Wno-padded -Wno-atomic-implicit-seq-cst -Wno-shorten-64-to-32 -Wno-sign-conversion
		-Wno-implicit-int-conversion -Wno-cast-align -Wno-cast-qual -Wno-bad-function-cast
		-Wno-declaration-after-statement -Wno-switch-default -Wno-unsafe-buffer-usage
		-Wno-pre-c11-compat)
	read -ra nl <<<"$(pkg-config --cflags libnl-genl-3.0)"
	for file in userlib/src/*.c; do
		clang "${flags[@]}" "${nl[@]}" "$file"
	done
}
user_build() {
	local out=$2
	rm -rf "$out"
	{
		make -C userlib CC="$1" BUILD="$out" all &&
		make -C userlib/examples CC="$1" BUILD="$out" all
	} 2>&1 >/dev/null | grep -v '^make' || true
	[[ -x $out/ndshm ]] || echo "the command was not built with $1"
}

check_selftests() {
	local compiler out
	for compiler in gcc clang; do
		out=$build/selftests/programs
		[[ $compiler == gcc ]] || out=$build/lint/selftests-$compiler
		rm -rf "$out"
		mkdir -p "$out"
		make -C selftests KSELFTEST_DIR="$source/tools/testing/selftests" OUTPUT="$out" \
			LLVM="${compiler#gcc}" TEST_GEN_MODS_DIR= -j2 all 2>&1 >/dev/null |
			grep -v '^make' || true
		[[ -x $out/abi ]] || echo "the tests were not built with $compiler"
	done
}

check_shell() {
	git ls-files | while read -r file; do
		case $file in *.sh) echo "$file" ;; *) head -c 20 "$file" 2>/dev/null | grep -qa '^#!/bin/\(ba\)\?sh' && echo "$file" ;; esac
	done | xargs -r shellcheck -x -P SCRIPTDIR -S warning || true
}

# One check, and whether it passed, in a file of its own.
run() {
	local wrong
	wrong=$("$1" 2>&1) || wrong+=" (the check itself failed)"
	if [[ $wrong ]]; then
		printf 'not ok - %s\n%s\n' "${1#check_}" "$wrong"
	else
		printf 'ok - %s\n' "${1#check_}"
	fi >"$results/$1"
}

# What is under way ends with us: background jobs do not hear of Ctrl-C.
# shellcheck disable=SC2317
end_checks() {
	local -a left
	mapfile -t left < <(jobs -rp)
	[[ ${#left[@]} -eq 0 ]] || { kill -- "${left[@]/#/-}" 2>/dev/null; wait; } || true
	rm -rf "$results"
}

# What is built anew must not be what a run of the tests has in use.
mkdir -p "$build"
exec {lock}>"$build/levels.lock"
flock -n "$lock" || { echo "a run of the tests is under way in $build: wait for it, or set BUILD" >&2; exit 1; }

results=$(mktemp -d)
trap end_checks EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# The longest first, so that none is left alone at the end.
mapfile -t checks < <(
	printf 'check_%s\n' selftests shell checkpatch
	declare -F | sed -n 's/^declare -f \(check_\)/\1/p' | grep -vxE 'check_(selftests|shell|checkpatch)'
)
for check in "${checks[@]}"; do
	while [[ $(jobs -rp | wc -l) -ge $(nproc) ]]; do wait -n || true; done
	# In a group of its own, so that it can be ended with all that it started.
	set -m
	run "$check" {lock}>&- &
	set +m
done
wait
cat "${checks[@]/#/$results/}"
passed=$(head -qn 1 "${checks[@]/#/$results/}" | grep -c '^ok ') || true
failed=$((${#checks[@]} - passed))
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
