// SPDX-License-Identifier: GPL-2.0
/*
 * Provider "pages": ordinary pages in chunks of up to a huge page, mapped for the
 * adapter's device as a scatterlist of one entry a chunk, and for user space by page
 * faults. User mappings can be pinned (GUP), and a pin outlives the block.
 *
 * Provider "reserve": the same, but all chunks are of huge page order, and of the reserve. A block
 * has whole chunks, also if it is shorter.
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

#include <ndshm/adapter.h>
#include <ndshm/provider.h>

#include "pages.h"
#include "pages_testing.h"
#include "reserve.h"

static struct ndshm_provider *provider, *reserve_provider;

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
 * @reserved: take chunks of the reserve
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
	bool reserved;
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
	gfp_t gfp;

	order->order = min(order->had, wanted);
	if (order->reserved)
		return ndshm_reserve_get(order->node, order->last);
	for (;;) {
		gfp = order->near || order->order > order->least ? easy : hard;
		page = order_alloc_reachable(order, order->near ? gfp | __GFP_THISNODE : gfp);
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

static void chunk_put(struct page *page, bool reserved)
{
	if (reserved)
		ndshm_reserve_put(page);
	else if (!PageCompound(page))
		__free_page(page);	/* returns the charge to the stock, unlike put_page() */
	else if (!ndshm_chunk_broken(page))
		put_page(page);
}

static void chunks_free(struct list_head *chunks, bool reserved)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, chunks, lru) {
		list_del(&page->lru);
		chunk_put(page, reserved);
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
 * Allocate chunks for the whole block: one in @only, or several in @chunks. Return: their
 * number, or 0.
 */
static unsigned int order_alloc_chunks(struct order *order,
				       const struct ndshm_parameters *parameters,
				       struct ndshm_pages_chunk *only, struct list_head *chunks)
{
	const unsigned long count = PAGE_ALIGN(parameters->length) >> PAGE_SHIFT;
	unsigned long done = 0;
	unsigned int made = 0;
	struct page *page;

	for (;;) {
		page = order_alloc_chunk(order, order_longest(order, done, count));
		if (!page)
			goto err_chunks;
		page_folio(page)->index = parameters->first_index + done;
		done += 1UL << order->order;
		made++;
		if (made == 1 && done >= count)
			only->page = page;
		else
			list_add_tail(&page->lru, chunks);
		if (done >= count)
			return made;
		cond_resched();
		if (ndshm_allocation_unwanted(parameters))
			goto err_chunks;
	}

err_chunks:
	chunks_free(chunks, order->reserved);
	return 0;
}

/* Return: the chunks, one or several. */
static struct ndshm_pages_chunk *pages_chunks(struct ndshm_pages *pages)
{
	return pages->count == 1 ? &pages->only : pages->several->chunks;
}

static int pages_alloc_several(struct ndshm_pages *pages)
{
	struct ndshm_pages_several *several;

	several = kvmalloc(struct_size(several, chunks, pages->count), NDSHM_GFP_CHARGED);
	if (!several)
		return -ENOMEM;
	if (sg_alloc_table(&several->table, pages->count, NDSHM_GFP_CHARGED)) {
		kvfree(several);
		return -ENOMEM;
	}
	several->address = NULL;
	pages->several = several;
	return 0;
}

/* Move the chunks to @pages. @chunks links their first pages by page->lru. */
static int pages_gather(struct ndshm_pages *pages, struct list_head *chunks)
{
	struct scatterlist *sg;
	struct page *page;
	unsigned int i;

	if (pages_alloc_several(pages))
		return -ENOMEM;
	for_each_sgtable_sg(&pages->several->table, sg, i) {
		page = list_first_entry(chunks, struct page, lru);
		list_del(&page->lru);
		pages->several->chunks[i].page = page;
		sg_set_page(sg, page, folio_size(page_folio(page)), 0);
	}
	return 0;
}

/*
 * DMA mapping
 */

/*
 * Return: true if @address, of a device without translation, is of a bounce buffer, which user
 * mappings would not show.
 */
static bool pages_bounced(struct device *device, dma_addr_t address, phys_addr_t memory)
{
	return dma_to_phys(device, address) != memory;
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
static void pages_unmap_device(struct ndshm_pages *pages)
{
	if (pages->count == 1)
		dma_unmap_page_attrs(pages->device, pages->only.address,
				     page_size(pages->only.page), DMA_BIDIRECTIONAL,
				     DMA_ATTR_SKIP_CPU_SYNC);
	else
		dma_unmap_sgtable(pages->device, &pages->several->table, DMA_BIDIRECTIONAL,
				  DMA_ATTR_SKIP_CPU_SYNC);
}

/*
 * Set the DMA address of each chunk. A DMA segment consists of whole chunks. Return: false if
 * a chunk is bounced.
 */
static bool pages_locate(struct ndshm_pages *pages)
{
	const bool translated = pages_translated(pages->device);
	struct scatterlist *sg;
	struct ndshm_pages_chunk *chunk = pages->several->chunks;
	unsigned int i, done;

	for_each_sgtable_dma_sg(&pages->several->table, sg, i)
		for (done = 0; done < sg_dma_len(sg); chunk++) {
			chunk->address = sg_dma_address(sg) + done;
			if (!translated && pages_bounced(pages->device, chunk->address,
							 page_to_phys(chunk->page)))
				return false;
			done += page_size(chunk->page);
		}
	return true;
}

static bool pages_map_only(struct ndshm_pages *pages)
{
	struct ndshm_pages_chunk *chunk = &pages->only;

	chunk->address = dma_map_page_attrs(pages->device, chunk->page, 0,
					    page_size(chunk->page), DMA_BIDIRECTIONAL,
					    pages_map_attributes(pages->device));
	return !dma_mapping_error(pages->device, chunk->address);
}

static int pages_map_device(struct ndshm_pages *pages)
{
	bool mapped, direct;

	if (pages->count == 1) {
		mapped = pages_map_only(pages);
		direct = mapped && (!pages_bounced(pages->device, pages->only.address,
						   page_to_phys(pages->only.page)) ||
				    pages_translated(pages->device));
	} else {
		mapped = !dma_map_sgtable(pages->device, &pages->several->table, DMA_BIDIRECTIONAL,
					  pages_map_attributes(pages->device));
		direct = mapped && pages_locate(pages);
	}
	if (mapped && !direct)
		pages_unmap_device(pages);
	return direct ? 0 : -EIO;
}

/* Merge adjacent segments as far as the limits of the device allow. */
static int pages_list_segments(struct ndshm_pages *pages, struct ndshm_segment_list *list)
{
	u64 boundary, longest, address = 0, length = 0;
	struct scatterlist *sg;
	unsigned int i;

	if (pages->count == 1)
		return ndshm_list_add(list, pages->only.address, page_size(pages->only.page));
	boundary = dma_get_seg_boundary(pages->device);
	longest = dma_get_max_seg_size(pages->device);
	for_each_sgtable_dma_sg(&pages->several->table, sg, i) {
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

/* Return: the address, or NULL without memory. */
static void *pages_map_kernel(struct ndshm_pages *pages)
{
	struct ndshm_pages_several *several = pages->several;
	unsigned int i, j;
	unsigned long n = 0;
	struct page **all;

	if (pages->count == 1)
		return page_address(pages->only.page);
	all = kvmalloc_array(pages->length, sizeof(*all), NDSHM_GFP_CHARGED);
	if (!all)
		return NULL;
	for (i = 0; i < pages->count; i++)
		for (j = 0; j < compound_nr(several->chunks[i].page); j++)
			all[n++] = several->chunks[i].page + j;
	several->address = vmap(all, n, VM_MAP, PAGE_KERNEL);
	kvfree(all);
	return several->address;
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

/* A block of more pages could have more than UINT_MAX when they are rounded up to chunks. */
#define MOST_PAGES	round_down(UINT_MAX, 1U << NDSHM_HUGE_ORDER)

static bool order_plan(struct order *order, struct device *device, bool reserved,
		       const struct ndshm_parameters *parameters)
{
	const unsigned long count = PAGE_ALIGN(parameters->length) >> PAGE_SHIFT;
	const bool contiguous = parameters->flags & NDSHM_ALLOC_CONTIGUOUS;
	const unsigned long most = pages_limit(device);

	if (count > min_t(unsigned long, totalram_pages(), MOST_PAGES) || !most ||
	    (contiguous && count > most))
		return false;
	*order = (struct order){
		.reserved = reserved,
		.node = parameters->preferred_node == NUMA_NO_NODE ?
			dev_to_node(device) : parameters->preferred_node,
		.longest = min_t(u64, NDSHM_HUGE_ORDER, ilog2(most)),
		.last = pages_reach(device),
	};
	/* Without an IOMMU a contiguous block must be one chunk. */
	if (contiguous && !pages_translated(device)) {
		order->longest = get_order(parameters->length);
		order->least = order->longest;
	}
	if (reserved) {
		if (order->longest > NDSHM_HUGE_ORDER)
			return false;
		order->longest = NDSHM_HUGE_ORDER;
		order->least = NDSHM_HUGE_ORDER;
	}
	order->had = order->longest;
	order->near = order->node != NUMA_NO_NODE &&
		      node_state(order->node, N_MEMORY);
	return order->longest <= min_t(u64, MAX_PAGE_ORDER, ilog2(most));
}

static void pages_put_chunks(struct ndshm_pages *pages)
{
	struct ndshm_pages_chunk *chunks = pages_chunks(pages);
	unsigned int i;

	for (i = 0; i < pages->count; i++) {
		if (i)
			cond_resched();
		ndshm_test_keep_page(chunks[i].page);
		chunk_put(chunks[i].page, pages->reserved);
	}
	if (pages->count > 1) {
		sg_free_table(&pages->several->table);
		kvfree(pages->several);
	}
}

void ndshm_pages_free(struct ndshm_pages *pages)
{
	if (pages->count > 1)
		vunmap(pages->several->address);
	pages_unmap_device(pages);
	pages_put_chunks(pages);
}

ndshm_status_t ndshm_pages_allocate(struct ndshm_parameters *parameters, bool reserved,
				    struct ndshm_pages *pages)
{
	struct device *device = parameters->device;
	void *address = NULL;
	LIST_HEAD(chunks);
	/* Set as a whole by order_plan(). */
	struct order order __uninitialized;

	if (is_swiotlb_force_bounce(device))
		return NDSHM_STATUS_INVALID_PARAMETER;
	if (!order_plan(&order, device, reserved, parameters))
		return NDSHM_STATUS_RESOURCES;
	*pages = (struct ndshm_pages){
		.device = device,
		.length = ALIGN(PAGE_ALIGN(parameters->length) >> PAGE_SHIFT, 1UL << order.least),
		.reserved = reserved,
	};
	pages->count = order_alloc_chunks(&order, parameters, &pages->only, &chunks);
	if (!pages->count)
		return NDSHM_STATUS_RESOURCES;
	if (pages->count > 1 && pages_gather(pages, &chunks)) {
		chunks_free(&chunks, reserved);
		return NDSHM_STATUS_RESOURCES;
	}
	if (pages_map_device(pages)) {
		pages_put_chunks(pages);
		return NDSHM_STATUS_RESOURCES;
	}
	if (!parameters->no_kernel_mapping)
		address = pages_map_kernel(pages);
	if ((!address && !parameters->no_kernel_mapping) ||
	    pages_list_segments(pages, parameters->list) ||
	    (parameters->list->count > 1 &&
	     (parameters->flags & NDSHM_ALLOC_CONTIGUOUS))) {
		ndshm_pages_free(pages);
		return NDSHM_STATUS_RESOURCES;
	}
	parameters->virtual_address = address;
	parameters->needs_sync = !dev_is_dma_coherent(device);
	parameters->consumed = (u64)pages->length << PAGE_SHIFT;
	return NDSHM_STATUS_SUCCESS;
}

/* Replace memory of too many segments by contiguous memory, or, failing that, by its like. */
static ndshm_status_t pages_reallocate(struct ndshm_parameters *parameters,
				       struct ndshm_pages *pages)
{
	const u32 flags = parameters->flags;
	ndshm_status_t status;

	ndshm_pages_free(pages);
	parameters->list->count = 0;
	parameters->flags |= NDSHM_ALLOC_CONTIGUOUS;
	status = ndshm_pages_allocate(parameters, false, pages);
	if (status == NDSHM_STATUS_SUCCESS)
		return status;
	parameters->list->count = 0;
	parameters->flags = flags;
	return ndshm_pages_allocate(parameters, false, pages);
}

static ndshm_status_t pages_allocate(void *provider_context,
				     struct ndshm_parameters *parameters,
				     void **context)
{
	const bool reserved = provider_context;	/* only tested for NULL */
	ndshm_status_t status = ndshm_pages_allocate(parameters, reserved, *context);

	/* Memory of the reserve is never longer than a chunk. */
	if (status == NDSHM_STATUS_SUCCESS && !reserved && parameters->most_segments &&
	    parameters->list->count > parameters->most_segments)
		status = pages_reallocate(parameters, *context);
	return status;
}

static void pages_free(void *provider_context, void *context)
{
	ndshm_pages_free(context);
}

/*
 * User mappings and syncs
 */

/* Find the chunk with page @index of the block, and the index of the page in the chunk. */
static const struct ndshm_pages_chunk *chunk_find(const struct ndshm_pages *pages, pgoff_t index,
						  pgoff_t *inside)
{
	const struct ndshm_pages_chunk *chunk = &pages->only;
	unsigned int from = 0, to = pages->count, middle;

	*inside = index;
	if (to == 1)
		return chunk;
	chunk = pages->several->chunks;
	index += page_folio(chunk->page)->index;
	while (to - from > 1) {
		middle = from + (to - from) / 2;
		if (page_folio(chunk[middle].page)->index <= index)
			from = middle;
		else
			to = middle;
	}
	*inside = index - page_folio(chunk[from].page)->index;
	return &chunk[from];
}

static struct page *pages_page(void *provider_context, void *context,
			       pgoff_t index)
{
	pgoff_t inside;
	struct page *first = chunk_find(context, index, &inside)->page;

	return first + inside;
}

unsigned long ndshm_pages_pfn(const struct ndshm_pages *pages, pgoff_t index,
			      unsigned long *count)
{
	pgoff_t inside;
	struct page *first = chunk_find(pages, index, &inside)->page;

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
	struct ndshm_pages *pages = context;
	const struct ndshm_pages_chunk *chunk;
	u64 inside, part;
	pgoff_t index;

	chunk = chunk_find(pages, offset >> PAGE_SHIFT, &index);
	inside = ((u64)index << PAGE_SHIFT) + offset_in_page(offset);
	for (; length; length -= part, inside = 0, chunk++) {
		part = min_t(u64, length, page_size(chunk->page) - inside);
		chunk_sync(pages->device, for_device, chunk->address + inside,
			   part);
	}
}

static const struct ndshm_provider_characteristics characteristics = {
	.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
	.allocate = pages_allocate,
	.free = pages_free,
};

static const struct ndshm_provider_ops ops = {
	.name = "pages",
	.owner = THIS_MODULE,
	.flags = NDSHM_PROVIDER_OPEN,
	.context_size = sizeof(struct ndshm_pages),
	.page = pages_page,
	.sync = pages_sync,
};

static const struct ndshm_provider_characteristics reserve_characteristics = {
	.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
	.provider_context = &reserve_provider,
	.allocate = pages_allocate,
	.free = pages_free,
};

static const struct ndshm_provider_ops reserve_ops = {
	.name = "reserve",
	.owner = THIS_MODULE,
	.flags = NDSHM_PROVIDER_OPEN,
	.context_size = sizeof(struct ndshm_pages),
	.page = pages_page,
	.sync = pages_sync,
};

int __init ndshm_pages_init(struct ndshm_provider **out)
{
	provider = ndshm_provider_register(&characteristics, &ops,
					   NDSHM_SCOPE_NAMED, NULL, NULL);
	if (IS_ERR(provider))
		return PTR_ERR(provider);
	reserve_provider = ndshm_provider_register(&reserve_characteristics, &reserve_ops,
						   NDSHM_SCOPE_NAMED, NULL, NULL);
	if (IS_ERR(reserve_provider)) {
		WARN_ON(ndshm_provider_revoke(provider));
		return PTR_ERR(reserve_provider);
	}
	ndshm_reserve_init();
	*out = provider;
	return 0;
}

void ndshm_pages_exit(void)
{
	WARN_ON(ndshm_provider_revoke(reserve_provider));
	ndshm_reserve_exit();
	WARN_ON(ndshm_provider_revoke(provider));
}
