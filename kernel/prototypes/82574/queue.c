// SPDX-License-Identifier: GPL-2.0
/*
 * A queue: two rings and their buffers, allocated when the interface is opened and freed
 * when it is closed. The queue is registered with ndshm as a receive queue of the
 * adapter, which accounts the blocks and orders their release.
 */
#include <linux/bug.h>

#include <linux/ndshm.h>
#include <ndshm/queue.h>

#include "nic.h"

/* The card is stopped: no descriptor is in use. */
static void nic_free_blocks(void *context, u32 id)
{
	struct nic_queue *queue = context;

	nic_tx_buffers_free(&queue->tx.buffers);
	nic_ring_free(&queue->tx.ring);
	nic_rx_buffers_free(&queue->rx.buffers);
	nic_ring_free(&queue->rx.ring);
}

static void nic_queue_freed(void *context, u32 id)
{
	struct nic_queue *queue = context;

	complete(&queue->freed);
}

/* No @stop: no queue is left when the adapter is unregistered. */
static const struct ndshm_queue_ops ops = {
	.free_blocks = nic_free_blocks,
	.freed = nic_queue_freed,
};

/* The driver calls in the order of the queue's states, so that no call is refused. */
static void nic_queue_step(struct nic_queue *queue,
			   int (*call)(struct ndshm_adapter *adapter, u32 id,
				       ndshm_reason_t *reason))
{
	WARN_ON(call(queue->nic->adapter, queue->id, NULL));
}

static int nic_alloc_rings(struct nic_queue *queue)
{
	int error = nic_ring_alloc(queue, &queue->rx.ring);

	if (!error)
		error = nic_rx_buffers_alloc(queue,
					     nic_buffer_size(queue->nic->netdev)->size);
	if (!error)
		error = nic_ring_alloc(queue, &queue->tx.ring);
	if (!error)
		error = nic_tx_buffers_alloc(queue, &queue->tx.buffers);
	return error;
}

int nic_queue_make(struct nic *nic)
{
	struct nic_queue *queue = &nic->queue;
	int error;

	queue->nic = nic;
	queue->revoked = false;
	init_completion(&queue->freed);
	error = ndshm_queue_allocate(nic->adapter, &ops, queue, &queue->id,
				     NULL);
	if (error)
		return error;
	error = nic_alloc_rings(queue);
	if (error) {
		nic_queue_free(nic);
		return error;
	}
	nic_queue_step(queue, ndshm_queue_complete);
	return 0;
}

/*
 * ndshm does not manage filters: set one while the card receives, so that the queue is
 * shown as running.
 */
void nic_queue_run(struct nic *nic)
{
	nic_queue_step(&nic->queue, ndshm_queue_set_filter);
}

void nic_queue_pause(struct nic *nic)
{
	nic_queue_step(&nic->queue, ndshm_queue_clear_filter);
}

/* No revocation callback runs after this returns. */
void nic_queue_free(struct nic *nic)
{
	struct nic_queue *queue = &nic->queue;

	/* The queue is missing if nic_change_mtu() found no memory. */
	if (!queue->id)
		return;
	nic_queue_step(queue, ndshm_queue_free);
	nic_queue_step(queue, ndshm_queue_dma_stopped);
	/* No packet is in flight, so that this does not wait for other parties. */
	wait_for_completion(&queue->freed);
	queue->id = 0;
}
