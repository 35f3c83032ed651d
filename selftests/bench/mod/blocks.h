/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The cost of a driver's allocations with ndshm's own calls and with those of
 * NDIS.
 */
#ifndef _NDSHM_BENCH_BLOCKS_H
#define _NDSHM_BENCH_BLOCKS_H

#include <linux/types.h>

struct device;

/* Create an adapter for @device, and an NDIS handle for it. */
int blocks_setup(struct device *device);
void blocks_teardown(void);

/* Keep @count blocks of one page allocated from now on. */
int blocks_live(unsigned int count);

/* Allocate and free @length bytes; @memory is not used. */
int blocks_once(void *memory, size_t length);
int blocks_once_ndis(void *memory, size_t length);

#endif /* _NDSHM_BENCH_BLOCKS_H */
