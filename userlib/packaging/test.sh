#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# test.sh: build the packages and install them in a chroot that has only Debian and the headers of
# two kernels; build the example modules there as a stranger's; upgrade and purge; then load all of
# them in virtual machines of both kernels. Prints TAP, that of the last run if no input has changed.
# With `inside` it is the part in the chroot, with `guest` that in a machine.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)

. "$here/tap.sh"

command_refuses() {
	local said code=0
	said=$(ndshm bind 0000:00:1f.7 2>&1) || code=$?
	[[ $code -eq 1 ]] && has 'no such PCI function' "$said"
}
# A unit of the network that sysinit.target needs, as cloud-init has one, must make no cycle with it.
bind_is_early() {
	local units=/tmp/units
	mkdir -p -- "$units"/{multi-user,sysinit}.target.wants
	printf '[Unit]\nDefaultDependencies=no\nAfter=network-pre.target\nBefore=sysinit.target\n[Service]\nExecStart=/bin/true\n' \
		>"$units/early.service"
	ln -s ../early.service "$units/sysinit.target.wants/"
	ln -s /lib/systemd/system/ndshm-bind@.service "$units/multi-user.target.wants/ndshm-bind@0000:00:11.0.service"
	is "$(SYSTEMD_UNIT_PATH=$units:/lib/systemd/system systemd-analyze verify --man=no multi-user.target 2>&1 | grep cycle)" ''
}
sentence_without_headers() {
	has 'its headers are missing; install linux-headers-' "$1"
}
# own_modules RELEASE: build the examples as the page "Your own module" says, but with all warnings.
own_modules() {
	local own=/tmp/own-$1
	cp -r /usr/share/doc/ndshm-dkms/examples "$own"
	if ! make -C "/lib/modules/$1/build" "M=$own" W=1 modules >"$own.log" 2>&1 || grep -qi warning "$own.log"; then
		cat "$own.log"
		return 1
	fi
	cp -- "$own"/*.ko "/mnt/$1/"
}

if [[ ${1:-} == inside ]]; then
	mapfile -t releases < <(cd /lib/modules && printf '%s\n' */ | tr -d / | sort -V)
	first=${releases[0]} second=${releases[-1]} running=$(uname -r)
	mv -- "/lib/modules/$second" /root/second
	# Files of an installed kernel, which the headers alone do not have.
	depmod "$first"
	# The postinst asks for the running kernel, which has no headers here.
	mkdir -p -- "/lib/modules/$running"
	list_files >/tmp/before
	check 'the packages are installed' install_packages /mnt/packages/*.deb
	log=$(cat /var/log/apt/term.log)
	check 'a kernel without headers gets a sentence' sentence_without_headers "$log"
	rmdir -- "/lib/modules/$running" 2>/dev/null || true
	check "dkms builds for $first" dkms autoinstall -k "$first"
	check "and installs it" built_for "$first"
	mv -- /root/second "/lib/modules/$second"
	check "the headers of $second build it again" run-parts --exit-on-error --arg="$second" /etc/kernel/header_postinst.d
	check 'for the second kernel' built_for "$second"
	module=$(find "/lib/modules/$second" -name 'ndshm.ko*')
	check 'the module has the version of the package' is \
		"$(modinfo -F version "$module")" "$(dpkg-query -W -f '${Version}' ndshm-dkms)"
	for release in "$first" "$second"; do
		mkdir -- "/mnt/$release"
		cp -- "/lib/modules/$release/updates/dkms"/ndshm.ko* "/mnt/$release/"
		check "the examples are built for $release" own_modules "$release"
	done
	check 'the group exists' getent group ndshm
	check 'the units are valid' systemd-analyze verify --man=no /lib/systemd/system/ndshm-bind@.service /lib/systemd/system/ndshm-section@.service /lib/systemd/system/ndshm-metrics.socket /lib/systemd/system/ndshm-metrics@.service
	check 'a function is bound before the network, and before sysinit.target if need be' bind_is_early
	check 'a function that is missing is refused' command_refuses
	check 'the example is installed' has 'Drive an Intel 82574' "$(ndshm-82574 --help)"
	check 'the packages are purged' env DEBIAN_FRONTEND=noninteractive apt-get purge -y ndshm-dkms ndshm-tools libndshm0 libndshm-dev
	mv -- "/lib/modules/$second" /root/second
	mkdir -p -- "/lib/modules/$running"
	list_files >/tmp/after
	check 'and leave nothing' unchanged /tmp/before /tmp/after
	exit
fi

if [[ ${1:-} == guest ]]; then
	directory=$2
	release=$(uname -r) tree=/tmp/modules
	mkdir -p -- "$tree/updates/dkms"
	cp -- "/lib/modules/$release"/modules.{builtin,builtin.modinfo,order} "$tree/"
	cp -- "$directory/$release"/ndshm.ko* "$tree/updates/dkms/"
	mount --bind -- "$tree" "/lib/modules/$release"
	depmod
	for package in ndshm-dkms ndshm-tools libndshm0; do dpkg-deb -x "$directory"/packages/"$package"_*.deb /tmp/package; done
	systemd-sysusers /tmp/package/usr/lib/sysusers.d/*.conf
	mkdir -p /run/udev/rules.d
	cp -- /tmp/package/lib/udev/rules.d/*.rules /run/udev/rules.d/
	# The kernel starts modprobe in the root of the initrd, which has busybox only.
	printf '#!/bin/busybox sh\nexec chroot /proc/%s/root /sbin/modprobe "$@"\n' $$ >/tmp/modprobe
	chmod 755 /tmp/modprobe
	echo "/proc/$$/root/tmp/modprobe" >/proc/sys/kernel/modprobe
	export SYSTEMD_IGNORE_CHROOT=1
	/lib/systemd/systemd-udevd --daemon
	[[ ! -d /sys/module/ndshm ]]
	check 'resolving the netlink family loads the module' genl ctrl get name ndshm
	udevadm settle
	check 'the node belongs to root and the group, who may open it' is "$(stat -c '%U:%G %a' /dev/ndshm)" 'root:ndshm 660'
	udevadm control --exit
	rmmod ndshm
	mkdir -p /tmp/build
	ln -s ../package/usr/bin /tmp/build/user
	check "the examples work with the installed module on $release" env LD_LIBRARY_PATH="$(echo /tmp/package/usr/lib/*-linux-gnu)" \
		NDSHM_BUILD=/tmp/build NDSHM_EXAMPLES="$directory/$release" \
		NDSHM_KO="$(echo "$directory/$release"/ndshm.ko*)" "$3"
	exit
fi

top=$(cd -- "$here/../.." && pwd -P)
. "$top/selftests/vm/lib.sh"
. "$here/chroot.sh"
build=$(realpath -m -- "${BUILD:-$top/build}")

"$vm_dir/packages.sh" package
headers=()
for name in 6.1 6.12; do
	release=$("$vm_dir/kernels.sh" release "$name")
	headers+=("linux-headers-$release")
done
test_start test "$(IFS=,; echo "${headers[*]}")" "$top/selftests/examples.sh" "$top/selftests/traffic/lib.sh"
{
	chroot_run "$tar" "$work" env -i HOME=/root LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin nice -n 19 bash /mnt/test.sh inside
	for name in 6.1 6.12; do
		"$vm_dir/run.sh" --kernel "$name" --name package --quiet --timeout 300 -- \
			"$here/test.sh" guest "$work" "$top/selftests/examples.sh"
	done
} | tee -- "$work/tap"
grep -q '^not ok' "$work/tap" || mv -- "$work/tap" "$passed"
