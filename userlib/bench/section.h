/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A section without the kernel: anonymous memory, and a map of its pages from which extents
 * are handed out, first fit by address, as the module does it.
 */
#ifndef NDSHM_BENCH_SECTION_H
#define NDSHM_BENCH_SECTION_H

#include <stdint.h>

#include "heap.h"

/**
 * struct section - memory, and what is handed out of it
 * @base: aligned as the heap wants it
 * @size: bytes
 * @used: by page, not 0 if it is handed out
 * @length: by page, the bytes of the extent that starts there
 * @slot_pages: by slot of 2 MiB, pages that are handed out
 * @slots: that have any: the memory that the kernel would hold
 * @lock: not 0 while somebody is in here
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
