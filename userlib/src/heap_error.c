// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Classification of invalid pointers. Other threads run meanwhile, so that the class can
 * be outdated; the call was refused in any case.
 */
#include <errno.h>

#include "heap_internal.h"

static uint64_t size_of(const struct ndshm_heap *heap, unsigned int state, uint64_t granule)
{
	if (state == STATE_RUN)
		return ndshm__run_size(heap, granule);
	if (state == STATE_EXTENT)
		return ndshm__large_size(heap, granule);
	return heap->classes[state].size;
}

static unsigned int state_of(const struct ndshm_heap *heap, uint64_t granule)
{
	return atomic_load_explicit(&heap->state[granule], memory_order_relaxed) & ~STATE_LENT;
}

/* Return true if the offset is inside a block of the pool. Searches back for its start. */
static bool is_in_block(const struct ndshm_heap *heap, uint64_t offset)
{
	uint64_t granule = offset >> GRANULE_SHIFT;
	uint64_t end = granule > RUN_BYTES >> GRANULE_SHIFT ?
		       granule - (RUN_BYTES >> GRANULE_SHIFT) : 0;

	for (;; granule--) {
		unsigned int state = state_of(heap, granule);

		if (state)
			return offset - (granule << GRANULE_SHIFT) <
			       size_of(heap, state, granule);
		if (granule == end)
			return false;
	}
}

/* Return true if the extent is a live block, and not kept. */
static bool is_large(const struct ndshm_heap *heap, uint64_t page)
{
	return state_of(heap, page << (PAGE_SHIFT - GRANULE_SHIFT)) == STATE_EXTENT;
}

static uint32_t classify(const struct ndshm_heap *heap, uint64_t offset)
{
	uint64_t page;
	bool interior;

	if (offset >= heap->max_size)
		return NDSHM_REASON_POINTER_FOREIGN;
	page = ndshm__extent_find(heap, offset >> PAGE_SHIFT);
	if (page == NOWHERE)
		return NDSHM_REASON_POINTER_FOREIGN;
	if (ndshm__extent_owner(heap, page) != EXTENT_POOL)
		interior = is_large(heap, page) && offset != page << PAGE_SHIFT;
	else
		interior = is_in_block(heap, offset);
	return interior ? NDSHM_REASON_POINTER_INTERIOR : NDSHM_REASON_POINTER_FREED;
}

uint32_t ndshm__heap_classify(struct ndshm_heap *heap, const void *pointer)
{
	uint32_t reason;

	ndshm__heap_lock(heap);
	reason = classify(heap, (const char *)pointer - heap->base);
	ndshm__heap_unlock(heap);
	return reason;
}
