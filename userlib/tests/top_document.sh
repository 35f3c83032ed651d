#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# top_document.sh NDSHM DOCUMENT [--write]: the screen of "ndshm top" that DOCUMENT shows is that
# of the command, in a terminal of tmux of 100 by 10, with a /proc of plain files. --write
# replaces it. stand_in_list.c provides the objects.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
ndshm=$1 document=$2 write=${3:-}
top=$(mktemp -d)
export NDSHM_BACKEND=memfd: TMUX_TMPDIR=$top TERM=xterm STAND_IN_BLOCKS=3 STAND_IN_NAME=alice
unset STAND_IN_LENGTH STAND_IN_LOOKUPS STAND_IN_REFUSE TMUX
terminal() { tmux -L ndshm -f /dev/null "$@"; }
trap 'terminal kill-server 2>"$top/log"; rm -rf "$top"' EXIT
proc=$top/root/proc
mkdir -p "$proc" "$top/root/sys/class/misc/ndshm"
echo 1:3 >"$top/root/sys/class/misc/ndshm/dev"

# process PID NAME UID
process() {
	mkdir -p "$proc/$1/fd" "$proc/$1/fdinfo"
	printf 'Name:\t%s\nState:\tS\nUid:\t7\t%s\t7\t7\nThreads:\t1\n' "$2" "$3" >"$proc/$1/status"
	: >"$proc/$1/maps"
}
# descriptor PID FD TARGET LINE...
descriptor() {
	ln -s "$3" "$proc/$1/fd/$2"
	printf '%b\n' "${@:4}" >"$proc/$1/fdinfo/$2"
}
process 194 server 0
descriptor 194 3 /dev/null 'ndshm-blocks:\t3' 'ndshm-bytes:\t24576' 'ndshm-claim:\t1'
descriptor 194 4 ndshm:section:1 'ndshm-section:\t1' 'ndshm-committed:\t1048576'
process 201 worker 1001
descriptor 201 3 ndshm:section:2 'ndshm-section:\t2' 'ndshm-committed:\t2097152'
descriptor 201 4 'anon_inode:[ndshm-holder]' 'ndshm-section:\t2' 'ndshm-extents:\t5' 'ndshm-bytes:\t1572864'
process 202 viewer 1002
descriptor 202 3 ndshm:section:1 'ndshm-section:\t1' 'ndshm-committed:\t1048576'

terminal new-session -d -s top -x 100 -y 10 "$ndshm top --root $top/root 2>$top/err; exec cat"
patience=$((SECONDS + 30))
until terminal capture-pane -p -t top >"$top/screen" && grep -q '^q quit' "$top/screen"; do
	[[ $SECONDS -lt $patience ]] || break
	sleep 0.1
done
terminal send-keys -t top q
# An example of a time, and no blanks at the end.
sed -E 's/- [0-9]{2}:[0-9]{2}:[0-9]{2},/- 10:38:51,/; s/^/   /; s/ +$//' "$top/screen" >"$top/shown"
grep -q 'worker' "$top/shown"
ok "a screen" || cat "$top/screen" "$top/err"

if [[ $write ]]; then
	sed -i -e "/^   ndshm top - /{r $top/shown
	:line N; /\n   q quit/!b line; d}" "$document"
fi
sed -n '/^   ndshm top - /,/^   q quit/p' "$document" >"$top/documented"
diff "$top/documented" "$top/shown" >"$top/diff"
ok "the screen in $document; --write replaces it" || sed 's/^/# /' "$top/diff"
end
