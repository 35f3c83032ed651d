// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Blocks with an extent each: large ones, and blocks of any size if the source has no
 * extents left that are large enough to divide. The source is called without the lock,
 * because zeroing a large extent takes long.
 */
#include <errno.h>

#include "heap_internal.h"

static uint64_t page_of(uint64_t granule)
{
	return granule >> (PAGE_SHIFT - GRANULE_SHIFT);
}

static int add(struct ndshm_heap *heap, uint64_t offset, uint64_t length)
{
	int error = ndshm__extent_add(heap, offset, length, EXTENT_BLOCK);

	if (error)
		return error;
	heap->core->other_blocks++;
	heap->core->other_bytes += length;
	return 0;
}

uint64_t ndshm__large_alloc(struct ndshm_heap *heap, uint64_t alignment, uint64_t size,
			    int *error)
{
	uint64_t length = ndshm__round_up(size, PAGE_BYTES), offset, granule;
	int ret;

	if (size > heap->max_size) {
		*error = -ENOMEM;
		return NOWHERE;
	}
	ret = ndshm__heap_enter(heap);
	if (!ret) {
		ndshm__heap_unlock(heap);
		ret = ndshm__extent_alloc(heap, length,
					  alignment > PAGE_BYTES ? alignment : PAGE_BYTES, &offset);
	}
	if (!ret) {
		ndshm__heap_lock(heap);
		ret = add(heap, offset, length);
		ndshm__heap_unlock(heap);
	}
	if (ret) {
		*error = ret;
		return NOWHERE;
	}
	granule = offset >> GRANULE_SHIFT;
	atomic_store_explicit(&heap->state[granule], STATE_EXTENT, memory_order_relaxed);
	return granule;
}

int ndshm__large_free(struct ndshm_heap *heap, uint64_t granule)
{
	uint64_t page = page_of(granule), length;
	int error;

	/*
	 * Remove it first: once the source has freed it, another thread may get the same
	 * extent.
	 */
	ndshm__heap_lock(heap);
	length = ndshm__extent_bytes(heap, page);
	ndshm__extent_remove(heap, page);
	heap->core->other_blocks--;
	heap->core->other_bytes -= length;
	ndshm__heap_unlock(heap);
	error = ndshm__extent_free(heap, page);
	if (!error)
		return 0;

	ndshm__heap_lock(heap);
	add(heap, page << PAGE_SHIFT, length);
	ndshm__heap_unlock(heap);
	atomic_store_explicit(&heap->state[granule], STATE_EXTENT, memory_order_relaxed);
	return error;
}

uint64_t ndshm__large_size(const struct ndshm_heap *heap, uint64_t granule)
{
	return ndshm__extent_bytes(heap, page_of(granule));
}
