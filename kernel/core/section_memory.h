/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of a section, piece by piece.
 */
#ifndef _NDSHM_CORE_SECTION_MEMORY_H
#define _NDSHM_CORE_SECTION_MEMORY_H

#include <linux/jiffies.h>
#include <linux/sizes.h>

#include "section.h"

struct inode;
struct ndshm_block;

/* Pages that get memory at once, and lose it at once: what a huge page has. */
#define NDSHM_SLOT_PAGES	(SZ_2M >> PAGE_SHIFT)

/*
 * Before a caller is refused memory it waits for what is on its way back, but not for
 * ever: a peer that does not get a processor may have it in hand.
 */
#define NDSHM_SECTION_WAIT	HZ

/**
 * struct ndshm_piece - memory of a section: a block, within one slot
 * @node: in the section's tree, by place
 * @link: while it is in no tree
 * @start: first page, of the section
 * @count: pages
 * @taken: of these, how many are in extents
 * @fresh: from this one on, none has ever been; counted from @start
 * @leaving: its memory is being given back, and no fault is answered with it
 * @left: under a claim an extent that has a part of it went without having been
 *	freed, so that the device may know where it is
 * @block: its memory
 * @spare: to join the section's map with
 */
struct ndshm_piece {
	struct rb_node node;
	struct list_head link;
	u32 start;
	u32 count;
	u32 taken;
	u32 fresh;
	bool leaving;
	bool left;
	struct ndshm_block *block;
	struct ndshm_spare_runs spare;
};

static inline u32 ndshm_piece_end(const struct ndshm_piece *piece)
{
	return piece->start + piece->count;
}

/* Has no extent a part of it, and is it to go if that stays so? */
static inline bool ndshm_piece_idle(const struct ndshm_section *section,
				    const struct ndshm_piece *piece)
{
	return !piece->taken && !piece->left && !piece->leaving &&
	       piece->start >= section->initial;
}

/*
 * The piece that has page @at, or else the first behind it, or NULL; and the next one.
 * Called with the section's lock held.
 */
struct ndshm_piece *ndshm_piece_at(const struct ndshm_section *section, u32 at);
struct ndshm_piece *ndshm_piece_next(struct ndshm_piece *piece);

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

/* Frees all pieces of a section that is shown to nobody. May sleep. */
void ndshm_section_drop(struct ndshm_section *section);

/* Unmaps the section, for good. May sleep. */
void ndshm_section_revoke(struct ndshm_section *section);

/* The inode that shows the section; called for each mmap. */
void ndshm_section_set_inode(struct ndshm_section *section,
			     struct inode *inode);

/* Is any memory idle, or being given back? The section's lock need not be held. */
static inline bool ndshm_section_has_idle(const struct ndshm_section *section)
{
	return READ_ONCE(section->idle) || READ_ONCE(section->trims) & 1;
}

/*
 * Gives all idle memory back, and waits for that and for what is on its way: killable,
 * and for a second at most. Return: true if there was any.
 */
bool ndshm_section_trim(struct ndshm_section *section);

/* After @delay jiffies; and what is done then. */
void ndshm_section_trim_later(struct ndshm_section *section,
			      unsigned long delay);
void ndshm_section_trim_work(struct work_struct *work);

vm_fault_t ndshm_section_fault(struct ndshm_object *object,
			       struct vm_fault *vmf);
bool ndshm_section_settle_faults(struct ndshm_object *object,
				 unsigned long deadline);

#endif /* _NDSHM_CORE_SECTION_MEMORY_H */
