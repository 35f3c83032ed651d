// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Layout of the heap's tables. Each table has an entry for every position in the section,
 * so that an address is looked up in one step and without a lock; unused parts take
 * address space only. All tables are in one mapping.
 */
#include <errno.h>

#include "heap_internal.h"

/*
 * Return the address of the next table, page-aligned. Without @memory only *@at is
 * computed.
 */
static void *place(const struct ndshm_heap *heap, size_t *at, size_t bytes)
{
	void *table = heap->memory ? heap->memory + *at : NULL;

	*at += ndshm__round_up(bytes, PAGE_BYTES);
	return table;
}

static void place_pool(struct ndshm_heap *heap, size_t *at, struct heap_pool *pool)
{
	uint64_t slots = (heap->max_size + SLOT_BYTES - 1) >> SLOT_SHIFT;

	pool->leaves = 1;
	while (pool->leaves < slots)
		pool->leaves *= 2;
	pool->slots = place(heap, at, slots * sizeof(*pool->slots));
	pool->longest = place(heap, at, 2 * pool->leaves * sizeof(*pool->longest));
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

static size_t place_all(struct ndshm_heap *heap)
{
	uint64_t pages = heap->max_size >> PAGE_SHIFT;
	size_t at = 0;

	heap->core = place(heap, &at, sizeof(*heap->core));
	heap->state = place(heap, &at, heap->granules);
	heap->extent_words = place(heap, &at, pages * sizeof(*heap->extent_words));
	heap->run_pages = place(heap, &at, pages * sizeof(*heap->run_pages));
	ndshm__bits_set_up(&heap->starts, pages,
			   place(heap, &at, ndshm__bits_set_up(&heap->starts, pages, NULL)));
	ndshm__bits_set_up(&heap->empty, pages,
			   place(heap, &at, ndshm__bits_set_up(&heap->empty, pages, NULL)));
	place_partial(heap, place(heap, &at, place_partial(heap, NULL)));
	place_pool(heap, &at, &heap->pool);
	for (unsigned int i = 0; i < SPAN_KINDS; i++) {
		struct heap_spans *spans = &heap->spans[i];

		spans->spans = place(heap, &at,
				     (heap->max_size >> spans->shift) * spans->span_bytes);
	}
	return at;
}

int ndshm__table_map(struct ndshm_heap *heap)
{
	heap->memory_bytes = place_all(heap);
	heap->memory = ndshm__memory_map(heap->memory_bytes);
	if (!heap->memory)
		return -ENOMEM;
	place_all(heap);
	return 0;
}
