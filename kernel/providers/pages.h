/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The built-in provider "pages": ordinary memory in chunks as long as a huge page.
 */
#ifndef _NDSHM_PROVIDERS_PAGES_H
#define _NDSHM_PROVIDERS_PAGES_H

#include <linux/init.h>

int __init ndshm_pages_setup(void);
void ndshm_pages_teardown(void);

#endif /* _NDSHM_PROVIDERS_PAGES_H */
