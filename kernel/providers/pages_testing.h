/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Only in modules built with NDSHM_TEST=1: keep freed memory and check that no device
 * writes to it.
 */
#ifndef _NDSHM_PROVIDERS_PAGES_TESTING_H
#define _NDSHM_PROVIDERS_PAGES_TESTING_H

#include <linux/types.h>

struct device;
struct page;

#ifdef NDSHM_TEST
/* Return: true if the memory is kept, and the caller must not free it. */
bool ndshm_test_keep(struct device *device, size_t size, void *address,
		     dma_addr_t dma);
/* Keep the pages of a folio with a reference on it. */
void ndshm_test_keep_page(struct page *page);
/* Free all memory that is kept, and keep no more. */
void ndshm_test_free_held(void);
#else
static inline bool ndshm_test_keep(struct device *device, size_t size,
				   void *address, dma_addr_t dma)
{
	return false;
}

static inline void ndshm_test_keep_page(struct page *page)
{
}

static inline void ndshm_test_free_held(void)
{
}
#endif

#endif /* _NDSHM_PROVIDERS_PAGES_TESTING_H */
