// SPDX-License-Identifier: GPL-2.0
/* Steps that workers carry out. */
#include <linux/errno.h>
#include <linux/workqueue.h>

#include "step.h"

static struct workqueue_struct *workqueue;

/**
 * struct step - Call that a worker makes
 * @work: in the queue
 * @function: called with @context
 * @context: argument
 * @ret: result
 */
struct step {
	struct work_struct work;
	int (*function)(void *context);
	void *context;
	int ret;
};

static void step_execute(struct work_struct *work)
{
	struct step *step = container_of(work, struct step, work);

	step->ret = step->function(step->context);
}

int ndshm_step_run(int (*function)(void *context), void *context)
{
	struct step step = { .function = function, .context = context };

	INIT_WORK_ONSTACK(&step.work, step_execute);
	queue_work(workqueue, &step.work);
	flush_work(&step.work);
	destroy_work_on_stack(&step.work);
	return step.ret;
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
