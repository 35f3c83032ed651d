// SPDX-License-Identifier: GPL-2.0
/*
 * Receive queues and virtual ports of an adapter: creation, events, views, and the end, which frees
 * their blocks after the last packet was returned.
 */
#include <linux/ctype.h>
#include <linux/export.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait_bit.h>

#include "../base/registry.h"
#include "../base/trace.h"
#include "adapter.h"
#include "queue.h"

/*
 * Runs queue_end_work(). Not the workqueue of deferred frees, which queue_end_work() waits
 * for when it closes a set.
 */
static struct workqueue_struct *workqueue;

void ndshm_queues_init(struct ndshm_queues *queues)
{
	int kind;

	for (kind = 0; kind < NDSHM_KINDS; kind++)
		xa_init_flags(&queues->known[kind], XA_FLAGS_ALLOC1);
	ndshm_active_init(&queues->default_packets);
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

static ndshm_reason_t queue_unknown_reason(enum ndshm_queue_kind kind)
{
	return kind == NDSHM_KIND_QUEUE ? NDSHM_REASON_QUEUE_UNKNOWN :
					  NDSHM_REASON_PORT_UNKNOWN;
}

static ndshm_reason_t queue_state_reason(enum ndshm_queue_kind kind)
{
	return kind == NDSHM_KIND_QUEUE ? NDSHM_REASON_QUEUE_STATE :
					  NDSHM_REASON_PORT_STATE;
}

ndshm_reason_t ndshm_queue_closed_reason(const struct ndshm_queue *queue)
{
	return queue ? queue_state_reason(queue->machine.kind) :
		       NDSHM_REASON_ADAPTER_REMOVED;
}

/*
 * Packets
 */

bool ndshm_queue_packet_get(struct ndshm_adapter *adapter,
			    struct ndshm_queue *queue)
{
	return ndshm_active_get(queue ? &queue->packets :
					&adapter->queues.default_packets);
}

void ndshm_queue_packet_put(struct ndshm_adapter *adapter,
			    struct ndshm_queue *queue)
{
	/* The last packet of a killed queue starts the end of the queue. */
	if (!queue)
		ndshm_active_put(&adapter->queues.default_packets);
	else if (ndshm_active_put(&queue->packets))
		queue_work(workqueue, &queue->ending);
}

/*
 * Views
 */

static void queue_fill_usage(struct ndshm_blockset *set,
			     const struct ndshm_active *packets,
			     struct ndshm_queue_usage *usage)
{
	usage->blocks = ndshm_blockset_usage(set, &usage->bytes);
	usage->packets = ndshm_active_count(packets);
}

static void queue_fill_view(struct ndshm_queue *queue,
			    struct ndshm_queue_view *view)
{
	lockdep_assert_held(&queue->known->xa_lock);

	view->adapter = queue->adapter->entry.id;
	view->kind = queue->machine.kind;
	view->id = queue->id;
	view->state = queue->machine.state;
	view->filters = queue->machine.filters;
	view->config = queue->config;
	queue_fill_usage(&queue->set, &queue->packets, &view->usage);
}

bool ndshm_queue_view_next(struct ndshm_adapter *adapter,
			   struct ndshm_queue_view *view)
{
	struct ndshm_queues *queues = &adapter->queues;
	struct ndshm_queue *queue;
	unsigned long id;

	might_sleep();

	for (; view->kind < NDSHM_KINDS; view->kind++, view->id = 0) {
		if (!view->id) {
			view->adapter = adapter->entry.id;
			view->state = view->kind == NDSHM_KIND_QUEUE ?
				(u32)NDSHM_QUEUE_RUNNING : NDSHM_VPORT_ACTIVE;
			view->filters = 0;
			memset(&view->config, 0, sizeof(view->config));
			queue_fill_usage(&adapter->set, &queues->default_packets,
					 &view->usage);
			return true;
		}
		id = view->id;
		xa_lock(&queues->known[view->kind]);
		queue = xa_find(&queues->known[view->kind], &id, U32_MAX,
				XA_PRESENT);
		if (queue)
			queue_fill_view(queue, view);
		xa_unlock(&queues->known[view->kind]);
		if (queue)
			return true;
	}
	return false;
}

bool ndshm_queue_view(struct ndshm_adapter *adapter, enum ndshm_queue_kind kind,
		      u32 id, struct ndshm_queue_view *view)
{
	view->kind = kind;
	view->id = id;
	return ndshm_queue_view_next(adapter, view) && view->kind == kind &&
	       view->id == id;
}

int ndshm_queue_query(struct ndshm_adapter *adapter, u32 id,
		      enum ndshm_queue_state *state, u32 *filters,
		      struct ndshm_queue_usage *usage, ndshm_reason_t *out)
{
	struct ndshm_queue_view view;

	if (!ndshm_queue_view(adapter, NDSHM_KIND_QUEUE, id, &view))
		return ndshm_reason_report(NDSHM_REASON_QUEUE_UNKNOWN, out);
	*state = view.state;
	*filters = view.filters;
	if (usage)
		*usage = view.usage;
	return ndshm_reason_report(NDSHM_REASON_NONE, out);
}
EXPORT_SYMBOL_GPL(ndshm_queue_query);

int ndshm_vport_query(struct ndshm_adapter *adapter, u32 id,
		      enum ndshm_vport_state *state,
		      struct ndshm_queue_usage *usage, ndshm_reason_t *out)
{
	struct ndshm_queue_view view;

	if (!ndshm_queue_view(adapter, NDSHM_KIND_VPORT, id, &view))
		return ndshm_reason_report(NDSHM_REASON_PORT_UNKNOWN, out);
	*state = view.state;
	if (usage)
		*usage = view.usage;
	return ndshm_reason_report(NDSHM_REASON_NONE, out);
}
EXPORT_SYMBOL_GPL(ndshm_vport_query);

/*
 * Configuration
 */

static void queue_copy_name(char *to, const char *from)
{
	strscpy(to, from, NDSHM_QUEUE_NAME_SIZE);
	for (; *to; to++)
		if (!isascii(*to) || !isprint(*to))
			*to = '?';
}

/* Names go to terminals and logs: copy printable characters only. */
static void queue_copy_config(struct ndshm_queue_config *to,
			      const struct ndshm_queue_config *from)
{
	*to = *from;
	queue_copy_name(to->name, from->name);
	queue_copy_name(to->vm_name, from->vm_name);
}

int ndshm_queue_configure(struct ndshm_adapter *adapter, u32 id,
			  const struct ndshm_queue_config *config, ndshm_reason_t *out)
{
	struct xarray *known = &adapter->queues.known[NDSHM_KIND_QUEUE];
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	struct ndshm_queue *queue;

	might_sleep();

	if (!id)
		return ndshm_reason_report(NDSHM_REASON_QUEUE_DEFAULT, out);
	xa_lock(known);
	queue = xa_load(known, id);
	if (queue)
		queue_copy_config(&queue->config, config);
	else
		reason = NDSHM_REASON_QUEUE_UNKNOWN;
	xa_unlock(known);
	return ndshm_reason_report(reason, out);
}
EXPORT_SYMBOL_GPL(ndshm_queue_configure);

int ndshm_queue_get_config(struct ndshm_adapter *adapter, u32 id,
			   struct ndshm_queue_config *config, ndshm_reason_t *out)
{
	struct ndshm_queue_view view;

	if (!ndshm_queue_view(adapter, NDSHM_KIND_QUEUE, id, &view))
		return ndshm_reason_report(NDSHM_REASON_QUEUE_UNKNOWN, out);
	*config = view.config;
	return ndshm_reason_report(NDSHM_REASON_NONE, out);
}
EXPORT_SYMBOL_GPL(ndshm_queue_get_config);

/*
 * Events
 */

/* As ndshm_queue_step(), for a queue that is in the table. */
static bool queue_step_locked(struct ndshm_queue *queue, enum ndshm_queue_event event)
{
	struct ndshm_queue_machine *machine = &queue->machine;
	const u32 from = machine->state;

	lockdep_assert_held(&queue->known->xa_lock);

	if (!ndshm_queue_step(machine, event))
		return false;
	trace_ndshm_queue_state(queue->adapter->entry.id, machine->kind, queue->id, from,
				machine->state, machine->filters);
	return true;
}

static int queue_event(struct ndshm_adapter *adapter,
		       enum ndshm_queue_kind kind, u32 id,
		       enum ndshm_queue_event event, ndshm_reason_t *out)
{
	struct xarray *known = &adapter->queues.known[kind];
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	struct ndshm_queue *queue;

	might_sleep();

	if (!id)
		return ndshm_reason_report(NDSHM_REASON_QUEUE_DEFAULT, out);
	xa_lock(known);
	queue = xa_load(known, id);
	if (!queue)
		reason = queue_unknown_reason(kind);
	else if (!queue_step_locked(queue, event))
		reason = queue_state_reason(kind);
	xa_unlock(known);
	if (reason != NDSHM_REASON_NONE || event != NDSHM_QUEUE_DMA_STOPPED)
		return ndshm_reason_report(reason, out);
	/* Only after this kill can queue_end_work() run and free the queue. */
	if (ndshm_active_kill(&queue->packets))
		queue_work(workqueue, &queue->ending);
	return ndshm_reason_report(reason, out);
}

int ndshm_queue_set_filter(struct ndshm_adapter *adapter, u32 id, ndshm_reason_t *out)
{
	return queue_event(adapter, NDSHM_KIND_QUEUE, id,
			   NDSHM_QUEUE_SET_FILTER, out);
}
EXPORT_SYMBOL_GPL(ndshm_queue_set_filter);

int ndshm_queue_clear_filter(struct ndshm_adapter *adapter, u32 id, ndshm_reason_t *out)
{
	return queue_event(adapter, NDSHM_KIND_QUEUE, id,
			   NDSHM_QUEUE_CLEAR_FILTER, out);
}
EXPORT_SYMBOL_GPL(ndshm_queue_clear_filter);

int ndshm_queue_complete(struct ndshm_adapter *adapter, u32 id, ndshm_reason_t *out)
{
	return queue_event(adapter, NDSHM_KIND_QUEUE, id, NDSHM_QUEUE_COMPLETE, out);
}
EXPORT_SYMBOL_GPL(ndshm_queue_complete);

int ndshm_queue_free(struct ndshm_adapter *adapter, u32 id, ndshm_reason_t *out)
{
	return queue_event(adapter, NDSHM_KIND_QUEUE, id, NDSHM_QUEUE_FREE, out);
}
EXPORT_SYMBOL_GPL(ndshm_queue_free);

int ndshm_queue_dma_stopped(struct ndshm_adapter *adapter, u32 id, ndshm_reason_t *out)
{
	return queue_event(adapter, NDSHM_KIND_QUEUE, id,
			   NDSHM_QUEUE_DMA_STOPPED, out);
}
EXPORT_SYMBOL_GPL(ndshm_queue_dma_stopped);

int ndshm_vport_activate(struct ndshm_adapter *adapter, u32 id, ndshm_reason_t *out)
{
	return queue_event(adapter, NDSHM_KIND_VPORT, id, NDSHM_QUEUE_COMPLETE, out);
}
EXPORT_SYMBOL_GPL(ndshm_vport_activate);

int ndshm_vport_delete(struct ndshm_adapter *adapter, u32 id, ndshm_reason_t *out)
{
	return queue_event(adapter, NDSHM_KIND_VPORT, id,
			   NDSHM_QUEUE_DMA_STOPPED, out);
}
EXPORT_SYMBOL_GPL(ndshm_vport_delete);

/*
 * The end of a queue
 */

static void queue_end_work(struct work_struct *work)
{
	struct ndshm_queue *queue = container_of(work, struct ndshm_queue,
						 ending);
	struct ndshm_queues *queues = &queue->adapter->queues;

	if (queue->ops->free_blocks)
		queue->ops->free_blocks(queue->context, queue->id);
	/* Revoke blocks that the driver has not freed or an allocation has added. */
	ndshm_blockset_revoke(&queue->set, MAX_SCHEDULE_TIMEOUT,
			      queue->machine.kind == NDSHM_KIND_QUEUE ? "queue" : "port",
			      queue->id);

	xa_lock(queue->known);
	queue_step_locked(queue, NDSHM_QUEUE_FREED);
	__xa_erase(queue->known, queue->id);
	xa_unlock(queue->known);
	atomic_inc(&ndshm_changes);
	if (queue->ops->freed)
		queue->ops->freed(queue->context, queue->id);

	/* The last decrement lets the driver unload: do not call it any more. */
	if (atomic_dec_and_test(&queues->count))
		wake_up_var(&queues->count);
	ndshm_queue_put(queue);
}

/* Wait until the last callback of the last queue has returned. */
static void queues_wait(struct ndshm_queues *queues)
{
	wait_var_event(&queues->count, !atomic_read_acquire(&queues->count));
}

/* Take a queue through all steps that its driver has not taken. */
static void queue_end(struct ndshm_queue *queue)
{
	struct ndshm_queue_machine *machine = &queue->machine, next;
	bool running;

	xa_lock(queue->known);
	/* One step clears one filter: drop all but the last. */
	machine->filters = min(machine->filters, 1U);
	queue_step_locked(queue, NDSHM_QUEUE_CLEAR_FILTER);
	queue_step_locked(queue, NDSHM_QUEUE_FREE);
	next = *machine;
	running = ndshm_queue_step(&next, NDSHM_QUEUE_DMA_STOPPED);
	xa_unlock(queue->known);
	if (!running)
		return;
	if (queue->ops->stop)
		queue->ops->stop(queue->context, queue->id);
	/* Fails if the driver has reported this itself. */
	queue_event(queue->adapter, machine->kind, queue->id,
		    NDSHM_QUEUE_DMA_STOPPED, NULL);
}

/* Return: the first queue from *id on, with a reference; or NULL. */
static struct ndshm_queue *queue_get_next(struct xarray *known, unsigned long *id)
{
	struct ndshm_queue *queue;

	xa_lock(known);
	queue = xa_find(known, id, ULONG_MAX, XA_PRESENT);
	if (queue)
		ndshm_queue_get(queue);
	xa_unlock(known);
	return queue;
}

/* Return: true in a callback of a queue, which must not wait for callbacks. */
static bool queue_in_callback(void)
{
	const struct work_struct *work = current_work();

	return work && work->func == queue_end_work;
}

bool ndshm_queues_unused(struct ndshm_queues *queues)
{
	bool unused = true;
	int kind;

	for (kind = 0; kind < NDSHM_KINDS; kind++) {
		xa_lock(&queues->known[kind]);
		unused &= xa_empty(&queues->known[kind]);
		xa_unlock(&queues->known[kind]);
	}
	if (queue_in_callback())
		unused = !atomic_read(&queues->count);
	if (unused)
		queues_wait(queues);
	return unused;
}

void ndshm_queues_end(struct ndshm_adapter *adapter)
{
	struct ndshm_queues *queues = &adapter->queues;
	struct ndshm_queue *queue;
	unsigned int packets;
	unsigned long id;
	int kind;

	for (kind = 0; kind < NDSHM_KINDS; kind++) {
		for (id = 0;
		     (queue = queue_get_next(&queues->known[kind], &id)); id++) {
			queue_end(queue);
			ndshm_queue_put(queue);
		}
	}
	queues_wait(queues);
	ndshm_active_kill(&queues->default_packets);
	packets = ndshm_active_count(&queues->default_packets);
	if (packets)
		trace_ndshm_revoke_wait("adapter", adapter->entry.id, NDSHM_TRACE_PACKETS, packets,
					NULL);
	ndshm_active_drain(&queues->default_packets);
}

/*
 * Creation
 */

/* NDIS stores an id in 16 bits of a packet. */
#define QUEUE_IDS	XA_LIMIT(1, U16_MAX)

/* @config may be NULL. */
static int queue_alloc(struct ndshm_adapter *adapter, enum ndshm_queue_kind kind,
		       const struct ndshm_queue_ops *ops, void *context,
		       const struct ndshm_queue_config *config, u32 *id,
		       ndshm_reason_t *out)
{
	struct ndshm_queues *queues = &adapter->queues;
	struct xarray *known = &queues->known[kind];
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	struct ndshm_queue *queue;

	might_sleep();

	queue = kzalloc(sizeof(*queue), GFP_KERNEL);
	if (!queue)
		return ndshm_reason_report(NDSHM_REASON_MEMORY, out);
	refcount_set(&queue->references, 1);
	queue->adapter = ndshm_adapter_get(adapter);
	queue->known = known;
	queue->ops = ops;
	queue->context = context;
	ndshm_blockset_init(&queue->set, NDSHM_BLOCKSET_USER);
	ndshm_active_init(&queue->packets);
	INIT_WORK(&queue->ending, queue_end_work);
	queue->machine.kind = kind;
	if (config)
		queue_copy_config(&queue->config, config);

	xa_lock(known);
	/* May drop the lock to allocate memory, so test the set afterwards. */
	if (__xa_alloc_cyclic(known, &queue->id, queue, QUEUE_IDS,
			      &queues->next_id[kind], GFP_KERNEL) < 0) {
		reason = NDSHM_REASON_MEMORY;
	} else if (ndshm_blockset_killed(&adapter->set)) {
		/* ndshm_queues_end() may have run already: it follows the kill. */
		__xa_erase(known, queue->id);
		reason = NDSHM_REASON_ADAPTER_REMOVED;
	} else {
		atomic_inc(&queues->count);
		queue_step_locked(queue, NDSHM_QUEUE_ALLOCATE);
		/* The queue can be freed once the lock is dropped. */
		*id = queue->id;
	}
	xa_unlock(known);
	if (reason != NDSHM_REASON_NONE) {
		ndshm_queue_put(queue);
		return ndshm_reason_report(reason, out);
	}
	atomic_inc(&ndshm_changes);
	return ndshm_reason_report(reason, out);
}

int ndshm_queue_allocate(struct ndshm_adapter *adapter,
			 const struct ndshm_queue_ops *ops, void *context,
			 u32 *id, ndshm_reason_t *out)
{
	return queue_alloc(adapter, NDSHM_KIND_QUEUE, ops, context, NULL, id, out);
}
EXPORT_SYMBOL_GPL(ndshm_queue_allocate);

int ndshm_queue_allocate_configured(struct ndshm_adapter *adapter,
				    const struct ndshm_queue_ops *ops, void *context,
				    const struct ndshm_queue_config *config, u32 *id,
				    ndshm_reason_t *out)
{
	return queue_alloc(adapter, NDSHM_KIND_QUEUE, ops, context, config, id, out);
}
EXPORT_SYMBOL_GPL(ndshm_queue_allocate_configured);

int ndshm_vport_create(struct ndshm_adapter *adapter,
		       const struct ndshm_queue_ops *ops, void *context, u32 *id,
		       ndshm_reason_t *out)
{
	return queue_alloc(adapter, NDSHM_KIND_VPORT, ops, context, NULL, id, out);
}
EXPORT_SYMBOL_GPL(ndshm_vport_create);

/*
 * Blocks of a queue
 */

ndshm_reason_t ndshm_queue_get_active(struct ndshm_adapter *adapter, u32 queue_id,
				      u32 vport_id, struct ndshm_queue **queue)
{
	enum ndshm_queue_kind kind = vport_id ? NDSHM_KIND_VPORT :
						NDSHM_KIND_QUEUE;
	struct xarray *known = &adapter->queues.known[kind];
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	struct ndshm_queue *found;

	xa_lock(known);
	found = xa_load(known, vport_id ?: queue_id);
	if (!found)
		reason = queue_unknown_reason(kind);
	else if (!ndshm_queue_may_allocate(&found->machine) ||
		 !ndshm_blockset_get_active(&found->set))
		reason = queue_state_reason(kind);
	else
		*queue = ndshm_queue_get(found);
	xa_unlock(known);
	return reason;
}

int __init ndshm_queue_init(void)
{
	workqueue = alloc_workqueue("ndshm-queue", WQ_UNBOUND, 0);
	return workqueue ? 0 : -ENOMEM;
}

void ndshm_queue_exit(void)
{
	destroy_workqueue(workqueue);
}
