#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Run all tests on debug kernels (built once from the distribution's source, see debug.config):
# KUnit, the kselftest programs, failing allocations, storms, fuzzing; then report how much of
# the module was reached. Last line: N passed, N failed. KERNELS="6.12-debug 7.2-debug" selects
# kernels, LEVELS="..." selects levels by name, LOT=N runs each level on one of the kernels,
# every second program, and no coverage, JOBS=1 runs one level at a time, FUZZ_SECONDS=N is the
# duration of the fuzzing, KILLS=N UNBINDS=N adds a storm, NDSHM_PERCENT=N scales the rounds of
# tests that rely on chance.
set -euo pipefail

here=$(cd "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
. "$here/lib.sh"
. "$here/levels.sh"
side=1
supported=(6.12-debug 7.2-debug)
kernels=${KERNELS:-${LOT:+${supported[LOT % 2]}}}
kernels=${kernels:-${supported[*]}}
logs=$BUILD/check-debug
everywhere='ends compiles'
fuzz_seconds=${FUZZ_SECONDS:-$([[ ${LOT:-} ]] && echo 40 || echo 60)}
[[ ! ${LOT:-} ]] || export NDSHM_STRIDE=${NDSHM_STRIDE:-3} NDSHM_HALF=$((LOT / 2 % 2)) \
	NDSHM_STORM_KILLS=250 NDSHM_STORM_DEATHS=250
# Minimum coverage of the module (%): less means that some test has been left
# out.
least_coverage=85

# What needs another machine, with which the module is tested elsewhere; what has no meaning
# for a provider that nobody revokes.
may_skip='# SKIP kmemleak|sparse # SKIP 7|: lockdown|lockdown\.unisolated|segment_size|removal\.bar\.allocation|going\.unregister\.|edu\.(not_isolated|isolated|lazy_group|dirty|addresses_shown)|device\.never_bounced|pages\.node|# SKIP this kernel has no tracing|# SKIP much is done of nothing here|# SKIP it passed before'

# Rounds cost ten times as much as on a stock kernel and detect more. The long storm runs
# all of them.
storm_percent=${NDSHM_PERCENT:-100}
export NDSHM_PERCENT=${NDSHM_PERCENT:-10}

# A per-CPU list of free objects may keep the address of an object that was allocated from
# it later, which kmemleak takes for a reference. Caches with consistency checks have no
# such lists.
watched=(--append slab_debug=F)

# Recording the allocator of each object and page takes more than half of the
# time.
unwatched=(--append kmemleak=off --append page_owner=off)

build_modules() {
	local kernel=$1
	make -C "$top" -j"$(nproc)" modules KDIR="$("$here/kernels.sh" headers "$kernel")" \
		MODULE_DIR="$BUILD/modules/$kernel" NDSHM_TEST=1 NDSHM_TEST_MODULES=1 NDSHM_COVERAGE=1 \
		NDSHM_PROTOTYPES=1 &&
	strip_modules "$BUILD/modules/$kernel"
}

# The same programs for every kernel.
programs=$BUILD/selftests/programs
build_selftests() {
	make -C "$top/selftests" -j"$(nproc)" KSELFTEST_DIR="$kselftest" OUTPUT="$programs" all &&
	make --no-print-directory -s -C "$top/selftests" KSELFTEST_DIR="$kselftest" OUTPUT="$programs" emit_tests |
		sed 's/.*://' >"$programs.list" &&
	make -C "$top/selftests/fuzz" -j"$(nproc)" OUTPUT="$BUILD/selftests/fuzz"
}

build_userlib() {
	make -C "$top/userlib" -j"$(nproc)" BUILD="$BUILD/user" all &&
	make -C "$top/userlib" -j"$(nproc)" BUILD="$BUILD/user" module-tests
}

# W=1 and, if the kernel accepts the installed version, sparse: like `make lint` on the stock
# kernels.
level_compiles() {
	local kernel=$1 out=$BUILD/modules/$1-plain
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

guest() {
	local kernel=$1 name=$2
	shift 2
	"$here/run.sh" --kernel "$kernel" --name "debug-$kernel-$name" --quiet "$@"
}

# ends_with CODE ERE WHAT KERNEL NAME ARG...: run guest NAME; run.sh must exit with CODE, and
# the kernel log must contain ERE.
ends_with() {
	local want=$1 words=$2 what=$3 kernel=$4 name=$5 code=0
	shift 5
	guest "$kernel" "$name" "$@" || code=$?
	if [[ $code -ne $want ]]; then
		echo "not ok - $what: exit $code, not $want"
	elif ! grep -qaE -- "$words" "$cache/runs/debug-$kernel-$name/console.log"; then
		echo "not ok - $what: the kernel log does not have '$words'"
	else
		echo "ok - $what"
	fi
}

programs_of() {
	local kernel=$1 which=$2
	shift 2
	guest "$kernel" "$which" "${machine[@]}" "$@" --timeout 2400 -- \
		"$here/check-debug-guest.sh" "$programs" "$which"
}
level_leaks() { programs_of "$1" leaks "${watched[@]}"; }
level_kselftest() { programs_of "$1" others "${unwatched[@]}"; }

# Without an IOMMU: the rules for unisolated adapters.
level_bare() {
	guest "$1" bare --edu "${unwatched[@]}" -- sh -c "
		insmod \"\$NDSHM_COVERAGE\" && insmod \"\$NDSHM_KO\" && \"$programs/pages\" &&
		\"$programs/dma_edu\" && NDSHM_PROVIDER=2 \"$programs/dma_edu\" &&
		cat /sys/kernel/debug/ndshm_coverage >\"\$NDSHM_VM_DIR/coverage\""
}

# The library's allocator with a hostile peer, and in child processes.
level_heap() {
	NDSHM_LONG='' guest "$1" heap "${unwatched[@]}" -- sh -c "
		insmod \"\$NDSHM_COVERAGE\" && insmod \"\$NDSHM_KO\" &&
		\"$top/userlib/tests/module.sh\" \"$BUILD/user/tests\" &&
		cat /sys/kernel/debug/ndshm_coverage >\"\$NDSHM_VM_DIR/coverage\""
}

# The driver prototype, with memory that detects misuse. DMA API debugging reports
# mappings that are left at unbind. The long form also looks for leaks.
level_prototype() {
	local finders=("${unwatched[@]}")
	[[ ! $NDSHM_LONG ]] || finders=("${watched[@]}")
	NDSHM_FLOOD_DELAY=5000000 \
	NDSHM_ROUNDS=$([[ $NDSHM_LONG ]] && echo 100 || echo 1) NDSHM_STEP=$([[ $NDSHM_LONG ]] && echo 1 || echo 97) \
	NDSHM_SECONDS=$([[ $NDSHM_LONG ]] && echo 20 || echo 2) NDSHM_PROGRAMS=$programs \
	NDSHM_PROTOTYPE=$BUILD/modules/$1/kernel/prototypes/82574/ndshm_82574.ko \
		guest "$1" prototype --iommu --wire "${third_card[@]}" "${finders[@]}" --timeout "$([[ $NDSHM_LONG ]] && echo 36000 || echo 1500)" -- sh -c "
		insmod \"\$NDSHM_COVERAGE\" && \"$top/selftests/traffic/prototype.sh\" &&
		cat /sys/kernel/debug/ndshm_coverage >\"\$NDSHM_VM_DIR/coverage\""
}

# A provider of memory without struct pages, and two drivers that use it.
level_reserved() {
	NDSHM_STEP=$([[ $NDSHM_LONG ]] && echo 1 || echo 997) NDSHM_PROGRAMS=$programs \
	NDSHM_PROTOTYPES=$BUILD/modules/$1/kernel/prototypes \
		guest "$1" reserved --iommu --wire --edu "${unwatched[@]}" --append 'memmap=128M$0x40000000 memmap=16M$0x30000000' -- sh -c "
		insmod \"\$NDSHM_COVERAGE\" && \"$top/selftests/traffic/reserved.sh\" &&
		cat /sys/kernel/debug/ndshm_coverage >\"\$NDSHM_VM_DIR/coverage\""
}

# The long storm, on request only.
level_storm() {
	NDSHM_STORM_KILLS=$KILLS NDSHM_STORM_UNBINDS=${UNBINDS:-1000} NDSHM_PERCENT=$storm_percent \
		guest "$1" storm "${machine[@]}" "${unwatched[@]}" --timeout 36000 -- \
		sh -c "insmod \"\$NDSHM_COVERAGE\" && exec \"$top/selftests/storm.sh\" \"$programs/storm\""
}

# once NAME KERNEL COMMAND...: a test of the rig itself. With LOT it is skipped until
# the rig, the modules that make the mistakes, or the kernel have changed.
once() {
	local passed=$cache/passed/$1-$2 what code=0
	what=$(cd -- "$top" && {
		git ls-files -z selftests/vm selftests/catches.sh selftests/baseline.c selftests/ndshm_debug.c kernel/tests/mock |
			xargs -0 sha256sum
		"$here/kernels.sh" dir "$2"
		qemu-system-x86_64 --version
	} | sha256sum)
	if [[ ${LOT:-} && $(cat -- "$passed" 2>/dev/null) == "$what" ]]; then
		echo "ok 1 - $1 # SKIP it passed before, and all of it is as it was"
		return
	fi
	mkdir -p -- "${passed%/*}"
	"${@:3}" | tee -- "$passed.$$" || code=$?
	[[ $code -ne 0 ]] || grep -qE '^(# )*not ok ' "$passed.$$" || printf '%s\n' "$what" >"$passed"
	rm -f -- "$passed.$$"
	return "$code"
}

# Each detector must find the mistake made for it, and the rig must report a
# failure.
level_catches() { once catches "$1" catches "$1"; }
catches() {
	local kernel=$1
	ends_with 123 'catches: all 9 mistakes were made' 'what is in the kernel log fails the run' \
		"$kernel" catches --iommu "${watched[@]}" --append panic_on_warn=0 --append kasan_multi_shot -- \
		"$top/selftests/catches.sh"
}

# The rig must report a kernel that panics or hangs. Independent of the kernel's
# version.
level_ends() { once ends "$1" ends "$1"; }
ends() {
	local kernel=$1
	ends_with 125 'panic_on_warn|Kernel panic.*KASAN' 'a kernel that panics fails the run' \
		"$kernel" catches-dead "${unwatched[@]}" --append panic_on_warn=1 -- "$top/selftests/catches.sh" kasan
	ends_with 124 'catches: hang' 'a kernel that hangs fails the run' \
		"$kernel" catches-hang "${unwatched[@]}" --timeout 60 -- "$top/selftests/catches.sh" hang
}

# Keep the programs found, because the next run overwrites its run directory.
level_fuzz() {
	local kernel=$1 run=$cache/runs/debug-$1-fuzz code=0
	guest "$kernel" fuzz --iommu --edu --wire --numa 2 --timeout $((fuzz_seconds + 300)) -- \
		"$top/selftests/fuzz/fuzz.sh" "$BUILD/selftests/fuzz" --seconds "$fuzz_seconds" || code=$?
	mkdir -p "$BUILD/fuzz/$kernel" && cp -n "$run"/guest/corpus/* "$BUILD/fuzz/$kernel/" 2>/dev/null || true
	[[ $code -eq 0 ]] || cp "$run/console.log" "$BUILD/fuzz/$kernel/console.$(date +%s).log" || true
	return "$code"
}

# Coverage of all guests of this run, with the list of what was not reached.
level_coverage() {
	local kernel=$1 report=$logs/$1/coverage.txt percent
	local -a hits
	mapfile -t hits < <(find "$cache/runs" -path "*/debug-$kernel-*/guest/coverage" -newer "$mark")
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

begin_levels
mark=$logs/began
touch "$mark"
"$here/packages.sh" build vm check lint
keep_objects
source=$("$here/kernels.sh" source 6.12)
kselftest=$source/tools/testing/selftests

for kernel in $kernels; do
	"$here/kernels.sh" dir "$kernel" >/dev/null
	must "modules for $kernel" build_modules "$kernel"
done
must selftests build_selftests
must userlib build_userlib

# The longest first, so that no long level runs alone at the end.
read -ra all_kernels <<<"$kernels"
for name in leaks kselftest prototype reserved bare fuzz heap ${KILLS:+storm} catches ends compiles; do
	for kernel in "${all_kernels[@]}"; do
		[[ $name != ends || $kernel == "${all_kernels[0]}" ]] || continue
		modules=$BUILD/modules/$kernel/stripped
		export NDSHM_BUILD=$BUILD NDSHM_KO=$modules/ndshm.ko NDSHM_MOCK=$modules/kernel/tests/ndshm_mock.ko \
			NDSHM_KUNIT=$modules/kernel/tests/ndshm_kunit.ko NDSHM_COVERAGE=$modules/kernel/tests/ndshm_coverage.ko
		level "$kernel/$name" "level_$name" "$kernel"
	done
done
all_levels
# Coverage requires all levels.
for kernel in $kernels; do
	[[ ${LOT:-} ]] || level "$kernel/coverage" level_coverage "$kernel"
done
end_levels
