/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A section without the kernel: anonymous memory, and a map of its pages from which
 * extents are allocated first fit by address, as the module does.
 */
#ifndef NDSHM_BENCH_SECTION_H
#define NDSHM_BENCH_SECTION_H

#include <stdint.h>

#include "heap.h"

/**
 * struct section - memory and its extents
 * @base: start, aligned as the heap requires
 * @size: in bytes
 * @used: by page, 1 if it is part of an extent
 * @length: by page, the number of pages of the extent that starts there
 * @slot_pages: by slot of 2 MiB, number of pages in extents
 * @slots: number of slots with extents, whose memory the kernel would hold
 * @lock: 1 while a thread has it
 */
struct section {
	char *base;
	uint64_t size;
	unsigned char *used;
	uint64_t *length;
	unsigned int *slot_pages;
	uint64_t slots;
	int lock;
};

extern const struct ndshm_extent_source section_source;

int section_open(struct section *section, uint64_t size);

#endif /* NDSHM_BENCH_SECTION_H */
