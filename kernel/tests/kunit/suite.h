/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the KUnit suites have in common.
 *
 * They come in two modules. ndshm_kunit.ko tests the functions of ndshm.ko.
 * ndshm_kunit_alone.ko holds the suites of pure logic together with that logic,
 * and needs nothing else: that it can be linked shows that it is pure.
 */
#ifndef _NDSHM_KUNIT_SUITE_H
#define _NDSHM_KUNIT_SUITE_H

#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/wait.h>

#include "../../core/active.h"

#ifdef NDSHM_KUNIT_ALONE
#define SUITE_NAME(name)	"ndshm_alone_" name
#else
#define SUITE_NAME(name)	"ndshm_" name
#endif

/* Begin a random sequence, and say its seed; the module parameter repeats it. */
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
 * Run @function in @count kernel threads, numbered from 0, which begin at the
 * same time, and wait for the end of all of them. It cannot use assertions,
 * which end the test's own thread: it returns how many things were wrong.
 */
void suite_run_threads(struct kunit *test, unsigned int count,
		       unsigned int (*function)(void *context,
						unsigned int number),
		       void *context);

/* Return when somebody waits there; false: nobody did for a long time. */
bool suite_wait_for_waiter(struct wait_queue_head *queue);
bool suite_wait_for_drain(struct ndshm_active *active);

#endif /* _NDSHM_KUNIT_SUITE_H */
