#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# generate.sh KERNEL_SOURCE_DIR [--check]: makes of specs/ndshm.yaml, with the kernel's
# own tools, the uapi header, and the kernel's policies and operations.
# With --check nothing is written: it compares, and fails on a difference.
#
# KERNEL_SOURCE_DIR is a source tree of Linux 6.12, whose tools word the output; they
# need python3-yaml and python3-jsonschema.
set -euo pipefail

usage() { echo "usage: ${0##*/} KERNEL_SOURCE_DIR [--check]" >&2; exit 2; }
[[ $# -eq 1 || ($# -eq 2 && $2 == --check) ]] || usage
kernel=$1 check=${2:-}

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd -- "$here/../.." && pwd -P)
spec=Documentation/netlink/specs/ndshm.yaml
schema=Documentation/netlink/genetlink-legacy.yaml
tools=$kernel/tools/net/ynl
python=${PYTHON:-/usr/bin/python3}

for file in "$tools/ynl-gen-c.py" "$kernel/$schema"; do
	[[ -f $file ]] || { echo "${0##*/}: $file is not there" >&2; exit 2; }
done

# The tools want a kernel tree around the spec: MAINTAINERS marks its top.
tree=$(mktemp -d)
trap 'rm -rf -- "$tree"' EXIT
export PYTHONDONTWRITEBYTECODE=1
mkdir -p -- "$tree/${spec%/*}" "$tree/kernel/${spec%/*}" "$tree/new"
touch -- "$tree/MAINTAINERS" "$tree/kernel/MAINTAINERS"
cp -- "$kernel/$schema" "$tree/$schema"
cp -- "$kernel/$schema" "$tree/kernel/$schema"
cp -- "$root/$spec" "$tree/$spec"
# The group's table is written by hand: the tool makes one that no file can reach.
sed '/^mcast-groups:/,$d' "$root/$spec" >"$tree/kernel/$spec"

# generate FILE TREE MODE KIND
generate() {
	mkdir -p -- "$tree/new/${1%/*}"
	"$python" "$tools/ynl-gen-c.py" --spec "$2/$spec" --mode "$3" "--$4" -o "$tree/new/$1"
}
generate uapi/linux/ndshm_netlink.h "$tree" uapi header
generate kernel/netlink/gen.h "$tree/kernel" kernel header
generate kernel/netlink/gen.c "$tree/kernel" kernel source
# The tool knows start and done of split operations only, which 6.1 has not: all dumps have
# the same.
sed -i 's/^\t\t\.dumpit\t.*/&\n\t\t.start\t\t= ndshm_nl_dump_start,\n\t\t.done\t\t= ndshm_nl_dump_done,/' \
	"$tree/new/kernel/netlink/gen.c"
sed -i 's/^extern const struct genl_ops .*/&\n\nint ndshm_nl_dump_start(struct netlink_callback *cb);\nint ndshm_nl_dump_done(struct netlink_callback *cb);/' \
	"$tree/new/kernel/netlink/gen.h"

cd -- "$tree/new"
different=0
while read -r file; do
	if [[ $check ]]; then
		diff -u --label "$file" --label "$file, generated" -- "$root/$file" "$file" || different=1
	elif ! cmp -s -- "$file" "$root/$file"; then
		cp -- "$file" "$root/$file"
		echo "$file"
	fi
done < <(find . -type f -printf '%P\n' | sort)
exit "$different"
