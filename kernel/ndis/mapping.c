// SPDX-License-Identifier: GPL-2.0
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/errno.h>
#include <linux/export.h>
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

/* reaches() accepts coherent access only, so that cache maintenance can be skipped. */
#define ATTRIBUTES	(DMA_ATTR_NO_WARN | DMA_ATTR_SKIP_CPU_SYNC)

static int pieces_compare(const void *a, const void *b)
{
	const struct ndshm_ndis_piece *x = a, *y = b;

	/* A list may have a million elements, and sort() does not reschedule. */
	cond_resched();
	return x->physical < y->physical ? -1 : x->physical > y->physical;
}

bool ndshm_ndis_pieces_valid(struct ndshm_ndis_piece *pieces, u32 count,
			     ULONG length)
{
	u64 total = 0, last = 0, end;
	u32 i;

	sort(pieces, count, sizeof(*pieces), pieces_compare, NULL);
	for (i = 0; i < count; i++) {
		/* A piece may end at the highest address. */
		if (!pieces[i].length ||
		    !PAGE_ALIGNED(pieces[i].physical | pieces[i].length) ||
		    check_add_overflow(pieces[i].physical,
				       (u64)pieces[i].length - 1, &end))
			return false;
		if (i && pieces[i].physical <= last)
			return false;
		last = end;
		total += pieces[i].length;
	}
	return total >= length;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_ndis_pieces_valid);

u32 ndshm_ndis_pieces_cut(struct ndshm_ndis_piece *pieces, u32 count,
			  ULONG length)
{
	u32 i;

	for (i = 0; i < count && length; i++) {
		pieces[i].length = min(pieces[i].length, length);
		length -= pieces[i].length;
	}
	return i;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_ndis_pieces_cut);

/*
 * Validate a copy: ndshm_ndis_pieces_valid() sorts, and the block keeps the provider's
 * order.
 */
static int pieces_check(const struct ndshm_ndis_piece *pieces, u32 count, ULONG length)
{
	struct ndshm_ndis_piece *copy;
	bool valid;

	copy = kvmalloc_array(count, sizeof(*copy), NDSHM_GFP_CHARGED);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, pieces, count * sizeof(*copy));
	valid = ndshm_ndis_pieces_valid(copy, count, length);
	kvfree(copy);
	return valid ? 0 : -EINVAL;
}

static void copy_list(struct ndshm_ndis_piece *pieces,
		      const SCATTER_GATHER_LIST *list, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		pieces[i] = (struct ndshm_ndis_piece){
			.physical = list->Elements[i].Address.QuadPart,
			.length = list->Elements[i].Length,
		};
}

/* Return: true if an IOMMU translates the device's DMA addresses. */
static bool device_translated(struct device *device)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(device);

	return domain && (domain->type & __IOMMU_DOMAIN_DMA_API);
}

/* Return: true if @piece lies in a PCI BAR, which processors do not cache. */
static bool of_card(const struct ndshm_ndis_piece *piece)
{
	struct resource range =
		DEFINE_RES_MEM(piece->physical, piece->length);
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
static bool snooped(const struct ndshm_ndis_piece *piece)
{
	return IS_ENABLED(CONFIG_X86) || piece->pages || of_card(piece);
}

/* Return: true if @device reaches @piece coherently and without bounce buffers. */
static bool reaches(struct device *device, const struct ndshm_ndis_piece *piece)
{
	u64 most = min_not_zero(dma_get_mask(device), device->bus_dma_limit);

	if (!device->dma_mask || !dev_is_dma_coherent(device))
		return false;
	if (device_translated(device))
		return snooped(piece);
	/* dma_map_resource() uses the physical address as DMA address, unchanged. */
	if (!piece->pages &&
	    phys_to_dma(device, piece->physical) != piece->physical)
		return false;
	return !is_swiotlb_force_bounce(device) &&
	       piece->physical + piece->length - 1 <= dma_to_phys(device, most);
}

static void unmap_piece(struct device *device,
			const struct ndshm_ndis_piece *piece)
{
	if (piece->pages)
		dma_unmap_page_attrs(device, piece->address, piece->length,
				     DMA_BIDIRECTIONAL, ATTRIBUTES);
	else
		dma_unmap_resource(device, piece->address, piece->length,
				   DMA_BIDIRECTIONAL, ATTRIBUTES);
}

static int map_piece(struct device *device, struct ndshm_ndis_piece *piece)
{
	/*
	 * Without struct pages this is device memory, or RAM that was reserved at boot.
	 * Keep the answer for unmap_piece(): hotplug may change it.
	 */
	piece->pages = pfn_valid(PHYS_PFN(piece->physical));
	if (!reaches(device, piece))
		return -ERANGE;
	if (piece->pages)
		piece->address =
			dma_map_page_attrs(device,
					   pfn_to_page(PHYS_PFN(piece->physical)),
					   0, piece->length, DMA_BIDIRECTIONAL,
					   ATTRIBUTES);
	else
		piece->address = dma_map_resource(device, piece->physical,
						  piece->length,
						  DMA_BIDIRECTIONAL,
						  ATTRIBUTES);
	if (dma_mapping_error(device, piece->address))
		return -ENOMEM;
	/* Reject a bounce buffer: the block has no syncs. */
	if (!device_translated(device) &&
	    piece->address != phys_to_dma(device, piece->physical)) {
		unmap_piece(device, piece);
		return -ERANGE;
	}
	return 0;
}

int ndshm_ndis_map(struct ndshm_ndis_mapping *mapping, struct device *device,
		   const SCATTER_GATHER_LIST *list, ULONG capacity,
		   ULONG length)
{
	u32 count = list->NumberOfElements;
	struct ndshm_ndis_piece *pieces;
	int ret;

	*mapping = (struct ndshm_ndis_mapping){ .device = device };
	/* Do not read beyond the list, whatever length the handler reports. */
	if (!count || count > capacity)
		return -EINVAL;
	pieces = kvmalloc_array(count, sizeof(*pieces), NDSHM_GFP_CHARGED);
	if (!pieces)
		return -ENOMEM;
	mapping->pieces = pieces;
	/* Copy before validation: the handler may still change its list. */
	copy_list(pieces, list, count);
	ret = pieces_check(pieces, count, length);
	if (!ret)
		count = ndshm_ndis_pieces_cut(pieces, count, length);
	while (mapping->count < count && !ret) {
		ret = map_piece(device, &pieces[mapping->count]);
		mapping->count += !ret;
		cond_resched();
	}
	if (ret)
		ndshm_ndis_unmap(mapping);
	return ret;
}

void ndshm_ndis_unmap(struct ndshm_ndis_mapping *mapping)
{
	while (mapping->count) {
		unmap_piece(mapping->device,
			    &mapping->pieces[--mapping->count]);
		cond_resched();
	}
	kvfree(mapping->pieces);
	mapping->pieces = NULL;
}
