/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Revocation callback: notifies the kernel user that owns a block.
 */
#ifndef _NDSHM_BLOCK_REVOKE_CB_H
#define _NDSHM_BLOCK_REVOKE_CB_H

#include <linux/mutex.h>

struct ndshm_block;
struct task_struct;

/**
 * struct ndshm_revoke_cb - a callback that runs at most once, or until the owner frees the block
 *	if it keeps it
 * @lock: protects @over and @kept; held while @function runs
 * @armed: @function may be called. Set with @lock held. Revocation and cancellation clear
 *	it with xchg(): the one that finds it set decides whether @function runs
 * @over: the block was revoked; only a kept block is armed again
 * @kept: the owner uses the memory until it frees the block; set by @function
 * @cancelled: the owner frees the block; @function is not called again
 * @runner: task that runs @function; compared with the current task only
 * @function: the callback
 * @context: first argument of @function
 */
struct ndshm_revoke_cb {
	struct mutex lock;	/* over, kept */
	bool armed;
	bool over;
	bool kept;
	bool cancelled;
	struct task_struct *runner;
	void (*function)(void *context, struct ndshm_block *block);
	void *context;
};

void ndshm_revoke_cb_init(struct ndshm_revoke_cb *cb, bool armed);

/* Return: true if the callback is armed, false if the block was revoked. May sleep. */
bool ndshm_revoke_cb_enable(struct ndshm_revoke_cb *cb);

/*
 * Call @function if the callback is armed, else wait for a running call. The caller has
 * a reference to @block, and holds no lock that @function takes. Return: false if the owner
 * keeps the memory: then the block's other set calls @function again.
 */
bool ndshm_revoke_cb_run(struct ndshm_revoke_cb *cb, struct ndshm_block *block);

/* On return @function does not run and will not run, unless it is the caller. */
void ndshm_revoke_cb_cancel_sync(struct ndshm_revoke_cb *cb);

#endif /* _NDSHM_BLOCK_REVOKE_CB_H */
