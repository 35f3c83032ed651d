// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndshm/loan.h>

#include "allocator.h"

#define SECTION	(1ul << 30)
#define LOANS	1024

/*
 * ndshm, module: the library's calls on a section without the module, or of the module
 */

static struct ndshm *ndshm;
static struct ndshm_section *sections[2];
static struct ndshm_loans *loans;
static unsigned int turn;

static int sections_open(const char *device, int count)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	int error = ndshm_open(device, &ndshm);

	request.max_size = SECTION;
	for (int i = 0; i < count && !error; i++)
		error = ndshm_section_create(ndshm, &request, &sections[i]);
	return error;
}

static int memfd_open(void)
{
	return sections_open("memfd:", 1);
}

static int module_open(void)
{
	return sections_open(NULL, 1);
}

static __attribute__((noinline)) void *section_alloc(size_t size)
{
	void *block;
	int error = ndshm_section_alloc(sections[0], size, &block);

	/* @block is NULL after an error. */
	(void)error;
	return block;
}

static __attribute__((noinline)) int section_free(void *block)
{
	return ndshm_section_free(sections[0], block);
}

static void *section_realloc(void *block, size_t size)
{
	int error = ndshm_section_realloc(sections[0], block, size, &block);

	(void)error;
	return block;
}

static int section_start_loans(void)
{
	int error = ndshm_loans_create(sections[0], LOANS, &loans);

	return error ? error : dup(ndshm_loans_fd(loans));
}

static int section_lend(void *block, uint64_t *offset)
{
	return ndshm_loans_lend(loans, block, offset);
}

static void section_close(void)
{
	ndshm_loans_close(loans);
	ndshm_section_close(sections[0]);
	ndshm_section_close(sections[1]);
	ndshm_close(ndshm);
}

static void section_trim(void)
{
	ndshm_section_trim(sections[0]);
}

static void section_stats(struct ndshm_heap_stats *stats)
{
	ndshm_section_stats(sections[0], stats);
}

static uint64_t section_committed(void)
{
	struct ndshm_section_info info;

	return ndshm_section_query(sections[0], &info) ? UINT64_MAX : info.committed;
}

/* Without the module idle chunks are kept, whose number the heap does not determine. */
static uint64_t section_taken(void)
{
	struct ndshm_section_info info;

	return ndshm_section_query(sections[0], &info) ? UINT64_MAX : info.taken;
}

/*
 * two-sections: two sections of NDSHM_BACKEND in turn, for blocks that are freed at once
 */

static int two_open(void)
{
	return sections_open(NULL, 2);
}

static __attribute__((noinline)) void *two_alloc(size_t size)
{
	void *block;
	int error;

	turn ^= 1;
	error = ndshm_section_alloc(sections[turn], size, &block);
	(void)error;
	return block;
}

static __attribute__((noinline)) int two_free(void *block)
{
	return ndshm_section_free(sections[turn], block);
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

static void *malloc_realloc(void *block, size_t size)
{
	return realloc(block, size);
}

static const struct allocator allocators[] = {
	{
		"ndshm", memfd_open, section_alloc, section_free, section_realloc, section_close,
		section_trim, section_stats, section_taken, section_start_loans, section_lend,
	}, {
		"two-sections", two_open, two_alloc, two_free, NULL, section_close,
		NULL, NULL, NULL, NULL, NULL,
	}, {
		"module", module_open, section_alloc, section_free, section_realloc, section_close,
		section_trim, section_stats, section_committed, section_start_loans, section_lend,
	}, {
		"malloc", malloc_open, malloc_alloc, malloc_free, malloc_realloc, malloc_close,
		NULL, NULL, NULL, NULL, NULL,
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
