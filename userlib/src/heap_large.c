// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Blocks with an extent each: large ones, and blocks of any size if the source has no
 * extents left that are large enough to divide. The source is called without the lock,
 * because zeroing a large extent takes long.
 *
 * Some extents of freed blocks are kept, as two system calls and zeroing cost much more
 * than the lock: up to KEPT_PART of the section, which other holders cannot use meanwhile.
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

/* Part of the section, and maximum of bytes, that is kept. */
#define KEPT_PART	128
#define KEPT_BYTES	(32ul << 20)
/* A kept extent may be larger than the block by this part. */
#define KEPT_WASTE	8

static void kept_remove(struct heap_kept *kept, unsigned int index, uint64_t bytes)
{
	kept->bytes -= bytes;
	kept->count--;
	for (; index < kept->count; index++)
		kept->pages[index] = kept->pages[index + 1];
}

/* Return the shortest suitable extent, which is then not kept any more, or NOWHERE. */
static uint64_t kept_take(struct ndshm_heap *heap, uint64_t alignment, uint64_t length)
{
	struct heap_kept *kept = &heap->core->kept;
	uint64_t least = length + length / KEPT_WASTE + 1, page;
	unsigned int found = KEPT_MOST;

	for (unsigned int i = 0; i < kept->count; i++) {
		uint64_t bytes = ndshm__extent_bytes(heap, kept->pages[i]);

		if (bytes < length || bytes >= least ||
		    (kept->pages[i] << PAGE_SHIFT) % alignment)
			continue;
		least = bytes;
		found = i;
	}
	if (found == KEPT_MOST)
		return NOWHERE;
	page = kept->pages[found];
	kept_remove(kept, found, least);
	ndshm__extent_set_owner(heap, page, EXTENT_REUSED);
	heap->core->other_blocks++;
	heap->core->other_bytes += least;
	return page << PAGE_SHIFT;
}

/*
 * Free the oldest kept extent. Returns false, and keeps it, if there is none or the source fails.
 * Called with the lock held, which is released meanwhile.
 */
static bool kept_free(struct ndshm_heap *heap)
{
	struct heap_kept *kept = &heap->core->kept;
	uint64_t page = kept->pages[0], bytes;
	int error;

	if (!kept->count)
		return false;
	bytes = ndshm__extent_bytes(heap, page);
	kept_remove(kept, 0, bytes);
	/* Its place is for the case that the source fails. */
	kept->freeing++;
	error = ndshm__extent_free(heap, page);
	kept->freeing--;
	/* Fails if the source has given the range to another thread all the same. */
	if (!error || ndshm__extent_add(heap, page << PAGE_SHIFT, bytes, EXTENT_REUSED))
		return !error;
	kept->pages[kept->count++] = page;
	kept->bytes += bytes;
	return false;
}

/*
 * Keep the extent of a freed block, instead of older ones. Called with the lock held, which may be
 * released meanwhile.
 */
static bool kept_add(struct ndshm_heap *heap, uint64_t page, uint64_t bytes)
{
	struct heap_kept *kept = &heap->core->kept;
	uint64_t most = heap->max_size / KEPT_PART;

	if (most > KEPT_BYTES)
		most = KEPT_BYTES;
	if (bytes > most)
		return false;
	while (kept->count + kept->freeing == KEPT_MOST || kept->bytes + bytes > most)
		if (!kept_free(heap))
			return false;
	kept->pages[kept->count++] = page;
	kept->bytes += bytes;
	return true;
}

void ndshm__large_trim(struct ndshm_heap *heap)
{
	/* Other threads may keep more meanwhile. */
	for (unsigned int count = heap->core->kept.count; count; count--)
		kept_free(heap);
}

uint64_t ndshm__large_alloc(struct ndshm_heap *heap, uint64_t alignment, uint64_t size,
			    int *error)
{
	uint64_t length = ndshm__round_up(size, heap->page_bytes), offset = NOWHERE, granule;
	bool contended;
	int ret;

	if (alignment < heap->page_bytes)
		alignment = heap->page_bytes;
	if (size > heap->max_size) {
		*error = -ENOMEM;
		return NOWHERE;
	}
	ret = ndshm__heap_enter(heap, &contended);
	if (!ret) {
		offset = kept_take(heap, alignment, length);
		ndshm__heap_unlock(heap);
	}
	if (!ret && offset == NOWHERE) {
		ret = ndshm__extent_alloc(heap, length, alignment, &offset);
		if (!ret) {
			ndshm__heap_lock(heap);
			ret = ndshm__extent_added(heap, offset, add(heap, offset, length));
			ndshm__heap_unlock(heap);
		}
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
	unsigned int owner;
	int error = 0;

	ndshm__heap_lock(heap);
	length = ndshm__extent_bytes(heap, page);
	owner = ndshm__extent_owner(heap, page);
	heap->core->other_blocks--;
	heap->core->other_bytes -= length;
	if (!kept_add(heap, page, length))
		error = ndshm__extent_free(heap, page);
	/* As in kept_free(). */
	if (error && !add(heap, page << PAGE_SHIFT, length)) {
		ndshm__extent_set_owner(heap, page, owner);
		atomic_store_explicit(&heap->state[granule], STATE_EXTENT, memory_order_relaxed);
	}
	ndshm__heap_unlock(heap);
	return error;
}

bool ndshm__large_is_zero(const struct ndshm_heap *heap, uint64_t granule)
{
	return ndshm__extent_owner(heap, page_of(granule)) == EXTENT_BLOCK;
}

uint64_t ndshm__large_size(const struct ndshm_heap *heap, uint64_t granule)
{
	return ndshm__extent_bytes(heap, page_of(granule));
}
