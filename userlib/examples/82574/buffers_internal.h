/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What buffers.c and the two kinds of memory know of each other. */
#ifndef BUFFERS_INTERNAL_H
#define BUFFERS_INTERNAL_H

#include "buffers.h"

/*
 * Cut a piece that the card sees as one into buffers, until there are `wanted`; what
 * is left of it is not used. -EPERM: its address is hidden; -E2BIG: it is one too many.
 */
int buffers_cut(struct buffers *buffers, size_t wanted, uint8_t *memory,
		struct ndshm_segment piece);

/*
 * Memory for `wanted` buffers, in as many of them as it is good for. 0 or -errno;
 * whatever it is, give takes back what was taken. -EXDEV: too many pieces.
 */
int buffers_take_blocks(struct buffers *buffers, const struct card *card, uint32_t usage,
			size_t wanted);
void buffers_give_blocks(struct buffers *buffers);

int buffers_take_extent(struct buffers *buffers, const struct card *card, size_t wanted);
void buffers_give_extent(struct buffers *buffers);

#endif /* BUFFERS_INTERNAL_H */
