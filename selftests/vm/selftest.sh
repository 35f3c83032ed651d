#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# selftest.sh [KERNEL]...: check that the rig reports successes and failures correctly.
# Each case boots a guest, on each kernel (default: 6.12 6.1). Last line: `N passed, N
# failed`.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

passed=0 failed=0 kernel='' out=''
log=$(mktemp)
trap 'rm -f -- "$log"' EXIT

# check NAME CODE TEXT RUN_ARG...: run.sh must exit with CODE and print TEXT (an ERE).
# The run directory of a failing guest is removed, because failures are expected here.
check() {
	local name=$1 want=$2 text=$3 code=0
	shift 3
	"$vm_dir/run.sh" --kernel "$kernel" --name rig-selftest "$@" >"$log" 2>&1 || code=$?
	out=$(<"$log")
	if [[ $code -ne $want ]]; then
		verdict "$name" "exit $code, not $want"
	elif ! grep -qE -- "$text" <<<"$out"; then
		verdict "$name" "no '$text' in the output"
	else
		verdict "$name" ''
	fi
}

verdict() {
	if [[ $2 ]]; then
		failed=$((failed + 1))
		printf 'not ok %s: %s: %s\n' "$kernel" "$1" "$2"
		tail -n 15 <<<"$out" | sed 's/^/# /'
	else
		passed=$((passed + 1))
		printf 'ok %s: %s\n' "$kernel" "$1"
	fi
}

# without_guest NAME COMMAND...: a case that needs no guest.
without_guest() {
	local name=$1 code=0
	shift
	out=$("$@" 2>&1) || code=$?
	verdict "$name" "$([[ $code -eq 0 ]] || echo "exit $code")"
}

splat_cases() {
	local rc line
	while IFS='|' read -r rc line; do
		local got=0
		"$vm_dir/splat.sh" - <<<"$line" >/dev/null || got=$?
		[[ $got -eq $rc ]] || { echo "splat.sh: $got for: $line"; return 1; }
	done <<'END'
0|[    1.0] ndshm: loaded
0|[    1.0] DMAR: Host address width 39
0|[    1.0] DMA-API: preallocated 65536 debug entries
0|[    1.0] kmemleak: Kernel memory leak detector initialized (mem pool available: 15000)
0|[    1.0] x86/fpu: debug: nothing
1|[    1.0] Memory cgroup out of memory: Killed process 12 (stress) total-vm:1kB
1|[    1.0] alloc: vmalloc error: size 1, exceeds total pages, mode:0xdc0
1|[    1.0] WARNING: CPU: 0 PID: 1 at mm/page_alloc.c:1 f+0x1/0x2
1|[    1.0] BUG: kernel NULL pointer dereference, address: 0000000000000000
1|[    1.0] BUG: KASAN: slab-use-after-free in f+0x1/0x2
1|[    1.0] Oops: 0002 [#1] PREEMPT SMP
1|[    1.0] WARNING: possible circular locking dependency detected
1|[    1.0] INFO: task cat:12 blocked for more than 120 seconds.
1|[    1.0] DMA-API: pci 0000:00:10.0: device driver has pending DMA allocations while released from device [count=1]
1|[    1.0] DMAR: [DMA Read NO_PASID] Request device [00:12.0] fault addr 0x0 [fault reason 0x05] PTE Read access is not set
1|[    1.0] refcount_t: underflow; use-after-free.
1|unreferenced object 0xffff888100000000 (size 64):
1|[    1.0] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
1|[    1.0] irq 16: nobody cared (try booting with the "irqpoll" option)
END
	"$vm_dir/splat.sh" --expect 'at mm/x' - <<<'WARNING: at mm/x' || return 1
	! "$vm_dir/splat.sh" --expect 'at mm/x' - <<<'all is well' || return 1
	"$vm_dir/splat.sh" --since MARK - <<<$'WARNING: old\nMARK\nnew' || return 1
	! "$vm_dir/splat.sh" --since MARK - <<<$'MARK\nWARNING: new' >/dev/null || return 1
	local scans=$'kmemleak: 2 new suspected\nkmemleak: 1 new suspected\nndshm_debug:'
	"$vm_dir/splat.sh" - <<<"$scans 3 leaks are of the kernel" || return 1
	! "$vm_dir/splat.sh" - <<<"$scans 2 leaks are of the kernel" >/dev/null || return 1
	! "$vm_dir/splat.sh" - <<<"$scans 3 leaks are of the kernel"$'\nkmemleak: 1 new suspected' >/dev/null
}

# packages.sh when the package manager would have to remove a package: it must fail, and
# apt-get must always be called with --no-remove.
flags_cases() {
	flags_are_impossible /dev/stdin <<<'[  549.380323] RSP: 0018:ffffd28b41e1fd38 EFLAGS: 3fe01686' || return 1
	flags_are_impossible /dev/stdin <<<$'RSP: 0018:f EFLAGS: 00010246\r\nRSP: 0018:f EFLAGS: 00018246\r' || return 1
	! flags_are_impossible /dev/stdin <<<'RSP: 0018:ffffd28b41e1fd38 EFLAGS: 003f7fd7' || return 1
	! flags_are_impossible /dev/stdin <<<'no CPU has stopped'
}

packages_cases() {
	local dir
	dir=$(mktemp -d)
	mkdir -- "$dir/bin"
	printf '#!/bin/sh\n' | tee "$dir/bin/dpkg-query" >"$dir/bin/apt-get"
	printf '#!/bin/sh\necho "  Candidate: 1"\n' >"$dir/bin/apt-cache"
	cat >>"$dir/bin/apt-get" <<-END
		echo "\$*" >>"$dir/asked"
		case " \$* " in *" update "*) exit 0 ;; esac
		exit 100
	END
	printf '#!/bin/sh\nexec "$@"\n' >"$dir/bin/sudo"
	chmod +x -- "$dir/bin/"*
	if NDSHM_CACHE=$dir PATH=$dir/bin:$PATH "$vm_dir/packages.sh" package:ndshm-conflict; then
		echo 'packages.sh: a refusal of apt-get is no failure'
		return 1
	fi
	cat -- "$dir/asked"
	grep -q ' install .* ndshm-conflict$' "$dir/asked" || return 1
	! grep ' install ' "$dir/asked" | grep -v -e ' --no-remove ' || return 1
	rm -rf -- "$dir"
}

# fake_tools DIRECTORY TOOL...: fill it with links to these programs, and a dpkg-query that says that
# all packages but those in the file `absent` are installed.
fake_tools() {
	local tool
	mkdir -- "$1"
	for tool in "${@:2}"; do ln -s -- "$(type -P "$tool")" "$1/"; done
	cat >"$1/dpkg-query" <<-END
		#!/bin/sh
		for name; do grep -qxF -- "\$name" "$1/absent" || echo "installed \$name"; done
	END
	chmod +x -- "$1/dpkg-query"
	: >"$1/absent"
}

# What is missing is named all at once, also by the Makefile of the library, before it builds.
missing_cases() {
	local dir out code=0
	dir=$(mktemp -d)
	fake_tools "$dir/bin" bash sh env make dirname awk sort grep sed paste mktemp rm mkdir cat flock
	local -x PATH=$dir/bin NDSHM_CACHE=$dir/cache
	"$vm_dir/packages.sh" --missing library || return 1
	# Tests of a binding are skipped.
	echo bindgen >"$dir/bin/absent"
	"$vm_dir/packages.sh" --missing library || return 1
	printf '%s\n' g++ mandoc >>"$dir/bin/absent"
	out=$("$vm_dir/packages.sh" --missing library 2>&1) || code=$?
	[[ $code -eq 1 && $(grep -c 'install by hand' <<<"$out") -eq 1 ]] || { echo "$code: $out"; return 1; }
	printf '#!/bin/sh\nexit 1\n' >"$dir/bin/apt-get"
	chmod +x -- "$dir/bin/apt-get"
	out=$(make -C "$vm_dir/../../userlib" BUILD="$dir/build" check 2>&1) && return 1
	[[ $out == *'apt-get install --no-install-recommends bindgen g++ mandoc'$'\n'* && ! -e $dir/build ]] || { echo "$out"; return 1; }
	/bin/rm -rf -- "$dir"
}

# Names that are mistyped are refused before anything is built, and a level builds what it uses.
levels_cases() {
	local dir what out said code wrong=
	dir=$(mktemp -d)
	fake_tools "$dir/bin"
	printf '#!/bin/sh\necho "$*" >>"%s"\n' "$dir/made" >"$dir/bin/make"
	chmod +x -- "$dir/bin/make"
	local -x PATH=$dir/bin:$PATH NDSHM_CACHE=$dir/cache BUILD=$dir/build SHARD='' KERNELS='' LEVELS=''
	while IFS='|' read -r what out; do
		code=0
		said=$(env -- "$what" "$vm_dir/check.sh" stock 2>&1) || code=$?
		[[ $code -eq 1 && $said == *"$out"* && ! -e $dir/build ]] || { echo "$what: exit $code: $said"; wrong=1; }
	done <<-'END'
		LEVELS=libary|no level libary; the nearest is library,
		LEVELS=fuzz|no level fuzz;
		LEVELS=6.13/heap|no kernel 6.13; the nearest is 6.1,
		KERNELS=6.12-debug|no kernel 6.12-debug; the nearest is 6.12,
		SHARD=8|from 0 to 7
	END
	LEVELS='library examples' "$vm_dir/check.sh" --build stock || return 1
	cat -- "$dir/made"
	[[ $(wc -l <"$dir/made") -eq 1 && $(<"$dir/made") == *' userlib' ]] || wrong=1
	rm -rf -- "$dir"
	[[ ! $wrong ]]
}

# A package that is no longer in the archive, of which only a refreshed index knows the next
# version, or for a kernel the next name. The first refresh fails.
kernels_cases() {
	local dir image
	dir=$(mktemp -d)
	image=$dir/cache/kernels/linux-image-6.1-2_2
	mkdir -p -- "$dir/bin" "$dir/deb/DEBIAN" "$dir/deb/boot" "$dir/deb/lib/modules/6.1-2"
	touch -- "$dir/deb/boot/vmlinuz-6.1-2" "$dir/deb/boot/config-6.1-2"
	printf '%s\n' 'Package: some' 'Version: 2' 'Architecture: all' 'Maintainer: none' \
		>"$dir/deb/DEBIAN/control"
	dpkg-deb -b "$dir/deb" "$dir/some.deb" || return 1
	cat >"$dir/bin/apt-get" <<-END
		#!/bin/sh
		case "\$* " in
		*download*=2' ') cp "$dir/some.deb" . ;;
		*download*|*update*Error-Mode=any*) exit 100 ;;
		*update*) touch "$dir/fresh" ;;
		esac
	END
	cat >"$dir/bin/apt-cache" <<-END
		#!/bin/sh
		if [ -e "$dir/fresh" ]; then new=2; else new=1; fi
		case "\$*" in
		*depends*) echo "  Depends: linux-image-6.1-\$new" ;;
		*policy*-6.1-*) [ "\${2##*-}" != "\$new" ] || echo "  Candidate: \$new" ;;
		*policy*) echo "  Candidate: \$new" ;;
		esac
	END
	printf '#!/bin/sh\nexec "$@"\n' >"$dir/bin/sudo"
	chmod +x -- "$dir/bin/"*
	local -x NDSHM_CACHE=$dir/cache PATH=$dir/bin:$PATH
	[[ $("$vm_dir/kernels.sh" files some) == "$dir/cache/kernels/some_2" ]] || return 1
	rm -- "$dir/fresh"
	[[ $("$vm_dir/kernels.sh" dir 6.1) == "$image" ]] || return 1
	[[ $(<"$image/release") == 6.1-2 ]] || return 1
	rm -rf -- "$dir"
}

# A new QEMU is used, an old one too if there is no other; with KVM always the machine's.
emulator_cases() {
	local dir own new third
	dir=$(mktemp -d)
	new=$dir/cache/emulator/root/usr/bin/qemu-system-x86_64
	own=$dir/bin/qemu-system-x86_64
	mkdir -- "$dir/bin"
	printf '#!/bin/sh\necho asked >>"%s"\nexit 100\n' "$dir/asked" >"$dir/bin/apt-get"
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho "QEMU emulator version $NDSHM_FAKE"\n' >"$own"
	chmod +x -- "$dir/bin/"*
	local -x NDSHM_CACHE=$dir/cache PATH=$dir/bin:$PATH NDSHM_FAKE=9.1.0 NDSHM_QEMU=
	[[ $("$vm_dir/emulator.sh" tcg) == "$own" ]] || return 1
	NDSHM_FAKE=7.2.22
	[[ $("$vm_dir/emulator.sh" kvm) == "$own" && ! -e $dir/asked ]] || return 1
	[[ $("$vm_dir/emulator.sh" tcg) == "$own" && -e $dir/asked ]] || return 1
	# A failure is remembered, because every guest would try again.
	rm -- "$dir/asked"
	[[ $("$vm_dir/emulator.sh" icount) == "$own" && ! -e $dir/asked ]] || return 1
	# So is a download that ends after the first package.
	rm -- "$dir/cache/emulator.failed"
	mkdir -p -- "$dir/deb/DEBIAN" "$dir/deb/usr/bin"
	printf '#!/bin/sh\necho "QEMU emulator version 10.0.8"\n' >"$dir/deb/usr/bin/qemu-system-x86_64"
	chmod +x -- "$dir/deb/usr/bin/qemu-system-x86_64"
	printf 'Package: qemu-system-x86\nVersion: 1\nArchitecture: all\nMaintainer: none\nDescription: none\n' \
		>"$dir/deb/DEBIAN/control"
	dpkg-deb -b "$dir/deb" "$dir/qemu.deb" || return 1
	cat >"$dir/bin/apt-get" <<-END
		#!/bin/sh
		case "\$*" in
		indextargets*) echo 'Debian http://127.0.0.1 stable' ;;
		*download*) cp "$dir/qemu.deb" . ; exit 100 ;;
		esac
	END
	[[ $("$vm_dir/emulator.sh" tcg) == "$own" && -e $dir/cache/emulator.failed ]] || return 1
	# An archive that fails twice.
	rm -- "$dir/cache/emulator.failed"
	third="echo >>$dir/n; [ \$(wc -l <$dir/n) -eq 3 ]"
	sed -i "s#cp .*#$third \&\& cp $dir/qemu.deb .; exit;;#" "$dir/bin/apt-get"
	[[ $("$vm_dir/emulator.sh" tcg) == "$new" ]] || return 1
	NDSHM_QEMU=/nonexistent
	[[ $("$vm_dir/emulator.sh" tcg) == /nonexistent ]] || return 1
	rm -rf -- "$dir"
}

lost_cases() {
	local got
	got=$(printf '%s\n' before "$begin_guest" a1 '# not ok 1' "$lost_guest" a2 "$lost_guest" a3 "$begin_guest" b1 "$begin_guest" c1 "$lost_guest" |
		without_lost | xargs)
	[[ $got == 'before # not ok 1 a3 b1' ]] || { echo "counted: $got"; return 1; }
}

without_guest 'the output of lost guests does not count' lost_cases
without_guest 'splat.sh tells good lines from bad' splat_cases
without_guest 'impossible flags are told from others' flags_cases
without_guest 'emulator.sh prefers a QEMU without the defect' emulator_cases
without_guest 'packages.sh removes no package' packages_cases
without_guest 'packages.sh names all that is missing' missing_cases
without_guest 'check.sh refuses unknown names and builds what its levels use' levels_cases
without_guest 'kernels.sh fetches what replaces a package' kernels_cases

probe_file=$vm_dir/.overlay-probe.$$
results=$cache/runs/rig-selftest/guest
kernels=("$@")
[[ ${#kernels[@]} -gt 0 ]] || kernels=(6.12 6.1)

for kernel in "${kernels[@]}"; do
	release=$("$vm_dir/kernels.sh" release "$kernel")

	# One boot for all checks of a healthy guest. The rig writes the results to its run
	# directory.
	# shellcheck disable=SC2016
	NDSHM_PROBE='a b' check 'a healthy guest' 0 '^all is well$' --share "$vm_dir" -- bash -euc '
		[[ $(uname -r) == "$1" && $EUID -eq 0 && $PWD == "$2" && $NDSHM_PROBE == "a b" ]]
		touch /etc/overlay-probe && [[ -e /etc/overlay-probe ]]
		[[ -d /sys/kernel/debug/tracing && -e /sys/kernel/tracing/trace && -e /sys/fs/cgroup/cgroup.procs ]]
		[[ $2 == /tmp/* || -z $(ls -A /tmp) ]]
		cat <(echo the shell finds /dev/fd)
		ping -c 1 -q 127.0.0.1 >/dev/null
		unshare --user --map-root-user true
		modprobe e1000e && grep -q ^e1000e /proc/modules
		echo kept >"$NDSHM_VM_DIR/kept"
		echo shared >"$3"
		! echo forged 2>/dev/null >/dev/vport0p1
		echo all is well' - "$release" "$PWD" "$probe_file"
	verdict 'what it writes to the overlay is gone' "$([[ ! -e /etc/overlay-probe ]] || echo '/etc/overlay-probe is on the host')"
	verdict 'what it writes to its run directory is kept' "$([[ $(cat "$results/kept" 2>&1) == kept ]] || echo 'it is not')"
	verdict 'what it writes to a share is kept' "$([[ $(cat "$probe_file" 2>&1) == shared ]] || echo 'it is not')"
	rm -f -- "$probe_file"

	check 'exit code' 3 'exit 3 after' -- bash -c 'exit 3'
	check 'a command that is not there' 127 'No such file' -- /no/such/command
	check 'a guest that panics' 125 'sysrq triggered crash|Attempted to kill|Kernel panic' -- \
		bash -c 'echo 1 >/proc/sys/kernel/panic_on_oops; echo c >/proc/sysrq-trigger; sleep 20'
	check 'a guest that dies after it printed success' 125 'the guest died while the command was running' -- \
		bash -c 'echo "ndshm-verdict: exit 0"; echo "5 passed, 0 failed"; echo o >/proc/sysrq-trigger; sleep 20'
	check 'a command that hangs' 124 'the command did not end within 3 s' --timeout 3 -- sleep 1000
	# A CPU without heartbeats. run.sh must boot the guest again, in which the command only
	# prints a line. With a busy CPU it must not. The second time all CPUs are without.
	# shellcheck disable=SC2016
	lost='for p in /proc/[0-9]*; do [[ ! $p/cwd -ef $NDSHM_VM_DIR || $(taskset -pc "${p#/proc/}") != *": 1" ]] || kill -STOP "${p#/proc/}"; done;'
	export NDSHM_LOST_TIMEOUT=20
	# shellcheck disable=SC2016
	check 'a CPU that does not wake up' 0 '^it went on$' --timeout 100 -- \
		bash -c '[[ ! -e $NDSHM_VM_DIR/again ]] || { echo it went on; exit; }; echo >$NDSHM_VM_DIR/again; printf first;'"$lost sleep 1000"
	verdict 'its first output does not count' "$([[ $(without_lost <"$log" | xargs) != *first* ]] || echo 'it does')"
	verdict 'its processors are in the output' "$([[ $(grep -cE '^  (CPU#|IRR)' "$log") -eq 8 ]] || echo 'they are not')"
	check 'a guest that does not wake up again' 124 'the emulator sleeps' --timeout 100 -- \
		bash -c "${lost/': 1"'/': "*'} sleep 1000"
	check 'a CPU that is busy' 124 'did not end within 40 s' --timeout 40 -- bash -c "$lost while :; do :; done"
	unset NDSHM_LOST_TIMEOUT
	check 'a splat in the kernel log' 123 'WARNING: CPU: 0 test' -- \
		bash -c 'echo "WARNING: CPU: 0 test" >/dev/kmsg'
	check 'an expected splat' 0 '' --expect-splat 'CPU: 0 test' -- \
		bash -c 'echo "WARNING: CPU: 0 test" >/dev/kmsg'
	check 'an expected splat that does not come' 123 'expected' --expect-splat 'CPU: 0 test' -- true

	# Output must arrive while the guest runs: a line must be there before its end.
	start=$SECONDS first=
	while read -r line; do
		[[ $line != first ]] || first=$((SECONDS - start))
	done < <("$vm_dir/run.sh" --kernel "$kernel" -- bash -c 'echo first; sleep 6' 2>&1)
	out="first line after ${first:-?} s, end after $((SECONDS - start)) s"
	verdict 'output is live' "$([[ $first && $((SECONDS - start - first)) -ge 4 ]] || echo "$out")"
done

kernel='-'
# The kernel differs from the requested one: the guest must detect it by the
# directory's release.
fake=$(mktemp -d)
trap 'rm -rf -- "$log" "$fake"' EXIT
real=$("$vm_dir/kernels.sh" dir "${kernels[0]}")
ln -s -- "$real/vmlinuz" "$real/modules" "$fake/"
echo 0.0.0-other >"$fake/release"
kernel=$fake
check 'the wrong kernel' 125 'not 0\.0\.0-other' -- true

kernel=${kernels[0]}
check 'QEMU that does not start' 125 'QEMU did not start' --device no-such-device -- true

printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
