// SPDX-License-Identifier: GPL-2.0
#include "block.h"
#include "blockset.h"

void ndshm_blockset_init(struct ndshm_blockset *set)
{
	atomic_set(&set->inside, 0);
	spin_lock_init(&set->lock);
	INIT_LIST_HEAD(&set->blocks);
	INIT_LIST_HEAD(&set->hidden);
	INIT_LIST_HEAD(&set->leaving);
	set->count = 0;
	set->bytes = 0;
	init_waitqueue_head(&set->idle);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_init);

/* Who looks with the lock held, and finds it open, has it open while it is held. */
static void close_locked(struct ndshm_blockset *set)
{
	lockdep_assert_held(&set->lock);

	/* Ordered before the look for who is inside; whoever left before was in time. */
	atomic_fetch_or(INT_MIN, &set->inside);
}

bool ndshm_blockset_enter(struct ndshm_blockset *set)
{
	return atomic_inc_unless_negative(&set->inside);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_enter);

void ndshm_blockset_leave(struct ndshm_blockset *set)
{
	/* While it is open nobody waits for it, and it is not touched any more. */
	if (atomic_dec_if_positive(&set->inside) >= 0)
		return;
	/*
	 * The wake-up stays under the lock: the set may be freed as soon as
	 * the waiter, which looks under the lock, has seen zero.
	 */
	spin_lock(&set->lock);
	WARN_ON_ONCE(!ndshm_blockset_inside(set));
	if (atomic_dec_return(&set->inside) == INT_MIN)
		wake_up_all(&set->idle);
	spin_unlock(&set->lock);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_leave);

bool ndshm_blockset_add(struct ndshm_blockset *set, struct ndshm_member *member)
{
	bool added;

	spin_lock(&set->lock);
	added = !ndshm_blockset_closed(set);
	if (added) {
		list_add_tail(&member->link, &set->blocks);
		set->count++;
		set->bytes += member->block->consumed;
	}
	spin_unlock(&set->lock);
	return added;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_add);

void ndshm_blockset_remove(struct ndshm_blockset *set,
			   struct ndshm_member *member)
{
	spin_lock(&set->lock);
	list_del_init(&member->link);
	set->bytes -= member->block->consumed;
	if (!--set->count && ndshm_blockset_closed(set))
		wake_up_all(&set->idle);
	spin_unlock(&set->lock);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_remove);

bool ndshm_blockset_keep(struct ndshm_blockset *set,
			 struct ndshm_member *member)
{
	bool kept;

	spin_lock(&set->lock);
	kept = !list_empty(&member->link);
	if (kept)
		member->kept = true;
	spin_unlock(&set->lock);
	return kept;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_keep);

static bool nobody_inside(struct ndshm_blockset *set)
{
	bool nobody;

	spin_lock(&set->lock);
	nobody = !ndshm_blockset_inside(set);
	spin_unlock(&set->lock);
	return nobody;
}

static bool no_member(struct ndshm_blockset *set)
{
	return !ndshm_blockset_count(set);
}

unsigned int ndshm_blockset_usage(struct ndshm_blockset *set, u64 *bytes)
{
	unsigned int count;

	spin_lock(&set->lock);
	count = set->count;
	*bytes = set->bytes;
	spin_unlock(&set->lock);
	return count;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_usage);

unsigned int ndshm_blockset_count(struct ndshm_blockset *set)
{
	u64 bytes;

	return ndshm_blockset_usage(set, &bytes);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_count);

bool ndshm_blockset_close_empty(struct ndshm_blockset *set)
{
	bool empty;

	spin_lock(&set->lock);
	empty = !set->count;
	if (empty)
		close_locked(set);
	spin_unlock(&set->lock);
	/* Those inside can add nothing any more: they give back what they got. */
	if (empty)
		wait_event(set->idle, nobody_inside(set));
	return empty;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_close_empty);

void ndshm_blockset_reopen(struct ndshm_blockset *set)
{
	spin_lock(&set->lock);
	atomic_fetch_and(INT_MAX, &set->inside);
	spin_unlock(&set->lock);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_reopen);

/* One member after the other from one list to another, with a step on its way. */
static void move_all(struct ndshm_blockset *set, struct list_head *from,
		     struct list_head *to,
		     void (*step)(struct ndshm_block *block))
{
	struct ndshm_member *member;
	struct ndshm_block *block;

	spin_lock(&set->lock);
	while (!list_empty(from)) {
		member = list_first_entry(from, struct ndshm_member, link);
		list_move_tail(&member->link, to);
		block = member->block;
		/* One that has no reference left is on its way out already. */
		if (!ndshm_block_tryget(block))
			continue;
		spin_unlock(&set->lock);
		step(block);
		ndshm_block_release(block);
		spin_lock(&set->lock);
	}
	spin_unlock(&set->lock);
}

void ndshm_blockset_close(struct ndshm_blockset *set)
{
	spin_lock(&set->lock);
	close_locked(set);
	spin_unlock(&set->lock);
	wait_event(set->idle, nobody_inside(set));

	/* A holder that takes its time keeps its own block, and nobody else's mapped. */
	move_all(set, &set->blocks, &set->hidden, ndshm_block_hide);
	move_all(set, &set->hidden, &set->leaving, ndshm_block_end);

	/* Last puts from atomic context are in the queue. */
	ndshm_block_flush();
	wait_event(set->idle, no_member(set));
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_close);
