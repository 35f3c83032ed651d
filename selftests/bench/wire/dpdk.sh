#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# dpdk.sh: print the path of a directory that has Debian's testpmd of DPDK in usr/bin, and the driver
# of the 82574 for it. The packages are unpacked in the cache, never installed: testpmd has 200
# dependencies. Exit 1 with a message if they cannot be had.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/../../vm/lib.sh"

dir=$cache/dpdk

# Print dpdk-dev, which has testpmd, and the libraries that it lacks on this machine. Headers, services
# and the programs of other packages are left out.
wanted() {
	local driver
	driver=$(apt-cache pkgnames librte-net-e1000 | sort -V | tail -n 1)
	[[ $driver ]] || { say 'the package index has no DPDK driver for the 82574'; return 1; }
	LC_ALL=C apt-get -s --no-install-recommends install dpdk-dev "$driver" | awk '
		$1 == "Inst" && $2 !~ /-dev$/ && $2 ~ /^lib|^ibverbs/ && $2 !~ /^lib(nss|pam|udev|systemd)/ { print $2 }
		END { print "dpdk-dev" }'
}

fill() {
	local packages package
	[[ ! -e $dir/root ]] || return 0
	packages=$(wanted) || return 1
	rm -rf -- "$dir.new"
	mkdir -p -- "$dir.new/root"
	say 'fetching DPDK'
	# shellcheck disable=SC2086 # names
	(
		cd -- "$dir.new" &&
			timeout 300 apt-get -qq -o APT::Sandbox::User=root download $packages >&2 || exit
		for package in ./*.deb; do dpkg-deb -x "$package" root || exit; done
		rm -f -- ./*.deb
	) || return 1
	rm -rf -- "$dir"
	mv -T -- "$dir.new" "$dir"
}

with_lock "$cache/dpdk.lock" fill || exit
printf '%s\n' "$dir/root"
