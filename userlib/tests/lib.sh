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

end() {
	echo "1..$((passed + failed))"
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}
