/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The revocation callback of a block's owner in the kernel.
 */
#ifndef _NDSHM_CORE_REVOKE_CB_H
#define _NDSHM_CORE_REVOKE_CB_H

#include <linux/mutex.h>

struct ndshm_block;
struct task_struct;

/**
 * struct ndshm_revoke_cb - a callback that runs at most once
 * @lock: protects @over; held while @function runs
 * @armed: @function is to be called; whoever clears it is first. Set with @lock held
 * @over: revoked; never armed again
 * @cancelled: the owner waits for @function
 * @runner: runs @function; compared with the current task only
 * @function: NULL: the owner needs no callback
 * @context: first argument of @function
 */
struct ndshm_revoke_cb {
	struct mutex lock;	/* over */
	bool armed;
	bool over;
	bool cancelled;
	struct task_struct *runner;
	void (*function)(void *context, struct ndshm_block *block);
	void *context;
};

void ndshm_revoke_cb_init(struct ndshm_revoke_cb *cb, bool armed);

/* Return: false if the block was revoked. May sleep. */
bool ndshm_revoke_cb_arm(struct ndshm_revoke_cb *cb);

/*
 * Call @function if the callback is armed; a second caller waits for the first one's
 * call. The caller holds a reference to @block, and no lock that the owner takes.
 */
void ndshm_revoke_cb_run(struct ndshm_revoke_cb *cb, struct ndshm_block *block);

/* From now on @function neither runs nor will run. @function itself may call this. */
void ndshm_revoke_cb_cancel_sync(struct ndshm_revoke_cb *cb);

#endif /* _NDSHM_CORE_REVOKE_CB_H */
