// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>

#include "ring.h"

#define RING_LENGTH	(RING_DESCRIPTORS * sizeof(struct ring_descriptor))

static unsigned int before(unsigned int i)
{
	return (i + RING_DESCRIPTORS - 1) % RING_DESCRIPTORS;
}

static int make(struct ring *ring, struct card *card, uint32_t usage, size_t buffer_size)
{
	bool receive = usage == NDSHM_USAGE_RECEIVE;
	int error;

	ring->card = card;
	error = buffers_make(&ring->descriptors, card, NDSHM_USAGE_OTHER, RING_LENGTH, 1,
			     receive ? "receive ring" : "transmit ring");
	if (error)
		return error;
	ring->descriptor = (void *)buffers_memory(&ring->descriptors, 0);
	return buffers_make(&ring->buffers, card, usage, buffer_size, RING_DESCRIPTORS,
			    receive ? "receive buffers" : "transmit buffers");
}

void ring_free(struct ring *ring)
{
	buffers_free(&ring->buffers);
	buffers_free(&ring->descriptors);
}

/* Buffer sizes that the card supports [10.2.5]; RCTL_SIZE is 0 for 2,048. */
static const struct {
	size_t size;
	uint32_t rctl;
} sizes[] = {
	{ 2048, 0 },
	{ 4096, 3U << RCTL_SIZE_SHIFT | RCTL_SIZE_TIMES_16 },
	{ 8192, 2U << RCTL_SIZE_SHIFT | RCTL_SIZE_TIMES_16 },
	{ 16384, 1U << RCTL_SIZE_SHIFT | RCTL_SIZE_TIMES_16 },
};

#define SIZES	(sizeof(sizes) / sizeof(sizes[0]))

static unsigned int size_for(size_t frame_max)
{
	unsigned int i = 0;

	while (i < SIZES - 1 && sizes[i].size < frame_max)
		i++;
	return i;
}

void rx_program(struct rx_ring *rx)
{
	uint64_t base = buffers_address(&rx->ring.descriptors, 0);
	struct card *card = rx->ring.card;

	rx->ring.next = 0;
	rx->spanning = false;
	for (unsigned int i = 0; i < RING_DESCRIPTORS; i++)
		rx_return(rx);
	rx->emptied = 0;

	card_write(card, REG_RDBAL(0), base & 0xffffffff);
	card_write(card, REG_RDBAH(0), base >> 32);
	card_write(card, REG_RDLEN(0), RING_LENGTH);
	card_write(card, REG_RDH(0), 0);
	card_write(card, REG_RDT(0), 0);
	card_write(card, REG_RXDCTL, RXDCTL_WRITE_BACK_1 | RXDCTL_COUNT_DESC);
}

int rx_make(struct rx_ring *rx, struct card *card, size_t frame_max)
{
	int error;

	memset(rx, 0, sizeof(*rx));
	error = make(&rx->ring, card, NDSHM_USAGE_RECEIVE, sizes[size_for(frame_max)].size);
	if (!error)
		rx_program(rx);
	return error;
}

void rx_start(struct rx_ring *rx, size_t frame_max)
{
	uint32_t rctl = RCTL_ENABLE | RCTL_BROADCAST | RCTL_STRIP_CRC |
			sizes[size_for(frame_max)].rctl;

	/* Without CRC, a full frame with a VLAN tag has 1,518 bytes. */
	if (frame_max > 1518)
		rctl |= RCTL_LONG;
	card_write(rx->ring.card, REG_RCTL, rctl);
	/* One descriptor stays unused: equal head and tail mean an empty ring [7.1.8]. */
	mmio_release();
	card_write(rx->ring.card, REG_RDT(0), RING_DESCRIPTORS - 1);
}

void rx_stop(struct rx_ring *rx)
{
	card_write(rx->ring.card, REG_RCTL, 0);
	card_read(rx->ring.card, REG_RCTL);	/* flushes the write */
}

void rx_flush(struct rx_ring *rx)
{
	if (!rx->emptied)
		return;
	mmio_release();
	card_write(rx->ring.card, REG_RDT(0), before(rx->ring.next));
	rx->emptied = 0;
}

void tx_program(struct tx_ring *tx)
{
	uint64_t base = buffers_address(&tx->ring.descriptors, 0);
	struct card *card = tx->ring.card;

	tx->ring.next = 0;
	tx->oldest = 0;
	tx->start = 0;
	tx->bytes_pending = 0;
	card_write(card, REG_TDBAL(0), base & 0xffffffff);
	card_write(card, REG_TDBAH(0), base >> 32);
	card_write(card, REG_TDLEN(0), RING_LENGTH);
	card_write(card, REG_TDH(0), 0);
	card_write(card, REG_TDT(0), 0);
	card_write(card, REG_TXDCTL,
		   TXDCTL_WRITE_BACK_1 | TXDCTL_RESERVED_1 | TXDCTL_COUNT_DESC);
	card_write(card, REG_TARC0, card_read(card, REG_TARC0) | TARC_ENABLE);
	card_write(card, REG_TIPG, TIPG_COPPER);
}

int tx_make(struct tx_ring *tx, struct card *card, size_t frame_max)
{
	int error;

	memset(tx, 0, sizeof(*tx));
	error = make(&tx->ring, card, NDSHM_USAGE_XMIT, sizes[size_for(frame_max)].size);
	if (!error)
		tx_program(tx);
	return error;
}

void tx_start(struct tx_ring *tx)
{
	card_write(tx->ring.card, REG_TCTL,
		   TCTL_ENABLE | TCTL_PAD | TCTL_COLLISIONS | TCTL_DISTANCE);
}

static void tx_reclaim(struct tx_ring *tx)
{
	while (tx->oldest != tx->start) {
		const struct tx_batch *batch = &tx->batch[tx->oldest];
		const struct ring_descriptor *last = &tx->ring.descriptor[before(batch->end)];

		if (!(mmio_load_acquire(&last->word) & TXD_DONE))
			return;
		tx->frames += ring_distance(tx->oldest, batch->end);
		tx->bytes += batch->bytes;
		tx->oldest = batch->end;
	}
}

unsigned int tx_room(struct tx_ring *tx)
{
	tx_reclaim(tx);
	return RING_DESCRIPTORS - 1 - ring_distance(tx->oldest, tx->ring.next);
}

void tx_flush(struct tx_ring *tx)
{
	if (tx->start != tx->ring.next) {
		tx->batch[tx->start] = (struct tx_batch){
			.end = tx->ring.next, .bytes = tx->bytes_pending,
		};
		mmio_store(&tx->ring.descriptor[before(tx->ring.next)].word,
			   tx->last_word | TXD_REPORT);
		mmio_release();
		card_write(tx->ring.card, REG_TDT(0), tx->ring.next);
		tx->start = tx->ring.next;
		tx->bytes_pending = 0;
	}
	tx_reclaim(tx);
}

bool tx_idle(struct tx_ring *tx)
{
	tx_reclaim(tx);
	return tx->oldest == tx->ring.next;
}
