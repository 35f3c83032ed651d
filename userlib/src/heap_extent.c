// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Extents allocated from the source.
 */
#include <errno.h>

#include "heap_internal.h"

/* Entry of an extent: number of pages, and its owner in the lowest bits. */
#define WORD_PAGES(word)	((uint64_t)(word) >> OWNER_BITS)
#define WORD_OWNER(word)	((word) & ((1u << OWNER_BITS) - 1))
#define OWNER_BITS		2
#define PAGES_MAX		(UINT32_MAX >> OWNER_BITS)

int ndshm__extent_alloc(struct ndshm_heap *heap, uint64_t length, uint64_t alignment,
			uint64_t *offset)
{
	int error;

	if (length > heap->max_size || length >> PAGE_SHIFT > PAGES_MAX)
		return -ENOMEM;
	error = heap->source->alloc(heap->source_context, length, alignment, offset);
	if (error)
		return error;
	if (heap->source->holders)
		heap->core->holders = heap->source->holders(heap->source_context);
	/* A bad reply of the source must not index beyond the tables. */
	if (*offset % alignment || *offset > heap->max_size - length)
		return -EIO;
	return 0;
}

/*
 * As ndshm__extent_free() for a range that is no extent of the heap. Of @pages that belonged to the
 * pool, all states are 0: their memory is freed, too, if that is whole pages.
 */
static int give_back(struct ndshm_heap *heap, uint64_t page, uint64_t pages)
{
	const uint64_t offset = page << PAGE_SHIFT, states = pages << (PAGE_SHIFT - GRANULE_SHIFT);
	struct heap_core *core = heap->core;
	const unsigned int phase = core->phase;
	int error;

	core->returning[phase]++;
	ndshm__heap_unlock(heap);
	if (states >= heap->page_bytes)
		ndshm__memory_clear(&heap->state[offset >> GRANULE_SHIFT], states);
	error = heap->source->free(heap->source_context, offset);
	ndshm__heap_lock(heap);
	core->returning[phase]--;
	pthread_cond_broadcast(&core->arrived);
	return error;
}

int ndshm__extent_free(struct ndshm_heap *heap, uint64_t page)
{
	const uint32_t word = heap->extent_words[page];

	/* First: once the source has freed it, another thread may get the same extent. */
	heap->core->extents--;
	heap->core->held_bytes -= WORD_PAGES(word) << PAGE_SHIFT;
	ndshm__bits_remove(&heap->starts, page);
	heap->extent_words[page] = 0;
	return give_back(heap, page, WORD_OWNER(word) == EXTENT_POOL ? WORD_PAGES(word) : 0);
}

void ndshm__extent_wait(struct ndshm_heap *heap)
{
	struct heap_core *core = heap->core;
	const unsigned int phase = core->phase;
	int state;

	/* Those that leave from now on are not waited for. */
	core->phase = !phase;
	/* A thread must not end while it waits with a lock. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	while (core->returning[phase])
		pthread_cond_wait(&core->arrived, &core->lock);
	pthread_setcancelstate(state, NULL);
}

int ndshm__extent_add(struct ndshm_heap *heap, uint64_t offset, uint64_t length,
		      unsigned int owner)
{
	uint64_t page = offset >> PAGE_SHIFT, pages = length >> PAGE_SHIFT;
	uint64_t before = ndshm__bits_below(&heap->starts, page + pages);
	/* Of a large block only the first page has entries. */
	int error = ndshm__table_reach(heap, offset + (owner == EXTENT_POOL ? length : PAGE_BYTES));

	if (error)
		return error;
	/* Detect a source that allocates a range twice: two blocks would share it. */
	if (before != NOWHERE && before + WORD_PAGES(heap->extent_words[before]) > page)
		return -EIO;
	heap->extent_words[page] = pages << OWNER_BITS | owner;
	ndshm__bits_add(&heap->starts, page);
	heap->core->extents++;
	heap->core->held_bytes += length;
	return 0;
}

int ndshm__extent_added(struct ndshm_heap *heap, uint64_t offset, int error)
{
	if (error == -ENOMEM)
		give_back(heap, offset >> PAGE_SHIFT, 0);
	return error;
}

uint64_t ndshm__extent_find(const struct ndshm_heap *heap, uint64_t page)
{
	uint64_t start = ndshm__bits_below(&heap->starts, page + 1);

	if (start != NOWHERE && page - start >= WORD_PAGES(heap->extent_words[start]))
		return NOWHERE;
	return start;
}

bool ndshm__heap_extent(struct ndshm_heap *heap, uint64_t offset, uint64_t *start,
			uint64_t *length)
{
	uint64_t page;

	ndshm__heap_lock(heap);
	page = ndshm__extent_find(heap, offset >> PAGE_SHIFT);
	if (page != NOWHERE) {
		*start = page << PAGE_SHIFT;
		*length = ndshm__extent_bytes(heap, page);
	}
	ndshm__heap_unlock(heap);
	return page != NOWHERE;
}

uint64_t ndshm__extent_bytes(const struct ndshm_heap *heap, uint64_t page)
{
	return WORD_PAGES(heap->extent_words[page]) << PAGE_SHIFT;
}

void ndshm__extent_set_owner(struct ndshm_heap *heap, uint64_t page, unsigned int owner)
{
	heap->extent_words[page] = WORD_PAGES(heap->extent_words[page]) << OWNER_BITS | owner;
}

unsigned int ndshm__extent_owner(const struct ndshm_heap *heap, uint64_t page)
{
	return WORD_OWNER(heap->extent_words[page]);
}
