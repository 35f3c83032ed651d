/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests: blocks that are asked for now, where one cannot sleep, and had later.
 */
#ifndef _NDSHM_REQUEST_H
#define _NDSHM_REQUEST_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree_types.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <ndshm/block.h>

struct ndshm_allocation;
struct ndshm_request;
struct task_struct;

/**
 * typedef ndshm_done_handler - a request has its end
 * @request: its reason and block say how it ended. It is the caller's again, who
 *	may free it here, or submit it anew
 *
 * Called exactly once for each request that was accepted. The block, if there is one,
 * carries one reference, which is now the caller's. It is not called for a block that
 * was revoked before: that is a reason. While this runs the block's revoked callback
 * may come; it does not free a block that this has not handed over to it yet.
 *
 * Context: process, of a workqueue; may sleep; no lock of ndshm is held. Two of one group
 * can run at the same time: one of what was carried out, one of what was aborted.
 */
typedef void (*ndshm_done_handler)(struct ndshm_request *request);

/**
 * struct ndshm_request - a block that is asked for
 * @parameters: as for ndshm_allocate(). Its adapter and its provider need be there
 *	only when it is submitted; its list stays until @done. Outputs are written
 *	before @done; the list may also be if it fails in the end, because it was
 *	aborted or the block revoked after it had been made
 * @cookie: the caller's name for it, unique among those of its group that are out
 * @done: called when it has its end
 * @reason: out: NDSHM_REASON_NONE, or why there is no block
 * @block: out: NULL, unless @reason is NDSHM_REASON_NONE
 *
 * The memory is the caller's, who fills in what is not an output, and does not touch
 * it from ndshm_allocate_async() until @done. What follows @block is the core's.
 */
struct ndshm_request {
	struct ndshm_parameters parameters;
	u64 cookie;
	ndshm_done_handler done;
	ndshm_reason_t reason;
	struct ndshm_block *block;
	/* private: */
	struct list_head link;
	struct rb_node known;
	bool aborted;
	const struct ndshm_allocation *allocation;
};

/**
 * struct ndshm_requests - requests of one caller, which end together
 *
 * They are carried out one after the other, as they came; a caller who wants several
 * at a time has several groups. All members are the core's.
 */
struct ndshm_requests {
	/* private: */
	raw_spinlock_t lock;	/* all members but the works and idle */
	struct list_head waiting;
	struct list_head aborted;
	struct ndshm_request *running;
	struct rb_root known;	/* by cookie */
	unsigned int most;
	unsigned int out;
	unsigned int telling;
	bool closed;
	struct mutex worker_lock;	/* creation and cgroups of the worker */
	struct task_struct *worker;	/* of a client; NULL: a workqueue's */
	ndshm_reason_t (*admit)(struct ndshm_request *request);
	struct work_struct carrying_out;
	struct work_struct aborting;
	wait_queue_head_t idle;
};

/**
 * ndshm_requests_init - make a group
 * @requests: its memory
 * @most: how many may be out at a time
 *
 * It ends with ndshm_requests_end().
 *
 * Context: any.
 */
void ndshm_requests_init(struct ndshm_requests *requests, unsigned int most);

/**
 * ndshm_allocate_async - ask for a block
 * @requests: whose request it will be
 * @request: as described above
 *
 * After PENDING its done is called exactly once, perhaps before this returns, whatever
 * goes meanwhile: if the adapter, its queue or the provider has gone by then, that is
 * what it is told.
 *
 * Context: any but NMI; neither sleeps nor allocates memory.
 * Return: NDSHM_REASON_PENDING. Anything else is why nothing was begun, and done is not
 *	called: what ndshm_allocate() finds wrong in parameters; COOKIE, one of that
 *	name is out, perhaps this one, which goes on; REQUESTS, as many are out as
 *	can be; REQUEST_ABORTED, the group is ending
 */
ndshm_reason_t ndshm_allocate_async(struct ndshm_requests *requests,
				    struct ndshm_request *request);

/**
 * ndshm_request_cancel - end a request that is out as REQUEST_ABORTED
 * @requests: whose it is
 * @cookie: which one
 *
 * One that waits ends at once; one that is being carried out, as soon as the provider
 * has answered, which then gets its memory back. Its done is called as ever, not by this.
 *
 * Context: any but NMI.
 * Return: NDSHM_REASON_NONE; REQUEST_UNKNOWN: none of that cookie is out, it has ended
 *	or is about to
 */
ndshm_reason_t ndshm_request_cancel(struct ndshm_requests *requests,
				    u64 cookie);

/**
 * ndshm_requests_abort - cancel all that are out, and take none any more
 * @requests: whose
 *
 * Context: any but NMI.
 */
void ndshm_requests_abort(struct ndshm_requests *requests);

/**
 * ndshm_requests_end - end a group
 * @requests: its memory is the caller's again
 *
 * No request is taken any more; those that are out are waited for until the last done
 * has returned. After ndshm_requests_abort() that takes as long as the provider that is
 * working on one.
 *
 * Context: process, not done; may sleep.
 */
void ndshm_requests_end(struct ndshm_requests *requests);

#endif /* _NDSHM_REQUEST_H */
