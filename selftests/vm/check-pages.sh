#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-pages.sh OUTPUT: in the guest, with the module loaded, run those programs in OUTPUT
# that test properties of all blocks with blocks of the provider "pages".
set -uo pipefail

output=$1 bad=0 number=0
# Providers are numbered in the order of registration; pages.c finds it by name.
export NDSHM_PROVIDER=2
for program in pages block mmap_rules account signals dma_edu; do
	number=$((number + 1))
	if "$output/$program"; then
		echo "ok $number selftests: $program with pages"
	else
		echo "not ok $number selftests: $program with pages"
		bad=1
	fi
done
exit $bad
