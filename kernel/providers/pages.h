/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The built-in provider "pages": ordinary memory in chunks of up to a huge page.
 */
#ifndef _NDSHM_PROVIDERS_PAGES_H
#define _NDSHM_PROVIDERS_PAGES_H

#include <linux/init.h>
#include <linux/mm.h>
#include <linux/types.h>

#include <ndshm/status.h>

struct device;
struct ndshm_parameters;
struct ndshm_provider;

/* Return: 0, with the registered provider in @provider, or a negative errno. */
int __init ndshm_pages_setup(struct ndshm_provider **provider);
void ndshm_pages_teardown(void);

/* Order of the longest chunk that mm can map with one entry. */
#define NDSHM_HUGE_ORDER	min(PMD_SHIFT - PAGE_SHIFT, MAX_PAGE_ORDER)

/*
 * Handlers of "pages", for use by another provider. Chunks are at most of order @longest,
 * unless a contiguous block needs a longer one. ndshm_pages_free() takes the context that
 * ndshm_pages_allocate() returned.
 */
ndshm_status_t ndshm_pages_allocate(struct ndshm_parameters *parameters,
				    unsigned int longest, void **context);
void ndshm_pages_free(void *provider_context, void *context);

/* Return: the frame of the page at @index, and in *@count how many follow in its chunk. */
unsigned long ndshm_pages_pfn(void *context, pgoff_t index, unsigned long *count);

/*
 * Return: false if @size bytes of such memory cannot be coherent and one segment for
 * @device. An allocation may fail all the same.
 */
bool ndshm_pages_fit(struct device *device, size_t size);

#endif /* _NDSHM_PROVIDERS_PAGES_H */
