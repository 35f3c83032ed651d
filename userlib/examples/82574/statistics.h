/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The statistics registers of the card. */
#ifndef STATISTICS_H
#define STATISTICS_H

#include "card.h"

enum {
	STATISTICS_COUNT = 18,
};

struct statistics {
	uint64_t value[STATISTICS_COUNT];
};

/* Returns a name such as "crc_errors". */
const char *statistics_name(size_t i);

/* Adds the card's counters, which are cleared by reading. */
void statistics_collect(struct statistics *statistics, struct card *card);

#endif /* STATISTICS_H */
