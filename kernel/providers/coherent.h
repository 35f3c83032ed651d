/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The built-in provider "coherent": DMA-coherent memory of an adapter's device.
 */
#ifndef _NDSHM_PROVIDERS_COHERENT_H
#define _NDSHM_PROVIDERS_COHERENT_H

#include <linux/init.h>

int __init ndshm_coherent_setup(void);
void ndshm_coherent_teardown(void);

#endif /* _NDSHM_PROVIDERS_COHERENT_H */
