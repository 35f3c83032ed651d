/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The states of receive queues and of virtual ports. Pure logic.
 */
#ifndef _NDSHM_ADAPTER_QUEUE_STATE_H
#define _NDSHM_ADAPTER_QUEUE_STATE_H

#include <linux/types.h>

#include <ndshm/queue.h>

enum ndshm_queue_kind {
	NDSHM_KIND_QUEUE,
	NDSHM_KIND_VPORT,
	NDSHM_KINDS
};

/**
 * enum ndshm_queue_event - events of receive queues and virtual ports
 * @NDSHM_QUEUE_ALLOCATE: the queue or port is created
 * @NDSHM_QUEUE_SET_FILTER: a filter is added to the queue
 * @NDSHM_QUEUE_COMPLETE: the queue's allocation is complete; the port is activated
 * @NDSHM_QUEUE_CLEAR_FILTER: a filter is removed from the queue
 * @NDSHM_QUEUE_FREE: the driver begins to free the queue
 * @NDSHM_QUEUE_DMA_STOPPED: DMA into the queue has stopped; the port is deleted
 * @NDSHM_QUEUE_FREED: all packets are put and all blocks freed
 */
enum ndshm_queue_event {
	NDSHM_QUEUE_ALLOCATE,
	NDSHM_QUEUE_SET_FILTER,
	NDSHM_QUEUE_COMPLETE,
	NDSHM_QUEUE_CLEAR_FILTER,
	NDSHM_QUEUE_FREE,
	NDSHM_QUEUE_DMA_STOPPED,
	NDSHM_QUEUE_FREED,
};

/**
 * struct ndshm_queue_machine - state of a receive queue or a virtual port
 * @kind: queue or port
 * @state: an enum ndshm_queue_state or ndshm_vport_state; undefined at first
 * @filters: number of filters; not 0 only for queues in the states SET and RUNNING
 */
struct ndshm_queue_machine {
	enum ndshm_queue_kind kind;
	u32 state;
	u32 filters;
};

/* Apply @event. Return: true if the state permits it, else nothing changes. */
bool ndshm_queue_step(struct ndshm_queue_machine *machine,
		      enum ndshm_queue_event event);

/*
 * Return: true if blocks may be allocated: for a queue until its driver begins to free
 * it, for a port while it is active.
 */
bool ndshm_queue_may_allocate(const struct ndshm_queue_machine *machine);

#endif /* _NDSHM_ADAPTER_QUEUE_STATE_H */
