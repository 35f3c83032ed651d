/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is measured: the library's heap over a section without the kernel, the same as programs
 * use it over one of the module's, or malloc().
 */
#ifndef NDSHM_BENCH_ALLOCATOR_H
#define NDSHM_BENCH_ALLOCATOR_H

#include <stddef.h>
#include <stdint.h>

#include <ndshm/section.h>

/**
 * struct allocator - one of them
 * @name: on the command line
 * @open: before the first block; 0 or -errno
 * @alloc: NULL if there is none
 * @free: 0 or -errno
 * @close: after the last block
 * @trim: give back what is kept for the next one
 * @stats: of the blocks
 * @committed: bytes of memory that the section has
 *
 * The last three are missing where there is no section.
 */
struct allocator {
	const char *name;
	int (*open)(void);
	void *(*alloc)(size_t size);
	int (*free)(void *block);
	void (*close)(void);
	void (*trim)(void);
	void (*stats)(struct ndshm_heap_stats *stats);
	uint64_t (*committed)(void);
};

/* NULL: no such one, which is said. */
const struct allocator *allocator_find(const char *name);

#endif /* NDSHM_BENCH_ALLOCATOR_H */
