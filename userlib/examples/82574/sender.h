/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sends the frames of --send, no faster than --rate. */
#ifndef SENDER_H
#define SENDER_H

#include "net.h"
#include "options.h"
#include "ring.h"

struct sender {
	uint64_t left;
	uint64_t sent;		/* put into the ring */
	uint64_t rate;
	size_t size;
	int64_t start;		/* nanoseconds; 0: not begun */
	int64_t next_request;	/* when to ask for the peer's MAC again */
};

void sender_init(struct sender *sender, const struct options *options);

/*
 * Put what is due at `now` (nanoseconds) into the ring, RING_BATCH frames at
 * most. `frame` is scratch memory for a frame. Returns how many.
 */
unsigned int sender_step(struct sender *sender, const struct net *net, struct tx_ring *tx,
			 uint8_t *frame, int64_t now);

#endif /* SENDER_H */
