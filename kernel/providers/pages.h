/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The built-in providers "pages", ordinary memory in chunks of up to a huge page, and "reserve",
 * whose chunks were allocated before.
 */
#ifndef _NDSHM_PROVIDERS_PAGES_H
#define _NDSHM_PROVIDERS_PAGES_H

#include <linux/init.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/types.h>

#include <ndshm/status.h>

struct device;
struct ndshm_parameters;
struct ndshm_provider;

/* Return: 0, with the registered provider "pages" in @provider, or a negative errno. */
int __init ndshm_pages_init(struct ndshm_provider **provider);
void ndshm_pages_exit(void);

/* Order of the longest chunk that mm can map with one entry. */
#define NDSHM_HUGE_ORDER	min(PMD_SHIFT - PAGE_SHIFT, MAX_PAGE_ORDER)

/**
 * struct ndshm_pages_chunk - Contiguous pages
 * @page: first page; its folio's index is the offset in the block, in pages, from the index of the
 *	first chunk on
 * @address: DMA address; the chunk is contiguous for the device, too
 */
struct ndshm_pages_chunk {
	struct page *page;
	dma_addr_t address;
};

/**
 * struct ndshm_pages_several - The chunks of a block that has several
 * @table: one entry for each of @chunks
 * @address: kernel address of all chunks, or NULL
 * @chunks: the chunks in the block's order
 */
struct ndshm_pages_several {
	struct sg_table table;
	void *address;
	struct ndshm_pages_chunk chunks[];
};

/**
 * struct ndshm_pages - Memory of one block
 * @device: device of the DMA mapping
 * @length: number of pages of all chunks
 * @count: number of chunks; 0: no memory
 * @reserved: the chunks are of the reserve
 * @only: the chunk, if @count is 1
 * @several: the chunks, if there are several
 *
 * Immutable once the block exists.
 */
struct ndshm_pages {
	struct device *device;
	unsigned int length;
	unsigned int count : 31;
	unsigned int reserved : 1;
	union {
		struct ndshm_pages_chunk only;
		struct ndshm_pages_several *several;
	};
};

/*
 * Return: true if a page of the compound page has failed: it must not be freed, since it cannot be
 * split. The page allocator itself refuses to free a single broken page.
 */
static inline bool ndshm_chunk_broken(struct page *page)
{
	const unsigned long count = PageCompound(page) ? compound_nr(page) : 0;
	unsigned long i;

	for (i = 0; i < count; i++)
		if (PageHWPoison(page + i))
			return true;
	return false;
}

/*
 * Handlers of "pages", for use by another provider. @reserved: chunks are of the reserve, and not
 * shorter than a huge page. Others are at most as long, unless a contiguous block needs a longer
 * one.
 */
ndshm_status_t ndshm_pages_allocate(struct ndshm_parameters *parameters, bool reserved,
				    struct ndshm_pages *pages);
void ndshm_pages_free(struct ndshm_pages *pages);

/* Return: the frame of the page at @index, and in *@count how many follow in its chunk. */
unsigned long ndshm_pages_pfn(const struct ndshm_pages *pages, pgoff_t index,
			      unsigned long *count);

/*
 * Return: false if @size bytes of such memory cannot be coherent and one segment for
 * @device. An allocation may fail all the same.
 */
bool ndshm_pages_fit(struct device *device, size_t size);

#endif /* _NDSHM_PROVIDERS_PAGES_H */
