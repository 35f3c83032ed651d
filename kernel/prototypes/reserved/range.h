/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A memory range that is reserved from the kernel, and its allocator.
 */
#ifndef _RESERVED_RANGE_H
#define _RESERVED_RANGE_H

#include <linux/types.h>

/*
 * Claim the range of the module parameters. Return: 0 or a negative errno. range_give()
 * releases it.
 */
int range_take(void);
void range_give(void);

/*
 * Allocate @length bytes, whole pages, zeroed. Return: the memory, or NULL if none is
 * free.
 */
void *range_alloc(size_t length);
void range_free(void *chunk, size_t length);

/* Physical address of allocated memory. */
phys_addr_t range_physical(const void *chunk);

#endif /* _RESERVED_RANGE_H */
