/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A section for all memory that the card reaches, instead of blocks. */
#ifndef SECTION_H
#define SECTION_H

#include "card.h"

/* Rings and buffers of the longest frames are 8 MiB, and what is not used is not there. */
#define SECTION_SIZE	(16 << 20)

/*
 * Make it, of `size` bytes, for a card that is open; it goes with the card. 0 or -errno,
 * after saying what is wrong.
 */
int section_make(struct card *card, uint64_t size);

#endif /* SECTION_H */
