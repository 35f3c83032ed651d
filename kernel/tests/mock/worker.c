// SPDX-License-Identifier: GPL-2.0
/*
 * Fault injection (fail-nth) counts the calls of one task, but requests are executed by
 * workers. Lend the count of the writing task to a worker, from the end of one request to
 * the end of the next one.
 *
 *	worker stop	stop the worker after its next request
 *	worker wait	wait until a worker is stopped
 *	worker go	resume the worker; requires another waiting request of its group
 *	worker free	resume the worker, and end the lending
 *
 * EOPNOTSUPP: the kernel has no fault injection.
 */
#include <linux/completion.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "../../ndis/request.h"
#include "mock.h"

#ifdef CONFIG_FAULT_INJECTION

static enum {
	NO_USER,
	WANTED,		/* stop after the next request */
	STOPPED,
	LENT,		/* until the end of the next request */
} state;

static DEFINE_SPINLOCK(lock);	/* protects state, worker, count */
static struct task_struct *worker;
static unsigned int count;
static DECLARE_COMPLETION(is_stopped);
static DECLARE_COMPLETION(goes_on);
static DECLARE_COMPLETION(is_back);

static void set_state(int now)
{
	spin_lock(&lock);
	state = now;
	spin_unlock(&lock);
}

static bool first(void)
{
	bool mine;

	spin_lock(&lock);
	mine = state == WANTED;
	if (mine) {
		state = STOPPED;
		worker = current;
	}
	spin_unlock(&lock);
	return mine;
}

static bool second(void)
{
	bool mine;

	spin_lock(&lock);
	mine = state == LENT && worker == current;
	if (mine) {
		state = NO_USER;
		count = current->fail_nth;
		current->fail_nth = 0;
	}
	spin_unlock(&lock);
	return mine;
}

static void carried_out(struct ndshm_request *request)
{
	if (first()) {
		complete(&is_stopped);
		wait_for_completion(&goes_on);
		current->fail_nth = count;
	} else if (second()) {
		complete(&is_back);
	}
}

static int stop(void)
{
	if (READ_ONCE(state) != NO_USER)
		return -EBUSY;
	reinit_completion(&is_stopped);
	reinit_completion(&goes_on);
	reinit_completion(&is_back);
	set_state(WANTED);
	ndshm_request_in_between(carried_out);
	return 0;
}

/* Killable: without a request no worker stops. */
static int await(void)
{
	return wait_for_completion_killable(&is_stopped) ? -EINTR : 0;
}

/* Return: -ENOENT if no worker is stopped. */
static int go(void)
{
	spin_lock(&lock);
	if (state != STOPPED) {
		spin_unlock(&lock);
		return -ENOENT;
	}
	state = LENT;
	count = current->fail_nth;
	current->fail_nth = 0;
	spin_unlock(&lock);
	complete(&goes_on);
	wait_for_completion(&is_back);
	ndshm_request_in_between(NULL);
	current->fail_nth = count;
	return 0;
}

void mock_worker_free(void)
{
	bool stopped;

	ndshm_request_in_between(NULL);
	spin_lock(&lock);
	stopped = state == STOPPED;
	state = NO_USER;
	count = 0;
	spin_unlock(&lock);
	if (stopped)
		complete(&goes_on);
}

int mock_worker(struct mock_command *command)
{
	if (!strcmp(command->word[1], "stop"))
		return stop();
	if (!strcmp(command->word[1], "wait"))
		return await();
	if (!strcmp(command->word[1], "go"))
		return go();
	if (strcmp(command->word[1], "free"))
		return -EINVAL;
	mock_worker_free();
	return 0;
}

#else

int mock_worker(struct mock_command *command)
{
	return -EOPNOTSUPP;
}

void mock_worker_free(void)
{
}

#endif /* CONFIG_FAULT_INJECTION */
