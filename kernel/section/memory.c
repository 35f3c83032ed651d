// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of a section: chunks are allocated on demand, mapped through the section's one file, and
 * freed when no extent uses them.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "../account/charge.h"
#include "../adapter/adapter.h"
#include "../base/testing.h"
#include "../block/block.h"
#include "../registration/provider.h"
#include "memory.h"

/*
 * Idle pages that stay while a section has holders: IDLE_PAGES, and one for each TAKEN_FOR_IDLE
 * pages of extents. Few, since allocators that use extents keep free memory as well.
 */
#define IDLE_PAGES	NDSHM_SLOT_PAGES
#define TAKEN_FOR_IDLE	128

/* Pages to unmap and free in one step: each step walks all VMAs of the section. */
#define STEP_PAGES	(16 * NDSHM_SLOT_PAGES)

struct page *ndshm_section_page(struct ndshm_object *object, pgoff_t index)
{
	struct ndshm_section *section = ndshm_section_of(object);
	struct ndshm_chunk *chunk = ndshm_chunk_at(section, index);

	lockdep_assert_held(&section->lock);

	if (!chunk || index < chunk->extent.start || chunk->revoking ||
	    READ_ONCE(object->revoked))
		return NULL;
	return ndshm_block_page(chunk->block, index - chunk->extent.start);
}

/*
 * Find the first page from *@at on and below @end, take a reference on its folio and advance *@at
 * behind the folio. Return: NULL if there is none, or if the section is revoked, since its memory
 * may then be freed at any time. Only ndshm_section_wait_faults() may set @revoking to search
 * until a revocation has unmapped the section: who frees memory has had the lock after that.
 */
static struct page *section_next_page(struct ndshm_section *section, u32 *at,
				      u32 end, bool revoking)
{
	const bool *gone = revoking ? &section->object.unmapped : &section->object.revoked;
	struct ndshm_chunk *chunk;
	struct page *page = NULL;
	struct folio *folio;

	spin_lock(&section->lock);
	while (!page && !READ_ONCE(*gone)) {
		chunk = ndshm_chunk_at(section, *at);
		if (!chunk || max(*at, chunk->extent.start) >= end)
			break;
		*at = max(*at, chunk->extent.start);
		page = ndshm_block_page(chunk->block, *at - chunk->extent.start);
		if (page) {
			folio = page_folio(page);
			folio_get(folio);
			*at += folio_nr_pages(folio) - folio_page_idx(folio, page);
		} else {
			++*at;
		}
	}
	spin_unlock(&section->lock);
	return page;
}

/*
 * See each page from @at to @end without a fault that holds its lock; later faults find that the
 * page is about to go. Return: false if a fault still holds one at @deadline (in jiffies; jiffies
 * itself means not to wait).
 */
static bool section_wait_for_faults(struct ndshm_section *section, u32 at,
				    u32 end, bool revoking,
				    unsigned long deadline)
{
	struct page *page;
	bool waited;

	while ((page = section_next_page(section, &at, end, revoking))) {
		waited = ndshm_folio_wait_faults(page_folio(page), deadline);
		put_page(page);
		if (!waited)
			return false;
		cond_resched();
	}
	return true;
}

bool ndshm_section_wait_faults(struct ndshm_object *object,
			       unsigned long deadline)
{
	return section_wait_for_faults(ndshm_section_of(object), 0, U32_MAX, true, deadline);
}

/* Bytes to sync before @section->lock is dropped for a moment. */
#define STEP_BYTES	SZ_64K

/* Sync from *@offset to the end of its chunk or for STEP_BYTES, and advance *@offset. */
static ndshm_reason_t section_sync_step(struct ndshm_section *section,
					u32 direction, u64 *offset, u64 end)
{
	struct ndshm_chunk *chunk;
	u64 start, length;

	if (ndshm_section_revoked(section))
		return NDSHM_REASON_SECTION_REVOKED;
	chunk = ndshm_chunk_at(section, *offset >> PAGE_SHIFT);
	if (!chunk) {
		*offset = end;
		return NDSHM_REASON_NONE;
	}
	start = (u64)chunk->extent.start << PAGE_SHIFT;
	*offset = min(max(*offset, start), end);
	length = min((u64)ndshm_extent_end(&chunk->extent) << PAGE_SHIFT, end) -
		 *offset;
	length = min_t(u64, length, STEP_BYTES);
	if (length)
		ndshm_block_sync(chunk->block, direction, *offset - start,
				 length);
	*offset += length;
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_section_sync(struct ndshm_section *section, u32 direction,
				  u64 offset, u64 length)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	const u64 end = offset + length;

	/* A killed caller never sees this result. */
	while (reason == NDSHM_REASON_NONE && offset < end &&
	       !fatal_signal_pending(current)) {
		spin_lock(&section->lock);
		reason = section_sync_step(section, direction, &offset, end);
		spin_unlock(&section->lock);
		cond_resched();
	}
	return reason;
}

/* Revocation callback of a chunk's block: its memory is freed when this returns. */
static void section_chunk_revoked(void *context, struct ndshm_block *block)
{
	ndshm_section_revoke(context);
}

static void section_chunk_free(struct ndshm_section *section, struct ndshm_chunk *chunk)
{
	struct inode *inode = READ_ONCE(section->object.inode);

	/* A claim can keep the block longer than the section exists. */
	if (inode && chunk->block) {
		spin_lock(&chunk->block->object.state_lock);
		chunk->block->object.inode = ndshm_inode_get(inode);
		spin_unlock(&chunk->block->object.state_lock);
	}
	/* Waits for a running section_chunk_revoked(). */
	if (chunk->block)
		ndshm_block_free(chunk->block, chunk->allocated || chunk->left);
	ndshm_prealloc_free(&chunk->prealloc);
	kfree(chunk);
}

void ndshm_chunks_free(struct ndshm_section *section, struct list_head *chunks)
{
	struct ndshm_chunk *chunk, *next;

	list_for_each_entry_safe(chunk, next, chunks, extent.link) {
		section_chunk_free(section, chunk);
		cond_resched();
	}
}

/*
 * Return: true if @page is page @index of its folio. mm can map a folio as a whole, and dma-bufs
 * have whole folios, also where another chunk of the section begins.
 */
static bool chunk_page_fits(struct page *page, long index)
{
	return page == folio_page(page_folio(page), index);
}

/* Return: whether the section can map the memory of @chunk, or that it was revoked meanwhile. */
static ndshm_reason_t chunk_check(const struct ndshm_chunk *chunk)
{
	ndshm_reason_t reason = NDSHM_REASON_PROVIDER_PAGELESS;
	struct page *first, *last;

	lockdep_assert_held(&chunk->block->object.state_lock);

	if (chunk->block->object.revoked)
		return NDSHM_REASON_SECTION_REVOKED;
	if (!chunk->block->registration->page)
		return reason;
	first = ndshm_block_page(chunk->block, 0);
	last = ndshm_block_page(chunk->block, chunk->extent.count - 1);
	if (first && last && chunk_page_fits(first, 0) &&
	    chunk_page_fits(last, folio_nr_pages(page_folio(last)) - 1))
		reason = NDSHM_REASON_NONE;
	return reason;
}

static ndshm_reason_t section_chunk_alloc(struct ndshm_section *section, u32 start,
					  u32 count, struct list_head *chunks)
{
	const struct ndshm_allocation allocation = {
		.claim = section->claim, .account = section->account,
		.first_index = start, .of_section = true,
	};
	struct ndshm_parameters parameters = {
		.header = NDSHM_PARAMETERS_HEADER,
		.adapter = section->adapter,
		.provider = section->provider,
		.preferred_node = section->preferred_node,
		.usage = NDSHM_USAGE_OTHER,
		.length = (u64)count << PAGE_SHIFT,
		.no_kernel_mapping = true,
		.revoked = section_chunk_revoked,
		.revoked_context = section,
	};
	ndshm_reason_t reason = NDSHM_REASON_MEMORY;
	struct ndshm_object *object;
	struct ndshm_chunk *chunk;

	chunk = kzalloc(sizeof(*chunk), NDSHM_GFP_CHARGED);
	if (!chunk)
		return reason;
	chunk->extent.start = start;
	chunk->extent.count = count;
	list_add_tail(&chunk->extent.link, chunks);
	reason = ndshm_blocks_alloc(&parameters, &allocation, &chunk->block, 1);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	ndshm_test_delay(NDSHM_TEST_CHUNK);
	object = &chunk->block->object;
	spin_lock(&object->state_lock);
	reason = chunk_check(chunk);
	spin_unlock(&object->state_lock);
	return reason;
}

/* Return: the pages from @start to @end that are in the slot of @start. */
static u32 section_slot_pages(u32 start, u32 end)
{
	return min(end - start, NDSHM_SLOT_PAGES - start % NDSHM_SLOT_PAGES);
}

ndshm_reason_t ndshm_chunks_alloc(struct ndshm_section *section, u32 start,
				  u32 end, struct list_head *chunks)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	struct ndshm_chunk *chunk;
	u32 count;
	bool hole;

	/* The adapter's isolation may have changed since the section was created. */
	if (section->adapter->ops)
		reason = ndshm_adapter_permit(section->adapter, section->rawio);
	while (reason == NDSHM_REASON_NONE) {
		spin_lock(&section->lock);
		reason = ndshm_section_state(section);
		hole = reason == NDSHM_REASON_NONE &&
		       ndshm_extent_map_next_hole(&section->map, &start, &count, end);
		spin_unlock(&section->lock);
		if (!hole)
			break;
		if (fatal_signal_pending(current))
			return NDSHM_REASON_MEMORY;
		count = section_slot_pages(start, start + count);
		reason = section_chunk_alloc(section, start, count, chunks);
		if (reason == NDSHM_REASON_NONE) {
			chunk = list_last_entry(chunks, struct ndshm_chunk, extent.link);
			if (ndshm_prealloc_fill(&chunk->prealloc, NDSHM_GFP_CHARGED))
				reason = NDSHM_REASON_MEMORY;
		}
		start += count;
		cond_resched();
	}
	return reason;
}

/* Move @chunk from its list to the section. The map has its pages as free already, or will soon. */
static void section_add_chunk(struct ndshm_section *section, struct ndshm_chunk *chunk)
{
	list_del(&chunk->extent.link);
	ndshm_extents_insert(&section->chunks, &chunk->extent);
	section->committed += chunk->extent.count;
	section->needs_sync |= chunk->block->needs_sync;
}

ndshm_reason_t ndshm_chunks_alloc_initial(struct ndshm_section *section)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	struct ndshm_chunk *chunk, *next;
	u32 start = 0, count;
	LIST_HEAD(chunks);

	while (reason == NDSHM_REASON_NONE && start < section->initial) {
		if (fatal_signal_pending(current)) {
			reason = NDSHM_REASON_MEMORY;
			break;
		}
		count = section_slot_pages(start, section->initial);
		reason = section_chunk_alloc(section, start, count, &chunks);
		start += count;
		cond_resched();
	}
	if (reason == NDSHM_REASON_NONE) {
		spin_lock(&section->lock);
		list_for_each_entry_safe(chunk, next, &chunks, extent.link)
			section_add_chunk(section, chunk);
		spin_unlock(&section->lock);
	}
	ndshm_chunks_free(section, &chunks);
	return reason;
}

/*
 * Return: true if the hole of @chunk still exists. Within a slot a hole is filled as a whole and
 * comes back as a whole, so comparing the length is enough.
 */
static bool chunk_fits(const struct ndshm_section *section,
		       const struct ndshm_chunk *chunk)
{
	u32 start = chunk->extent.start, count;

	return ndshm_extent_map_next_hole(&section->map, &start, &count,
					  ndshm_extent_end(&chunk->extent)) &&
	       count == chunk->extent.count;
}

void ndshm_chunks_add(struct ndshm_section *section, struct list_head *chunks)
{
	struct ndshm_chunk *chunk, *next;

	lockdep_assert_held(&section->lock);

	list_for_each_entry_safe(chunk, next, chunks, extent.link) {
		if (!chunk_fits(section, chunk))
			continue;
		section_add_chunk(section, chunk);
		ndshm_extent_map_commit(&section->map, chunk->extent.start,
					chunk->extent.count, &chunk->prealloc);
		section->idle += chunk->extent.count;
	}
}

void ndshm_section_free_memory(struct ndshm_section *section)
{
	struct ndshm_chunk *chunk, *next;
	struct rb_root chunks;

	atomic_inc(&section->freeing);
	spin_lock(&section->lock);
	chunks = section->chunks;
	section->chunks = RB_ROOT;
	section->committed = 0;
	section->idle = 0;
	spin_unlock(&section->lock);
	rbtree_postorder_for_each_entry_safe(chunk, next, &chunks, extent.node) {
		section_chunk_free(section, chunk);
		cond_resched();
	}
	atomic_dec(&section->freeing);
	wake_up_all(&ndshm_section_wait);
}

/*
 * Mark the highest adjacent idle chunks below page @below, at least one and about @most pages, and
 * take their run, so that no extent can use them. Return: the run, or NULL.
 */
static struct ndshm_extent *section_take_idle(struct ndshm_section *section, u32 below, u32 most,
					      struct ndshm_prealloc *prealloc)
{
	struct ndshm_chunk *chunk;
	u32 start = 0, count = 0;

	lockdep_assert_held(&section->lock);

	if (ndshm_section_state(section) != NDSHM_REASON_NONE)
		return NULL;
	chunk = ndshm_chunk_at(section, below);
	for (chunk = ndshm_chunk_of(chunk ? rb_prev(&chunk->extent.node) :
					    rb_last(&section->chunks));
	     chunk && count < most;
	     chunk = ndshm_chunk_of(rb_prev(&chunk->extent.node))) {
		if (ndshm_chunk_idle(section, chunk) &&
		    (!count || ndshm_extent_end(&chunk->extent) == start)) {
			start = chunk->extent.start;
			count += chunk->extent.count;
			chunk->revoking = true;
		} else if (count) {
			break;
		}
	}
	return count ? ndshm_extent_map_alloc(&section->map, start, count,
					      prealloc) : NULL;
}

/*
 * Unmap @run. Return: false if at @deadline a fault holds the lock of one of its pages, or a
 * process the mapping's i_mmap_rwsem for writing: either may be stopped. The trylock only probes;
 * unmap_mapping_range() takes the lock itself.
 */
static bool section_unmap(struct ndshm_section *section, const struct ndshm_extent *run,
			  unsigned long deadline)
{
	struct inode *inode = READ_ONCE(section->object.inode);

	if (!section_wait_for_faults(section, run->start, ndshm_extent_end(run), false, deadline))
		return false;
	if (!inode)
		return true;
	while (!i_mmap_trylock_read(inode->i_mapping)) {
		if (time_after_eq(jiffies, deadline))
			return false;
		schedule_timeout_uninterruptible(1);
	}
	i_mmap_unlock_read(inode->i_mapping);
	unmap_mapping_range(inode->i_mapping, (loff_t)run->start << PAGE_SHIFT,
			    (loff_t)run->count << PAGE_SHIFT, 1);
	return true;
}

/* Free the chunks of @run, or let extents use them again if it is not @unmapped. */
static void section_return_idle(struct ndshm_section *section, struct ndshm_extent *run,
				bool unmapped)
{
	const u32 end = ndshm_extent_end(run);
	struct ndshm_chunk *chunk, *next;
	u32 count = 0;
	LIST_HEAD(chunks);

	spin_lock(&section->lock);
	/* After a revocation ndshm_section_free_memory() frees all chunks. */
	chunk = READ_ONCE(section->object.revoked) ? NULL : ndshm_chunk_at(section, run->start);
	for (; chunk && chunk->extent.start < end; chunk = next) {
		next = ndshm_chunk_next(chunk);
		chunk->revoking = unmapped;
		if (!unmapped)
			continue;
		rb_erase(&chunk->extent.node, &section->chunks);
		count += chunk->extent.count;
		list_add_tail(&chunk->extent.link, &chunks);
	}
	section->committed -= count;
	ndshm_extent_map_free(&section->map, run, unmapped ? NDSHM_MAP_HOLE : NDSHM_MAP_FREE);
	spin_unlock(&section->lock);
	ndshm_chunks_free(section, &chunks);
	spin_lock(&section->lock);
	section->idle -= min(count, section->idle);
	spin_unlock(&section->lock);
}

/*
 * Free about STEP_PAGES of idle memory below page *@below, and set that to their first page.
 * Return: false if there is no more.
 */
static bool section_free_idle_step(struct ndshm_section *section, u32 most, u32 *below,
				   unsigned long deadline)
{
	struct ndshm_prealloc prealloc;
	struct ndshm_extent *run = NULL;

	/* Not charged: it must not fail when a cgroup is full of what is idle. */
	if (ndshm_prealloc_fill(&prealloc, GFP_KERNEL))
		return false;
	spin_lock(&section->lock);
	if (section->idle > most)
		run = section_take_idle(section, *below,
					min_t(u32, section->idle - most, STEP_PAGES), &prealloc);
	if (run)
		atomic_inc(&section->freeing);
	spin_unlock(&section->lock);
	ndshm_prealloc_free(&prealloc);
	if (!run)
		return false;
	*below = run->start;
	section_return_idle(section, run, section_unmap(section, run, deadline));
	atomic_dec(&section->freeing);
	wake_up_all(&ndshm_section_wait);
	return true;
}

void ndshm_section_free_idle(struct ndshm_section *section, bool all, unsigned long deadline)
{
	u32 most = 0, below = U32_MAX;

	if (!all && READ_ONCE(section->holders))
		most = IDLE_PAGES + READ_ONCE(section->allocated) / TAKEN_FOR_IDLE;
	/* Downwards, so that it ends although peers leave more idle. */
	while (READ_ONCE(section->idle) > most &&
	       section_free_idle_step(section, most, &below, deadline))
		cond_resched();
}
