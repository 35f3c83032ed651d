// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The heap's private memory.
 */
#include <sys/mman.h>

#include "heap_internal.h"

void *ndshm__memory_map(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
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

void ndshm__memory_unmap(void *memory, size_t bytes)
{
	munmap(memory, bytes);
}

void ndshm__memory_clear(void *memory, size_t bytes)
{
	madvise(memory, bytes, MADV_DONTNEED);
}
