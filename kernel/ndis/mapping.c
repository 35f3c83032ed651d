// SPDX-License-Identifier: GPL-2.0
/* DMA mapping of the physical addresses that an NDIS provider lists. */
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/errno.h>
#include <linux/iommu.h>
#include <linux/ioport.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/swiotlb.h>

#include "mapping.h"

/* ndis_chunk_reachable() accepts coherent access only, so that cache maintenance can be skipped. */
#define ATTRIBUTES	(DMA_ATTR_NO_WARN | DMA_ATTR_SKIP_CPU_SYNC)

static int ndis_chunks_compare(const void *a, const void *b)
{
	const struct ndshm_ndis_chunk *x = a, *y = b;

	/* A list may have a million elements, and sort() does not reschedule. */
	cond_resched();
	return x->physical < y->physical ? -1 : x->physical > y->physical;
}

bool ndshm_ndis_chunks_valid(struct ndshm_ndis_chunk *chunks, u32 count,
			     ULONG length)
{
	u64 total = 0, last = 0, end;
	u32 i;

	/* The last one may end within a page. */
	for (i = 0; i + 1 < count; i++)
		if (!PAGE_ALIGNED(chunks[i].length))
			return false;
	sort(chunks, count, sizeof(*chunks), ndis_chunks_compare, NULL);
	for (i = 0; i < count; i++) {
		/* A chunk may end at the highest address. */
		if (!chunks[i].length ||
		    !PAGE_ALIGNED(chunks[i].physical) ||
		    check_add_overflow(chunks[i].physical,
				       (u64)chunks[i].length - 1, &end))
			return false;
		if (i && chunks[i].physical <= last)
			return false;
		last = end;
		total += chunks[i].length;
	}
	return total >= length;
}

u32 ndshm_ndis_chunks_cut(struct ndshm_ndis_chunk *chunks, u32 count,
			  ULONG length)
{
	u32 i;

	for (i = 0; i < count && length; i++) {
		chunks[i].length = min(chunks[i].length, length);
		length -= chunks[i].length;
		/* An IOMMU maps whole pages. */
		chunks[i].length = PAGE_ALIGN(chunks[i].length);
	}
	return i;
}

/*
 * Validate a copy: ndshm_ndis_chunks_valid() sorts, and the block keeps the provider's
 * order.
 */
static int ndis_chunks_check(const struct ndshm_ndis_chunk *chunks, u32 count, ULONG length)
{
	struct ndshm_ndis_chunk *copy;
	bool valid;

	copy = kvmalloc_array(count, sizeof(*copy), NDSHM_GFP_CHARGED);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, chunks, count * sizeof(*copy));
	valid = ndshm_ndis_chunks_valid(copy, count, length);
	kvfree(copy);
	return valid ? 0 : -EINVAL;
}

static void mapping_copy_list(struct ndshm_ndis_chunk *chunks,
			      const SCATTER_GATHER_LIST *list, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		chunks[i] = (struct ndshm_ndis_chunk){
			.physical = list->Elements[i].Address.QuadPart,
			.length = list->Elements[i].Length,
		};
}

/* Return: true if an IOMMU translates the device's DMA addresses. */
static bool mapping_translated(struct device *device)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(device);

	return domain && (domain->type & __IOMMU_DOMAIN_DMA_API);
}

/* Return: true if @chunk lies in a PCI BAR, which processors do not cache. */
static bool ndis_chunk_of_card(const struct ndshm_ndis_chunk *chunk)
{
	struct resource range =
		DEFINE_RES_MEM(chunk->physical, chunk->length);
	struct pci_dev *pdev = NULL;
	struct resource *bar;
	unsigned int i;

	for_each_pci_dev(pdev) {
		for (i = 0; i < PCI_STD_NUM_BARS; i++) {
			bar = &pdev->resource[i];
			if (resource_type(bar) != IORESOURCE_MEM ||
			    !bar->parent || !resource_contains(bar, &range))
				continue;
			pci_dev_put(pdev);
			return true;
		}
	}
	return false;
}

/*
 * Behind an IOMMU dma_map_resource() creates an MMIO mapping. On x86 DMA through it
 * snoops the caches all the same. Elsewhere (arm64) it bypasses them: correct for a BAR,
 * but not for RAM without struct pages, which may be cached.
 */
static bool ndis_chunk_snooped(const struct ndshm_ndis_chunk *chunk)
{
	return IS_ENABLED(CONFIG_X86) || chunk->pages || ndis_chunk_of_card(chunk);
}

/* Return: true if @device reaches @chunk coherently and without bounce buffers. */
static bool ndis_chunk_reachable(struct device *device,
				 const struct ndshm_ndis_chunk *chunk)
{
	u64 most = min_not_zero(dma_get_mask(device), device->bus_dma_limit);

	if (!device->dma_mask || !dev_is_dma_coherent(device))
		return false;
	if (mapping_translated(device))
		return ndis_chunk_snooped(chunk);
	/* dma_map_resource() uses the physical address as DMA address, unchanged. */
	if (!chunk->pages &&
	    phys_to_dma(device, chunk->physical) != chunk->physical)
		return false;
	return !is_swiotlb_force_bounce(device) &&
	       chunk->physical + chunk->length - 1 <= dma_to_phys(device, most);
}

static void ndis_chunk_unmap(struct device *device,
			     const struct ndshm_ndis_chunk *chunk)
{
	if (chunk->pages)
		dma_unmap_page_attrs(device, chunk->address, chunk->length,
				     DMA_BIDIRECTIONAL, ATTRIBUTES);
	else
		dma_unmap_resource(device, chunk->address, chunk->length,
				   DMA_BIDIRECTIONAL, ATTRIBUTES);
}

static int ndis_chunk_map(struct device *device, struct ndshm_ndis_chunk *chunk)
{
	/*
	 * Without struct pages this is device memory, or RAM that was reserved at boot.
	 * Keep the answer for ndis_chunk_unmap(): hotplug may change it.
	 */
	chunk->pages = pfn_valid(PHYS_PFN(chunk->physical));
	if (!ndis_chunk_reachable(device, chunk))
		return -ERANGE;
	if (chunk->pages)
		chunk->address =
			dma_map_page_attrs(device,
					   pfn_to_page(PHYS_PFN(chunk->physical)),
					   0, chunk->length, DMA_BIDIRECTIONAL,
					   ATTRIBUTES);
	else
		chunk->address = dma_map_resource(device, chunk->physical,
						  chunk->length,
						  DMA_BIDIRECTIONAL,
						  ATTRIBUTES);
	if (dma_mapping_error(device, chunk->address))
		return -ENOMEM;
	/* Reject a bounce buffer: the block has no syncs. */
	if (!mapping_translated(device) &&
	    chunk->address != phys_to_dma(device, chunk->physical)) {
		ndis_chunk_unmap(device, chunk);
		return -ERANGE;
	}
	return 0;
}

int ndshm_ndis_map(struct ndshm_ndis_memory *memory, struct device *device,
		   const SCATTER_GATHER_LIST *list, ULONG capacity,
		   ULONG length)
{
	u32 count = list->NumberOfElements;
	struct ndshm_ndis_chunk *chunks;
	int ret;

	memory->device = device;
	/* Do not read beyond the list, whatever length the handler reports. */
	if (!count || count > capacity)
		return -EINVAL;
	chunks = kvmalloc_array(count, sizeof(*chunks), NDSHM_GFP_CHARGED);
	if (!chunks)
		return -ENOMEM;
	memory->chunks = chunks;
	/* Copy before validation: the handler may still change its list. */
	mapping_copy_list(chunks, list, count);
	ret = ndis_chunks_check(chunks, count, length);
	if (!ret)
		count = ndshm_ndis_chunks_cut(chunks, count, length);
	while (memory->count < count && !ret) {
		ret = ndis_chunk_map(device, &chunks[memory->count]);
		memory->count += !ret;
		cond_resched();
	}
	if (ret)
		ndshm_ndis_unmap(memory);
	return ret;
}

void ndshm_ndis_unmap(struct ndshm_ndis_memory *memory)
{
	while (memory->count) {
		ndis_chunk_unmap(memory->device,
				 &memory->chunks[--memory->count]);
		cond_resched();
	}
	kvfree(memory->chunks);
	memory->chunks = NULL;
}
