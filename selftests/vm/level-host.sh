# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What check.sh builds, and the functions of the commands in levels.table that are run on the
# host. They use check.sh's variables.
# shellcheck disable=SC2154

# Minimum coverage of the module (%): less means that some test has been left
# out.
least_coverage=85

# strip_modules DIRECTORY: copy the modules below it to DIRECTORY/stripped without debug
# information, which is most of their size and would be copied at each load.
strip_modules() {
	local directory=$1 strip=strip
	[[ $arch != arm64 ]] || strip=aarch64-linux-gnu-strip
	rm -rf -- "$directory/stripped"
	mkdir -- "$directory/stripped"
	# All in one call: cross.sh takes a second to find the compiler.
	(cd -- "$directory" && find . -path ./stripped -prune -o -name '*.ko' -exec cp --parents -t stripped -- {} +) &&
	find "$directory/stripped" -name '*.ko' -exec "${cross[@]}" "$strip" --strip-debug -- {} +
}

# build_module DIRECTORY [VARIABLE]...: the module for $kernel, in modules/DIRECTORY.
build_module() {
	local headers
	headers=$("$here/kernels.sh" headers "$kernel") || return 1
	"${cross[@]}" make -C "$top" -j"$(nproc)" modules KDIR="$headers" MODULE_DIR="$BUILD/modules/$1" "${@:2}" &&
	strip_modules "$BUILD/modules/$1"
}
# For stock kernels build the module twice, the second time with the test modules, because the
# ordinary build must not contain code for tests only. As `make lint` builds them.
build_modules() {
	local -a switches=(NDSHM_TEST=1 NDSHM_TEST_MODULES=1 NDSHM_PROTOTYPES=1)
	case $stage in
	# The ordinary one is that of `make demo`.
	test)	build_module "$kernel" && build_module "$kernel-test" NDSHM_TEST=1 NDSHM_TEST_MODULES=1 ;;
	stock)	build_module "$kernel" W=1 && build_module "$kernel-test" W=1 "${switches[@]}" ;;
	debug)	build_module "$kernel" "${switches[@]}" NDSHM_COVERAGE=1 ;;
	arm64)	build_module "$kernel" W=1 "${switches[@]}" ;;
	esac
}
# The programs that `make test` runs.
core_programs='abi_layout abi block mmap_rules locks section extent provider ndis dma_edu'
# The same programs for every kernel, and a list of them.
build_selftests() {
	[[ $stage != test ]] || local -x NDSHM_ONLY=$core_programs
	"${cross[@]}" make -C "$top/selftests" -j"$(nproc)" KSELFTEST_DIR="$kselftest" OUTPUT="$programs" all &&
	selftests_list >"$programs.list"
}
selftests_list() {
	"${cross[@]}" make --no-print-directory -s -C "$top/selftests" KSELFTEST_DIR="$kselftest" OUTPUT="$programs" emit_tests | sed 's/.*://'
}
# The programs that run on $kernel: all, or with SHARD=N half of them, and `random`; of arm64 an
# eighth.
kernel_list() {
	local part='' of=2
	[[ $stage != arm64 ]] || of=8
	if [[ $shard ]]; then
		part=$((shard % of))
		[[ $kernel == "${kernels[0]}" ]] || part=$((of - 1 - part))
	fi
	selftests_list | awk -v part="$part" -v of="$of" 'part == "" || NR % of == part || $0 == "random" && of == 2'
}
build_user() { "${cross[@]}" make -C "$top/userlib" -j"$(nproc)" BUILD="$BUILD/user" "$1"; }
# Levels on stock kernels use the examples, too.
build_userlib() {
	if [[ $stage == stock ]]; then make -C "$top" -j"$(nproc)" userlib; else build_user all; fi
}
build_library_tests() {
	make --no-print-directory -s -C "$top/userlib" -j"$(nproc)" BUILD="$BUILD/plain" watch_library= watch_tests= fork_watch= \
		library-tests >"$logs/library-tests"
}
build_command_tests() { build_user command-tests; }
# They use the bindings of Python and Rust, which are built for the host's architecture only.
build_module_tests() { [[ $arch ]] || build_user module-tests; }
# The library's allocator on sections of the module.
build_heap() { make -C "$top/userlib/bench" -j"$(nproc)" BUILD="$BUILD/bench/heap"; }
# The example server and its tests, built as for the check of the examples.
build_server_tests() { make -C "$top/userlib/examples" -j"$(nproc)" BUILD="$BUILD/user" server-tests; }
build_interop() {
	local files
	files=$("$here/kernels.sh" files libdpdk-dev) &&
	make -C "$top/selftests/interop" BUILD="$BUILD/interop" LIBRARY="$BUILD/user" DPDK="$files"
}
# What can be built, in this order; a name with a slash for each kernel.
build_order=(userlib library-tests command-tests '*/modules' selftests module-tests heap server-tests interop)

# need_of_level: add what the level needs to packages[] and builds[], and its kernel to used_kernels[].
declare -A packages=() builds=() used_kernels=()
need_of_level() {
	local need
	planned=$((planned + 1))
	if [[ $kernel ]]; then
		used_kernels[$kernel]=1 packages[$group]=1
		[[ $kernel != *-@(debug|64k) ]] || packages[debug]=1
		[[ ! $arch ]] || packages[arm64]=1
	fi
	for need in ${row_needs//,/ }; do
		case $need in
		-)	;;
		+*)	packages[${need#+}]=1 ;;
		*)	[[ " ${build_order[*]#*/} " == *" $need "* ]] || die "levels.table: $name: nothing builds $need"
			builds[$need]=1 builds[$kernel/$need]=1 ;;
		esac
	done
}

build_all() {
	local name kernel
	at "packages: ${!packages[*]}"
	"$here/packages.sh" "${!packages[@]}"
	keep_objects
	if [[ ${#used_kernels[@]} -gt 0 ]]; then
		source=$("$here/kernels.sh" source 6.12)
		kselftest=$source/tools/testing/selftests programs=$BUILD/selftests/programs
	fi
	for kernel in "${!used_kernels[@]}"; do "$here/kernels.sh" dir "$kernel" >/dev/null; done
	for name in "${build_order[@]}"; do
		if [[ $name != \*/* ]]; then
			[[ ! ${builds[$name]:-} ]] || must "$name" "build_${name//-/_}"
			continue
		fi
		name=${name#*/}
		for kernel in "${kernels[@]}"; do
			[[ ! ${builds[$kernel/$name]:-} ]] || must "$name for $kernel" "build_$name"
		done
	done
}

# What levels on $kernel use; on stock kernels both builds of the module.
kernel_variables() {
	local modules=$BUILD/modules/$kernel tests=$BUILD/modules/$kernel
	if [[ $stage == arm64 ]]; then
		export NDSHM_TEST_KO=$tests/stripped/ndshm.ko
	elif [[ $stage == @(test|stock) ]]; then
		tests+=-test
		export NDSHM_TEST_KO=$tests/stripped/ndshm.ko
	else
		export NDSHM_KUNIT=$tests/stripped/kernel/tests/ndshm_kunit.ko
		export NDSHM_COVERAGE=$tests/stripped/kernel/tests/ndshm_coverage.ko
	fi
	export NDSHM_BUILD=$BUILD NDSHM_PROGRAMS=$programs NDSHM_KO=$modules/stripped/ndshm.ko
	export NDSHM_YNL=$source/tools/net/ynl
	export NDSHM_MOCK=$tests/stripped/kernel/tests/ndshm_mock.ko
	export NDSHM_PROTOTYPES=$tests/kernel/prototypes NDSHM_PROTOTYPE=$tests/kernel/prototypes/82574/ndshm_82574.ko
}

level_readme() { "$here/readme.sh"; }
level_package() { "$top/userlib/packaging/test.sh"; }
level_package_boot() { "$top/userlib/packaging/boot.sh"; }
level_interop() { guest -- env INTEROP="$BUILD/interop" "$top/selftests/interop/interop.sh"; }
level_bench() {
	make -C "$top/selftests/bench" BUILD="$BUILD/bench/$kernel" KDIR="$("$here/kernels.sh" headers "$kernel")" \
		NDSHM="$BUILD/modules/$kernel-test" all && echo "ok 1 - the benchmark compiles for $kernel"
}
level_compile_all() { "$here/compile-all.sh"; }

level_switches() {
	if modinfo -p "$BUILD/modules/$kernel/ndshm.ko" | grep -i test; then
		echo 'not ok 1 - the ordinary build has no test switch'
	elif ! modinfo -p "$BUILD/modules/$kernel-test/ndshm.ko" | grep -q '^test_'; then
		echo 'not ok 1 - the test build has test switches'
	elif grep -qa ndshm_request_in_between "$BUILD/modules/$kernel/ndshm.ko"; then
		echo 'not ok 1 - the ordinary build exports nothing for tests'
	else
		echo 'ok 1 - only the test build has test switches'
	fi
}

# The kselftest programs alone, and on 6.12 as a target of the kernel's own selftests, whose
# runner must find all of them. The kernel source is a tree of links, so that the cache stays
# unchanged.
level_kselftest() {
	local tree=$BUILD/linux/${source##*/} out=$BUILD/selftests/tree only how=
	# In a condition, where `set -e` is not in force: without names all or no programs would run.
	only=$(kernel_list) && [[ $only ]] || return 1
	export NDSHM_ONLY=${only//$'\n'/ }
	if [[ $kernel != 6.12 ]]; then
		[[ $stage != arm64 ]] || how=direct
		guest -- "$here/check-guest.sh" "$kselftest" "$programs" $how
		return
	fi
	[[ -d $tree ]] || { rm -rf "$BUILD/linux" && mkdir "$BUILD/linux" && cp -as "$source" "$tree.new" && mv "$tree.new" "$tree"; }
	rm -rf "$out"
	ln -sfn "$top/selftests" "$tree/tools/testing/selftests/ndshm" &&
	make -C "$tree/tools/testing/selftests" TARGETS=ndshm NDSHM_ONLY= O="$out" NDSHM_SRC="$top" all || return 1
	guest -- "$here/check-guest.sh" "$tree/tools/testing/selftests" "$out" tree | tee "$out.log"
	[[ ${PIPESTATUS[0]} -eq 0 ]] || return 1
	if diff <(sort <<<"$only") \
		<(without_lost <"$out.log" | sed -n 's/^\(not \)*ok [0-9]* selftests: .*: \([a-z_0-9]*\).*/\2/p' | sort); then
		echo 'ok - all programs ran in the kernel tree'
	else
		echo 'not ok - all programs ran in the kernel tree'
	fi
}

# With the LSA calls of the library on the module.
level_core() {
	local -x NDSHM_ONLY=$core_programs
	# shellcheck disable=SC2016
	guest -- bash -c 'selftests/vm/check-guest.sh - "$NDSHM_PROGRAMS" direct && insmod "$NDSHM_KO" &&
		NDSHM_TEST_BACKEND=/dev/ndshm "$NDSHM_BUILD/plain/tests/lsa"'
}
level_library_plain() {
	local -a commands
	mapfile -t commands <"$logs/library-tests"
	"$top/userlib/tests/run.sh" "${commands[@]}"
}

# The tests of the library, and those of it with the module, in a guest. They are built without
# sanitizers, which the compiler for another architecture does not have.
level_library_in_guest() {
	local commands
	commands=$("${cross[@]}" make --no-print-directory -s -C "$top/userlib" -j"$(nproc)" BUILD="$BUILD/plain" \
		watch_library= watch_tests= fork_watch= library-tests) && [[ $commands ]] || return 1
	mapfile -t commands <<<"$commands"
	# shellcheck disable=SC2016
	guest -- bash -c 'tests=$1; shift; userlib/tests/run.sh "$@" && insmod "$NDSHM_KO" && userlib/tests/module.sh "$tests"' \
		- "$BUILD/plain/tests" "${commands[@]}"
}

# The share of the library's lines that its own tests run; the table is in the
# log.
level_library_coverage() {
	make --no-print-directory -C "$top/userlib" BUILD="$BUILD/user" coverage UNCOVERED=1 || return 1
	echo 'ok 1 - the tests of the library run more than 90 % of its lines'
}

# W=1 and, if the kernel accepts the installed version, sparse: like `make lint` on the stock
# kernels.
level_compiles() {
	local out=$BUILD/modules/$kernel-plain
	# Existing objects would not be compiled again, and so would not cause
	# warnings.
	rm -rf "$out"
	make -C "$top" -j"$(nproc)" modules KDIR="$("$here/kernels.sh" headers "$kernel")" \
		MODULE_DIR="$out" W=1 C=2 NDSHM_PROTOTYPES=1 2>"$out.warnings" >/dev/null || true
	if grep -q 'C=2 specified, but' "$out.warnings"; then
		echo "ok 1 - sparse # SKIP $kernel wants a newer one"
	fi
	sed -i -e '/^make/d' -e /BTF/d -e '/C=2 specified, but/d' "$out.warnings"
	cat "$out.warnings"
	if [[ -f $out/ndshm.ko && ! -s $out.warnings ]]; then
		echo "ok 2 - the module compiles without a warning for $kernel"
	else
		echo "not ok 2 - the module compiles without a warning for $kernel"
	fi
}

# once FUNCTION: a test of the rig itself. With SHARD it is skipped until the rig, the modules
# that make the mistakes, or the kernel have changed.
once() {
	local name=${1#level_} code=0 passed inputs
	passed=$cache/passed/$name-$kernel
	inputs=$(cd -- "$top" && {
		git ls-files -z selftests/vm selftests/self_check.sh selftests/baseline.c selftests/lib/ndshm_debug.c kernel/tests/mock |
			xargs -0 sha256sum
		"$here/kernels.sh" dir "$kernel"
		"$("$here/emulator.sh" "$("$here/accel.sh")")" --version
	} | sha256sum)
	if [[ $shard && $(cat -- "$passed" 2>/dev/null) == "$inputs" ]]; then
		echo "ok 1 - $name # SKIP it passed before, and all of it is as it was"
		return
	fi
	mkdir -p -- "${passed%/*}"
	"$1" | tee -- "$passed.$$" || code=$?
	[[ $code -ne 0 ]] || grep -qE '^(# )*not ok ' "$passed.$$" || printf '%s\n' "$inputs" >"$passed"
	rm -f -- "$passed.$$"
	return "$code"
}

# ends_with CODE ERE WHAT NAME ARG...: run guest NAME; run.sh must exit with CODE, and the kernel
# log must contain ERE.
ends_with() {
	local want=$1 words=$2 what=$3 dir=debug-$kernel-$4 code=0
	guest --name "$dir" "${@:5}" || code=$?
	if [[ $code -ne $want ]]; then
		echo "not ok - $what: exit $code, not $want"
	elif ! grep -qaE -- "$words" "$cache/runs/$dir/console.log"; then
		echo "not ok - $what: the kernel log does not have '$words'"
	else
		echo "ok - $what"
	fi
}
level_self_check() {
	ends_with 123 'self_check: all 9 mistakes were made' 'what is in the kernel log fails the run' \
		self_check --append panic_on_warn=0 --append kasan_multi_shot -- "$top/selftests/self_check.sh"
}
level_ends() {
	ends_with 125 'panic_on_warn|Kernel panic.*KASAN' 'a kernel that panics fails the run' \
		self_check-dead --append panic_on_warn=1 -- "$top/selftests/self_check.sh" kasan
	ends_with 124 'self_check: hang' 'a kernel that hangs fails the run' \
		self_check-hang --timeout 60 -- "$top/selftests/self_check.sh" hang
}

# keep_corpus CODE: keep the programs that a random driver found, because the next run overwrites its
# run directory.
keep_corpus() {
	local run_dir=$cache/runs/$run-${name//\//-} keep=$BUILD/fuzz/$kernel
	[[ -d $run_dir/guest/corpus ]] || return 0
	mkdir -p "$keep" && cp -n "$run_dir"/guest/corpus/* "$keep/" 2>/dev/null || true
	[[ $1 -eq 0 ]] || cp "$run_dir/console.log" "$keep/console.$(date +%s).log" || true
}

# Coverage of all guests of this run, with the list of what was not reached.
level_coverage() {
	local report=$logs/$kernel/coverage.txt percent
	local -a hits
	mapfile -t hits < <(find "$cache/runs" -path "*/debug-$kernel-*/guest/coverage" -newer "$logs/began")
	"$top/selftests/coverage/report.py" --missing "$BUILD/modules/$kernel/ndshm.ko" "${hits[@]}" >"$report" ||
		return 1
	sed 's/^/# /' "$report"
	percent=$(awk '/^total / { print $NF + 0 }' "$report")
	if awk "BEGIN { exit !($percent > $least_coverage) }"; then
		echo "ok 1 - $percent % of the call sites of the module were reached"
	else
		echo "not ok 1 - $percent % of the call sites of the module were reached, not over $least_coverage"
	fi
}
