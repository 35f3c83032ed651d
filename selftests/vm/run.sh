#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh [OPTION]... -- COMMAND [ARG]...: run a command as root on a stock kernel in a
# virtual machine, on the host's files below a throw-away overlay. See --help.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
. "$vm_dir/machine.sh"

exit_splat=123 exit_timeout=124 exit_dead=125
# A boot takes seconds, but that of a debug kernel on a busy machine a minute or
# two.
boot_seconds=${NDSHM_BOOT_TIMEOUT:-180}
shutdown_seconds=120
lost_seconds=${NDSHM_LOST_TIMEOUT:-60}

help() {
	cat <<'END'
usage: run.sh [OPTION]... -- COMMAND [ARG]...

Kernel and size:
  --kernel NAME       6.12 (default) or 6.1; 6.12-debug, 7.2-debug or 7.2-plain, which are built
                      the first time; 6.1-arm64, 6.12-arm64 or 6.12-arm64-16k, an emulated machine
                      with the programs of root.sh, also 6.12-arm64-64k or 6.12-arm64-debug, which
                      are built; or a directory with vmlinuz, modules/, release
  --memory SIZE       such as 2G (default, but 16G with huge pages of 512 MiB) or 512M
  --cpus N            2 by default
  --numa N            N memory nodes, each with processors of its own
  --not-coherent      on arm64: the device tree says that DMA does not see the caches
  --platform          on arm64: the device tree makes an adapter of the virtio-mmio registers,
                      with a random number generator, and reserves memory for it
  --icount            the guest's clock counts instructions (emulated, one processor)
  --append TEXT       added to the kernel command line; repeatable

Devices:
  --iommu             Intel IOMMU, translating, with interrupt remapping; on arm64 an SMMUv3
  --intremap on|off   interrupt remapping of that IOMMU (default: on)
  --rmrr FUNCTION     a table of the firmware shares memory with a PCI function through the Intel
                      IOMMU: 11.0 is 0000:00:11.0, 14.0/02.0 is 02.0 behind the bridge 0000:00:14.0
  --wire              two e1000e cards, back to back:
                        0000:00:10.0  52:54:00:6e:64:01  for the kernel's own driver
                        0000:00:11.0  52:54:00:6e:64:02  for a driver in user space
                      neither driver is loaded; `modprobe e1000e` takes both
  --edu               QEMU's teaching device with a DMA engine, at 0000:00:12.0
  --device ARG        as QEMU's -device; repeatable
  --netdev ARG        as QEMU's -netdev; repeatable

The run:
  --name NAME         keep the logs in a directory of that name, emptied first
  --timeout SECONDS   for the command (default: 600); the boot has a limit of its own
  --share DIR         the guest may write to this directory of the host; repeatable
  --root DIR          the guest's root, with the programs that it runs, in place of the host's; a
                      kernel that is installed there has its modules from there
  --expect-splat ERE  this must be in the kernel log, and is no failure; repeatable
  --quiet             say nothing when all is well

The guest sees the host's files; what it writes is gone afterwards. It keeps the current
directory and the variables NDSHM_*. /tmp and /run are empty, but for what holds the
current directory and the checkout. /run/ndshm-vm is the run directory's `guest`: what
the command leaves there is on the host afterwards. No device driver is loaded by itself.

If the emulator itself has failed the guest, which is rare, the command is run again, up to
two times. A line in the output says so; what passed above it does not count.

Exit: the command's own code, or
  123  the kernel log holds something that must not be there (file `splats`)
  124  the time was up
  125  the guest died, or could not be started
Each comes with a message. 130 and 143: interrupted.
END
}

fail() { say "$*"; exit "$exit_dead"; }
note() { [[ $quiet ]] || say "$*"; }

kernel=6.12 name='' seconds=600 memory='' cpus=2 quiet='' numa=''
iommu='' intremap=on wire='' rmrr='' edu='' icount='' append='' not_coherent='' platform='' root=/
devices=() netdevs=() shares=() expect=() qemu=()

while [[ $# -gt 0 ]]; do
	case $1 in
	--iommu|--wire|--edu|--icount|--quiet)
		declare "${1#--}=1"; shift; continue ;;
	--not-coherent)
		not_coherent=1; shift; continue ;;
	--platform)
		platform=1; shift; continue ;;
	-h|--help)
		help; exit 0 ;;
	--)
		shift; break ;;
	--*)
		[[ $# -gt 1 ]] || fail "$1 needs a value (see --help)" ;;
	*)
		fail "what is $1? The command follows -- (see --help)" ;;
	esac
	case $1 in
	--kernel)	kernel=$2 ;;
	--memory)	memory=$2 ;;
	--cpus)		cpus=$2 ;;
	--numa)		numa=$2 ;;
	--append)	append+=" $2" ;;
	--intremap)	intremap=$2 ;;
	--rmrr)		rmrr=$2 ;;
	--device)	devices+=("$2") ;;
	--netdev)	netdevs+=("$2") ;;
	--name)		name=$2 ;;
	--timeout)	seconds=$2 ;;
	--root)		root=$(cd -- "$2" && pwd -P) || fail "--root: no such directory: $2" ;;
	--share)	shares+=("$(cd -- "$2" && pwd -P)") || fail "--share: no such directory: $2" ;;
	--expect-splat)	expect+=(--expect "$2") ;;
	*)		fail "no such option: $1 (see --help)" ;;
	esac
	shift 2
done
[[ $# -gt 0 ]] || { help >&2; exit "$exit_dead"; }
[[ $seconds =~ ^[1-9][0-9]*$ && $cpus =~ ^[1-9][0-9]*$ ]] || fail '--timeout and --cpus are whole numbers'
[[ $name != */* && $name != .* ]] || fail "--name is a plain name, not $name"
[[ ! $rmrr || ($iommu && $rmrr =~ ^[01][0-9a-f]\.[0-7](/[01][0-9a-f]\.[0-7])*$) ]] || fail '--rmrr needs --iommu, and a function such as 11.0'

"$vm_dir/packages.sh" vm || exit "$exit_dead"
kernel_dir=$("$vm_dir/kernels.sh" dir "$kernel") || exit "$exit_dead"
initrd=$("$vm_dir/initrd.sh" "$kernel_dir") || exit "$exit_dead"
arch=$(foreign_arch "$kernel_dir")
[[ ! $arch || $root != / ]] || root=$("$vm_dir/root.sh" "$arch") || exit "$exit_dead"
if [[ $icount ]]; then
	accel=icount cpus=1
elif [[ $arch ]]; then
	accel=tcg
else
	accel=$("$vm_dir/accel.sh") || exit "$exit_dead"
fi
emulator=$("$vm_dir/emulator.sh" "$accel" $arch) || exit "$exit_dead"
if [[ $numa ]]; then
	[[ $numa =~ ^[1-9]$ ]] || fail '--numa is a digit'
	[[ ! $icount || $numa -eq 1 ]] || fail '--icount has one processor, so one node'
	# Every node has the same number of CPUs.
	cpus=$(((cpus + numa - 1) / numa * numa))
fi

# The run directory. It is kept if it is named or the run fails.
runs=$cache/runs
mkdir -p -- "$runs"
if [[ $name ]]; then
	dir=$runs/$name
	mkdir -p -- "$dir"
	exec {dir_lock}>"$dir.lock"
	flock -n "$dir_lock" || fail "a run named $name is under way"
	rm -rf -- "${dir:?}"/*
else
	dir=$(mktemp -d -- "$runs/$(date +%Y%m%d-%H%M%S).XXXX")
fi
# A separate directory, so that the command cannot modify the verdict.
guest=$dir/guest
mkdir -- "$guest"

# Directories that the command must see although they are below /tmp or /run; or, if the guest has
# another root, also the cache and what variables name.
keep=()
{
	printf '%s\n' "$(cd -- "$vm_dir/../.." && pwd -P)" "$(pwd -P)"
	if [[ $root != / ]]; then
		printf '%s\n' "$cache"
		for variable in $(compgen -e NDSHM_); do
			path=${!variable}
			[[ $path != /*/* || ! -e $path ]] || realpath -- "$([[ -d $path ]] && echo "$path" || dirname -- "$path")"
		done
	fi
} | sort -u >"$guest/keep"
mapfile -t paths <"$guest/keep"
for path in "${paths[@]}"; do
	[[ $root != / || $path/ == /tmp/?* || $path/ == /run/?* ]] || continue
	[[ ${#keep[@]} -gt 0 && $path/ == "${keep[-1]}"/* ]] || keep+=("$path")
done
[[ $root == / ]] || : >"$guest/foreign"
cp -- "$kernel_dir/release" "$guest/release"
[[ ! $icount ]] || : >"$guest/quiet"
printf '%s\n' "${keep[@]}" | sed '/^$/d' >"$guest/keep"
printf '%s\n' "${shares[@]}" | sed '/^$/d' >"$guest/shares"
{
	printf 'cd -- %q || exit 125\n' "$(pwd -P)"
	while read -r variable; do
		printf 'export %s=%q\n' "$variable" "${!variable}"
	done < <(compgen -e NDSHM_)
	printf 'export NDSHM_CACHE=%q NDSHM_VM=%q NDSHM_VM_DIR=/run/ndshm-vm\n' "$cache" "$kernel"
	printf 'export HOME=%q PATH=%q LANG=C.UTF-8 USER=root LOGNAME=root TMPDIR=/tmp\n' "${HOME:-/root}" "$PATH"
	printf 'exec --'
	printf ' %q' "$@"
	printf '\n'
} >"$guest/command.sh"

[[ $memory ]] || memory=$(cat -- "$kernel_dir/memory" 2>/dev/null || echo 2G)
[[ ! -f $kernel_dir/append ]] || append=" $(<"$kernel_dir/append")$append"
[[ ! $rmrr ]] || machine_rmrr "$dir" "$rmrr" "$intremap" || exit "$exit_dead"
machine_type "$iommu" "$intremap" "$accel"
machine_base "$accel" "$kernel_dir" "$initrd" "$memory" "$cpus" "${numa:-1}"
machine_ports "$dir"
machine_monitor "$dir"
machine_share root "$root" ro
[[ $root == / ]] || machine_share host / ro
machine_share modules "$kernel_dir/modules" ro
machine_share job "$guest" rw
for i in "${!shares[@]}"; do machine_share "share$i" "${shares[i]}" rw; done
[[ -z $wire ]] || machine_wire
[[ -z $edu ]] || machine_edu
[[ -z $platform ]] || qemu+=(-device virtio-rng-device)
[[ -z $numa ]] || machine_numa "$numa" "$memory" "$cpus"
for arg in "${netdevs[@]}"; do qemu+=(-netdev "$arg"); done
for arg in "${devices[@]}"; do qemu+=(-device "$arg"); done
qemu+=(-append "${append# }")
[[ ! $not_coherent && ! $platform ]] || machine_device_tree "$dir" "$not_coherent" "$platform" || exit "$exit_dead"
printf '%q ' "$emulator" "${qemu[@]}" >"$dir/qemu.cmd"

qemu_pid='' watch_pid=''
# shellcheck disable=SC2317
stop_guest() {
	[[ -z $watch_pid ]] || kill "$watch_pid" 2>/dev/null || true
	[[ -z $qemu_pid ]] || kill -KILL "$qemu_pid" 2>/dev/null || true
	qemu_pid='' watch_pid=''
}
trap stop_guest EXIT
trap 'say interrupted; exit 130' INT
trap 'say ended; exit 143' TERM HUP

# Sleep without a child process, which would outlive a killed parent.
nap() { read -rt "$1" <> <(:) || true; }

# Does emulator $1 sleep for ten seconds? Its threads are looked at, because one that waits for a
# CPU of a busy host uses no CPU time either.
emulator_sleeps() {
	local sample running=0
	for ((sample = 0; sample < 50; sample++)); do
		nap 0.2
		! grep -qs '^State:.R' "/proc/$1/task/"*/status || running=$((running + 1))
	done
	[[ $running -lt 13 ]]
}

# Print the heartbeats that are $lost_seconds old.
late_beats() {
	local beat now
	printf -v now '%(%s)T' -1
	for beat in "$guest"/beat.*; do
		[[ $((now - $(stat -c %Y -- "$beat" 2>/dev/null || echo "$now"))) -lt $lost_seconds ]] || printf '%s ' "$beat"
	done
}

# On a busy host the emulator rarely loses a write to a register: an end of interrupt, after which a
# CPU's timer is never heard again, or a notification of a 9p share, for whose answer all heartbeats
# wait; see machine_type. Then heartbeats end, and the emulator sleeps. If the kernel or a test keeps
# the CPU, it is busy. If the host has slept, the heartbeats go on.
interrupt_is_lost() {
	[[ $(late_beats) ]] && emulator_sleeps "$1" && [[ $(late_beats) ]]
}

# Add what the emulator knows of the CPUs to the file `processors`: where each is, and of its
# interrupt controller the timer and the interrupts that wait. Then let the emulator stop and
# continue, and ask again: what it held back it may deliver then.
save_processors() {
	local cpu again
	for again in '' 1; do
		for ((cpu = 0; cpu < cpus; cpu++)); do
			printf '%s\n' "cpu $cpu" 'info registers' "info lapic $cpu"
		done >"$dir/monitor.in"
		[[ $again ]] || printf 'stop\ncont\n' >"$dir/monitor.in"
		nap 3
	done
	{ timeout 1 cat <"$dir/monitor.out" || true; } | tr -d '\r' |
		grep -E '^(CPU#|RIP=|LVTT|Timer|ISR|IRR|APR)' >>"$dir/processors" || true
}

# Two separate limits, because a busy machine slows the boot, which the command must not
# pay for. The file `late` says which was exceeded.
watch_guest() {
	local waited=0 lines=''
	until [[ $lines == *started* ]]; do
		nap 0.5
		waited=$((waited + 1))
		if [[ $waited -ge $((boot_seconds * 2)) ]]; then
			echo "the guest did not start the command within $boot_seconds s" >"$dir/late"
			kill -KILL "$1"
			return
		fi
		lines=$(cat -- "$dir/verdict" 2>/dev/null) || true
	done
	waited=0
	until [[ $lines == *'ndshm-verdict: exit'* ]]; do
		nap 1
		waited=$((waited + 1))
		if ((waited % 5 == 0)) && interrupt_is_lost "$1"; then
			save_processors
			echo 'the emulator sleeps, and heartbeats of the guest have ended' >"$dir/lost"
			kill -KILL "$1"
			return
		fi
		if [[ $waited -ge $seconds ]]; then
			echo "the command did not end within $seconds s" >"$dir/late"
			kill -KILL "$1"
			return
		fi
		lines=$(cat -- "$dir/verdict" 2>/dev/null) || true
	done
	nap "$shutdown_seconds"
	echo "the guest did not go off within $shutdown_seconds s of the command's end" >"$dir/late"
	kill -KILL "$1"
}

# Boot and run the guest once. Writes console.log, verdict, output.log and
# qemu.log; if it was lost, processors.
boot() {
	local tee_pid pipe_in pipe
	rm -f -- "$dir"/{console.log,verdict,output.log,qemu.log,processors,late,lost,output.pipe} "$guest"/beat.*
	# Use a pipe, because QEMU makes its output non-blocking, which must not affect the
	# caller's.
	mkfifo -- "$dir/output.pipe"
	# Open at both ends until QEMU has ended, so that neither tee nor QEMU blocks in
	# open().
	# shellcheck disable=SC2094
	exec {pipe}<>"$dir/output.pipe" {pipe_in}<"$dir/output.pipe"
	tee -- "$dir/output.log" <&"$pipe_in" {pipe}>&- &
	tee_pid=$!
	exec {pipe_in}<&-
	# End the guest if run.sh is killed by SIGKILL.
	setpriv --pdeathsig KILL "$emulator" "${qemu[@]}" </dev/null >"$dir/qemu.log" 2>&1 {pipe}>&- &
	qemu_pid=$!
	(
		trap - EXIT INT TERM HUP
		watch_guest "$qemu_pid"
	) </dev/null >/dev/null 2>&1 {pipe}>&- &
	watch_pid=$!
	wait "$qemu_pid" 2>/dev/null || true
	exec {pipe}>&-
	kill "$watch_pid" 2>/dev/null || true
	wait "$watch_pid" "$tee_pid" 2>/dev/null || true
	qemu_pid='' watch_pid=''
	rm -f -- "$dir/output.pipe"
}

verdict() { sed -n "s/^ndshm-verdict: $1//p" "$dir/verdict" 2>/dev/null | tail -n 1; }
reached() { grep -qs "^ndshm-verdict: $1" "$dir/verdict"; }

show_end() {
	say "the end of the guest's kernel log ($dir/console.log):"
	tr -d '\r\000' <"$dir/console.log" 2>/dev/null | tail -n 40 | sed 's/^/  /' >&2 || true
	# The first line of a panic is often above the last lines shown.
	"$vm_dir/splat.sh" "$dir/console.log" 2>/dev/null | sed -n '2,/^splat:/{/^splat:/!p}' | head -n 8 |
		sed '1i splat: the kernel log holds' >&2 || true
	[[ ! -s $dir/processors ]] || sed 's/^/  /' "$dir/processors" >&2
	[[ ! -s $dir/qemu.log ]] || sed 's/^/  qemu: /' "$dir/qemu.log" | head -n 20 >&2
}

SECONDS=0
boot
if [[ ! -s $dir/console.log ]] && ! reached up && [[ ! -e $dir/late ]]; then
	cat -- "$dir/qemu.log" >&2
	fail 'QEMU did not start'
fi
if ! reached started && ! reached error; then
	show_end
	say "$(cat -- "$dir/late" 2>/dev/null || echo 'the guest died before the command was started'): booting once more"
	boot
else
	for again in 1 2; do
		if [[ -e $dir/lost ]]; then
			why=$(<"$dir/lost")
		elif flags_are_impossible "$dir/console.log"; then
			why='the emulator set flags that no software can set'
		else
			break
		fi
		show_end
		say "$why"
		cp -- "$dir/console.log" "$dir/console.lost$again.log"
		# The output may end within a line.
		printf '\n%s\n' "$lost_guest"
		boot
	done
fi
[[ ! -e $dir/lost ]] || mv -- "$dir/lost" "$dir/late"

code=$(verdict 'exit ')
if [[ -e $dir/late ]]; then
	show_end
	say "time limit: $(<"$dir/late")"
	exit "$exit_timeout"
fi
if [[ ! $code =~ ^[0-9]+$ ]]; then
	show_end
	reached error && fail "the guest could not run the command: $(verdict 'error ')"
	reached started && fail 'the guest died while the command was running'
	fail 'the guest did not start the command'
fi

if ! "$vm_dir/splat.sh" "${expect[@]}" "$dir/console.log" >"$dir/splat.log"; then
	cat -- "$dir/splat.log" >&2
	say "the command ended with $code, but the kernel log fails the run ($dir/console.log)"
	exit "$exit_splat"
fi
if [[ $code -ne 0 ]]; then
	note "exit $code after $SECONDS s on $(<"$kernel_dir/release") ($accel); logs in $dir"
elif [[ $name ]]; then
	note "exit 0 after $SECONDS s on $(<"$kernel_dir/release") ($accel); logs in $dir"
else
	rm -rf -- "$dir"
fi
exit "$code"
