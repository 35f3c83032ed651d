/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The descriptor rings of the card. Descriptors and buffers are untrusted: the card can write to
 * them at any time. Therefore the driver reads each word once, checks every length, and keeps
 * indices, addresses and transmit lengths in ordinary memory.
 *
 * A received frame stays in its buffer. To answer it, the driver overwrites it and exchanges the
 * buffer for that of a free transmit descriptor; no frame is copied.
 */
#ifndef RING_H
#define RING_H

#include <stdbool.h>

#include "buffers.h"
#include "card.h"
#include "regs.h"

#define RING_DESCRIPTORS	256	/* a multiple of 8 [7.1.8] */
#define RING_BATCH		64	/* most frames between two writes of a tail */

_Static_assert(RING_BATCH < RING_DESCRIPTORS, "a batch fits into a ring");

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

/* The descriptors between two writes of the tail. The card reports when the last one is done. */
struct tx_batch {
	unsigned int end;		/* next descriptor after the batch */
	uint32_t bytes;
};

struct tx_ring {
	struct ring ring;
	unsigned int oldest;		/* oldest descriptor not known to be done */
	unsigned int start;		/* first descriptor since the last write of the tail */
	uint32_t bytes_pending;		/* in the descriptors since then */
	uint64_t last_word;		/* of the newest of these */
	struct tx_batch batch[RING_DESCRIPTORS];	/* by first descriptor */
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

/* Program an empty ring into the card again, after its reset. Frames in the ring are dropped. */
void rx_program(struct rx_ring *rx);
void tx_program(struct tx_ring *tx);

/* Start reception and transmission, and stop reception. */
void rx_start(struct rx_ring *rx, size_t frame_max);
void tx_start(struct tx_ring *tx);
void rx_stop(struct rx_ring *rx);

/* Returns the emptied descriptors to the card. */
void rx_flush(struct rx_ring *rx);

/* Returns the number of free descriptors. */
unsigned int tx_room(struct tx_ring *tx);

/* Writes the tail, so that the card sends the queued frames. Counts those that it has sent. */
void tx_flush(struct tx_ring *tx);

/* Returns true if no frame is left to send. */
bool tx_idle(struct tx_ring *tx);

/* Frees the memory. The card must be stopped. */
void ring_free(struct ring *ring);

/*
 * Functions that are called for each frame are inline.
 */

static inline unsigned int ring_after(unsigned int i)
{
	return (i + 1) % RING_DESCRIPTORS;
}

static inline unsigned int ring_distance(unsigned int from, unsigned int to)
{
	return (to + RING_DESCRIPTORS - from) % RING_DESCRIPTORS;
}

/* Makes the descriptor of the frame taken last ready for another frame. */
static inline void rx_return(struct rx_ring *rx)
{
	struct ring_descriptor *descriptor = &rx->ring.descriptor[rx->ring.next];

	mmio_store(&descriptor->address, buffers_address(&rx->ring.buffers, rx->ring.next));
	mmio_store(&descriptor->word, 0);
	rx->ring.next = ring_after(rx->ring.next);
	rx->emptied++;
}

/* Is there a frame, or a part of one? */
static inline bool rx_pending(struct rx_ring *rx)
{
	return mmio_load_acquire(&rx->ring.descriptor[rx->ring.next].word) & RXD_DONE;
}

/*
 * Returns the length of the next frame, and the frame in its buffer, which has as many bytes or
 * more, and NET_FRAME_MIN at least; 0: no frame; -1: the frame was dropped and counted. After a
 * frame call either rx_return() or tx_answer().
 */
static inline int rx_take(struct rx_ring *rx, uint8_t **frame)
{
	unsigned int i = rx->ring.next;
	uint64_t word = mmio_load_acquire(&rx->ring.descriptor[i].word);
	size_t length = RXD_LENGTH(word);

	if (!(word & RXD_DONE))
		return 0;

	if (!(word & RXD_END)) {
		rx->spanning = true;
	} else if (rx->spanning) {
		rx->spanning = false;
		rx->spanned++;
	} else if (word & RXD_ERRORS) {
		rx->errors++;
	} else if (!length || length > rx->ring.buffers.size) {
		rx->bad_length++;
	} else {
		*frame = buffers_memory(&rx->ring.buffers, i);
		rx->frames++;
		rx->bytes += length;
		return length;
	}
	rx_return(rx);
	return -1;
}

/* Is there a free descriptor? Counts it if there is none. */
static inline bool tx_has_room(struct tx_ring *tx)
{
	if (ring_distance(tx->oldest, tx->ring.next) != RING_DESCRIPTORS - 1 || tx_room(tx))
		return true;
	tx->full++;
	return false;
}

/* Returns the buffer of a free descriptor for tx_put(); NULL, and counts it, if there is none. */
static inline uint8_t *tx_buffer(struct tx_ring *tx)
{
	return tx_has_room(tx) ? buffers_memory(&tx->ring.buffers, tx->ring.next) : NULL;
}

/* Queues the first `length` bytes of this buffer. */
static inline void tx_put(struct tx_ring *tx, size_t length)
{
	struct ring_descriptor *descriptor = &tx->ring.descriptor[tx->ring.next];

	tx->last_word = length | TXD_END | TXD_INSERT_CRC;
	mmio_store(&descriptor->address, buffers_address(&tx->ring.buffers, tx->ring.next));
	mmio_store(&descriptor->word, tx->last_word);
	tx->bytes_pending += length;
	tx->ring.next = ring_after(tx->ring.next);
}

/*
 * Queues the first `length` bytes of the buffer of the frame taken last, and returns its
 * descriptor as rx_return(), with another buffer. Without a free transmit descriptor the frame is
 * dropped and counted.
 */
static inline void tx_answer(struct tx_ring *tx, struct rx_ring *rx, size_t length)
{
	if (tx_has_room(tx)) {
		buffers_exchange(&tx->ring.buffers, tx->ring.next, &rx->ring.buffers,
				 rx->ring.next);
		tx_put(tx, length);
	}
	rx_return(rx);
}

#endif /* RING_H */
