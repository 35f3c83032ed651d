// SPDX-License-Identifier: GPL-2.0
/* Sets of blocks: usage, and the drain and revocation of a set. block/members.c has the members. */
#include <linux/cache.h>

#include "blockset.h"
#include "trace.h"

bool (*ndshm_blockset_revoke_hook)(struct ndshm_blockset *set,
				   unsigned long timeout) __ro_after_init;

void ndshm_blockset_init(struct ndshm_blockset *set, enum ndshm_blockset_kind kind)
{
	set->kind = kind;
	ndshm_active_init(&set->active);
	spin_lock_init(&set->lock);
	INIT_HLIST_HEAD(&set->blocks);
	set->count = 0;
	set->bytes = 0;
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

void ndshm_blockset_kill(struct ndshm_blockset *set)
{
	spin_lock(&set->lock);
	ndshm_active_kill(&set->active);
	spin_unlock(&set->lock);
}

bool ndshm_blockset_drain_unused(struct ndshm_blockset *set)
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

void ndshm_blockset_open(struct ndshm_blockset *set)
{
	spin_lock(&set->lock);
	ndshm_active_init(&set->active);
	spin_unlock(&set->lock);
}

bool ndshm_blockset_revoke(struct ndshm_blockset *set, unsigned long timeout, const char *kind,
			   u32 id)
{
	unsigned int count;
	bool ended;
	u64 bytes;

	if (trace_ndshm_revoke_begin_enabled()) {
		count = ndshm_blockset_usage(set, &bytes);
		trace_ndshm_revoke_begin(kind, id, ndshm_active_count(&set->active), count,
					 bytes);
	}
	ndshm_blockset_kill(set);
	ndshm_active_drain(&set->active);
	ended = ndshm_blockset_revoke_hook(set, timeout);
	trace_ndshm_revoke_end(kind, id);
	return ended;
}
