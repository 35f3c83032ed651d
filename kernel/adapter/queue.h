/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Receive queues and virtual ports of an adapter.
 */
#ifndef _NDSHM_ADAPTER_QUEUE_H
#define _NDSHM_ADAPTER_QUEUE_H

#include <linux/atomic.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <ndshm/queue.h>

#include "../base/active.h"
#include "../base/blockset.h"
#include "queue_state.h"

struct ndshm_adapter;

/**
 * struct ndshm_queues - queues and ports of an adapter except the default ones
 * @known: existing queues by kind and id. The lock of each array protects @next_id and
 *	the states of its queues; the lock of a queue's set is taken inside
 * @next_id: start of the search for a free id
 * @count: queues with a callback that has not returned; wait variable of its waiters
 * @default_packets: packets of the default queue and port
 */
struct ndshm_queues {
	struct xarray known[NDSHM_KINDS];
	u32 next_id[NDSHM_KINDS];
	atomic_t count;
	struct ndshm_active default_packets;
};

/**
 * struct ndshm_queue - a receive queue or a virtual port
 * @references: one until the last callback has returned, and one for each block and
 *	running allocation. Lookups by id take one with the lock of @known held. A packet
 *	holds a reference to its block instead
 * @adapter: holds a reference
 * @known: array of @adapter that has the queue; its lock protects @machine and @config
 * @id: unique among the queues or ports of @adapter
 * @ops: callbacks of the driver
 * @context: first argument of @ops
 * @machine: kind and state
 * @config: names and configuration; the names end with NUL and are printable
 * @set: blocks; running allocations have active references
 * @packets: packets of the blocks; killed when DMA has stopped. The last put queues
 *	@ending
 * @ending: end_work(), which frees blocks and queue
 */
struct ndshm_queue {
	refcount_t references;
	struct ndshm_adapter *adapter;
	struct xarray *known;
	u32 id;
	const struct ndshm_queue_ops *ops;
	void *context;
	struct ndshm_queue_machine machine;
	struct ndshm_queue_config config;
	struct ndshm_blockset set;
	struct ndshm_active packets;
	struct work_struct ending;
};

void ndshm_queues_init(struct ndshm_queues *queues);

/*
 * End all queues and ports after the adapter's set was killed, then drain the packets of
 * the default queue. On return no callback runs or will run. May sleep; hold no lock
 * that a callback takes.
 */
void ndshm_queues_end(struct ndshm_adapter *adapter);

/*
 * Return: true if there is no queue or port, and all callbacks have returned. A callback
 * of the adapter's queues always gets false, because it cannot wait for itself. May
 * sleep; hold no lock that a callback takes.
 */
bool ndshm_queues_unused(struct ndshm_queues *queues);

/*
 * Take a reference to a queue or port, returned in *queue, and an active reference to its
 * set. Exactly one of the ids is not 0.
 * Return: NONE, QUEUE_UNKNOWN, QUEUE_STATE, PORT_UNKNOWN or PORT_STATE.
 */
ndshm_reason_t ndshm_queue_get_active(struct ndshm_adapter *adapter, u32 queue_id,
				      u32 vport_id, struct ndshm_queue **queue);

/* Return: the reason why the set or the packets of @queue (NULL: default) are killed. */
ndshm_reason_t ndshm_queue_closed_reason(const struct ndshm_queue *queue);

/**
 * struct ndshm_queue_view - snapshot of a queue or port
 * @adapter: id of the adapter
 * @kind: queue or port
 * @id: unique among the queues or ports of the adapter
 * @state: an enum ndshm_queue_state or ndshm_vport_state
 * @filters: number of filters of a queue
 * @config: names and configuration of a queue
 * @usage: blocks, packets and bytes
 */
struct ndshm_queue_view {
	u32 adapter;
	enum ndshm_queue_kind kind;
	u32 id;
	u32 state;
	u32 filters;
	struct ndshm_queue_config config;
	struct ndshm_queue_usage usage;
};

/*
 * Fill @view for the first queue or port from its kind and id on; kinds come in order,
 * each with the default one first. Return: true if there is one. May sleep.
 */
bool ndshm_queue_view_next(struct ndshm_adapter *adapter,
			   struct ndshm_queue_view *view);

/* Fill @view for one queue or port. Return: true if it exists; else @view is undefined. */
bool ndshm_queue_view(struct ndshm_adapter *adapter, enum ndshm_queue_kind kind,
		      u32 id, struct ndshm_queue_view *view);

static inline struct ndshm_queue *ndshm_queue_get(struct ndshm_queue *queue)
{
	refcount_inc(&queue->references);
	return queue;
}

void ndshm_queue_put(struct ndshm_queue *queue);

/* Count a packet of @queue (NULL: default). Return: true if not killed. Context: any. */
bool ndshm_queue_packet_get(struct ndshm_adapter *adapter,
			    struct ndshm_queue *queue);
void ndshm_queue_packet_put(struct ndshm_adapter *adapter,
			    struct ndshm_queue *queue);

int __init ndshm_queue_init(void);
void ndshm_queue_exit(void);

#endif /* _NDSHM_ADAPTER_QUEUE_H */
