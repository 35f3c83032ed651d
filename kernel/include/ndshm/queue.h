/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Receive queues and virtual ports: blocks of an adapter that go together.
 */
#ifndef _NDSHM_QUEUE_H
#define _NDSHM_QUEUE_H

/**
 * enum ndshm_queue_state - of a receive queue
 * @NDSHM_QUEUE_UNDEFINED: it does not exist
 * @NDSHM_QUEUE_ALLOCATED: it has an id, and no filters
 * @NDSHM_QUEUE_SET: it has filters; its allocation is not complete
 * @NDSHM_QUEUE_RUNNING: it has filters, and packets are received
 * @NDSHM_QUEUE_PAUSED: its allocation is complete; it has no filters
 * @NDSHM_QUEUE_STOP_DMA: it is being freed, and the device may still write
 * @NDSHM_QUEUE_FREEING: the device does not; packets are out, or blocks left
 */
enum ndshm_queue_state {
	NDSHM_QUEUE_UNDEFINED,
	NDSHM_QUEUE_ALLOCATED,
	NDSHM_QUEUE_SET,
	NDSHM_QUEUE_RUNNING,
	NDSHM_QUEUE_PAUSED,
	NDSHM_QUEUE_STOP_DMA,
	NDSHM_QUEUE_FREEING,
};

/**
 * enum ndshm_vport_state - of a virtual port
 * @NDSHM_VPORT_UNDEFINED: it does not exist
 * @NDSHM_VPORT_CREATED: it has an id, and may not have memory yet
 * @NDSHM_VPORT_ACTIVE: it may have memory, until it is deleted
 * @NDSHM_VPORT_DELETING: packets are out, or blocks left
 */
enum ndshm_vport_state {
	NDSHM_VPORT_UNDEFINED,
	NDSHM_VPORT_CREATED,
	NDSHM_VPORT_ACTIVE,
	NDSHM_VPORT_DELETING,
};

#endif /* _NDSHM_QUEUE_H */
