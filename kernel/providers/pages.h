/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The built-in provider "pages": ordinary memory in chunks as long as a huge page.
 */
#ifndef _NDSHM_PROVIDERS_PAGES_H
#define _NDSHM_PROVIDERS_PAGES_H

#include <linux/init.h>
#include <linux/types.h>

#include <ndshm/status.h>

struct device;
struct ndshm_parameters;

int __init ndshm_pages_setup(void);
void ndshm_pages_teardown(void);

/*
 * What its handlers do, for a provider that has such memory of its own: chunks are of
 * order @longest at most, unless one piece is needed. free takes the context that allocate
 * gave.
 */
ndshm_status_t ndshm_pages_allocate(struct ndshm_parameters *parameters,
				    unsigned int longest, void **context);
void ndshm_pages_free(void *provider_context, void *context);

/*
 * Can such memory of @size bytes be one segment of @device, and coherent, as far as can
 * be known before it is tried?
 */
bool ndshm_pages_fit(struct device *device, size_t size);

#endif /* _NDSHM_PROVIDERS_PAGES_H */
