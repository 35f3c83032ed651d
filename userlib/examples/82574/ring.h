/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The descriptor rings of the card. Descriptors and buffers are untrusted: the card can write to
 * them at any time. Therefore the driver reads each word once, checks every length, copies
 * frames before it inspects them, and keeps indices and transmit lengths in ordinary memory.
 */
#ifndef RING_H
#define RING_H

#include <stdbool.h>

#include "buffers.h"
#include "card.h"

#define RING_DESCRIPTORS	256	/* a multiple of 8 [7.1.8] */
#define RING_BATCH		64	/* most frames between two writes of a tail */

struct ring_descriptor {
	uint64_t address;	/* both members are little-endian */
	uint64_t word;
};

struct ring {
	struct card *card;
	struct buffers descriptors;	/* one buffer, the ring */
	struct buffers buffers;		/* one per descriptor */
	struct ring_descriptor *descriptor;
	unsigned int next;		/* next descriptor to fill or to empty */
};

struct rx_ring {
	struct ring ring;
	unsigned int emptied;		/* descriptors since the last write of the tail */
	bool spanning;			/* within a frame of several descriptors */
	/* Counters. */
	uint64_t frames;
	uint64_t bytes;
	uint64_t spanned;		/* dropped: longer than one buffer */
	uint64_t errors;		/* dropped: error reported by the card */
	uint64_t bad_length;		/* dropped: invalid length */
};

struct tx_ring {
	struct ring ring;
	unsigned int oldest;		/* oldest descriptor not yet done */
	bool pending;			/* descriptors filled since the last write of the tail */
	uint16_t length[RING_DESCRIPTORS];
	/* Counters. */
	uint64_t frames;		/* sent, as reported by the card */
	uint64_t bytes;
	uint64_t full;			/* rejected: no free descriptor */
};

/*
 * Allocate a ring and program it into the card. Bus mastering must be disabled. `frame_max` is
 * the longest frame, without CRC.
 */
int rx_make(struct rx_ring *rx, struct card *card, size_t frame_max);
int tx_make(struct tx_ring *tx, struct card *card, size_t frame_max);

/* Start reception and transmission, and stop reception. */
void rx_start(struct rx_ring *rx, size_t frame_max);
void tx_start(struct tx_ring *tx);
void rx_stop(struct rx_ring *rx);

/*
 * Copies the next frame to `frame`. Returns its length, at most `capacity`; 0: no frame; -1: the
 * frame was dropped and counted.
 */
int rx_take(struct rx_ring *rx, uint8_t *frame, size_t capacity);

/* Returns the emptied descriptors to the card. */
void rx_flush(struct rx_ring *rx);

/* Queues a frame. Returns false, and counts it, if there is no free descriptor. */
bool tx_put(struct tx_ring *tx, const uint8_t *frame, size_t length);

/* Returns the number of free descriptors. */
unsigned int tx_room(struct tx_ring *tx);

/* Writes the tail, so that the card sends the queued frames. */
void tx_flush(struct tx_ring *tx);

/* Returns true if no frame is left to send. */
bool tx_idle(struct tx_ring *tx);

/* Frees the memory. The card must be stopped. */
void ring_free(struct ring *ring);

#endif /* RING_H */
