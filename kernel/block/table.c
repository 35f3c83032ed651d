// SPDX-License-Identifier: GPL-2.0
/*
 * A hash table of fixed size: adding and removing allocates nothing and cannot fail. Each
 * bucket has a lock; lookups of one block compete for its reference count in any case. The
 * locks are raw, because lookups run in hard interrupts; a viewer (ndshm_peek_fn) may hold
 * one for the time of copying a message.
 */
#include <linux/bitops.h>
#include <linux/list.h>
#include <linux/random.h>
#include <linux/spinlock.h>

#include "block.h"
#include "table.h"

#define BUCKET_BITS	12
#define BUCKETS		BIT(BUCKET_BITS)

struct bucket {
	raw_spinlock_t lock;	/* protects blocks; taken with interrupts off */
	struct hlist_head blocks;
};

static struct bucket buckets[BUCKETS];

static struct bucket *bucket_of(u32 id)
{
	return &buckets[id % BUCKETS];
}

/* Cursors order blocks by bucket (the high bits), then by id. */
static u32 block_cursor(u32 id)
{
	return id << (32 - BUCKET_BITS) | id >> BUCKET_BITS;
}

static struct ndshm_block *bucket_find(struct bucket *bucket, u32 id)
{
	struct ndshm_block *block;

	lockdep_assert_held(&bucket->lock);

	hlist_for_each_entry(block, &bucket->blocks, in_table)
		if (block->id == id)
			return block;
	return NULL;
}

/* Ids are random: counted ones would disclose the number of other clients' allocations. */
void ndshm_block_table_add(struct ndshm_block *block)
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
			block->id = id;
			hlist_add_head(&block->in_table, &bucket->blocks);
		}
		raw_spin_unlock_irq(&bucket->lock);
	}
}

void ndshm_block_table_remove(struct ndshm_block *block)
{
	struct bucket *bucket = bucket_of(block->id);

	raw_spin_lock_irq(&bucket->lock);
	hlist_del(&block->in_table);
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

/* Return: the block of the bucket with the lowest cursor from @at to @last, or NULL. */
static struct ndshm_block *block_first(struct bucket *bucket, u32 at, u32 last)
{
	struct ndshm_block *block, *first = NULL;

	lockdep_assert_held(&bucket->lock);

	hlist_for_each_entry(block, &bucket->blocks, in_table)
		if (block_cursor(block->id) >= at && block_cursor(block->id) <= last &&
		    (!first || block->id < first->id))
			first = block;
	return first;
}

static bool block_peek(u32 *cursor, u32 last, ndshm_peek_fn peek, void *context)
{
	u32 at = *cursor, i = at >> (32 - BUCKET_BITS);
	struct ndshm_block *block = NULL;
	struct bucket *bucket;

	for (; !block && i <= last >> (32 - BUCKET_BITS); i++, at = 0) {
		bucket = &buckets[i];
		if (hlist_empty(&bucket->blocks))
			continue;
		raw_spin_lock_irq(&bucket->lock);
		block = block_first(bucket, at, last);
		if (block) {
			*cursor = block_cursor(block->id);
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

void __init ndshm_block_table_setup(void)
{
	unsigned int i;

	for (i = 0; i < BUCKETS; i++)
		raw_spin_lock_init(&buckets[i].lock);
}
