/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of a section, piece by piece.
 */
#ifndef _NDSHM_CORE_SECTION_MEMORY_H
#define _NDSHM_CORE_SECTION_MEMORY_H

#include <linux/jiffies.h>
#include <linux/sizes.h>
#include <linux/wait.h>

#include "section.h"

struct ndshm_block;

/* Pages that get memory at once, and lose it at once: what a huge page has. */
#define NDSHM_SLOT_PAGES	(SZ_2M >> PAGE_SHIFT)

/*
 * Before a caller is refused memory it waits for what is about to be freed, but not
 * longer: a peer that does not get a processor may delay that.
 */
#define NDSHM_SECTION_WAIT	HZ

/**
 * struct ndshm_piece - memory of a section: a block, within one slot
 * @run: its pages, in the section's tree of pieces, or by its link on a list
 * @taken: of these, how many are in extents
 * @fresh: from this one on, none has ever been; counted from the first
 * @leaving: its memory is about to be freed, and no fault is answered with it
 * @left: under a claim an extent that has a part of it went without having been
 *	freed, so that the device may know where it is
 * @block: its memory
 * @spare: to join the section's map with
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

/* Return: true if no extent has a part of the piece, which is to go if that stays so. */
static inline bool ndshm_piece_idle(const struct ndshm_section *section,
				    const struct ndshm_piece *piece)
{
	return !piece->taken && !piece->left && !piece->leaving &&
	       piece->run.start >= section->initial;
}

#define ndshm_piece_of(node_) rb_entry_safe(node_, struct ndshm_piece, run.node)

/*
 * The piece that has page @at, or else the first behind it, or NULL; and the next one.
 * Called with the section's lock held.
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
 * alloc: pieces for all holes from page @start to @end, added to @pieces, also after a
 * failure. enter: those whose holes are still there join the section, and leave @pieces;
 * called with the section's lock held. free: what is left. alloc and free may sleep.
 */
ndshm_reason_t ndshm_pieces_alloc(struct ndshm_section *section, u32 start,
				  u32 end, struct list_head *pieces);
void ndshm_pieces_enter(struct ndshm_section *section,
			struct list_head *pieces);
void ndshm_pieces_free(struct list_head *pieces);

/* Unmap the section, for good. May sleep. */
void ndshm_section_revoke(struct ndshm_section *section);

/* Free all pieces of a section that is shown to nobody. May sleep. */
void ndshm_section_drop(struct ndshm_section *section);

/* Woken when a section has nothing idle any more, or no caller that lets it grow. */
extern wait_queue_head_t ndshm_section_wait;

/* Return: true if memory is idle that can be freed. @section->lock need not be held. */
static inline bool ndshm_section_has_idle(const struct ndshm_section *section)
{
	return READ_ONCE(section->idle) && !READ_ONCE(section->deleted) &&
	       !ndshm_section_revoked(section);
}

/* Have idle memory freed: at once if it is much, or after a while. Any context. */
void ndshm_section_settle(struct ndshm_section *section);

/* Have @section->trimming done after @delay jiffies. Any context. */
void ndshm_section_trim_later(struct ndshm_section *section,
			      unsigned long delay);
void ndshm_section_trim_work(struct work_struct *work);

vm_fault_t ndshm_section_fault(struct ndshm_object *object,
			       struct vm_fault *vmf);
bool ndshm_section_settle_faults(struct ndshm_object *object,
				 unsigned long deadline);

#endif /* _NDSHM_CORE_SECTION_MEMORY_H */
