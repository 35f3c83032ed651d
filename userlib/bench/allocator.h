/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The allocators that are measured: the library's heap in a section without the kernel,
 * the library's calls on a section of the module, or malloc().
 */
#ifndef NDSHM_BENCH_ALLOCATOR_H
#define NDSHM_BENCH_ALLOCATOR_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include <ndshm/section.h>

/**
 * struct allocator - an allocator
 * @name: name on the command line
 * @open: Called before the first block; returns 0 or -errno.
 * @alloc: Returns NULL on failure.
 * @free: Returns 0 or -errno.
 * @realloc: Returns NULL on failure; NULL if it is not measured.
 * @close: Called after the last block.
 * @trim: Frees memory that is kept in reserve.
 * @stats: Gets statistics of the blocks.
 * @committed: Returns the bytes of memory that the section has for its extents.
 * @start_loans: Makes the loans for @lend; returns a copy of their descriptor or -errno.
 * @lend: Lends a block, which the borrower returns by *@offset; returns 0 or -errno.
 *
 * The last five are NULL for allocators without a section.
 */
struct allocator {
	const char *name;
	int (*open)(void);
	void *(*alloc)(size_t size);
	int (*free)(void *block);
	void *(*realloc)(void *block, size_t size);
	void (*close)(void);
	void (*trim)(void);
	void (*stats)(struct ndshm_heap_stats *stats);
	uint64_t (*committed)(void);
	int (*start_loans)(void);
	int (*lend)(void *block, uint64_t *offset);
};

/* Returns NULL, after printing an error, if there is no such allocator. */
const struct allocator *allocator_find(const char *name);

static inline unsigned long next_random(unsigned long *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Make @count log-uniform sizes: before a measurement, of which logarithms are no part. */
static inline void make_sizes(unsigned int *sizes, int count)
{
	unsigned long state = 88172645463325252;

	for (int i = 0; i < count; i++)
		sizes[i] = 16 * exp2(12.0 * (next_random(&state) >> 11) / (1ul << 53));
}

#endif /* NDSHM_BENCH_ALLOCATOR_H */
