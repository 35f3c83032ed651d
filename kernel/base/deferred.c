// SPDX-License-Identifier: GPL-2.0
/* The workqueue of frees that their callers cannot do themselves, and the wait for these frees. */
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/wait.h>

#include "deferred.h"

#define FREE_WAIT	(HZ / 2)

static struct workqueue_struct *deferred_queue;

/* Frees between ndshm_deferred_free() and ndshm_deferred_end(). */
static atomic_t deferred_frees;
static DECLARE_WAIT_QUEUE_HEAD(deferred_wait);

void ndshm_deferred_free(struct work_struct *work)
{
	atomic_inc(&deferred_frees);
	queue_work(deferred_queue, work);
}

void ndshm_deferred_end(void)
{
	if (atomic_dec_and_test(&deferred_frees))
		wake_up_all(&deferred_wait);
}

bool ndshm_deferred_wait(void)
{
	if (!atomic_read(&deferred_frees))
		return false;
	wait_event_killable_timeout(deferred_wait, !atomic_read(&deferred_frees),
				    FREE_WAIT);
	return true;
}

void ndshm_deferred_drain(void)
{
	flush_workqueue(deferred_queue);
}

void ndshm_deferred_delay(struct delayed_work *work, unsigned long delay)
{
	queue_delayed_work(deferred_queue, work, delay);
}

int __init ndshm_deferred_init(void)
{
	deferred_queue = alloc_workqueue("ndshm", WQ_UNBOUND, 0);
	return deferred_queue ? 0 : -ENOMEM;
}

void ndshm_deferred_exit(void)
{
	destroy_workqueue(deferred_queue);
}
