/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The built-in provider "coherent": DMA-coherent memory of an adapter's device.
 */
#ifndef _NDSHM_PROVIDERS_COHERENT_H
#define _NDSHM_PROVIDERS_COHERENT_H

#include <linux/init.h>

struct ndshm_provider;

/* Return: 0, with the registered provider in @provider, or a negative errno. */
int __init ndshm_coherent_init(struct ndshm_provider **provider);
void ndshm_coherent_exit(void);

#endif /* _NDSHM_PROVIDERS_COHERENT_H */
