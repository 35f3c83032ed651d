// SPDX-License-Identifier: GPL-2.0
#include <linux/export.h>
#include <linux/sched.h>

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

bool ndshm_revoke_cb_run(struct ndshm_revoke_cb *cb, struct ndshm_block *block)
{
	bool kept;

	mutex_lock(&cb->lock);
	cb->over = true;
	if (xchg(&cb->armed, false) && cb->function) {
		WRITE_ONCE(cb->runner, current);
		cb->function(cb->context, block);
		WRITE_ONCE(cb->armed, cb->kept && cb->runner);
		WRITE_ONCE(cb->runner, NULL);
	}
	kept = cb->kept;
	mutex_unlock(&cb->lock);
	return !kept;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_revoke_cb_run);

void ndshm_revoke_cb_cancel_sync(struct ndshm_revoke_cb *cb)
{
	if (READ_ONCE(cb->runner) == current) {
		WRITE_ONCE(cb->runner, NULL);
		return;
	}
	might_lock(&cb->lock);
	if (xchg(&cb->armed, false))
		return;
	mutex_lock(&cb->lock);
	WRITE_ONCE(cb->armed, false);
	mutex_unlock(&cb->lock);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_revoke_cb_cancel_sync);
