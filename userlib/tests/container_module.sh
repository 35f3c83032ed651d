#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# container_module.sh NDSHM JSON_GET DEVICE: the command in a container of an unprivileged user, who
# has user, PID, network and mount namespaces and a memory cgroup of its own. Must run as root.
# Needs setpriv and unshare.

# shellcheck source-path=SCRIPTDIR source=command_lib.sh
. "$(dirname "$0")/command_lib.sh"
ndshm=$1 json_get=$2 device=$3
export NDSHM_BACKEND=$device

# In the container.
if [[ ${4:-} == inside ]]; then
	is "the container has its own processes" 1 $$
	run 0 "info" info
	run 0 "adapters" list adapters --json
	is "adapters: by name" '"node0"' "$(get 0 name)"
	run 0 "providers" list providers
	run 0 "other users' blocks are not shown" list blocks --json
	is "other users' blocks: none" '[]' "$(get)"
	run 0 "a block of a provider" alloc --provider pages --length 64K
	hold "*" alloc --provider pages --length 64K
	run 0 "blocks" list blocks --json
	is "blocks: the process in the container" "$pid" "$(get 0 pid)"
	is "blocks: a process has it" false "$(get 0 kernel)"
	get 1 >/dev/null
	is "blocks: one" 1 $?
	exec 7>&-
	unhold "the block is freed"
	hold "section +([0-9]): max=1048576 *" section create --name box --max 1M --initial 64K
	id=${line#section } id=${id%%:*}
	run 0 "section open by its name" section open box true
	run 1 "no section of that name" section open cox true
	says "no section of that name: why" "ndshm: cannot open section \"cox\": *section-unknown*"
	run 0 "sections" list sections --json
	is "sections: its id" "$id" "$(get 0 id)"
	run 0 "section show" section show "$id"
	exec 7>&-
	unhold "the section is deleted"
	fails 1 "no events" "*CAP_SYS_ADMIN; * (EPERM)" monitor
	fails 1 "more than the cgroup's memory" "*ENOMEM)" alloc --provider pages --length 64M
	run 0 "blocks at the end" list blocks --json
	is "blocks at the end: none" '[]' "$(get)"

	mkdir "$top/dev"
	touch "$top/dev/null"
	mount --bind /dev/null "$top/dev/null" && mount --rbind "$top/dev" /dev
	ok "a container without the node"
	run 1 "no node: no allocation" alloc
	says "no node: no allocation: why" "ndshm: cannot open /dev/ndshm: the module is loaded, but this device node is missing; * (ENOENT)"
	run 0 "no node: adapters" list adapters --json
	is "no node: adapters: by name" '"node0"' "$(get 0 name)"
	for arguments in "list providers" "list blocks" "list sections" "list queues" ps "top --batch --iterations 1" \
		metrics; do
		# shellcheck disable=SC2086 # the words
		run 0 "no node: $arguments" $arguments
	done
	fails 1 "no node: no events" "*CAP_SYS_ADMIN; * (EPERM)" monitor
	umount -l /dev "$top/dev/null"
	end
	exit
fi

group=/sys/fs/cgroup/ndshm-container
was=$(stat -c %a "$device")
trap 'chmod "$was" "$device"; rm -rf "$top"; rmdir "$group"' EXIT
chmod 666 "$device"
chmod 755 "$top"
cp "$ndshm" "$json_get" "$top/"
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir "$group" && echo 48M >"$group/memory.max"
ok "a cgroup"

# A block of root. The container must not show it.
hold "*" alloc --length 64K
echo "$pid" >"$top/of_root"
(
	echo 0 >"$group/cgroup.procs"
	exec setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all -- \
		unshare --user --map-root-user --pid --fork --net --mount --mount-proc -- \
		"$0" "$top/ndshm" "$top/json_get" "$device" inside 7>&- 8<&-
) >"$top/log" 2>&1
code=$?
sed 's/^/# /' "$top/log"
is "the container" 0 $code
exec 7>&-
unhold "the block of root is freed"
end
