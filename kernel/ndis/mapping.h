/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A provider's memory, mapped for the device that will use it. NDIS's provider knows
 * where its memory is in the machine, and not who asks.
 */
#ifndef _NDSHM_NDIS_MAPPING_H
#define _NDSHM_NDIS_MAPPING_H

#include <ndshm/block.h>
#include <ndshm/ndis.h>

struct device;

/**
 * struct ndshm_ndis_piece - an element of a provider's list
 * @physical: where it begins in the machine
 * @address: where it begins for the device, once it is mapped
 * @length: whole pages
 * @pages: the kernel had pages for it when it was mapped
 */
struct ndshm_ndis_piece {
	u64 physical;
	dma_addr_t address;
	ULONG length;
	bool pages;
};

/**
 * struct ndshm_ndis_mapping - what has to be unmapped
 * @device: for whom
 * @count: pieces that are mapped
 * @pieces: in the list's order
 */
struct ndshm_ndis_mapping {
	struct device *device;
	u32 count;
	struct ndshm_ndis_piece *pieces;
};

/*
 * Map the first @length bytes, whole pages, of a list with room for @capacity elements,
 * for @device. 0; -EINVAL if the list is nonsense; -ERANGE if the device does not reach the memory,
 * or not without a copy; -ENOMEM. Then nothing is mapped. May sleep.
 */
int ndshm_ndis_map(struct ndshm_ndis_mapping *mapping, struct device *device,
		   const SCATTER_GATHER_LIST *list, ULONG capacity,
		   ULONG length);
void ndshm_ndis_unmap(struct ndshm_ndis_mapping *mapping);

/*
 * Whole pages each, no page twice, all of them @length bytes at least. The order of
 * the pieces is another one afterwards.
 */
bool ndshm_ndis_pieces_valid(struct ndshm_ndis_piece *pieces, u32 count,
			     ULONG length);

/* How many of valid pieces the first @length bytes are; the last one is made to fit. */
u32 ndshm_ndis_pieces_cut(struct ndshm_ndis_piece *pieces, u32 count,
			  ULONG length);

#endif /* _NDSHM_NDIS_MAPPING_H */
