// SPDX-License-Identifier: GPL-2.0
/*
 * Sets of blocks: active references, and the waits of a close. As in the core, each block is in
 * two sets: its adapter's and its provider's. The counter of fake_free() stands for its memory.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "../../adapter/adapter.h"
#include "../../block/block.h"
#include "../../block/members.h"
#include "../../registration/provider.h"
#include "suite.h"

#define BLOCKS	300

struct fake {
	struct ndshm_block block;
	struct ndshm_revoke_cb revoke_cb;
	atomic_t freed;
	atomic_t revoked;
	atomic_t released;
};

struct world {
	struct ndshm_adapter adapter;
	struct ndshm_adapter other;
	struct ndshm_provider provider;
	struct ndshm_registration registration;
	struct fake fakes[BLOCKS];
	struct completion hold;
	struct completion arrived;
	atomic_t left;
};

static struct fake *fake_of(struct ndshm_block *block)
{
	return container_of(block, struct fake, block);
}

/* The argument of the provider's free handler is the block itself. */
static void fake_free(void *provider_context, void *context)
{
	struct fake *fake = context;

	atomic_inc(&fake->freed);
}

static void fake_revoked(void *context, struct ndshm_block *block)
{
	atomic_inc(&fake_of(block)->revoked);
}

/* Release of a block with or without memory. */
static void fake_release(struct ndshm_object *object)
{
	struct ndshm_block *block = ndshm_block_of(object);
	struct fake *fake = fake_of(block);

	if (xchg(&block->has_memory, false)) {
		atomic_inc(&fake->freed);
		ndshm_block_remove_from_sets(block);
	}
	atomic_inc(&fake->released);
}

static const struct ndshm_object_ops fake_ops = {
	.kind = "fake",
	.release = fake_release,
	.release_async = fake_release,
};

static bool join_both(struct fake *fake)
{
	struct ndshm_block *block = &fake->block;

	if (!ndshm_block_add_to_sets(block))
		return false;
	block->has_memory = true;
	return true;
}

/* Allocate a block with a reference; it gets memory if it can be added to both sets. */
static bool make_for(struct world *world, struct ndshm_adapter *adapter,
		     struct fake *fake)
{
	struct ndshm_block *block = &fake->block;

	memset(fake, 0, sizeof(*fake));
	block->object.ops = &fake_ops;
	refcount_set(&block->object.references, 1);
	spin_lock_init(&block->object.state_lock);
	ndshm_active_init(&block->packets);
	ndshm_revoke_cb_init(&fake->revoke_cb, true);
	fake->revoke_cb.function = fake_revoked;
	block->revoke_cb = &fake->revoke_cb;
	block->adapter = adapter;
	block->registration = &world->registration;
	block->context = fake;
	return join_both(fake);
}

static bool make(struct world *world, struct fake *fake)
{
	return make_for(world, &world->adapter, fake);
}

static int blockset_init(struct kunit *test)
{
	struct world *world = kvzalloc(sizeof(*world), GFP_KERNEL);

	if (!world)
		return -ENOMEM;
	ndshm_blockset_init(&world->adapter.set, NDSHM_BLOCKSET_USER);
	ndshm_blockset_init(&world->other.set, NDSHM_BLOCKSET_USER);
	ndshm_blockset_init(&world->provider.set, NDSHM_BLOCKSET_PROVIDER);
	world->registration.provider = &world->provider;
	world->registration.characteristics.free = fake_free;
	init_completion(&world->hold);
	init_completion(&world->arrived);
	test->priv = world;
	return 0;
}

static void blockset_exit(struct kunit *test)
{
	kvfree(test->priv);
}

static void come_in(struct kunit *test)
{
	struct world *world = test->priv;
	struct ndshm_blockset *set = &world->adapter.set;
	int i;

	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_TRUE(test, ndshm_blockset_get_active(set));
	KUNIT_EXPECT_EQ(test, ndshm_active_count(&set->active), 10);
	for (i = 0; i < 10; i++)
		ndshm_blockset_put_active(set);
	KUNIT_EXPECT_EQ(test, ndshm_active_count(&set->active), 0);
	KUNIT_EXPECT_EQ(test, ndshm_blockset_count(set), 0);
	KUNIT_EXPECT_TRUE(test, ndshm_blockset_drain_unused(set));
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_FALSE(test, ndshm_blockset_get_active(set));
	KUNIT_EXPECT_EQ(test, ndshm_active_count(&set->active), 0);
	/* Closing a closed set has no effect. */
	KUNIT_EXPECT_TRUE(test, ndshm_blockset_drain_unused(set));
	ndshm_blockset_revoke_all(set, MAX_SCHEDULE_TIMEOUT);
}

static void members(struct kunit *test)
{
	struct world *world = test->priv;
	struct ndshm_blockset *set = &world->adapter.set;
	int i;

	for (i = 0; i < BLOCKS; i++) {
		KUNIT_ASSERT_TRUE(test, make(world, &world->fakes[i]));
		KUNIT_ASSERT_EQ(test, ndshm_blockset_count(set), i + 1);
	}
	/* Remove the first, the last and one in between. */
	ndshm_block_put_sync(&world->fakes[0].block);
	ndshm_block_put_sync(&world->fakes[BLOCKS - 1].block);
	ndshm_block_put_sync(&world->fakes[BLOCKS / 2].block);
	KUNIT_EXPECT_EQ(test, ndshm_blockset_count(set), BLOCKS - 3);
	KUNIT_EXPECT_EQ(test, ndshm_blockset_count(&world->provider.set),
			BLOCKS - 3);
	for (i = 1; i < BLOCKS - 1; i++)
		if (i != BLOCKS / 2)
			ndshm_block_put_sync(&world->fakes[i].block);
	KUNIT_EXPECT_EQ(test, ndshm_blockset_count(set), 0);
	KUNIT_EXPECT_TRUE(test, hlist_empty(&set->blocks));
	for (i = 0; i < BLOCKS; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&world->fakes[i].freed), 1);
}

/* A closed set keeps a block out of the other one, too. */
static void both_or_none(struct kunit *test)
{
	struct world *world = test->priv;
	struct ndshm_blockset *sets[] = { &world->adapter.set, &world->provider.set };
	int i;

	for (i = 0; i < 2; i++) {
		ndshm_blockset_kill(sets[i]);
		KUNIT_EXPECT_FALSE(test, make(world, &world->fakes[i]));
		KUNIT_EXPECT_EQ(test, ndshm_blockset_count(sets[0]), 0);
		KUNIT_EXPECT_EQ(test, ndshm_blockset_count(sets[1]), 0);
		ndshm_blockset_init(sets[i], sets[i]->kind);
	}
	KUNIT_ASSERT_TRUE(test, make(world, &world->fakes[0]));
	KUNIT_EXPECT_EQ(test, ndshm_blockset_count(sets[0]), 1);
	KUNIT_EXPECT_EQ(test, ndshm_blockset_count(sets[1]), 1);
	ndshm_block_put_sync(&world->fakes[0].block);
}

/* ndshm_blockset_drain_unused() fails for a set with members, without effect. */
static void close_empty_with_members(struct kunit *test)
{
	struct world *world = test->priv;
	struct ndshm_blockset *set = &world->provider.set;

	KUNIT_ASSERT_TRUE(test, make(world, &world->fakes[0]));
	KUNIT_EXPECT_FALSE(test, ndshm_blockset_drain_unused(set));
	KUNIT_EXPECT_FALSE(test, ndshm_blockset_killed(set));
	KUNIT_EXPECT_EQ(test, ndshm_blockset_count(set), 1);
	KUNIT_EXPECT_TRUE(test, make(world, &world->fakes[1]));
	KUNIT_EXPECT_TRUE(test, ndshm_blockset_get_active(set));
	/* With members it fails at once, without a wait for active references. */
	KUNIT_EXPECT_FALSE(test, ndshm_blockset_drain_unused(set));
	ndshm_blockset_put_active(set);
	ndshm_block_put_sync(&world->fakes[0].block);
	ndshm_block_put_sync(&world->fakes[1].block);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->fakes[0].revoked), 0);
	KUNIT_EXPECT_TRUE(test, ndshm_blockset_drain_unused(set));
	KUNIT_EXPECT_FALSE(test, make(world, &world->fakes[2]));
	KUNIT_EXPECT_EQ(test, ndshm_blockset_count(&world->adapter.set), 0);
}

/*
 * Held blocks are revoked: one callback, of those that have one, and one free each. The structure
 * remains.
 */
static void close_revokes(struct kunit *test)
{
	struct world *world = test->priv;
	struct fake *fake;
	int i;

	for (i = 0; i < BLOCKS; i++)
		KUNIT_ASSERT_TRUE(test, make(world, &world->fakes[i]));
	world->fakes[0].block.revoke_cb = NULL;
	ndshm_blockset_revoke_all(&world->adapter.set, MAX_SCHEDULE_TIMEOUT);
	KUNIT_EXPECT_EQ(test, ndshm_blockset_count(&world->adapter.set), 0);
	KUNIT_EXPECT_EQ(test, ndshm_blockset_count(&world->provider.set), 0);
	for (i = 0; i < BLOCKS; i++) {
		fake = &world->fakes[i];
		KUNIT_ASSERT_TRUE(test, fake->block.object.revoked);
		KUNIT_ASSERT_EQ(test, atomic_read(&fake->revoked), i ? 1 : 0);
		KUNIT_ASSERT_EQ(test, atomic_read(&fake->freed), 1);
		KUNIT_ASSERT_EQ(test, atomic_read(&fake->released), 0);
		KUNIT_ASSERT_EQ(test,
				refcount_read(&fake->block.object.references),
				1);
		ndshm_block_put_sync(&fake->block);
		KUNIT_ASSERT_EQ(test, atomic_read(&fake->freed), 1);
		KUNIT_ASSERT_EQ(test, atomic_read(&fake->released), 1);
	}
	/* The other set stays open and is empty. */
	KUNIT_EXPECT_FALSE(test, ndshm_blockset_killed(&world->provider.set));
	ndshm_blockset_revoke_all(&world->provider.set, MAX_SCHEDULE_TIMEOUT);
}

/* A revocation drops an adopted reference, whichever set closes. */
static void expect_dropped(struct kunit *test, bool by_provider)
{
	struct world *world = test->priv;
	struct ndshm_blockset *set = &world->adapter.set;
	struct fake *kept = &world->fakes[0], *held = &world->fakes[1];

	ndshm_blockset_init(set, NDSHM_BLOCKSET_USER);
	ndshm_blockset_init(&world->provider.set, NDSHM_BLOCKSET_PROVIDER);
	KUNIT_ASSERT_TRUE(test, make(world, kept));
	KUNIT_ASSERT_TRUE(test, make(world, held));
	KUNIT_EXPECT_TRUE(test, ndshm_block_pass_reference(&kept->block));
	KUNIT_EXPECT_EQ(test, atomic_read(&kept->freed), 0);
	ndshm_blockset_revoke_all(by_provider ? &world->provider.set : set, MAX_SCHEDULE_TIMEOUT);
	KUNIT_EXPECT_EQ(test, atomic_read(&kept->freed), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&kept->released), 1);
	/* A revoked block cannot be adopted: it is in no set. */
	KUNIT_EXPECT_FALSE(test, ndshm_block_pass_reference(&held->block));
	KUNIT_EXPECT_EQ(test, atomic_read(&held->freed), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&held->released), 0);
	ndshm_block_put_sync(&held->block);
	KUNIT_EXPECT_EQ(test, atomic_read(&held->released), 1);
	KUNIT_EXPECT_EQ(test, ndshm_blockset_count(set), 0);
}

static void close_drops_adopted(struct kunit *test)
{
	expect_dropped(test, false);
	expect_dropped(test, true);
}

/* One thread closes the set; the other holds an active reference until the close has begun. */

static unsigned int stay_inside(struct world *world)
{
	struct ndshm_blockset *set = &world->adapter.set;
	unsigned int wrong = !ndshm_blockset_get_active(set);

	complete(&world->arrived);
	wait_for_completion(&world->hold);
	/* The set is closing: no block can be added. */
	wrong += make(world, &world->fakes[0]);
	wrong += ndshm_blockset_get_active(set);
	atomic_inc(&world->left);
	ndshm_blockset_put_active(set);
	return wrong;
}

static unsigned int let_out(struct world *world)
{
	/* The closer sleeps while another thread is active. */
	bool waits = suite_wait_for_drain(&world->adapter.set.active);
	bool freed = atomic_read(&world->fakes[1].freed);

	complete_all(&world->hold);
	return !waits + freed;
}

static unsigned int closes_empty(void *context, unsigned int number)
{
	struct world *world = context;

	switch (number) {
	case 0:
		return stay_inside(world);
	case 1:
		wait_for_completion(&world->arrived);
		return !ndshm_blockset_drain_unused(&world->adapter.set) +
		       (atomic_read(&world->left) != 1);
	default:
		return let_out(world);
	}
}

static void close_empty_waits(struct kunit *test)
{
	struct world *world = test->priv;

	suite_run_threads(test, 3, closes_empty, world);
	KUNIT_EXPECT_EQ(test, ndshm_active_count(&world->adapter.set.active), 0);
}

static unsigned int closes(void *context, unsigned int number)
{
	struct world *world = context;

	switch (number) {
	case 0:
		return stay_inside(world);
	case 1:
		wait_for_completion(&world->arrived);
		ndshm_blockset_revoke_all(&world->adapter.set, MAX_SCHEDULE_TIMEOUT);
		/* Members are freed after the last active reference was dropped. */
		return (atomic_read(&world->left) != 1) +
		       (atomic_read(&world->fakes[1].freed) != 1);
	default:
		return let_out(world);
	}
}

static void close_waits_for_those_inside(struct kunit *test)
{
	struct world *world = test->priv;

	KUNIT_ASSERT_TRUE(test, make(world, &world->fakes[1]));
	suite_run_threads(test, 3, closes, world);
	KUNIT_EXPECT_EQ(test, atomic_read(&world->fakes[1].revoked), 1);
}

/*
 * A block without references whose memory is about to be freed: the close does not access
 * the block, and waits for the memory.
 */
static unsigned int closes_over_the_dying(void *context, unsigned int number)
{
	struct world *world = context;
	struct fake *dying = &world->fakes[0];
	unsigned int wrong;

	if (number) {
		ndshm_blockset_revoke_all(&world->adapter.set, MAX_SCHEDULE_TIMEOUT);
		return (atomic_read(&dying->freed) != 1) +
		       (atomic_read(&dying->revoked) != 0);
	}
	wrong = !suite_wait_for_waiter(__var_waitqueue(&world->adapter.set.count)) +
		(ndshm_blockset_count(&world->adapter.set) != 1);
	fake_release(&dying->block.object);
	return wrong;
}

static void close_waits_for_the_dying(struct kunit *test)
{
	struct world *world = test->priv;
	int i;

	for (i = 0; i < 3; i++)
		KUNIT_ASSERT_TRUE(test, make(world, &world->fakes[i]));
	refcount_set(&world->fakes[0].block.object.references, 0);
	suite_run_threads(test, 2, closes_over_the_dying, world);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, atomic_read(&world->fakes[i].freed), 1);
	KUNIT_EXPECT_EQ(test, ndshm_blockset_count(&world->provider.set), 0);
}

/*
 * A provider is revoked, and the first owner's callback takes long: the blocks of other
 * owners are already unmapped, and another adapter can close meanwhile.
 */

static void revoked_and_waits(void *context, struct ndshm_block *block)
{
	struct world *world = context;

	fake_revoked(NULL, block);
	complete(&world->arrived);
	wait_for_completion(&world->hold);
}

static unsigned int looks_meanwhile(struct world *world)
{
	unsigned int i, wrong = 0;

	wait_for_completion(&world->arrived);
	for (i = 0; i < BLOCKS; i++)
		wrong += !world->fakes[i].block.object.revoked;
	/* Either closer runs their callbacks, once. */
	ndshm_blockset_revoke_all(&world->adapter.set, MAX_SCHEDULE_TIMEOUT);
	for (i = 1; i < BLOCKS; i++) {
		wrong += atomic_read(&world->fakes[i].revoked) != 1;
		wrong += atomic_read(&world->fakes[i].freed) != 1;
	}
	wrong += atomic_read(&world->fakes[0].freed);
	complete(&world->hold);
	return wrong;
}

static unsigned int closes_slowly(void *context, unsigned int number)
{
	struct world *world = context;

	if (number)
		return looks_meanwhile(world);
	ndshm_blockset_revoke_all(&world->provider.set, MAX_SCHEDULE_TIMEOUT);
	return atomic_read(&world->fakes[0].freed) != 1;
}

static void drain_unmaps_all_first(struct kunit *test)
{
	struct world *world = test->priv;
	struct fake *slow = &world->fakes[0];
	int i;

	KUNIT_ASSERT_TRUE(test, make_for(world, &world->other, slow));
	slow->revoke_cb.function = revoked_and_waits;
	slow->revoke_cb.context = world;
	for (i = 1; i < BLOCKS; i++)
		KUNIT_ASSERT_TRUE(test, make(world, &world->fakes[i]));
	suite_run_threads(test, 2, closes_slowly, world);
	for (i = 0; i < BLOCKS; i++) {
		KUNIT_ASSERT_EQ(test, atomic_read(&world->fakes[i].revoked), 1);
		KUNIT_ASSERT_EQ(test, atomic_read(&world->fakes[i].freed), 1);
	}
	ndshm_blockset_revoke_all(&world->other.set, MAX_SCHEDULE_TIMEOUT);
}

/*
 * Owners keep their blocks: one frees its block soon, one never.
 */

static void revoked_and_keeps(void *context, struct ndshm_block *block)
{
	struct world *world = context;

	fake_revoked(NULL, block);
	ndshm_block_keep(block);
	complete(&world->arrived);
}

static void make_kept(struct kunit *test, struct fake *fake)
{
	struct world *world = test->priv;

	KUNIT_ASSERT_TRUE(test, make(world, fake));
	fake->revoke_cb.function = revoked_and_keeps;
	fake->revoke_cb.context = world;
}

static unsigned int frees_kept(void *context, unsigned int number)
{
	struct world *world = context;
	struct fake *fake = &world->fakes[0];
	unsigned int wrong;

	if (number)
		return !ndshm_blockset_revoke_all(&world->provider.set, MAX_SCHEDULE_TIMEOUT) +
		       (atomic_read(&fake->freed) != 1);
	wait_for_completion(&world->arrived);
	wrong = atomic_read(&fake->freed) || !ndshm_block_provider_revoked(&fake->block);
	ndshm_free(&fake->block);
	return wrong + (atomic_read(&fake->freed) != 1);
}

static void kept(struct kunit *test)
{
	struct world *world = test->priv;
	struct fake *used = &world->fakes[0], *other = &world->fakes[1];

	make_kept(test, used);
	KUNIT_EXPECT_FALSE(test, ndshm_block_provider_revoked(&used->block));
	suite_run_threads(test, 2, frees_kept, world);
	KUNIT_EXPECT_EQ(test, atomic_read(&used->revoked), 1);

	ndshm_blockset_init(&world->provider.set, NDSHM_BLOCKSET_PROVIDER);
	make_kept(test, used);
	KUNIT_ASSERT_TRUE(test, make(world, other));
	KUNIT_EXPECT_FALSE(test, ndshm_blockset_revoke_all(&world->provider.set, HZ / 10));
	/* The block is in neither set, its memory stays, and those of other owners are freed. */
	KUNIT_EXPECT_EQ(test, ndshm_blockset_count(&world->provider.set), 0);
	KUNIT_EXPECT_EQ(test, ndshm_blockset_count(&world->adapter.set), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&used->freed), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&other->freed), 1);
	KUNIT_EXPECT_TRUE(test, ndshm_blockset_revoke_all(&world->adapter.set, HZ / 10));
	ndshm_free(&used->block);
	KUNIT_EXPECT_EQ(test, atomic_read(&used->freed), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&used->released), 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&used->revoked), 1);
}

/*
 * Both sets close while blocks are allocated and freed: memory is freed once, and none is
 * left after a close.
 */

#define MAKERS		3
#define PER_MAKER	(BLOCKS / MAKERS)
#define ROUNDS		20

static bool make_inside(struct world *world, struct fake *fake)
{
	bool made;

	if (!ndshm_blockset_get_active(&world->adapter.set))
		return false;
	if (!ndshm_blockset_get_active(&world->provider.set)) {
		ndshm_blockset_put_active(&world->adapter.set);
		return false;
	}
	made = make(world, fake);
	ndshm_blockset_put_active(&world->provider.set);
	ndshm_blockset_put_active(&world->adapter.set);
	return made;
}

static unsigned int makes(struct world *world, unsigned int number)
{
	struct fake *fakes = &world->fakes[number * PER_MAKER];
	unsigned int i, wrong = 0;

	for (i = 0; i < PER_MAKER; i++) {
		if (!make_inside(world, &fakes[i]))
			break;
		if (i == PER_MAKER / 2)
			complete_all(&world->arrived);
		/*
		 * Of three blocks one is freed now, one is held beyond the close, and one
		 * is adopted.
		 */
		if (i % 3)
			continue;
		ndshm_block_put_sync(&fakes[i].block);
		wrong += atomic_read(&fakes[i].freed) != 1;
	}
	while (i--)
		if (i % 3 == 2 && !ndshm_block_pass_reference(&fakes[i].block))
			ndshm_block_put_sync(&fakes[i].block);
	return wrong;
}

static unsigned int all_at_once(void *context, unsigned int number)
{
	struct world *world = context;
	struct ndshm_blockset *set = number == MAKERS ? &world->adapter.set :
							&world->provider.set;

	if (number < MAKERS)
		return makes(world, number);
	wait_for_completion(&world->arrived);
	ndshm_blockset_revoke_all(set, MAX_SCHEDULE_TIMEOUT);
	return ndshm_blockset_count(set) + ndshm_active_count(&set->active);
}

static void both_close(struct kunit *test)
{
	struct world *world = test->priv;
	u32 i, round, made, revoked = 0;
	struct fake *fake;

	for (round = 0; round < ROUNDS; round++) {
		memset(world->fakes, 0, sizeof(world->fakes));
		ndshm_blockset_init(&world->adapter.set, NDSHM_BLOCKSET_USER);
		ndshm_blockset_init(&world->provider.set, NDSHM_BLOCKSET_PROVIDER);
		reinit_completion(&world->arrived);
		suite_run_threads(test, MAKERS + 2, all_at_once, world);
		for (i = 0, made = 0; i < BLOCKS; i++) {
			fake = &world->fakes[i];
			if (!atomic_read(&fake->freed))
				continue;
			made++;
			revoked += atomic_read(&fake->revoked);
			KUNIT_ASSERT_EQ(test, atomic_read(&fake->freed), 1);
			KUNIT_ASSERT_LE(test, atomic_read(&fake->revoked), 1);
			KUNIT_ASSERT_EQ(test, atomic_read(&fake->released),
					i % PER_MAKER % 3 != 1);
			KUNIT_ASSERT_FALSE(test, fake->block.has_memory);
		}
		KUNIT_ASSERT_GE(test, made, PER_MAKER / 2);
		KUNIT_ASSERT_TRUE(test, hlist_empty(&world->adapter.set.blocks));
		KUNIT_ASSERT_TRUE(test,
				  hlist_empty(&world->provider.set.blocks));
	}
	kunit_info(test, "%u of the blocks were revoked\n", revoked);
}

static struct kunit_case blockset_cases[] = {
	KUNIT_CASE(come_in),
	KUNIT_CASE(members),
	KUNIT_CASE(both_or_none),
	KUNIT_CASE(close_empty_with_members),
	KUNIT_CASE(close_revokes),
	KUNIT_CASE(close_drops_adopted),
	KUNIT_CASE(close_empty_waits),
	KUNIT_CASE(close_waits_for_those_inside),
	KUNIT_CASE(close_waits_for_the_dying),
	KUNIT_CASE(drain_unmaps_all_first),
	KUNIT_CASE(kept),
	KUNIT_CASE(both_close),
	{}
};

static struct kunit_suite blockset_suite = {
	.name = SUITE_NAME("blockset"),
	.init = blockset_init,
	.exit = blockset_exit,
	.test_cases = blockset_cases,
};

kunit_test_suite(blockset_suite);
