// SPDX-License-Identifier: GPL-2.0
/*
 * A section's memory: pieces of it that come when they are needed, are shown through
 * the section's one file, and go when nobody needs them.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "adapter.h"
#include "block.h"
#include "claim.h"
#include "provider.h"
#include "section_memory.h"

/*
 * That much may be idle, and a page for each so many taken. It is little: an allocator
 * over the extents keeps some as well, and it is both together that nobody can use.
 */
#define IDLE_PAGES	NDSHM_SLOT_PAGES
#define TAKEN_FOR_IDLE	128

/* What goes at once. */
#define STEP_PAGES	(16 * NDSHM_SLOT_PAGES)

#define piece_of(node_) rb_entry_safe(node_, struct ndshm_piece, node)

struct ndshm_piece *ndshm_piece_at(const struct ndshm_section *section, u32 at)
{
	struct rb_node *node = section->pieces.rb_node;
	struct ndshm_piece *piece, *behind = NULL;

	lockdep_assert_held(&section->lock);

	while (node) {
		piece = piece_of(node);
		if (at >= ndshm_piece_end(piece)) {
			node = node->rb_right;
			continue;
		}
		behind = piece;
		if (at >= piece->start)
			break;
		node = node->rb_left;
	}
	return behind;
}

struct ndshm_piece *ndshm_piece_next(struct ndshm_piece *piece)
{
	return piece_of(rb_next(&piece->node));
}

/*
 * Showing
 */

/* What is shown through the file has a true size. */
static void section_resize_file(struct ndshm_section *section)
{
	struct ndshm_piece *last = piece_of(rb_last(&section->pieces));

	lockdep_assert_held(&section->lock);

	if (section->inode)
		i_size_write(section->inode, last ?
			     (loff_t)ndshm_piece_end(last) << PAGE_SHIFT : 0);
}

void ndshm_section_set_inode(struct ndshm_section *section, struct inode *inode)
{
	spin_lock(&section->lock);
	section->inode = inode;
	section_resize_file(section);
	spin_unlock(&section->lock);
}

/* The page that a fault at @at is answered with, or NULL. */
static struct page *section_shown_page(struct ndshm_section *section, u32 at)
{
	struct ndshm_piece *piece = ndshm_piece_at(section, at);

	if (!piece || at < piece->start || piece->leaving ||
	    READ_ONCE(section->object.revoked))
		return NULL;
	return ndshm_block_page(piece->block, at - piece->start);
}

static bool get_page_and_trylock(struct page *page)
{
	get_page(page);
	return trylock_page(page);
}

/*
 * A page is looked up and locked under the section's lock. If it is locked already it
 * is waited for without, and looked up again: whoever takes memory away unmaps it after
 * it has locked each page.
 */
vm_fault_t ndshm_section_fault(struct ndshm_object *object,
			       struct vm_fault *vmf)
{
	struct ndshm_section *section = ndshm_section_of(object);
	struct page *page;
	bool locked;

	do {
		spin_lock(&section->lock);
		page = section_shown_page(section, vmf->pgoff);
		locked = page && get_page_and_trylock(page);
		spin_unlock(&section->lock);
		if (!page)
			return VM_FAULT_SIGBUS;
		if (locked)
			break;
		if (folio_lock_killable(page_folio(page))) {
			put_page(page);
			return VM_FAULT_SIGBUS;
		}
		spin_lock(&section->lock);
		locked = section_shown_page(section, vmf->pgoff) == page;
		spin_unlock(&section->lock);
		if (!locked) {
			unlock_page(page);
			put_page(page);
		}
	} while (!locked);
	return ndshm_fault_answer(vmf, page);
}

/*
 * The first page from *at on, below @end, with a reference, and *at moves behind its
 * folio; NULL: there is none. For a section that is being revoked, @revoking must be
 * set by who does it, and by nobody else: its memory may go at any time.
 */
static struct page *section_next_page(struct ndshm_section *section, u32 *at,
				      u32 end, bool revoking)
{
	struct ndshm_piece *piece;
	struct page *page = NULL;
	struct folio *folio;

	spin_lock(&section->lock);
	while (!page && (revoking || !READ_ONCE(section->object.revoked))) {
		piece = ndshm_piece_at(section, *at);
		if (!piece || max(*at, piece->start) >= end)
			break;
		*at = max(*at, piece->start);
		page = ndshm_block_page(piece->block, *at - piece->start);
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
 * Wait until faults that were answered with these pages are through. Return: false if
 * one still is not at @deadline.
 */
static bool section_wait_for_faults(struct ndshm_section *section, u32 start,
				    u32 end, bool revoking,
				    unsigned long deadline)
{
	bool settled = true;
	struct page *page;

	while (settled &&
	       (page = section_next_page(section, &start, end, revoking))) {
		settled = ndshm_folio_settle(page_folio(page), deadline);
		put_page(page);
		cond_resched();
	}
	return settled;
}

bool ndshm_section_settle_faults(struct ndshm_object *object,
				 unsigned long deadline)
{
	return section_wait_for_faults(ndshm_section_of(object), 0, U32_MAX,
				       true, deadline);
}

/*
 * Pieces
 */

void ndshm_section_revoke(struct ndshm_section *section)
{
	/* Whoever comes second returns when it has been done. */
	mutex_lock(&section->revoke_lock);
	ndshm_object_revoke(&section->object);
	/* Who holds the lock from now on finds it revoked. */
	spin_lock(&section->lock);
	spin_unlock(&section->lock);
	mutex_unlock(&section->revoke_lock);
}

/* The memory of a piece is about to go, and with it the section. */
static void piece_revoked(void *context, struct ndshm_block *block)
{
	struct ndshm_section *section = context;

	ndshm_section_revoke(section);
}

static void free_piece(struct ndshm_piece *piece)
{
	/* Either waits for the callback. */
	if (piece->taken || piece->left)
		ndshm_block_free_quiet(piece->block);
	else
		ndshm_free(piece->block);
	ndshm_spare_runs_free(&piece->spare);
	kfree(piece);
}

void ndshm_pieces_free(struct list_head *pieces)
{
	struct ndshm_piece *piece, *next;

	list_for_each_entry_safe(piece, next, pieces, link) {
		list_del(&piece->link);
		free_piece(piece);
		cond_resched();
	}
}

static ndshm_reason_t make_block(struct ndshm_section *section, u32 count,
				 struct ndshm_block **block)
{
	const struct ndshm_allocation allocation = {
		.claim = section->claim, .payer = section->payer,
	};
	struct ndshm_parameters parameters = {
		.header = NDSHM_PARAMETERS_HEADER,
		.adapter = section->adapter,
		.provider = section->provider,
		.preferred_node = section->preferred_node,
		.usage = NDSHM_USAGE_OTHER,
		.length = (u64)count << PAGE_SHIFT,
		.unaddressed = true,
		.revoked = piece_revoked,
		.revoked_context = section,
	};
	ndshm_reason_t reason;

	reason = ndshm_blocks_make(&parameters, &allocation, block, 1);
	if (reason == NDSHM_REASON_NONE && !(*block)->registration->page) {
		ndshm_free(*block);
		reason = NDSHM_REASON_PROVIDER_PAGELESS;
	}
	return reason;
}

static ndshm_reason_t make_piece(struct ndshm_section *section, u32 start,
				 u32 count, struct list_head *pieces)
{
	ndshm_reason_t reason = NDSHM_REASON_MEMORY;
	struct ndshm_piece *piece;

	piece = kzalloc(sizeof(*piece), NDSHM_GFP_CHARGED);
	if (!piece)
		return reason;
	piece->start = start;
	piece->count = count;
	if (ndshm_spare_runs_make(&piece->spare))
		goto err_piece;
	reason = make_block(section, count, &piece->block);
	if (reason != NDSHM_REASON_NONE)
		goto err_spare;
	/* Through the section; what is pinned of it stays charged. */
	piece->block->object.shown = true;
	list_add_tail(&piece->link, pieces);
	return reason;

err_spare:
	ndshm_spare_runs_free(&piece->spare);
err_piece:
	kfree(piece);
	return reason;
}

static bool next_hole(struct ndshm_section *section, u32 *start, u32 *count,
		      u32 end)
{
	bool found;

	spin_lock(&section->lock);
	found = ndshm_extent_map_next_hole(&section->map, start, count, end);
	spin_unlock(&section->lock);
	return found;
}

static u32 end_of_slot(u32 page)
{
	return round_down(page, NDSHM_SLOT_PAGES) + NDSHM_SLOT_PAGES;
}

/* The adapter's isolation may have changed since the section was made. */
static ndshm_reason_t section_permit(struct ndshm_section *section)
{
	return section->adapter->ops ?
	       ndshm_adapter_permit(section->adapter, section->rawio) :
	       NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_pieces_alloc(struct ndshm_section *section, u32 start,
				  u32 end, struct list_head *pieces)
{
	ndshm_reason_t reason = section_permit(section);
	u32 count;

	while (reason == NDSHM_REASON_NONE &&
	       next_hole(section, &start, &count, end)) {
		if (fatal_signal_pending(current))
			return NDSHM_REASON_MEMORY;
		count = min(count, end_of_slot(start) - start);
		reason = make_piece(section, start, count, pieces);
		start += count;
		cond_resched();
	}
	return reason;
}

static bool starts_before(struct rb_node *node, const struct rb_node *other)
{
	return piece_of(node)->start < piece_of(other)->start;
}

/* Nobody else has filled the hole meanwhile: holes of a slot come and go whole. */
static bool piece_fits(const struct ndshm_section *section,
		       const struct ndshm_piece *piece)
{
	u32 start = piece->start, count;

	return ndshm_extent_map_next_hole(&section->map, &start, &count,
					  ndshm_piece_end(piece)) &&
	       count == piece->count;
}

void ndshm_pieces_enter(struct ndshm_section *section, struct list_head *pieces)
{
	struct ndshm_piece *piece, *next;

	lockdep_assert_held(&section->lock);

	list_for_each_entry_safe(piece, next, pieces, link) {
		if (!piece_fits(section, piece))
			continue;
		list_del(&piece->link);
		rb_add(&piece->node, &section->pieces, starts_before);
		ndshm_extent_map_commit(&section->map, piece->start,
					piece->count, &piece->spare);
		section->committed += piece->count;
		if (piece->start >= section->initial)
			section->idle += piece->count;
		section->needs_sync |= piece->block->needs_sync;
	}
	section_resize_file(section);
}

void ndshm_section_drop(struct ndshm_section *section)
{
	struct ndshm_piece *piece, *next;
	struct rb_root pieces;

	/* It may have pieces in hand. The section's state keeps it from more. */
	cancel_delayed_work_sync(&section->trimming);
	spin_lock(&section->lock);
	pieces = section->pieces;
	section->pieces = RB_ROOT;
	section->committed = 0;
	section->idle = 0;
	section->trims += 2;
	spin_unlock(&section->lock);
	rbtree_postorder_for_each_entry_safe(piece, next, &pieces, node) {
		free_piece(piece);
		cond_resched();
	}
	wake_up_all(&section->wait);
}

/*
 * Giving back
 */

/* The highest pieces that are idle and lie together are shown to nobody any more. */
static struct ndshm_run *section_leave_idle(struct ndshm_section *section,
					    u32 most,
					    struct ndshm_spare_runs *spare)
{
	struct ndshm_piece *piece;
	u32 start = 0, count = 0;

	lockdep_assert_held(&section->lock);

	if (ndshm_section_state(section) != NDSHM_REASON_NONE)
		return NULL;
	for (piece = piece_of(rb_last(&section->pieces));
	     piece && section->idle > most && count < STEP_PAGES;
	     piece = piece_of(rb_prev(&piece->node))) {
		if (!ndshm_piece_idle(section, piece) ||
		    (count && ndshm_piece_end(piece) != start)) {
			if (count)
				break;
			continue;
		}
		start = piece->start;
		count += piece->count;
		section->idle -= piece->count;
		piece->leaving = true;
	}
	return count ? ndshm_extent_map_leave(&section->map, start, count,
					      spare) : NULL;
}

/* Pieces that nothing shows any more, out of the section. */
static void section_remove_leaving(struct ndshm_section *section,
				   struct ndshm_run *run,
				   struct list_head *pieces)
{
	const u32 end = run->start + run->count;
	struct ndshm_piece *piece, *next;

	lockdep_assert_held(&section->lock);

	/* All of the section goes, or has gone. */
	if (READ_ONCE(section->object.revoked))
		return;
	for (piece = ndshm_piece_at(section, run->start);
	     piece && piece->start < end; piece = next) {
		next = ndshm_piece_next(piece);
		rb_erase(&piece->node, &section->pieces);
		section->committed -= piece->count;
		list_add_tail(&piece->link, pieces);
	}
	ndshm_extent_map_decommit(&section->map, run);
	section_resize_file(section);
}

/* Many pieces at once: unmapping costs a step for every mapping. */
static bool section_trim_some(struct ndshm_section *section, u32 most)
{
	struct ndshm_spare_runs spare;
	struct inode *inode;
	struct ndshm_run *run;
	LIST_HEAD(pieces);

	/* Another time, then. */
	if (ndshm_spare_runs_make(&spare))
		return false;
	spin_lock(&section->lock);
	run = section_leave_idle(section, most, &spare);
	inode = section->inode;
	spin_unlock(&section->lock);
	ndshm_spare_runs_free(&spare);
	if (!run)
		return false;
	/* A revocation must not wait for this work longer than for a fault. */
	while (!section_wait_for_faults(section, run->start,
					run->start + run->count, false,
					jiffies + HZ / 10) &&
	       !READ_ONCE(section->object.revoked))
		cond_resched();
	if (inode)
		unmap_mapping_range(inode->i_mapping,
				    (loff_t)run->start << PAGE_SHIFT,
				    (loff_t)run->count << PAGE_SHIFT, 1);
	spin_lock(&section->lock);
	section_remove_leaving(section, run, &pieces);
	spin_unlock(&section->lock);
	ndshm_pieces_free(&pieces);
	return true;
}

/* What may be idle for a while. */
static u32 most_idle(const struct ndshm_section *section)
{
	return IDLE_PAGES +
	       READ_ONCE(section->map.pages[NDSHM_RUN_TAKEN]) / TAKEN_FOR_IDLE;
}

static bool has_idle(struct ndshm_section *section)
{
	return READ_ONCE(section->idle) && !ndshm_section_revoked(section);
}

/*
 * Only this work gives memory back: it is in no cgroup, so that nobody who is kept from
 * running has memory in hand that others need.
 */
void ndshm_section_trim_work(struct work_struct *work)
{
	struct ndshm_section *section =
		container_of(to_delayed_work(work), struct ndshm_section,
			     trimming);
	u32 most;

	spin_lock(&section->lock);
	section->trims |= 1;
	most = section->idle > most_idle(section) && !section->wanted ?
	       IDLE_PAGES : 0;
	section->wanted = false;
	spin_unlock(&section->lock);
	while (section_trim_some(section, most))
		cond_resched();
	spin_lock(&section->lock);
	section->trims++;
	spin_unlock(&section->lock);
	wake_up_all(&section->wait);
	if (has_idle(section))
		ndshm_section_trim_later(section, HZ);
}

void ndshm_section_settle(struct ndshm_section *section)
{
	if (has_idle(section))
		ndshm_section_trim_later(section, READ_ONCE(section->idle) >
					 most_idle(section) ? 0 : HZ);
}

bool ndshm_section_trim(struct ndshm_section *section)
{
	u32 then;

	spin_lock(&section->lock);
	if (!ndshm_section_has_idle(section)) {
		spin_unlock(&section->lock);
		return false;
	}
	then = round_up(section->trims, 2) + 2;
	section->wanted = true;
	spin_unlock(&section->lock);
	ndshm_section_trim_later(section, 0);
	return wait_event_killable_timeout(section->wait,
			(s32)(READ_ONCE(section->trims) - then) >= 0,
			NDSHM_SECTION_WAIT) > 0;
}
