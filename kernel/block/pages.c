// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks of providers with pages: faults, and the pages' state at the end of a block.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>

#include "../account/pinned.h"
#include "../base/testing.h"
#include "../registration/provider.h"
#include "block.h"

/* Return: true if @page is at @index, in an aligned folio: mm may map the whole folio. */
static bool block_page_in_place(struct page *page, pgoff_t index)
{
	struct folio *folio = page_folio(page);

	return folio->index + folio_page_idx(folio, page) == index &&
	       IS_ALIGNED(folio->index, folio_nr_pages(folio));
}

struct page *ndshm_block_page(const struct ndshm_block *block, pgoff_t index)
{
	struct ndshm_registration *registration = block->registration;
	struct page *page;

	page = registration->page(registration->characteristics.provider_context,
				  block->context, index);
	return page && block_page_in_place(page, index) ? page : NULL;
}

/* Return: the first folio from *index on, or NULL. Moves *index behind the folio. */
static struct folio *block_next_folio(const struct ndshm_block *block, pgoff_t *index)
{
	struct page *page;

	while (*index < block->object.length >> PAGE_SHIFT) {
		cond_resched();
		page = ndshm_block_page(block, *index);
		if (page) {
			*index = page_folio(page)->index +
				 folio_nr_pages(page_folio(page));
			return page_folio(page);
		}
		++*index;
	}
	return NULL;
}

/* Return: true when @folio is unlocked, false if it is still locked at @deadline. */
bool ndshm_folio_wait_faults(struct folio *folio, unsigned long deadline)
{
	while (!folio_trylock(folio)) {
		if (!time_before(jiffies, deadline))
			return false;
		schedule_timeout_uninterruptible(1);
	}
	folio_unlock(folio);
	return true;
}

vm_fault_t ndshm_fault_answer(struct vm_fault *vmf, struct page *page)
{
	/* mm would handle a poisoned page by its address space, but it has none. */
	if (PageHWPoison(page)) {
		unlock_page(page);
		put_page(page);
		return VM_FAULT_HWPOISON;
	}
	vmf->page = page;
	ndshm_test_fault_delay();
	return VM_FAULT_LOCKED;
}

vm_fault_t ndshm_block_fault(struct ndshm_object *object, struct vm_fault *vmf)
{
	struct page *page = NULL;

	spin_lock(&object->state_lock);
	if (!object->revoked)
		page = ndshm_block_page(ndshm_block_of(object), vmf->pgoff);
	if (page)
		get_page(page);
	spin_unlock(&object->state_lock);
	if (!page)
		return VM_FAULT_SIGBUS;
	/* Killable: the lock may be held in a fault of a throttled process. */
	if (folio_lock_killable(page_folio(page)))
		goto err_put;
	if (READ_ONCE(object->revoked))
		goto err_unlock;
	return ndshm_fault_answer(vmf, page);

err_unlock:
	unlock_page(page);
err_put:
	put_page(page);
	return VM_FAULT_SIGBUS;
}

/*
 * It is enough to see each folio unlocked once: a fault that locks it later finds the
 * object revoked.
 */
bool ndshm_block_wait_faults(struct ndshm_object *object, unsigned long deadline)
{
	struct ndshm_block *block = ndshm_block_of(object);
	struct folio *folio;
	pgoff_t index = 0;

	if (!block->registration->page || !object->was_mapped)
		return true;
	while ((folio = block_next_folio(block, &index)))
		if (!ndshm_folio_wait_faults(folio, deadline))
			return false;
	return true;
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

void ndshm_block_keep_pages(struct ndshm_block *block)
{
	/* Only pages that users could map can be pinned. */
	bool pinnable = block->charge.requester && block->object.was_mapped;
	struct folio *folio;
	pgoff_t index = 0;

	if (!block->registration->page ||
	    (!pinnable && block->object.length == PAGE_SIZE))
		return;
	/* Nothing is mapped: any reference besides the block's own is a pin. */
	while ((folio = block_next_folio(block, &index))) {
		if (ndshm_folio_broken(folio))
			folio_get(folio);
		else if (pinnable && folio_ref_count(folio) > 1)
			ndshm_pinned_keep(folio, &block->charge);
	}
}
