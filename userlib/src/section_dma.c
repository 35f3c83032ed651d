// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * DMA addresses of the allocator's memory. The kernel is asked once for an extent; then each page of
 * it has its address in a table. Entries live until the extent is freed.
 */
#include <errno.h>
#include <stdlib.h>

#include "heap_internal.h"
#include "section_internal.h"

/* Lowest bits of a page's address: the entry is valid; it is the last one of its extent. */
#define KNOWN	1ul
#define LAST	2ul

/**
 * struct ndshm_dma_table - wiped in a child of fork(), which has no blocks
 * @lock: protects @forgotten and changes of @pages; bytes of 0 are a lock that is free
 * @forgotten: number of extents that were freed
 * @pages: by number of the page in the section, its DMA address; 0: not known
 */
struct ndshm_dma_table {
	pthread_mutex_t lock;
	uint64_t forgotten;
	_Atomic uint64_t pages[];
};

static uint64_t pages_of(const struct ndshm_section *section)
{
	return section->size >> PAGE_SHIFT;
}

static size_t table_bytes(const struct ndshm_section *section)
{
	return sizeof(struct ndshm_dma_table) + pages_of(section) * sizeof(uint64_t);
}

/* Of several threads that map the table, the first sets section->dma. */
static int set_up(struct ndshm_section *section)
{
	struct ndshm_dma_table *seen = NULL, *made;

	if (section->dma)
		return 0;
	made = ndshm__memory_map(table_bytes(section));
	if (!made)
		return -errno;
	if (!atomic_compare_exchange_strong(&section->dma, &seen, made))
		ndshm__memory_unmap(made, table_bytes(section));
	return 0;
}

void ndshm__section_dma_close(struct ndshm_section *section)
{
	if (section->dma)
		ndshm__memory_unmap(section->dma, table_bytes(section));
}

static uint64_t entry_of(const struct ndshm_section *section, uint64_t page)
{
	const struct ndshm_dma_table *table = section->dma;

	return atomic_load_explicit(&table->pages[page], memory_order_relaxed);
}

static void set_entry(struct ndshm_section *section, uint64_t page, uint64_t entry)
{
	struct ndshm_dma_table *table = section->dma;

	atomic_store_explicit(&table->pages[page], entry, memory_order_relaxed);
}

/* Remove the pages of an extent up to, but without, @end. Called with the lock held. */
static void remove_pages(struct ndshm_section *section, uint64_t page, uint64_t end)
{
	uint64_t entry = KNOWN;

	for (; page < end && !(entry & LAST); page++) {
		entry = entry_of(section, page);
		set_entry(section, page, 0);
	}
}

void ndshm__section_dma_forget(struct ndshm_section *section, uint64_t offset)
{
	struct ndshm_dma_table *table = section->dma;

	if (!table)
		return;
	pthread_mutex_lock(&table->lock);
	table->forgotten++;
	if (entry_of(section, offset >> PAGE_SHIFT))
		remove_pages(section, offset >> PAGE_SHIFT, pages_of(section));
	pthread_mutex_unlock(&table->lock);
}

/* Add the pages of an extent. Called with the lock held. */
static int add_segments(struct ndshm_section *section, uint64_t first, uint64_t count,
			const struct ndshm_segment *segments, size_t segment_count)
{
	uint64_t page = first;
	int error = 0;

	for (size_t i = 0; !error && i < segment_count; i++) {
		struct ndshm_segment rest = segments[i];

		if (rest.address % PAGE_BYTES || !rest.length || rest.length % PAGE_BYTES ||
		    rest.length >> PAGE_SHIFT > first + count - page)
			error = -EIO;
		for (; !error && rest.length; rest.length -= PAGE_BYTES) {
			set_entry(section, page++, rest.address | KNOWN);
			rest.address += PAGE_BYTES;
		}
	}
	if (!error && page != first + count)
		error = -EIO;
	if (error)
		remove_pages(section, first, page);
	else
		set_entry(section, page - 1, entry_of(section, page - 1) | LAST);
	return error;
}

/*
 * Ask for the addresses of an extent and add them. Returns -ERESTART if an extent was freed since
 * @forgotten was read: it may be this one, which another thread should not do.
 */
static int add_extent(struct ndshm_section *section, uint64_t offset, uint64_t length,
		      struct ndshm_segment *segments, uint64_t forgotten)
{
	struct ndshm_dma_table *table = section->dma;
	uint64_t pages = length >> PAGE_SHIFT;
	size_t count;
	int error = ndshm_extent_query(section, offset, segments, pages, &count);

	if (error)
		return error;
	if (count > pages)
		return ndshm__done(section->ndshm, -EIO);
	if (count && segments[0].address == NDSHM_ADDRESS_HIDDEN)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_NOT_ISOLATED);
	pthread_mutex_lock(&table->lock);
	if (table->forgotten != forgotten)
		error = -ERESTART;
	/* Another thread may have been first. */
	else if (!entry_of(section, offset >> PAGE_SHIFT))
		error = add_segments(section, offset >> PAGE_SHIFT, pages, segments, count);
	pthread_mutex_unlock(&table->lock);
	return error == -ERESTART ? error : ndshm__done(section->ndshm, error);
}

static uint64_t forgotten_of(const struct ndshm_section *section)
{
	struct ndshm_dma_table *table = section->dma;
	uint64_t forgotten;

	pthread_mutex_lock(&table->lock);
	forgotten = table->forgotten;
	pthread_mutex_unlock(&table->lock);
	return forgotten;
}

/* Get the addresses of the allocator's extent that contains this page. */
static int learn_once(struct ndshm_section *section, uint64_t page)
{
	/*
	 * Read before the extent is looked up: the heap removes it before it is forgotten and freed,
	 * so that freeing one that is found changes the number later.
	 */
	uint64_t forgotten = forgotten_of(section), offset, length;
	struct ndshm_segment *segments;
	int error;

	if (!ndshm__heap_extent(section->heap, page << PAGE_SHIFT, &offset, &length))
		return ndshm__refuse(section->ndshm, NDSHM_REASON_POINTER_FOREIGN);
	segments = calloc(length >> PAGE_SHIFT, sizeof(*segments));
	if (!segments)
		return ndshm__done(section->ndshm, -ENOMEM);
	error = add_extent(section, offset, length, segments, forgotten);
	free(segments);
	return error;
}

static int learn(struct ndshm_section *section, uint64_t page)
{
	int error;

	if (section->heap == &ndshm__no_heap)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_POINTER_FOREIGN);
	error = set_up(section);
	if (error)
		return ndshm__map_done(section->ndshm, error, table_bytes(section));
	do {
		error = learn_once(section, page);
	} while (error == -ERESTART);
	return error;
}

/* Get a page's address, which is not 0: bit KNOWN is set. */
static int page_address(struct ndshm_section *section, uint64_t page, uint64_t *entry)
{
	int error;

	*entry = section->dma ? entry_of(section, page) : 0;
	if (likely(*entry))
		return 0;
	error = learn(section, page);
	*entry = error ? 0 : entry_of(section, page);
	/* A block that is not live any more: its extent was freed meanwhile. */
	if (!error && !*entry)
		error = ndshm__refuse(section->ndshm, NDSHM_REASON_POINTER_FOREIGN);
	return error;
}

NDSHM_API int ndshm_section_dma_address(struct ndshm_section *section, const void *pointer,
					size_t length, uint64_t *address)
{
	uint64_t offset, entry, next;
	int error = ndshm_section_offset(section, pointer, &offset);

	if (error)
		return error;
	if (!length)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_LENGTH_ZERO);
	if (length > section->size - offset)
		return ndshm__done(section->ndshm, -ERANGE);
	error = page_address(section, offset >> PAGE_SHIFT, &entry);
	if (error)
		return error;
	*address = (entry & ~(PAGE_BYTES - 1)) | offset % PAGE_BYTES;
	for (uint64_t page = offset >> PAGE_SHIFT; page < (offset + length - 1) >> PAGE_SHIFT;) {
		error = page_address(section, ++page, &next);
		if (!error && next >> PAGE_SHIFT != (entry >> PAGE_SHIFT) + 1)
			error = ndshm__done(section->ndshm, -EXDEV);
		if (error)
			return error;
		entry = next;
	}
	return 0;
}
