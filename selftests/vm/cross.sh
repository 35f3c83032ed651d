#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# cross.sh ARCH COMMAND...: run COMMAND, such as make, where it compiles for another architecture:
# with its compiler first in PATH, and pkg-config that finds the libraries of root.sh.
set -euo pipefail
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

[[ $# -gt 1 ]] || die 'usage: cross.sh ARCH COMMAND...'
arch=$1
shift
compiler=$("$vm_dir/kernels.sh" compiler "$arch")
root=$("$vm_dir/root.sh" "$arch")
prefix=$(<"$compiler/prefix")

# The compiler with and without its version, which finds what programs are linked with, and uses
# ccache where keep_objects() has asked for it.
names=$compiler/names-${root##*/}
fill() {
	local gcc name
	[[ ! -d $names ]] || return 0
	gcc=$(cd -- "$compiler/usr/bin" && printf '%s\n' "$prefix"gcc-[0-9]*)
	rm -rf -- "$names.new"
	mkdir -p -- "$names.new"
	# shellcheck disable=SC2016
	for name in "${prefix}gcc" "$gcc"; do
		printf '#!/bin/sh\nexec ${CCACHE_DIR:+ccache} %q --sysroot=%q "$@"\n' \
			"$compiler/usr/bin/$gcc" "$root" >"$names.new/$name"
		chmod +x -- "$names.new/$name"
	done
	mv -T -- "$names.new" "$names"
}
[[ -d $names ]] || with_lock "$cache/kernels/lock" fill

tuple=${prefix%-}
libraries=$compiler/usr/lib/$(gcc -print-multiarch)
export PATH=$names:$compiler/usr/bin:$PATH LD_LIBRARY_PATH=$libraries
export ARCH=$arch CROSS_COMPILE=$prefix CC=${prefix}gcc AR=${prefix}ar
export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/usr/lib/$tuple/pkgconfig:$root/usr/share/pkgconfig
exec "$@"
