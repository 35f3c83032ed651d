// SPDX-License-Identifier: GPL-2.0
/*
 * A queue: its two rings and their buffers, which are made when the interface
 * is opened, and freed when it is closed. To ndshm it is a receive queue of the
 * adapter, which has the account of the blocks, and an order for their end.
 */
#include <linux/bug.h>

#include <linux/ndshm.h>
#include <ndshm/queue.h>

#include "nic.h"

/* The card was stopped, and with it all that was outstanding. */
static void free_blocks(void *context, u32 id)
{
	struct nic_queue *queue = context;

	nic_ring_free(&queue->tx.ring);
	nic_ring_free(&queue->rx.ring);
}

static void freed(void *context, u32 id)
{
	struct nic_queue *queue = context;

	complete(&queue->freed);
}

/* None is left to be stopped when the adapter goes. */
static const struct ndshm_queue_ops ops = {
	.free_blocks = free_blocks,
	.freed = freed,
};

/* What is asked here is asked in order, so nothing of it is refused. */
static void step(struct nic_queue *queue,
		 ndshm_reason_t (*call)(struct ndshm_adapter *adapter, u32 id))
{
	WARN_ON(call(queue->nic->adapter, queue->id) != NDSHM_REASON_NONE);
}

static int make_rings(struct nic_queue *queue)
{
	int error;

	error = nic_ring_make(queue, &queue->rx.ring, NDSHM_USAGE_RECEIVE,
			      nic_buffer_size(queue->nic->netdev)->size);
	if (error)
		return error;
	return nic_ring_make(queue, &queue->tx.ring, NDSHM_USAGE_XMIT,
			     NIC_TX_BUFFER_SIZE);
}

int nic_queue_make(struct nic *nic)
{
	struct nic_queue *queue = &nic->queue;
	ndshm_reason_t reason;
	int error;

	queue->nic = nic;
	queue->revoked = false;
	init_completion(&queue->freed);
	reason = ndshm_queue_allocate(nic->adapter, &ops, queue, &queue->id);
	if (reason != NDSHM_REASON_NONE)
		return ndshm_reason_errno(reason);
	error = make_rings(queue);
	if (error) {
		nic_queue_free(nic);
		return error;
	}
	step(queue, ndshm_queue_complete);
	return 0;
}

/*
 * Filters are nobody's but ours. There is one as long as the card receives, so
 * that who looks at the queue sees whether it does.
 */
void nic_queue_run(struct nic *nic)
{
	step(&nic->queue, ndshm_queue_set_filter);
}

void nic_queue_pause(struct nic *nic)
{
	step(&nic->queue, ndshm_queue_clear_filter);
}

/* After it no revoked callback is under way, and none will come. */
void nic_queue_free(struct nic *nic)
{
	struct nic_queue *queue = &nic->queue;

	/* There is none if there was no memory for other buffers. */
	if (!queue->id)
		return;
	step(queue, ndshm_queue_free);
	step(queue, ndshm_queue_dma_stopped);
	/* Of packets none is out, so this is not for others to decide. */
	wait_for_completion(&queue->freed);
	queue->id = 0;
}
