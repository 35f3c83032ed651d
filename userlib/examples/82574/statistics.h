/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the card itself counted. */
#ifndef STATISTICS_H
#define STATISTICS_H

#include "card.h"

enum {
	STATISTICS_COUNT = 18,
};

struct statistics {
	uint64_t value[STATISTICS_COUNT];
};

/* A name such as "crc_errors". */
const char *statistics_name(size_t i);

/* The card's counters are cleared by reading: add what they hold. */
void statistics_collect(struct statistics *statistics, struct card *card);

#endif /* STATISTICS_H */
