#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# coverage.sh MINIMUM OBJECTS COMMAND...: run the commands, as run.sh does, and print
# the line coverage of each source: "file run/all percent", the total last. OBJECTS is
# the directory of the objects compiled with --coverage. Fails if a test fails, or if
# the total is below MINIMUM per cent. With UNCOVERED set, also print the lines that
# were not run.

minimum=$1 objects=$2
shift 2

rm -f "$objects"/*.gcda
log=$("$(dirname "$0")/run.sh" "$@")
code=$?
if [ $code -ne 0 ]; then
	echo "$log"
	exit $code
fi

"${GCOV:-gcov}" -t "$objects"/*.gcno 2>/dev/null |
awk -v minimum="$minimum" -v show="${UNCOVERED:-}" '
function say(name, run, all) {
	printf "%s %d/%d %.1f\n", name, run, all, 100 * run / all
}
function file_ends() {
	if (file != "" && all) {
		say(file, run, all)
		printf "%s", missed
	}
	total_run += run
	total_all += all
	run = all = 0
	missed = ""
}
/^ *-: *0:Source:/ {
	file_ends()
	sub(/.*Source:/, "")
	sub(/.*\//, "")
	file = $0
	next
}
{
	split($0, column, ":")
	count = column[1]
	gsub(/ /, "", count)
	if (count == "-" || count == "")
		next
	all++
	if (count !~ /^[#=]/)
		run++
	else if (show)
		missed = missed substr($0, index($0, ":") + 1) "\n"
}
END {
	file_ends()
	if (!total_all) {
		print "gcov knows no line"
		exit 1
	}
	say("total", total_run, total_all)
	exit 100 * total_run < minimum * total_all
}'
