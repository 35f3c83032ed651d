#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# header.sh HEADERS UAPI: each public header compiles alone, in C and in C++. CC and CXX
# may name the compilers.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
flags=(-I"$1" -I"$2" -Wall -Wextra -Werror -pedantic -fsyntax-only)
CC=${CC:-cc}
CXX=${CXX:-c++}

# stands NAME PROGRAM: compile it after including ndshm/NAME twice. _INIT is an
# initializer.
stands() {
	local program="#include <ndshm/$1>
#include <ndshm/$1>
$2" standard

	for standard in c99 c11 gnu17; do
		"$CC" -std=$standard "${flags[@]}" -x c - <<<"$program"
		ok "$1 is $standard"
	done
	for standard in c++11 c++17; do
		"$CXX" -std=$standard "${flags[@]}" -x c++ - \
			<<<"$(sed 's/NDSHM_[A-Z_]*_INIT/{}/' <<<"$program")"
		ok "$1 is $standard"
	done
	# C++ has designated initializers since C++20.
	"$CXX" -std=c++20 "${flags[@]}" -x c++ - <<<"$program"
	ok "$1 and its initializer are c++20"
}

stands ndshm.h 'int main(void)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;

	return request.node + ndshm_reason_name(0)[0];
}'

stands section.h 'int main(void)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	struct ndshm_section *section;

	return request.node + ndshm_section_adopt(0, -1, &section);
}'

stands lsa.h 'int main(void)
{
	PVOID section = CreateSharedMemory(4096, 0);
	PVOID block = AllocateSharedMemory(section, (ULONG)sizeof(BOOLEAN));

	FreeSharedMemory(section, block);
	return ndshm_lsa_table(0)->DeleteSharedMemory(section) != TRUE;
}'

for file in "$2"/linux/ndshm*.h; do
	"$CC" -std=c99 "${flags[@]}" -x c - <<<"#include <linux/${file##*/}>
int main(void) { return 0; }"
	ok "linux/${file##*/} stands alone"
done
end
