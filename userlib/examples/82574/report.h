/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Output on standard output: lines of name=value, or JSON objects. */
#ifndef REPORT_H
#define REPORT_H

#include "interrupts.h"
#include "link.h"
#include "net.h"
#include "ring.h"
#include "sender.h"
#include "statistics.h"

struct counters {
	uint64_t result[NET_RESULTS];
	const struct rx_ring *rx;
	const struct tx_ring *tx;
	const struct sender *sender;
	const struct interrupts *interrupts;
	struct statistics card;
};

void report_ready(const struct card *card, const struct net *net, struct card_link link,
		  const struct rx_ring *rx, const struct tx_ring *tx, bool json);

/* `event` is "stats" or "end". */
void report_counters(const char *event, const struct counters *counters, bool json);

#endif /* REPORT_H */
