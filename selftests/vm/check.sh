#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Run all tests that need no debug kernel: the library alone, then each supported stock
# kernel in virtual machines. Last line: N passed, N failed. KERNELS="6.1 6.12" selects
# kernels, LEVELS="..." selects levels by name, LOT=N runs most levels on one kernel each,
# JOBS=1 runs one level at a time, LONG=1 makes runs long.
set -euo pipefail

here=$(cd "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
. "$here/lib.sh"
. "$here/levels.sh"
side=0
kernels=${KERNELS:-6.1 6.12}
logs=$BUILD/check
everywhere=switches
long=$([[ $NDSHM_LONG ]] && echo 5400 || echo 900)

# Two more cards on the link, in slots.
slots=()
for slot in 2 3; do
	slots+=(--netdev "hubport,id=wire$slot,hubid=7" --device "pcie-root-port,id=slot$slot,chassis=$slot,addr=0x1$((slot + 2))"
		--device "e1000e,bus=slot$slot,netdev=wire$slot,mac=52:54:00:6e:64:02,romfile=")
done

# Permitted skips: tests that need the test build, a debug kernel, or a machine with
# or without isolation, each of which has its own levels, and tests that do not apply
# to a provider that cannot be revoked.
may_skip=': lockdown|lockdown\.unisolated|segment_size|removal\.bar\.allocation|race\.|going\.unregister\.|: revoke_race|: fail_nth|# SKIP kmemleak|edu\.(not_isolated|isolated|lazy_group|dirty|addresses_shown)|device\.never_bounced|pages\.node|# SKIP kernels before 6.12|# SKIP the kernel does not look at'

# Build the module twice, the second time with the test modules, because the ordinary
# build must not contain code for tests only. As `make lint` builds them.
build_modules() {
	local kernel=$1 headers
	headers=$("$here/kernels.sh" headers "$kernel") || return 1
	make -C "$top" -j"$(nproc)" modules KDIR="$headers" MODULE_DIR="$BUILD/modules/$kernel" W=1 &&
	make -C "$top" -j"$(nproc)" modules KDIR="$headers" MODULE_DIR="$BUILD/modules/$kernel-test" W=1 \
		NDSHM_TEST=1 NDSHM_TEST_MODULES=1 NDSHM_PROTOTYPES=1 &&
	strip_modules "$BUILD/modules/$kernel" && strip_modules "$BUILD/modules/$kernel-test"
}
# Build the example modules as the documentation says.
build_examples() {
	local kernel=$1 out=$BUILD/examples/$1
	mkdir -p "$out/Documentation" && cp -asf "$top/kernel" "$top/uapi" "$out/" &&
	cp -asf "$top/Documentation/examples" "$out/Documentation/" &&
	make -C "$("$here/kernels.sh" headers "$kernel")" M="$out/Documentation/examples" W=1 KCFLAGS=-Werror \
		KBUILD_EXTRA_SYMBOLS="$BUILD/modules/$kernel/Module.symvers" modules
}
# The same programs for every kernel.
programs=$BUILD/selftests/programs
build_selftests() {
	make -C "$top/selftests" -j"$(nproc)" KSELFTEST_DIR="$kselftest" OUTPUT="$programs" all
}
# The library's allocator on sections of the module.
heap_tests=$BUILD/user/tests heap_bench=$BUILD/bench/heap
build_heap_tests() {
	make -C "$top/userlib" -j"$(nproc)" BUILD="$BUILD/user" module-tests &&
	make -C "$top/userlib/bench" -j"$(nproc)" BUILD="$heap_bench"
}
# The benchmark is run by hand and seldom, so check that it builds.
build_bench() {
	make -C "$top/selftests/bench" BUILD="$BUILD/bench" KDIR="$("$here/kernels.sh" headers 6.12)" \
		NDSHM="$BUILD/modules/6.12-test" all
}
ordinary_build_has_no_switches() {
	local kernel=$1
	if modinfo -p "$BUILD/modules/$kernel/ndshm.ko" | grep -i test; then
		echo 'not ok 1 - the ordinary build has no test switch'
	elif ! modinfo -p "$BUILD/modules/$kernel-test/ndshm.ko" | grep -q '^test_'; then
		echo 'not ok 1 - the test build has test switches'
	elif grep -qa EXPORTED_FOR_KUNIT "$BUILD/modules/$kernel/ndshm.ko"; then
		echo 'not ok 1 - the ordinary build exports nothing for tests'
	else
		echo 'ok 1 - only the test build has test switches'
	fi
}

# The kselftest programs alone.
alone() {
	local kernel=$1
	guest "$kernel" kselftest "${machine[@]}" --timeout 900 -- "$here/check-guest.sh" "$kselftest" "$programs"
}

# The same programs as a target of the kernel's own selftests, whose runner must find
# all of them. The kernel source is a tree of links, so that the cache stays
# unchanged.
in_kernel_tree() {
	local kernel=$1 tree=$BUILD/linux/${source##*/} out=$BUILD/selftests/tree
	[[ -d $tree ]] || { rm -rf "$BUILD/linux" && mkdir "$BUILD/linux" && cp -as "$source" "$tree.new" && mv "$tree.new" "$tree"; }
	rm -rf "$out"
	ln -sfn "$top/selftests" "$tree/tools/testing/selftests/ndshm" &&
	make -C "$tree/tools/testing/selftests" TARGETS=ndshm OUTPUT="$out" NDSHM_SRC="$top" all || return 1
	guest "$kernel" kselftest "${machine[@]}" --timeout 900 -- \
		"$here/check-guest.sh" "$tree/tools/testing/selftests" "$out" tree | tee "$out.log"
	[[ ${PIPESTATUS[0]} -eq 0 ]] || return 1
	if diff <(make --no-print-directory -s -C "$top/selftests" KSELFTEST_DIR="$kselftest" OUTPUT="$programs" emit_tests | sed 's/.*://' | sort) \
		<(sed -n 's/^\(not \)*ok [0-9]* selftests: .*: \([a-z_0-9]*\).*/\2/p' "$out.log" | sort); then
		echo 'ok - all programs ran in the kernel tree'
	else
		echo 'not ok - all programs ran in the kernel tree'
	fi
}

# The share of the library's lines that its own tests run; the table is in the
# log.
library_coverage() {
	make --no-print-directory -C "$top/userlib" BUILD="$BUILD/user" coverage UNCOVERED=1 || return 1
	echo 'ok 1 - the tests of the library run more than 90 % of its lines'
}

# The example server with hostile clients, built as for the check of the examples.
build_storm() {
	make -C "$top/userlib/examples" -j"$(nproc)" BUILD="$BUILD/user" storm
}

guest() {
	local kernel=$1 name=$2
	shift 2
	"$here/run.sh" --kernel "$kernel" --name "check-$kernel-$name" --quiet "$@"
}

begin_levels
"$here/packages.sh" build vm check
keep_objects
source=$("$here/kernels.sh" source 6.12)
kselftest=$source/tools/testing/selftests

must userlib make -C "$top" -j"$(nproc)" userlib
must 'tests of the command' make -C "$top/userlib" -j"$(nproc)" BUILD="$BUILD/user" command-tests
for kernel in $kernels; do
	must "modules for $kernel" build_modules "$kernel"
	must "examples for $kernel" build_examples "$kernel"
done
must selftests build_selftests
must heap build_heap_tests
must storm build_storm
[[ " $kernels " != *' 6.12 '* ]] || must bench build_bench

# The command's sections, quotas and events with the module.
admin_command=("$top/userlib/tests/admin_module.sh" "$BUILD/user/tests/"{ndshm,json_get})
section_command=("$top/userlib/tests/section_command.sh" "$BUILD/user/tests/"{ndshm,ndshm-stand-in,json_get,inherits})

# The longest first, so that no long level runs alone at the end.
level readme "$here/readme.sh"
export NDSHM_BUILD=$BUILD
for kernel in $kernels; do
	ordinary=$BUILD/modules/$kernel/stripped/ndshm.ko
	test=$BUILD/modules/$kernel-test/stripped/ndshm.ko
	export NDSHM_MOCK=$BUILD/modules/$kernel-test/stripped/kernel/tests/ndshm_mock.ko

	# Each of the two ways to run the programs on one kernel.
	runs=alone
	[[ $kernel != 6.12 ]] || runs=in_kernel_tree
	NDSHM_KO=$ordinary level "$kernel/kselftest" "$runs" "$kernel"
	NDSHM_KO=$ordinary instead "$kernel/storms" \
		guest "$kernel" storms "${machine[@]}" --timeout 900 -- sh -c "insmod \"$ordinary\" && \"$programs/storm\" && rmmod ndshm"
	level "$kernel/heap" guest "$kernel" heap --timeout "$long" -- \
		sh -c "insmod \"$ordinary\" && \"$top/userlib/tests/module.sh\" \"$heap_tests\" \"$heap_bench\""
	level "$kernel/switches" ordinary_build_has_no_switches "$kernel"
	NDSHM_KO=$ordinary NDSHM_EXAMPLES=$BUILD/examples/$kernel/Documentation/examples \
		level "$kernel/example-modules" guest "$kernel" example-modules -- "$top/selftests/examples.sh"
	# Properties of all blocks, tested with the provider "pages".
	NDSHM_KO=$ordinary level "$kernel/pages" \
		guest "$kernel" pages "${machine[@]}" -- sh -c "insmod \"$ordinary\" && \"$here/check-pages.sh\" \"$programs\""
	# Without an IOMMU: the rules for unisolated adapters.
	NDSHM_KO=$ordinary level "$kernel/dma-bare" \
		guest "$kernel" dma-bare --edu -- sh -c "insmod \"$ordinary\" && \"$programs/pages\" && \"$programs/dma_edu\" && NDSHM_PROVIDER=2 \"$programs/dma_edu\""
	# Lockdown cannot be undone, so use a separate machine.
	NDSHM_LOCKDOWN=1 level "$kernel/lockdown" guest "$kernel" lockdown --iommu --edu -- \
		sh -c "insmod \"$ordinary\" && \"$programs/lockdown\""
	# If devices can only reach a bounce buffer, allocations must not use it.
	NDSHM_KO=$ordinary level "$kernel/swiotlb" guest "$kernel" swiotlb --edu --append swiotlb=force -- \
		sh -c "insmod \"$ordinary\" && \"$programs/block\" && \"$programs/dma_edu\" && \"$programs/pages\" -r device.never_bounced"
	level "$kernel/server" guest "$kernel" server --timeout "$long" -- \
		sh -c "insmod \"$ordinary\" && \"$BUILD/user/examples/storm\" --server \"$BUILD/user/ndshm-server\" --count $([[ $NDSHM_LONG ]] && echo 1000000 || echo 20000) && rmmod ndshm"
	NDSHM_KO=$test level "$kernel/revoke-race" \
		guest "$kernel" revoke-race --iommu --edu -- sh -c "insmod \"$test\" && \"$programs/revoke_race\""
	NDSHM_KO=$test level "$kernel/kill-iommu" guest "$kernel" kill-iommu --iommu --wire --timeout "$long" -- "$top/selftests/traffic/kill.sh" iommu
	NDSHM_KO=$test level "$kernel/kill-bare" guest "$kernel" kill-bare --wire --timeout "$long" -- "$top/selftests/traffic/kill.sh" bare
	NDSHM_KO=$test level "$kernel/kill-iommu-skip" guest "$kernel" kill-iommu-skip --iommu --wire \
		--expect-splat 'DMAR:.*fault' -- "$top/selftests/traffic/kill.sh" iommu skip
	NDSHM_KO=$test level "$kernel/kill-bare-skip" guest "$kernel" kill-bare-skip --wire -- "$top/selftests/traffic/kill.sh" bare skip
	# shellcheck disable=SC2016
	level "$kernel/command" guest "$kernel" command --iommu --wire -- \
		bash -c 'insmod "$1" && "$2" bind 0000:00:11.0 && "${@:3:3}" /dev/ndshm && "${@:6}" /dev/ndshm 0000:00:11.0' - \
		"$ordinary" "$BUILD/user/ndshm" "${admin_command[@]}" "${section_command[@]}"
	NDSHM_KO=$ordinary level "$kernel/unbind" guest "$kernel" unbind --iommu --wire --timeout "$long" -- \
		sh -c "\"$top/selftests/traffic/frames.sh\" && \"$top/selftests/traffic/unbind.sh\""
	NDSHM_ROUNDS=$([[ $NDSHM_LONG ]] && echo 100 || echo 4) NDSHM_KO=$ordinary level "$kernel/unplug" guest "$kernel" unplug --iommu --wire "${slots[@]}" --timeout "$long" -- \
		"$top/selftests/traffic/unplug.sh"
	# The mock module's memory detects accesses of the driver after the free.
	NDSHM_STEP=$([[ $NDSHM_LONG ]] && echo 1 || echo 7) NDSHM_SECONDS=$([[ $NDSHM_LONG ]] && echo 20 || echo 2) \
	NDSHM_ROUNDS=$([[ $NDSHM_LONG ]] && echo 100 || echo 2) NDSHM_KO=$ordinary NDSHM_PROGRAMS=$programs \
	NDSHM_PROTOTYPE=$BUILD/modules/$kernel-test/kernel/prototypes/82574/ndshm_82574.ko \
		level "$kernel/prototype" guest "$kernel" prototype --iommu --wire "${third_card[@]}" --timeout "$long" -- "$top/selftests/traffic/prototype.sh"
	# A provider whose memory is a range reserved at boot.
	NDSHM_STEP=$([[ $NDSHM_LONG ]] && echo 1 || echo 97) NDSHM_KO=$ordinary NDSHM_PROGRAMS=$programs \
	NDSHM_PROTOTYPES=$BUILD/modules/$kernel-test/kernel/prototypes \
		level "$kernel/reserved" guest "$kernel" reserved --iommu --wire --edu --append 'memmap=128M$0x40000000 memmap=16M$0x30000000' -- \
		"$top/selftests/traffic/reserved.sh"
	# Boots that lack one property each, and one without an IOMMU.
	while IFS='|' read -r missing options; do
		read -ra options <<<"$options"
		name=isolation-${missing//[, ]/-}
		NDSHM_KO=$ordinary level "$kernel/$name" \
			guest "$kernel" "$name" "${options[@]}" -- "$top/selftests/isolation.sh" "$missing"
	done <<-'END'
		isolated|--iommu --wire
		lazy unmapping|--iommu --wire
		no translation|--iommu --wire --append iommu=pt
		no translation, interrupts not isolated|--wire
		interrupts not isolated|--iommu --intremap off --wire --append iommu.strict=1
		shared group|--iommu --append iommu.strict=1 --device edu,addr=0x11.0,multifunction=on --device edu,addr=0x11.1
	END
done
level library make -C "$top/userlib" BUILD="$BUILD/user" check
level library-coverage library_coverage
level examples make -C "$top/userlib/examples" BUILD="$BUILD/user" COUNT="$([[ $NDSHM_LONG ]] && echo 1000000 || echo 50000)" check
all_levels
end_levels
