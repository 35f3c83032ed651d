/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PHY, and the link that it makes. */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>

#include "card.h"

struct card_link {
	bool up;
	bool full_duplex;
	unsigned int speed;	/* megabits a second */
};

/* The PHY is shared with firmware: take it for a moment. -ETIMEDOUT. */
int link_take_phy(struct card *card);
void link_give_phy(struct card *card);

/* Let the link come up. An earlier owner may have switched the PHY off. */
int link_start(struct card *card);

struct card_link link_state(struct card *card);

#endif /* LINK_H */
