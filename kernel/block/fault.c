// SPDX-License-Identifier: GPL-2.0
/*
 * Faults of objects with pages.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>

#include "../base/testing.h"
#include "object.h"

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

/*
 * Set the address space of a page before it is mapped, so that mm finds its mappings: futex(2) and
 * memory failure need that. ndshm_block_clear_mapping() comes later, and for good.
 */
static void object_set_mapping(struct folio *folio, const struct vm_fault *vmf)
{
	/* Reclaim of a page that failed must not take it for one of a page cache. */
	folio_set_dirty(folio);
	WRITE_ONCE(folio->mapping, vmf->vma->vm_file->f_mapping);
}

struct page *ndshm_object_get_page(struct ndshm_object *object, pgoff_t index)
{
	struct page *page;

	spin_lock(object->lock);
	page = object->ops->page(object, index);
	if (page)
		get_page(page);
	spin_unlock(object->lock);
	return page;
}

/*
 * Return: the page of the fault, in a folio that is locked and referenced, or NULL. Who unmaps a
 * page first waits for its lock, so this one is in the page table before.
 */
static struct page *object_lock_page(struct ndshm_object *object, const struct vm_fault *vmf)
{
	struct folio *folio = NULL;
	struct page *page;
	bool locked;

	do {
		if (folio)
			folio_put(folio);
		spin_lock(object->lock);
		page = object->ops->page(object, vmf->pgoff);
		folio = page ? page_folio(page) : NULL;
		locked = folio && folio_trylock(folio);
		if (locked)
			object_set_mapping(folio, vmf);
		if (folio)
			folio_get(folio);
		spin_unlock(object->lock);
		if (!folio || locked)
			return page;
		/* Killable: the lock may be held in a fault of a process that is stopped. */
	} while (!folio_wait_locked_killable(folio));
	folio_put(folio);
	return NULL;
}

vm_fault_t ndshm_object_fault(struct ndshm_object *object, struct vm_fault *vmf)
{
	struct page *page = object_lock_page(object, vmf);

	if (!page)
		return VM_FAULT_SIGBUS;
	/* mm would handle a poisoned page by its page cache, but it is in none. */
	if (PageHWPoison(page)) {
		unlock_page(page);
		put_page(page);
		return VM_FAULT_HWPOISON;
	}
	vmf->page = page;
	ndshm_test_delay(NDSHM_TEST_FAULT);
	return VM_FAULT_LOCKED;
}

/*
 * Pages mapped at one fault, at most: a power of two. To insert that many costs about as much
 * as two faults.
 */
#define AROUND_PAGES	64U

/**
 * struct around - pages around a fault
 * @first: index of the first page
 * @end: index behind the last page
 * @pages: the pages; each folio among them is locked and referenced once
 */
struct around {
	unsigned int first;
	unsigned int end;
	struct page *pages[AROUND_PAGES];
};

/*
 * Add the pages before the first one that are of its folio and not before index @from. Return:
 * false if one of them is poisoned.
 */
static bool around_add_before(struct around *around, unsigned int from)
{
	struct page *page = around->pages[around->first];
	struct folio *folio = page_folio(page);
	long inside = folio_page_idx(folio, page);

	for (; inside && around->first > from; inside--) {
		page = folio_page(folio, inside - 1);
		if (PageHWPoison(page))
			return false;
		around->pages[--around->first] = page;
	}
	return true;
}

/* As around_add_before(), behind the last page and before index @to. */
static bool around_add_behind(struct around *around, unsigned int to)
{
	struct page *page = around->pages[around->end - 1];
	struct folio *folio = page_folio(page);
	long left = folio_nr_pages(folio) - folio_page_idx(folio, page) - 1;

	for (; left && around->end < to; left--) {
		page = folio_page(folio, folio_nr_pages(folio) - left);
		if (PageHWPoison(page))
			return false;
		around->pages[around->end++] = page;
	}
	return true;
}

/*
 * Return: the page at @index, in a folio that the caller must unlock and put, or NULL if it is not
 * usable now. Called with @object->lock held. Locks of folios are only tried: faults that wait
 * with several of them held could wait for each other.
 */
static struct page *around_lock_page(struct ndshm_object *object, pgoff_t index,
				     const struct vm_fault *vmf)
{
	struct page *page = object->ops->page(object, index);

	if (!page || PageHWPoison(page) || !folio_trylock(page_folio(page)))
		return NULL;
	folio_get(page_folio(page));
	object_set_mapping(page_folio(page), vmf);
	return page;
}

/* Add the neighbours of the only page that are in the VMA and in one aligned window. */
static void around_extend(struct around *around, struct ndshm_object *object,
			  const struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const pgoff_t base = round_down(vmf->pgoff, AROUND_PAGES);
	const pgoff_t from = max(base, vma->vm_pgoff) - base;
	const pgoff_t to = min3(base + AROUND_PAGES, vma->vm_pgoff + vma_pages(vma),
				(pgoff_t)(object->length >> PAGE_SHIFT)) - base;
	struct page *page;

	spin_lock(object->lock);
	while (around_add_before(around, from) && around->first > from) {
		page = around_lock_page(object, base + around->first - 1, vmf);
		if (!page)
			break;
		around->pages[--around->first] = page;
	}
	while (around_add_behind(around, to) && around->end < to) {
		page = around_lock_page(object, base + around->end, vmf);
		if (!page)
			break;
		around->pages[around->end++] = page;
	}
	spin_unlock(object->lock);
}

/*
 * Insert the pages; the one at @index is for @vmf. Another fault may have inserted any of them, and
 * madvise() may free the page table meanwhile.
 */
static vm_fault_t around_insert(struct around *around, unsigned int index, struct vm_fault *vmf)
{
	const unsigned long first = vmf->address - ((unsigned long)index << PAGE_SHIFT);
	unsigned int i = around->first;
	unsigned long left;
	int err;

	while (i < around->end) {
		left = around->end - i;
		err = vm_insert_pages(vmf->vma, first + ((unsigned long)i << PAGE_SHIFT),
				      around->pages + i, &left);
		if (err == -EFAULT) {
			/* Without a page table: the access faults again, its neighbours may not. */
			if (i >= index)
				break;
			i = index;
			continue;
		}
		if (err && err != -EBUSY)
			return vmf_error(err);
		/* -EBUSY: the first page of those left is mapped. */
		i = around->end - left + 1;
	}
	return VM_FAULT_NOPAGE;
}

static void around_put(struct around *around)
{
	unsigned int i = around->first;
	struct folio *folio;

	while (i < around->end) {
		folio = page_folio(around->pages[i]);
		i += folio_nr_pages(folio) - folio_page_idx(folio, around->pages[i]);
		folio_unlock(folio);
		folio_put(folio);
	}
}

vm_fault_t ndshm_object_fault_around(struct ndshm_object *object, struct vm_fault *vmf)
{
	const unsigned int index = vmf->pgoff % AROUND_PAGES;
	struct around around __uninitialized;
	vm_fault_t ret;

	/* vm_insert_pages() would leave a PTE marker, and the access would fault for ever. */
	if (vmf->flags & FAULT_FLAG_ORIG_PTE_VALID && !pte_none(vmf->orig_pte))
		return VM_FAULT_SIGBUS;
	ret = ndshm_object_fault(object, vmf);
	if (ret != VM_FAULT_LOCKED)
		return ret;
	around.first = index;
	around.end = index + 1;
	around.pages[index] = vmf->page;
	vmf->page = NULL;
	around_extend(&around, object, vmf);
	ret = around_insert(&around, index, vmf);
	around_put(&around);
	return ret;
}
