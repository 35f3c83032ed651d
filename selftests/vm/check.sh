#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# All tests: the library by itself, then each supported kernel in virtual
# machines. Every level prints TAP lines; they are counted. Last line:
# N passed, N failed. KERNELS="6.1 6.12" says which; LONG=1 makes runs long.
# LEVELS="..." picks levels by name (see the list at the end).
set -euo pipefail

here=$(cd "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
export BUILD=${BUILD:-$top/build}
kernels=${KERNELS:-6.1 6.12}
logs=$BUILD/check
passed=0 failed=0 skipped=0 levels=0
export NDSHM_LONG=${LONG:-}
long=$([[ $NDSHM_LONG ]] && echo 5400 || echo 600)
start=$SECONDS

say() { printf '\n[%4d s] %s\n' $((SECONDS - start)) "$*"; }

# The machine of the kselftest programs: all that they can use, and two functions
# that share an IOMMU group.
machine=(--iommu --wire --edu --numa 2
	--device 'edu,addr=0x13.0,multifunction=on' --device 'edu,addr=0x13.1')

# What may be skipped: what needs the test build, or a machine without isolation or
# with it. Each has a level of its own.
may_skip='race\.|: revoke_race|edu\.(not_isolated|isolated|lazy_group|dirty|addresses_shown)'

# level NAME COMMAND...: run it, count its TAP lines; a command that fails without
# a failing line is one failure, and one that passes without any line too.
level() {
	local name=$1 good bad skip
	shift
	[[ -z ${LEVELS:-} || " $LEVELS " == *" ${name##*/} "* ]] || return 0
	levels=$((levels + 1))
	say "$name"
	mkdir -p "$(dirname "$logs/$name")"
	# The tests' own lines are shown as they come, all else is in the log.
	{ "$@" 2>&1 || echo "level failed: exit $?"; } | tee "$logs/$name.log" |
		grep --line-buffered -E '^(# )*not ok |^ok |^(# )+(.* SKIP|cases:)|^run.sh:|level failed' || true
	good=$(grep -cE '^(# )*ok [0-9]+|^ok - ' "$logs/$name.log") || true
	skip=$(grep -cE '^(# )*ok [0-9]+.*# SKIP' "$logs/$name.log") || true
	bad=$(grep -E '^(# )*ok [0-9]+.*# SKIP' "$logs/$name.log" | grep -vcE "$may_skip") || true
	[[ $bad -eq 0 ]] || echo 'something was skipped that must not be:'
	bad=$((bad + $(grep -cE '^(# )*not ok ' "$logs/$name.log" || true)))
	if [[ $bad -eq 0 ]] && { [[ $good -eq 0 ]] || grep -q '^level failed' "$logs/$name.log"; }; then
		bad=1
	fi
	[[ $bad -eq 0 ]] || { echo "-- failed: $name; the end of its log ($logs/$name.log):"; tail -n 30 "$logs/$name.log"; }
	passed=$((passed + good - skip))
	skipped=$((skipped + skip))
	failed=$((failed + bad))
}

# The module in two builds; nothing that only tests need may be in the ordinary one.
build_modules() {
	local kernel=$1 headers
	headers=$("$here/kernels.sh" headers "$kernel")
	make -C "$top" -j"$(nproc)" modules KDIR="$headers" MODULE_DIR="$BUILD/modules/$kernel"
	make -C "$top" -j"$(nproc)" modules KDIR="$headers" MODULE_DIR="$BUILD/modules/$kernel-test" NDSHM_TEST=1
}
# The provider as a stranger's module, beside the programs, against the ordinary
# build; the test build offers it the same.
build_selftests() {
	local kernel=$1 out=$BUILD/selftests/$1
	# From scratch: kbuild does not see that the versions of ndshm's symbols changed.
	rm -rf "$out/provider_mod"
	mkdir -p "$out/provider_mod"
	make -C "$top/selftests" -j"$(nproc)" KSELFTEST_DIR="$kselftest" OUTPUT="$out" TEST_GEN_MODS_DIR= all
	cp -asf "$top"/selftests/provider_mod/* "$out/provider_mod/"
	make -C "$("$here/kernels.sh" headers "$kernel")" M="$out/provider_mod" NDSHM_SRC="$top" \
		KBUILD_EXTRA_SYMBOLS="$BUILD/modules/$kernel/Module.symvers" modules
}
ordinary_build_has_no_switches() {
	local kernel=$1
	if modinfo -p "$BUILD/modules/$kernel/ndshm.ko" | grep -i test; then
		echo 'not ok 1 - the ordinary build has no test switch'
	elif ! modinfo -p "$BUILD/modules/$kernel-test/ndshm.ko" | grep -q '^test_'; then
		echo 'not ok 1 - the test build has test switches'
	else
		echo 'ok 1 - only the test build has test switches'
	fi
}

# As a target of the kernel's own selftests: the same programs, the same counts.
# The kernel's source is one of links, so that the cache stays as it is.
in_kernel_tree() {
	local kernel=$1 tree=$BUILD/linux/${source##*/} out=$logs/in-kernel-tree.out
	local counts='s/^\(not \)*ok [0-9]* selftests: .*: \([a-z_0-9]*\).*/\1\2/p; s/^# # \(cases: .*\)/\1/p; s/^# # \(Totals: .*\)/\1/p'
	[[ -d $tree ]] || { rm -rf "$BUILD/linux" && mkdir "$BUILD/linux" && cp -as "$source" "$tree.new" && mv "$tree.new" "$tree"; }
	ln -sfn "$top/selftests" "$tree/tools/testing/selftests/ndshm"
	make -C "$tree/tools/testing/selftests" TARGETS=ndshm OUTPUT="$BUILD/selftests/tree" \
		NDSHM_SRC="$top" TEST_GEN_MODS_DIR= all
	guest "$kernel" kselftest-tree "${machine[@]}" --timeout 900 -- \
		"$here/check-guest.sh" "$tree/tools/testing/selftests" "$BUILD/selftests/tree" tree >"$out" 2>&1 ||
		{ cat "$out"; return 1; }
	cat "$out"
	if sed -n "$counts" "$out" | grep -q '^cases: [1-9]' &&
		diff <(sed -n "$counts" "$logs/$kernel/kselftest.log") <(sed -n "$counts" "$out"); then
		echo 'ok 1 - the same programs and counts in the kernel tree'
	else
		echo 'not ok 1 - the same programs and counts in the kernel tree'
	fi
}

guest() {
	local kernel=$1 name=$2
	shift 2
	"$here/run.sh" --kernel "$kernel" --name "check-$kernel-$name" --quiet "$@"
}

mkdir -p "$logs"
"$here/packages.sh" build vm check
source=$("$here/kernels.sh" source 6.12)
kselftest=$source/tools/testing/selftests

say 'building'
make -C "$top" -j"$(nproc)" userlib >"$logs/userlib.log" 2>&1 || { tail -n 30 "$logs/userlib.log"; exit 1; }
level library make -C "$top/userlib" BUILD="$BUILD/user" check
level examples make -C "$top/userlib/examples" BUILD="$BUILD/user" check

for kernel in $kernels; do
	say "building for $kernel"
	build_modules "$kernel" >"$logs/modules-$kernel.log" 2>&1 || { tail -n 30 "$logs/modules-$kernel.log"; exit 1; }
	ordinary=$BUILD/modules/$kernel/ndshm.ko
	test=$BUILD/modules/$kernel-test/ndshm.ko
	export NDSHM_BUILD=$BUILD
	export NDSHM_TEST_PROVIDER=$BUILD/selftests/$kernel/provider_mod/ndshm_test_provider.ko
	build_selftests "$kernel" >"$logs/selftests-$kernel.log" 2>&1 || { tail -n 30 "$logs/selftests-$kernel.log"; exit 1; }

	level "$kernel/switches" ordinary_build_has_no_switches "$kernel"
	NDSHM_KO=$ordinary level "$kernel/kselftest" \
		guest "$kernel" kselftest "${machine[@]}" --timeout 900 -- \
		"$here/check-guest.sh" "$kselftest" "$BUILD/selftests/$kernel"
	# Where nothing translates, the rules for what is not isolated.
	NDSHM_KO=$ordinary level "$kernel/dma-bare" \
		guest "$kernel" dma-bare --edu -- sh -c "insmod \"$ordinary\" && \"$BUILD/selftests/$kernel/dma_edu\""
	[[ $kernel != 6.12 ]] || NDSHM_KO=$ordinary level "$kernel/kselftest-in-kernel-tree" in_kernel_tree "$kernel"
	NDSHM_KO=$test level "$kernel/revoke-race" \
		guest "$kernel" revoke-race --iommu --edu -- sh -c "insmod \"$test\" && \"$BUILD/selftests/$kernel/revoke_race\""
	NDSHM_KO=$test level "$kernel/kill-iommu" guest "$kernel" kill-iommu --iommu --wire --timeout "$long" -- "$top/selftests/traffic/kill.sh" iommu
	NDSHM_KO=$test level "$kernel/kill-bare" guest "$kernel" kill-bare --wire --timeout "$long" -- "$top/selftests/traffic/kill.sh" bare
	NDSHM_KO=$test level "$kernel/kill-iommu-skip" guest "$kernel" kill-iommu-skip --iommu --wire \
		--expect-splat 'DMAR' -- "$top/selftests/traffic/kill.sh" iommu skip
	NDSHM_KO=$test level "$kernel/kill-bare-skip" guest "$kernel" kill-bare-skip --wire -- "$top/selftests/traffic/kill.sh" bare skip
	NDSHM_KO=$ordinary level "$kernel/unbind" guest "$kernel" unbind --iommu --wire --timeout "$long" -- "$top/selftests/traffic/unbind.sh"
	# Boots that lack one property each, and one that has no IOMMU at all.
	while IFS='|' read -r missing options; do
		read -ra options <<<"$options"
		NDSHM_KO=$ordinary level "$kernel/isolation-${missing//[, ]/-}" \
			guest "$kernel" isolation "${options[@]}" -- "$top/selftests/isolation.sh" "$missing" </dev/null
	done <<-'END'
		isolated|--iommu --wire
		lazy unmapping|--iommu --wire
		no translation|--iommu --wire --append iommu=pt
		no translation, interrupts not isolated|--wire
		interrupts not isolated|--iommu --intremap off --wire --append iommu.strict=1
		shared group|--iommu --append iommu.strict=1 --device edu,addr=0x11.0,multifunction=on --device edu,addr=0x11.1
	END
done

level readme "$here/readme.sh"

[[ $levels -gt 0 ]] || { echo "no such level: ${LEVELS:-}"; failed=1; }
printf '\n%s\n' "took $((SECONDS - start)) s; logs in $logs"
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[[ $failed -eq 0 ]]
