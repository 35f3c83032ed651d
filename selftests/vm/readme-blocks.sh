#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# readme-blocks.sh DIRECTORY: run the blocks in DIRECTORY, as readme.sh has written them, in order.
# One shell runs all of them, as for a reader. NAME.out gets the output of NAME.sh, NAME.status
# the status of its last command that failed.
for readme_block in "$1"/*.sh; do
	[[ -e $readme_block ]] || continue
	readme_base=${readme_block%.sh} readme_status=0 readme_start=$SECONDS
	trap 'readme_status=$?' ERR
	# shellcheck disable=SC1090 # written by readme.sh
	. "$readme_block" >"$readme_base.out" 2>&1 </dev/null
	trap - ERR
	echo "$readme_status" >"$readme_base.status"
	echo "# ${readme_base##*/}: $((SECONDS - readme_start)) s"
done
