// SPDX-License-Identifier: GPL-2.0
#include "block.h"
#include "blockset.h"

void ndshm_blockset_init(struct ndshm_blockset *set)
{
	spin_lock_init(&set->lock);
	INIT_LIST_HEAD(&set->blocks);
	INIT_LIST_HEAD(&set->leaving);
	set->inside = 0;
	set->count = 0;
	set->bytes = 0;
	set->closed = false;
	init_waitqueue_head(&set->idle);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_init);

bool ndshm_blockset_enter(struct ndshm_blockset *set)
{
	bool entered;

	spin_lock(&set->lock);
	entered = !set->closed;
	set->inside += entered;
	spin_unlock(&set->lock);
	return entered;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_enter);

void ndshm_blockset_leave(struct ndshm_blockset *set)
{
	/*
	 * The wake-up stays under the lock: the set may be freed as soon as
	 * the waiter, which looks under the lock, has seen zero.
	 */
	spin_lock(&set->lock);
	if (!--set->inside && set->closed)
		wake_up_all(&set->idle);
	spin_unlock(&set->lock);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_leave);

bool ndshm_blockset_add(struct ndshm_blockset *set, struct ndshm_member *member)
{
	bool added;

	spin_lock(&set->lock);
	added = !set->closed;
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
	if (!--set->count && set->closed)
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
	nobody = !set->inside;
	spin_unlock(&set->lock);
	return nobody;
}

static bool no_member(struct ndshm_blockset *set)
{
	return !ndshm_blockset_count(set);
}

bool ndshm_blockset_closed(const struct ndshm_blockset *set)
{
	return READ_ONCE(set->closed);
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
	set->closed |= empty;
	spin_unlock(&set->lock);
	/* Those inside can add nothing any more: they give back what they got. */
	if (empty)
		wait_event(set->idle, nobody_inside(set));
	return empty;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_close_empty);

void ndshm_blockset_close(struct ndshm_blockset *set)
{
	struct ndshm_member *member;
	struct ndshm_block *block;

	spin_lock(&set->lock);
	set->closed = true;
	spin_unlock(&set->lock);
	wait_event(set->idle, nobody_inside(set));

	spin_lock(&set->lock);
	while (!list_empty(&set->blocks)) {
		member = list_first_entry(&set->blocks, struct ndshm_member,
					  link);
		list_move_tail(&member->link, &set->leaving);
		block = member->block;
		/* One that has no reference left is on its way out already. */
		if (!ndshm_block_tryget(block))
			continue;
		spin_unlock(&set->lock);
		ndshm_block_revoke(block);
		ndshm_block_release(block);
		spin_lock(&set->lock);
	}
	spin_unlock(&set->lock);

	/* Last puts from atomic context are in the queue. */
	ndshm_block_flush();
	wait_event(set->idle, no_member(set));
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_close);
