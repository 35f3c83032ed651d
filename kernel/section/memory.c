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

#include "../adapter/adapter.h"
#include "../adapter/claim.h"
#include "../block/block.h"
#include "../registration/provider.h"
#include "memory.h"

/*
 * Idle pages that are not freed at once: IDLE_PAGES, and one for each TAKEN_FOR_IDLE pages of
 * extents. Few, since allocators that use extents keep free memory as well.
 */
#define IDLE_PAGES	NDSHM_SLOT_PAGES
#define TAKEN_FOR_IDLE	128

/* Pages to unmap and free in one step: each step walks all VMAs of the section. */
#define STEP_PAGES	(16 * NDSHM_SLOT_PAGES)

/* Return: the page for a fault at @at, or NULL for SIGBUS. Called with @section->lock held. */
static struct page *section_shown_page(struct ndshm_section *section, u32 at)
{
	struct ndshm_piece *piece = ndshm_piece_at(section, at);

	if (!piece || at < piece->run.start || piece->leaving ||
	    READ_ONCE(section->object.revoked))
		return NULL;
	return ndshm_block_page(piece->block, at - piece->run.start);
}

/*
 * Lock the page without @section->lock, which is a spinlock, and then check that it still belongs
 * to the section. section_wait_for_faults() waits for the page lock before memory is unmapped, so
 * a page that passes the check is in the page table before it is unmapped.
 */
vm_fault_t ndshm_section_fault(struct ndshm_object *object,
			       struct vm_fault *vmf)
{
	struct ndshm_section *section = ndshm_section_of(object);
	struct page *page;
	bool locked;

	for (;;) {
		spin_lock(&section->lock);
		page = section_shown_page(section, vmf->pgoff);
		if (page)
			get_page(page);
		spin_unlock(&section->lock);
		if (!page)
			return VM_FAULT_SIGBUS;
		if (folio_lock_killable(page_folio(page))) {
			put_page(page);
			return VM_FAULT_SIGBUS;
		}
		spin_lock(&section->lock);
		locked = section_shown_page(section, vmf->pgoff) == page;
		spin_unlock(&section->lock);
		if (locked)
			return ndshm_fault_answer(vmf, page);
		unlock_page(page);
		put_page(page);
	}
}

/*
 * Find the first page from *@at on and below @end, take a reference on its folio and advance *@at
 * behind the folio. Return: NULL if there is none, or if the section is revoked, since its memory
 * may then be freed at any time. Only ndshm_section_settle_faults() may set @revoking to search
 * nevertheless: the memory is freed after it has returned.
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
		if (!piece || max(*at, piece->run.start) >= end)
			break;
		*at = max(*at, piece->run.start);
		page = ndshm_block_page(piece->block, *at - piece->run.start);
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
 * Wait until no fault holds the lock of a page from @start to @end. Return: false if one still
 * does at @deadline (in jiffies; jiffies itself means not to wait).
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

static long section_revoke(void *argument)
{
	struct ndshm_section *section = argument;

	if (!ndshm_object_revoke(&section->object))
		return 0;
	/* A task that takes the lock after this sees the section revoked. */
	spin_lock(&section->lock);
	spin_unlock(&section->lock);
	complete_all(&section->revocation);
	return 0;
}

void ndshm_section_revoke(struct ndshm_section *section)
{
	/*
	 * Run in a kernel worker: a device removal waits for @revocation, and the caller may be
	 * throttled by its cgroup.
	 */
	if (!READ_ONCE(section->object.revoked))
		work_on_cpu(raw_smp_processor_id(), section_revoke, section);
	wait_for_completion(&section->revocation);
}

/* Revocation callback of a chunk's block: its memory is freed when this returns. */
static void piece_revoked(void *context, struct ndshm_block *block)
{
	ndshm_section_revoke(context);
}

static void free_piece(struct ndshm_piece *piece)
{
	/*
	 * Both wait for a running piece_revoked(). A device may still access memory that was not
	 * freed by its holder: such memory is kept until the claim has ended.
	 */
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

	list_for_each_entry_safe(piece, next, pieces, run.link) {
		free_piece(piece);
		cond_resched();
	}
}

static ndshm_reason_t make_piece(struct ndshm_section *section, u32 start,
				 u32 count, struct list_head *pieces)
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
	ndshm_reason_t reason = NDSHM_REASON_MEMORY;
	struct ndshm_piece *piece;

	piece = kzalloc(sizeof(*piece), NDSHM_GFP_CHARGED);
	if (!piece)
		return reason;
	piece->run.start = start;
	piece->run.count = count;
	list_add_tail(&piece->run.link, pieces);
	if (ndshm_spare_runs_make(&piece->spare))
		return reason;
	reason = ndshm_blocks_make(&parameters, &allocation, &piece->block, 1);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	/* Pages are mapped through the section, so ndshm_block_keep_pages() must look for pins. */
	piece->block->object.shown = true;
	return piece->block->registration->page ?
	       reason : NDSHM_REASON_PROVIDER_PAGELESS;
}

ndshm_reason_t ndshm_pieces_alloc(struct ndshm_section *section, u32 start,
				  u32 end, struct list_head *pieces)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	u32 count, slot;
	bool hole;

	/* The adapter's isolation may have changed since the section was created. */
	if (section->adapter->ops)
		reason = ndshm_adapter_permit(section->adapter, section->rawio);
	while (reason == NDSHM_REASON_NONE) {
		spin_lock(&section->lock);
		hole = ndshm_extent_map_next_hole(&section->map, &start, &count,
						  end);
		spin_unlock(&section->lock);
		if (!hole)
			break;
		if (fatal_signal_pending(current))
			return NDSHM_REASON_MEMORY;
		slot = round_down(start, NDSHM_SLOT_PAGES) + NDSHM_SLOT_PAGES;
		count = min(count, slot - start);
		reason = make_piece(section, start, count, pieces);
		start += count;
		cond_resched();
	}
	return reason;
}

/*
 * Return: true if the hole of @piece still exists. Within a slot a hole is filled as a whole and
 * comes back as a whole, so comparing the length is enough.
 */
static bool piece_fits(const struct ndshm_section *section,
		       const struct ndshm_piece *piece)
{
	u32 start = piece->run.start, count;

	return ndshm_extent_map_next_hole(&section->map, &start, &count,
					  ndshm_run_end(&piece->run)) &&
	       count == piece->run.count;
}

void ndshm_pieces_enter(struct ndshm_section *section, struct list_head *pieces)
{
	struct ndshm_piece *piece, *next;

	lockdep_assert_held(&section->lock);

	list_for_each_entry_safe(piece, next, pieces, run.link) {
		if (!piece_fits(section, piece))
			continue;
		list_del(&piece->run.link);
		ndshm_runs_insert(&section->pieces, &piece->run);
		ndshm_extent_map_commit(&section->map, piece->run.start,
					piece->run.count, &piece->spare);
		section->committed += piece->run.count;
		if (piece->run.start >= section->initial)
			section->idle += piece->run.count;
		section->needs_sync |= piece->block->needs_sync;
	}
}

static long section_drop(void *argument)
{
	struct ndshm_section *section = argument;
	struct ndshm_piece *piece, *next;
	struct rb_root pieces;

	spin_lock(&section->lock);
	pieces = section->pieces;
	section->pieces = RB_ROOT;
	section->committed = 0;
	section->idle = 0;
	spin_unlock(&section->lock);
	rbtree_postorder_for_each_entry_safe(piece, next, &pieces, run.node) {
		free_piece(piece);
		cond_resched();
	}
	wake_up_all(&ndshm_section_wait);
	return 0;
}

void ndshm_section_drop(struct ndshm_section *section)
{
	/* @trimming may own chunks. A later run finds no idle chunk. */
	cancel_delayed_work_sync(&section->trimming);
	/*
	 * Run in a kernel worker: the removal of the device waits for these blocks, and the caller
	 * may be throttled by its cgroup.
	 */
	if (section->adapter->ops && !RB_EMPTY_ROOT(&section->pieces))
		work_on_cpu(raw_smp_processor_id(), section_drop, section);
	else
		section_drop(section);
}

/*
 * Allocate the highest adjacent idle chunks, at least one and about STEP_PAGES, so that no extent
 * can use them. Return: their run, or NULL.
 */
static struct ndshm_run *section_take_idle(struct ndshm_section *section,
					   struct ndshm_spare_runs *spare)
{
	struct ndshm_piece *piece;
	u32 start = 0, count = 0;

	lockdep_assert_held(&section->lock);

	if (ndshm_section_state(section) != NDSHM_REASON_NONE)
		return NULL;
	for (piece = ndshm_piece_of(rb_last(&section->pieces));
	     piece && count < STEP_PAGES;
	     piece = ndshm_piece_of(rb_prev(&piece->run.node))) {
		if (ndshm_piece_idle(section, piece) &&
		    (!count || ndshm_run_end(&piece->run) == start)) {
			start = piece->run.start;
			count += piece->run.count;
			piece->leaving = true;
		} else if (count) {
			break;
		}
	}
	return count ? ndshm_extent_map_take(&section->map, start, count,
					     spare) : NULL;
}

/* Set @section->leaving. Return: false if no chunk is idle or an allocation failed. */
static bool section_begin_trim(struct ndshm_section *section)
{
	struct ndshm_spare_runs spare;

	if (ndshm_spare_runs_make(&spare))
		return false;
	spin_lock(&section->lock);
	section->leaving = section_take_idle(section, &spare);
	spin_unlock(&section->lock);
	ndshm_spare_runs_free(&spare);
	return section->leaving;
}

/*
 * Unmap @section->leaving. Return: false if a fault holds the lock of one of its pages, or a
 * process holds the mapping's i_mmap_rwsem for writing: either may be throttled, so do not wait
 * for it. The trylock only probes; unmap_mapping_range() takes the lock itself.
 */
static bool section_unmap_leaving(struct ndshm_section *section)
{
	struct inode *inode = READ_ONCE(section->object.inode);
	const struct ndshm_run *run = section->leaving;

	if (!section_wait_for_faults(section, run->start, ndshm_run_end(run),
				     false, jiffies))
		return false;
	if (!inode)
		return true;
	if (!i_mmap_trylock_read(inode->i_mapping))
		return false;
	i_mmap_unlock_read(inode->i_mapping);
	unmap_mapping_range(inode->i_mapping, (loff_t)run->start << PAGE_SHIFT,
			    (loff_t)run->count << PAGE_SHIFT, 1);
	return true;
}

/* Free the chunks of @section->leaving, which is unmapped. */
static void section_free_leaving(struct ndshm_section *section)
{
	const u32 end = ndshm_run_end(section->leaving);
	struct ndshm_piece *piece, *next;
	u32 count = 0;
	LIST_HEAD(pieces);

	spin_lock(&section->lock);
	piece = ndshm_piece_at(section, section->leaving->start);
	/* After a revocation section_drop() frees all chunks. */
	for (; !READ_ONCE(section->object.revoked) && piece &&
	     piece->run.start < end; piece = next) {
		next = ndshm_piece_next(piece);
		rb_erase(&piece->run.node, &section->pieces);
		count += piece->run.count;
		list_add_tail(&piece->run.link, &pieces);
	}
	section->committed -= count;
	if (count)
		ndshm_extent_map_give(&section->map, section->leaving,
				      NDSHM_RUN_HOLE);
	section->leaving = NULL;
	spin_unlock(&section->lock);
	ndshm_pieces_free(&pieces);
	spin_lock(&section->lock);
	section->idle -= min(count, section->idle);
	spin_unlock(&section->lock);
}

/*
 * Only this work frees idle memory. It runs in a kworker outside of all users' cgroups: a
 * throttled caller must not delay the freeing of memory that others wait for.
 */
void ndshm_section_trim_work(struct work_struct *work)
{
	struct ndshm_section *section =
		container_of(to_delayed_work(work), struct ndshm_section,
			     trimming);

	while (section->leaving || section_begin_trim(section)) {
		if (!section_unmap_leaving(section)) {
			/* Back off: a user can stall faults in many sections. */
			section->retry = min(2 * section->retry + 1, 1UL * HZ);
			ndshm_section_trim_later(section, section->retry);
			return;
		}
		section->retry = 0;
		section_free_leaving(section);
		cond_resched();
	}
	wake_up_all(&ndshm_section_wait);
	if (ndshm_section_has_idle(section))
		ndshm_section_trim_later(section, HZ);
}

void ndshm_section_settle(struct ndshm_section *section)
{
	const u32 most = IDLE_PAGES + READ_ONCE(section->taken) / TAKEN_FOR_IDLE;

	if (ndshm_section_has_idle(section))
		ndshm_section_trim_later(section,
					 READ_ONCE(section->idle) > most ?
					 0 : HZ);
}
