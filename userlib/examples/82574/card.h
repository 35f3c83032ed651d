/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The card itself: from claim to close. Every function that returns int says
 * what is wrong before it returns -errno; -ENODEV means revoked.
 */
#ifndef CARD_H
#define CARD_H

#include <stddef.h>
#include <stdint.h>

#include <ndshm/ndshm.h>
#include <ndshm/section.h>

#include "mmio.h"

struct card {
	struct ndshm *ndshm;
	struct ndshm_claim *claim;
	struct ndshm_section *section;	/* NULL: memory is in blocks */
	struct ndshm_adapter_info adapter;
	volatile void *bar;
	uint8_t mac[6];
};

/*
 * Claim the adapter of that name, map its registers and quiet it. Bus mastering
 * is off until card_start(): only what is written to the card meanwhile decides
 * what it does then.
 */
int card_open(struct card *card, const char *adapter);

/* The card's own address, or the one given (not NULL). */
int card_set_mac(struct card *card, const uint8_t *mac);

/* Bus mastering on. To be called with the rings set up. */
int card_start(struct card *card);

/*
 * Stop the card: no interrupts, no receiving, no sending, nothing under way,
 * reset, and no address of memory left in it. -ETIMEDOUT if something will not
 * end: then memory must not be freed before the claim has ended.
 */
int card_quiet(struct card *card);

/* End the claim; takes a card that was never opened, too. */
void card_close(struct card *card);

/* Wait until (register & mask) == value. */
int card_wait(struct card *card, unsigned int offset, uint32_t mask, uint32_t value,
	      unsigned int milliseconds);

static inline uint32_t card_read(struct card *card, unsigned int offset)
{
	return mmio_read(card->bar, offset);
}

static inline void card_write(struct card *card, unsigned int offset, uint32_t value)
{
	mmio_write(card->bar, offset, value);
}

#endif /* CARD_H */
