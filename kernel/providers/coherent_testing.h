/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In a module built with NDSHM_TEST=1 only: memory that was freed can be kept
 * back and watched, to show that no device writes to it any more.
 */
#ifndef _NDSHM_PROVIDERS_COHERENT_TESTING_H
#define _NDSHM_PROVIDERS_COHERENT_TESTING_H

#include <linux/types.h>

struct device;

#ifdef NDSHM_TEST
/* True: it is kept, and the caller must not free it. */
bool ndshm_test_hold(struct device *device, size_t size, void *address,
		     dma_addr_t dma);
/* Free all that is kept. */
void ndshm_test_let_go(void);
#else
static inline bool ndshm_test_hold(struct device *device, size_t size,
				   void *address, dma_addr_t dma)
{
	return false;
}

static inline void ndshm_test_let_go(void)
{
}
#endif

#endif /* _NDSHM_PROVIDERS_COHERENT_TESTING_H */
