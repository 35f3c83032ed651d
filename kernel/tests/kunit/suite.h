/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Common parts of the KUnit suites. Each suite includes the file of pure logic that it tests:
 * ndshm_kunit.ko links to no other module, which shows that the logic is pure.
 */
#ifndef _NDSHM_KUNIT_SUITE_H
#define _NDSHM_KUNIT_SUITE_H

#include <kunit/test.h>
#include <linux/build_bug.h>
#include <linux/export.h>
#include <linux/prandom.h>

/* ndshm.ko exports the same symbols. */
#undef EXPORT_SYMBOL_GPL
#define EXPORT_SYMBOL_GPL(symbol) \
	static_assert(sizeof(typeof(symbol) *))

#define ASSERT_REASON(test, reason, expected, ...) \
	KUNIT_ASSERT_EQ_MSG(test, (__force u32)(reason), (__force u32)(expected), __VA_ARGS__)

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

#endif /* _NDSHM_KUNIT_SUITE_H */
