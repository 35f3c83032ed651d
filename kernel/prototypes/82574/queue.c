// SPDX-License-Identifier: GPL-2.0
/*
 * A queue: its two rings and their buffers, which are made when the interface
 * is opened. They are freed when it is closed: after the card was stopped, and
 * with it all that was outstanding.
 */
#include <linux/ndshm.h>

#include "nic.h"

/* Of the default queue. */
int nic_queue_make(struct nic *nic)
{
	struct nic_queue *queue = &nic->queue;
	int error;

	queue->nic = nic;
	queue->id = 0;
	queue->revoked = false;
	error = nic_ring_make(queue, &queue->rx.ring, NDSHM_USAGE_RECEIVE,
			      nic_buffer_size(nic->netdev)->size);
	if (error)
		return error;
	error = nic_ring_make(queue, &queue->tx.ring, NDSHM_USAGE_XMIT,
			      NIC_TX_BUFFER_SIZE);
	if (error)
		nic_ring_free(&queue->rx.ring);
	return error;
}

/* After it no revoked callback is under way, and none will come. */
void nic_queue_free(struct nic *nic)
{
	nic_ring_free(&nic->queue.tx.ring);
	nic_ring_free(&nic->queue.rx.ring);
}
