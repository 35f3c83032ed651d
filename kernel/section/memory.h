/* SPDX-License-Identifier: GPL-2.0 */
/* The memory of a section, which consists of chunks. */
#ifndef _NDSHM_SECTION_MEMORY_H
#define _NDSHM_SECTION_MEMORY_H

#include <linux/jiffies.h>
#include <linux/sizes.h>
#include <linux/wait.h>

#include "section.h"

struct ndshm_block;

/*
 * Pages of a slot: an aligned range of the section whose memory is allocated and freed as a whole.
 * 2 MiB, so that a huge page fits. Where huge pages are longer, up to 512 MiB, there are none in
 * sections: a slot for them would make the first extent of any section consume as much.
 */
#define NDSHM_SLOT_PAGES	(SZ_2M >> PAGE_SHIFT)

/*
 * Longest wait for memory that is about to be freed, before a caller is refused memory. A peer
 * that is stopped could otherwise prolong the wait without limit.
 */
#define NDSHM_SECTION_WAIT	HZ

/**
 * struct ndshm_chunk - Chunk of a section's memory: one block, within one slot
 * @extent: the pages. Its node is in @chunks of the section, or its link on a private list
 * @allocated: pages of the chunk that belong to extents
 * @fresh: pages from this index on were never part of an extent, so they are still zero
 * @revoking: the chunk is about to be freed: faults on it get SIGBUS
 * @left: part of it was in an extent whose holder was closed without freeing it. The device of the
 *	section's claim may still access it, so it is not idle
 * @block: the memory
 * @prealloc: preallocated runs for adding the chunk to the section's map
 */
struct ndshm_chunk {
	struct ndshm_extent extent;
	u32 allocated;
	u32 fresh;
	bool revoking;
	bool left;
	struct ndshm_block *block;
	struct ndshm_prealloc prealloc;
};

/* Return: true if the chunk may be freed: no extent uses it, and no device may. */
static inline bool ndshm_chunk_idle(const struct ndshm_section *section,
				    const struct ndshm_chunk *chunk)
{
	return !chunk->allocated && !chunk->left && !chunk->revoking &&
	       chunk->extent.start >= section->initial;
}

#define ndshm_chunk_of(node_) rb_entry_safe(node_, struct ndshm_chunk, extent.node)

/*
 * ndshm_chunk_at() returns the chunk that contains page @at, or the first one after it, or NULL;
 * ndshm_chunk_next() the next one. Called with @section->lock held.
 */
static inline struct ndshm_chunk *
ndshm_chunk_at(const struct ndshm_section *section, u32 at)
{
	struct ndshm_extent *extent = ndshm_extents_find(&section->chunks, at);

	return extent ? container_of(extent, struct ndshm_chunk, extent) : NULL;
}

static inline struct ndshm_chunk *ndshm_chunk_next(struct ndshm_chunk *chunk)
{
	return ndshm_chunk_of(rb_next(&chunk->extent.node));
}

/*
 * ndshm_chunks_alloc() allocates chunks for all holes from page @start to @end and appends them to
 * @chunks, also on failure. ndshm_chunks_add() moves the chunks whose holes still exist from
 * @chunks to the section; called with @section->lock held. ndshm_chunks_free() frees the rest.
 * ndshm_chunks_alloc() and ndshm_chunks_free() may sleep. ndshm_chunks_alloc_initial() allocates
 * and adds those of InitialSize.
 */
ndshm_reason_t ndshm_chunks_alloc(struct ndshm_section *section, u32 start,
				  u32 end, struct list_head *chunks);
void ndshm_chunks_add(struct ndshm_section *section,
		      struct list_head *chunks);
void ndshm_chunks_free(struct ndshm_section *section, struct list_head *chunks);
ndshm_reason_t ndshm_chunks_alloc_initial(struct ndshm_section *section);

/*
 * Revoke the section: all mappings are removed, and new faults get SIGBUS. Does not wait for
 * another call. May sleep.
 */
void ndshm_section_revoke(struct ndshm_section *section);

/* Free all chunks of a section that has no mapping. May sleep. */
void ndshm_section_free_memory(struct ndshm_section *section);

/* Woken when @growing of a section becomes 0, and when memory of one was freed. */
extern wait_queue_head_t ndshm_section_wait;

/*
 * Return: true if the section has idle memory that can be freed. @section->lock need not be held;
 * the result is a hint.
 */
static inline bool ndshm_section_has_idle(const struct ndshm_section *section)
{
	return READ_ONCE(section->idle) && !READ_ONCE(section->deleted) &&
	       !ndshm_section_revoked(section);
}

/*
 * Free idle memory: what exceeds the limit, or all of it with @all or without holders. At
 * @deadline, in jiffies, it no longer waits for faults in flight, so some can stay. May sleep.
 */
void ndshm_section_free_idle(struct ndshm_section *section, bool all, unsigned long deadline);

/* The wait for faults in flight: they end soon, or their tasks are stopped. */
static inline unsigned long ndshm_section_idle_deadline(void)
{
	return jiffies + 2;
}

/* Operations of objects; see object.h. */
struct page *ndshm_section_page(struct ndshm_object *object, pgoff_t index);
bool ndshm_section_wait_faults(struct ndshm_object *object,
			       unsigned long deadline);

#endif /* _NDSHM_SECTION_MEMORY_H */
