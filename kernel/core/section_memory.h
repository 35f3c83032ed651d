/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of a section, piece by piece.
 */
#ifndef _NDSHM_CORE_SECTION_MEMORY_H
#define _NDSHM_CORE_SECTION_MEMORY_H

#include <linux/sizes.h>

#include "section.h"

struct ndshm_block;
struct user_struct;

/* Pages that get memory at once, and lose it at once: what a huge page has. */
#define NDSHM_SLOT_PAGES	(SZ_2M >> PAGE_SHIFT)

/**
 * struct ndshm_piece - memory of a section: a block, within one slot
 * @node: in the section's tree, by place
 * @link: while it is in no tree
 * @start: first page, of the section
 * @count: pages
 * @taken: of these, how many are in extents
 * @fresh: from this one on, none has ever been; counted from @start
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
	return !piece->taken && !piece->left &&
	       piece->start >= section->initial;
}

/*
 * The piece that has page @at, or else the first behind it, or NULL; and the next one.
 * The object's lock is held.
 */
struct ndshm_piece *ndshm_piece_at(const struct ndshm_section *section, u32 at);
struct ndshm_piece *ndshm_piece_next(struct ndshm_piece *piece);

/*
 * commit: for all of the section from page @start up to @end, under the grow_lock; after
 * a failure @left has what was made in vain. drop: none any more, when nothing shows
 * it. trim_held: none for some that idle, under the grow_lock; @left has them, too.
 * pieces_free: hold no lock. All may sleep.
 */
ndshm_reason_t ndshm_section_commit(struct ndshm_section *section, u32 start,
				    u32 end, struct list_head *left);
void ndshm_section_drop(struct ndshm_section *section);
bool ndshm_section_trim_held(struct ndshm_section *section,
			     struct list_head *left);
void ndshm_pieces_free(struct list_head *pieces);

/* None for what idles at that user's expense, if nobody is in the way. May sleep. */
void ndshm_section_trim_for(struct ndshm_section *section,
			    const struct user_struct *user);

/* After @delay jiffies; and what is done then. */
void ndshm_section_trim_later(struct ndshm_section *section,
			      unsigned long delay);
void ndshm_section_trim_work(struct work_struct *work);

vm_fault_t ndshm_section_fault(struct ndshm_object *object,
			       struct vm_fault *vmf);
void ndshm_section_wait(struct ndshm_object *object);
u64 ndshm_section_size(struct ndshm_object *object);

#endif /* _NDSHM_CORE_SECTION_MEMORY_H */
