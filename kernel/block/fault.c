// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks of providers with pages: faults.
 */
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "../base/deferred.h"
#include "../base/testing.h"
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

#define RESCHED_PAGES	(SZ_2M >> PAGE_SHIFT)

/* Return: the first folio from *index on, or NULL. Moves *index behind the folio. */
static struct folio *block_next_folio(const struct ndshm_block *block, pgoff_t *index)
{
	struct page *page;

	while (*index < block->object.length >> PAGE_SHIFT) {
		if (*index && !(*index % RESCHED_PAGES))
			cond_resched();
		page = ndshm_block_page(block, *index);
		if (page) {
			*index = block_folio_index(block, page_folio(page)) +
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

/* The longest wait for locks of a block whose memory is freed, in jiffies. */
#define CLEAR_PATIENCE	2

void ndshm_folio_set_mapping(struct folio *folio, const struct vm_fault *vmf)
{
	/* Reclaim of a page that failed must not take it for one of a page cache. */
	folio_set_dirty(folio);
	WRITE_ONCE(folio->mapping, vmf->vma->vm_file->f_mapping);
}

/**
 * struct late_clear - a folio whose lock another task held when its block was freed
 * @work: unsets the mapping, and queues itself until it can lock the folio. Holds the module
 * @inode: of the mapping, held
 * @folio: held
 */
struct late_clear {
	struct delayed_work work;
	struct inode *inode;
	struct folio *folio;
};

static bool folio_clear_mapping(struct folio *folio)
{
	if (!folio_trylock(folio))
		return false;
	WRITE_ONCE(folio->mapping, NULL);
	folio_clear_dirty(folio);
	folio_unlock(folio);
	return true;
}

static void late_clear_work(struct work_struct *work)
{
	struct late_clear *late = container_of(to_delayed_work(work), struct late_clear, work);

	/* Do not wait for the lock: the task that holds it may be stopped. */
	if (!folio_clear_mapping(late->folio)) {
		ndshm_deferred_delay(&late->work, HZ / 10);
		return;
	}
	folio_put(late->folio);
	ndshm_inode_put(late->inode);
	kfree(late);
	/* The exit waits for this function to return. */
	module_put(THIS_MODULE);
}

static void folio_clear_mapping_late(struct folio *folio, struct inode *inode)
{
	struct late_clear *late = kmalloc(sizeof(*late), GFP_KERNEL | __GFP_NOFAIL);

	__module_get(THIS_MODULE);
	late->inode = ndshm_inode_get(inode);
	folio_get(folio);
	late->folio = folio;
	INIT_DELAYED_WORK(&late->work, late_clear_work);
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
	while ((folio = block_next_folio(block, &index))) {
		mapping = READ_ONCE(folio->mapping);
		if (!mapping || folio_clear_mapping(folio))
			continue;
		/*
		 * Most locks are held for moments: there is one wait for all of the block. A
		 * revocation has waited for these locks already.
		 */
		deadline = deadline ?: jiffies + CLEAR_PATIENCE;
		if (READ_ONCE(block->object.revoked) ||
		    !ndshm_folio_wait_faults(folio, deadline) || !folio_clear_mapping(folio))
			folio_clear_mapping_late(folio, mapping->host);
	}
}

vm_fault_t ndshm_fault_answer(struct vm_fault *vmf, struct page *page)
{
	/* mm would handle a poisoned page by its page cache, but it is in none. */
	if (PageHWPoison(page)) {
		unlock_page(page);
		put_page(page);
		return VM_FAULT_HWPOISON;
	}
	vmf->page = page;
	ndshm_test_fault_delay();
	return VM_FAULT_LOCKED;
}

struct page *ndshm_block_get_page(struct ndshm_object *object, pgoff_t index)
{
	struct page *page = NULL;

	spin_lock(&object->state_lock);
	if (!object->revoked)
		page = ndshm_block_page(ndshm_block_of(object), index);
	if (page)
		get_page(page);
	spin_unlock(&object->state_lock);
	return page;
}

struct folio *ndshm_block_get_folio(struct ndshm_block *block)
{
	struct page *page;
	struct folio *folio;

	if (!block->registration->page)
		return NULL;
	page = ndshm_block_get_page(&block->object, 0);
	if (!page)
		return NULL;
	folio = page_folio(page);
	if (folio_size(folio) >= block->object.length)
		return folio;
	folio_put(folio);
	return NULL;
}
EXPORT_SYMBOL_GPL(ndshm_block_get_folio);

vm_fault_t ndshm_block_fault(struct ndshm_object *object, struct vm_fault *vmf)
{
	struct page *page = ndshm_block_get_page(object, vmf->pgoff);
	bool revoked;

	if (!page)
		return VM_FAULT_SIGBUS;
	/* Killable: the lock may be held in a fault of a process that is stopped. */
	if (folio_lock_killable(page_folio(page)))
		goto err_put;
	spin_lock(&object->state_lock);
	revoked = object->revoked;
	if (!revoked)
		ndshm_folio_set_mapping(page_folio(page), vmf);
	spin_unlock(&object->state_lock);
	if (!revoked)
		return ndshm_fault_answer(vmf, page);
	unlock_page(page);
err_put:
	put_page(page);
	return VM_FAULT_SIGBUS;
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
 * Return: the page at @index of the block, in a folio that the caller must unlock and put, or NULL
 * if it is not usable now. Locks are only tried: faults that wait with several locks held could
 * wait for each other.
 */
static struct page *around_lock_page(const struct ndshm_block *block, pgoff_t index,
				     const struct vm_fault *vmf)
{
	struct page *page = ndshm_block_page(block, index);

	lockdep_assert_held(&block->object.state_lock);

	if (!page || PageHWPoison(page) || !folio_trylock(page_folio(page)))
		return NULL;
	folio_get(page_folio(page));
	ndshm_folio_set_mapping(page_folio(page), vmf);
	return page;
}

/* Add the neighbours of the only page that are in the VMA and in one aligned window. */
static void around_extend(struct around *around, struct ndshm_object *object,
			  const struct vm_fault *vmf)
{
	const struct ndshm_block *block = ndshm_block_of(object);
	struct vm_area_struct *vma = vmf->vma;
	const pgoff_t base = round_down(vmf->pgoff, AROUND_PAGES);
	const pgoff_t from = max(base, vma->vm_pgoff) - base;
	const pgoff_t to = min3(base + AROUND_PAGES, vma->vm_pgoff + vma_pages(vma),
				(pgoff_t)(object->length >> PAGE_SHIFT)) - base;
	struct page *page;

	spin_lock(&object->state_lock);
	if (object->revoked)
		goto out;
	while (around_add_before(around, from) && around->first > from) {
		page = around_lock_page(block, base + around->first - 1, vmf);
		if (!page)
			break;
		around->pages[--around->first] = page;
	}
	while (around_add_behind(around, to) && around->end < to) {
		page = around_lock_page(block, base + around->end, vmf);
		if (!page)
			break;
		around->pages[around->end++] = page;
	}
out:
	spin_unlock(&object->state_lock);
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

vm_fault_t ndshm_block_fault_around(struct ndshm_object *object, struct vm_fault *vmf)
{
	const unsigned int index = vmf->pgoff % AROUND_PAGES;
	struct around around __uninitialized;
	vm_fault_t ret;

	/* vm_insert_pages() would leave a PTE marker, and the access would fault for ever. */
	if (vmf->flags & FAULT_FLAG_ORIG_PTE_VALID && !pte_none(vmf->orig_pte))
		return VM_FAULT_SIGBUS;
	ret = ndshm_block_fault(object, vmf);
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
