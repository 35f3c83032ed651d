# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What every script of the rig needs: where things are, and how to speak.
# To be sourced; the sourcing script sets `set -euo pipefail` itself.

# Where the rig is, wherever the checkout lies and whatever the caller's cwd.
# shellcheck disable=SC2034
vm_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)

# What fails in $(...) fails the script.
shopt -s inherit_errexit

# A plain user's PATH lacks the directories of depmod, ip and modprobe.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# Kernels and run directories are big and outlive `make clean`: never in the tree.
# shellcheck disable=SC2034
cache=${NDSHM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/ndshm}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }

# with_lock FILE COMMAND...: two runs that start together must not fill the same
# cache entry twice. The lock is released by the kernel, so a killed run leaves none.
with_lock() {
	local lock=$1 fd code
	shift
	mkdir -p -- "$(dirname -- "$lock")"
	exec {fd}>"$lock"
	flock "$fd"
	# Not in a condition: there, `set -e` would not be in force in COMMAND. In a caller's
	# condition it is not either, and the exit code has to be kept.
	"$@"
	code=$?
	exec {fd}>&-
	return "$code"
}

# What was compiled before, by the same compiler, with the same options and of the same
# text, is not compiled again. For who has installed ccache (group `check` or `lint`).
keep_objects() {
	[[ -d /usr/lib/ccache ]] || return 0
	PATH=/usr/lib/ccache:$PATH
	export CCACHE_DIR=$cache/ccache CCACHE_MAXSIZE=2G
}
