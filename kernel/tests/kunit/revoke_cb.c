// SPDX-License-Identifier: GPL-2.0
/*
 * The owner cancels a revocation callback while the block is revoked.
 */
#include <linux/completion.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <kunit/test.h>

#include "../../block/revoke_cb.h"
#include "suite.h"

#define ROUNDS	2000

/* The functions under test only pass the block to the callback: any pointer will do. */
#define BLOCK	((struct ndshm_block *)0x1000)

struct world {
	struct ndshm_revoke_cb cb;
	struct completion began;
	struct completion goes_on;
	struct completion ready[2];
	bool frees_itself;
	bool waits;
	bool owned;
	atomic_t revoked;
	atomic_t running;
	atomic_t over;
};

static void revoked(void *context, struct ndshm_block *block)
{
	struct world *world = context;

	atomic_inc(&world->running);
	atomic_add(block == BLOCK && READ_ONCE(world->owned) ? 1 : 100,
		   &world->revoked);
	complete(&world->began);
	if (world->frees_itself)
		ndshm_revoke_cb_cancel_sync(&world->cb);
	else
		wait_for_completion(&world->goes_on);
	atomic_dec(&world->running);
}

/* Wait until the owner resumes the callback. */
static void revoked_and_waits(void *context, struct ndshm_block *block)
{
	struct world *world = context;

	atomic_inc(&world->revoked);
	complete(&world->began);
	wait_for_completion(&world->goes_on);
}

static void cancel(struct world *world)
{
	if (world->waits) {
		WRITE_ONCE(world->owned, false);
		complete(&world->goes_on);
	}
	ndshm_revoke_cb_cancel_sync(&world->cb);
	WRITE_ONCE(world->owned, false);
}

static void start(struct world *world, bool waits)
{
	memset(world, 0, sizeof(*world));
	ndshm_revoke_cb_init(&world->cb, true);
	init_completion(&world->began);
	init_completion(&world->goes_on);
	init_completion(&world->ready[0]);
	init_completion(&world->ready[1]);
	world->owned = true;
	world->waits = waits;
	world->cb.context = world;
	world->cb.function = waits ? revoked_and_waits : revoked;
}

static int revoke_cb_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct world), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

static void freed_before(struct kunit *test)
{
	struct world *world = test->priv;
	int waits;

	for (waits = 0; waits < 2; waits++) {
		start(world, waits);
		cancel(world);
		ndshm_revoke_cb_run(&world->cb, BLOCK);
		KUNIT_EXPECT_EQ(test, atomic_read(&world->revoked), 0);
		KUNIT_EXPECT_FALSE(test, ndshm_revoke_cb_enable(&world->cb));
	}
}

static void revoked_before(struct kunit *test)
{
	struct world *world = test->priv;

	start(world, false);
	complete_all(&world->goes_on);
	ndshm_revoke_cb_run(&world->cb, BLOCK);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->revoked), 1);
	/* A second run, by the block's other set, has no effect. */
	ndshm_revoke_cb_run(&world->cb, BLOCK);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->revoked), 1);
	ndshm_revoke_cb_cancel_sync(&world->cb);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->revoked), 1);
}

static bool arm(struct world *world)
{
	return ndshm_revoke_cb_enable(&world->cb);
}

static void start_disarmed(struct world *world)
{
	start(world, false);
	complete_all(&world->goes_on);
	world->cb.armed = false;
}

/* Armed before the revocation, the callback runs; after it, arming fails. */
static void armed_later(struct kunit *test)
{
	struct world *world = test->priv;

	start_disarmed(world);
	KUNIT_EXPECT_TRUE(test, arm(world));
	ndshm_revoke_cb_run(&world->cb, BLOCK);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->revoked), 1);

	start_disarmed(world);
	ndshm_revoke_cb_run(&world->cb, BLOCK);
	KUNIT_EXPECT_FALSE(test, arm(world));
	ndshm_revoke_cb_cancel_sync(&world->cb);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->revoked), 0);

	/* Cancelled although it was never armed. */
	start_disarmed(world);
	ndshm_revoke_cb_cancel_sync(&world->cb);
	ndshm_revoke_cb_run(&world->cb, BLOCK);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->revoked), 0);
}

static void revoked_and_keeps(void *context, struct ndshm_block *block)
{
	struct world *world = context;

	world->cb.kept = true;
	atomic_inc(&world->revoked);
}

/* The owner keeps the memory after the callback, and the block's other set asks again. */
static void kept(struct kunit *test)
{
	struct world *world = test->priv;

	start(world, false);
	world->cb.function = revoked_and_keeps;
	KUNIT_EXPECT_FALSE(test, ndshm_revoke_cb_run(&world->cb, BLOCK));
	KUNIT_EXPECT_FALSE(test, ndshm_revoke_cb_run(&world->cb, BLOCK));
	KUNIT_EXPECT_EQ(test, atomic_read(&world->revoked), 2);
	ndshm_revoke_cb_cancel_sync(&world->cb);
	KUNIT_EXPECT_FALSE(test, ndshm_revoke_cb_run(&world->cb, BLOCK));
	KUNIT_EXPECT_EQ(test, atomic_read(&world->revoked), 2);
	/* Not again if the callback itself has freed the block. */
	start(world, false);
	world->frees_itself = true;
	world->cb.kept = true;
	KUNIT_EXPECT_FALSE(test, ndshm_revoke_cb_run(&world->cb, BLOCK));
	KUNIT_EXPECT_FALSE(test, ndshm_revoke_cb_run(&world->cb, BLOCK));
	KUNIT_EXPECT_EQ(test, atomic_read(&world->revoked), 1);
	/* Without the call the memory may go. */
	start(world, false);
	complete_all(&world->goes_on);
	KUNIT_EXPECT_TRUE(test, ndshm_revoke_cb_run(&world->cb, BLOCK));
	KUNIT_EXPECT_TRUE(test, ndshm_revoke_cb_run(&world->cb, BLOCK));
}

/* A callback that frees its block does not wait for itself. */
static void freed_by_callback(struct kunit *test)
{
	struct world *world = test->priv;

	start(world, false);
	world->frees_itself = true;
	ndshm_revoke_cb_run(&world->cb, BLOCK);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->revoked), 1);
}

struct pair {
	struct world *world;
	struct task_struct *waits;
};

/* One side waits; the other one sees it waiting and then resumes it. */

static unsigned int waits_for_callback(void *context, unsigned int number)
{
	struct pair *pair = context;
	struct world *world = pair->world;
	unsigned int wrong;

	switch (number) {
	case 0:
		ndshm_revoke_cb_run(&world->cb, BLOCK);
		return 0;
	case 1:
		wait_for_completion(&world->began);
		pair->waits = current;
		complete(&world->ready[0]);
		ndshm_revoke_cb_cancel_sync(&world->cb);
		atomic_inc(&world->over);
		WRITE_ONCE(world->owned, false);
		return atomic_read(&world->running);
	default:
		wait_for_completion(&world->ready[0]);
		wrong = !suite_wait_for_sleep(pair->waits);
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
	KUNIT_EXPECT_EQ(test, atomic_read(&pair.world->revoked), 1);
}

static unsigned int waits_for_owner(void *context, unsigned int number)
{
	struct pair *pair = context;
	struct world *world = pair->world;
	unsigned int wrong;

	if (!number) {
		pair->waits = current;
		complete(&world->ready[0]);
		ndshm_revoke_cb_run(&world->cb, BLOCK);
		return READ_ONCE(world->owned);
	}
	wait_for_completion(&world->ready[0]);
	wait_for_completion(&world->began);
	wrong = !suite_wait_for_sleep(pair->waits);
	cancel(world);
	return wrong;
}

static void revoke_waits(struct kunit *test)
{
	struct pair pair = { .world = test->priv };

	start(pair.world, true);
	suite_run_threads(test, 2, waits_for_owner, &pair);
	KUNIT_EXPECT_EQ(test, atomic_read(&pair.world->revoked), 1);
}

/* Concurrent run and cancel: neither hangs, and no callback runs after the cancel. */

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
			ndshm_revoke_cb_run(&world->cb, BLOCK);
			wrong += world->waits && world->owned;
			continue;
		}
		cancel(world);
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
		if (!worlds[i].waits)
			complete_all(&worlds[i].goes_on);
	}
	suite_run_threads(test, 2, races, worlds);
	for (i = 0; i < ROUNDS; i++) {
		KUNIT_EXPECT_LE(test, atomic_read(&worlds[i].revoked), 1);
		KUNIT_EXPECT_FALSE(test, worlds[i].owned);
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
			ndshm_revoke_cb_run(&worlds[i].cb, BLOCK);
		else
			worlds[i].owned = arm(&worlds[i]);
	}
	return 0;
}

/* Concurrent run and arm: either the callback runs or arming fails. */
static void armed_at_once(struct kunit *test)
{
	struct world *worlds = kvcalloc(ROUNDS, sizeof(*worlds), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, worlds);
	for (i = 0; i < ROUNDS; i++)
		start_disarmed(&worlds[i]);
	suite_run_threads(test, 2, arms, worlds);
	for (i = 0; i < ROUNDS; i++) {
		KUNIT_EXPECT_EQ(test, !!atomic_read(&worlds[i].revoked),
				worlds[i].owned);
	}
	kvfree(worlds);
}

static struct kunit_case revoke_cb_cases[] = {
	KUNIT_CASE(freed_before),
	KUNIT_CASE(revoked_before),
	KUNIT_CASE(freed_by_callback),
	KUNIT_CASE(free_waits),
	KUNIT_CASE(revoke_waits),
	KUNIT_CASE(at_once),
	KUNIT_CASE(armed_later),
	KUNIT_CASE(armed_at_once),
	KUNIT_CASE(kept),
	{}
};

static struct kunit_suite revoke_cb_suite = {
	.name = SUITE_NAME("revoke_cb"),
	.init = revoke_cb_init,
	.test_cases = revoke_cb_cases,
};

kunit_test_suite(revoke_cb_suite);
