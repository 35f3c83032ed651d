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
