/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The states of receive queues and of virtual ports. Pure logic.
 */
#ifndef _NDSHM_CORE_QUEUE_STATE_H
#define _NDSHM_CORE_QUEUE_STATE_H

#include <linux/types.h>

#include <ndshm/queue.h>

/**
 * enum ndshm_queue_event - what happens to a receive queue
 * @NDSHM_QUEUE_ALLOCATE: it comes into being
 * @NDSHM_QUEUE_SET_FILTER: it gets a further filter
 * @NDSHM_QUEUE_COMPLETE: its allocation is complete
 * @NDSHM_QUEUE_CLEAR_FILTER: it loses a filter
 * @NDSHM_QUEUE_FREE: it shall go
 * @NDSHM_QUEUE_DMA_STOPPED: the device does not write to it any more
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
 * struct ndshm_queue_machine - where a receive queue is
 * @state: undefined at first
 * @filters: how many it has; some when set or running, none in other states
 */
struct ndshm_queue_machine {
	enum ndshm_queue_state state;
	u32 filters;
};

/* False: that cannot happen there, and nothing has changed. */
bool ndshm_queue_step(struct ndshm_queue_machine *machine,
		      enum ndshm_queue_event event);

/* May it get blocks? From when it is allocated until it shall be freed. */
bool ndshm_queue_may_allocate(enum ndshm_queue_state state);

/**
 * enum ndshm_vport_event - what happens to a virtual port
 * @NDSHM_VPORT_CREATE: it comes into being
 * @NDSHM_VPORT_ACTIVATE: it may have memory from now on
 * @NDSHM_VPORT_DELETE: it shall go, and the device does not write to it any more
 * @NDSHM_VPORT_DELETED: all packets came back, and all blocks were freed
 */
enum ndshm_vport_event {
	NDSHM_VPORT_CREATE,
	NDSHM_VPORT_ACTIVATE,
	NDSHM_VPORT_DELETE,
	NDSHM_VPORT_DELETED,
};

/* False: that cannot happen there, and nothing has changed. */
bool ndshm_vport_step(enum ndshm_vport_state *state,
		      enum ndshm_vport_event event);

/* May it get blocks? Only while it is active. */
bool ndshm_vport_may_allocate(enum ndshm_vport_state state);

#endif /* _NDSHM_CORE_QUEUE_STATE_H */
