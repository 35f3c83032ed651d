// SPDX-License-Identifier: GPL-2.0
/*
 * A section's memory: pieces of it that come when they are needed, are shown through
 * the section's one file, and go when nobody needs them.
 */
#include <linux/fs.h>
#include <linux/mm.h>
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

/* What goes while others wait. */
#define STEP_PAGES	(16 * NDSHM_SLOT_PAGES)

#define piece_of(node_) rb_entry_safe(node_, struct ndshm_piece, node)

struct ndshm_piece *ndshm_piece_at(const struct ndshm_section *section, u32 at)
{
	struct rb_node *node = section->pieces.rb_node;
	struct ndshm_piece *piece, *behind = NULL;

	lockdep_assert_held(&section->object.lock);

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

u64 ndshm_section_size(struct ndshm_object *object)
{
	struct ndshm_section *section = ndshm_section_of(object);
	struct ndshm_piece *last = piece_of(rb_last(&section->pieces));

	lockdep_assert_held(&object->lock);

	return last ? (u64)ndshm_piece_end(last) << PAGE_SHIFT : 0;
}

static void resize_file(struct ndshm_section *section)
{
	struct ndshm_object *object = &section->object;

	if (object->inode)
		i_size_write(object->inode, ndshm_section_size(object));
}

vm_fault_t ndshm_section_fault(struct ndshm_object *object,
			       struct vm_fault *vmf)
{
	struct ndshm_section *section = ndshm_section_of(object);
	struct ndshm_piece *piece = ndshm_piece_at(section, vmf->pgoff);

	if (!piece || vmf->pgoff < piece->start)
		return VM_FAULT_SIGBUS;
	return ndshm_block_show(piece->block, vmf->pgoff - piece->start, vmf);
}

/* Nobody who needs the object's lock to go on has one of the pages. */
void ndshm_section_wait(struct ndshm_object *object)
{
	struct ndshm_section *section = ndshm_section_of(object);
	struct ndshm_piece *piece;

	mutex_lock(&object->lock);
	for (piece = ndshm_piece_at(section, 0); piece; piece = ndshm_piece_next(piece))
		ndshm_block_settle(&piece->block->object);
	mutex_unlock(&object->lock);
}

/*
 * Pieces
 */

/*
 * The memory of a piece is about to go, and with it the section. When the first has
 * shown that it is hidden, the others need not wait for their own.
 */
static void piece_revoked(void *context, struct ndshm_block *block)
{
	struct ndshm_section *section = context;

	mutex_lock(&section->revoke_lock);
	ndshm_object_revoke(&section->object);
	mutex_unlock(&section->revoke_lock);
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
	struct ndshm_allocation allocation = { .claim = section->claim };
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

	allocation.payer = ndshm_payer_alloc(NULL);
	if (!allocation.payer)
		return NDSHM_REASON_MEMORY;
	reason = ndshm_blocks_make(&parameters, &allocation, block, 1);
	ndshm_payer_put(allocation.payer);
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

/* Holes come and go under the grow_lock only. */
static bool next_hole(struct ndshm_section *section, u32 *start, u32 *count,
		      u32 end)
{
	bool found;

	mutex_lock(&section->object.lock);
	found = ndshm_extent_map_next_hole(&section->map, start, count, end);
	mutex_unlock(&section->object.lock);
	return found;
}

static u32 end_of_slot(u32 page)
{
	return round_down(page, NDSHM_SLOT_PAGES) + NDSHM_SLOT_PAGES;
}

/* For all holes from @start to @end. */
static ndshm_reason_t make_pieces(struct ndshm_section *section, u32 start,
				  u32 end, struct list_head *pieces)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;
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

static void enter_piece(struct ndshm_section *section,
			struct ndshm_piece *piece)
{
	lockdep_assert_held(&section->object.lock);

	rb_add(&piece->node, &section->pieces, starts_before);
	ndshm_extent_map_commit(&section->map, piece->start, piece->count,
				&piece->spare);
	section->committed += piece->count;
	if (piece->start >= section->initial)
		section->idle += piece->count;
	section->needs_sync |= piece->block->needs_sync;
}

/* All of them, or none: then they are as they were. */
static ndshm_reason_t enter_pieces(struct ndshm_section *section,
				   struct list_head *pieces)
{
	struct ndshm_piece *piece, *next;
	ndshm_reason_t reason;

	mutex_lock(&section->object.lock);
	reason = ndshm_section_state(section);
	if (reason == NDSHM_REASON_NONE) {
		list_for_each_entry_safe(piece, next, pieces, link) {
			list_del(&piece->link);
			enter_piece(section, piece);
		}
		resize_file(section);
	}
	mutex_unlock(&section->object.lock);
	return reason;
}

/* The adapter's isolation may have changed since the section was made. */
static ndshm_reason_t permit(struct ndshm_section *section)
{
	return section->adapter->ops ?
	       ndshm_adapter_permit(section->adapter, section->rawio) :
	       NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_section_commit(struct ndshm_section *section, u32 start,
				    u32 end, struct list_head *left)
{
	ndshm_reason_t reason = permit(section);
	LIST_HEAD(pieces);

	lockdep_assert_held(&section->grow_lock);

	if (reason == NDSHM_REASON_NONE)
		reason = make_pieces(section, start, end, &pieces);
	if (reason == NDSHM_REASON_NONE)
		reason = enter_pieces(section, &pieces);
	list_splice_tail(&pieces, left);
	return reason;
}

void ndshm_section_drop(struct ndshm_section *section)
{
	struct ndshm_piece *piece, *next;
	struct rb_root pieces;

	mutex_lock(&section->object.lock);
	pieces = section->pieces;
	section->pieces = RB_ROOT;
	section->committed = 0;
	section->idle = 0;
	mutex_unlock(&section->object.lock);
	rbtree_postorder_for_each_entry_safe(piece, next, &pieces, node) {
		free_piece(piece);
		cond_resched();
	}
}

/*
 * Giving back
 */

/* The highest that are idle and lie together, out of the section; their place. */
static u32 leave_idle(struct ndshm_section *section, u32 most,
		      struct list_head *pieces, struct ndshm_spare_runs *spare)
{
	struct ndshm_piece *piece, *lower;
	u32 start = 0, count = 0;

	lockdep_assert_held(&section->object.lock);

	for (piece = piece_of(rb_last(&section->pieces));
	     piece && section->idle > most && count < STEP_PAGES; piece = lower) {
		lower = piece_of(rb_prev(&piece->node));
		if (!ndshm_piece_idle(section, piece) ||
		    (count && ndshm_piece_end(piece) != start)) {
			if (count)
				break;
			continue;
		}
		start = piece->start;
		count += piece->count;
		rb_erase(&piece->node, &section->pieces);
		section->committed -= piece->count;
		section->idle -= piece->count;
		ndshm_block_settle(&piece->block->object);
		list_add(&piece->link, pieces);
	}
	if (count)
		ndshm_extent_map_decommit(&section->map, start, count, spare);
	return start;
}

/*
 * Some pieces at once, into the empty list @pieces: each hiding costs a step for every
 * mapping.
 */
static bool trim_some(struct ndshm_section *section, u32 most,
		      struct list_head *pieces)
{
	struct inode *inode = NULL;
	struct ndshm_spare_runs spare;
	struct ndshm_piece *last;
	u32 start = 0;

	lockdep_assert_held(&section->grow_lock);

	/* Another time, then. */
	if (ndshm_spare_runs_make(&spare))
		return false;
	mutex_lock(&section->object.lock);
	if (ndshm_section_state(section) == NDSHM_REASON_NONE)
		start = leave_idle(section, most, pieces, &spare);
	if (!list_empty(pieces)) {
		resize_file(section);
		inode = section->object.inode;
	}
	mutex_unlock(&section->object.lock);
	ndshm_spare_runs_free(&spare);
	if (list_empty(pieces))
		return false;
	last = list_last_entry(pieces, struct ndshm_piece, link);
	if (inode)
		unmap_mapping_range(inode->i_mapping,
				    (loff_t)start << PAGE_SHIFT,
				    (loff_t)(ndshm_piece_end(last) - start) << PAGE_SHIFT,
				    1);
	return true;
}

/* @wait: for who makes or takes away pieces just now; or else it is put off. */
static void trim(struct ndshm_section *section, u32 most, bool wait)
{
	LIST_HEAD(pieces);
	bool more;

	do {
		if (wait)
			mutex_lock(&section->grow_lock);
		else if (!mutex_trylock(&section->grow_lock))
			return;
		more = trim_some(section, most, &pieces);
		mutex_unlock(&section->grow_lock);
		/* Handlers of providers are not called with a lock of ours. */
		ndshm_pieces_free(&pieces);
	} while (more);
}

static bool has_idle(struct ndshm_section *section)
{
	return READ_ONCE(section->idle) && !ndshm_section_revoked(section);
}

void ndshm_section_trim_work(struct work_struct *work)
{
	struct ndshm_section *section =
		container_of(to_delayed_work(work), struct ndshm_section,
			     trimming);

	trim(section, 0, true);
	if (has_idle(section))
		ndshm_section_trim_later(section, HZ);
}

void ndshm_section_settle(struct ndshm_section *section)
{
	u32 most;

	if (!has_idle(section))
		return;
	most = IDLE_PAGES +
	       READ_ONCE(section->map.pages[NDSHM_RUN_TAKEN]) / TAKEN_FOR_IDLE;
	if (READ_ONCE(section->idle) > most)
		trim(section, IDLE_PAGES, false);
	/* Somebody was in the way, and may be there again and again: wait for him. */
	ndshm_section_trim_later(section,
				 READ_ONCE(section->idle) > most ? 0 : HZ);
}

/* Is any of what is idle charged to that user? */
static bool idles_for(struct ndshm_section *section,
		      const struct user_struct *user)
{
	struct ndshm_piece *piece;
	bool found = false;

	mutex_lock(&section->object.lock);
	if (ndshm_section_state(section) == NDSHM_REASON_NONE)
		for (piece = ndshm_piece_at(section, section->initial);
		     piece && !found; piece = ndshm_piece_next(piece))
			found = ndshm_piece_idle(section, piece) &&
				piece->block->charge.payer &&
				piece->block->charge.payer->cred->user == user;
	mutex_unlock(&section->object.lock);
	return found;
}

void ndshm_section_trim_for(struct ndshm_section *section,
			    const struct user_struct *user)
{
	if (READ_ONCE(section->idle) && idles_for(section, user))
		trim(section, 0, false);
}

bool ndshm_section_trim_held(struct ndshm_section *section,
			     struct list_head *left)
{
	LIST_HEAD(pieces);
	bool some = READ_ONCE(section->idle) && trim_some(section, 0, &pieces);

	list_splice_tail(&pieces, left);
	return some;
}
