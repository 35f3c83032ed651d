// SPDX-License-Identifier: GPL-2.0
/*
 * The owner arms or cancels a revocation callback while the block is revoked.
 */
#include "suite.h"

#include <linux/completion.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "../../block/revoke_cb.c"

#define ROUNDS	2000

/* The functions under test only pass the block to the callback: any pointer will do. */
#define BLOCK	((struct ndshm_block *)0x1000)

struct world {
	struct ndshm_revoke_cb cb;
	struct completion goes_on;
	struct completion ready[2];
	bool frees_itself;
	bool waits;	/* the callback lasts until the owner cancels it */
	bool owned;
	atomic_t revoked;
	atomic_t running;
};

static void revoked(void *context, struct ndshm_block *block)
{
	struct world *world = context;

	atomic_inc(&world->running);
	atomic_add(block == BLOCK && (world->waits || READ_ONCE(world->owned)) ? 1 : 100,
		   &world->revoked);
	if (world->frees_itself)
		ndshm_revoke_cb_cancel_sync(&world->cb);
	else
		wait_for_completion(&world->goes_on);
	atomic_dec(&world->running);
}

static void start(struct world *world, bool armed, bool waits)
{
	memset(world, 0, sizeof(*world));
	ndshm_revoke_cb_init(&world->cb, armed);
	init_completion(&world->goes_on);
	init_completion(&world->ready[0]);
	init_completion(&world->ready[1]);
	if (!waits)
		complete_all(&world->goes_on);
	world->owned = true;
	world->waits = waits;
	world->cb.context = world;
	world->cb.function = revoked;
}

/* Calls one after the other: c cancel, r run, a arm, A arm in vain. */
static const struct {
	const char *calls;
	int revoked;
	bool armed;
	bool kept;		/* the owner keeps the memory after the callback */
	bool frees_itself;
} orders[] = {
	{ "crA",	0, true },
	/* The block's other set runs it again. */
	{ "rrcA",	1, true },
	{ "arr",	1, false },
	{ "rAc",	0, false },
	{ "cr",		0, false },
	{ "rrcr",	2, true, true },
	{ "rr",		1, true, true, true },
	{ "rr",		1, true, false, true },
};

static void in_each_order(struct kunit *test)
{
	struct world *world = kunit_kzalloc(test, sizeof(*world), GFP_KERNEL);
	const char *call;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, world);
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		start(world, orders[i].armed, false);
		world->cb.kept = orders[i].kept;
		world->frees_itself = orders[i].frees_itself;
		for (call = orders[i].calls; *call; call++) {
			if (*call == 'c')
				ndshm_revoke_cb_cancel_sync(&world->cb);
			else if (*call == 'r')
				KUNIT_EXPECT_EQ(test, !orders[i].kept,
						ndshm_revoke_cb_run(&world->cb, BLOCK));
			else
				KUNIT_EXPECT_EQ(test, *call == 'a',
						ndshm_revoke_cb_enable(&world->cb));
		}
		KUNIT_EXPECT_EQ_MSG(test, atomic_read(&world->revoked), orders[i].revoked,
				    "%s", orders[i].calls);
	}
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
			wrong += world->waits && READ_ONCE(world->owned);
			continue;
		}
		if (world->waits) {
			WRITE_ONCE(world->owned, false);
			complete(&world->goes_on);
		}
		ndshm_revoke_cb_cancel_sync(&world->cb);
		WRITE_ONCE(world->owned, false);
		wrong += atomic_read(&world->running);
	}
	return wrong;
}

/* Concurrent run and arm: either the callback runs or arming fails. */
static unsigned int arms(void *context, unsigned int number)
{
	struct world *worlds = context;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		meet(&worlds[i], number);
		if (number)
			ndshm_revoke_cb_run(&worlds[i].cb, BLOCK);
		else
			worlds[i].owned = ndshm_revoke_cb_enable(&worlds[i].cb);
	}
	return 0;
}

static void at_once(struct kunit *test)
{
	struct world *worlds = kvcalloc(ROUNDS, sizeof(*worlds), GFP_KERNEL);
	int i;

	KUNIT_ASSERT_NOT_NULL(test, worlds);
	for (i = 0; i < ROUNDS; i++)
		start(&worlds[i], true, i % 2);
	suite_run_threads(test, 2, races, worlds);
	for (i = 0; i < ROUNDS; i++)
		KUNIT_EXPECT_LE(test, atomic_read(&worlds[i].revoked), 1);
	for (i = 0; i < ROUNDS; i++)
		start(&worlds[i], false, false);
	suite_run_threads(test, 2, arms, worlds);
	for (i = 0; i < ROUNDS; i++)
		KUNIT_EXPECT_EQ(test, !!atomic_read(&worlds[i].revoked), worlds[i].owned);
	kvfree(worlds);
}

static struct kunit_case revoke_cb_cases[] = {
	KUNIT_CASE(in_each_order),
	KUNIT_CASE(at_once),
	{}
};

static struct kunit_suite revoke_cb_suite = {
	.name = "ndshm_revoke_cb",
	.test_cases = revoke_cb_cases,
};

kunit_test_suite(revoke_cb_suite);
