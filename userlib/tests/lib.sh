# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For tests that are scripts: TAP on stdout, and a last line "N passed, N failed".

passed=0
failed=0

# ok NAME: report the exit status of the previous command ("[ ... ]; ok name"), and
# return it.
ok() {
	# shellcheck disable=SC2319
	local code=$?

	if [ $code -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok $((passed + failed)) - $1"
	else
		failed=$((failed + 1))
		echo "not ok $((passed + failed)) - $1"
	fi
	return $code
}

# is NAME EXPECTED ACTUAL
is() {
	[ "$2" = "$3" ]
	ok "$1"
	[ "$2" = "$3" ] || printf '# expected: %s\n# got:      %s\n' "$2" "$3"
}

# microseconds COMMAND...: how long it takes, in $took, and its exit code in $code.
# shellcheck disable=SC2034 # for the caller
microseconds() {
	local begin=${EPOCHREALTIME/[^0-9]/}
	"$@"
	code=$?
	took=$((${EPOCHREALTIME/[^0-9]/} - begin))
}

# A peer to compare times with, since the machine can be busy: busybox's awk prints a table. Under
# emulation on an idle machine 100,000 lines take some 4 to 6 s.
# peer_table LINES: make the table, "$top/table".
# shellcheck disable=SC2154 # the script must set $top
peer_table() {
	awk -v lines="$1" 'BEGIN { for (i = 0; i < lines; i++) for (j = 1; j <= 12; j++) printf j < 12 ? "%7d " : "%7d\n", i * j }' >"$top/table"
}
# peer: print it.
peer() { busybox awk '{ printf "%10d  %-8s %-8s %-8s %10d %10d %4d %4s %-8s %8d %-8s %s\n", $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 }' "$top/table"; }

end() {
	echo "1..$((passed + failed))"
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}
