/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The interface between buffers.c and its two allocators. */
#ifndef BUFFERS_INTERNAL_H
#define BUFFERS_INTERNAL_H

#include "buffers.h"

/*
 * Cuts `chunk`, a contiguous DMA segment mapped at `memory`, into buffers until there are
 * `wanted`; the rest of it is unused. -EPERM: the DMA address is hidden. -E2BIG: too many
 * chunks.
 */
int buffers_cut(struct buffers *buffers, size_t wanted, uint8_t *memory,
		struct ndshm_segment chunk);

/*
 * Allocate memory for up to `wanted` buffers and add these to `buffers`. Return 0 or -errno;
 * -EXDEV: the memory has too many chunks. After success and failure alike, the give function
 * frees the memory.
 */
int buffers_take_blocks(struct buffers *buffers, const struct card *card, uint32_t usage,
			size_t wanted);
void buffers_give_blocks(struct buffers *buffers);

int buffers_take_section(struct buffers *buffers, const struct card *card, size_t wanted);
void buffers_give_section(struct buffers *buffers);

#endif /* BUFFERS_INTERNAL_H */
