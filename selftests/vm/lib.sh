# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Common parts of the rig's scripts: directories and messages. To be sourced;
# the sourcing script sets `set -euo pipefail` itself.

# The directory of the rig, independent of the checkout's place and the current
# directory.
# shellcheck disable=SC2034
vm_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)

# A failure in $(...) ends the script.
shopt -s inherit_errexit

# An unprivileged user's PATH lacks the directories of depmod, ip and modprobe.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# Kernels and run directories are large and must survive `make clean`, so they are
# not in the tree.
# shellcheck disable=SC2034
cache=${NDSHM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/ndshm}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }

# foreign_arch KERNEL: print the architecture of a kernel by its name, as Debian names it, if it is
# not the machine's. A kernel's own directory has it in the file `arch`.
foreign_arch() {
	local arch=
	case $1 in
	*/*)			arch=$(cat -- "$1/arch" 2>/dev/null) || true ;;
	*-arm64|*-arm64-*)	arch=arm64 ;;
	esac
	[[ $arch == "$(dpkg --print-architecture)" ]] || printf '%s' "$arch"
}

# debian_archive [-PART]: print the address of the archive of the machine's Debian release and the
# name of the release, as apt's index has them; with -security, for example, those of its security
# updates. Prints nothing if the index has no such archive.
debian_archive() {
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(ORIGIN) $(SITE) $(CODENAME)' |
		awk -v name="^[a-z]+${1:-}\$" '$1 == "Debian" && $3 ~ name && !found++ { print $2, $3 }'
}

# QEMU before 9.1 can write garbage into the flags of a CPU if an instruction that calculates
# faults when it writes its result. Bits 3, 5, 15 and 22 to 31 prove it, because no software can
# set them.
flags_are_impossible() {
	local flags
	while read -r flags; do
		(((16#$flags & 16#ffc08028) == 0)) || return 0
	done < <(sed -nE 's/.* EFLAGS: ([0-9a-f]{8}).*/\1/p' "$1")
	return 1
}

# What run.sh prints between the output of a guest that its emulator has failed and that of the next.
lost_guest='# the emulator failed the guest: all of it once more'
# What a level prints before each guest.
begin_guest='# a guest begins'

# without_lost: copy standard input without the output of lost guests, that is from the beginning
# of a guest to the line that says it was lost. Their failures stay: a test may have failed before.
without_lost() {
	awk -v begin="$begin_guest" -v lost="$lost_guest" '
		$0 == begin { for (i = 0; i < n; i++) print line[i]; n = 0; next }
		$0 == lost { for (i = 0; i < n; i++) if (line[i] ~ /^(# )*not ok /) print line[i]; n = 0; next }
		{ line[n++] = $0 }
		END { for (i = 0; i < n; i++) print line[i] }'
}

# with_lock FILE COMMAND...: hold a lock during COMMAND, so that two runs do not fill
# the same cache entry. The kernel releases the lock of a killed run.
with_lock() {
	local lock=$1 fd code
	shift
	mkdir -p -- "$(dirname -- "$lock")"
	exec {fd}>"$lock"
	flock "$fd"
	# Not in a condition, which would disable `set -e` in COMMAND. In a caller's
	# condition it is disabled anyway, so keep the exit code.
	"$@"
	code=$?
	exec {fd}>&-
	return "$code"
}

# Use ccache, if installed (group `check` or `lint`), so that unchanged files are not
# compiled again.
keep_objects() {
	[[ -d /usr/lib/ccache ]] || return 0
	PATH=/usr/lib/ccache:$PATH
	export CCACHE_DIR=$cache/ccache CCACHE_MAXSIZE=2G
}
