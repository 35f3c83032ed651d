// SPDX-License-Identifier: GPL-2.0
#include <linux/export.h>
#include <linux/slab.h>

#include <linux/ndshm_netlink.h>

#include "adapter.h"
#include "block.h"
#include "netlink.h"
#include "queue.h"

/*
 * Where a queue ends. Not that of the blocks, which is waited for when a set of
 * blocks is closed.
 */
static struct workqueue_struct *workqueue;

void ndshm_queues_init(struct ndshm_queues *queues)
{
	int kind;

	mutex_init(&queues->lock);
	for (kind = 0; kind < NDSHM_KINDS; kind++)
		xa_init_flags(&queues->known[kind], XA_FLAGS_ALLOC1);
	init_waitqueue_head(&queues->idle);
	ndshm_active_init(&queues->default_packets);
}

void ndshm_queues_fini(struct ndshm_queues *queues)
{
	int kind;

	for (kind = 0; kind < NDSHM_KINDS; kind++)
		xa_destroy(&queues->known[kind]);
	mutex_destroy(&queues->lock);
}

struct ndshm_queue *ndshm_queue_get(struct ndshm_queue *queue)
{
	refcount_inc(&queue->references);
	return queue;
}

void ndshm_queue_put(struct ndshm_queue *queue)
{
	if (!refcount_dec_and_test(&queue->references))
		return;
	ndshm_adapter_put(queue->adapter);
	kfree(queue);
}

/*
 * Reasons
 */

static ndshm_reason_t unknown_reason(enum ndshm_queue_kind kind)
{
	return kind == NDSHM_KIND_QUEUE ? NDSHM_REASON_QUEUE_UNKNOWN :
					  NDSHM_REASON_PORT_UNKNOWN;
}

static ndshm_reason_t state_reason(enum ndshm_queue_kind kind)
{
	return kind == NDSHM_KIND_QUEUE ? NDSHM_REASON_QUEUE_STATE :
					  NDSHM_REASON_PORT_STATE;
}

ndshm_reason_t ndshm_queue_closed_reason(const struct ndshm_queue *queue)
{
	return queue ? state_reason(queue->kind) :
		       NDSHM_REASON_ADAPTER_REMOVED;
}

/*
 * Packets
 */

static struct ndshm_active *packets_of(struct ndshm_block *block)
{
	return block->queue ? &block->queue->packets :
			      &block->adapter->queues.default_packets;
}

bool ndshm_queue_packet_get(struct ndshm_block *block)
{
	return ndshm_active_get(packets_of(block));
}

void ndshm_queue_packet_put(struct ndshm_block *block)
{
	/* Nobody waits for the packets of a queue: the last one ends it. */
	if (ndshm_active_put(packets_of(block)) && block->queue)
		queue_work(workqueue, &block->queue->ending);
}

/*
 * What is told of one
 */

static void tell_usage(struct ndshm_blockset *set,
		       const struct ndshm_active *packets,
		       struct ndshm_queue_usage *usage)
{
	if (!usage)
		return;
	usage->blocks = ndshm_blockset_usage(set, &usage->bytes);
	usage->packets = ndshm_active_count(packets);
}

static void view_locked(struct ndshm_queue *queue,
			struct ndshm_queue_view *view)
{
	lockdep_assert_held(&queue->adapter->queues.lock);

	view->kind = queue->kind;
	view->id = queue->id;
	if (queue->kind == NDSHM_KIND_QUEUE)
		view->state = queue->machine.state;
	else
		view->state = queue->port;
	view->filters = queue->machine.filters;
	tell_usage(&queue->set, &queue->packets, &view->usage);
}

/*
 * Events
 */

static struct ndshm_queue *find_locked(struct ndshm_adapter *adapter,
				       enum ndshm_queue_kind kind, u32 id)
{
	lockdep_assert_held(&adapter->queues.lock);

	return xa_load(&adapter->queues.known[kind], id);
}

static ndshm_reason_t queue_event(struct ndshm_adapter *adapter, u32 id,
				  enum ndshm_queue_event event)
{
	struct ndshm_queue *queue;
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	might_sleep();

	if (!id)
		return NDSHM_REASON_QUEUE_DEFAULT;
	mutex_lock(&adapter->queues.lock);
	queue = find_locked(adapter, NDSHM_KIND_QUEUE, id);
	if (!queue)
		reason = NDSHM_REASON_QUEUE_UNKNOWN;
	else if (!ndshm_queue_step(&queue->machine, event))
		reason = NDSHM_REASON_QUEUE_STATE;
	mutex_unlock(&adapter->queues.lock);
	return reason;
}

ndshm_reason_t ndshm_queue_set_filter(struct ndshm_adapter *adapter, u32 id)
{
	return queue_event(adapter, id, NDSHM_QUEUE_SET_FILTER);
}
EXPORT_SYMBOL_GPL(ndshm_queue_set_filter);

ndshm_reason_t ndshm_queue_clear_filter(struct ndshm_adapter *adapter, u32 id)
{
	return queue_event(adapter, id, NDSHM_QUEUE_CLEAR_FILTER);
}
EXPORT_SYMBOL_GPL(ndshm_queue_clear_filter);

ndshm_reason_t ndshm_queue_complete(struct ndshm_adapter *adapter, u32 id)
{
	return queue_event(adapter, id, NDSHM_QUEUE_COMPLETE);
}
EXPORT_SYMBOL_GPL(ndshm_queue_complete);

ndshm_reason_t ndshm_queue_free(struct ndshm_adapter *adapter, u32 id)
{
	return queue_event(adapter, id, NDSHM_QUEUE_FREE);
}
EXPORT_SYMBOL_GPL(ndshm_queue_free);

ndshm_reason_t ndshm_vport_activate(struct ndshm_adapter *adapter, u32 id)
{
	struct ndshm_queue *port;
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	might_sleep();

	if (!id)
		return NDSHM_REASON_QUEUE_DEFAULT;
	mutex_lock(&adapter->queues.lock);
	port = find_locked(adapter, NDSHM_KIND_VPORT, id);
	if (!port)
		reason = NDSHM_REASON_PORT_UNKNOWN;
	else if (!ndshm_vport_step(&port->port, NDSHM_VPORT_ACTIVATE))
		reason = NDSHM_REASON_PORT_STATE;
	mutex_unlock(&adapter->queues.lock);
	return reason;
}
EXPORT_SYMBOL_GPL(ndshm_vport_activate);

/*
 * The device writes no more: no packet comes any more, and when the last one is back
 * the queue ends.
 */
static ndshm_reason_t stopped(struct ndshm_adapter *adapter,
			      enum ndshm_queue_kind kind, u32 id)
{
	struct ndshm_queue_view view;
	struct ndshm_queue *queue;
	bool possible = false;

	might_sleep();

	if (!id)
		return NDSHM_REASON_QUEUE_DEFAULT;
	mutex_lock(&adapter->queues.lock);
	queue = find_locked(adapter, kind, id);
	if (queue)
		possible = kind == NDSHM_KIND_QUEUE ?
			ndshm_queue_step(&queue->machine,
					 NDSHM_QUEUE_DMA_STOPPED) :
			ndshm_vport_step(&queue->port, NDSHM_VPORT_DELETE);
	if (possible)
		view_locked(queue, &view);
	mutex_unlock(&adapter->queues.lock);
	if (!queue)
		return unknown_reason(kind);
	if (!possible)
		return state_reason(kind);
	ndshm_nl_queue_event(adapter, &view, NDSHM_CMD_QUEUE_STOPPED_NTF);
	/* The queue cannot end before this. */
	if (ndshm_active_kill(&queue->packets))
		queue_work(workqueue, &queue->ending);
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_queue_dma_stopped(struct ndshm_adapter *adapter, u32 id)
{
	return stopped(adapter, NDSHM_KIND_QUEUE, id);
}
EXPORT_SYMBOL_GPL(ndshm_queue_dma_stopped);

ndshm_reason_t ndshm_vport_delete(struct ndshm_adapter *adapter, u32 id)
{
	return stopped(adapter, NDSHM_KIND_VPORT, id);
}
EXPORT_SYMBOL_GPL(ndshm_vport_delete);

/*
 * The end of a queue
 */

/* The last step: nobody finds it any more. */
static void forget(struct ndshm_queue *queue, struct ndshm_queue_view *view)
{
	struct ndshm_queues *queues = &queue->adapter->queues;

	mutex_lock(&queues->lock);
	if (queue->kind == NDSHM_KIND_QUEUE)
		ndshm_queue_step(&queue->machine, NDSHM_QUEUE_FREED);
	else
		ndshm_vport_step(&queue->port, NDSHM_VPORT_DELETED);
	xa_erase(&queues->known[queue->kind], queue->id);
	view_locked(queue, view);
	mutex_unlock(&queues->lock);
}

static void end_work(struct work_struct *work)
{
	struct ndshm_queue *queue = container_of(work, struct ndshm_queue,
						 ending);
	struct ndshm_queues *queues = &queue->adapter->queues;
	struct ndshm_queue_view view;

	if (queue->ops->free_blocks)
		queue->ops->free_blocks(queue->context, queue->id);
	/* What the driver has left, and what came of an allocation under way. */
	ndshm_blockset_close(&queue->set);
	forget(queue, &view);
	ndshm_nl_queue_event(queue->adapter, &view, NDSHM_CMD_QUEUE_FREED_NTF);
	if (queue->ops->freed)
		queue->ops->freed(queue->context, queue->id);

	/* From here on the driver may be gone. */
	mutex_lock(&queues->lock);
	WRITE_ONCE(queues->count, queues->count - 1);
	if (!queues->count)
		wake_up_all(&queues->idle);
	mutex_unlock(&queues->lock);
	ndshm_queue_put(queue);
}

/* Until the last callback of the last one has returned. */
static void wait_for_all(struct ndshm_queues *queues)
{
	wait_event(queues->idle, !READ_ONCE(queues->count));
	/* And what it did is seen. */
	mutex_lock(&queues->lock);
	mutex_unlock(&queues->lock);
}

/* As its driver would have done it. True: DMA has to be stopped. */
static bool begin_to_end(struct ndshm_queue *queue)
{
	struct ndshm_queue_machine *machine = &queue->machine;
	bool running;

	mutex_lock(&queue->adapter->queues.lock);
	if (queue->kind == NDSHM_KIND_QUEUE) {
		/* One is the last, however many there were. */
		machine->filters = min(machine->filters, 1U);
		ndshm_queue_step(machine, NDSHM_QUEUE_CLEAR_FILTER);
		ndshm_queue_step(machine, NDSHM_QUEUE_FREE);
		running = machine->state == NDSHM_QUEUE_STOP_DMA;
	} else {
		running = queue->port == NDSHM_VPORT_CREATED ||
			  queue->port == NDSHM_VPORT_ACTIVE;
	}
	mutex_unlock(&queue->adapter->queues.lock);
	return running;
}

static void end(struct ndshm_queue *queue)
{
	if (!begin_to_end(queue))
		return;
	if (queue->ops->stop)
		queue->ops->stop(queue->context, queue->id);
	/* Unless it did so itself. */
	stopped(queue->adapter, queue->kind, queue->id);
}

/* The first from *id on, with a reference; or NULL. */
static struct ndshm_queue *next_known(struct ndshm_queues *queues,
				      enum ndshm_queue_kind kind,
				      unsigned long *id)
{
	struct ndshm_queue *queue;

	mutex_lock(&queues->lock);
	queue = xa_find(&queues->known[kind], id, ULONG_MAX, XA_PRESENT);
	if (queue)
		ndshm_queue_get(queue);
	mutex_unlock(&queues->lock);
	return queue;
}

/* A callback that tells of an end cannot wait for its own. */
static bool in_callback(void)
{
	const struct work_struct *work = current_work();

	return work && work->func == end_work;
}

bool ndshm_queues_unused(struct ndshm_queues *queues)
{
	bool unused;

	mutex_lock(&queues->lock);
	unused = !queues->count;
	/* Whoever was told of the last one's end finds nothing in the way any more. */
	if (!unused && !in_callback())
		unused = xa_empty(&queues->known[NDSHM_KIND_QUEUE]) &&
			 xa_empty(&queues->known[NDSHM_KIND_VPORT]);
	mutex_unlock(&queues->lock);
	if (unused)
		wait_for_all(queues);
	return unused;
}

void ndshm_queues_end(struct ndshm_adapter *adapter)
{
	struct ndshm_queues *queues = &adapter->queues;
	struct ndshm_queue *queue;
	unsigned long id;
	int kind;

	for (kind = 0; kind < NDSHM_KINDS; kind++) {
		for (id = 0; (queue = next_known(queues, kind, &id)); id++) {
			end(queue);
			ndshm_queue_put(queue);
		}
	}
	wait_for_all(queues);
	ndshm_active_kill(&queues->default_packets);
	ndshm_active_drain(&queues->default_packets);
}

/*
 * Making one
 */

/*
 * It can be found at once, and is in its first state. From then on it may end any
 * time: what it is like is told by @view.
 */
static ndshm_reason_t publish(struct ndshm_queue *queue,
			      struct ndshm_queue_view *view)
{
	struct ndshm_queues *queues = &queue->adapter->queues;
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	mutex_lock(&queues->lock);
	/* Whoever kills the set looks for queues after that. */
	if (ndshm_blockset_closed(&queue->adapter->set))
		reason = NDSHM_REASON_ADAPTER_REMOVED;
	else if (xa_alloc_cyclic(&queues->known[queue->kind], &queue->id, queue,
				 xa_limit_31b, &queues->next_id[queue->kind],
				 GFP_KERNEL) < 0)
		reason = NDSHM_REASON_MEMORY;
	if (reason == NDSHM_REASON_NONE) {
		WRITE_ONCE(queues->count, queues->count + 1);
		view_locked(queue, view);
	}
	mutex_unlock(&queues->lock);
	return reason;
}

static ndshm_reason_t make(struct ndshm_adapter *adapter,
			   enum ndshm_queue_kind kind,
			   const struct ndshm_queue_ops *ops, void *context,
			   u32 *id)
{
	struct ndshm_queue_view view;
	struct ndshm_queue *queue;
	ndshm_reason_t reason;

	might_sleep();

	queue = kzalloc(sizeof(*queue), GFP_KERNEL);
	if (!queue)
		return NDSHM_REASON_MEMORY;
	refcount_set(&queue->references, 1);
	queue->adapter = ndshm_adapter_get(adapter);
	queue->kind = kind;
	queue->ops = ops;
	queue->context = context;
	ndshm_blockset_init(&queue->set);
	ndshm_active_init(&queue->packets);
	INIT_WORK(&queue->ending, end_work);
	if (kind == NDSHM_KIND_QUEUE)
		ndshm_queue_step(&queue->machine, NDSHM_QUEUE_ALLOCATE);
	else
		ndshm_vport_step(&queue->port, NDSHM_VPORT_CREATE);

	reason = publish(queue, &view);
	if (reason != NDSHM_REASON_NONE) {
		ndshm_queue_put(queue);
		return reason;
	}
	*id = view.id;
	ndshm_nl_queue_event(adapter, &view, NDSHM_CMD_QUEUE_ADDED_NTF);
	return reason;
}

ndshm_reason_t ndshm_queue_allocate(struct ndshm_adapter *adapter,
				    const struct ndshm_queue_ops *ops,
				    void *context, u32 *id)
{
	return make(adapter, NDSHM_KIND_QUEUE, ops, context, id);
}
EXPORT_SYMBOL_GPL(ndshm_queue_allocate);

ndshm_reason_t ndshm_vport_create(struct ndshm_adapter *adapter,
				  const struct ndshm_queue_ops *ops,
				  void *context, u32 *id)
{
	return make(adapter, NDSHM_KIND_VPORT, ops, context, id);
}
EXPORT_SYMBOL_GPL(ndshm_vport_create);

/*
 * Blocks of a queue
 */

static bool may_allocate(const struct ndshm_queue *queue)
{
	return queue->kind == NDSHM_KIND_QUEUE ?
	       ndshm_queue_may_allocate(queue->machine.state) :
	       ndshm_vport_may_allocate(queue->port);
}

ndshm_reason_t ndshm_queue_enter(struct ndshm_adapter *adapter, u32 queue_id,
				 u32 vport_id, struct ndshm_queue **queue)
{
	enum ndshm_queue_kind kind = vport_id ? NDSHM_KIND_VPORT :
						NDSHM_KIND_QUEUE;
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	struct ndshm_queue *found;

	*queue = NULL;
	if (!queue_id && !vport_id)
		return ndshm_blockset_enter(&adapter->set) ?
		       NDSHM_REASON_NONE : NDSHM_REASON_ADAPTER_REMOVED;
	mutex_lock(&adapter->queues.lock);
	found = find_locked(adapter, kind, vport_id ?: queue_id);
	if (!found)
		reason = unknown_reason(kind);
	else if (!may_allocate(found) || !ndshm_blockset_enter(&found->set))
		reason = state_reason(kind);
	else
		*queue = ndshm_queue_get(found);
	mutex_unlock(&adapter->queues.lock);
	return reason;
}

static void tell_default_usage(struct ndshm_adapter *adapter,
			       struct ndshm_queue_usage *usage)
{
	tell_usage(&adapter->set, &adapter->queues.default_packets, usage);
}

ndshm_reason_t ndshm_queue_query(struct ndshm_adapter *adapter, u32 id,
				 enum ndshm_queue_state *state, u32 *filters,
				 struct ndshm_queue_usage *usage)
{
	struct ndshm_queue *queue;

	might_sleep();

	if (!id) {
		*state = NDSHM_QUEUE_RUNNING;
		*filters = 0;
		tell_default_usage(adapter, usage);
		return NDSHM_REASON_NONE;
	}
	mutex_lock(&adapter->queues.lock);
	queue = find_locked(adapter, NDSHM_KIND_QUEUE, id);
	if (queue) {
		*state = queue->machine.state;
		*filters = queue->machine.filters;
		tell_usage(&queue->set, &queue->packets, usage);
	}
	mutex_unlock(&adapter->queues.lock);
	return queue ? NDSHM_REASON_NONE : NDSHM_REASON_QUEUE_UNKNOWN;
}
EXPORT_SYMBOL_GPL(ndshm_queue_query);

ndshm_reason_t ndshm_vport_query(struct ndshm_adapter *adapter, u32 id,
				 enum ndshm_vport_state *state,
				 struct ndshm_queue_usage *usage)
{
	struct ndshm_queue *port;

	might_sleep();

	if (!id) {
		*state = NDSHM_VPORT_ACTIVE;
		tell_default_usage(adapter, usage);
		return NDSHM_REASON_NONE;
	}
	mutex_lock(&adapter->queues.lock);
	port = find_locked(adapter, NDSHM_KIND_VPORT, id);
	if (port) {
		*state = port->port;
		tell_usage(&port->set, &port->packets, usage);
	}
	mutex_unlock(&adapter->queues.lock);
	return port ? NDSHM_REASON_NONE : NDSHM_REASON_PORT_UNKNOWN;
}
EXPORT_SYMBOL_GPL(ndshm_vport_query);

/*
 * Looking
 */

static void view_default(struct ndshm_adapter *adapter,
			 struct ndshm_queue_view *view)
{
	if (view->kind == NDSHM_KIND_QUEUE)
		view->state = NDSHM_QUEUE_RUNNING;
	else
		view->state = NDSHM_VPORT_ACTIVE;
	view->filters = 0;
	tell_default_usage(adapter, &view->usage);
}

bool ndshm_queue_view_next(struct ndshm_adapter *adapter,
			   struct ndshm_queue_view *view)
{
	struct ndshm_queues *queues = &adapter->queues;
	struct ndshm_queue *queue = NULL;
	unsigned long id;

	might_sleep();

	for (; view->kind < NDSHM_KINDS; view->kind++, view->id = 0) {
		if (!view->id) {
			view_default(adapter, view);
			return true;
		}
		id = view->id;
		mutex_lock(&queues->lock);
		queue = xa_find(&queues->known[view->kind], &id, U32_MAX,
				XA_PRESENT);
		if (queue)
			view_locked(queue, view);
		mutex_unlock(&queues->lock);
		if (queue)
			return true;
	}
	return false;
}

int __init ndshm_queue_setup(void)
{
	workqueue = alloc_workqueue("ndshm-queue", WQ_UNBOUND, 0);
	return workqueue ? 0 : -ENOMEM;
}

void ndshm_queue_teardown(void)
{
	destroy_workqueue(workqueue);
}
