/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two descriptor rings. The card may write to any of their memory at any
 * time and may be wrong or hostile: nothing is read twice, no length is
 * believed, frames are copied before anybody looks at them, and what matters
 * (indices, lengths sent) is kept in ordinary memory.
 */
#ifndef RING_H
#define RING_H

#include <stdbool.h>

#include "buffers.h"
#include "card.h"

#define RING_DESCRIPTORS	256	/* a multiple of 8 [7.1.8] */
#define RING_BATCH		64	/* frames between two writes of a tail */

struct ring_descriptor {
	uint64_t address;	/* little-endian, both */
	uint64_t word;
};

struct ring {
	struct card *card;
	struct buffers descriptors;	/* one buffer: the ring */
	struct buffers buffers;		/* one for each descriptor */
	struct ring_descriptor *descriptor;
	unsigned int next;		/* the next one that software will fill or empty */
};

struct rx_ring {
	struct ring ring;
	unsigned int emptied;		/* since the tail was written */
	bool spanning;			/* amid a frame of several descriptors */
	/* Counts. */
	uint64_t frames;
	uint64_t bytes;
	uint64_t spanned;		/* dropped: more than one buffer */
	uint64_t errors;		/* dropped: the card found an error */
	uint64_t nonsense;		/* dropped: length that cannot be */
};

struct tx_ring {
	struct ring ring;
	unsigned int oldest;		/* the oldest one not yet done */
	bool pending;			/* filled since the tail was written */
	uint16_t length[RING_DESCRIPTORS];
	/* Counts. */
	uint64_t frames;		/* the card is done with */
	uint64_t bytes;
	uint64_t full;			/* refused: no room */
};

/*
 * Make the ring and write it to the card's registers; bus mastering is still
 * off. `frame_max` is the longest frame to be received, without its CRC.
 */
int rx_make(struct rx_ring *rx, struct card *card, size_t frame_max);
int tx_make(struct tx_ring *tx, struct card *card, size_t frame_max);

/* Switch receiving and sending on, and receiving off again. */
void rx_start(struct rx_ring *rx, size_t frame_max);
void tx_start(struct tx_ring *tx);
void rx_stop(struct rx_ring *rx);

/*
 * Take the next frame out: its length, at most `capacity`; 0 if there is none;
 * -1 if one was there, but dropped and counted.
 */
int rx_take(struct rx_ring *rx, uint8_t *frame, size_t capacity);

/* Give the emptied descriptors back to the card. */
void rx_flush(struct rx_ring *rx);

/* Put a frame in; false (and counted) if there is no room. */
bool tx_put(struct tx_ring *tx, const uint8_t *frame, size_t length);

/* How many frames can be put in. */
unsigned int tx_room(struct tx_ring *tx);

/* Tell the card of what was put in. */
void tx_flush(struct tx_ring *tx);

/* Nothing is left to be sent. */
bool tx_idle(struct tx_ring *tx);

/* Only when the card is quiet. */
void ring_free(struct ring *ring);

#endif /* RING_H */
