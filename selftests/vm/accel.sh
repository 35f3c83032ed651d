#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# accel.sh: print "kvm" or "tcg", the QEMU accelerator that boots a stock kernel on
# this machine. A guest may hang although /dev/kvm exists, so KVM is tried once with a
# real boot; the answer is cached for this host kernel and processor.
# NDSHM_ACCEL=kvm|tcg overrides it.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

seconds=6

case ${NDSHM_ACCEL:-} in
kvm|tcg)	printf '%s\n' "$NDSHM_ACCEL"; exit ;;
'')		;;
*)		die "NDSHM_ACCEL is kvm or tcg, not $NDSHM_ACCEL" ;;
esac
[[ -r /dev/kvm && -w /dev/kvm ]] || { echo tcg; exit; }

machine=$(uname -r; grep -m 1 '^model name' /proc/cpuinfo || true)
answer=$cache/accel-$(sha256sum <<<"$machine" | cut -c1-16)
if [[ -s $answer ]]; then
	cat -- "$answer"
	exit
fi

# Any text on the verdict port proves that the guest's kernel and user space run.
probe() {
	local dir kernel result=tcg
	[[ ! -s $answer ]] || return 0
	kernel=$("$vm_dir/kernels.sh" dir "$1")
	dir=$(mktemp -d)
	say "trying KVM, once, for at most $seconds s"
	# QEMU may abort: use a subshell, to hide the shell's message, and write
	# no core.
	(ulimit -c 0; timeout -k 1 "$seconds" qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
		-machine q35 -accel kvm -cpu host -m 512 \
		-kernel "$kernel/vmlinuz" -initrd "$("$vm_dir/initrd.sh" "$1")" -append 'quiet panic=-1' \
		-device virtio-serial-pci -chardev "file,id=verdict,path=$dir/verdict" \
		-device virtserialport,chardev=verdict,name=verdict \
		-chardev null,id=output -device virtserialport,chardev=output,name=output \
		</dev/null || true) >"$dir/log" 2>&1
	grep -qs '^ndshm-verdict: up' "$dir/verdict" && result=kvm
	rm -rf -- "$dir"
	say "KVM $([[ $result == kvm ]] && echo works || echo 'does not boot a kernel here: emulating instead')"
	printf '%s\n' "$result" >"$answer.$$"
	mv -- "$answer.$$" "$answer"
}
with_lock "$cache/accel.lock" probe "${1:-6.12}"
cat -- "$answer"
