/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A range of memory that the kernel was told to keep off, and who has what of it.
 */
#ifndef _RESERVED_RANGE_H
#define _RESERVED_RANGE_H

#include <linux/types.h>

/* Take the range of the module's parameters: 0 or a negative errno; give it back. */
int range_take(void);
void range_give(void);

/* A piece of @length bytes, whole pages, that read as zero; NULL: none is free. */
void *range_alloc(size_t length);
void range_free(void *piece, size_t length);

/* Where a piece is in the machine. */
phys_addr_t range_physical(const void *piece);

#endif /* _RESERVED_RANGE_H */
