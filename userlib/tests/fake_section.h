/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fake section without a kernel: memory and a map of its pages, both shared with
 * children. As in the module, each extent belongs to a holder.
 */
#ifndef NDSHM_FAKE_SECTION_H
#define NDSHM_FAKE_SECTION_H

#include <stdbool.h>

#include "heap.h"

#define FAKE_PAGE	4096u

struct fake_map;

/**
 * struct fake_section - A section as one process sees it
 * @base: address, aligned as the heap requires
 * @size: bytes
 * @holder: number of this process's holder
 * @map: shared by all processes
 * @fail_nth: number of the call of alloc that fails, from now on; 0: none
 * @fail_with: its error
 * @failed: that call has been made
 * @fail_free: result of free, if not 0
 * @fail_attach: result of attach, if not 0
 * @lie: added to the offsets that alloc returns
 * @during: called by alloc and free
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
	void (*during)(void);
};

extern const struct ndshm_extent_source fake_source;

int fake_section_open(struct fake_section *section, uint64_t size);
void fake_section_close(struct fake_section *section);
/* Count the extents of @holder; 0: of all. */
unsigned int fake_section_extents(const struct fake_section *section, int holder);
/* Bytes of all extents. */
uint64_t fake_section_taken(const struct fake_section *section);
/* Free the extents of a holder that has died. */
void fake_section_reap(struct fake_section *section, int holder);
/* Number of calls by all holders so far. */
unsigned long fake_section_calls(const struct fake_section *section);

#endif /* NDSHM_FAKE_SECTION_H */
