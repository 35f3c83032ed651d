// SPDX-License-Identifier: GPL-2.0
/* Asynchronous BLOCK_ALLOC (NDSHM_ALLOC_ASYNC), BLOCK_CANCEL, and reading of records. */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include <linux/ndshm.h>

#include "../account/charge.h"
#include "../adapter/adapter.h"
#include "../adapter/claim.h"
#include "../block/block.h"
#include "../block/request.h"
#include "../registration/provider.h"
#include "cdev.h"
#include "client.h"

/**
 * struct ndshm_client_request - A client's request, and its record
 * @request: the request, until it completes
 * @allocation: its claim holds a reference until the request completes; its requester, until the
 *	record was read
 * @charge: for the upper bound of the block's memory; passes to the block
 * @client: waits for the request when it is closed
 * @adapter: holds a reference: DMA addresses are hidden, or not, when the record is read
 * @handle: reserved before submission; published with the block
 * @record: what read() returns
 * @link: entry of @ready of struct ndshm_completions
 *
 * Everything that completion needs is allocated before the request is submitted, so that
 * completion cannot fail.
 */
struct ndshm_client_request {
	struct ndshm_request request;
	struct ndshm_allocation allocation;
	struct ndshm_charge charge;
	struct ndshm_client *client;
	struct ndshm_adapter *adapter;
	u32 handle;
	struct ndshm_completion record;
	struct list_head link;
};

/* Called before memory is allocated: permissions may have changed since submission. */
static ndshm_reason_t client_request_admit(struct ndshm_request *request)
{
	struct ndshm_client_request *req =
		container_of(request, struct ndshm_client_request, request);
	const struct cred *old;
	ndshm_reason_t reason;

	/* The worker has all privileges: test with the requester's credentials. */
	old = override_creds(req->allocation.requester->cred);
	reason = ndshm_client_admit(req->client, req->adapter, req->allocation.claim,
				    request->parameters.provider);
	revert_creds(old);
	return reason;
}

void ndshm_completions_init(struct ndshm_completions *completions)
{
	ndshm_requests_init_client(&completions->requests, NDSHM_MAX_REQUESTS,
				   client_request_admit);
	INIT_LIST_HEAD(&completions->ready);
	atomic_set(&completions->count, 0);
	init_waitqueue_head(&completions->wait);
}

/* Drop what only a request in flight needs. */
static void client_request_release(struct ndshm_client_request *req)
{
	if (req->allocation.claim)
		ndshm_claim_put(req->allocation.claim);
	ndshm_uncharge(&req->charge);
}

static void client_request_free(struct ndshm_client_request *req)
{
	atomic_dec(&req->client->completions.count);
	ndshm_adapter_put(req->adapter);
	ndshm_quota_uncharge(req->allocation.requester, NDSHM_QUOTA_REQUESTS, 1);
	ndshm_requester_put(req->allocation.requester);
	kfree(req);
}

static void completions_add(struct ndshm_completions *completions,
			    struct ndshm_client_request *req, bool first)
{
	spin_lock_irq(&completions->wait.lock);
	if (first)
		list_add(&req->link, &completions->ready);
	else
		list_add_tail(&req->link, &completions->ready);
	wake_up_locked_poll(&completions->wait, EPOLLIN | EPOLLRDNORM);
	spin_unlock_irq(&completions->wait.lock);
}

/* Remove the first ready record from the list, or return an ERR_PTR. */
static struct ndshm_client_request *completions_pop(struct ndshm_completions *completions,
						    bool nonblocking)
{
	struct list_head *ready = &completions->ready;
	struct ndshm_client_request *req = ERR_PTR(-EAGAIN);
	int ret = 0;

	spin_lock_irq(&completions->wait.lock);
	if (!nonblocking)
		ret = wait_event_interruptible_locked_irq(completions->wait,
							  !list_empty(ready));
	if (ret) {
		req = ERR_PTR(ret);
	} else if (!list_empty(ready)) {
		req = list_first_entry(ready, struct ndshm_client_request, link);
		list_del(&req->link);
	}
	spin_unlock_irq(&completions->wait.lock);
	return req;
}

static void client_request_done(struct ndshm_request *request)
{
	struct ndshm_client_request *req =
		container_of(request, struct ndshm_client_request, request);
	struct ndshm_client *client = req->client;
	struct ndshm_block *block = request->block;
	ndshm_reason_t reason = request->reason;

	req->record = (struct ndshm_completion){
		.cookie = request->cookie,
		.status = (__force u32)ndshm_reason_status(reason),
		.reason = (__force u32)reason,
	};
	if (reason == NDSHM_REASON_NONE) {
		ndshm_fill_block_info(&req->record.block, req->handle,
				      block, true);
		ndshm_handle_publish(&client->handles, req->handle,
				     &block->object);
	} else {
		ndshm_handle_unreserve(&client->handles, req->handle);
	}
	client_request_release(req);
	completions_add(&client->completions, req, false);
}

void ndshm_completions_end(struct ndshm_completions *completions)
{
	struct ndshm_client_request *req;

	ndshm_requests_end(&completions->requests);
	while (!IS_ERR(req = completions_pop(completions, true)))
		client_request_free(req);
}

ndshm_reason_t ndshm_client_submit(struct ndshm_command *command,
				   const struct ndshm_parameters *parameters,
				   const struct ndshm_allocation *allocation)
{
	const struct ndshm_block_alloc_args *argument = command->argument;
	struct ndshm_client *client = ndshm_client_of(command);
	struct ndshm_completions *completions = &client->completions;
	struct ndshm_client_request *req;
	ndshm_reason_t reason;

	req = kzalloc(sizeof(*req), NDSHM_GFP_CHARGED);
	if (!req)
		return NDSHM_REASON_MEMORY;
	if (!atomic_add_unless(&completions->count, 1, NDSHM_MAX_REQUESTS)) {
		kfree(req);
		return NDSHM_REASON_REQUESTS;
	}
	reason = ndshm_quota_charge(allocation->requester, NDSHM_QUOTA_REQUESTS, 1);
	if (reason != NDSHM_REASON_NONE) {
		atomic_dec(&completions->count);
		kfree(req);
		return reason;
	}
	req->client = client;
	req->adapter = ndshm_adapter_get(parameters->adapter);
	if (allocation->claim)
		req->allocation.claim = ndshm_claim_get(allocation->claim);
	req->allocation.requester = ndshm_requester_get(allocation->requester);
	req->allocation.charge = &req->charge;
	req->request.cookie = argument->cookie;
	req->request.done = client_request_done;

	reason = ndshm_handle_reserve(&client->handles, &req->handle);
	if (reason == NDSHM_REASON_NONE)
		reason = ndshm_charge(&req->charge, allocation->requester,
				      ndshm_upper_bound(parameters->length));
	if (reason != NDSHM_REASON_NONE)
		goto err_request;

	/*
	 * Reply first: a submission cannot be undone if the reply fails. After an error the
	 * dispatcher replies again.
	 */
	reason = NDSHM_REASON_ADDRESS;
	if (ndshm_reply_reason(command, NDSHM_REASON_PENDING))
		goto err_request;
	reason = ndshm_request_submit(&completions->requests, &req->request,
				      parameters, &req->allocation);
	/* The request may have completed, and been read and freed. */
	if (reason == NDSHM_REASON_PENDING)
		return reason;
	command->replied = false;

err_request:
	if (req->handle)
		ndshm_handle_unreserve(&client->handles, req->handle);
	client_request_release(req);
	client_request_free(req);
	return reason;
}

ndshm_reason_t ndshm_ioctl_block_cancel(struct ndshm_command *command)
{
	const struct ndshm_block_cancel_args *argument = command->argument;
	struct ndshm_client *client = ndshm_client_of(command);
	ndshm_reason_t reason;

	/* Reply first, as in ndshm_client_submit(). */
	if (ndshm_reply(command))
		return NDSHM_REASON_ADDRESS;
	reason = ndshm_request_abort(&client->completions.requests, argument->cookie);
	command->replied = reason == NDSHM_REASON_NONE;
	return reason;
}

/* If the copy fails, put the record back at the head, so that none is lost or reordered. */
static int client_request_report(struct ndshm_client *client,
				 struct ndshm_client_request *req, struct iov_iter *to)
{
	struct ndshm_completion record = req->record;
	size_t copied;

	if (record.block.handle &&
	    !ndshm_addresses_shown(client, req->adapter))
		record.block.address = NDSHM_ADDRESS_HIDDEN;
	copied = copy_to_iter(&record, sizeof(record), to);
	if (copied != sizeof(record)) {
		iov_iter_revert(to, copied);
		completions_add(&client->completions, req, true);
		return -EFAULT;
	}
	client_request_free(req);
	return 0;
}

/* Waits for the first record only. The segments of @to are treated as one buffer. */
ssize_t ndshm_client_read(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	const bool nonblocking = file->f_flags & O_NONBLOCK ||
				 iocb->ki_flags & IOCB_NOWAIT;
	struct ndshm_client *client = file->private_data;
	size_t read = 0, each = sizeof(struct ndshm_completion);
	struct ndshm_client_request *req;
	int ret = 0;

	if (iov_iter_count(to) < each)
		return -EINVAL;
	for (; !ret && iov_iter_count(to) >= each; read += ret ? 0 : each) {
		req = completions_pop(&client->completions, read || nonblocking);
		ret = PTR_ERR_OR_ZERO(req) ?: client_request_report(client, req, to);
	}
	return read ?: ret;
}

__poll_t ndshm_client_poll(struct file *file, struct poll_table_struct *wait)
{
	struct ndshm_client *client = file->private_data;

	poll_wait(file, &client->completions.wait, wait);
	return !list_empty(&client->completions.ready) ? EPOLLIN | EPOLLRDNORM : 0;
}
