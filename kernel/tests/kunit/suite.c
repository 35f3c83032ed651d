// SPDX-License-Identifier: GPL-2.0
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/random.h>

#include "suite.h"

static uint seed;
module_param(seed, uint, 0400);
MODULE_PARM_DESC(seed, "Of the random sequences; 0: chosen at random");

struct rnd_state suite_random(struct kunit *test)
{
	struct rnd_state random;

	/* One seed for all suites, so that one number repeats a run. */
	while (!seed)
		seed = get_random_u32();
	kunit_info(test, "seed=%u\n", seed);
	prandom_seed_state(&random, seed);
	return random;
}

struct team {
	struct completion arrived;
	struct completion begin;
	unsigned int (*function)(void *context, unsigned int number);
	void *context;
};

struct mate {
	struct team *team;
	struct task_struct *task;
	unsigned int number;
};

static int mate_runs(void *data)
{
	struct mate *mate = data;
	struct team *team = mate->team;

	complete(&team->arrived);
	wait_for_completion(&team->begin);
	return team->function(team->context, mate->number);
}

void suite_run_threads(struct kunit *test, unsigned int count,
		       unsigned int (*function)(void *context,
						unsigned int number),
		       void *context)
{
	struct team team = { .function = function, .context = context };
	struct mate *mates;
	unsigned int i, made;

	init_completion(&team.arrived);
	init_completion(&team.begin);
	mates = kunit_kcalloc(test, count, sizeof(*mates), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mates);
	for (made = 0; made < count; made++) {
		mates[made].team = &team;
		mates[made].number = made;
		mates[made].task = kthread_run(mate_runs, &mates[made],
					       "ndshm-kunit/%u", made);
		if (IS_ERR(mates[made].task))
			break;
		/* The thread may exit before kthread_stop(). */
		get_task_struct(mates[made].task);
	}
	/* kthread_stop() before the thread has run would prevent it from running. */
	for (i = 0; i < made; i++)
		wait_for_completion(&team.arrived);
	complete_all(&team.begin);
	for (i = 0; i < made; i++) {
		KUNIT_EXPECT_EQ_MSG(test, kthread_stop(mates[i].task), 0,
				    "thread %u", i);
		put_task_struct(mates[i].task);
	}
	KUNIT_ASSERT_EQ(test, made, count);
}

MODULE_DESCRIPTION("KUnit suites of ndshm");
MODULE_LICENSE("GPL");
