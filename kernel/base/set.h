/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A set of blocks that can be closed: what an adapter, a queue, a claim and a provider
 * have in common.
 *
 * A block with memory is in two sets, its provider's and its user's: that of the claim
 * it was made under, or else that of its queue or virtual port; the adapter's set is
 * that of the default ones.
 */
#ifndef _NDSHM_CORE_BLOCKSET_H
#define _NDSHM_CORE_BLOCKSET_H

#include <linux/list.h>
#include <linux/spinlock.h>

#include "active.h"

struct ndshm_block;

/**
 * struct ndshm_member - a block's place in one set
 * @link: in the set's list; protected by the set's lock
 * @block: the block
 */
struct ndshm_member {
	struct list_head link;
	struct ndshm_block *block;
};

/**
 * struct ndshm_blockset - blocks, and the allocations that are under way
 * @active: a reference for each allocation or other user inside; killed with @lock held
 * @lock: protects all that follows; innermost
 * @blocks: members
 * @count: number of members, also while ndshm_blockset_close() has them in its own list
 * @bytes: memory that the members take
 */
struct ndshm_blockset {
	struct ndshm_active active;
	spinlock_t lock;	/* all that follows */
	struct list_head blocks;
	unsigned int count;
	u64 bytes;
};

/* Revoke all members of a killed set. Set before the first one is added, once. */
extern void (*ndshm_blockset_revoke_hook)(struct ndshm_blockset *set);

void ndshm_blockset_init(struct ndshm_blockset *set);

/* Take a reference for as long as the set is used; false if it is closed. */
static inline bool ndshm_blockset_enter(struct ndshm_blockset *set)
{
	return ndshm_active_get(&set->active);
}

static inline void ndshm_blockset_leave(struct ndshm_blockset *set)
{
	ndshm_active_put(&set->active);
}

/* From inside: add a member of @bytes; false if the set was closed meanwhile. */
bool ndshm_blockset_add(struct ndshm_blockset *set,
			struct ndshm_member *member, u64 bytes);

/* The last use that its block makes of the set; @bytes as when it was added. */
void ndshm_blockset_remove(struct ndshm_blockset *set,
			   struct ndshm_member *member, u64 bytes);

/* From now on enter and add fail. Idempotent. */
void ndshm_blockset_kill(struct ndshm_blockset *set);

/*
 * Kill the set and wait until nobody is inside. Return: false, and nothing has changed,
 * if it has members. May sleep.
 */
bool ndshm_blockset_close_empty(struct ndshm_blockset *set);

/* Open the set again after ndshm_blockset_close_empty(). */
void ndshm_blockset_reopen(struct ndshm_blockset *set);

/*
 * Kill the set, wait until nobody is inside, unmap all members, revoke each, and wait
 * until the memory of all has been freed. May sleep; hold no lock.
 */
void ndshm_blockset_close(struct ndshm_blockset *set);

static inline bool ndshm_blockset_closed(const struct ndshm_blockset *set)
{
	return READ_ONCE(set->active.dead);
}

/* The number of members and the bytes of memory that they take. */
unsigned int ndshm_blockset_usage(struct ndshm_blockset *set, u64 *bytes);

static inline unsigned int ndshm_blockset_count(struct ndshm_blockset *set)
{
	u64 bytes;

	return ndshm_blockset_usage(set, &bytes);
}

#endif /* _NDSHM_CORE_BLOCKSET_H */
