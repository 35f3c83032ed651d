/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests: asynchronous allocation of blocks, for callers that cannot sleep.
 */
#ifndef _NDSHM_REQUEST_H
#define _NDSHM_REQUEST_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <ndshm/block.h>

struct ndshm_request;

/**
 * typedef ndshm_done_handler - completion handler of a request
 * @request: the completed request; its error and block are the result. The caller owns
 *	it again and may free or resubmit it from the handler.
 *
 * Called exactly once for each accepted request. A block carries one reference, which the
 * caller owns from now on. A block revoked before the completion is freed and reported as
 * a failure. The revocation callback can run concurrently with this handler; it must not
 * free a block that the handler has not yet passed to it.
 *
 * Context: Process context, from a workqueue; may sleep; no lock of ndshm is held. Two
 * handlers of a group can run concurrently: one for an executed and one for an aborted
 * request.
 */
typedef void (*ndshm_done_handler)(struct ndshm_request *request);

/**
 * struct ndshm_request - an asynchronous allocation
 * @parameters: as for ndshm_allocate(). The caller's references to the adapter and the
 *	provider are needed until submission only, the list until @done. Results are
 *	written before @done; the list can also be written by a request that fails, if
 *	it is aborted or its block revoked after the allocation.
 * @done: completion handler
 * @error: out: 0, or the negative errno of @reason
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success
 * @block: out: the block, or NULL on failure
 *
 * The caller allocates the structure and sets all members that are not results. It must
 * not access the structure from ndshm_allocate_async() until @done. The members after
 * @block are private to the core.
 */
struct ndshm_request {
	struct ndshm_parameters parameters;
	ndshm_done_handler done;
	int error;
	ndshm_reason_t reason;
	struct ndshm_block *block;
	/* private: */
	struct list_head link;
	bool aborted;
};

/**
 * struct ndshm_requests - a group of requests with a common end
 *
 * A group executes its requests in the order of submission, one at a time; use several
 * groups for concurrency. All members are private to the core.
 */
struct ndshm_requests {
	/* private: */
	raw_spinlock_t lock;	/* protects the members below but work items */
	struct list_head waiting;
	struct list_head aborted;
	struct ndshm_request *running;
	unsigned int most;
	unsigned int in_flight;
	bool closed;
	struct work_struct carrying_out;
	struct work_struct aborting;
};

/**
 * ndshm_requests_init() - Initialise a group of requests
 * @requests: memory of the group
 * @most: maximum number of requests in flight
 *
 * Must be undone with ndshm_requests_end().
 *
 * Context: Any.
 */
void ndshm_requests_init(struct ndshm_requests *requests, unsigned int most);

/**
 * ndshm_allocate_async() - Submit a request for a block
 * @requests: group of the request
 * @request: the request
 * @reason: out: NDSHM_REASON_PENDING on success, or the precise reason; may be NULL. Not a
 *	member of @request
 *
 * After a success the done handler is called exactly once, possibly before this function
 * returns. If the adapter, its queue or the provider is removed meanwhile, the
 * request completes with the reason for this.
 *
 * Context: Any but NMI; neither sleeps nor allocates memory.
 * Return: 0, or a negative errno: the request is not submitted and done is not called.
 * The reasons are those of ndshm_allocate() for invalid parameters; REQUESTS if the group
 * has its maximum in flight; REQUEST_ABORTED if the group is ending.
 */
int ndshm_allocate_async(struct ndshm_requests *requests,
			 struct ndshm_request *request, ndshm_reason_t *reason);

/**
 * ndshm_requests_abort() - Cancel all requests of a group and refuse new ones
 * @requests: the group
 *
 * Context: Any but NMI.
 */
void ndshm_requests_abort(struct ndshm_requests *requests);

/**
 * ndshm_requests_end() - Drain a group of requests
 * @requests: the group; the caller may free it on return
 *
 * Refuses new requests and waits until the last done handler has returned. After
 * ndshm_requests_abort() this waits at most for the provider that is executing a request.
 *
 * Context: Process context; may sleep. Must not be called from a done handler of the
 * group.
 */
void ndshm_requests_end(struct ndshm_requests *requests);

#endif /* _NDSHM_REQUEST_H */
