// SPDX-License-Identifier: GPL-2.0
/*
 * A section without the kernel.
 */
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>

#include "section.h"

#define PAGE	4096
#define SLOT	(2 << 20)

static void *map(uint64_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

int section_open(struct section *section, uint64_t size)
{
	uint64_t pages = size / PAGE;
	char *memory = map(size + SLOT);

	*section = (struct section) { .size = size };
	section->used = map(pages);
	section->length = map(pages * sizeof(*section->length));
	section->slot_pages = map(pages * sizeof(*section->slot_pages));
	if (!memory || !section->used || !section->length || !section->slot_pages)
		return -ENOMEM;
	section->base = memory + (-(uintptr_t)memory & (SLOT - 1));
	return 0;
}

static void lock(struct section *section)
{
	while (__atomic_exchange_n(&section->lock, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock(struct section *section)
{
	__atomic_store_n(&section->lock, 0, __ATOMIC_RELEASE);
}

static void count(struct section *section, uint64_t page, uint64_t pages, int by)
{
	for (; pages; pages--, page++) {
		unsigned int *slot = &section->slot_pages[page / (SLOT / PAGE)];

		section->used[page] = by > 0;
		section->slots += by > 0 && !*slot;
		*slot += by;
		section->slots -= by < 0 && !*slot;
	}
}

static int take(struct section *section, uint64_t pages, uint64_t step, uint64_t *offset)
{
	for (uint64_t page = 0, run; page + pages <= section->size / PAGE; page += step) {
		for (run = 0; run < pages && !section->used[page + run]; run++)
			;
		if (run < pages)
			continue;
		count(section, page, pages, 1);
		section->length[page] = pages;
		*offset = page * PAGE;
		return 0;
	}
	return -ENOSPC;
}

static int allocate(void *context, uint64_t length, uint64_t alignment, uint64_t *offset)
{
	struct section *section = context;
	int ret;

	lock(section);
	ret = take(section, length / PAGE, alignment / PAGE, offset);
	unlock(section);
	return ret;
}

static int release(void *context, uint64_t offset)
{
	struct section *section = context;
	uint64_t *length = &section->length[offset / PAGE];
	int ret = -EINVAL;

	lock(section);
	if (*length) {
		count(section, offset / PAGE, *length, -1);
		*length = 0;
		ret = 0;
	}
	unlock(section);
	return ret;
}

static int attach(void *context)
{
	(void)context;
	return 0;
}

const struct ndshm_extent_source section_source = {
	.alloc = allocate,
	.free = release,
	.attach = attach,
};
