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
	lockdep_assert_held(&section->lock);

	count_given(section, run, freed);
	ndshm_extent_map_give(&section->map, run);
	section->extents--;
}

void ndshm_section_give(struct ndshm_section *section, struct ndshm_run *run)
{
	spin_lock(&section->lock);
	ndshm_section_give_locked(section, run, true);
	section->held--;
	spin_unlock(&section->lock);
	ndshm_section_settle(section);
}

/*
 * The part of a run from page *at on that lies in one folio, with a reference on it, and
 * *at moves behind it. Memory that no extent had before is zero by itself: *count is 0.
 */
static struct page *section_used_page(struct ndshm_section *section,
				      const struct ndshm_run *run, u32 *at,
				      u32 *count)
{
	struct ndshm_piece *piece = ndshm_piece_at(section, *at);
	const u32 end = min(ndshm_piece_end(piece), run->start + run->count);
	const u32 from = *at - piece->start, to = end - piece->start;
	struct page *page = NULL;
	struct folio *folio;

	*count = from < piece->fresh ? min(to, piece->fresh) - from : 0;
	if (*count)
		page = ndshm_block_page(piece->block, from);
	if (!page) {
		*at = end;
		piece->fresh = max(piece->fresh, to);
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
 * An extent that is handed out has nothing of the one before. No lock is held over it,
 * and a page that goes meanwhile is kept by its reference.
 */
static ndshm_reason_t section_zero(struct ndshm_section *section,
				   const struct ndshm_run *run)
{
	const u32 end = run->start + run->count;
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	u32 at = run->start, count;
	struct page *page;

	while (at < end) {
		/* A caller that is killed hears no answer. */
		if (fatal_signal_pending(current))
			return NDSHM_REASON_MEMORY;
		page = NULL;
		spin_lock(&section->lock);
		reason = ndshm_section_state(section);
		if (reason == NDSHM_REASON_NONE)
			page = section_used_page(section, run, &at, &count);
		spin_unlock(&section->lock);
		if (reason != NDSHM_REASON_NONE)
			return reason;
		if (page) {
			ndshm_pages_zero(page, count);
			put_page(page);
		}
		cond_resched();
	}
	return READ_ONCE(section->needs_sync) ?
	       ndshm_section_sync(section, NDSHM_SYNC_FOR_DEVICE,
				  (u64)run->start << PAGE_SHIFT,
				  (u64)run->count << PAGE_SHIFT) : reason;
}

/* SECTION_FULL: not of what has memory now. */
static ndshm_reason_t section_take_free(struct ndshm_section *section,
					u32 count, u32 alignment,
					struct ndshm_spare_runs *spare,
					struct ndshm_run **run)
{
	ndshm_reason_t reason = ndshm_section_state(section);
	u32 start;

	lockdep_assert_held(&section->lock);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (!ndshm_extent_map_find_free(&section->map, count, alignment,
					&start))
		return NDSHM_REASON_SECTION_FULL;
	*run = ndshm_extent_map_take(&section->map, start, count, spare);
	count_taken(section, *run);
	section->extents++;
	section->held++;
	return reason;
}

/*
 * Memory for the lowest place where the extent fits, and the extent. It is allocated
 * without a lock, so that no caller waits for another. A hole that another caller has
 * filled meanwhile stays that caller's, and SECTION_FULL means to try again.
 */
static ndshm_reason_t section_grow(struct ndshm_section *section, u32 start,
				   u32 count, u32 alignment,
				   struct ndshm_spare_runs *spare,
				   struct ndshm_run **run)
{
	const u32 pages = section->object.length >> PAGE_SHIFT;
	const u32 end = min_t(u64, pages, round_up((u64)start + count,
						   NDSHM_SLOT_PAGES));
	ndshm_reason_t reason;
	LIST_HEAD(pieces);

	atomic_inc(&section->growing);
	reason = ndshm_pieces_alloc(section, round_down(start, NDSHM_SLOT_PAGES),
				    end, &pieces);
	spin_lock(&section->lock);
	if (reason == NDSHM_REASON_NONE)
		reason = ndshm_section_state(section);
	if (reason == NDSHM_REASON_NONE) {
		ndshm_pieces_enter(section, &pieces);
		reason = section_take_free(section, count, alignment, spare,
					   run);
	}
	spin_unlock(&section->lock);
	ndshm_pieces_free(&pieces);
	if (atomic_dec_and_test(&section->growing))
		wake_up_all(&section->wait);
	return reason;
}

/*
 * Before an extent is refused: wait for what other callers grow by, who may have entered
 * it by now or be about to give it back, and for memory of this section that is idle.
 * Limits of a user have had the latter. Return: true to try again.
 */
static bool section_wait_for_memory(struct ndshm_section *section,
				    ndshm_reason_t reason)
{
	if (reason != NDSHM_REASON_MEMLOCK && reason != NDSHM_REASON_BYTE_QUOTA)
		return ndshm_section_trim(section);
	return wait_event_killable_timeout(section->wait,
					   !atomic_read(&section->growing),
					   NDSHM_SECTION_WAIT) >= 0;
}

/* Each can be prolonged by a peer, to NDSHM_SECTION_WAIT. */
#define MOST_WAITS	2

static ndshm_reason_t section_take(struct ndshm_section *section, u32 count,
				   u32 alignment,
				   struct ndshm_spare_runs *spare,
				   struct ndshm_run **run)
{
	unsigned int waits = 0;
	ndshm_reason_t reason;
	bool room;
	u32 start;

	for (;;) {
		spin_lock(&section->lock);
		reason = section_take_free(section, count, alignment, spare,
					   run);
		room = reason == NDSHM_REASON_SECTION_FULL &&
		       ndshm_extent_map_find_room(&section->map, count,
						  alignment, &start);
		spin_unlock(&section->lock);
		if (room)
			reason = section_grow(section, start, count, alignment,
					      spare, run);
		if (reason == NDSHM_REASON_NONE || fatal_signal_pending(current))
			return reason;
		if (room && reason == NDSHM_REASON_SECTION_FULL)
			continue;
		if (waits++ == MOST_WAITS ||
		    !section_wait_for_memory(section, reason))
			return reason;
	}
}

ndshm_reason_t ndshm_section_take(struct ndshm_section *section, u32 count,
				  u32 alignment, struct ndshm_run **run)
{
	struct ndshm_spare_runs spare;
	ndshm_reason_t reason;

	*run = NULL;
	if (ndshm_spare_runs_make(&spare))
		return NDSHM_REASON_MEMORY;
	reason = section_take(section, count, alignment, &spare, run);
	ndshm_spare_runs_free(&spare);
	if (reason != NDSHM_REASON_NONE) {
		/* What it got in vain goes again. */
		ndshm_section_settle(section);
		return reason;
	}
	reason = section_zero(section, *run);
	if (reason != NDSHM_REASON_NONE)
		ndshm_section_give(section, *run);
	return reason;
}
