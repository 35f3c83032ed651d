#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bind.sh NDSHM JSON_GET: writes of bind and unbind to a fake sysfs of plain files. The
# files have no effect: this script changes drivers and groups.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
ndshm=$1 json_get=$2
export NDSHM_BACKEND=memfd:

card=$top/sys/bus/pci/devices/0000:00:05.0
drivers=$top/sys/bus/pci/drivers
probe=$top/sys/bus/pci/drivers_probe
groups=$top/sys/kernel/iommu_groups
memory=$top/run/ndshm/group-3
node=$top/dev/ndshm-devices/0000:00:05.0
export STAND_IN_NODE=$node

# new_group TYPE: replace group 3, the card's group, by another one.
new_group() {
	mkdir -p "$groups/new/devices"
	rm -rf "$groups/3"
	mv "$groups/new" "$groups/3"
	echo "$1" >"$groups/3/type"
}

set_type() {
	echo "$1" >"$groups/3/type"
}

# set_driver [NAME]
set_driver() {
	rm -f "$card/driver"
	[ $# -eq 0 ] || ln -s "../../drivers/$1" "$card/driver"
}

# Clear the files, which then show later writes.
forget_writes() {
	local file

	for file in "$drivers"/*/bind "$drivers"/*/unbind "$probe" "$card/driver_override"; do
		: >"$file"
	done
}

# run CODE NAME COMMAND ARGUMENT...: on the card; $out is stdout and stderr.
run() {
	local code=$1 name=$2

	forget_writes
	"$ndshm" "$3" --root "$top" "${@:4}" 00:05.0 >"$top/out" 2>&1 </dev/null
	is "$name" "$code" $?
	out=$(cat "$top/out")
}

# says NAME PATTERN
says() {
	# shellcheck disable=SC2053 # a pattern
	[[ $out == $2 ]]
	ok "$1" || echo "# $out"
}

# wrote NAME EXPECTED FILE
wrote() {
	is "$1" "$2" "$(cat "$3")"
}

mkdir -p "$card" "$drivers/e1000e" "$drivers/ndshm_pci" "$top/run" "${node%/*}"
ln -s ../../../../kernel/iommu_groups/3 "$card/iommu_group"
touch "$drivers"/{e1000e,ndshm_pci}/{bind,unbind} "$probe" "$card/driver_override"
echo 0x020000 >"$card/class"
new_group DMA-FQ

# From the kernel's driver to ndshm_pci, and back
set_driver e1000e
run 0 "bind" bind --force -j
wrote "bind: the driver is told" 0000:00:05.0 "$drivers/e1000e/unbind"
wrote "bind: ours is told" 0000:00:05.0 "$drivers/ndshm_pci/bind"
wrote "bind: the override" ndshm_pci "$card/driver_override"
is "bind: the type before" '"DMA-FQ"' "$(get group_type_before)"
is "bind: strict" '"DMA"' "$(get group_type)"
is "bind: the adapter" 7 "$(get adapter)"
set_driver ndshm_pci
run 0 "unbind" unbind -j
wrote "unbind: the driver is told" 0000:00:05.0 "$drivers/ndshm_pci/unbind"
wrote "unbind: no override" "" "$card/driver_override"
wrote "unbind: probed" 0000:00:05.0 "$probe"
is "unbind: the type before" '"DMA"' "$(get group_type_before)"
is "unbind: the type is restored" '"DMA-FQ"' "$(get group_type)"
is "unbind: the group" '"3"' "$(get group)"
[ ! -e "$memory" ]
ok "unbind: the type is forgotten"
set_type DMA
run 0 "unbind without memory" unbind
says "unbind without memory says so" "*group 3 stays DMA*not known*"
wrote "unbind without memory keeps the type" DMA "$groups/3/type"

# The device node
set_driver
run 0 "bind, and say nothing" bind -j
is "bind, and say nothing: owner" "\"$(id -un)\"" "$(get owner)"
is "bind, and say nothing: mode" '"0600"' "$(get mode)"
set_driver
run 0 "bind with a mode" bind --mode 640
says "bind with a mode: said" "*adapter 0000:00:05.0: owner $(id -un):$(id -gn), mode 0640"$'\n'"*"
is "bind with a mode: it has it" 640 "$(stat -c %a "$node")"
if [ "$(id -u)" = 0 ]; then
	set_driver
	run 0 "bind for a user" bind -j --owner nobody:65533 --mode 0660
	is "bind for a user: owner" '"nobody"' "$(get owner)"
	is "bind for a user: uid" "$(id -u nobody)" "$(get uid)"
	is "bind for a user: gid" 65533 "$(get gid)"
	is "bind for a user: mode" '"0660"' "$(get mode)"
	is "bind for a user: it is his" "nobody 65533 660" "$(stat -c '%U %g %a' "$node")"
	set_driver
	run 0 "bind for a group" bind --owner :65533
	is "bind for a group: it is its" "root 65533 600" "$(stat -c '%U %g %a' "$node")"
fi
for bad in "--owner nobody:nogroup9" "--owner no-such-user" "--owner -1" "--mode 0770" "--mode 888" \
	"--mode x" "--mode 06660" "--reset=none"; do
	# shellcheck disable=SC2086 # words
	run 2 "bind $bad" bind $bad
	wrote "bind $bad: nothing is done" "" "$drivers/ndshm_pci/bind"
done
set_driver ndshm_pci
run 0 "a mode of what is bound" bind --mode 0604
wrote "a mode of what is bound: not unbound" "" "$drivers/ndshm_pci/unbind"
is "a mode of what is bound: it has it" 604 "$(stat -c %a "$node")"
access=$(stat -c '%u %g %a' "$node")
run 0 "reset" bind --reset
wrote "reset: unbound" 0000:00:05.0 "$drivers/ndshm_pci/unbind"
wrote "reset: bound" 0000:00:05.0 "$drivers/ndshm_pci/bind"
is "reset: the new node is as the old one" "$access" "$(stat -c '%u %g %a' "$node")"
for use in claim block; do
	STAND_IN_USE=$use run 1 "reset: $use" bind --reset
	says "reset: $use: why" "ndshm: cannot reset 0000:00:05.0: a client uses it: end that, or use --force"
	wrote "reset: $use: not unbound" "" "$drivers/ndshm_pci/unbind"
	STAND_IN_USE=$use run 0 "reset: $use: forced" bind --reset --force
	wrote "reset: $use: forced: unbound" 0000:00:05.0 "$drivers/ndshm_pci/unbind"
done
rm "$node"
run 1 "bind without a device node" bind
says "bind without a device node: why" \
	"ndshm: cannot read or set the owner and the mode of the device node of 0000:00:05.0, which is bound: * (ENOENT)"
run 2 "unbind sets nothing" unbind --mode 0660
run 0 "unbind again" unbind
set_type DMA-FQ

# A card that is pulled out is not unbound: the recorded type belongs to a group that no
# longer exists.
set_type identity
set_driver
run 0 "bind in an identity group" bind
new_group DMA-FQ
run 0 "bind in another group of that number" bind
wrote "bind in another group makes it strict" DMA "$groups/3/type"
set_driver ndshm_pci
run 0 "unbind in another group" unbind
wrote "unbind in another group restores that one's type" DMA-FQ "$groups/3/type"
set_type identity
set_driver
run 0 "bind in an identity group again" bind
new_group DMA
run 0 "bind in a strict group of that number" bind
set_driver ndshm_pci
run 0 "unbind in a strict group" unbind
wrote "unbind in a strict group leaves it strict" DMA "$groups/3/type"
says "unbind in a strict group knows nothing of it" "*not known*"

# In the same group the newest type is restored.
set_type identity
set_driver
run 0 "bind before the type is changed by hand" bind
set_type DMA-FQ
run 0 "bind after the type was changed by hand" bind
set_driver ndshm_pci
run 0 "unbind after the type was changed by hand" unbind
wrote "unbind restores the newest type" DMA-FQ "$groups/3/type"

# One function of two
set_driver
run 0 "bind one of two" bind
set_driver ndshm_pci
mkdir -p "$groups/3/devices/0000:00:06.0/driver"
run 0 "unbind one of two" unbind
says "unbind one of two says that the type stays" "*group 3 stays DMA, until its other functions*"
rm -r "$groups/3/devices/0000:00:06.0"
run 0 "unbind the other" unbind
wrote "unbind the other restores the type" DMA-FQ "$groups/3/type"

# Clients with claims or blocks
run_claimed() { STAND_IN_USE=$1 run "${@:2}"; }
set_driver ndshm_pci
run_claimed 0000:00:05.0 1 "unbind: claimed" unbind
says "unbind: claimed: why" \
	"ndshm: function 0000:00:05.0: a client has claimed adapter 0000:00:05.0, which is this function; end that client, or use --force"
wrote "unbind: claimed: not unbound" "" "$drivers/ndshm_pci/unbind"
mkdir -p "$groups/3/devices/0000:00:06.0/driver" "$groups/3/devices/platform.0"
run_claimed 0000:00:06.0 1 "unbind: another is claimed" unbind
says "unbind: another is claimed: why" \
	"ndshm: function 0000:00:05.0: a client has claimed adapter 0000:00:06.0, which is in the same IOMMU group; end *"
wrote "unbind: another is claimed: not unbound" "" "$drivers/ndshm_pci/unbind"
wrote "unbind: another is claimed: not probed" "" "$probe"
run_claimed 0000:00:06.0 0 "unbind: another is claimed, forced" unbind --force
wrote "unbind: another is claimed, forced: unbound" 0000:00:05.0 "$drivers/ndshm_pci/unbind"
run_claimed 0000:00:07.0 0 "unbind: one of another group is claimed" unbind
wrote "unbind: one of another group is claimed: unbound" 0000:00:05.0 "$drivers/ndshm_pci/unbind"
rm -r "$groups/3/devices"
mkdir "$groups/3/devices"

# rmmod leaves a card without a driver, with an override that prevents others.
set_driver
run 0 "bind before the module goes" bind
mv "$drivers/ndshm_pci" "$top/unloaded"
forget_writes
echo ndshm_pci >"$card/driver_override"
"$ndshm" unbind --root "$top" 00:05.0 >"$top/out" 2>&1
is "unbind without the module" 0 $?
out=$(cat "$top/out")
says "unbind without the module says so" "*had no driver, is no longer kept for ndshm_pci*"
wrote "unbind without the module: no override" "" "$card/driver_override"
wrote "unbind without the module: probed" 0000:00:05.0 "$probe"
wrote "unbind without the module: the type" DMA-FQ "$groups/3/type"
for override in "(null)" vfio-pci; do
	forget_writes
	echo "$override" >"$card/driver_override"
	"$ndshm" unbind --root "$top" 00:05.0 >"$top/out" 2>&1
	is "unbind: not ours: $override" 1 $?
	wrote "unbind: not ours: $override stays" "$override" "$card/driver_override"
done
forget_writes
set_driver e1000e
echo ndshm_pci >"$card/driver_override"
"$ndshm" unbind --root "$top" 00:05.0 >"$top/out" 2>&1
is "unbind: another driver's" 1 $?
wrote "unbind: another driver's is not touched" "" "$probe"
mv "$top/unloaded" "$drivers/ndshm_pci"

# Already bound, in a group that is not strict
set_driver ndshm_pci
for type in DMA-FQ identity; do
	set_type $type
	run 0 "bind again: $type" bind
	wrote "bind again: $type: unbound" 0000:00:05.0 "$drivers/ndshm_pci/unbind"
	wrote "bind again: $type: bound" 0000:00:05.0 "$drivers/ndshm_pci/bind"
	wrote "bind again: $type: strict" DMA "$groups/3/type"
	says "bind again: $type: said" "*group 3 was $type, is DMA*adapter 7*"
done
run 0 "bind again: strict" bind
wrote "bind again: strict: not unbound" "" "$drivers/ndshm_pci/unbind"
says "bind again: strict: said" "*was bound to ndshm_pci already*"
for use in claim block; do
	set_type DMA-FQ
	STAND_IN_USE=$use run 0 "bind again: $use" bind
	wrote "bind again: $use: not unbound" "" "$drivers/ndshm_pci/unbind"
	wrote "bind again: $use: the type stays" DMA-FQ "$groups/3/type"
	says "bind again: $use: why" '*stays DMA-FQ while a client uses*"ndshm unbind" it first*'
	STAND_IN_USE=$use run 0 "bind again: $use: forced" bind --force
	wrote "bind again: $use: forced: unbound" 0000:00:05.0 "$drivers/ndshm_pci/unbind"
	wrote "bind again: $use: forced: strict" DMA "$groups/3/type"
done
set_type DMA-FQ
mkdir -p "$groups/3/devices/0000:00:06.0/driver"
run 0 "bind again: one of two" bind --force
wrote "bind again: one of two: not unbound" "" "$drivers/ndshm_pci/unbind"
says "bind again: one of two: why" "*stays DMA-FQ: another of its functions is bound*"
# By the name of a network interface
mkdir -p "$top/sys/class/net/eth0" "$top/sys/bus/pci"
ln -s ../../../bus/pci/devices/0000:00:05.0 "$top/sys/class/net/eth0/device"
ln -s ../../../pci "$card/subsystem"
set_driver
forget_writes
"$ndshm" bind --root "$top" --json eth0 >"$top/out" 2>"$top/err" </dev/null
is "bind by an interface" 0 $?
out=$(cat "$top/out")
wrote "bind by an interface: ours is told" 0000:00:05.0 "$drivers/ndshm_pci/bind"
is "bind by an interface: the function" '"0000:00:05.0"' "$(get function)"
is "bind by an interface: said" '{"note":{"message":"ndshm: network interface eth0 is that of PCI function 0000:00:05.0"}}' \
	"$(cat "$top/err")"
end
