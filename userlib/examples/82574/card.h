/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life cycle of the card, from claim to close. Functions that return int print an error
 * message before they return -errno. -ENODEV: the adapter was revoked.
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
	struct ndshm_section *section;	/* NULL: use blocks */
	struct ndshm_adapter_info adapter;
	volatile void *bar;
	uint8_t mac[6];
};

/*
 * Claims the adapter `adapter`, maps its registers and stops the card. Bus mastering is disabled
 * until card_start().
 */
int card_open(struct card *card, const char *adapter);

/* Sets the station address to `mac`; NULL: keeps the address that the card has. */
int card_set_mac(struct card *card, const uint8_t *mac);

/* Enables bus mastering. Call it after both rings are programmed. */
int card_start(struct card *card);

/*
 * Stops the card: masks interrupts, stops reception and transmission, waits for pending DMA,
 * resets the card and clears all DMA addresses. After an error the card may still do DMA: memory
 * must not be freed before the claim has ended.
 */
int card_quiesce(struct card *card);

/* Ends the claim. `card` may be zeroed or partly opened. */
void card_close(struct card *card);

/* Waits until (register & mask) == value; -ETIMEDOUT after `milliseconds`. */
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
