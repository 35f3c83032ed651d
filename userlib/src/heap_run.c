// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Blocks of whole pages from the pool: larger than the caches' classes or with a greater
 * alignment, but too small for an extent of their own.
 */
#include "heap_internal.h"

static uint32_t *pages_of(const struct ndshm_heap *heap, uint64_t granule)
{
	return &heap->run_pages[granule >> (PAGE_SHIFT - GRANULE_SHIFT)];
}

uint64_t ndshm__run_alloc(struct ndshm_heap *heap, uint64_t alignment, uint64_t size, int *error)
{
	uint64_t length = ndshm__round_up(size, PAGE_BYTES), offset, granule;
	bool contended;
	int ret = ndshm__heap_enter(heap, &contended);

	if (ret) {
		*error = ret;
		return NOWHERE;
	}
	if (alignment < PAGE_BYTES)
		alignment = PAGE_BYTES;
	do {
		offset = ndshm__pool_alloc(heap, length >> UNIT_SHIFT, alignment >> UNIT_SHIFT,
					   NULL, error);
		if (offset == NOWHERE)
			*error = ndshm__pool_grow(heap);
	} while (offset == NOWHERE && !*error);
	granule = offset >> GRANULE_SHIFT;
	if (offset != NOWHERE) {
		*pages_of(heap, granule) = length >> PAGE_SHIFT;
		heap->core->other_blocks++;
		heap->core->other_bytes += length;
	}
	ndshm__heap_unlock(heap);
	if (offset == NOWHERE)
		return NOWHERE;
	atomic_store_explicit(&heap->state[granule], STATE_RUN, memory_order_relaxed);
	return granule;
}

void ndshm__run_free(struct ndshm_heap *heap, uint64_t granule)
{
	uint32_t pages;

	ndshm__heap_lock(heap);
	pages = *pages_of(heap, granule);
	*pages_of(heap, granule) = 0;
	heap->core->other_blocks--;
	heap->core->other_bytes -= (uint64_t)pages << PAGE_SHIFT;
	ndshm__pool_free(heap, granule << GRANULE_SHIFT,
			 pages << (PAGE_SHIFT - UNIT_SHIFT));
	ndshm__pool_unlock(heap);
}

uint64_t ndshm__run_size(const struct ndshm_heap *heap, uint64_t granule)
{
	return (uint64_t)*pages_of(heap, granule) << PAGE_SHIFT;
}
