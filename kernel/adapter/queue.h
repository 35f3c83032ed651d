/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Receive queues and virtual ports of an adapter.
 */
#ifndef _NDSHM_CORE_QUEUE_H
#define _NDSHM_CORE_QUEUE_H

#include <linux/atomic.h>
#include <linux/refcount.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <ndshm/queue.h>

#include "../base/active.h"
#include "../base/set.h"
#include "queue_state.h"

struct ndshm_adapter;

/**
 * struct ndshm_queues - the queues and ports of an adapter, but for the default ones
 * @known: by kind and id: those that exist. The lock of each protects the states of its
 *	queues, and @next_id. It is a spinlock, whose holder cannot be throttled; the
 *	lock of a queue's set is taken inside
 * @next_id: where the search for a free id begins
 * @count: those whose last callback has not returned; variable that its waiters wait on
 * @default_packets: of the default queue and port, whose blocks are the adapter's set
 */
struct ndshm_queues {
	struct xarray known[NDSHM_KINDS];
	u32 next_id[NDSHM_KINDS];
	atomic_t count;
	struct ndshm_active default_packets;
};

/**
 * struct ndshm_queue - a receive queue or a virtual port
 * @references: one until its last callback has returned, one for each block and each
 *	allocation under way. Taken by id with the lock of @known held. A packet holds
 *	its block instead
 * @adapter: whose it is; holds a reference
 * @known: where it is found; its lock protects @machine
 * @id: among the adapter's of its kind
 * @ops: the driver's
 * @context: for @ops
 * @machine: its kind and its state
 * @set: its blocks, and allocations under way
 * @packets: packets of its blocks; killed when DMA has stopped. The last put queues
 *	@ending
 * @ending: what remains to be done then
 */
struct ndshm_queue {
	refcount_t references;
	struct ndshm_adapter *adapter;
	struct xarray *known;
	u32 id;
	const struct ndshm_queue_ops *ops;
	void *context;
	struct ndshm_queue_machine machine;
	struct ndshm_blockset set;
	struct ndshm_active packets;
	struct work_struct ending;
};

void ndshm_queues_init(struct ndshm_queues *queues);

/*
 * The adapter goes, and its set is killed: end all queues and ports, then wait for the
 * packets of the default queue. When it returns no callback runs, and none will. May
 * sleep; hold no lock.
 */
void ndshm_queues_end(struct ndshm_adapter *adapter);

/*
 * Return: false if there is a queue or a port. Otherwise all callbacks have returned,
 * but for a caller that is one: it gets false. May sleep; hold no lock.
 */
bool ndshm_queues_unused(struct ndshm_queues *queues);

/*
 * Begin an allocation for one of them: come into its set. *queue is NULL for the
 * default queue and port, whose set is the adapter's; otherwise it has a reference.
 * At most one of the ids is not 0. May sleep.
 */
ndshm_reason_t ndshm_queue_enter(struct ndshm_adapter *adapter, u32 queue_id,
				 u32 vport_id, struct ndshm_queue **queue);

/* Why a queue (NULL: the default one) takes nothing any more. */
ndshm_reason_t ndshm_queue_closed_reason(const struct ndshm_queue *queue);

/**
 * struct ndshm_queue_view - what a queue or port is just now
 * @adapter: id of its adapter
 * @kind: what it is
 * @id: among the adapter's of its kind
 * @state: an enum ndshm_queue_state or ndshm_vport_state
 * @filters: of a queue
 * @usage: what it has
 */
struct ndshm_queue_view {
	u32 adapter;
	enum ndshm_queue_kind kind;
	u32 id;
	u32 state;
	u32 filters;
	struct ndshm_queue_usage usage;
};

/*
 * Look at the first from @view's kind and id on (kinds one after the other, the
 * default one of each first); false: there is none. May sleep.
 */
bool ndshm_queue_view_next(struct ndshm_adapter *adapter,
			   struct ndshm_queue_view *view);

/* The same for one. Return: false if it does not exist, and @view is undefined. */
bool ndshm_queue_view(struct ndshm_adapter *adapter, enum ndshm_queue_kind kind,
		      u32 id, struct ndshm_queue_view *view);

struct ndshm_queue *ndshm_queue_get(struct ndshm_queue *queue);
void ndshm_queue_put(struct ndshm_queue *queue);

/* A packet more and a packet less, of @queue or the default one. Any context. */
bool ndshm_queue_packet_get(struct ndshm_adapter *adapter,
			    struct ndshm_queue *queue);
void ndshm_queue_packet_put(struct ndshm_adapter *adapter,
			    struct ndshm_queue *queue);

int __init ndshm_queue_setup(void);
void ndshm_queue_teardown(void);

#endif /* _NDSHM_CORE_QUEUE_H */
