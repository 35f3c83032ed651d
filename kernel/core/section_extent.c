// SPDX-License-Identifier: GPL-2.0
/*
 * Extents of a section: taken, with the memory that they need, and given back.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include <linux/ndshm.h>

#include "block.h"
#include "section_memory.h"

static u32 overlap(const struct ndshm_piece *piece, const struct ndshm_run *run)
{
	return min(ndshm_piece_end(piece), run->start + run->count) -
	       max(piece->start, run->start);
}

/* The pieces that a run has part of know how much. */
static void count_taken(struct ndshm_section *section,
			const struct ndshm_run *run)
{
	const u32 end = run->start + run->count;
	struct ndshm_piece *piece;

	for (piece = ndshm_piece_at(section, run->start);
	     piece && piece->start < end; piece = ndshm_piece_next(piece)) {
		if (ndshm_piece_idle(section, piece))
			section->idle -= piece->count;
		piece->taken += overlap(piece, run);
	}
}

static void count_given(struct ndshm_section *section,
			const struct ndshm_run *run, bool freed)
{
	const u32 end = run->start + run->count;
	struct ndshm_piece *piece;

	for (piece = ndshm_piece_at(section, run->start);
	     piece && piece->start < end; piece = ndshm_piece_next(piece)) {
		piece->taken -= overlap(piece, run);
		piece->left |= section->claim && !freed;
		if (ndshm_piece_idle(section, piece))
			section->idle += piece->count;
	}
}

void ndshm_section_give_locked(struct ndshm_section *section,
			       struct ndshm_run *run, bool freed)
{
	lockdep_assert_held(&section->object.lock);

	count_given(section, run, freed);
	ndshm_extent_map_give(&section->map, run);
	section->extents--;
}

void ndshm_section_give(struct ndshm_section *section, struct ndshm_run *run)
{
	mutex_lock(&section->object.lock);
	ndshm_section_give_locked(section, run, true);
	section->held--;
	mutex_unlock(&section->object.lock);
	ndshm_section_settle(section);
}

/* The part of a run from page @at on that lies in one piece, at most a slot. */
static ndshm_reason_t zero_part(struct ndshm_section *section,
				const struct ndshm_run *run, u32 *at)
{
	struct ndshm_piece *piece;
	ndshm_reason_t reason;
	u32 from, to, count;

	reason = ndshm_section_state(section);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	piece = ndshm_piece_at(section, *at);
	from = *at - piece->start;
	*at = min(ndshm_piece_end(piece), run->start + run->count);
	to = *at - piece->start;
	count = from < piece->fresh ? min(to, piece->fresh) - from : 0;
	piece->fresh = max(piece->fresh, to);
	if (!count)
		return NDSHM_REASON_NONE;
	ndshm_block_zero(piece->block, from, count);
	ndshm_block_sync(piece->block, NDSHM_SYNC_FOR_DEVICE,
			 (u64)from << PAGE_SHIFT, (u64)count << PAGE_SHIFT);
	return NDSHM_REASON_NONE;
}

/* Memory that no extent had before is zero by itself. */
static ndshm_reason_t zero(struct ndshm_section *section,
			   const struct ndshm_run *run)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	u32 at = run->start;

	while (reason == NDSHM_REASON_NONE && at < run->start + run->count) {
		/* Whoever is killed is told nothing. */
		if (fatal_signal_pending(current))
			return NDSHM_REASON_MEMORY;
		mutex_lock(&section->object.lock);
		reason = zero_part(section, run, &at);
		mutex_unlock(&section->object.lock);
		cond_resched();
	}
	return reason;
}

/* SECTION_FULL: not of what has memory now. */
static ndshm_reason_t take_free(struct ndshm_section *section, u32 count,
				u32 alignment, struct ndshm_spare_runs *spare,
				struct ndshm_run **run)
{
	ndshm_reason_t reason;
	u32 start;

	mutex_lock(&section->object.lock);
	reason = ndshm_section_state(section);
	if (reason != NDSHM_REASON_NONE)
		goto out;
	if (!ndshm_extent_map_find_free(&section->map, count, alignment,
					&start)) {
		reason = NDSHM_REASON_SECTION_FULL;
		goto out;
	}
	*run = ndshm_extent_map_take(&section->map, start, count, spare);
	count_taken(section, *run);
	section->extents++;
	section->held++;
out:
	mutex_unlock(&section->object.lock);
	return reason;
}

/* Memory for one more extent; SECTION_FULL: there is no place for it. */
static ndshm_reason_t grow(struct ndshm_section *section, u32 count,
			   u32 alignment, struct list_head *left)
{
	const u32 pages = section->object.length >> PAGE_SHIFT;
	bool found;
	u32 start;

	mutex_lock(&section->object.lock);
	found = ndshm_extent_map_find_room(&section->map, count, alignment,
					   &start);
	mutex_unlock(&section->object.lock);
	if (!found)
		return NDSHM_REASON_SECTION_FULL;
	return ndshm_section_commit(section, round_down(start, NDSHM_SLOT_PAGES),
				    min_t(u64, round_up((u64)start + count,
							NDSHM_SLOT_PAGES),
					  pages), left);
}

/* Others may take what has just got memory. */
static ndshm_reason_t take_growing(struct ndshm_section *section, u32 count,
				   u32 alignment,
				   struct ndshm_spare_runs *spare,
				   struct ndshm_run **run)
{
	ndshm_reason_t reason;
	LIST_HEAD(left);
	bool again;

	do {
		if (mutex_lock_killable(&section->grow_lock))
			return NDSHM_REASON_MEMORY;
		reason = take_free(section, count, alignment, spare, run);
		if (reason == NDSHM_REASON_SECTION_FULL)
			reason = grow(section, count, alignment, &left);
		again = reason == NDSHM_REASON_NONE && !*run;
		/* Before it is refused, what idles elsewhere in the section goes. */
		if (reason == NDSHM_REASON_MEMLOCK)
			again = ndshm_section_trim_held(section, &left);
		mutex_unlock(&section->grow_lock);
		ndshm_pieces_free(&left);
	} while (again);
	return reason;
}

ndshm_reason_t ndshm_section_take(struct ndshm_section *section, u32 count,
				  u32 alignment, struct ndshm_run **run)
{
	struct ndshm_spare_runs spare;
	ndshm_reason_t reason;

	*run = NULL;
	if (ndshm_spare_runs_make(&spare))
		return NDSHM_REASON_MEMORY;
	reason = take_free(section, count, alignment, &spare, run);
	if (reason == NDSHM_REASON_SECTION_FULL)
		reason = take_growing(section, count, alignment, &spare, run);
	ndshm_spare_runs_free(&spare);
	if (reason != NDSHM_REASON_NONE) {
		/* What it got in vain goes again. */
		ndshm_section_settle(section);
		return reason;
	}
	reason = zero(section, *run);
	if (reason != NDSHM_REASON_NONE)
		ndshm_section_give(section, *run);
	return reason;
}
