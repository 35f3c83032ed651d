// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tests both allocators of buffers with a fake library: memory is an array with invented DMA
 * addresses. Checks that the address of each byte of each buffer is right, and that everything
 * is freed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndshm/section.h>

#include "../common/expect.h"
#include "buffers.h"
#include "revoked.h"

#define PAGE	4096UL
#define PAGES	4096UL		/* size of the array */
#define BATCH	5		/* most blocks per call; does not divide the number wanted */
#define FIRST	3		/* pages between buffers of a section */

static const struct test {
	const char *name;
	bool section;
	size_t size;
	size_t count;
	size_t together;	/* pages per DMA segment */
	bool hidden;
	int refused;		/* error of the fake library */
	int error;		/* expected error */
} tests[] = {
	{ "blocks: a ring", false, 4096, 1, .together = 16 },
	{ "blocks: frames", false, 2048, 256, .together = 16 },
	{ "blocks: long frames", false, 16384, 256, .together = 16 },
	{ "blocks: hidden", false, 2048, 256, .together = 16, .hidden = true, .error = -EPERM },
	{ "blocks: refused", false, 2048, 256, .together = 16,
	  .refused = -ENOMEM, .error = -ENOMEM },
	{ "section: a ring", true, 4096, 1, .together = 512 },
	{ "section: one piece", true, 2048, 256, .together = 512 },
	{ "section: several pieces", true, 16384, 256, .together = 512 },
	{ "section: frames in single pages", true, 2048, 256, .together = 1 },
	{ "section: frames of a page in single pages", true, 4096, 256, .together = 1 },
	{ "section: long frames in pieces as long", true, 8192, 256, .together = 2 },
	{ "section: long frames in single pages", true, 8192, 4, .together = 1, .error = -EXDEV },
	{ "section: long frames in too many pages", true, 16384, 256, .together = 1,
	  .error = -EXDEV },
	{ "section: hidden", true, 2048, 256, .together = 512, .hidden = true, .error = -EPERM },
	{ "section: full", true, 2048, 256, .together = 512, .refused = -ENOSPC, .error = -ENOSPC },
	{ "section: revoked", true, 2048, 256, .together = 512,
	  .refused = -ENODEV, .error = -ENODEV },
};

static const struct test *test;

struct ndshm_block {
	uint64_t start;
	uint64_t length;
};

static uint8_t *memory;
static uint64_t used;		/* bytes of the array that were allocated */
static int live;		/* number of blocks, and of buffers of a section */
static uint64_t observed;

/* Segments are neither adjacent nor in order. */
static uint64_t address_of(uint64_t at)
{
	const uint64_t page = at / PAGE, chunk = page / test->together;

	return 0x100000000 + (PAGES - chunk) * 2 * test->together * PAGE +
	       page % test->together * PAGE + at % PAGE;
}

uint32_t ndshm_last_reason(const struct ndshm *ndshm)
{
	(void)ndshm;
	return NDSHM_REASON_NONE;
}

int revoked_watch(const volatile void *start, size_t length)
{
	EXPECT((const volatile uint8_t *)start >= memory);
	observed += length;
	return 0;
}

int ndshm_get_info_sized(struct ndshm *ndshm, struct ndshm_info *info, size_t size)
{
	(void)ndshm;
	EXPECT(size == sizeof(*info));
	*info = (struct ndshm_info){ .max_batch = BATCH };
	return 0;
}

int ndshm_alloc_many(struct ndshm *ndshm, const struct ndshm_request *request,
		     struct ndshm_block **out, size_t count)
{
	(void)ndshm;
	EXPECT(count && count <= BATCH);
	EXPECT(request->flags == NDSHM_ALLOC_CONTIGUOUS);
	/* Fails after the first batch, so that blocks are left to be freed. */
	if (test->refused && live)
		return test->refused;
	for (size_t i = 0; i < count; i++) {
		out[i] = calloc(1, sizeof(**out));
		if (!out[i])
			abort();
		out[i]->start = used;
		out[i]->length = (request->length + PAGE - 1) / PAGE * PAGE;
		used += test->together * PAGE;
		EXPECT(out[i]->length <= test->together * PAGE && used <= PAGES * PAGE);
		live++;
	}
	return 0;
}

void ndshm_free(struct ndshm_block *block)
{
	free(block);
	live--;
}

int ndshm_map(struct ndshm_block *block, void **out)
{
	*out = memory + block->start;
	return 0;
}

uint64_t ndshm_block_length(const struct ndshm_block *block)
{
	return block->length;
}

int ndshm_block_address(const struct ndshm_block *block, uint64_t *address)
{
	*address = address_of(block->start);
	return test->hidden ? -EPERM : 0;
}

int ndshm_section_alloc_aligned(struct ndshm_section *section, size_t alignment, size_t size,
				void **out)
{
	(void)section;
	*out = NULL;
	/* Fails after the first buffer, so that one is left to be freed. */
	if (test->refused && live)
		return test->refused;
	EXPECT(!(alignment & (alignment - 1)));
	/* Every third buffer is not adjacent to the one before. */
	if (live % 3 == 0)
		used += FIRST * PAGE;
	used = (used + alignment - 1) & ~(alignment - 1);
	*out = memory + used;
	memset(*out, 0xff, size);
	used += size;
	EXPECT(used <= PAGES * PAGE);
	live++;
	return 0;
}

int ndshm_section_free(struct ndshm_section *section, void *pointer)
{
	(void)section;
	EXPECT(pointer);
	live--;
	return 0;
}

int ndshm_section_dma_address(struct ndshm_section *section, const void *pointer, size_t length,
			      uint64_t *address)
{
	const uint64_t at = (const uint8_t *)pointer - memory, last = at + length - 1;

	(void)section;
	if (test->hidden)
		return -EPERM;
	if (address_of(last) - address_of(at) != last - at)
		return -EXDEV;
	*address = address_of(at);
	return 0;
}

/* Checks that each byte has the right address, and belongs to one buffer only. */
static void look_at(const struct buffers *buffers)
{
	static uint8_t taken[PAGES * PAGE];

	memset(taken, 0, sizeof(taken));
	EXPECT(buffers->count == test->count);
	for (size_t i = 0; i < test->count && expect_ok; i++) {
		const uint64_t start = buffers_memory(buffers, i) - memory;

		for (uint64_t at = 0; at < test->size && expect_ok; at++) {
			EXPECT(start + at < used && !taken[start + at]++);
			EXPECT(!test->section || !memory[start + at]);
			EXPECT(buffers_address(buffers, i) + at == address_of(start + at));
		}
		EXPECT(buffers_address(buffers, i) % test->size == 0 || test->size > PAGE);
	}
	/* section_make() watches the section; buffers_make() watches the blocks. */
	EXPECT(observed >= (test->section ? 0 : test->count * test->size));
}

static const char *run(size_t number)
{
	static struct buffers buffers;
	struct card card = { 0 };
	int error;

	test = &tests[number];
	card.ndshm = (void *)&card;
	card.section = test->section ? (void *)&card : NULL;
	used = 0;
	observed = 0;
	error = buffers_make(&buffers, &card, NDSHM_USAGE_RECEIVE, test->size, test->count,
			     test->name);
	EXPECT(error == test->error);
	if (!error)
		look_at(&buffers);
	buffers_free(&buffers);
	/* A second free does nothing. */
	buffers_free(&buffers);
	EXPECT(live == 0);
	live = 0;
	return test->name;
}

int main(void)
{
	int code;

	memory = malloc(PAGES * PAGE);
	if (!memory)
		return EXIT_FAILURE;
	puts("TAP version 13");
	code = expect_all(sizeof(tests) / sizeof(tests[0]), run);
	free(memory);
	return code;
}
