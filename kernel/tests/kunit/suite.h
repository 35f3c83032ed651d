/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Common parts of the KUnit suites.
 *
 * There are two modules. ndshm_kunit.ko tests functions of ndshm.ko. ndshm_kunit_alone.ko
 * contains the suites of pure logic together with that logic, and links to no other
 * module, which shows that the logic is pure.
 */
#ifndef _NDSHM_KUNIT_SUITE_H
#define _NDSHM_KUNIT_SUITE_H

#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/wait.h>

#include "../../base/active.h"

#ifdef NDSHM_KUNIT_ALONE
#define SUITE_NAME(name)	"ndshm_alone_" name
#else
#define SUITE_NAME(name)	"ndshm_" name
#endif

/* Initialise a random sequence and log its seed. The module parameter repeats it. */
struct rnd_state suite_random(struct kunit *test);

static inline u32 suite_below(struct rnd_state *random, u32 limit)
{
	return prandom_u32_state(random) % limit;
}

static inline u64 suite_random_u64(struct rnd_state *random)
{
	return (u64)prandom_u32_state(random) << 32 | prandom_u32_state(random);
}

/*
 * Run @function in @count kernel threads, numbered from 0, which start together, and wait
 * for all of them. @function returns its number of errors: KUnit assertions may only be
 * used in the thread of the test.
 */
void suite_run_threads(struct kunit *test, unsigned int count,
		       unsigned int (*function)(void *context,
						unsigned int number),
		       void *context);

/* Wait until @task sleeps uninterruptibly. Return: false after a timeout. */
bool suite_wait_for_sleep(struct task_struct *task);

/* Wait until a task waits. Return: false after a timeout. */
bool suite_wait_for_waiter(struct wait_queue_head *queue);
bool suite_wait_for_drain(struct ndshm_active *active);

#endif /* _NDSHM_KUNIT_SUITE_H */
