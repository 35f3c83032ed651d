/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A section without a kernel: memory, and a map of its pages, both shared with
 * children. Extents are remembered by holder, as the module does it.
 */
#ifndef NDSHM_FAKE_SECTION_H
#define NDSHM_FAKE_SECTION_H

#include <stdbool.h>

#include "heap.h"

#define FAKE_PAGE	4096u

struct fake_map;

/**
 * struct fake_section - one process's view
 * @base: where the memory is, aligned as the heap wants it
 * @size: of it
 * @holder: who this process is to the section
 * @map: shared
 * @fail_nth: which call of alloc from now on fails; 0: none
 * @fail_with: this error
 * @failed: the last one that was wanted has come
 * @fail_free: what free answers, if not 0
 * @fail_attach: what attach answers, if not 0
 * @lie: what alloc adds to the offsets that it tells
 */
struct fake_section {
	char *base;
	uint64_t size;
	int holder;
	struct fake_map *map;
	unsigned int fail_nth;
	int fail_with;
	bool failed;
	int fail_free;
	int fail_attach;
	uint64_t lie;
};

extern const struct ndshm_extent_source fake_source;

int fake_section_open(struct fake_section *section, uint64_t size);
void fake_section_close(struct fake_section *section);
/* Of this holder, or of all for 0. */
unsigned int fake_section_extents(const struct fake_section *section, int holder);
/* A holder has died. */
void fake_section_reap(struct fake_section *section, int holder);
/* Calls of the source so far. */
unsigned long fake_section_calls(const struct fake_section *section);

#endif /* NDSHM_FAKE_SECTION_H */
