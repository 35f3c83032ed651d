/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A section for all DMA memory of the card, in place of blocks. */
#ifndef SECTION_H
#define SECTION_H

#include "card.h"

/* Rings and buffers of the longest frames need 8 MiB. Unused parts have no memory. */
#define SECTION_SIZE	(16 << 20)

/*
 * Creates a section of `size` bytes for an open card; card_close() closes it. Returns 0, or
 * -errno after an error message.
 */
int section_make(struct card *card, uint64_t size);

#endif /* SECTION_H */
