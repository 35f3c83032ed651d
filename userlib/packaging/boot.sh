#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# boot.sh: install the packages in a virtual machine that boots Debian with systemd and Debian's
# kernel, reboot it, and purge them. The machine has no network, and two PCI functions: edu, and a
# network card with the kernel's driver. DKMS builds the module in the machine. Prints TAP, that of the last run if no input has changed. With `inside` it
# is the part in the machine, which a unit starts at each boot.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
. "$here/tap.sh"

function=0000:00:05.0
bind=ndshm-bind@$function.service
card=0000:00:11.0
# wait_until COMMAND...: up to 60 s, for what has no event to wait for.
wait_until() {
	local n
	for ((n = 0; n < 300; n++)); do
		! "$@" || return 0
		read -rt 0.2 <> <(:) || true
	done
	echo "not within 60 s: $*"
	return 1
}
as() { setpriv --reuid "$1" --regid ndshm --clear-groups -- "${@:2}"; }
fails() { ! "$@"; }
says() { has "$1" "$("${@:2}" 2>&1)"; }
node() { stat -c '%U:%G %a' "/dev/ndshm-devices/$1"; }
driver() { basename -- "$(readlink -- "/sys/bus/pci/devices/$1/driver")"; }

before_reboot() {
	useradd -M owner
	useradd -M other
	list_files >/root/before
	check 'the packages are installed' install_packages /root/packages/*.deb
	check "dkms has built the module for $(uname -r)" built_for "$(uname -r)"
	check 'the installation loads the module' test -d /sys/module/ndshm
	check 'the node belongs to root and the group, who may open it' \
		is "$(stat -c '%U:%G %a' /dev/ndshm)" 'root:ndshm 660'
	check "the card has the kernel's driver" is "$(driver $card)" e1000e
	check 'a unit without a file takes it within 300 s' timeout 300 systemctl enable --now "ndshm-bind@$card"
	check 'it belongs to root' is "$(node $card)" 'root:root 600'
	echo "SUBSYSTEM==\"ndshm\", KERNEL==\"$card\", GROUP=\"ndshm\", MODE=\"0660\"" >/etc/udev/rules.d/90-card.rules
	mkdir -p /etc/ndshm/bind /etc/ndshm/section
	sed 's/^OWNER=.*/OWNER=owner:ndshm/; s/^MODE=.*/MODE=0600/' \
		/usr/share/doc/ndshm-tools/examples/bind.conf >"/etc/ndshm/bind/$function.conf"
	cp /usr/share/doc/ndshm-tools/examples/section.conf /etc/ndshm/section/a.conf
	check 'a unit binds the function' systemctl enable --now "$bind"
	check 'a unit creates a section' systemctl enable --now ndshm-section@a.service
	check 'a unit for a function that does not exist fails' fails systemctl start ndshm-bind@0000:00:1e.7.service
	check 'and says why' says 'no such PCI function' systemctl status --no-pager ndshm-bind@0000:00:1e.7.service
	systemctl enable --now ndshm-metrics.socket
}

after_reboot() {
	check 'the module is loaded at boot' test -d /sys/module/ndshm
	check 'the unit has bound the function' systemctl is-active "$bind"
	check 'and that without a file the card' is "$(systemctl is-active "ndshm-bind@$card") $(driver $card)" 'active ndshm_pci'
	check 'the card belongs to whom the udev rule names' is "$(node $card)" 'root:ndshm 660'
	check 'the function belongs to its owner' is "$(node $function)" 'owner:ndshm 600'
	check 'who can claim it' as owner ndshm alloc --adapter "$function" --length 64K
	check 'and no one else' fails as other ndshm alloc --adapter "$function" --length 64K
	check 'the example finds no card of another name' \
		says 'no such adapter' as owner ndshm-82574 --adapter 0000:00:1e.7
	check 'the section exists' wait_until ndshm section open a --owner root -- true
	check 'a member of the group opens it by its name' \
		as other ndshm section open a --owner root -- true
	check 'others do not' fails setpriv --reuid other --regid nogroup --clear-groups -- \
		ndshm section open a --owner root -- true
	check 'a user creates a section' as owner ndshm section create --name b --max 1G -- true
	check 'the socket serves metrics' metrics
	check 'a unit that stops returns the card' systemctl disable --now "ndshm-bind@$card"
	check "to the kernel's driver" is "$(driver $card)" e1000e
	systemctl disable --now "$bind" ndshm-section@a.service ndshm-metrics.socket
	rm -rf /etc/ndshm /etc/udev/rules.d/90-card.rules
	check 'the packages are purged' env DEBIAN_FRONTEND=noninteractive apt-get purge -y \
		ndshm-dkms ndshm-tools libndshm0 libndshm-dev
	check 'the module is unloaded' fails test -d /sys/module/ndshm
	list_files >/root/after
	check 'and no file is left' unchanged /root/before /root/after
	check 'the kernel reported nothing' fails grep -E 'BUG:|WARNING:|Oops' <(dmesg)
}

metrics() {
	python3 - <<-'EOF'
	import re, socket
	unit = open("/lib/systemd/system/ndshm-metrics.socket").read()
	where = re.search(r"ListenStream=(.*)", unit).group(1)
	kind = socket.AF_UNIX if where.startswith("/") else socket.AF_INET
	s = socket.socket(kind)
	s.connect(where if kind == socket.AF_UNIX else ("127.0.0.1", int(where.split(":")[-1])))
	s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
	text = b""
	while part := s.recv(65536):
	    text += part
	assert b"ndshm_" in text and b"200" in text[:20], text[:400]
	EOF
}

if [[ ${1:-} == inside ]]; then
	number=$(cat /root/number 2>/dev/null || echo 0)
	if [[ ! -e /root/number ]]; then
		before_reboot
		echo "$number" >/root/number
		systemctl --no-block reboot
	else
		after_reboot
		echo "1..$number"
		systemctl --no-block poweroff
	fi
	exit
fi

top=$(cd -- "$here/../.." && pwd -P)
. "$top/selftests/vm/lib.sh"
. "$here/chroot.sh"
build=$(realpath -m -- "${BUILD:-$top/build}")

"$vm_dir/packages.sh" vm package
test_start boot systemd-sysv,dbus,e2fsprogs,python3-minimal,linux-image-amd64,linux-headers-amd64
cat >"$work/ndshm-test.service" <<EOF
[Unit]
After=systemd-modules-load.service ndshm-bind@$function.service ndshm-bind@$card.service ndshm-section@a.service
[Service]
Environment=HOME=/root LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/bin/bash -c 'udevadm settle; exec bash /root/boot.sh inside >/dev/virtio-ports/tap'
EOF
say 'making a disk'
# shellcheck disable=SC2016
chroot_run "$tar" "$work" bash -euc '
	cp -r /mnt/packages /mnt/boot.sh /mnt/tap.sh /root/
	cp /mnt/ndshm-test.service /etc/systemd/system/
	mkdir -p /etc/systemd/system/multi-user.target.wants
	ln -s ../ndshm-test.service /etc/systemd/system/multi-user.target.wants/
	echo "/dev/vda / ext4 defaults 0 0" >/etc/fstab
	echo debian >/etc/hostname
	echo "127.0.1.1 debian" >>/etc/hosts
	cp /boot/vmlinuz-* /mnt/vmlinuz
	cp /boot/initrd.img-* /mnt/initrd
	mkdir /tmp/root
	mount --bind / /tmp/root
	truncate -s 4G /mnt/disk
	nice -n 19 mke2fs -q -t ext4 -d /tmp/root /mnt/disk'

say 'booting Debian; DKMS compiles in the machine, which takes minutes without KVM'
code=0
accel=$("$vm_dir/accel.sh")
emulator=$("$vm_dir/emulator.sh" "$accel")
timeout -k 5 "${BOOT_SECONDS:-3600}" "$emulator" -nodefaults -no-user-config -display none \
	-machine q35,kernel-irqchip=off -device intel-iommu,intremap=on -accel "$accel" -cpu max -smp 2 -m 2048 \
	-kernel "$work/vmlinuz" -initrd "$work/initrd" \
	-append 'root=/dev/vda rw console=ttyS0 panic=-1 mitigations=off nowatchdog intel_iommu=on iommu.strict=1 systemd.journald.forward_to_console=1' \
	-drive "file=$work/disk,format=raw,if=virtio,cache=unsafe" \
	-device edu,addr=0x5 -device e1000e,addr=0x11,romfile= -serial "file:$work/console.log" \
	-device virtio-serial-pci -chardev "file,id=tap,path=$work/tap" \
	-device virtserialport,chardev=tap,name=tap </dev/null >&2 || code=$?
rm -f -- "$work/disk"
tr -d '\r' <"$work/tap" | tee -- "$work/tap.all"
[[ $code -eq 0 ]] || die "the machine did not end within its time; its log is $work/console.log"
grep -q '^1\.\.' "$work/tap.all" || die "the test did not end; the machine's log is $work/console.log"
grep -q '^not ok' "$work/tap.all" || mv -- "$work/tap.all" "$passed"
