// SPDX-License-Identifier: GPL-2.0
/* Extents of a section: allocation, growth, sync, and their DMA segments. */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include <linux/ndshm.h>

#include "../base/testing.h"
#include "../block/block.h"
#include "export.h"
#include "memory.h"

static u32 chunk_overlap(const struct ndshm_chunk *chunk, const struct ndshm_extent *extent)
{
	return min(ndshm_extent_end(&chunk->extent), ndshm_extent_end(extent)) -
	       max(chunk->extent.start, extent->start);
}

void ndshm_section_return_extent(struct ndshm_section *section, struct ndshm_extent *extent)
{
	struct ndshm_chunk *chunk;

	lockdep_assert_held(&section->lock);

	for (chunk = ndshm_chunk_at(section, extent->start);
	     chunk && chunk->extent.start < ndshm_extent_end(extent);
	     chunk = ndshm_chunk_next(chunk)) {
		chunk->allocated -= chunk_overlap(chunk, extent);
		if (ndshm_chunk_idle(section, chunk))
			section->idle += chunk->extent.count;
	}
	section->allocated -= extent->count;
	ndshm_extent_map_free(&section->map, extent, NDSHM_MAP_FREE);
}

/* The device may still access the chunks of @extent, whose holder has not freed it. */
static void section_keep_chunks(struct ndshm_section *section, const struct ndshm_extent *extent)
{
	struct ndshm_chunk *chunk;

	for (chunk = ndshm_chunk_at(section, extent->start);
	     chunk && chunk->extent.start < ndshm_extent_end(extent);
	     chunk = ndshm_chunk_next(chunk))
		chunk->left = true;
}

void ndshm_section_free_extent_locked(struct ndshm_section *section,
				      struct ndshm_extent *extent, bool freed)
{
	lockdep_assert_held(&section->lock);

	if (section->claim && !freed)
		section_keep_chunks(section, extent);
	section->extents--;
	if (!ndshm_section_keep_exported(section, extent))
		ndshm_section_return_extent(section, extent);
}

void ndshm_section_free_extent(struct ndshm_section *section, struct ndshm_extent *extent)
{
	spin_lock(&section->lock);
	ndshm_section_free_extent_locked(section, extent, true);
	spin_unlock(&section->lock);
	ndshm_section_free_idle(section, false, ndshm_section_idle_deadline());
}

/*
 * Find the next part of @extent, from page *@at on, that lies in one folio and that an earlier
 * extent may have written to. Return: its first page, with a reference on the folio, and *@count
 * pages; NULL for pages that are still zero. Advances *@at behind the part. Called with
 * @section->lock held.
 */
static struct page *section_used_page(struct ndshm_section *section,
				      const struct ndshm_extent *extent, u32 *at,
				      u32 *count)
{
	struct ndshm_chunk *chunk = ndshm_chunk_at(section, *at);
	const u32 end = min(ndshm_extent_end(&chunk->extent), ndshm_extent_end(extent));
	const u32 from = *at - chunk->extent.start, to = end - chunk->extent.start;
	struct page *page = NULL;
	struct folio *folio;

	*count = from < chunk->fresh ? min(to, chunk->fresh) - from : 0;
	if (*count)
		page = ndshm_block_page(chunk->block, from);
	if (!page) {
		*at = end;
		chunk->fresh = max(chunk->fresh, to);
		return NULL;
	}
	folio = page_folio(page);
	folio_get(folio);
	*count = min_t(u32, *count,
		       folio_nr_pages(folio) - folio_page_idx(folio, page));
	*at += *count;
	return page;
}

/*
 * Return: true if somebody besides the block, the caller and page tables has a reference to the
 * folio of @page, or a fault has locked it. No dma-buf of it exists, so users of dma-bufs can add
 * no pin. Other references are short.
 */
static bool section_page_pinned(struct page *page)
{
	struct folio *folio = page_folio(page);
	int references;
	bool pinned;

	/* With the lock held no fault maps the folio: a new mapping could hide a pin. */
	if (!folio_trylock(folio) &&
	    (!ndshm_folio_wait_faults(folio, jiffies + 1) || !folio_trylock(folio)))
		return true;
	references = folio_ref_count(folio);
	/* Mappings last: their end reduces this count before that of references. */
	smp_rmb();
	pinned = references > 2 + ndshm_folio_mapcount(folio);
	folio_unlock(folio);
	return pinned;
}

/*
 * Clear what earlier extents left in the pages. A page is cleared without @section->lock; the
 * reference keeps it if the section is revoked meanwhile. Return: also SECTION_FULL, if a page is
 * pinned by a user of a dma-buf.
 */
static ndshm_reason_t section_zero(struct ndshm_section *section,
				   const struct ndshm_extent *extent)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	u32 at = extent->start, count;
	struct page *page;

	while (at < ndshm_extent_end(extent)) {
		/* A killed caller never sees this result. */
		if (fatal_signal_pending(current))
			return NDSHM_REASON_MEMORY;
		page = NULL;
		spin_lock(&section->lock);
		reason = ndshm_section_state(section);
		if (reason == NDSHM_REASON_NONE)
			page = section_used_page(section, extent, &at, &count);
		spin_unlock(&section->lock);
		if (reason != NDSHM_REASON_NONE)
			return reason;
		if (page && READ_ONCE(section->was_exported) && section_page_pinned(page))
			reason = NDSHM_REASON_SECTION_FULL;
		else if (page)
			ndshm_pages_zero(page, count);
		if (page)
			put_page(page);
		if (reason != NDSHM_REASON_NONE)
			return reason;
		cond_resched();
	}
	return READ_ONCE(section->needs_sync) ?
	       ndshm_section_sync(section, NDSHM_SYNC_FOR_DEVICE,
				  (u64)extent->start << PAGE_SHIFT,
				  (u64)extent->count << PAGE_SHIFT) : reason;
}

#define NOT_GROWN	U32_MAX

/*
 * Allocate an extent from pages that have memory: those that ndshm_extent_map_find_free() finds,
 * or those from page @grown on if they are free. Return: SECTION_FULL if there is no place; the
 * caller may then call section_grow().
 */
static ndshm_reason_t section_alloc_from_map(struct ndshm_section *section, u32 count,
					     u32 alignment, u32 grown,
					     struct ndshm_prealloc *prealloc,
					     struct ndshm_extent **extent)
{
	ndshm_reason_t reason = ndshm_section_state(section);
	struct ndshm_chunk *chunk;
	u32 start;

	lockdep_assert_held(&section->lock);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (!ndshm_extent_map_find_free(&section->map, count, alignment, &start)) {
		if (grown == NOT_GROWN ||
		    !ndshm_extent_map_is_free(&section->map, grown, count))
			return NDSHM_REASON_SECTION_FULL;
		/* The search can miss it among thousands of misaligned runs, again and again. */
		start = grown;
	}
	*extent = ndshm_extent_map_alloc(&section->map, start, count, prealloc);
	for (chunk = ndshm_chunk_at(section, start);
	     chunk && chunk->extent.start < start + count;
	     chunk = ndshm_chunk_next(chunk)) {
		if (ndshm_chunk_idle(section, chunk))
			section->idle -= chunk->extent.count;
		chunk->allocated += chunk_overlap(chunk, *extent);
	}
	section->allocated += count;
	section->extents++;
	return reason;
}

/*
 * Allocate memory for the place at @start, then an extent. Memory is allocated without
 * @section->lock, so that callers do not wait for each other. If another caller has filled the
 * hole or used the place meanwhile, SECTION_FULL is returned; the caller must retry.
 */
static ndshm_reason_t section_grow(struct ndshm_section *section, u32 start,
				   u32 count, u32 alignment,
				   struct ndshm_prealloc *prealloc,
				   struct ndshm_extent **extent)
{
	const u32 pages = section->object.length >> PAGE_SHIFT;
	const u32 end = min_t(u64, pages, round_up((u64)start + count,
						   NDSHM_SLOT_PAGES));
	ndshm_reason_t reason;
	LIST_HEAD(chunks);

	atomic_inc(&section->growing);
	reason = ndshm_chunks_alloc(section, round_down(start, NDSHM_SLOT_PAGES),
				    end, &chunks);
	spin_lock(&section->lock);
	if (reason == NDSHM_REASON_NONE)
		reason = ndshm_section_state(section);
	if (reason == NDSHM_REASON_NONE) {
		ndshm_chunks_add(section, &chunks);
		reason = section_alloc_from_map(section, count, alignment, start, prealloc,
						extent);
	}
	spin_unlock(&section->lock);
	ndshm_chunks_free(section, &chunks);
	if (atomic_dec_and_test(&section->growing))
		wake_up_all(&ndshm_section_wait);
	return reason;
}

/* Return: true if no caller allocates or frees memory of the section. */
static bool section_at_rest(const struct ndshm_section *section)
{
	return !atomic_read(&section->growing) && !atomic_read(&section->freeing);
}

/*
 * Wait for memory before an extent is refused. At MEMLOCK ndshm_charge() has already freed idle
 * memory; then wait for callers that allocate or free: they may add what this caller needs, or free
 * what they could not add. @busy: there were some when the caller was refused; they may have ended
 * before the wait begins. Return: true to retry.
 */
static bool section_wait_for_memory(struct ndshm_section *section, ndshm_reason_t reason,
				    bool busy)
{
	ndshm_test_delay(NDSHM_TEST_REFUSED);
	if (reason != NDSHM_REASON_MEMLOCK &&
	    ndshm_sections_free_idle(section->account->cred->user))
		return true;
	return (busy || reason == NDSHM_REASON_MEMLOCK) &&
	       wait_event_killable_timeout(ndshm_section_wait, section_at_rest(section),
					   NDSHM_SECTION_WAIT) >= 0;
}

/* Limit of waits for one extent. A peer can prolong each to NDSHM_SECTION_WAIT. */
#define MOST_WAITS	2

/* Allocate an extent, whose pages may have been used before. @waits: those that are left. */
static ndshm_reason_t section_take_extent(struct ndshm_section *section, u32 count,
					  u32 alignment, unsigned int *waits,
					  struct ndshm_extent **extent)
{
	struct ndshm_prealloc prealloc;
	ndshm_reason_t reason;
	bool room, busy;
	u32 start;

	if (ndshm_prealloc_fill(&prealloc, NDSHM_GFP_CHARGED))
		return NDSHM_REASON_MEMORY;
	do {
		spin_lock(&section->lock);
		reason = section_alloc_from_map(section, count, alignment, NOT_GROWN, &prealloc,
						extent);
		room = reason == NDSHM_REASON_SECTION_FULL &&
		       ndshm_extent_map_find_room(&section->map, count,
						  alignment, &start);
		busy = !section_at_rest(section);
		spin_unlock(&section->lock);
		if (room)
			reason = section_grow(section, start, count, alignment,
					      &prealloc, extent);
		if (reason == NDSHM_REASON_NONE || fatal_signal_pending(current))
			break;
		cond_resched();
	} while ((room && reason == NDSHM_REASON_SECTION_FULL) ||
		 (*waits && (*waits)-- &&
		  section_wait_for_memory(section, reason, busy)));
	ndshm_prealloc_free(&prealloc);
	/* section_grow() may have added memory that no extent uses. */
	if (reason != NDSHM_REASON_NONE)
		ndshm_section_free_idle(section, false, ndshm_section_idle_deadline());
	return reason;
}

ndshm_reason_t ndshm_section_alloc_extent(struct ndshm_section *section, u32 count,
					  u32 alignment, struct ndshm_extent **extent)
{
	/* Others return what this caller keeps: do not look for ever. */
	u32 looks = section->object.length >> PAGE_SHIFT;
	bool again = READ_ONCE(section->was_exported);
	unsigned int waits = MOST_WAITS;
	ndshm_reason_t reason;

	for (;;) {
		reason = section_take_extent(section, count, alignment, &waits, extent);
		if (reason == NDSHM_REASON_NONE) {
			reason = section_zero(section, *extent);
			if (reason == NDSHM_REASON_NONE)
				return reason;
			if (reason != NDSHM_REASON_SECTION_FULL || !looks--) {
				ndshm_section_free_extent(section, *extent);
				return reason;
			}
			/* Look for another place. */
			ndshm_section_keep_pinned(section, *extent);
			continue;
		}
		/*
		 * What was pinned may not be any more. Also if the section is not full: the limit
		 * of its account refuses new memory then.
		 */
		if (!ndshm_section_return_pinned(section) || !again ||
		    fatal_signal_pending(current))
			return reason;
		again = false;
	}
}

/* Write the segments of bytes @from to @to, at most @capacity. Return: their number. */
static u32 block_segments(const struct ndshm_block *block, u64 from, u64 to,
			  struct ndshm_segment *segments, u32 capacity)
{
	const struct ndshm_segment *each;
	u64 at = 0, first, last;
	u32 i, count = 0;

	for (i = 0; i < block->segment_count && at < to; i++) {
		each = ndshm_block_segment(block, i);
		first = max(at, from);
		last = min(at + each->length, to);
		if (first < last) {
			if (count < capacity)
				segments[count] = (struct ndshm_segment){
					.address = each->address + (first - at),
					.length = last - first,
				};
			count++;
		}
		at += each->length;
	}
	return count;
}

u32 ndshm_section_segments(struct ndshm_section *section,
			   const struct ndshm_extent *extent, u32 *at,
			   struct ndshm_segment *segments, u32 capacity)
{
	struct ndshm_chunk *chunk = ndshm_chunk_at(section, *at);
	const u32 from = *at - chunk->extent.start;
	const u32 to = min(ndshm_extent_end(&chunk->extent), ndshm_extent_end(extent)) -
		       chunk->extent.start;

	*at = chunk->extent.start + to;
	return block_segments(chunk->block, (u64)from << PAGE_SHIFT,
			      (u64)to << PAGE_SHIFT, segments, capacity);
}
