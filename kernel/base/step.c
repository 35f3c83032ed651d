// SPDX-License-Identifier: GPL-2.0
/* Steps that workers carry out. */
#include <linux/errno.h>
#include <linux/workqueue.h>

#include <ndshm/provider.h>

#include "step.h"

static struct workqueue_struct *workqueue;

int ndshm_step_run(int (*function)(void *context), void *context)
{
	return ndshm_step_call(workqueue, function, context);
}

int __init ndshm_step_setup(void)
{
	workqueue = alloc_workqueue("ndshm-steps", WQ_UNBOUND, WQ_MAX_ACTIVE);
	return workqueue ? 0 : -ENOMEM;
}

void ndshm_step_teardown(void)
{
	destroy_workqueue(workqueue);
}
