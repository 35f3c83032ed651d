# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What the tests of the packages share.

number=0
# check NAME COMMAND...
check() {
	local name=$1 output
	shift
	number=$((number + 1))
	if output=$("$@" 2>&1); then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
		sed 's/^/# /' <<<"$output"
	fi
}

# All files but the records of apt, dpkg and their logs.
list_files() {
	find / -xdev \( -path /proc -o -path /dev -o -path /mnt -o -path /sys -o -path /tmp -o -path /root -o -path /var/tmp \
		-o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log -o -path /run \) \
		-prune -o -print | sort
}
install_packages() {
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}
has() { grep -q -- "$1" <<<"$2"; }
is() { [[ $1 == "$2" ]] || { echo "$1, not $2"; return 1; }; }
built_for() { is "$(dkms status -m ndshm -k "$1" | sed 's/.*: //')" installed; }
unchanged() { diff -u "$1" "$2"; }
