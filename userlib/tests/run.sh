#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh COMMAND...: run each test (one word each, split at spaces), and sum up their
# numbers. A test that crashes, hangs or prints no numbers has failed.

total_passed=0
total_failed=0

for test in "$@"; do
	echo "# ${test##*/}"
	# shellcheck disable=SC2086 # words of a command
	output=$(timeout 300 $test 2>&1)
	code=$?
	echo "$output"
	last=${output##*$'\n'}
	if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]] &&
	   { [ $code -eq 0 ] || [ "${BASH_REMATCH[2]}" -gt 0 ]; }; then
		total_passed=$((total_passed + BASH_REMATCH[1]))
		total_failed=$((total_failed + BASH_REMATCH[2]))
	else
		echo "not ok - ${test##*/} (exit status $code)"
		total_failed=$((total_failed + 1))
	fi
done
echo "$total_passed passed, $total_failed failed"
[ $total_failed -eq 0 ] && [ $total_passed -gt 0 ]
