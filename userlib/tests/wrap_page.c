// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wrap.h"

long __real_sysconf(int name);
long __wrap_sysconf(int name);
long __wrap_sysconf(int name)
{
	return name == _SC_PAGESIZE && wrap_page() ? (long)wrap_page() : __real_sysconf(name);
}

int __real_madvise(void *at, size_t length, int advice);
int __wrap_madvise(void *at, size_t length, int advice);
/* As the kernel, works on all pages of which a part is in the range. */
int __wrap_madvise(void *at, size_t length, int advice)
{
	const size_t page = wrap_page();

	if (wrap_misaligned(at))
		return -1;
	return __real_madvise(at, page ? (length + page - 1) / page * page : length, advice);
}
