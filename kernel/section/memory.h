/* SPDX-License-Identifier: GPL-2.0 */
/* The memory of a section, which consists of chunks. */
#ifndef _NDSHM_CORE_SECTION_MEMORY_H
#define _NDSHM_CORE_SECTION_MEMORY_H

#include <linux/jiffies.h>
#include <linux/sizes.h>
#include <linux/wait.h>

#include "section.h"

struct ndshm_block;

/*
 * Pages of a slot: an aligned range of the section whose memory is allocated and freed as a whole.
 * 2 MiB, so that a huge page fits.
 */
#define NDSHM_SLOT_PAGES	(SZ_2M >> PAGE_SHIFT)

/*
 * Longest wait for memory that is about to be freed, before a caller is refused memory. A peer
 * that is throttled could otherwise prolong the wait without limit.
 */
#define NDSHM_SECTION_WAIT	HZ

/**
 * struct ndshm_piece - Chunk of a section's memory: one block, within one slot
 * @run: the pages. Its node is in @pieces of the section, or its link on a private list
 * @taken: pages of the chunk that belong to extents
 * @fresh: pages from this index on were never part of an extent, so they are still zero
 * @leaving: the chunk is about to be freed: faults on it get SIGBUS
 * @left: part of it was in an extent whose holder was closed without freeing it. The device of the
 *	section's claim may still access it, so it is not trimmed
 * @block: the memory
 * @spare: preallocated runs for adding the chunk to the section's map
 */
struct ndshm_piece {
	struct ndshm_run run;
	u32 taken;
	u32 fresh;
	bool leaving;
	bool left;
	struct ndshm_block *block;
	struct ndshm_spare_runs spare;
};

/* Return: true if the chunk may be trimmed: no extent uses it, and no device may. */
static inline bool ndshm_piece_idle(const struct ndshm_section *section,
				    const struct ndshm_piece *piece)
{
	return !piece->taken && !piece->left && !piece->leaving &&
	       piece->run.start >= section->initial;
}

#define ndshm_piece_of(node_) rb_entry_safe(node_, struct ndshm_piece, run.node)

/*
 * ndshm_piece_at() returns the chunk that contains page @at, or the first one after it, or NULL;
 * ndshm_piece_next() the next one. Called with @section->lock held.
 */
static inline struct ndshm_piece *
ndshm_piece_at(const struct ndshm_section *section, u32 at)
{
	struct ndshm_run *run = ndshm_runs_find(&section->pieces, at);

	return run ? container_of(run, struct ndshm_piece, run) : NULL;
}

static inline struct ndshm_piece *ndshm_piece_next(struct ndshm_piece *piece)
{
	return ndshm_piece_of(rb_next(&piece->run.node));
}

/*
 * ndshm_pieces_alloc() allocates chunks for all holes from page @start to @end and appends them to
 * @pieces, also on failure. ndshm_pieces_enter() moves the chunks whose holes still exist from
 * @pieces to the section; called with @section->lock held. ndshm_pieces_free() frees the rest.
 * ndshm_pieces_alloc() and ndshm_pieces_free() may sleep.
 */
ndshm_reason_t ndshm_pieces_alloc(struct ndshm_section *section, u32 start,
				  u32 end, struct list_head *pieces);
void ndshm_pieces_enter(struct ndshm_section *section,
			struct list_head *pieces);
void ndshm_pieces_free(struct list_head *pieces);

/*
 * Revoke the section, or wait for its revocation: all mappings are removed, and new faults get
 * SIGBUS. May sleep.
 */
void ndshm_section_revoke(struct ndshm_section *section);

/* Free all chunks of a section that has no mapping. May sleep. */
void ndshm_section_drop(struct ndshm_section *section);

/* Woken when a section has no idle memory left, or when its @growing becomes 0. */
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
 * Schedule @section->trimming if memory is idle: at once if it exceeds the limit, else after a
 * second. Any context.
 */
void ndshm_section_settle(struct ndshm_section *section);

/* Schedule @section->trimming after @delay jiffies. Any context. */
void ndshm_section_trim_later(struct ndshm_section *section,
			      unsigned long delay);
void ndshm_section_trim_work(struct work_struct *work);

vm_fault_t ndshm_section_fault(struct ndshm_object *object,
			       struct vm_fault *vmf);
bool ndshm_section_settle_faults(struct ndshm_object *object,
				 unsigned long deadline);

#endif /* _NDSHM_CORE_SECTION_MEMORY_H */
