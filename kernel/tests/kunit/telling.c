// SPDX-License-Identifier: GPL-2.0
/*
 * An owner that gives its block back, and who revokes it: one of them is first.
 */
#include <linux/completion.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <kunit/test.h>

#include "../../core/telling.h"
#include "suite.h"

#define ROUNDS	2000

/* A block is only handed on, so none is needed. */
#define BLOCK	((struct ndshm_block *)0x1000)

struct world {
	struct ndshm_telling telling;
	struct completion began;
	struct completion goes_on;
	struct completion ready[2];
	bool frees_itself;
	bool owned;
	atomic_t told;
	atomic_t running;
	atomic_t over;
};

static void told(void *context, struct ndshm_block *block)
{
	struct world *world = context;

	atomic_inc(&world->running);
	atomic_add(block == BLOCK && READ_ONCE(world->owned) ? 1 : 100,
		   &world->told);
	complete(&world->began);
	if (world->frees_itself)
		ndshm_let_go(&world->telling);
	else
		wait_for_completion(&world->goes_on);
	atomic_dec(&world->running);
}

static void start(struct world *world, bool keeps)
{
	memset(world, 0, sizeof(*world));
	init_completion(&world->began);
	init_completion(&world->goes_on);
	init_completion(&world->ready[0]);
	init_completion(&world->ready[1]);
	world->owned = true;
	world->telling.keeps = keeps;
	world->telling.revoked_context = world;
	if (!keeps)
		world->telling.revoked = told;
}

static int telling_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct world), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

static enum ndshm_telling_state state_of(struct world *world)
{
	return atomic_read(&world->telling.state);
}

static void freed_before(struct kunit *test)
{
	struct world *world = test->priv;
	int keeps;

	for (keeps = 0; keeps < 2; keeps++) {
		start(world, keeps);
		ndshm_let_go(&world->telling);
		KUNIT_EXPECT_EQ(test, state_of(world), NDSHM_LET_GO);
		ndshm_tell(&world->telling, BLOCK);
		KUNIT_EXPECT_EQ(test, state_of(world), NDSHM_LET_GO);
		KUNIT_EXPECT_EQ(test, atomic_read(&world->told), 0);
	}
}

static void told_before(struct kunit *test)
{
	struct world *world = test->priv;

	start(world, false);
	complete(&world->goes_on);
	ndshm_tell(&world->telling, BLOCK);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->told), 1);
	KUNIT_EXPECT_EQ(test, state_of(world), NDSHM_TOLD);
	ndshm_let_go(&world->telling);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->told), 1);
	/* Nobody to tell. */
	start(world, false);
	world->telling.revoked = NULL;
	ndshm_tell(&world->telling, BLOCK);
	ndshm_let_go(&world->telling);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->told), 0);
}

static bool arm(struct world *world)
{
	return ndshm_telling_arm(&world->telling);
}

static void start_unarmed(struct world *world)
{
	start(world, false);
	complete_all(&world->goes_on);
	atomic_set(&world->telling.state, NDSHM_UNARMED);
}

/* Who has it later is told if it was armed before, and otherwise not armed. */
static void armed_later(struct kunit *test)
{
	struct world *world = test->priv;

	start_unarmed(world);
	KUNIT_EXPECT_TRUE(test, arm(world));
	ndshm_tell(&world->telling, BLOCK);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->told), 1);
	KUNIT_EXPECT_EQ(test, state_of(world), NDSHM_TOLD);

	start_unarmed(world);
	ndshm_tell(&world->telling, BLOCK);
	KUNIT_EXPECT_FALSE(test, arm(world));
	ndshm_let_go(&world->telling);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->told), 0);

	/* Given back by who has never had it. */
	start_unarmed(world);
	ndshm_let_go(&world->telling);
	ndshm_tell(&world->telling, BLOCK);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->told), 0);
}

/* The callback frees, and does not wait for itself. */
static void freed_by_callback(struct kunit *test)
{
	struct world *world = test->priv;

	start(world, false);
	world->frees_itself = true;
	ndshm_tell(&world->telling, BLOCK);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->told), 1);
	KUNIT_EXPECT_EQ(test, state_of(world), NDSHM_TOLD);
}

/* Does it sleep uninterruptibly, as who waits for a state does? */
static bool soon_sleeps(struct task_struct *task)
{
	unsigned long end = jiffies + 20 * HZ;

	while (!(READ_ONCE(task->__state) & TASK_UNINTERRUPTIBLE)) {
		if (time_after(jiffies, end))
			return false;
		schedule_timeout_uninterruptible(1);
	}
	return true;
}

struct pair {
	struct world *world;
	struct task_struct *waits;
};

/* One side waits, and is seen to; the other one then lets it go on. */

static unsigned int waits_for_callback(void *context, unsigned int number)
{
	struct pair *pair = context;
	struct world *world = pair->world;
	unsigned int wrong;

	switch (number) {
	case 0:
		ndshm_tell(&world->telling, BLOCK);
		return 0;
	case 1:
		wait_for_completion(&world->began);
		pair->waits = current;
		complete(&world->ready[0]);
		ndshm_let_go(&world->telling);
		atomic_inc(&world->over);
		WRITE_ONCE(world->owned, false);
		return atomic_read(&world->running);
	default:
		wait_for_completion(&world->ready[0]);
		wrong = !soon_sleeps(pair->waits);
		wrong += atomic_read(&world->over);
		complete(&world->goes_on);
		return wrong;
	}
}

static void free_waits(struct kunit *test)
{
	struct pair pair = { .world = test->priv };

	start(pair.world, false);
	suite_run_threads(test, 3, waits_for_callback, &pair);
	KUNIT_EXPECT_EQ(test, atomic_read(&pair.world->told), 1);
	KUNIT_EXPECT_EQ(test, state_of(pair.world), NDSHM_TOLD);
}

static unsigned int waits_for_owner(void *context, unsigned int number)
{
	struct pair *pair = context;
	struct world *world = pair->world;
	unsigned int wrong;

	if (!number) {
		pair->waits = current;
		complete(&world->ready[0]);
		ndshm_tell(&world->telling, BLOCK);
		return READ_ONCE(world->owned);
	}
	wait_for_completion(&world->ready[0]);
	wrong = !soon_sleeps(pair->waits);
	wrong += state_of(world) != NDSHM_TELLING;
	WRITE_ONCE(world->owned, false);
	ndshm_let_go(&world->telling);
	return wrong;
}

static void revoke_waits(struct kunit *test)
{
	struct pair pair = { .world = test->priv };

	start(pair.world, true);
	suite_run_threads(test, 2, waits_for_owner, &pair);
	KUNIT_EXPECT_EQ(test, state_of(pair.world), NDSHM_LET_GO);
}

/* Both at once: whoever is first, neither hangs, and no callback outlives its owner. */

static void meet(struct world *world, unsigned int number)
{
	complete(&world->ready[!number]);
	wait_for_completion(&world->ready[number]);
}

static unsigned int races(void *context, unsigned int number)
{
	struct world *worlds = context;
	unsigned int i, wrong = 0;

	for (i = 0; i < ROUNDS; i++) {
		struct world *world = &worlds[i];

		meet(world, number);
		if (number) {
			ndshm_tell(&world->telling, BLOCK);
			wrong += world->telling.keeps && world->owned;
			continue;
		}
		/* What the owner of memory that it keeps does last with it. */
		if (world->telling.keeps)
			WRITE_ONCE(world->owned, false);
		ndshm_let_go(&world->telling);
		WRITE_ONCE(world->owned, false);
		wrong += atomic_read(&world->running);
	}
	return wrong;
}

static void at_once(struct kunit *test)
{
	struct world *worlds = kvcalloc(ROUNDS, sizeof(*worlds), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, worlds);
	for (i = 0; i < ROUNDS; i++) {
		start(&worlds[i], i % 2);
		complete_all(&worlds[i].goes_on);
	}
	suite_run_threads(test, 2, races, worlds);
	for (i = 0; i < ROUNDS; i++) {
		enum ndshm_telling_state state = state_of(&worlds[i]);

		KUNIT_EXPECT_EQ(test, atomic_read(&worlds[i].told),
				state == NDSHM_TOLD);
		KUNIT_EXPECT_TRUE(test, state == NDSHM_LET_GO ||
				  (state == NDSHM_TOLD && i % 2 == 0));
	}
	kvfree(worlds);
}

static unsigned int arms(void *context, unsigned int number)
{
	struct world *worlds = context;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		meet(&worlds[i], number);
		if (number)
			ndshm_tell(&worlds[i].telling, BLOCK);
		else
			worlds[i].owned = arm(&worlds[i]);
	}
	return 0;
}

/* Armed while it is revoked: told, or not armed. */
static void armed_at_once(struct kunit *test)
{
	struct world *worlds = kvcalloc(ROUNDS, sizeof(*worlds), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, worlds);
	for (i = 0; i < ROUNDS; i++)
		start_unarmed(&worlds[i]);
	suite_run_threads(test, 2, arms, worlds);
	for (i = 0; i < ROUNDS; i++) {
		KUNIT_EXPECT_EQ(test, state_of(&worlds[i]), NDSHM_TOLD);
		KUNIT_EXPECT_EQ(test, !!atomic_read(&worlds[i].told),
				worlds[i].owned);
	}
	kvfree(worlds);
}

static struct kunit_case telling_cases[] = {
	KUNIT_CASE(freed_before),
	KUNIT_CASE(told_before),
	KUNIT_CASE(freed_by_callback),
	KUNIT_CASE(free_waits),
	KUNIT_CASE(revoke_waits),
	KUNIT_CASE(at_once),
	KUNIT_CASE(armed_later),
	KUNIT_CASE(armed_at_once),
	{}
};

static struct kunit_suite telling_suite = {
	.name = SUITE_NAME("telling"),
	.init = telling_init,
	.test_cases = telling_cases,
};

kunit_test_suite(telling_suite);
