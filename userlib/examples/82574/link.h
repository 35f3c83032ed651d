/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PHY and its link. */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>

#include "card.h"

struct card_link {
	bool up;
	bool full_duplex;
	unsigned int speed;	/* Mbit/s */
};

/*
 * Acquire and release the PHY, which is shared with firmware. -ETIMEDOUT: firmware did not
 * release it.
 */
int link_take_phy(struct card *card);
void link_give_phy(struct card *card);

/* Starts the link. Powers the PHY up, since an earlier owner may have powered it down. */
int link_start(struct card *card);

struct card_link link_state(struct card *card);

#endif /* LINK_H */
