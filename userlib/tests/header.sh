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

stands admin.h 'int main(void)
{
	extern struct ndshm *ndshm;

	return ndshm_delete_section_id(ndshm, 1, 0);
}'

stands section.h 'int main(void)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	extern struct ndshm *ndshm;
	struct ndshm_section *section;

	return request.node + ndshm_section_adopt(ndshm, -1, &section);
}'

stands ring.h 'int main(void)
{
	extern struct ndshm_ring *ring;

	return ndshm_ring_send(ring, "", 0, 0) + NDSHM_RING_CAPACITY_MAX;
}'

stands loan.h 'int main(void)
{
	extern struct ndshm_loans *loans;
	struct ndshm_loans_info info;

	return ndshm_loans_query(loans, &info) + ndshm_loans_collect(loans, 0);
}'

# What must not be NULL is refused, and so is a result that is not used.
warns() {
	local said program='#include <ndshm/section.h>
void test(struct ndshm_section *section, void *out);
void test(struct ndshm_section *section, void *out)'

	! said=$("$CC" -std=c11 "${flags[@]/-fsyntax-only/-c}" -o /dev/null -x c - 2>&1 <<<"$program
{ $2 }") && grep -q "$3" <<<"$said"
	ok "$1"
}
warns 'a NULL argument causes a warning' '(void)section; (void)out; ndshm_section_trim(0);' nonnull
warns 'an unused result causes a warning' 'ndshm_section_alloc(section, 1, (void **)out);' unused-result

stands lsa.h 'int main(void)
{
	PVOID section = CreateSharedMemory(4096, 0);
	PVOID block = AllocateSharedMemory(section, (ULONG)sizeof(BOOLEAN));

	FreeSharedMemory(section, block);
	return ndshm_lsa_table(0)->DeleteSharedMemory(section) != TRUE;
}'

# lsa.h beside another header NAME with Windows types: with the prefix it adds no other name.
beside() {
	local program="$2
#include <ndshm/lsa.h>
$3"

	"$CC" -std=gnu17 "${flags[@]}" -x c - <<<"$program"
	ok "lsa.h stands beside $1"
	"$CXX" -std=c++17 "${flags[@]}" -x c++ - <<<"$program"
	ok "lsa.h stands beside $1, in c++17"
}
uses_both='extern char differ[sizeof(ULONG) == 8 && sizeof(NDSHM_ULONG) == 4 ? 1 : -1];

int main(void)
{
	const NDSHM_LSA_SECPKG_FUNCTION_TABLE *table = ndshm_lsa_table(0);
	NDSHM_PVOID section = ndshm_lsa_create((NDSHM_ULONG)4096, 0);
	ULONG other = 0;
	PVOID pointer = (PVOID)&other;

	return table->DeleteSharedMemory(section) == (NDSHM_BOOLEAN)FALSE && pointer &&
	       CreateSharedMemory();
}'
beside 'other types' '#define NDSHM_LSA_PREFIX
typedef void VOID;
typedef char *PVOID;
typedef unsigned long long ULONG;
typedef int BOOLEAN;
enum { FALSE, TRUE };
typedef int (*PLSA_CREATE_SHARED_MEMORY)(void);
typedef struct _LSA_SECPKG_FUNCTION_TABLE { int member; } LSA_SECPKG_FUNCTION_TABLE;
static inline int CreateSharedMemory(void) { return 0; }' "$uses_both"
beside 'macros' '#define NDSHM_LSA_PREFIX
#define VOID void
#define PVOID void *
#define ULONG unsigned long long
#define BOOLEAN int
#define FALSE 0
#define CreateSharedMemory() 0' "$uses_both"
beside 'the same types' 'typedef void VOID, *PVOID;
typedef unsigned int ULONG;
typedef unsigned char BOOLEAN;' 'int main(void) { return CreateSharedMemory(1, 1) == NULL; }'
beside 'the same types after it' '#include <ndshm/lsa.h>
typedef void VOID, *PVOID;
typedef unsigned int ULONG;
typedef unsigned char BOOLEAN;' 'int main(void) { return CreateSharedMemory(1, 1) == NULL; }'

# A function with the name of a struct hides it in C++.
structs=$(cat "$1"/ndshm/*.h "$2"/linux/ndshm*.h | sed -n 's/^struct \(ndshm_[a-z_]*\)[ ;].*/\1/p' | sort -u)
functions=$(cat "$1"/ndshm/*.h | grep -oE '^[a-z].*\bndshm_[a-z_]+\(' | sed 's/.*\b\(ndshm_[a-z_]*\)($/\1/' | sort -u)
[[ $(wc -l <<<"$structs") -gt 20 && $(wc -l <<<"$functions") -gt 60 ]]
ok 'there are structs and functions'
is 'no function has the name of a struct' '' "$(comm -12 <(echo "$structs") <(echo "$functions"))"

for file in "$2"/linux/ndshm*.h; do
	"$CC" -std=c99 "${flags[@]}" -x c - <<<"#include <linux/${file##*/}>
int main(void) { return 0; }"
	ok "linux/${file##*/} stands alone"
	"$CXX" -std=c++17 "${flags[@]}" -x c++ - <<<"#include <linux/${file##*/}>
int main() { return 0; }"
	ok "linux/${file##*/} stands alone in c++17"
done
end
