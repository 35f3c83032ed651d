// SPDX-License-Identifier: GPL-2.0
/* Pages of blocks whose provider has a page handler. */
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "../base/deferred.h"
#include "../registration/provider.h"
#include "block.h"

/* Return: the position of @folio in the block. */
static pgoff_t block_folio_index(const struct ndshm_block *block, const struct folio *folio)
{
	return folio->index - block->first_index;
}

/* Return: true if @page is at @index, in an aligned folio: mm may map the whole folio. */
static bool block_page_in_place(const struct ndshm_block *block, struct page *page, pgoff_t index)
{
	struct folio *folio = page_folio(page);

	return block_folio_index(block, folio) + folio_page_idx(folio, page) == index &&
	       IS_ALIGNED(block_folio_index(block, folio), folio_nr_pages(folio));
}

struct page *ndshm_block_page(const struct ndshm_block *block, pgoff_t index)
{
	struct ndshm_registration *registration = block->registration;
	struct page *page;

	page = registration->page(registration->characteristics.provider_context,
				  block->context, index);
	return page && block_page_in_place(block, page, index) ? page : NULL;
}

/* Pages that block_next_folio() looks at: a provider can lack some. */
#define STEP_PAGES	(SZ_2M >> PAGE_SHIFT)

/*
 * Return: the first folio from *index on, or NULL if none begins before the next multiple of
 * STEP_PAGES. Moves *index behind the folio, or to where the next call continues.
 */
static struct folio *block_next_folio(const struct ndshm_block *block, pgoff_t *index)
{
	const pgoff_t end = min(round_down(*index, STEP_PAGES) + STEP_PAGES,
				(pgoff_t)(block->object.length >> PAGE_SHIFT));
	struct page *page;

	for (; *index < end; ++*index) {
		page = ndshm_block_page(block, *index);
		if (page) {
			*index = block_folio_index(block, page_folio(page)) +
				 folio_nr_pages(page_folio(page));
			return page_folio(page);
		}
	}
	return NULL;
}

struct folio *ndshm_block_get_folio(struct ndshm_block *block)
{
	struct page *page;
	struct folio *folio;

	if (!block->registration->page)
		return NULL;
	page = ndshm_object_get_page(&block->object, 0);
	if (!page)
		return NULL;
	folio = page_folio(page);
	if (folio_size(folio) >= block->object.length)
		return folio;
	folio_put(folio);
	return NULL;
}
EXPORT_SYMBOL_GPL(ndshm_block_get_folio);

/*
 * Move *index behind the next folio unless that is locked, or behind the block once another
 * revocation has ended, which may free the memory. Return: false if the folio is locked.
 */
static bool block_skip_unlocked(struct ndshm_block *block, pgoff_t *index)
{
	struct ndshm_object *object = &block->object;
	struct folio *folio = NULL;
	pgoff_t next = *index;
	bool unlocked = true;

	/* Also so that a throttled caller does not stop with the memory of the block at hand. */
	spin_lock(&object->state_lock);
	if (object->unmapped)
		next = object->length >> PAGE_SHIFT;
	else
		folio = block_next_folio(block, &next);
	if (folio) {
		unlocked = folio_trylock(folio);
		if (unlocked)
			folio_unlock(folio);
	}
	spin_unlock(&object->state_lock);
	if (unlocked)
		*index = next;
	return unlocked;
}

/*
 * It is enough to see each folio unlocked once: a fault that locks it later finds the
 * object revoked.
 */
bool ndshm_block_wait_faults(struct ndshm_object *object, unsigned long deadline)
{
	struct ndshm_block *block = ndshm_block_of(object);
	pgoff_t index = 0;

	if (!block->registration->page || !object->was_mapped)
		return true;
	while (index < object->length >> PAGE_SHIFT) {
		if (block_skip_unlocked(block, &index)) {
			cond_resched();
			continue;
		}
		if (!time_before(jiffies, deadline))
			return false;
		schedule_timeout_uninterruptible(1);
	}
	return true;
}

/* The longest wait for locks of a block whose memory is freed, in jiffies. */
#define CLEAR_PATIENCE	2

/**
 * struct pending_clear - a folio whose lock another task held when its block was freed
 * @work: unsets the mapping, and queues itself until it can lock the folio. Holds the module
 * @delay: of @work, in jiffies: twice as long each time, up to a second
 * @inode: of the mapping, held
 * @folio: held
 */
struct pending_clear {
	struct delayed_work work;
	unsigned long delay;
	struct inode *inode;
	struct folio *folio;
};

static bool block_clear_folio(struct folio *folio)
{
	if (!folio_trylock(folio))
		return false;
	WRITE_ONCE(folio->mapping, NULL);
	folio_clear_dirty(folio);
	folio_unlock(folio);
	return true;
}

static void pending_clear_work(struct work_struct *work)
{
	struct pending_clear *late =
		container_of(to_delayed_work(work), struct pending_clear, work);

	/* Do not wait for the lock: the task that holds it may be stopped. */
	if (!block_clear_folio(late->folio)) {
		ndshm_deferred_delay(&late->work, late->delay);
		late->delay = min(2 * late->delay, 1UL * HZ);
		return;
	}
	folio_put(late->folio);
	ndshm_inode_put(late->inode);
	kfree(late);
	/* The exit waits for this function to return. */
	module_put(THIS_MODULE);
}

static void block_queue_clear(struct folio *folio, struct inode *inode)
{
	struct pending_clear *late = kmalloc(sizeof(*late), GFP_KERNEL | __GFP_NOFAIL);

	__module_get(THIS_MODULE);
	late->inode = ndshm_inode_get(inode);
	folio_get(folio);
	late->folio = folio;
	late->delay = 2;
	INIT_DELAYED_WORK(&late->work, pending_clear_work);
	ndshm_deferred_delay(&late->work, 1);
}

void ndshm_block_clear_mapping(struct ndshm_block *block)
{
	struct address_space *mapping;
	unsigned long deadline = 0;
	struct folio *folio;
	pgoff_t index = 0;

	if (!block->registration->page || !(block->object.was_mapped || block->of_section))
		return;
	for (; index < block->object.length >> PAGE_SHIFT; cond_resched()) {
		folio = block_next_folio(block, &index);
		mapping = folio ? READ_ONCE(folio->mapping) : NULL;
		if (!mapping || block_clear_folio(folio))
			continue;
		/*
		 * Most locks are held for moments: there is one wait for all of the block. A
		 * revocation has waited for these locks already, and a section has many blocks.
		 */
		deadline = deadline ?: jiffies + CLEAR_PATIENCE;
		if (READ_ONCE(block->object.revoked) || block->of_section ||
		    !ndshm_folio_wait_faults(folio, deadline) || !block_clear_folio(folio))
			block_queue_clear(folio, mapping->host);
	}
}

void ndshm_pages_zero(struct page *page, unsigned long count)
{
	for (; count; page++, count--) {
		/* Writing to a poisoned page could crash the machine. */
		if (!PageHWPoison(page))
			clear_highpage(page);
		cond_resched();
	}
}
