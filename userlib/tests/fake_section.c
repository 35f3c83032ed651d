// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_section.h"

/**
 * struct fake_map - Pages of the section, shared by all processes
 * @lock: robust, because a process may die while it holds the lock
 * @holders: number of holders so far
 * @calls: number of calls by all holders
 * @pages: holder of each page, 0 if free; negative at the start of an extent
 */
struct fake_map {
	pthread_mutex_t lock;
	int holders;
	unsigned long calls;
	int pages[];
};

static size_t map_bytes(uint64_t size)
{
	return sizeof(struct fake_map) + size / FAKE_PAGE * sizeof(int);
}

static void *map_shared(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* Map more than required, and unmap the excess at both ends. */
static char *map_aligned(uint64_t size)
{
	uint64_t align = NDSHM_HEAP_ALIGN_MAX;
	char *memory = map_shared(size + align);
	uint64_t before = -(uintptr_t)memory % align;

	if (!memory)
		return NULL;
	if (before)
		munmap(memory, before);
	munmap(memory + before + size, align - before);
	return memory + before;
}

int fake_section_open(struct fake_section *section, uint64_t size)
{
	pthread_mutexattr_t attributes;

	*section = (struct fake_section) { .size = size, .holder = 1 };
	section->map = map_shared(map_bytes(size));
	section->base = map_aligned(size);
	if (!section->map || !section->base)
		return -ENOMEM;
	section->map->holders = 1;
	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&section->map->lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return 0;
}

void fake_section_close(struct fake_section *section)
{
	munmap(section->base, section->size);
	munmap(section->map, map_bytes(section->size));
}

static void lock(const struct fake_section *section)
{
	if (pthread_mutex_lock(&section->map->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&section->map->lock);
	section->map->calls++;
}

static void unlock(const struct fake_section *section)
{
	pthread_mutex_unlock(&section->map->lock);
}

static int take(struct fake_section *section, uint64_t pages, uint64_t step, uint64_t *offset)
{
	uint64_t all = section->size / FAKE_PAGE;
	int *map = section->map->pages;

	for (uint64_t page = 0; page + pages <= all; page += step) {
		uint64_t run = 0;

		while (run < pages && !map[page + run])
			run++;
		if (run < pages)
			continue;
		map[page] = -section->holder;
		while (--run)
			map[page + run] = section->holder;
		*offset = page * FAKE_PAGE + section->lie;
		return 0;
	}
	return -ENOSPC;
}

static int allocate(void *context, uint64_t length, uint64_t alignment, uint64_t *offset)
{
	struct fake_section *section = context;
	const uint64_t least = sysconf(_SC_PAGESIZE);
	int ret;

	if (!length || length % least || alignment % least ||
	    alignment & (alignment - 1) || alignment > NDSHM_HEAP_ALIGN_MAX)
		return -EINVAL;
	if (section->during)
		section->during();
	lock(section);
	if (section->fail_nth && !--section->fail_nth) {
		section->failed = true;
		ret = section->fail_with;
	} else {
		ret = take(section, length / FAKE_PAGE, alignment / FAKE_PAGE, offset);
	}
	unlock(section);
	return ret;
}

/* Free the extent that starts at @page. */
static void drop(struct fake_map *map, uint64_t page, uint64_t pages, int holder)
{
	do {
		map->pages[page++] = 0;
	} while (page < pages && map->pages[page] == holder);
}

static int release(void *context, uint64_t offset)
{
	struct fake_section *section = context;
	uint64_t page = offset / FAKE_PAGE;
	int ret = section->fail_free;

	if (section->during)
		section->during();
	lock(section);
	if (!ret && (page >= section->size / FAKE_PAGE ||
		     section->map->pages[page] != -section->holder))
		ret = -EINVAL;
	if (!ret)
		drop(section->map, page, section->size / FAKE_PAGE, section->holder);
	unlock(section);
	return ret;
}

static int attach(void *context)
{
	struct fake_section *section = context;

	if (section->fail_attach)
		return section->fail_attach;
	lock(section);
	section->holder = __atomic_add_fetch(&section->map->holders, 1, __ATOMIC_RELAXED);
	unlock(section);
	return 0;
}

static unsigned int count_holders(void *context)
{
	const struct fake_section *section = context;

	return __atomic_load_n(&section->map->holders, __ATOMIC_RELAXED);
}

const struct ndshm_extent_source fake_source = {
	.alloc = allocate,
	.free = release,
	.attach = attach,
	.holders = count_holders,
};

unsigned int fake_section_extents(const struct fake_section *section, int holder)
{
	unsigned int count = 0;

	lock(section);
	for (uint64_t page = 0; page < section->size / FAKE_PAGE; page++) {
		int owner = section->map->pages[page];

		count += owner < 0 && (!holder || owner == -holder);
	}
	unlock(section);
	return count;
}

uint64_t fake_section_taken(const struct fake_section *section)
{
	uint64_t bytes = 0;

	lock(section);
	for (uint64_t page = 0; page < section->size / FAKE_PAGE; page++)
		bytes += section->map->pages[page] ? FAKE_PAGE : 0;
	unlock(section);
	return bytes;
}

void fake_section_reap(struct fake_section *section, int holder)
{
	lock(section);
	for (uint64_t page = 0; page < section->size / FAKE_PAGE; page++)
		if (section->map->pages[page] == holder || section->map->pages[page] == -holder)
			section->map->pages[page] = 0;
	unlock(section);
}

unsigned long fake_section_calls(const struct fake_section *section)
{
	return section->map->calls;
}
