/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A set of blocks that can be closed. An adapter, a queue, a claim and a provider have
 * one each.
 *
 * A block with memory is in two sets: that of its provider, and that of its user. The
 * user's set is the claim's for a block allocated under a claim, else that of the queue
 * or virtual port; the default queue and port use the adapter's set.
 */
#ifndef _NDSHM_BASE_BLOCKSET_H
#define _NDSHM_BASE_BLOCKSET_H

#include <linux/list.h>
#include <linux/spinlock.h>

#include "active.h"

/* Owner of a set: decides which entry of a block is in its list. */
enum ndshm_blockset_kind {
	NDSHM_BLOCKSET_USER,
	NDSHM_BLOCKSET_PROVIDER,
};

/**
 * struct ndshm_blockset - blocks, and the allocations that may add some
 * @active: one reference for each allocation or other user; killed with @lock held
 * @kind: constant
 * @lock: protects the members below; no lock is taken inside
 * @blocks: the members, by @in_user or @in_provider of struct ndshm_block
 * @count: number of members, also while a revocation has them on its own list
 * @bytes: memory of the members
 */
struct ndshm_blockset {
	struct ndshm_active active;
	enum ndshm_blockset_kind kind;
	spinlock_t lock;	/* blocks, count, bytes */
	struct hlist_head blocks;
	unsigned int count;
	u64 bytes;
};

/*
 * The part of ndshm_blockset_revoke() for a killed set without active references. The hook is set
 * once, at load.
 */
extern bool (*ndshm_blockset_revoke_hook)(struct ndshm_blockset *set, unsigned long timeout);

void ndshm_blockset_init(struct ndshm_blockset *set, enum ndshm_blockset_kind kind);

/* Take an active reference. Return: true if the set is open. Context: any. */
static inline bool ndshm_blockset_get_active(struct ndshm_blockset *set)
{
	return ndshm_active_get(&set->active);
}

static inline void ndshm_blockset_put_active(struct ndshm_blockset *set)
{
	ndshm_active_put(&set->active);
}

/* Make ndshm_blockset_get_active() and the adding of a member fail. Idempotent. */
void ndshm_blockset_kill(struct ndshm_blockset *set);

/*
 * Kill the set and drain its active references. Return: true if it had no member; else
 * nothing has changed. May sleep.
 */
bool ndshm_blockset_drain_unused(struct ndshm_blockset *set);

/* Open the set again after a successful ndshm_blockset_drain_unused(). */
void ndshm_blockset_open(struct ndshm_blockset *set);

/*
 * Kill the set, drain its active references, unmap all members, revoke each, and wait
 * until their memory is freed. An owner may keep a block (ndshm_block_keep()) for @timeout
 * jiffies more; then its memory is lost. Any but MAX_SCHEDULE_TIMEOUT is for the set of a
 * provider, which must learn of it. Tracepoints name the set's owner: the object @id of @kind.
 * Return: false if memory was lost. May sleep; hold no lock that a revocation callback or a free
 * handler takes.
 */
bool ndshm_blockset_revoke(struct ndshm_blockset *set, unsigned long timeout, const char *kind,
			   u32 id);

static inline bool ndshm_blockset_killed(const struct ndshm_blockset *set)
{
	return READ_ONCE(set->active.dead);
}

/* Return: the number of members. *bytes is their memory. */
unsigned int ndshm_blockset_usage(struct ndshm_blockset *set, u64 *bytes);

static inline unsigned int ndshm_blockset_count(struct ndshm_blockset *set)
{
	u64 bytes;

	return ndshm_blockset_usage(set, &bytes);
}

#endif /* _NDSHM_BASE_BLOCKSET_H */
