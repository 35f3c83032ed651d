/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DMA mapping of an NDIS provider's memory. Such a provider lists physical addresses and
 * does not know the device that uses them.
 */
#ifndef _NDSHM_NDIS_MAPPING_H
#define _NDSHM_NDIS_MAPPING_H

#include <ndshm/block.h>
#include <ndshm/ndis.h>

struct device;

/**
 * struct ndshm_ndis_chunk - Element of a provider's list
 * @physical: physical address
 * @address: DMA address, valid once mapped
 * @length: bytes; whole pages once cut
 * @pages: the memory had struct pages when it was mapped
 */
struct ndshm_ndis_chunk {
	u64 physical;
	dma_addr_t address;
	ULONG length;
	bool pages;
};

/**
 * struct ndshm_ndis_memory - Memory of a block, and its DMA mapping
 * @provider: context of the provider, first argument of @free
 * @free: handler that frees the memory, also if it was replaced meanwhile
 * @context: the provider's handle of the memory
 * @device: device of the DMA addresses
 * @count: number of mapped chunks
 * @chunks: in the list's order
 */
struct ndshm_ndis_memory {
	NDIS_HANDLE provider;
	FREE_SHARED_MEMORY_HANDLER free;
	NDIS_HANDLE context;
	struct device *device;
	u32 count;
	struct ndshm_ndis_chunk *chunks;
};

/*
 * Map the pages of the first @length bytes of @list for @device. @list has room for
 * @capacity elements.
 *
 * Return: 0; -EINVAL if the list is invalid; -ERANGE if the device cannot reach the
 * memory without a bounce buffer; -ENOMEM. Nothing is mapped on failure. May sleep.
 */
int ndshm_ndis_map(struct ndshm_ndis_memory *memory, struct device *device,
		   const SCATTER_GATHER_LIST *list, ULONG capacity,
		   ULONG length);
void ndshm_ndis_unmap(struct ndshm_ndis_memory *memory);

/*
 * Return: true if each chunk begins with a page and all but the last have whole pages, none
 * overlap, and all have at least @length bytes together. Sorts @chunks by address.
 */
bool ndshm_ndis_chunks_valid(struct ndshm_ndis_chunk *chunks, u32 count,
			     ULONG length);

/*
 * Truncate valid chunks to the pages of the first @length bytes. Return: the number of chunks
 * left.
 */
u32 ndshm_ndis_chunks_cut(struct ndshm_ndis_chunk *chunks, u32 count,
			  ULONG length);

#endif /* _NDSHM_NDIS_MAPPING_H */
