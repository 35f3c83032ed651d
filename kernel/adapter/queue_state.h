/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The states of receive queues and of virtual ports. Pure logic.
 */
#ifndef _NDSHM_CORE_QUEUE_STATE_H
#define _NDSHM_CORE_QUEUE_STATE_H

#include <linux/types.h>

#include <ndshm/queue.h>

enum ndshm_queue_kind {
	NDSHM_KIND_QUEUE,
	NDSHM_KIND_VPORT,
	NDSHM_KINDS
};

/**
 * enum ndshm_queue_event - what happens to a receive queue or a virtual port
 * @NDSHM_QUEUE_ALLOCATE: it comes into being
 * @NDSHM_QUEUE_SET_FILTER: a queue gets a further filter
 * @NDSHM_QUEUE_COMPLETE: its allocation is complete; a port is activated
 * @NDSHM_QUEUE_CLEAR_FILTER: a queue loses a filter
 * @NDSHM_QUEUE_FREE: a queue is to be freed
 * @NDSHM_QUEUE_DMA_STOPPED: the device does not write to it any more; a port is deleted
 * @NDSHM_QUEUE_FREED: all packets came back, and all blocks were freed
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
 * @kind: which of both
 * @state: an enum ndshm_queue_state or ndshm_vport_state; undefined at first
 * @filters: number of filters; 0 unless it is a queue that is set or running
 */
struct ndshm_queue_machine {
	enum ndshm_queue_kind kind;
	u32 state;
	u32 filters;
};

/* Return: false if that cannot happen in this state, which has not changed. */
bool ndshm_queue_step(struct ndshm_queue_machine *machine,
		      enum ndshm_queue_event event);

/*
 * May it get blocks? A queue may from when it is allocated until it is to be freed, a
 * port while it is active.
 */
bool ndshm_queue_may_allocate(const struct ndshm_queue_machine *machine);

#endif /* _NDSHM_CORE_QUEUE_STATE_H */
