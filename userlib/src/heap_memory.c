// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The heap's private memory.
 */
#include <errno.h>
#include <sys/mman.h>

#include "heap_internal.h"

static void *map(size_t bytes, int protection)
{
	void *memory = mmap(NULL, bytes, protection,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	if (madvise(memory, bytes, MADV_WIPEONFORK)) {
		munmap(memory, bytes);
		return NULL;
	}
	/* The tables are sparse: a huge page for a single byte would waste memory. */
	madvise(memory, bytes, MADV_NOHUGEPAGE);
	return memory;
}

void *ndshm__memory_map(size_t bytes)
{
	return map(bytes, PROT_READ | PROT_WRITE);
}

void *ndshm__memory_reserve(size_t bytes)
{
	return map(bytes, PROT_NONE);
}

int ndshm__memory_enable(void *memory, size_t bytes)
{
	return mprotect(memory, bytes, PROT_READ | PROT_WRITE) ? -errno : 0;
}

void ndshm__memory_unmap(void *memory, size_t bytes)
{
	munmap(memory, bytes);
}

void ndshm__memory_clear(void *memory, size_t bytes)
{
	madvise(memory, bytes, MADV_DONTNEED);
}
