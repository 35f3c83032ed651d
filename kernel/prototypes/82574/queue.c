// SPDX-License-Identifier: GPL-2.0
/*
 * Queues: rings and their buffers, allocated when the interface is opened and freed when it is
 * closed. Each queue is registered with ndshm as a receive queue of the adapter, which accounts
 * the blocks and orders their release. The transmit ring belongs to queue 0.
 */
#include <linux/bug.h>

#include <linux/ndshm.h>
#include <ndshm/queue.h>

#include "nic.h"

/* The card is stopped: no descriptor is in use. */
static void nic_free_blocks(void *context, u32 id)
{
	struct nic_queue *queue = context;
	struct nic_tx *tx = &queue->nic->tx;

	if (!queue->index) {
		nic_tx_buffers_free(&tx->buffers);
		nic_ring_free(&tx->ring);
	}
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
	struct nic *nic = queue->nic;
	int error = nic_ring_alloc(queue, &queue->rx.ring, nic->rx_descriptors);

	if (!error)
		error = nic_rx_buffers_alloc(queue, nic->rx_descriptors,
					     nic_buffer_size(nic->netdev)->size);
	if (error || queue->index)
		return error;
	error = nic_ring_alloc(queue, &nic->tx.ring, nic->tx_descriptors);
	if (!error)
		error = nic_tx_buffers_alloc(queue, &nic->tx.buffers, nic->tx_descriptors);
	return error;
}

/* No revocation callback runs after this returns. */
static void nic_queue_free(struct nic_queue *queue)
{
	/* The queue is missing if nic_change_mtu() found no memory. */
	if (!queue->id)
		return;
	nic_rx_buffers_stop(&queue->rx.buffers);
	nic_queue_step(queue, ndshm_queue_free);
	nic_queue_step(queue, ndshm_queue_dma_stopped);
	/* No packet is in flight, so that this does not wait for other parties. */
	wait_for_completion(&queue->freed);
	queue->id = 0;
}

static int nic_queue_make(struct nic_queue *queue)
{
	int error;

	queue->revoked = false;
	init_completion(&queue->freed);
	error = ndshm_queue_allocate(queue->nic->adapter, &ops, queue, &queue->id, NULL);
	if (error)
		return error;
	error = nic_alloc_rings(queue);
	if (error) {
		nic_queue_free(queue);
		return error;
	}
	nic_queue_step(queue, ndshm_queue_complete);
	return 0;
}

void nic_queues_free(struct nic *nic)
{
	struct nic_queue *queue;

	for (queue = nic->queue; queue < nic_queues_end(nic); queue++)
		nic_queue_free(queue);
}

int nic_queues_make(struct nic *nic)
{
	struct nic_queue *queue;
	int error;

	for (queue = nic->queue; queue < nic_queues_end(nic); queue++) {
		error = nic_queue_make(queue);
		if (error) {
			nic_queues_free(nic);
			return error;
		}
	}
	return 0;
}

/*
 * Return: true if the queues are allocated and have their memory. Called with RTNL and
 * nic->lock held.
 */
bool nic_queues_usable(struct nic *nic)
{
	struct nic_queue *queue;

	for (queue = nic->queue; queue < nic_queues_end(nic); queue++)
		if (!queue->id || queue->revoked)
			return false;
	return true;
}

/*
 * ndshm does not manage filters: set one while the card receives, so that the queues are
 * shown as running.
 */
void nic_queues_run(struct nic *nic)
{
	struct nic_queue *queue;

	for (queue = nic->queue; queue < nic_queues_end(nic); queue++)
		nic_queue_step(queue, ndshm_queue_set_filter);
}

void nic_queues_pause(struct nic *nic)
{
	struct nic_queue *queue;

	for (queue = nic->queue; queue < nic_queues_end(nic); queue++)
		nic_queue_step(queue, ndshm_queue_clear_filter);
}
