#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# All tests on kernels that find mistakes (built once from the distribution's source, see
# debug.config): KUnit, the kselftest programs, failing allocations, storms, fuzzing; then
# how much of the module all of it reached. Last line: N passed, N failed.
# KERNELS="6.12-debug 7.2-debug" says which, LEVELS="..." picks levels by name, LOT=N is for one
# of the kernels, each second program, and no coverage, JOBS=1 runs one at a time,
# FUZZ_SECONDS=N is the length of the fuzzing, KILLS=N UNBINDS=N adds a storm,
# NDSHM_PERCENT=N is how much is done of what is left to chance.
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
# Less of the module than this under test, and something has been left out (%).
least_coverage=85

# What needs another machine, with which the module is tested elsewhere; what has no meaning
# for a provider that nobody revokes.
may_skip='# SKIP kmemleak|sparse # SKIP 7|: lockdown|lockdown\.unisolated|segment_size|removal\.bar\.allocation|going\.unregister\.|edu\.(not_isolated|isolated|lazy_group|dirty|addresses_shown)|device\.never_bounced|pages\.node|# SKIP this kernel has no tracing|# SKIP much is done of nothing here|# SKIP it passed before'

# Each round finds more here than on a stock kernel, and takes ten times as long. The long
# storm has all of them.
storm_percent=${NDSHM_PERCENT:-100}
export NDSHM_PERCENT=${NDSHM_PERCENT:-10}

# Where memory is a processor's own for a while after it was freed, a list of it still has
# the address of what was allocated from there since, and kmemleak takes that for a
# reference. Caches that check themselves have no such lists.
watched=(--append slab_debug=F)

# Who allocated each object and each page: half of the time, and more.
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

# W=1 and, where the kernel takes the sparse that there is, sparse: as `make lint` does it on
# the stock ones.
level_compiles() {
	local kernel=$1 out=$BUILD/modules/$1-plain
	# What is there already would not be compiled, nor warned of, again.
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

# ends_with CODE ERE WHAT KERNEL NAME ARG...: the rig says so when the guest NAME goes wrong,
# and it went wrong as it was meant to: its kernel log has ERE.
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

# Where no IOMMU is, the rules for what is not isolated.
level_bare() {
	guest "$1" bare --edu "${unwatched[@]}" -- sh -c "
		insmod \"\$NDSHM_COVERAGE\" && insmod \"\$NDSHM_KO\" && \"$programs/pages\" &&
		\"$programs/dma_edu\" && NDSHM_PROVIDER=2 \"$programs/dma_edu\" &&
		cat /sys/kernel/debug/ndshm_coverage >\"\$NDSHM_VM_DIR/coverage\""
}

# The library's allocator amid a hostile peer, and in children.
level_heap() {
	NDSHM_LONG='' guest "$1" heap "${unwatched[@]}" -- sh -c "
		insmod \"\$NDSHM_COVERAGE\" && insmod \"\$NDSHM_KO\" &&
		\"$top/userlib/tests/module.sh\" \"$BUILD/user/tests\" &&
		cat /sys/kernel/debug/ndshm_coverage >\"\$NDSHM_VM_DIR/coverage\""
}

# A driver that uses the module, with the memory that notices. What it keeps for a DMA API
# that looks is told when it is unbound. The long form looks for leaks as well.
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

# A provider of memory that the kernel has no pages for, and two drivers that use it.
level_reserved() {
	NDSHM_STEP=$([[ $NDSHM_LONG ]] && echo 1 || echo 997) NDSHM_PROGRAMS=$programs \
	NDSHM_PROTOTYPES=$BUILD/modules/$1/kernel/prototypes \
		guest "$1" reserved --iommu --wire --edu "${unwatched[@]}" --append 'memmap=128M$0x40000000 memmap=16M$0x30000000' -- sh -c "
		insmod \"\$NDSHM_COVERAGE\" && \"$top/selftests/traffic/reserved.sh\" &&
		cat /sys/kernel/debug/ndshm_coverage >\"\$NDSHM_VM_DIR/coverage\""
}

# The long form, which is made only when it is asked for.
level_storm() {
	NDSHM_STORM_KILLS=$KILLS NDSHM_STORM_UNBINDS=${UNBINDS:-1000} NDSHM_PERCENT=$storm_percent \
		guest "$1" storm "${machine[@]}" "${unwatched[@]}" --timeout 36000 -- \
		sh -c "insmod \"\$NDSHM_COVERAGE\" && exec \"$top/selftests/storm.sh\" \"$programs/storm\""
}

# once NAME KERNEL COMMAND...: of the rig itself. By lot it is not tried again before
# something of the rig, of what makes the mistakes, or of the kernel is another.
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

# Each finder finds the mistake that is made for it; the rig makes a failure of it.
level_catches() { once catches "$1" catches "$1"; }
catches() {
	local kernel=$1
	ends_with 123 'catches: all 9 mistakes were made' 'what is in the kernel log fails the run' \
		"$kernel" catches --iommu "${watched[@]}" --append panic_on_warn=0 --append kasan_multi_shot -- \
		"$top/selftests/catches.sh"
}

# A kernel that ends, or never does, which the rig makes a failure of: whichever kernel.
level_ends() { once ends "$1" ends "$1"; }
ends() {
	local kernel=$1
	ends_with 125 'panic_on_warn|Kernel panic.*KASAN' 'a kernel that panics fails the run' \
		"$kernel" catches-dead "${unwatched[@]}" --append panic_on_warn=1 -- "$top/selftests/catches.sh" kasan
	ends_with 124 'catches: hang' 'a kernel that hangs fails the run' \
		"$kernel" catches-hang "${unwatched[@]}" --timeout 60 -- "$top/selftests/catches.sh" hang
}

# What the fuzzer found is kept, where the next run does not take its place.
level_fuzz() {
	local kernel=$1 run=$cache/runs/debug-$1-fuzz code=0
	guest "$kernel" fuzz --iommu --edu --wire --numa 2 --timeout $((fuzz_seconds + 300)) -- \
		"$top/selftests/fuzz/fuzz.sh" "$BUILD/selftests/fuzz" --seconds "$fuzz_seconds" || code=$?
	mkdir -p "$BUILD/fuzz/$kernel" && cp -n "$run"/guest/corpus/* "$BUILD/fuzz/$kernel/" 2>/dev/null || true
	[[ $code -eq 0 ]] || cp "$run/console.log" "$BUILD/fuzz/$kernel/console.$(date +%s).log" || true
	return "$code"
}

# Of this run's guests, with what was not reached.
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

# The longest first, so that none is left alone at the end.
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
# It takes all levels to say how much they reach.
for kernel in $kernels; do
	[[ ${LOT:-} ]] || level "$kernel/coverage" level_coverage "$kernel"
done
end_levels
