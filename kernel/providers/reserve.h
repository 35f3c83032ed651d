/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The reserve: chunks of the longest order of the provider "pages" that were allocated before
 * memory was fragmented. The provider "reserve" has its memory from there. The module parameter
 * reserve sets its size: chunks above the size that are in use are freed when they are put.
 */
#ifndef _NDSHM_PROVIDERS_RESERVE_H
#define _NDSHM_PROVIDERS_RESERVE_H

#include <linux/init.h>
#include <linux/types.h>

struct page;

/*
 * Take a free chunk: a compound page that ends at @last or before, of @node if there is one
 * (NUMA_NO_NODE: of any), and zero it. The caller has its only reference. Return: NULL if there is
 * none. Long, as the allocation of such a chunk.
 */
struct page *ndshm_reserve_get(int node, phys_addr_t last);

/*
 * Put a chunk. If it is broken, or has other references, such as pins, it leaves the reserve; its
 * last reference frees it, unless it is broken.
 */
void ndshm_reserve_put(struct page *page);

void __init ndshm_reserve_init(void);
void ndshm_reserve_exit(void);

#endif /* _NDSHM_PROVIDERS_RESERVE_H */
