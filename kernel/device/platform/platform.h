/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The platform driver's interface to the rest of the module.
 */
#ifndef _NDSHM_PLATFORM_H
#define _NDSHM_PLATFORM_H

#include <linux/init.h>

/* Must be called after adapters can be registered: devices are bound at once. */
int __init ndshm_platform_init(void);
void ndshm_platform_exit(void);

#endif /* _NDSHM_PLATFORM_H */
