// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks of providers that have pages: showing these, and what becomes of them.
 */
#include <linux/cred.h>
#include <linux/highmem.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>

#include "block.h"
#include "pinned.h"
#include "provider.h"

/* A page at another place of the block would be mapped as if it were at this one. */
static bool is_in_place(struct page *page, pgoff_t index)
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
	return page && is_in_place(page, index) ? page : NULL;
}

/* The next folio of a block from *index on, which is moved behind it; NULL: none. */
static struct folio *next_folio(const struct ndshm_block *block, pgoff_t *index)
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

vm_fault_t ndshm_fault_answer(struct vm_fault *vmf, struct page *page)
{
	/* Memory management would look for the mapping of this one. */
	if (PageHWPoison(page)) {
		unlock_page(page);
		put_page(page);
		return VM_FAULT_HWPOISON;
	}
	vmf->page = page;
	return VM_FAULT_LOCKED;
}

vm_fault_t ndshm_block_fault(struct ndshm_object *object, struct vm_fault *vmf)
{
	struct page *page = ndshm_block_page(ndshm_block_of(object), vmf->pgoff);

	lockdep_assert_held(&object->lock);

	if (!page)
		return VM_FAULT_SIGBUS;
	get_page(page);
	lock_page(page);
	return ndshm_fault_answer(vmf, page);
}

void ndshm_block_settle(struct ndshm_object *object)
{
	struct folio *folio;
	pgoff_t index = 0;

	while ((folio = next_folio(ndshm_block_of(object), &index))) {
		folio_lock(folio);
		folio_unlock(folio);
	}
}

void ndshm_pages_zero(struct page *page, unsigned long count)
{
	for (; count; page++, count--) {
		/* To touch what is broken would bring the machine down. */
		if (!PageHWPoison(page))
			clear_highpage(page);
		cond_resched();
	}
}

void ndshm_block_keep_pinned(struct ndshm_block *block)
{
	struct folio *folio;
	pgoff_t index = 0;
	LIST_HEAD(folios);

	/* What was never shown cannot have been pinned. */
	if (!block->registration->page || !block->charge.payer ||
	    !block->object.shown)
		return;
	/* Nothing is mapped, and one reference is the block's. */
	while ((folio = next_folio(block, &index)))
		if (folio_ref_count(folio) > 1)
			ndshm_pinned_take(folio, &block->charge, &folios);
	ndshm_pinned_keep(&folios, block->charge.payer->cred->user);
}
