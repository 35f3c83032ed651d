// SPDX-License-Identifier: GPL-2.0
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/user.h>
#include <linux/workqueue.h>

#include "charge.h"
#include "pinned.h"

/* By their lru; the private data of each is who pays for it. */
static LIST_HEAD(kept);
static DEFINE_MUTEX(kept_lock);

static void reap(struct work_struct *work);
static DECLARE_DELAYED_WORK(reaping, reap);

static void let_go(struct folio *folio)
{
	struct ndshm_charge charge = {
		.user = folio->private, .pages = folio_nr_pages(folio),
	};

	list_del(&folio->lru);
	folio->private = NULL;
	ndshm_uncharge(&charge);
	folio_put(folio);
}

void ndshm_pinned_keep(struct folio *folio, struct ndshm_charge *charge)
{
	const unsigned long pages = folio_nr_pages(folio);

	/* More than its provider said that the block takes. */
	if (!charge->user || charge->pages < pages)
		return;
	charge->pages -= pages;
	folio_get(folio);
	folio->private = get_uid(charge->user);
	mutex_lock(&kept_lock);
	list_add_tail(&folio->lru, &kept);
	mutex_unlock(&kept_lock);
	schedule_delayed_work(&reaping, HZ);
}

void ndshm_pinned_reap(void)
{
	struct folio *folio, *next;

	mutex_lock(&kept_lock);
	list_for_each_entry_safe(folio, next, &kept, lru) {
		if (folio_ref_count(folio) == 1)
			let_go(folio);
		cond_resched();
	}
	/* Nobody is told when a page is let go, so somebody has to look. */
	if (!list_empty(&kept))
		schedule_delayed_work(&reaping, HZ);
	mutex_unlock(&kept_lock);
}

static void reap(struct work_struct *work)
{
	ndshm_pinned_reap();
}

void ndshm_pinned_teardown(void)
{
	struct folio *folio, *next;

	cancel_delayed_work_sync(&reaping);
	list_for_each_entry_safe(folio, next, &kept, lru)
		let_go(folio);
}
