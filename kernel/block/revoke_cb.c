// SPDX-License-Identifier: GPL-2.0
#include <linux/export.h>
#include <linux/sched.h>
#include <linux/wait_bit.h>

#include "revoke_cb.h"

bool ndshm_revoke_cb_arm(struct ndshm_revoke_cb *cb)
{
	bool armed;

	mutex_lock(&cb->lock);
	armed = !cb->over;
	WRITE_ONCE(cb->armed, armed);
	mutex_unlock(&cb->lock);
	return armed;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_revoke_cb_arm);

void ndshm_revoke_cb_run(struct ndshm_revoke_cb *cb, struct ndshm_block *block)
{
	mutex_lock(&cb->lock);
	cb->over = true;
	if (xchg(&cb->armed, false) && cb->function) {
		WRITE_ONCE(cb->runner, current);
		cb->function(cb->context, block);
		WRITE_ONCE(cb->runner, NULL);
	}
	mutex_unlock(&cb->lock);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_revoke_cb_run);

void ndshm_revoke_cb_cancel_sync(struct ndshm_revoke_cb *cb)
{
	if (READ_ONCE(cb->runner) == current)
		return;
	might_lock(&cb->lock);
	if (xchg(&cb->armed, false))
		return;
	/* Pairs with wait_var_event() in ndshm_block_wait_free(). */
	smp_store_mb(cb->cancelled, true);
	wake_up_var(&cb->cancelled);
	mutex_lock(&cb->lock);
	mutex_unlock(&cb->lock);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_revoke_cb_cancel_sync);
