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

/* Return true if the offset is inside a block of the pool. Searches back for its start. */
static bool is_in_block(const struct ndshm_heap *heap, uint64_t offset)
{
	uint64_t granule = offset >> GRANULE_SHIFT;
	uint64_t end = granule > RUN_BYTES >> GRANULE_SHIFT ?
		       granule - (RUN_BYTES >> GRANULE_SHIFT) : 0;

	for (;; granule--) {
		unsigned int state = atomic_load_explicit(&heap->state[granule],
							  memory_order_relaxed);

		if (state)
			return offset - (granule << GRANULE_SHIFT) <
			       size_of(heap, state, granule);
		if (granule == end)
			return false;
	}
}

static enum ndshm_heap_error classify(const struct ndshm_heap *heap, uint64_t offset)
{
	uint64_t page;

	if (offset >= heap->max_size)
		return NDSHM_HEAP_FOREIGN;
	page = ndshm__extent_find(heap, offset >> PAGE_SHIFT);
	if (page == NOWHERE)
		return NDSHM_HEAP_FOREIGN;
	if (ndshm__extent_owner(heap, page) == EXTENT_BLOCK)
		return offset == page << PAGE_SHIFT ? NDSHM_HEAP_NOT_LIVE : NDSHM_HEAP_INTERIOR;
	return is_in_block(heap, offset) ? NDSHM_HEAP_INTERIOR : NDSHM_HEAP_NOT_LIVE;
}

int ndshm__heap_error(struct ndshm_heap *heap, const void *pointer)
{
	enum ndshm_heap_error error;

	if (heap->hook) {
		ndshm__heap_lock(heap);
		error = classify(heap, (const char *)pointer - heap->base);
		ndshm__heap_unlock(heap);
		heap->hook(heap->hook_context, error, (void *)pointer);
	}
	return -EINVAL;
}
