// SPDX-License-Identifier: GPL-2.0
#include <linux/cache.h>
#include <linux/wait_bit.h>

#include "blockset.h"

void (*ndshm_blockset_revoke_hook)(struct ndshm_blockset *set) __ro_after_init;

void ndshm_blockset_init(struct ndshm_blockset *set)
{
	ndshm_active_init(&set->active);
	spin_lock_init(&set->lock);
	INIT_HLIST_HEAD(&set->blocks);
	set->count = 0;
	set->bytes = 0;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_init);

bool ndshm_blockset_add(struct ndshm_blockset *set,
			struct ndshm_member *member, u64 bytes)
{
	bool added;

	spin_lock(&set->lock);
	added = !ndshm_blockset_killed(set);
	if (added) {
		hlist_add_head(&member->link, &set->blocks);
		set->count++;
		set->bytes += bytes;
	}
	spin_unlock(&set->lock);
	return added;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_add);

void ndshm_blockset_remove(struct ndshm_blockset *set,
			   struct ndshm_member *member, u64 bytes)
{
	spin_lock(&set->lock);
	hlist_del(&member->link);
	set->bytes -= bytes;
	/* Wake before unlocking: the waiter may free the set once it has had the lock. */
	if (!--set->count && ndshm_blockset_killed(set))
		wake_up_var(&set->count);
	spin_unlock(&set->lock);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_remove);

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

void ndshm_blockset_kill(struct ndshm_blockset *set)
{
	spin_lock(&set->lock);
	ndshm_active_kill(&set->active);
	spin_unlock(&set->lock);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_kill);

bool ndshm_blockset_drain_empty(struct ndshm_blockset *set)
{
	bool empty;

	spin_lock(&set->lock);
	empty = !set->count;
	if (empty)
		ndshm_active_kill(&set->active);
	spin_unlock(&set->lock);
	if (empty)
		ndshm_active_drain(&set->active);
	return empty;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_drain_empty);

void ndshm_blockset_revive(struct ndshm_blockset *set)
{
	spin_lock(&set->lock);
	ndshm_active_init(&set->active);
	spin_unlock(&set->lock);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_revive);

void ndshm_blockset_drain(struct ndshm_blockset *set)
{
	ndshm_blockset_kill(set);
	ndshm_active_drain(&set->active);
	ndshm_blockset_revoke_hook(set);
	wait_var_event(&set->count, !ndshm_blockset_count(set));
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_blockset_drain);
