// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "wrap.h"

WRAP(long, sysconf, int name)
{
	return name == _SC_PAGESIZE && wrap_page() ? (long)wrap_page() : __real_sysconf(name);
}

/* As the kernel, works on all pages of which a part is in the range. */
WRAP(int, madvise, void *at, size_t length, int advice)
{
	const size_t page = wrap_page();

	if (wrap_misaligned(at))
		return -1;
	return __real_madvise(at, page ? (length + page - 1) / page * page : length, advice);
}
