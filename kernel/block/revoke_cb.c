// SPDX-License-Identifier: GPL-2.0
/* Revocation callbacks: arm, run and cancel. */
#include <linux/sched.h>

#include "revoke_cb.h"

void ndshm_revoke_cb_init(struct ndshm_revoke_cb *cb, bool armed)
{
	static struct lock_class_key key;

	/* In lockdep's reports the name in brackets stands for a running callback. */
	__mutex_init(&cb->lock, "(ndshm_revoke_cb)", &key);
	cb->armed = armed;
}

bool ndshm_revoke_cb_enable(struct ndshm_revoke_cb *cb)
{
	bool armed;

	mutex_lock(&cb->lock);
	armed = !cb->over;
	WRITE_ONCE(cb->armed, armed);
	mutex_unlock(&cb->lock);
	return armed;
}

bool ndshm_revoke_cb_run(struct ndshm_revoke_cb *cb, struct ndshm_block *block)
{
	bool kept;

	mutex_lock(&cb->lock);
	cb->over = true;
	if (xchg(&cb->armed, false) && !READ_ONCE(cb->cancelled)) {
		WRITE_ONCE(cb->runner, current);
		cb->function(cb->context, block);
		WRITE_ONCE(cb->runner, NULL);
		/* A cancellation that finds it set does not wait. */
		smp_store_release(&cb->armed, cb->kept);
	}
	kept = cb->kept;
	mutex_unlock(&cb->lock);
	return !kept;
}

void ndshm_revoke_cb_cancel_sync(struct ndshm_revoke_cb *cb)
{
	WRITE_ONCE(cb->cancelled, true);
	if (READ_ONCE(cb->runner) == current)
		return;
	might_lock(&cb->lock);
	if (xchg(&cb->armed, false))
		return;
	mutex_lock(&cb->lock);
	mutex_unlock(&cb->lock);
}
