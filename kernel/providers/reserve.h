/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The reserve: chunks of the longest order of the provider "pages" that were allocated before
 * memory was fragmented. The provider "reserve" has its memory from there.
 */
#ifndef _NDSHM_PROVIDERS_RESERVE_H
#define _NDSHM_PROVIDERS_RESERVE_H

#include <linux/init.h>
#include <linux/types.h>

struct folio;
struct page;

/**
 * struct ndshm_reserve_view - Size and use of the reserve
 * @size: bytes that were set, in whole chunks
 * @chunk_size: bytes of a chunk
 * @chunks: number of chunks, free or in use
 * @free: number of chunks that are free
 */
struct ndshm_reserve_view {
	u64 size;
	u64 chunk_size;
	u32 chunks;
	u32 free;
};

void ndshm_reserve_peek(struct ndshm_reserve_view *view);

/*
 * Set the size to @bytes, rounded up to whole chunks. Chunks above the size that are in use are
 * freed when they are put. Return: 0; -EAGAIN if a request may not take the time for all chunks
 * that are missing or above the size, -ENOMEM if there is no memory for another one, or -EINTR if
 * the caller is killed, each with the chunks that were allocated; or -ERANGE if @bytes are more
 * than the machine has, and nothing changed.
 */
int ndshm_reserve_resize(u64 bytes);

/* Return: true if a page of the compound page has failed: it must not be freed as a whole. */
bool ndshm_chunk_broken(struct page *page);

/*
 * Take a free chunk: a compound page that ends at @last or before, of @node if there is one
 * (NUMA_NO_NODE: of any), and zero it. The caller has its only reference. Return: NULL if there is
 * none. Long, as the allocation of such a chunk.
 */
struct page *ndshm_reserve_get(int node, phys_addr_t last);

/*
 * Put a chunk. It is in use until other references are dropped; if it is broken, it leaves the
 * reserve. May sleep.
 */
void ndshm_reserve_put(struct page *page);

/**
 * struct ndshm_reserve_pins - Chunks with other references, such as pins
 * @keep: keep a chunk until these are dropped, with a reference of its own. Then, or at unload,
 *	ndshm_reserve_put_kept() gets that. Return: true if it is kept, also since before; false if
 *	it is broken
 * @reap: check the chunks that are kept at once. May sleep
 */
struct ndshm_reserve_pins {
	bool (*keep)(struct folio *folio);
	void (*reap)(void);
};

/* Put a folio that is kept no more. Return: false if it is no chunk. May sleep. */
bool ndshm_reserve_put_kept(struct folio *folio);

int __init ndshm_reserve_setup(const struct ndshm_reserve_pins *pins);
void ndshm_reserve_teardown(void);

#endif /* _NDSHM_PROVIDERS_RESERVE_H */
