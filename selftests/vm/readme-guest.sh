#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# readme-guest.sh DIRECTORY PROJECT HEADERS: in the guest, run the blocks of the pages,
# which are DIRECTORY/*.sh, in the copy PROJECT. Writes an .out and a .status file for
# each.
set -euo pipefail

work=$1 project=$2 headers=$3
release=$(uname -r)

# Load the cards' driver, as udev would.
modprobe e1000e

# The headers of the running kernel, which the pages require. They are in a separate
# modules directory with e1000e only, because depmod for all modules takes minutes.
modules=/lib/modules/$release tree=/tmp/modules
mkdir -p -- "$tree"
(cd -- "$modules" && cp -- modules.builtin modules.builtin.modinfo modules.order "$tree/" &&
	modprobe --show-depends e1000e | sed -n "s#^insmod .*/modules/$release/\([^ ]*\).*#\1#p" |
	xargs cp --parents -t "$tree" --)
ln -s -- "$headers" "$tree/build"
mount --bind -- "$tree" "$modules"
depmod

# The packages are installed and there is no network. With an empty index apt finds
# nothing newer and reports that.
mount -t tmpfs -o mode=755 lists /var/lib/apt/lists

# Hide what the host has installed of the project.
find /usr/local -name '*ndshm*' -prune -exec rm -rf -- {} +

# root needs no sudo, and the machine may not have it.
if ! command -v sudo >/dev/null; then
	printf '#!/bin/sh\nexec env -- "$@"\n' >/usr/local/bin/sudo
	chmod 755 /usr/local/bin/sudo
fi

# Do not check what was built outside again, which would take minutes here.
printf '#!/bin/sh\ncase " $* " in *" install "*) exec /usr/bin/make -o modules -o userlib "$@" ;; esac\n' >/usr/local/bin/make
chmod 755 /usr/local/bin/make

cd "$project"

# With a clean environment.
exec env -i HOME=/root USER=root LOGNAME=root TERM=dumb LANG=C.UTF-8 \
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	bash --noprofile --norc "$(dirname -- "$0")/readme-blocks.sh" "$work"
