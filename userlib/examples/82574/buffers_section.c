// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Buffers in an extent of the card's section. An extent can consist of several DMA segments: a
 * section grows by chunks of at most 2 MiB, which need not be adjacent for the device. Buffers
 * must not cross the end of a segment.
 */
#include <errno.h>

#include <ndshm/section.h>

#include "buffers_internal.h"

#define PAGE	4096	/* smallest page size */

static int cut(struct buffers *buffers, uint8_t *memory, size_t wanted)
{
	struct ndshm_segment segments[BUFFERS_MAX];
	size_t count;
	int error = ndshm_extent_query(buffers->section, buffers->extent, segments, BUFFERS_MAX,
				       &count);

	/* With more segments than buffers, at least one buffer crosses the end of a segment. */
	if (error == -ENOSPC)
		return -EXDEV;
	for (size_t i = 0; !error && i < count; i++) {
		error = buffers_cut(buffers, wanted, memory, segments[i]);
		memory += segments[i].length;
	}
	return error;
}

int buffers_take_extent(struct buffers *buffers, const struct card *card, size_t wanted)
{
	uint8_t *base = ndshm_section_base(card->section);
	/*
	 * With this alignment, only a segment shorter than a buffer ends within a buffer. Pages
	 * are aligned.
	 */
	uint64_t alignment = buffers->size > PAGE ? buffers->size : 0;
	uint64_t length;
	int error = ndshm_extent_alloc(card->section, wanted * buffers->size, alignment,
				       &buffers->extent, &length);

	if (error)
		return error;
	buffers->section = card->section;
	return cut(buffers, base + buffers->extent, wanted);
}

void buffers_give_extent(struct buffers *buffers)
{
	if (buffers->section)
		ndshm_extent_free(buffers->section, buffers->extent);
}
