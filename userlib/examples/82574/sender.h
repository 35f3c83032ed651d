/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sender of the frames of --send, at the rate of --rate. */
#ifndef SENDER_H
#define SENDER_H

#include "net.h"
#include "options.h"
#include "ring.h"

struct sender {
	uint64_t left;
	uint64_t sent;		/* queued in the ring */
	uint64_t rate;
	size_t size;
	unsigned int burst;
	int64_t start;		/* nanoseconds; 0: not started */
	int64_t next_request;	/* time of the next ARP request for the peer */
};

void sender_init(struct sender *sender, const struct options *options);

/*
 * Queues the frames that are due at `now` (nanoseconds), at most one burst. Returns their
 * number.
 */
unsigned int sender_step(struct sender *sender, const struct net *net, struct tx_ring *tx,
			 int64_t now);

#endif /* SENDER_H */
