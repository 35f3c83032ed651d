// SPDX-License-Identifier: GPL-2.0
/*
 * Provider "pages": ordinary pages in chunks of up to a huge page, mapped for the
 * adapter's device as a scatterlist of one entry a chunk, and for user space by page
 * faults. User mappings can be pinned (GUP), and a pin outlives the block.
 *
 * A chunk is at most of huge page order, the order that mm can map with one PMD entry. A
 * contiguous block may need a longer one.
 */
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include <ndshm/adapter.h>
#include <ndshm/provider.h>

#include "pages.h"
#include "testing.h"

/**
 * struct chunk - Contiguous pages
 * @page: first page; its folio's index is the offset in the block, in pages
 * @address: DMA address; the chunk is contiguous for the device, too
 */
struct chunk {
	struct page *page;
	dma_addr_t address;
};

/**
 * struct pages - Memory of one block
 * @device: device of the DMA mapping
 * @table: one entry for each chunk
 * @length: number of pages
 * @count: number of chunks
 * @chunks: in the block's order
 * @address: kernel address of all chunks, or NULL
 * @first: the array @chunks, and @entry the list of @table, if @count is 1
 * @entry: see @first
 *
 * Immutable once the block exists.
 */
struct pages {
	struct device *device;
	struct sg_table table;
	unsigned long length;
	unsigned int count;
	struct chunk *chunks;
	void *address;
	struct chunk first;
	struct scatterlist entry;
};

static struct ndshm_provider *provider;

/*
 * Steps of large blocks
 */

/* Pages that the caller's task maps or frees itself. */
#define STEP_PAGES	(SZ_2M >> PAGE_SHIFT)

/* Allocations up to this number of pages are too short to delay a removal. */
#define SHORT_PAGES	16

static struct workqueue_struct *workqueue;

/**
 * struct step - Part of an allocation or a free that a worker carries out
 * @work: in the queue of the provider, in which no work waits for another
 * @function: called with @context
 * @context: argument
 * @ret: result
 */
struct step {
	struct work_struct work;
	int (*function)(void *context);
	void *context;
	int ret;
};

static void step_work(struct work_struct *work)
{
	struct step *step = container_of(work, struct step, work);

	step->ret = step->function(step->context);
}

static noinline int pages_run_in_worker(int (*function)(void *), void *context)
{
	struct step step = { .function = function, .context = context };

	INIT_WORK_ONSTACK(&step.work, step_work);
	queue_work(workqueue, &step.work);
	flush_work(&step.work);
	destroy_work_on_stack(&step.work);
	return step.ret;
}

/*
 * Call @function, which handles @count pages without calling
 * ndshm_allocation_unwanted(). The removal of an adapter waits for it, so a worker calls
 * it if it takes long: a cgroup can throttle the task of a client, but no worker.
 */
static int step_run(unsigned long count, int (*function)(void *), void *context)
{
	if (count <= STEP_PAGES || current->flags & PF_WQ_WORKER)
		return function(context);
	return pages_run_in_worker(function, context);
}

static bool pages_translated(struct device *device)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(device);

	return domain && (domain->type & __IOMMU_DOMAIN_DMA_API);
}

/*
 * Chunk allocation
 */

/**
 * struct order - Limits and state of chunk allocation
 * @node: preferred node, or NUMA_NO_NODE
 * @near: try memory of @node only
 * @longest: highest order
 * @had: highest order that has not failed so far
 * @least: lowest order
 * @order: order of the current chunk
 * @zone: GFP flag of a zone that the device reaches
 * @last: highest physical address that the device reaches
 */
struct order {
	int node;
	bool near;
	unsigned int longest;
	unsigned int had;
	unsigned int least;
	unsigned int order;
	gfp_t zone;
	phys_addr_t last;
};

/* Highest physical address that the device reaches without bounce buffers. */
static phys_addr_t pages_reach(struct device *device)
{
	if (pages_translated(device))
		return PHYS_ADDR_MAX;
	return dma_to_phys(device, min_not_zero(dma_get_mask(device),
						device->bus_dma_limit));
}

static gfp_t order_lower_zone(gfp_t zone)
{
	return zone || !IS_ENABLED(CONFIG_ZONE_DMA32) ? GFP_DMA : GFP_DMA32;
}

/* Allocate a chunk that the device reaches, or return NULL. */
static struct page *order_alloc_reachable(struct order *order, gfp_t gfp)
{
	phys_addr_t last = ((phys_addr_t)PAGE_SIZE << order->order) - 1;
	struct page *page;

	for (;;) {
		page = alloc_pages_node(order->node, gfp | order->zone,
					order->order);
		if (!page || page_to_phys(page) + last <= order->last)
			return page;
		__free_pages(page, order->order);
		if (order->zone == GFP_DMA)
			return NULL;
		order->zone = order_lower_zone(order->zone);
	}
}

/*
 * Only the lowest order is worth a costly reclaim. A short chunk on the preferred node is
 * better than a long one elsewhere.
 */
static struct page *order_alloc_chunk(struct order *order, unsigned int wanted)
{
	const gfp_t hard = NDSHM_GFP_CHARGED | __GFP_ZERO | __GFP_COMP;
	const gfp_t easy = (hard & ~__GFP_RETRY_MAYFAIL) | __GFP_NORETRY;
	struct page *page;

	order->order = min(order->had, wanted);
	for (;;) {
		if (order->near)
			page = order_alloc_reachable(order, easy | __GFP_THISNODE);
		else if (order->order > order->least)
			page = order_alloc_reachable(order, easy);
		else
			page = order_alloc_reachable(order, hard);
		if (page)
			return page;
		if (order->order > order->least) {
			order->had = --order->order;
		} else if (order->near) {
			order->near = false;
			order->had = order->longest;
			order->order = wanted;
		} else {
			return NULL;
		}
	}
}

static void chunks_free(struct list_head *chunks)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, chunks, lru) {
		list_del(&page->lru);
		put_page(page);
		cond_resched();
	}
}

/*
 * Highest order for the next chunk: at most the rest of the block, and aligned to its
 * offset, which a mapping by one PMD entry needs.
 */
static unsigned int order_longest(const struct order *order, unsigned long done,
				  unsigned long count)
{
	unsigned int longest = min_t(unsigned int, order->longest,
				     ilog2(count - done));

	if (done)
		longest = min_t(unsigned int, longest, __ffs(done));
	return max(longest, order->least);
}

/*
 * Allocate chunks for the whole block. Return: their number, or 0. A removal does not
 * wait for a long allocation, because the task can be throttled.
 */
static unsigned int order_alloc_chunks(struct order *order,
				       const struct ndshm_parameters *parameters,
				       struct list_head *chunks)
{
	const unsigned long count = PAGE_ALIGN(parameters->length) >> PAGE_SHIFT;
	const bool leave = count > SHORT_PAGES;
	unsigned long done = 0;
	unsigned int made = 0;
	struct page *page;

	if (leave)
		ndshm_allocation_put_active(parameters);
	while (done < count) {
		page = done && ndshm_allocation_unwanted(parameters) ? NULL :
		       order_alloc_chunk(order, order_longest(order, done, count));
		if (!page)
			goto err_chunks;
		page_folio(page)->index = done;
		list_add_tail(&page->lru, chunks);
		done += 1UL << order->order;
		made++;
		cond_resched();
	}
	if (!leave || ndshm_allocation_get_active(parameters))
		return made;

err_chunks:
	chunks_free(chunks);
	return 0;
}

/* Allocate the arrays of @pages, unless it has one chunk. */
static int pages_alloc_arrays(struct pages *pages)
{
	if (pages->count == 1) {
		pages->chunks = &pages->first;
		sg_init_table(&pages->entry, 1);
		pages->table = (struct sg_table){
			.sgl = &pages->entry, .nents = 1, .orig_nents = 1,
		};
		return 0;
	}
	pages->chunks = kvmalloc_array(pages->count, sizeof(*pages->chunks),
				       NDSHM_GFP_CHARGED);
	if (!pages->chunks)
		return -ENOMEM;
	if (sg_alloc_table(&pages->table, pages->count, NDSHM_GFP_CHARGED)) {
		kvfree(pages->chunks);
		return -ENOMEM;
	}
	return 0;
}

/* Move the chunks to the scatterlist. @chunks links their first pages by page->lru. */
static int pages_gather(struct pages *pages, struct list_head *chunks)
{
	struct scatterlist *sg;
	struct page *page;
	unsigned int i;

	if (pages_alloc_arrays(pages))
		return -ENOMEM;
	for_each_sgtable_sg(&pages->table, sg, i) {
		page = list_first_entry(chunks, struct page, lru);
		list_del(&page->lru);
		pages->chunks[i].page = page;
		sg_set_page(sg, page, folio_size(page_folio(page)), 0);
	}
	return 0;
}

/*
 * DMA mapping
 */

/* Return: true if the mapping uses bounce buffers, which user mappings would not show. */
static bool pages_bounced(struct pages *pages)
{
	struct scatterlist *sg;
	unsigned int i;

	if (pages_translated(pages->device))
		return false;
	for_each_sgtable_dma_sg(&pages->table, sg, i)
		if (dma_to_phys(pages->device, sg_dma_address(sg)) !=
		    sg_phys(sg))
			return true;
	return false;
}

/*
 * A non-coherent device must see the zeroes of new pages: sync them when they are mapped.
 */
static unsigned long pages_map_attributes(struct device *device)
{
	return dev_is_dma_coherent(device) ?
	       DMA_ATTR_NO_WARN | DMA_ATTR_SKIP_CPU_SYNC : DMA_ATTR_NO_WARN;
}

/*
 * Do not invalidate caches: processors may have written data without a sync, and a user
 * with a pin still expects to read it.
 */
static void pages_unmap_device(struct pages *pages)
{
	dma_unmap_sgtable(pages->device, &pages->table, DMA_BIDIRECTIONAL,
			  DMA_ATTR_SKIP_CPU_SYNC);
}

/* Set the DMA address of each chunk. A DMA segment consists of whole chunks. */
static void pages_locate(struct pages *pages)
{
	struct scatterlist *sg;
	struct chunk *chunk = pages->chunks;
	unsigned int i, done;

	for_each_sgtable_dma_sg(&pages->table, sg, i)
		for (done = 0; done < sg_dma_len(sg); chunk++) {
			chunk->address = sg_dma_address(sg) + done;
			done += page_size(chunk->page);
		}
}

static int pages_map_device(struct pages *pages)
{
	int ret = dma_map_sgtable(pages->device, &pages->table,
				  DMA_BIDIRECTIONAL,
				  pages_map_attributes(pages->device));

	if (!ret && pages_bounced(pages)) {
		pages_unmap_device(pages);
		ret = -EIO;
	}
	if (!ret)
		pages_locate(pages);
	return ret;
}

/* Merge adjacent segments as far as the limits of the device allow. */
static int pages_list_segments(struct pages *pages, struct ndshm_segment_list *list)
{
	const u64 boundary = dma_get_seg_boundary(pages->device);
	const u64 longest = dma_get_max_seg_size(pages->device);
	u64 address = 0, length = 0;
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(&pages->table, sg, i) {
		if (length && address + length == sg_dma_address(sg) &&
		    length + sg_dma_len(sg) <= longest &&
		    (address | boundary) ==
		    ((sg_dma_address(sg) + sg_dma_len(sg) - 1) | boundary)) {
			length += sg_dma_len(sg);
			continue;
		}
		if (length && ndshm_list_add(list, address, length))
			return -ENOMEM;
		address = sg_dma_address(sg);
		length = sg_dma_len(sg);
	}
	return ndshm_list_add(list, address, length);
}

/*
 * Kernel mapping
 */

/* @all: array for a pointer to each page, charged to the requester; NULL: one chunk */
static int pages_map_kernel(struct pages *pages, struct page **all)
{
	unsigned int i, j;
	unsigned long n = 0;

	if (pages->count == 1) {
		pages->address = page_address(pages->chunks[0].page);
		return 0;
	}
	for (i = 0; i < pages->count; i++)
		for (j = 0; j < compound_nr(pages->chunks[i].page); j++)
			all[n++] = pages->chunks[i].page + j;
	pages->address = vmap(all, n, VM_MAP, PAGE_KERNEL);
	return pages->address ? 0 : -ENOMEM;
}

/*
 * Blocks
 */

static unsigned long pages_limit(struct device *device)
{
	return min_t(u64, dma_get_max_seg_size(device),
		     dma_get_seg_boundary(device)) / PAGE_SIZE;
}

bool ndshm_pages_fit(struct device *device, size_t size)
{
	return dev_is_dma_coherent(device) &&
	       !is_swiotlb_force_bounce(device) &&
	       dma_get_mask(device) <= device->coherent_dma_mask &&
	       size >> PAGE_SHIFT <= pages_limit(device) &&
	       (pages_translated(device) || get_order(size) <= MAX_PAGE_ORDER);
}

static bool order_plan(struct order *order, struct device *device,
		       unsigned int longest,
		       const struct ndshm_parameters *parameters)
{
	const unsigned long count = PAGE_ALIGN(parameters->length) >> PAGE_SHIFT;
	const bool contiguous = parameters->flags & NDSHM_ALLOC_CONTIGUOUS;
	const unsigned long most = pages_limit(device);

	if (count > totalram_pages() || !most || (contiguous && count > most))
		return false;
	*order = (struct order){
		.node = parameters->preferred_node == NUMA_NO_NODE ?
			dev_to_node(device) : parameters->preferred_node,
		.longest = min_t(u64, longest, ilog2(most)),
		.last = pages_reach(device),
	};
	/* Without an IOMMU a contiguous block must be one chunk. */
	if (contiguous && !pages_translated(device)) {
		order->longest = get_order(parameters->length);
		order->least = order->longest;
	}
	order->had = order->longest;
	order->near = order->node != NUMA_NO_NODE &&
		      node_state(order->node, N_MEMORY);
	return order->longest <= min_t(u64, MAX_PAGE_ORDER, ilog2(most));
}

static void pages_release_chunks(struct pages *pages)
{
	unsigned int i;

	for (i = 0; i < pages->count; i++) {
		ndshm_test_hold_page(pages->chunks[i].page);
		put_page(pages->chunks[i].page);
		cond_resched();
	}
	if (pages->count > 1) {
		sg_free_table(&pages->table);
		kvfree(pages->chunks);
	}
}

static int pages_free_step(void *context)
{
	struct pages *pages = context;

	if (is_vmalloc_addr(pages->address))
		vunmap(pages->address);
	pages_unmap_device(pages);
	pages_release_chunks(pages);
	kfree(pages);
	return 0;
}

void ndshm_pages_free(void *provider_context, void *context)
{
	struct pages *pages = context;

	step_run(pages->length, pages_free_step, pages);
}

/**
 * struct mapping - Argument of pages_map_step()
 * @pages: the block, with its scatterlist
 * @addressed: map it for the kernel, too
 * @all: see pages_map_kernel()
 */
struct mapping {
	struct pages *pages;
	bool addressed;
	struct page **all;
};

/* Map the chunks, or release them. */
static int pages_map_step(void *context)
{
	struct mapping *mapping = context;
	struct pages *pages = mapping->pages;
	int ret = pages_map_device(pages);

	if (!ret && mapping->addressed) {
		ret = pages_map_kernel(pages, mapping->all);
		if (ret)
			pages_unmap_device(pages);
	}
	if (ret)
		pages_release_chunks(pages);
	return ret;
}

ndshm_status_t ndshm_pages_allocate(struct ndshm_parameters *parameters,
				    unsigned int longest, void **context)
{
	struct device *device = parameters->device;
	const u64 size = PAGE_ALIGN(parameters->length);
	struct mapping mapping = { .addressed = !parameters->no_kernel_mapping };
	LIST_HEAD(chunks);
	struct pages *pages;
	struct order order;
	int ret;

	if (is_swiotlb_force_bounce(device))
		return NDSHM_STATUS_INVALID_PARAMETER;
	if (!order_plan(&order, device, longest, parameters))
		return NDSHM_STATUS_RESOURCES;
	pages = kzalloc(sizeof(*pages), NDSHM_GFP_CHARGED);
	if (!pages)
		return NDSHM_STATUS_RESOURCES;
	pages->device = device;
	pages->length = size >> PAGE_SHIFT;
	pages->count = order_alloc_chunks(&order, parameters, &chunks);
	if (!pages->count)
		goto err_pages;
	mapping.pages = pages;
	if (mapping.addressed && pages->count > 1) {
		mapping.all = kvmalloc_array(pages->length,
					     sizeof(*mapping.all),
					     NDSHM_GFP_CHARGED);
		if (!mapping.all)
			goto err_list;
	}
	if (pages_gather(pages, &chunks))
		goto err_array;
	ret = step_run(pages->length, pages_map_step, &mapping);
	if (mapping.all)
		kvfree(mapping.all);
	if (ret)
		goto err_pages;
	if (pages_list_segments(pages, parameters->list) ||
	    (parameters->list->count > 1 &&
	     (parameters->flags & NDSHM_ALLOC_CONTIGUOUS))) {
		ndshm_pages_free(NULL, pages);
		return NDSHM_STATUS_RESOURCES;
	}
	parameters->virtual_address = pages->address;
	parameters->needs_sync = !dev_is_dma_coherent(device);
	parameters->consumed = order.least ?
			       (u64)PAGE_SIZE << order.least : size;
	*context = pages;
	return NDSHM_STATUS_SUCCESS;

err_array:
	kvfree(mapping.all);
err_list:
	chunks_free(&chunks);
err_pages:
	kfree(pages);
	return NDSHM_STATUS_RESOURCES;
}

/* Replace memory of too many segments by contiguous memory, or, failing that, by its like. */
static ndshm_status_t pages_reallocate(struct ndshm_parameters *parameters, void **context)
{
	const u32 flags = parameters->flags;
	ndshm_status_t status;

	ndshm_pages_free(NULL, *context);
	parameters->list->count = 0;
	parameters->flags |= NDSHM_ALLOC_CONTIGUOUS;
	status = ndshm_pages_allocate(parameters, NDSHM_HUGE_ORDER, context);
	if (status == NDSHM_STATUS_SUCCESS)
		return status;
	parameters->list->count = 0;
	parameters->flags = flags;
	return ndshm_pages_allocate(parameters, NDSHM_HUGE_ORDER, context);
}

static ndshm_status_t pages_allocate(void *provider_context,
				     struct ndshm_parameters *parameters,
				     void **context)
{
	ndshm_status_t status = ndshm_pages_allocate(parameters, NDSHM_HUGE_ORDER, context);

	if (status == NDSHM_STATUS_SUCCESS && parameters->most_segments &&
	    parameters->list->count > parameters->most_segments)
		status = pages_reallocate(parameters, context);
	return status;
}

/*
 * User mappings and syncs
 */

/* Find the chunk with page @index of the block. */
static struct chunk *chunk_find(const struct pages *pages, pgoff_t index)
{
	unsigned int from = 0, to = pages->count, middle;

	while (to - from > 1) {
		middle = from + (to - from) / 2;
		if (page_folio(pages->chunks[middle].page)->index <= index)
			from = middle;
		else
			to = middle;
	}
	return &pages->chunks[from];
}

static struct page *pages_page(void *provider_context, void *context,
			       pgoff_t index)
{
	struct page *first = chunk_find(context, index)->page;

	return first + (index - page_folio(first)->index);
}

unsigned long ndshm_pages_pfn(void *context, pgoff_t index, unsigned long *count)
{
	struct page *first = chunk_find(context, index)->page;
	const pgoff_t inside = index - page_folio(first)->index;

	*count = folio_nr_pages(page_folio(first)) - inside;
	return page_to_pfn(first) + inside;
}

static void chunk_sync(struct device *device, bool for_device,
		       dma_addr_t address, size_t length)
{
	if (for_device)
		dma_sync_single_for_device(device, address, length,
					   DMA_BIDIRECTIONAL);
	else
		dma_sync_single_for_cpu(device, address, length,
					DMA_BIDIRECTIONAL);
}

static void pages_sync(void *provider_context, void *context, bool for_device,
		       u64 offset, u64 length)
{
	struct pages *pages = context;
	struct chunk *chunk = chunk_find(pages, offset >> PAGE_SHIFT);
	u64 inside, part;

	inside = offset -
		 ((u64)page_folio(chunk->page)->index << PAGE_SHIFT);
	for (; length; length -= part, inside = 0, chunk++) {
		part = min_t(u64, length, page_size(chunk->page) - inside);
		chunk_sync(pages->device, for_device, chunk->address + inside,
			   part);
	}
}

static const struct ndshm_provider_characteristics characteristics = {
	.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
	.allocate = pages_allocate,
	.free = ndshm_pages_free,
};

static const struct ndshm_provider_ops ops = {
	.name = "pages",
	.owner = THIS_MODULE,
	.flags = NDSHM_PROVIDER_OPEN,
	.page = pages_page,
	.sync = pages_sync,
};

int __init ndshm_pages_setup(struct ndshm_provider **out)
{
	workqueue = alloc_workqueue("ndshm-pages", WQ_UNBOUND, 0);
	if (!workqueue)
		return -ENOMEM;
	provider = ndshm_provider_register(&characteristics, &ops,
					   NDSHM_SCOPE_NAMED, NULL, NULL);
	if (IS_ERR(provider))
		destroy_workqueue(workqueue);
	*out = provider;
	return PTR_ERR_OR_ZERO(provider);
}

void ndshm_pages_teardown(void)
{
	ndshm_provider_revoke(provider);
	/* The other user, "coherent", has no blocks: each would pin this module. */
	destroy_workqueue(workqueue);
}
