/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the contract costs a driver: its own calls, and those of NDIS.
 */
#ifndef _NDSHM_BENCH_BLOCKS_H
#define _NDSHM_BENCH_BLOCKS_H

#include <linux/types.h>

struct device;

/* An adapter for @device, and a handle of NDIS's for it. */
int blocks_setup(struct device *device);
void blocks_teardown(void);

/* So many blocks of a page live from now on. */
int blocks_live(unsigned int count);

/* Allocate @length bytes, and free them; @memory is not used. */
int blocks_once(void *memory, size_t length);
int blocks_once_ndis(void *memory, size_t length);

#endif /* _NDSHM_BENCH_BLOCKS_H */
