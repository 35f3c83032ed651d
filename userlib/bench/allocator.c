// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "section.h"

#define SECTION	(1ul << 30)
#define SLOT	(2ul << 20)

/*
 * ndshm: a heap in a section without the kernel, so that a pair makes no system calls
 */

static struct section section;
static struct ndshm_heap *heap;

static int heap_open(void)
{
	int error = section_open(&section, SECTION);

	if (error)
		return error;
	return ndshm__heap_open(section.base, section.size, &section_source, &section, &heap);
}

static __attribute__((noinline)) void *heap_alloc(size_t size)
{
	int error;

	return ndshm__heap_alloc(heap, size, &error);
}

static __attribute__((noinline)) int heap_free(void *block)
{
	return ndshm__heap_free(heap, block);
}

static void heap_close(void)
{
	ndshm__heap_close(heap);
}

static void heap_trim(void)
{
	ndshm__heap_trim(heap);
}

static void heap_stats(struct ndshm_heap_stats *stats)
{
	ndshm__heap_stats(heap, stats);
}

static uint64_t heap_committed(void)
{
	return section.slots * SLOT;
}

/*
 * two-sections: two of these in turn, for blocks that are freed at once
 */

static struct section sections[2];
static struct ndshm_heap *heaps[2];
static unsigned int turn;

static int two_open(void)
{
	int error = 0;

	for (int i = 0; i < 2 && !error; i++) {
		error = section_open(&sections[i], SECTION);
		if (!error)
			error = ndshm__heap_open(sections[i].base, sections[i].size,
						 &section_source, &sections[i], &heaps[i]);
	}
	return error;
}

static __attribute__((noinline)) void *two_alloc(size_t size)
{
	int error;

	turn ^= 1;
	return ndshm__heap_alloc(heaps[turn], size, &error);
}

static __attribute__((noinline)) int two_free(void *block)
{
	return ndshm__heap_free(heaps[turn], block);
}

static void two_close(void)
{
	ndshm__heap_close(heaps[0]);
	ndshm__heap_close(heaps[1]);
}

/*
 * module: the library's calls on a section of the module
 */

static struct ndshm *ndshm;
static struct ndshm_section *real;

static int module_open(void)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	int error = ndshm_open(NULL, &ndshm);

	request.max_size = SECTION;
	return error ? error : ndshm_section_create(ndshm, &request, &real);
}

static __attribute__((noinline)) void *module_alloc(size_t size)
{
	void *block;
	int error = ndshm_section_alloc(real, size, &block);

	/* @block is NULL after an error. */
	(void)error;
	return block;
}

static __attribute__((noinline)) int module_free(void *block)
{
	return ndshm_section_free(real, block);
}

static void module_close(void)
{
	ndshm_section_close(real);
	ndshm_close(ndshm);
}

static void module_trim(void)
{
	ndshm_section_trim(real);
}

static void module_stats(struct ndshm_heap_stats *stats)
{
	ndshm_section_stats(real, stats);
}

static uint64_t module_committed(void)
{
	struct ndshm_section_info info;

	return ndshm_section_query(real, &info) ? UINT64_MAX : info.committed;
}

/*
 * malloc: the allocator of the process, which LD_PRELOAD can replace
 */

static int malloc_open(void)
{
	return 0;
}

static __attribute__((noinline)) void *malloc_alloc(size_t size)
{
	return malloc(size);
}

static __attribute__((noinline)) int malloc_free(void *block)
{
	free(block);
	return 0;
}

static void malloc_close(void)
{
}

static const struct allocator allocators[] = {
	{
		"ndshm", heap_open, heap_alloc, heap_free, heap_close,
		heap_trim, heap_stats, heap_committed,
	}, {
		"two-sections", two_open, two_alloc, two_free, two_close,
		NULL, NULL, NULL,
	}, {
		"module", module_open, module_alloc, module_free, module_close,
		module_trim, module_stats, module_committed,
	}, {
		"malloc", malloc_open, malloc_alloc, malloc_free, malloc_close,
		NULL, NULL, NULL,
	},
};

const struct allocator *allocator_find(const char *name)
{
	for (size_t i = 0; i < sizeof(allocators) / sizeof(allocators[0]); i++)
		if (!strcmp(allocators[i].name, name))
			return &allocators[i];
	fprintf(stderr, "no such allocator: %s; there are ndshm, two-sections, module and malloc\n", name);
	return NULL;
}
