#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# admin_module.sh NDSHM JSON_GET DEVICE CARD: events, the reserve and errors of the command agree
# with the module. CARD is the name of a PCI function that is bound. Must run as root, as the only user of the
# module. Needs setpriv.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
command=$1 json_get=$2 device=$3 card=$4
ndshm=$command
export NDSHM_BACKEND=$device
uid=$(id -u nobody) page=$(getconf PAGESIZE)

# Let any user open the device and run the command.
was=$(stat -c %a "$device")
chmod 666 "$device"
cp "$command" "$top/ndshm" && chmod 755 "$top" "$top/ndshm"
as_user() { setpriv --reuid "$uid" --clear-groups --inh-caps=-all -- "$top/ndshm" "$@"; }
# of_user CODE NAME ARGUMENT...: as run, as an unprivileged user.
of_user() { ndshm=as_user run "$@"; }

# The monitor is listening once it has received an event.
"$command" monitor >"$top/events" &
monitor=$!
patience=$((SECONDS + 30))
until [[ -s $top/events || $SECONDS -ge $patience ]]; do "$command" alloc --adapter "$card" --length 1 >/dev/null; done
[[ -s $top/events ]]
ok "monitor: it listens"

# heard NAME PATTERN...: expect such lines at the end, one after the other.
heard() {
	local patience=$((SECONDS + 30)) wanted
	wanted=$(printf '%s\n' "${@:2}")
	until [[ $(tail -n $(($# - 1)) "$top/events" | cut -d ' ' -f 1-2,4) == "$wanted" || $SECONDS -ge $patience ]]; do
		sleep 0.05
	done
	is "monitor: $1" "$wanted" "$(tail -n $(($# - 1)) "$top/events" | cut -d ' ' -f 1-2,4)"
}

run 0 "a claim" alloc --adapter "$card"
heard "a claim begins and ends" "adapter claimed name=$card" "adapter released name=$card"
run 0 "unbind" unbind "$card"
heard "an adapter goes" "adapter revoked name=$card" "adapter gone name=$card"
run 0 "bind" bind "$card"
heard "an adapter comes" "adapter added name=$card"
# The reserve, by its parameter.
parameters=/sys/module/ndshm/parameters
huge=$("$command" info --json | "$json_get" huge_size)
echo $((3 * huge - 1)) >$parameters/reserve
run 0 "a reserve" info
[[ $out == *"reserve           $((3 * huge)) bytes"*"reserve, free     $((3 * huge)) bytes"* ]]
ok "a reserve: size" || echo "# $out"
of_user 0 "a reserve: to another user" info --json
is "a reserve: to another user: size" $((3 * huge)) "$(get reserve)"
is "a reserve: to another user: not what is free" null "$(get reserve_free)"
of_user 0 "a reserve: for all" alloc --provider reserve --length $page --json
echo 0 >$parameters/reserve
run 0 "no reserve" info --json
is "no reserve: size" 0 "$(get reserve)"


# Lengths above the module's limits.
run 1 "too long" alloc --length 100T
says "too long: the limit" "ndshm: cannot allocate: length above the limit of $(<$parameters/max_block_bytes) bytes; \
request less, or raise the module's parameter max_block_bytes (length-limit, INVALID_PARAMETER, EINVAL)"
run 1 "a section too long" section create --max 100T
says "a section too long: the limit" "ndshm: cannot create a section: length above the limit of \
$(<$parameters/max_section_bytes) bytes; request less, or raise the module's parameter max_section_bytes (length-limit, *"

# Netlink is not permitted (EAFNOSUPPORT): what names no adapter and no provider needs none.
without_netlink() { "${command%/*}/no_call" netlink 97 "$command" "$@"; }
no_netlink() { ndshm=without_netlink run "$@"; }
no_netlink 0 "no netlink: info" info
no_netlink 0 "no netlink: a block" alloc --length 4K
[[ $out == "adapter "[0-9]*", isolation unknown: netlink is not permitted"$'\n'"block"* ]]
ok "no netlink: a block: shown by ids" || echo "# $out"
no_netlink 0 "no netlink: a block in JSON" alloc --json
is "no netlink: isolation is not known" null "$(get isolated)"
no_netlink 0 "no netlink: a section" section create --max 1M
[[ $out == "section "*" adapter="[0-9]*" provider="[0-9]* ]]
ok "no netlink: a section: shown by ids" || echo "# $out"
no_netlink 0 "no netlink: a named section" section create --name unlisted --max 1M true
no_netlink 1 "no netlink: an adapter" alloc --adapter node0
says "no netlink: an adapter: why" "ndshm: cannot use adapter \"node0\": netlink is not permitted to this process; * (netlink-refused, *"
no_netlink 1 "no netlink: a list" list blocks
says "no netlink: a list: why" "* netlink is not permitted to this process; * (*EAFNOSUPPORT)"

# Without permission to open the device. There is no other answer than that of netlink.
chmod 600 "$device"
of_user 1 "closed device: no allocation" alloc
says "closed device: no allocation: why" "ndshm: cannot open $device: the device is not open to you: owner root:*, mode 0600; \
be root, or give it to a group (chgrp, chmod 660) (EACCES)"
group=$(stat -c %g "$device")
chmod 660 "$device"
chgrp daemon "$device"
of_user 1 "a group's device" info
says "a group's device: why" "*: owner root:daemon, mode 0660; be root, or join its group (adduser USER GROUP) and log in again (EACCES)"
chgrp "$group" "$device"
chmod 600 "$device"
# Another device, whose number has no driver.
mv -- /dev/ndshm "$top/usual"
mknod /dev/ndshm c 10 254
run 1 "the usual node is stale" info
mv -- "$top/usual" /dev/ndshm
says "the usual node is stale: why" "ndshm: cannot open /dev/ndshm: no driver has this device; the node is of an earlier load of the module; make it again (restart the container, or udevadm trigger) (ENOENT)"
mknod "$top/stale" c 10 254
run 1 "a stale node" -b "$top/stale" info
says "a stale node: why" "ndshm: cannot open $top/stale: no driver has this device; remove it, and name the device, /dev/ndshm (ENOENT)"
mv "$device" "$device.away"
NDSHM_BACKEND='' run 1 "no node" info
says "no node: why" "ndshm: cannot open /dev/ndshm: the module is loaded, but this device node is missing; *--device /dev/ndshm*PrivateDevices=no*"
mv "$device.away" "$device"
of_user 0 "closed device: adapters" list adapters --json
is "closed device: adapters: by name" '"node0"' "$(get 0 name)"
for arguments in "list providers" "list blocks" "list sections" "list queues" "ps" \
	"top --batch --iterations 1" "metrics" "-b $device list blocks"; do
	# shellcheck disable=SC2086 # the words
	of_user 0 "closed device: $arguments" $arguments
done
of_user 1 "closed device: no events" monitor
says "closed device: no events: why" "ndshm: cannot listen: requires CAP_SYS_ADMIN; * (EPERM)"
# Only root may bind, whatever else would be wrong.
for function in /sys/bus/pci/devices/*; do
	function=${function##*/}
	for action in "bind" "unbind" "bind --force"; do
		# shellcheck disable=SC2086 # the words
		of_user 1 "a user: $action $function" $action "$function"
		says "a user: $action $function: why" \
			"ndshm: cannot ${action% *} $function: requires root; run it as root, outside of containers (EACCES)"
	done
done
read_only() { unshare --mount -- sh -c 'mount --bind /sys /sys && mount -o remount,bind,ro /sys && "$@"' sh "$command" "$@"; }
ndshm=read_only run 1 "read-only /sys" bind "$function"
says "read-only /sys: why" "ndshm: cannot bind $function: /sys is read-only here; run it outside of the container (EROFS)"
chmod 666 "$device"

kill $monitor
wait $monitor
is "monitor: ends well" 0 $?
chmod "$was" "$device"
end
