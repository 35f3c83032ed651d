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

/* No cache is in the way, so that none is written back or forgotten. */
#define ATTRIBUTES	(DMA_ATTR_NO_WARN | DMA_ATTR_SKIP_CPU_SYNC)

static int compare(const void *a, const void *b)
{
	const struct ndshm_ndis_piece *x = a, *y = b;

	/* A list can have a million, and sort() does not stop in between. */
	cond_resched();
	return x->physical < y->physical ? -1 : x->physical > y->physical;
}

bool ndshm_ndis_pieces_valid(struct ndshm_ndis_piece *pieces, u32 count,
			     ULONG length)
{
	u64 total = 0, last = 0, end;
	u32 i;

	sort(pieces, count, sizeof(*pieces), compare, NULL);
	for (i = 0; i < count; i++) {
		/* The last byte must exist, the one after it need not. */
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

/* The order is the provider's, so that a copy is looked at. */
static int check(const struct ndshm_ndis_piece *pieces, u32 count, ULONG length)
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

/* Does an IOMMU say what its addresses mean? */
static bool translated(struct device *device)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(device);

	return domain && (domain->type & __IOMMU_DOMAIN_DMA_API);
}

/* Does it lie in a BAR, which no cache of the processors has a part of? */
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
 * Behind an IOMMU dma_map_resource() maps registers. On x86 what the device does there
 * is seen by the caches all the same. Elsewhere (arm64) it goes past them: of a card
 * there is nothing in them; of memory that the kernel has no pages for there may be.
 */
static bool snooped(const struct ndshm_ndis_piece *piece)
{
	return IS_ENABLED(CONFIG_X86) || piece->pages || of_card(piece);
}

/* Without a copy, and with the caches of the processors. */
static bool reaches(struct device *device, const struct ndshm_ndis_piece *piece)
{
	u64 most = min_not_zero(dma_get_mask(device), device->bus_dma_limit);

	if (!device->dma_mask || !dev_is_dma_coherent(device))
		return false;
	if (translated(device))
		return snooped(piece);
	/* dma_map_resource() takes one address for the other, and warns of some. */
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
	 * If not, it is memory that the kernel knows nothing of: of a card, or kept
	 * from it since the boot. That may be another when it is unmapped.
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
	/* Whoever copies would not be told when. */
	if (!translated(device) &&
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
	/* What is beyond the list is not there to be looked at. */
	if (!count || count > capacity)
		return -EINVAL;
	pieces = kvmalloc_array(count, sizeof(*pieces), NDSHM_GFP_CHARGED);
	if (!pieces)
		return -ENOMEM;
	mapping->pieces = pieces;
	/* Read once: what is checked is what is mapped. */
	copy_list(pieces, list, count);
	ret = check(pieces, count, length);
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
