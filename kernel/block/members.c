// SPDX-License-Identifier: GPL-2.0
/*
 * Members of the sets of blocks, and of the table of all blocks. Adding and removing allocates
 * nothing.
 */
#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait_bit.h>

#include "../registration/provider.h"
#include "block.h"
#include "members.h"

/*
 * Sets
 */

/* Return: true if the set is open. */
static bool blockset_add(struct ndshm_blockset *set, struct hlist_node *link, u64 bytes)
{
	bool added;

	spin_lock(&set->lock);
	added = !ndshm_blockset_killed(set);
	if (added) {
		hlist_add_head(link, &set->blocks);
		set->count++;
		set->bytes += bytes;
	}
	spin_unlock(&set->lock);
	return added;
}

/* The set may be freed when this returns. */
static void blockset_remove(struct ndshm_blockset *set, struct hlist_node *link, u64 bytes)
{
	spin_lock(&set->lock);
	hlist_del(link);
	set->bytes -= bytes;
	/* Wake before unlocking: the waiter may free the set once it has had the lock. */
	if (!--set->count && ndshm_blockset_killed(set))
		wake_up_var(&set->count);
	spin_unlock(&set->lock);
}

/* Add a block to both sets, or to none if one was closed. */
static bool block_add_to_sets(struct ndshm_block *block)
{
	struct ndshm_provider *provider = block->registration->provider;

	if (!blockset_add(ndshm_block_user(block), &block->in_user, block->consumed))
		return false;
	if (blockset_add(&provider->set, &block->in_provider, block->consumed))
		return true;
	blockset_remove(ndshm_block_user(block), &block->in_user, block->consumed);
	return false;
}

void ndshm_block_remove_from_sets(struct ndshm_block *block)
{
	struct ndshm_provider *provider = block->registration->provider;

	blockset_remove(ndshm_block_user(block), &block->in_user, block->consumed);
	blockset_remove(&provider->set, &block->in_provider, block->consumed);
}

static struct ndshm_block *blockset_block_of(const struct ndshm_blockset *set,
					     struct hlist_node *link)
{
	return set->kind == NDSHM_BLOCKSET_PROVIDER ?
	       hlist_entry(link, struct ndshm_block, in_provider) :
	       hlist_entry(link, struct ndshm_block, in_user);
}

/*
 * Call @step for each member of a killed set, to which none can be added. Return: true if one
 * call has returned true.
 */
static bool blockset_for_each(struct ndshm_blockset *set,
			      bool (*step)(struct ndshm_block *block))
{
	bool any = false;
	struct ndshm_block *block;
	struct hlist_node *link;
	HLIST_HEAD(left);

	spin_lock(&set->lock);
	hlist_move_list(&set->blocks, &left);
	while ((link = left.first)) {
		hlist_del(link);
		hlist_add_head(link, &set->blocks);
		block = blockset_block_of(set, link);
		/* A block without references is about to leave the set. */
		if (!ndshm_block_tryget(block))
			continue;
		spin_unlock(&set->lock);
		any |= step(block);
		ndshm_block_put_sync(block);
		spin_lock(&set->lock);
	}
	spin_unlock(&set->lock);
	return any;
}

/* Return: false if memory of some members was lost. */
static bool blockset_revoke(struct ndshm_blockset *set, unsigned long timeout)
{
	bool lost;

	/* A slow owner must not keep other owners' blocks mapped. */
	blockset_for_each(set, ndshm_block_unmap);
	blockset_for_each(set, ndshm_block_revoke);
	if (wait_var_event_timeout(&set->count, !ndshm_blockset_count(set), timeout))
		return true;
	lost = blockset_for_each(set, ndshm_block_lose_memory);
	/* The free handler of the others has been called. */
	wait_var_event(&set->count, !ndshm_blockset_count(set));
	return !lost;
}

/*
 * Table: a hash table whose size depends on the memory of the machine, so that a bucket has few
 * blocks however many there are. Each bucket has a lock; lookups of one block compete for its
 * reference count in any case. The locks are raw, because lookups run in hard interrupts; a
 * viewer (ndshm_peek_fn) may hold one for the time of copying a message.
 */

/* One bucket for at most so many pages of memory, within these limits. */
#define PAGES_PER_BUCKET	16
#define LEAST_BITS		12
#define MOST_BITS		20

struct bucket {
	raw_spinlock_t lock;	/* protects blocks; taken with interrupts off */
	struct hlist_head blocks;
};

static struct bucket *buckets __read_mostly;
static unsigned int bucket_bits __read_mostly;

static struct bucket *bucket_of(u32 id)
{
	return &buckets[id & (BIT(bucket_bits) - 1)];
}

/* Cursors order blocks by bucket (the high bits), then by id. */
static u32 block_cursor(u32 id)
{
	return id << (32 - bucket_bits) | id >> bucket_bits;
}

static struct ndshm_block *bucket_find(struct bucket *bucket, u32 id)
{
	struct ndshm_block *block;

	lockdep_assert_held(&bucket->lock);

	hlist_for_each_entry(block, &bucket->blocks, in_table)
		if (block->object.id == id)
			return block;
	return NULL;
}

/* Ids are random: counted ones would disclose the number of other clients' allocations. */
static void block_table_add(struct ndshm_block *block)
{
	struct bucket *bucket;
	bool added = false;
	u32 id;

	while (!added) {
		id = get_random_u32();
		if (!id)
			continue;
		bucket = bucket_of(id);
		raw_spin_lock_irq(&bucket->lock);
		added = !bucket_find(bucket, id);
		if (added) {
			block->object.id = id;
			hlist_add_head(&block->in_table, &bucket->blocks);
		}
		raw_spin_unlock_irq(&bucket->lock);
	}
}

bool ndshm_block_publish(struct ndshm_block *block)
{
	if (!block_add_to_sets(block))
		return false;
	block->has_memory = true;
	/* Last: from here on lookups find the block. */
	block_table_add(block);
	return true;
}

void ndshm_block_table_remove(struct ndshm_block *block)
{
	struct bucket *bucket = bucket_of(block->object.id);

	raw_spin_lock_irq(&bucket->lock);
	hlist_del_init(&block->in_table);
	raw_spin_unlock_irq(&bucket->lock);
}

struct ndshm_block *ndshm_block_find(u32 id,
				     const struct ndshm_adapter *adapter)
{
	struct bucket *bucket = bucket_of(id);
	struct ndshm_block *block;
	unsigned long flags;

	raw_spin_lock_irqsave(&bucket->lock, flags);
	block = bucket_find(bucket, id);
	if (block && (block->adapter != adapter || block->claim ||
		      !ndshm_block_tryget(block)))
		block = NULL;
	raw_spin_unlock_irqrestore(&bucket->lock, flags);
	return block;
}

struct ndshm_block *ndshm_block_find_own(u32 id)
{
	const bool all = ns_capable_noaudit(&init_user_ns, CAP_SYS_ADMIN);
	struct bucket *bucket = bucket_of(id);
	struct ndshm_block *block;

	raw_spin_lock_irq(&bucket->lock);
	block = bucket_find(bucket, id);
	/* A block of the kernel has no process; that of a section ends with the section. */
	if (block && (!block->pid || block->of_section ||
		      !(all || uid_eq(block->uid, current_euid())) ||
		      !ndshm_block_tryget(block)))
		block = NULL;
	raw_spin_unlock_irq(&bucket->lock);
	return block;
}

/* Return: the block of the bucket with the lowest cursor from @at to @last, or NULL. */
static struct ndshm_block *block_first(struct bucket *bucket, u32 at, u32 last)
{
	struct ndshm_block *block, *first = NULL;

	lockdep_assert_held(&bucket->lock);

	hlist_for_each_entry(block, &bucket->blocks, in_table)
		if (block_cursor(block->object.id) >= at &&
		    block_cursor(block->object.id) <= last &&
		    (!first || block->object.id < first->object.id))
			first = block;
	return first;
}

/* Empty buckets seen without giving up the processor. */
#define LOOKS	4096

static bool block_peek(u32 *cursor, u32 last, ndshm_peek_fn peek, void *context)
{
	u32 at = *cursor, i = at >> (32 - bucket_bits);
	struct ndshm_block *block = NULL;
	struct bucket *bucket;

	for (; !block && i <= last >> (32 - bucket_bits); i++, at = 0) {
		bucket = &buckets[i];
		if (!(i % LOOKS))
			cond_resched();
		if (hlist_empty(&bucket->blocks))
			continue;
		raw_spin_lock_irq(&bucket->lock);
		block = block_first(bucket, at, last);
		if (block) {
			*cursor = block_cursor(block->object.id);
			peek(block, block->uid, context);
		}
		raw_spin_unlock_irq(&bucket->lock);
	}
	return block;
}

bool ndshm_block_peek(u32 id, ndshm_peek_fn peek, void *context)
{
	u32 at = block_cursor(id);

	return block_peek(&at, at, peek, context);
}

bool ndshm_block_peek_next(u32 *cursor, ndshm_peek_fn peek, void *context)
{
	return block_peek(cursor, U32_MAX, peek, context);
}

static int block_table_alloc(unsigned int bits)
{
	unsigned int i;

	bucket_bits = bits;
	buckets = kvcalloc(BIT(bits), sizeof(*buckets), GFP_KERNEL);
	if (!buckets)
		return -ENOMEM;
	for (i = 0; i < BIT(bits); i++)
		raw_spin_lock_init(&buckets[i].lock);
	return 0;
}

int __init ndshm_members_init(void)
{
	ndshm_blockset_revoke_hook = blockset_revoke;
	return block_table_alloc(clamp(fls_long(totalram_pages() / PAGES_PER_BUCKET),
				       LEAST_BITS, MOST_BITS));
}

void ndshm_members_exit(void)
{
	kvfree(buckets);
}
