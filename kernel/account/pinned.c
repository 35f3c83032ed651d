// SPDX-License-Identifier: GPL-2.0
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../base/deferred.h"
#include "charge.h"
#include "pinned.h"

/* Folios that are checked in one critical section of kept_lock. */
#define BATCH	256UL

/*
 * Folios that outlived their block, linked by lru. folio->private: the requester, or &kept if there
 * is none.
 */
static LIST_HEAD(kept);
static unsigned long kept_count;
/* A spinlock: a task throttled with a mutex held would delay frees of all users. */
static DEFINE_SPINLOCK(kept_lock);	/* kept, kept_count */

static void pinned_reap_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(pinned_reaping, pinned_reap_work);

bool ndshm_folio_broken(struct folio *folio)
{
	long i = folio_test_large(folio) ? folio_nr_pages(folio) : 0;

	/* The page allocator itself refuses to free a single broken page, only. */
	while (i--)
		if (PageHWPoison(folio_page(folio, i)))
			return true;
	return false;
}

/* Return: how many of @pages are charged to @requester, which may be NULL. */
static unsigned long pinned_charged(const struct ndshm_requester *requester, unsigned long pages)
{
	return requester && !requester->exempt ? pages : 0;
}

static void pinned_put(struct folio *folio)
{
	const unsigned long pages = folio_nr_pages(folio);
	struct ndshm_charge charge = {};

	if (folio->private != &kept) {
		charge.requester = folio->private;
		charge.pages = pinned_charged(charge.requester, pages);
		atomic_long_sub(pages, &charge.requester->pinned);
	}
	list_del(&folio->lru);
	folio->private = NULL;
	ndshm_uncharge(&charge);
	if (!ndshm_folio_broken(folio))
		folio_put(folio);
}

void ndshm_pinned_keep(struct folio *folio, struct ndshm_charge *charge)
{
	const unsigned long pages = folio_nr_pages(folio);
	const unsigned long charged = pinned_charged(charge->requester, pages);

	/* The provider reported fewer pages than it uses, or has the folio in two blocks. */
	if (charge->pages < charged || folio->private)
		return;
	folio_get(folio);
	charge->pages -= charged;
	if (charge->requester) {
		atomic_long_add(pages, &charge->requester->pinned);
		folio->private = ndshm_requester_get(charge->requester);
	} else {
		folio->private = &kept;
	}
	spin_lock(&kept_lock);
	list_add_tail(&folio->lru, &kept);
	kept_count++;
	spin_unlock(&kept_lock);
	ndshm_deferred_delay(&pinned_reaping, HZ);
}

/* Check @count folios, those that were checked longest ago first. Return: number checked. */
static unsigned long pinned_reap_batch(unsigned long count)
{
	struct folio *folio, *next;
	unsigned long seen;
	LIST_HEAD(unused);

	spin_lock(&kept_lock);
	for (seen = 0; seen < count && !list_empty(&kept); seen++) {
		folio = list_first_entry(&kept, struct folio, lru);
		if (folio_ref_count(folio) == 1) {
			list_move(&folio->lru, &unused);
			kept_count--;
		} else {
			list_move_tail(&folio->lru, &kept);
		}
	}
	spin_unlock(&kept_lock);
	list_for_each_entry_safe(folio, next, &unused, lru)
		pinned_put(folio);
	cond_resched();
	return seen;
}

void ndshm_pinned_reap(void)
{
	unsigned long left = READ_ONCE(kept_count), seen = 1;

	for (; left && seen; left -= seen)
		seen = pinned_reap_batch(min(left, BATCH));
}

/* The end of a pin causes no event, so check once a second. */
static void pinned_reap_work(struct work_struct *work)
{
	ndshm_pinned_reap();
	if (READ_ONCE(kept_count))
		ndshm_deferred_delay(&pinned_reaping, HZ);
}

void ndshm_pinned_teardown(void)
{
	struct folio *folio, *next;

	/* Deferred frees of blocks may still add folios. */
	ndshm_deferred_flush();
	cancel_delayed_work_sync(&pinned_reaping);
	list_for_each_entry_safe(folio, next, &kept, lru)
		pinned_put(folio);
}
