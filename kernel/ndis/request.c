// SPDX-License-Identifier: GPL-2.0
/* Requests: asynchronous allocation of blocks for kernel users that cannot sleep. */
#include <linux/export.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "../adapter/adapter.h"
#include "../base/params.h"
#include "../base/trace.h"
#include "../block/block.h"
#include "../registration/provider.h"
#include "request.h"

/*
 * An accepted request is on the list @waiting, is @running, or, after an abort of its group, on
 * the list @aborted. A second work completes these, so that they do not wait for a provider.
 *
 * The lock is raw, because requests are submitted in hard interrupts, and innermost. Works
 * are queued with it held: once @closed is set, ndshm_requests_end() can flush them.
 */

/*
 * Not the workqueue of deferred frees, which requests wait for. A provider can block a
 * group's work for long; the work for aborted requests then runs concurrently.
 */
static struct workqueue_struct *workqueue;

/*
 * Submitting
 */

static void request_clear_outputs(struct ndshm_parameters *p)
{
	p->virtual_address = NULL;
	p->shared_memory_handle = 0;
}

static ndshm_reason_t request_submit_locked(struct ndshm_requests *requests,
					    struct ndshm_request *request,
					    const struct ndshm_parameters *parameters)
{
	lockdep_assert_held(&requests->lock);

	if (requests->closed)
		return NDSHM_REASON_REQUEST_ABORTED;
	if (requests->in_flight >= requests->most)
		return NDSHM_REASON_REQUESTS;
	/* request_complete() drops these references. */
	ndshm_adapter_get(parameters->adapter);
	if (parameters->provider)
		ndshm_provider_get(parameters->provider);
	request->parameters = *parameters;
	request->aborted = false;
	request->reason = NDSHM_REASON_PENDING;
	request->block = NULL;
	requests->in_flight++;
	list_add_tail(&request->link, &requests->waiting);
	queue_work(workqueue, &requests->carrying_out);
	return NDSHM_REASON_PENDING;
}

static ndshm_reason_t request_submit(struct ndshm_requests *requests,
				     struct ndshm_request *request,
				     const struct ndshm_parameters *parameters)
{
	ndshm_reason_t reason;
	unsigned long flags;

	raw_spin_lock_irqsave(&requests->lock, flags);
	reason = request_submit_locked(requests, request, parameters);
	if (reason == NDSHM_REASON_PENDING)
		trace_ndshm_request_begin(request, parameters->adapter->entry.id,
					  parameters->length);
	raw_spin_unlock_irqrestore(&requests->lock, flags);
	return reason;
}

int ndshm_allocate_async(struct ndshm_requests *requests,
			 struct ndshm_request *request, ndshm_reason_t *out)
{
	struct ndshm_parameters p;
	ndshm_reason_t reason;

	reason = ndshm_check_header(&request->parameters);
	if (reason != NDSHM_REASON_NONE)
		return ndshm_reason_report(reason, out);
	request_clear_outputs(&request->parameters);
	ndshm_normalize(&p, &request->parameters);
	reason = ndshm_check_parameters(&p, ndshm_max_length(), true);
	if (reason == NDSHM_REASON_NONE && !p.adapter)
		reason = NDSHM_REASON_ADAPTER_UNKNOWN;
	if (reason == NDSHM_REASON_NONE)
		reason = request_submit(requests, request, &p);
	return ndshm_reason_report(reason, out);
}
EXPORT_SYMBOL_GPL(ndshm_allocate_async);

/*
 * Aborting
 */

void ndshm_requests_abort(struct ndshm_requests *requests)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&requests->lock, flags);
	requests->closed = true;
	/* ndshm_allocation_unwanted() reads it without the lock. */
	if (requests->running)
		WRITE_ONCE(requests->running->aborted, true);
	/* No loop over the requests: interrupts are off. */
	if (!list_empty(&requests->waiting)) {
		list_splice_tail_init(&requests->waiting, &requests->aborted);
		queue_work(workqueue, &requests->aborting);
	}
	raw_spin_unlock_irqrestore(&requests->lock, flags);
}
EXPORT_SYMBOL_GPL(ndshm_requests_abort);

/*
 * Execution and completion
 */

/* Remove the first request of a list of the group. Return: the request, or NULL. */
static struct ndshm_request *request_pop(struct ndshm_requests *requests,
					 struct list_head *list)
{
	struct ndshm_request *request;

	raw_spin_lock_irq(&requests->lock);
	request = list_first_entry_or_null(list, struct ndshm_request, link);
	if (request)
		list_del(&request->link);
	if (list == &requests->waiting)
		requests->running = request;
	raw_spin_unlock_irq(&requests->lock);
	return request;
}

/* Free the block of a request that fails after its allocation. */
static void request_take_back(struct ndshm_request *request, ndshm_reason_t reason)
{
	if (request->block)
		ndshm_free(request->block);
	request->block = NULL;
	request->reason = reason;
	request_clear_outputs(&request->parameters);
	request->parameters.consumed = 0;
	request->parameters.needs_sync = false;
}

/* The owner may free the request in @done. */
static void request_complete(struct ndshm_request *request)
{
	const struct ndshm_parameters *p = &request->parameters;

	trace_ndshm_request_end(request, p->adapter->entry.id,
				request->block ? request->block->object.id : 0, request->reason);
	if (p->provider)
		ndshm_provider_put(p->provider);
	ndshm_adapter_put(p->adapter);
	request->error = ndshm_reason_report(request->reason, NULL);
	request->done(request);
	cond_resched();
}

/* Test hook, set by ndshm_request_in_between(); NULL: none. */
static void (*in_between)(struct ndshm_request *request);

#ifdef NDSHM_TEST_MODULES
void ndshm_request_in_between(void (*function)(struct ndshm_request *request))
{
	WRITE_ONCE(in_between, function);
}
EXPORT_SYMBOL_GPL(ndshm_request_in_between);
#endif

static void request_run(struct ndshm_requests *requests,
			struct ndshm_request *request)
{
	void (*function)(struct ndshm_request *request);
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	bool was_aborted;

	/* The callback of the block stays disarmed, since the owner does not know the block yet. */
	request->reason = ndshm_block_alloc_queue(&request->parameters, &request->aborted,
						  &request->block);
	function = READ_ONCE(in_between);
	if (function)
		function(request);

	raw_spin_lock_irq(&requests->lock);
	was_aborted = request->aborted;
	requests->in_flight--;
	requests->running = NULL;
	raw_spin_unlock_irq(&requests->lock);

	if (was_aborted)
		reason = NDSHM_REASON_REQUEST_ABORTED;
	else if (request->block)
		reason = ndshm_block_enable_revoke_cb(request->block);
	if (reason != NDSHM_REASON_NONE)
		request_take_back(request, reason);
	request_complete(request);
}

static void requests_work(struct work_struct *work)
{
	struct ndshm_requests *requests = container_of(work,
						       struct ndshm_requests,
						       carrying_out);
	struct ndshm_request *request;

	while ((request = request_pop(requests, &requests->waiting)))
		request_run(requests, request);
}

static void requests_cancel_work(struct work_struct *work)
{
	struct ndshm_requests *requests = container_of(work,
						       struct ndshm_requests,
						       aborting);
	struct ndshm_request *request;

	while ((request = request_pop(requests, &requests->aborted))) {
		request_take_back(request, NDSHM_REASON_REQUEST_ABORTED);
		request_complete(request);
	}
}

/*
 * Groups
 */

void ndshm_requests_init(struct ndshm_requests *requests, unsigned int most)
{
	*requests = (struct ndshm_requests){ .most = most };
	raw_spin_lock_init(&requests->lock);
	INIT_LIST_HEAD(&requests->waiting);
	INIT_LIST_HEAD(&requests->aborted);
	INIT_WORK(&requests->carrying_out, requests_work);
	INIT_WORK(&requests->aborting, requests_cancel_work);
}
EXPORT_SYMBOL_GPL(ndshm_requests_init);

void ndshm_requests_end(struct ndshm_requests *requests)
{
	might_sleep();

	raw_spin_lock_irq(&requests->lock);
	requests->closed = true;
	raw_spin_unlock_irq(&requests->lock);
	/*
	 * Each accepted request has queued a work. Flush aborting last: a done handler that the
	 * other one calls can queue it.
	 */
	flush_work(&requests->carrying_out);
	flush_work(&requests->aborting);
}
EXPORT_SYMBOL_GPL(ndshm_requests_end);

int __init ndshm_request_work_init(void)
{
	workqueue = alloc_workqueue("ndshm-requests", WQ_UNBOUND, 0);
	return workqueue ? 0 : -ENOMEM;
}

void ndshm_request_work_exit(void)
{
	destroy_workqueue(workqueue);
}
