/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A set of blocks that can be closed: what an adapter, a queue, a claim and a
 * provider have in common. Each is used by allocations for a while ("inside"), then
 * holds the blocks that came of them, and one day has to get rid of both.
 *
 * A block with memory behind it is in two sets, its provider's and that of its
 * user: the claim it was made under, or else the queue or the virtual port that it is
 * for; the adapter's set is that of the default ones.
 */
#ifndef _NDSHM_CORE_BLOCKSET_H
#define _NDSHM_CORE_BLOCKSET_H

#include <linux/atomic.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

struct ndshm_block;

/**
 * struct ndshm_member - a block's place in one set
 * @link: in one of the set's lists, or empty once it was removed
 * @block: whose it is
 * @kept: a reference goes with the place; written before it was removed, and read after
 */
struct ndshm_member {
	struct list_head link;
	struct ndshm_block *block;
	bool kept;
};

/**
 * struct ndshm_blockset - blocks, and the allocations under way
 * @inside: allocations and other users under way, counted from INT_MIN on once the
 *	set is closed, so that nobody enters, and nothing is added. It is closed with
 *	@lock held, and then counted down with it
 * @lock: guards all that follows; innermost, taken by nobody who holds another
 * @blocks: members that nobody has begun to revoke
 * @hidden: members that nothing shows any more, or soon; whose holders are not told yet
 * @leaving: members whose holders are being told, or that are being freed
 * @count: members of all lists
 * @bytes: of memory that they take
 * @idle: woken when @inside or @count reaches 0 in a closed set
 */
struct ndshm_blockset {
	atomic_t inside;
	spinlock_t lock;	/* all that follows */
	struct list_head blocks;
	struct list_head hidden;
	struct list_head leaving;
	unsigned int count;
	u64 bytes;
	wait_queue_head_t idle;
};

void ndshm_blockset_init(struct ndshm_blockset *set);

/* Come in; false if the set is closed. Whoever came in leaves. */
bool ndshm_blockset_enter(struct ndshm_blockset *set);
void ndshm_blockset_leave(struct ndshm_blockset *set);

/* From inside: add a member; false if the set was closed meanwhile. */
bool ndshm_blockset_add(struct ndshm_blockset *set,
			struct ndshm_member *member);

/* Take a member out; the last thing that its block does with the set. */
void ndshm_blockset_remove(struct ndshm_blockset *set,
			   struct ndshm_member *member);

/*
 * The caller's reference on a member is the set's from now on, also if that is just
 * closing, and dropped by who revokes the block. False: it is no member any more, and
 * the reference still the caller's.
 */
bool ndshm_blockset_keep(struct ndshm_blockset *set,
			 struct ndshm_member *member);

/*
 * Close the set and wait until nobody is inside, unless it has members: then
 * false, and nothing has changed. May sleep.
 */
bool ndshm_blockset_close_empty(struct ndshm_blockset *set);

/* The set is empty after the former, and open again. */
void ndshm_blockset_reopen(struct ndshm_blockset *set);

/*
 * Close the set, wait until nobody is inside, revoke every member and wait
 * until the memory of each has been freed. No member is shown by a mapping any more
 * when the first holder is told. May sleep; hold no lock.
 */
void ndshm_blockset_close(struct ndshm_blockset *set);

/* Has it begun to close? */
static inline bool ndshm_blockset_closed(const struct ndshm_blockset *set)
{
	return atomic_read(&set->inside) < 0;
}

/* How many are inside. */
static inline unsigned int
ndshm_blockset_inside(const struct ndshm_blockset *set)
{
	return atomic_read(&set->inside) & INT_MAX;
}

unsigned int ndshm_blockset_count(struct ndshm_blockset *set);

/* How many members, and the bytes of memory that they take. */
unsigned int ndshm_blockset_usage(struct ndshm_blockset *set, u64 *bytes);

#endif /* _NDSHM_CORE_BLOCKSET_H */
