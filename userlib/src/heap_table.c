// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Layout of the heap's tables, which are in one mapping. Most have an entry for every
 * position in the section, so that an address is looked up in one step and without a lock.
 * They can be accessed only up to the end of the highest extent so far: the rest takes
 * address space, but is neither committed nor locked (overcommit_memory, mlockall()).
 */
#include <errno.h>

#include "heap_internal.h"

/*
 * Return the address of the next table, aligned to the system's pages, as access is enabled by
 * these. Without @memory only *@at is computed.
 */
static void *place(const struct ndshm_heap *heap, size_t *at, size_t bytes)
{
	void *table = heap->memory ? heap->memory + *at : NULL;

	*at += ndshm__round_up(bytes, heap->page_bytes);
	return table;
}

static uint64_t slots_of(const struct ndshm_heap *heap)
{
	return (heap->max_size + SLOT_BYTES - 1) >> SLOT_SHIFT;
}

static size_t place_partial(struct ndshm_heap *heap, char *memory)
{
	size_t bytes = 0;

	/* These sets are short and numerous: they share pages. */
	for (unsigned int i = 1; i <= CLASSES; i++) {
		unsigned int kind = heap->classes[i].kind;

		if (kind != SPAN_NONE)
			bytes += ndshm__bits_set_up(&heap->partial[i],
						    heap->max_size >> heap->spans[kind].shift,
						    memory ? memory + bytes : NULL);
	}
	return bytes;
}

/* Parts that can always be accessed: a search can reach every position. */
static void place_searched(struct ndshm_heap *heap, size_t *at)
{
	uint64_t pages = heap->max_size >> PAGE_SHIFT;
	struct heap_pool *pool = &heap->pool;

	heap->core = place(heap, at, sizeof(*heap->core));
	ndshm__bits_set_up(&heap->starts, pages,
			   place(heap, at, ndshm__bits_set_up(&heap->starts, pages, NULL)));
	ndshm__bits_set_up(&heap->empty, pages,
			   place(heap, at, ndshm__bits_set_up(&heap->empty, pages, NULL)));
	place_partial(heap, place(heap, at, place_partial(heap, NULL)));
	pool->leaves = 1;
	while (pool->leaves < slots_of(heap) * SLOT_WORDS)
		pool->leaves *= 2;
	pool->longest = place(heap, at, 2 * pool->leaves * sizeof(*pool->longest));
}

static void *place_table(struct ndshm_heap *heap, size_t *at, unsigned int number, size_t entry)
{
	struct heap_table *table = &heap->tables[number];

	table->entry = entry;
	table->start = place(heap, at, slots_of(heap) * entry);
	return table->start;
}

static void place_tables(struct ndshm_heap *heap, size_t *at)
{
	unsigned int number = 0;

	heap->state = place_table(heap, at, number++, SLOT_BYTES >> GRANULE_SHIFT);
	heap->extent_words = place_table(heap, at, number++, (SLOT_BYTES >> PAGE_SHIFT) *
							     sizeof(*heap->extent_words));
	heap->run_pages = place_table(heap, at, number++, (SLOT_BYTES >> PAGE_SHIFT) *
							  sizeof(*heap->run_pages));
	heap->pool.free = place_table(heap, at, number++, SLOT_WORDS * sizeof(*heap->pool.free));
	for (unsigned int i = 0; i < SPAN_KINDS; i++) {
		struct heap_spans *spans = &heap->spans[i];

		spans->spans = place_table(heap, at, number++,
					   (SLOT_BYTES >> spans->shift) * spans->span_bytes);
	}
}

/* Returns the size of the parts that can always be accessed. */
static size_t place_all(struct ndshm_heap *heap)
{
	size_t searched = 0;

	place_searched(heap, &searched);
	heap->memory_bytes = searched;
	place_tables(heap, &heap->memory_bytes);
	return searched;
}

int ndshm__table_map(struct ndshm_heap *heap)
{
	size_t searched = place_all(heap);

	heap->memory = ndshm__memory_reserve(heap->memory_bytes);
	if (!heap->memory)
		return -ENOMEM;
	if (ndshm__memory_enable(heap->memory, searched)) {
		ndshm__memory_unmap(heap->memory, heap->memory_bytes);
		return -ENOMEM;
	}
	place_all(heap);
	return 0;
}

static int enable(struct ndshm_heap *heap, uint64_t slots)
{
	for (unsigned int i = 0; i < TABLES; i++) {
		const struct heap_table *table = &heap->tables[i];

		if (ndshm__memory_enable(table->start, ndshm__round_up(slots * table->entry,
								       heap->page_bytes)))
			return -ENOMEM;
	}
	atomic_store_explicit(&heap->granules, slots << (SLOT_SHIFT - GRANULE_SHIFT),
			      memory_order_relaxed);
	return 0;
}

int ndshm__table_reach(struct ndshm_heap *heap, uint64_t bytes)
{
	uint64_t now = ndshm__table_granules(heap) >> (SLOT_SHIFT - GRANULE_SHIFT);
	uint64_t slots = (bytes + SLOT_BYTES - 1) >> SLOT_SHIFT;
	uint64_t twice = 2 * now < slots_of(heap) ? 2 * now : slots_of(heap);

	if (slots <= now)
		return 0;
	/* In steps of two, so that system calls are few; if that is too much, what is needed. */
	if (twice > slots && !enable(heap, twice))
		return 0;
	return enable(heap, slots);
}
