#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# initrd.sh KERNEL: print the path of a small initrd for this kernel: static busybox,
# the modules needed to access files of the host, and guest-init.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Modules needed before files of the host are accessible. Those built into the
# kernel are skipped.
needed=(virtio_pci virtio_console 9pnet_virtio 9p overlay)

kernel=$("$vm_dir/kernels.sh" dir "${1:?usage: initrd.sh KERNEL}")
modules=$kernel/modules
other=$(foreign_arch "$kernel")
if [[ $other ]]; then
	busybox=$("$vm_dir/root.sh" "$other")/bin/busybox
else
	busybox=$(command -v busybox) || die 'busybox is missing (package busybox-static)'
fi

# Print the files to load, in order. modules.dep lists the direct dependencies of a module
# first, so its lines are read from the end. In awk, because bash takes a second for the
# whole file.
pick() {
	local pattern
	pattern=$(printf '%s|' "${needed[@]//_/[-_]}")
	grep -E "/(${pattern%|})\.ko[^:]*:" "$modules/modules.dep" | awk -F: -v order="${needed[*]}" '
		{ name = $1; sub(/.*\//, "", name); sub(/\.ko.*/, "", name); gsub(/-/, "_", name)
		  path[name] = $1; deps[name] = $2 }
		END {
			n = split(order, want, " ")
			for (i = 1; i <= n; i++) {
				if (!(want[i] in path)) continue
				m = split(deps[want[i]], dep, " ")
				for (j = m; j > 0; j--) if (!seen[dep[j]]++) print dep[j]
				if (!seen[path[want[i]]]++) print path[want[i]]
			}
		}'
}

build() {
	local tmp file name
	[[ ! -f $initrd ]] || return 0
	tmp=$(mktemp -d -- "$cache/initrd/.tmp.XXXXXX")
	# shellcheck disable=SC2064
	trap "rm -rf -- '$tmp'" EXIT
	mkdir -p -- "$tmp/root"/{bin,dev,proc,sys,modules,job,lower,host,upper,new}
	cp -- "$busybox" "$tmp/root/bin/busybox"
	install -m 755 -- "$vm_dir/guest-init" "$tmp/root/init"
	while read -r file; do
		name=$(basename -- "$file")
		# busybox does not load compressed modules.
		case $name in
		*.xz)	xz -dc -- "$modules/$file" ;;
		*.zst)	zstd -dcq -- "$modules/$file" ;;
		*.gz)	gzip -dc -- "$modules/$file" ;;
		*)	cat -- "$modules/$file" ;;
		esac >"$tmp/root/modules/${name%%.*}.ko"
		printf '%s\n' "${name%%.*}.ko" >>"$tmp/root/modules/order"
	done < <(pick)
	touch "$tmp/root/modules/order"
	(cd -- "$tmp/root" && find . | cpio --quiet -o -H newc -R 0:0) >"$tmp/initrd"
	mv -- "$tmp/initrd" "$initrd"
	rm -rf -- "$tmp"
	trap - EXIT
}

hash=$(cat -- "$busybox" "$vm_dir/guest-init" "$vm_dir/initrd.sh" "$modules/modules.dep" | sha256sum | cut -c1-16)
initrd=$cache/initrd/$(<"$kernel/release")-$hash
mkdir -p -- "$cache/initrd"
[[ -f $initrd ]] || with_lock "$cache/initrd/lock" build
printf '%s\n' "$initrd"
