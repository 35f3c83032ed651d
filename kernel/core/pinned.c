// SPDX-License-Identifier: GPL-2.0
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "block.h"
#include "charge.h"
#include "pinned.h"

#define BUCKET_BITS	6

/**
 * struct bucket - what some users' blocks have left
 * @lock: protects @folios. A spinlock: a task that is kept from running must not hold
 *	up the end of other users' blocks
 * @folios: by their lru; the private data of each is its payer
 *
 * Each user's are in one, so that users seldom wait for what others have left.
 */
static struct bucket {
	spinlock_t lock;	/* folios */
	struct list_head folios;
} buckets[1 << BUCKET_BITS];

static void reap(struct work_struct *work);
static DECLARE_DELAYED_WORK(reaping, reap);

static struct bucket *bucket_of(const struct user_struct *user)
{
	return &buckets[hash_ptr(user, BUCKET_BITS)];
}

static void let_go(struct folio *folio)
{
	struct ndshm_charge charge = {
		.payer = folio->private, .pages = folio_nr_pages(folio),
	};

	list_del(&folio->lru);
	folio->private = NULL;
	ndshm_uncharge(&charge);
	ndshm_folio_put(folio);
}

void ndshm_pinned_take(struct folio *folio, struct ndshm_charge *charge,
		       struct list_head *folios)
{
	const unsigned long pages = folio_nr_pages(folio);

	/* More than the block was said to take, or in two blocks. */
	if (charge->pages < pages || folio->private)
		return;
	charge->pages -= pages;
	folio_get(folio);
	folio->private = ndshm_payer_get(charge->payer);
	list_add_tail(&folio->lru, folios);
}

void ndshm_pinned_keep(struct list_head *folios, struct user_struct *user)
{
	struct bucket *bucket = bucket_of(user);

	if (list_empty(folios))
		return;
	spin_lock(&bucket->lock);
	list_splice_tail(folios, &bucket->folios);
	spin_unlock(&bucket->lock);
	ndshm_queue_delayed(&reaping, HZ);
}

/* Return: false if none is left. */
static bool bucket_reap(struct bucket *bucket)
{
	struct folio *folio, *next;
	LIST_HEAD(unused);
	bool left;

	spin_lock(&bucket->lock);
	list_for_each_entry_safe(folio, next, &bucket->folios, lru)
		if (folio_ref_count(folio) == 1)
			list_move(&folio->lru, &unused);
	left = !list_empty(&bucket->folios);
	spin_unlock(&bucket->lock);
	list_for_each_entry_safe(folio, next, &unused, lru) {
		let_go(folio);
		cond_resched();
	}
	return left;
}

void ndshm_pinned_reap(struct user_struct *user)
{
	bucket_reap(bucket_of(user));
}

/* Nobody is told when a page is let go, so somebody has to look. */
static void reap(struct work_struct *work)
{
	struct bucket *bucket;
	bool left = false;

	for (bucket = buckets; bucket < buckets + ARRAY_SIZE(buckets); bucket++)
		left |= bucket_reap(bucket);
	if (left)
		ndshm_queue_delayed(&reaping, HZ);
}

void __init ndshm_pinned_setup(void)
{
	struct bucket *bucket;

	for (bucket = buckets; bucket < buckets + ARRAY_SIZE(buckets); bucket++) {
		spin_lock_init(&bucket->lock);
		INIT_LIST_HEAD(&bucket->folios);
	}
}

void ndshm_pinned_teardown(void)
{
	struct folio *folio, *next;
	struct bucket *bucket;

	cancel_delayed_work_sync(&reaping);
	for (bucket = buckets; bucket < buckets + ARRAY_SIZE(buckets); bucket++)
		list_for_each_entry_safe(folio, next, &bucket->folios, lru)
			let_go(folio);
}
