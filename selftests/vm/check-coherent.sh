#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-coherent.sh OUTPUT: in the guest, with the module loaded, run those programs in OUTPUT
# that test properties of all blocks with blocks of the provider "coherent".
set -uo pipefail

output=$1 bad=0 number=0
# Providers are numbered in the order of registration.
export NDSHM_PROVIDER=1
for program in block mmap_rules account signals dma_edu; do
	number=$((number + 1))
	if "$output/$program"; then
		echo "ok $number selftests: $program with coherent"
	else
		echo "not ok $number selftests: $program with coherent"
		bad=1
	fi
done
exit $bad
