#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# module.sh [PATCH]... | --random N [--seed SEED]: plant the fault of each patch (default: all of this directory that
# one of the programs finds), or N faults that plant.py draws (SEED is 51), in a build of the module for 6.12, and
# run test programs in a guest until one fails. Of the draw, faults are passed over that do not compile or change no
# object. What is known is kept for this state of the tree, so that the same command goes on where it was ended. Prints
# TAP, the patches of those that survive, and as the last line N killed, N survived.
#
# MORE=1		run those that survive again, with all kselftest programs that need no test build; usually
#			run the ones of `make test`, and before them those that are near to the fault
# BUILD_ONLY=1		run nothing
# LIMIT=SECONDS		time limit of a guest (900)
# TREE=DIR		where the module is built
# SLOT=COMMAND		runs the guests, such as `nice`
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
top=$(cd -- "$here/../.." && pwd -P)
. "$top/selftests/vm/lib.sh"
. "$top/selftests/vm/machine.sh"
cd -- "$top"

# The ones of `make test`, and the others, those that take minutes last.
core='abi_layout abi block mmap_rules locks section extent provider dma_edu ndis'
more='bind pci irqs dmabuf removal mock mock_revoke queues account signals events netlink trace pages reserve
	section_share section_name section_dma dmabuf_section dmabuf_import transfers sync permission config_space
	pci_faults group claim_reply hot_unplug unload platform viewer log_check huge_frames
	section_peer section_scale irq_stress revoke_stress fuse_stall random'
# near PATH: print the programs that are likely to find a fault in the file.
near() {
	case $1 in
	kernel/ndis/request.c)			echo ndis trace ;;
	kernel/*/queue*.c|kernel/ndis/packet.c) echo queues ;;
	kernel/ndis/*)				echo ndis ;;
	kernel/block/mmap.c)			echo mmap_rules block ;;
	kernel/block/fault.c|kernel/block/page.c)	echo block locks ;;
	kernel/block/*|kernel/cdev/block_ioctl.c) echo block provider ;;
	kernel/section/export.c)		echo dmabuf_section section ;;
	kernel/section/*|kernel/cdev/section_ioctl.c|kernel/cdev/holder_ioctl.c) echo section extent section_share section_dma ;;
	kernel/device/platform/*)		echo platform ;;
	kernel/device/*)			echo pci irqs bind config_space ;;
	kernel/dmabuf/*|kernel/cdev/export_ioctl.c) echo dmabuf ;;
	kernel/netlink/*)			echo netlink events ;;
	kernel/account/*)			echo account ;;
	kernel/providers/reserve.c)		echo reserve ;;
	kernel/providers/pages.c)		echo block pages ;;
	kernel/registration/*)			echo provider mock ;;
	esac
}
# found_by PATCH: print the test that the patch names.
found_by() { sed -n 's/^Found by: //p' "$1"; }
paths_of() { sed -n 's,^+++ b/,,p' "$1"; }
# programs_for PATCH: that program, or those near, first, then the ones of `make test`, with MORE=1 the others.
programs_for() {
	local -a first=() rest
	local named
	named=$(found_by "$1")
	read -ra first <<<"${named:+${named%% *}}"
	[[ $named ]] || read -ra first < <(near "$(paths_of "$1")")
	# shellcheck disable=SC2206
	if [[ ${MORE:-} ]]; then rest=($core $more); else rest=($core); fi
	printf '%s\n' "${first[@]}" "${rest[@]}" | awk '$0 && !seen[$0]++' | paste -sd ' '
}

random='' seed=51
while [[ ${1:-} == --* ]]; do
	case $1 in
	--random)	random=$2 ;;
	--seed)		seed=$2 ;;
	*)		die "no such option: $1" ;;
	esac
	shift 2
done
BUILD=$(realpath -m -- "${BUILD:-$top/build}")
# A verdict is about this module, these programs and this fault.
key=$(git ls-files -z -- Kbuild kernel uapi selftests | xargs -0 sha256sum | sha256sum | cut -c1-12)
work=$BUILD/mutants/module-$key results=$BUILD/mutants/module-$key/results
tree=$(realpath -m -- "${TREE:-$BUILD/modules/mutants}")
headers=$("$top/selftests/vm/kernels.sh" headers 6.12)
mkdir -p -- "$work/modules"
exec {lock}>"$work/lock"
flock -n "$lock" || die "another run is under way in $work"
touch -- "$results"
keep_objects

# The table: name, state, seconds, the test that found it. A later line counts.
known() { awk -F '\t' -v name="$1" '$1 == name { state = $2 } END { print state }' "$results"; }
note() { printf '%s\t' "${@:1:3}" >>"$results"; printf '%s\n' "$4" >>"$results"; }

kbuild() { make -s -C "$headers" M="$tree" NDSHM_TEST_MODULES=1 -j"$(nproc)" "$@" >>"$work/build.log" 2>&1; }
# keep NAME: build the module from the tree, and keep it as tests load it.
keep() { kbuild ndshm.ko && strip --strip-debug -o "$work/modules/$1.ko" -- "$tree/ndshm.ko"; }

# plant PATCH: in place of the link to a file. unplant PATCH: the link again, and the object of before, which is
# newer than the file.
plant() {
	local path
	path=$(paths_of "$1")
	[[ $path == kernel/*.c && -f $top/$path ]] || return 1
	cp --remove-destination -- "$top/$path" "$tree/$path"
	cp -p -- "$tree/${path%.c}.o" "$work/before.o"
	patch -s -p1 -d "$tree" -r - --no-backup-if-mismatch <"$1" >>"$work/build.log"
}
unplant() {
	local path
	path=$(paths_of "$1")
	[[ ! -f $top/$path ]] || { ln -sfn -- "$top/$path" "$tree/$path" && cp -p -- "$work/before.o" "$tree/${path%.c}.o"; }
}

# changes_object PATCH: does the planted file compile, and to another object?
changes_object() {
	local object
	object=$(paths_of "$1") object=${object%.c}.o
	kbuild "$object" || return 1
	objcopy -g -- "$work/before.o" "$work/1.o" && objcopy -g -- "$tree/$object" "$work/2.o" || return 1
	! cmp -s -- "$work/1.o" "$work/2.o"
}

# make_mutant NAME PATCH: unless it is there. Fails if the fault changes nothing.
make_mutant() {
	local state=built
	[[ ! $(known "$1") ]] || { [[ $(known "$1") != same ]]; return; }
	if ! plant "$2" || ! changes_object "$2" || ! keep "$1"; then state=same; fi
	unplant "$2"
	note "$1" $state 0 ''
	[[ $state == built ]]
}

# pending: print a line for the guest for each mutant that is to be judged.
pending() {
	local i
	for i in "${!names[@]}"; do
		case $(known "${names[i]}") in
		built)	;;
		passed)	[[ ${MORE:-} ]] || continue ;;
		*)	continue ;;
		esac
		echo "${names[i]} $(programs_for "${patches[i]}")"
	done
}

# guest: judge the list until the first one that is killed, which may be by the end of the guest.
guest() {
	local code=0 start=$SECONDS name why='' passed=passed
	local -a machine
	mapfile -t machine < <(machine_options all)
	[[ ! ${MORE:-} ]] || passed=survived
	NDSHM_MAY_SKIP=$(sed -nE 's/^skip (test|stock)[[:blank:]]*//p' selftests/vm/levels.table | paste -sd '|')
	export NDSHM_MAY_SKIP NDSHM_MOCK=$tree/kernel/tests/ndshm_mock.ko NDSHM_SCALE=${SCALE:-100}
	# shellcheck disable=SC2016
	${SLOT:-} selftests/vm/run.sh --name mutant --timeout "${LIMIT:-900}" "${machine[@]}" \
		--append 'panic_on_warn=1 oops=panic' -- bash -c '"$0" "$1" "$2" "$3" <"$4"' \
		"$here/guest.sh" "$BUILD/selftests/programs" "$work/modules" $((${LIMIT:-900} / 2)) "$work/list" \
		>"$work/log" 2>&1 </dev/null || code=$?
	without_lost <"$work/log" >"$work/lines"
	grep -q '^# mutant ' "$work/lines" || die "the guest has judged nothing: see $work/log"
	while read -r name; do note "$name" $passed 0 ''; done < <(sed -n 's/^# survived //p' "$work/lines")
	name=$(sed -n 's/^# mutant //p' "$work/lines" | tail -n 1)
	! grep -qx "# survived $name" "$work/lines" || return 0
	cp -- "$work/log" "$work/$name.log"
	why=$(sed -n "s/^# killed $name: //p" "$work/lines")
	[[ $why ]] || why="$(sed -n 's/^# \([a-z_0-9]*\)$/\1/p' "$work/lines" | tail -n 1): the guest ends with $code"
	[[ $name != none ]] || die "without a fault: $why; see $work/none.log"
	note "$name" killed $((SECONDS - start)) "$why"
}

: >"$work/build.log"
make -s modules MODULE_DIR="$tree" KDIR="$headers" NDSHM_TEST_MODULES=1 -j"$(nproc)" >>"$work/build.log" 2>&1 ||
	die "the module does not build: see $work/build.log"
make -s -C selftests -j"$(nproc)" KSELFTEST_DIR="$("$top/selftests/vm/kernels.sh" source 6.12)/tools/testing/selftests" \
	OUTPUT="$BUILD/selftests/programs" all >>"$work/build.log" 2>&1 || die "the programs do not build: see $work/build.log"

# Without a fault first: programs that fail anyway would find every fault.
names=(none) patches=(/dev/null)
[[ $(known none) ]] || { keep none && note none built 0 ''; } || die "the module does not build: see $work/build.log"
if [[ $random ]]; then
	# Whole: a reader that ends early must not end the list.
	"$here/plant.py" "$seed" list >"$work/order"
	while [[ ${#names[@]} -le $random ]] && read -r id _; do
		[[ -f $work/$id.patch ]] || "$here/plant.py" "$seed" "$id" >"$work/$id.patch"
		! make_mutant "$id" "$work/$id.patch" || { names+=("$id"); patches+=("$work/$id.patch"); }
	done <"$work/order"
else
	given=("$@")
	[[ $# -gt 0 ]] || given=("$here"/*.patch)
	for patch in "${given[@]}"; do
		found=$(found_by "$patch")
		[[ $# -gt 0 || ($found != *' on '* && " $core ${more//[[:space:]]/ } " == *" ${found%% *} "*) ]] || continue
		name=$(basename -- "$patch" .patch)
		make_mutant "$name" "$patch" || say "$name: does not apply, does not compile, or changes nothing"
		names+=("$name") patches+=("$(realpath -- "$patch")")
	done
fi
[[ ! ${BUILD_ONLY:-} ]] || { echo "$((${#names[@]} - 1)) built in $work/modules"; exit; }

while pending >"$work/list" && [[ -s $work/list ]]; do guest; done

survived=0
for ((i = 1; i < ${#names[@]}; i++)); do
	IFS=$'\t' read -r name state seconds why < <(awk -F '\t' -v name="${names[i]}" '$1 == name { line = $0 } END { print line }' "$results")
	[[ $state != killed ]] || { echo "ok $i - $name: $why ($seconds s)"; continue; }
	survived=$((survived + 1))
	# `passed`: the other programs have not run.
	echo "not ok $i - $name: $state"
	sed 's/^/# /' "${patches[i]}"
done
printf '1..%d\n%d killed, %d survived\n' $((i - 1)) $((i - 1 - survived)) $survived
