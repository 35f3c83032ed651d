// SPDX-License-Identifier: GPL-2.0
/* The table of all blocks, with fake blocks. */
#include "suite.h"

#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>

/* The next ID, which a test may set; otherwise one more than the last one. */
static atomic_t last_id;

static u32 suite_next_id(void)
{
	return atomic_inc_return(&last_id);
}

#define get_random_u32 suite_next_id
#include "../../block/members.c"
#undef get_random_u32

bool (*ndshm_blockset_revoke_hook)(struct ndshm_blockset *set, unsigned long timeout);

/* The fake blocks are in no set. */
bool ndshm_block_unmap(struct ndshm_block *block)
{
	return false;
}

bool ndshm_block_revoke(struct ndshm_block *block)
{
	return false;
}

bool ndshm_block_lose_memory(struct ndshm_block *block)
{
	return false;
}

void ndshm_object_put(struct ndshm_object *object)
{
}

unsigned int ndshm_blockset_usage(struct ndshm_blockset *set, u64 *bytes)
{
	return *bytes = 0;
}

#define BLOCKS	1200

/* Sizes of the tables of both suites. */
#define FEW_BITS	LEAST_BITS
#define MANY_BITS	16

#define BUCKETS		((u32)BIT(bucket_bits))

struct fake {
	struct ndshm_block block;
	bool added;
	unsigned int seen;
};

static struct fake *fake_of(struct ndshm_block *block)
{
	return container_of(block, struct fake, block);
}

static int few_buckets(struct kunit_suite *suite)
{
	return block_table_alloc(FEW_BITS);
}

static int many_buckets(struct kunit_suite *suite)
{
	return block_table_alloc(MANY_BITS);
}

static void free_buckets(struct kunit_suite *suite)
{
	ndshm_members_exit();
}

static int block_table_init(struct kunit *test)
{
	atomic_set(&last_id, 0);
	test->priv = kvcalloc(BLOCKS, sizeof(struct fake), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

static void block_table_exit(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < BUCKETS; i++)
		INIT_HLIST_HEAD(&buckets[i].blocks);
	kvfree(test->priv);
}

static void add(struct fake *fake)
{
	block_table_add(&fake->block);
	fake->added = true;
}

static void take_out(struct fake *fake)
{
	ndshm_block_table_remove(&fake->block);
	fake->added = false;
}

static void keep(void *block, kuid_t owner, void *context)
{
	*(struct ndshm_block **)context = block;
}

static struct ndshm_block *peek(u32 id)
{
	struct ndshm_block *block = NULL;
	bool found = ndshm_block_peek(id, keep, &block);

	/* ndshm_block_peek() must return true if and only if it called keep(). */
	return found == !!block ? block : ERR_PTR(-EINVAL);
}

static struct ndshm_block *peek_next(u32 *cursor)
{
	struct ndshm_block *block = NULL;
	bool found = ndshm_block_peek_next(cursor, keep, &block);

	return found == !!block ? block : ERR_PTR(-EINVAL);
}

static void ids(struct kunit *test)
{
	struct fake *fakes = test->priv;
	u32 i, half = BLOCKS / 2, cursor = U32_MAX;

	KUNIT_EXPECT_NULL(test, peek_next(&cursor));
	cursor = 0;
	KUNIT_EXPECT_NULL(test, peek_next(&cursor));
	KUNIT_EXPECT_EQ(test, cursor, 0);
	/* The second half shares the buckets of the first. */
	for (i = 0; i < BLOCKS; i++) {
		if (i == half)
			atomic_set(&last_id, BUCKETS);
		add(&fakes[i]);
		KUNIT_ASSERT_EQ(test, fakes[i].block.object.id,
				i < half ? i + 1 : BUCKETS + i - half + 1);
	}
	KUNIT_EXPECT_NULL(test, peek(0));
	for (i = 0; i < BLOCKS; i++)
		KUNIT_ASSERT_PTR_EQ(test, peek(fakes[i].block.object.id),
				    &fakes[i].block);
	for (i = 2; i < 100; i++)
		KUNIT_ASSERT_NULL(test, peek(1 + i * BUCKETS));
	for (i = 0; i < BLOCKS; i++) {
		take_out(&fakes[i]);
		KUNIT_ASSERT_NULL(test, peek(fakes[i].block.object.id));
	}
	add(&fakes[0]);
	KUNIT_EXPECT_EQ(test, fakes[0].block.object.id, BUCKETS + half + 1);
}

/* ndshm_block_find() takes a reference, but not if the last one was dropped. */
static void finds(struct kunit *test)
{
	struct ndshm_adapter *mine = (void *)0x1000, *other = (void *)0x2000;
	struct fake *fakes = test->priv;
	struct ndshm_block *block = &fakes[0].block;

	KUNIT_EXPECT_NULL(test, ndshm_block_find(1, mine));
	block->adapter = mine;
	refcount_set(&block->object.references, 1);
	add(&fakes[0]);
	KUNIT_EXPECT_PTR_EQ(test, ndshm_block_find(1, mine), block);
	KUNIT_EXPECT_EQ(test, refcount_read(&block->object.references), 2);
	KUNIT_EXPECT_NULL(test, ndshm_block_find(0, mine));
	KUNIT_EXPECT_NULL(test, ndshm_block_find(1 + BUCKETS, mine));
	KUNIT_EXPECT_NULL(test, ndshm_block_find(1, other));
	KUNIT_EXPECT_NULL(test, ndshm_block_find(1, NULL));
	block->claim = (void *)0x3000;
	KUNIT_EXPECT_NULL(test, ndshm_block_find(1, mine));
	block->claim = NULL;
	KUNIT_EXPECT_EQ(test, refcount_read(&block->object.references), 2);
	/* The last reference was dropped, but the block is still in the table. */
	refcount_set(&block->object.references, 0);
	KUNIT_EXPECT_NULL(test, ndshm_block_find(1, mine));
	KUNIT_EXPECT_EQ(test, refcount_read(&block->object.references), 0);
	refcount_set(&block->object.references, 1);
	take_out(&fakes[0]);
	KUNIT_EXPECT_NULL(test, ndshm_block_find(1, mine));
}

/* 0 and IDs in use are never assigned, whichever ID comes next. */
static void ids_wrap(struct kunit *test)
{
	struct fake *fakes = test->priv;
	u32 i;

	for (i = 0; i < 10; i++)
		add(&fakes[i]);
	take_out(&fakes[4]);
	atomic_set(&last_id, -2);
	add(&fakes[10]);
	KUNIT_EXPECT_EQ(test, fakes[10].block.object.id, U32_MAX);
	add(&fakes[11]);
	KUNIT_EXPECT_EQ(test, fakes[11].block.object.id, 5);
	add(&fakes[12]);
	KUNIT_EXPECT_EQ(test, fakes[12].block.object.id, 11);
	KUNIT_EXPECT_NULL(test, peek(0));
	KUNIT_EXPECT_PTR_EQ(test, peek(U32_MAX), &fakes[10].block);
	KUNIT_EXPECT_PTR_EQ(test, peek(5), &fakes[11].block);
}

/* Count how often a walk visits each block. */
static u32 walk(struct kunit *test, struct fake *fakes)
{
	struct ndshm_block *block;
	u32 i, cursor = 0, last, met = 0;

	for (i = 0; i < BLOCKS; i++)
		fakes[i].seen = 0;
	while ((block = peek_next(&cursor))) {
		KUNIT_ASSERT_FALSE(test, IS_ERR(block));
		fake_of(block)->seen++;
		met++;
		last = cursor;
		if (!++cursor)
			break;
		KUNIT_ASSERT_GT(test, cursor, last);
	}
	return met;
}

/* Random IDs, including both ends. */
static void walks(struct kunit *test)
{
	struct rnd_state random = suite_random(test);
	struct fake *fakes = test->priv;
	u32 i, n = BLOCKS;

	for (i = 0; i < n; i++) {
		atomic_set(&last_id, i == 0 ? -2 : i == 1 ? 0 :
			   i == 2 ? BUCKETS - 2 :
			   i < 100 ? (i << bucket_bits) + 6 :
				     prandom_u32_state(&random));
		add(&fakes[i]);
	}
	KUNIT_EXPECT_EQ(test, fakes[0].block.object.id, U32_MAX);
	KUNIT_EXPECT_EQ(test, walk(test, fakes), n);
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_EQ(test, fakes[i].seen, 1);
	for (i = 0; i < n; i += 2)
		take_out(&fakes[i]);
	KUNIT_EXPECT_EQ(test, walk(test, fakes), n / 2);
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_EQ(test, fakes[i].seen, i % 2);
}

/*
 * Compared with an array of flags, with a walk that continues while blocks come and go.
 */
static void like_an_array(struct kunit *test)
{
	struct rnd_state random = suite_random(test);
	struct fake *fakes = test->priv, *fake;
	struct ndshm_block *block;
	u32 i, cursor = 0, walks = 0;

	/* The first half stays in the table. */
	for (i = 0; i < BLOCKS / 2; i++)
		add(&fakes[i]);
	for (i = 0; i < 10000; i++) {
		fake = &fakes[BLOCKS / 2 + suite_below(&random, BLOCKS / 2)];
		if (!fake->block.object.id || !fake->added) {
			if (fake->block.object.id)
				KUNIT_ASSERT_NULL(test, peek(fake->block.object.id));
			add(fake);
		} else {
			take_out(fake);
		}
		KUNIT_ASSERT_PTR_EQ(test, peek(fake->block.object.id),
				    fake->added ? &fake->block : NULL);

		block = peek_next(&cursor);
		KUNIT_ASSERT_FALSE(test, IS_ERR(block));
		if (block) {
			KUNIT_ASSERT_TRUE(test, fake_of(block)->added);
			fake_of(block)->seen++;
			if (++cursor)
				continue;
		}
		walks++;
		cursor = 0;
		for (fake = fakes; fake < fakes + BLOCKS / 2; fake++)
			KUNIT_ASSERT_EQ(test, fake->seen, walks);
	}
	KUNIT_EXPECT_GT(test, walks, 0);
	kunit_info(test, "%u walks\n", walks);
}

/*
 * Concurrency
 */

#define THREADS	4
#define MINE	(BLOCKS / THREADS)

/* The first third of a thread's blocks stays; the rest is added and removed. */
static unsigned int come_and_go(void *context, unsigned int number)
{
	struct fake *fakes = (struct fake *)context + number * MINE, *fake;
	unsigned int i, wrong = 0;

	for (i = 0; i < 1000; i++) {
		fake = &fakes[MINE / 3 + i * 7 % (MINE - MINE / 3)];
		if (fake->added)
			take_out(fake);
		else
			add(fake);
		wrong += peek(fake->block.object.id) !=
			 (fake->added ? &fake->block : NULL);
	}
	return wrong;
}

/* A walk visits each staying block once. */
static unsigned int walk_along(void *context, unsigned int number)
{
	struct fake *fakes = context;
	unsigned int i, round, wrong = 0;
	struct ndshm_block *block;
	u32 cursor;

	for (round = 1; round <= 5; round++) {
		cursor = 0;
		while ((block = peek_next(&cursor))) {
			if ((fake_of(block) - fakes) % MINE < MINE / 3)
				fake_of(block)->seen++;
			if (!++cursor)
				break;
		}
		for (i = 0; i < BLOCKS; i++)
			if (i % MINE < MINE / 3)
				wrong += fakes[i].seen != round;
	}
	return wrong;
}

static unsigned int one_walks(void *context, unsigned int number)
{
	return number < THREADS ? come_and_go(context, number) :
				  walk_along(context, number);
}

static void several_threads(struct kunit *test)
{
	struct fake *fakes = test->priv;
	u32 i, added = 0;

	for (i = 0; i < BLOCKS; i++)
		if (i % MINE < MINE / 3)
			add(&fakes[i]);
	suite_run_threads(test, THREADS + 1, one_walks, fakes);
	for (i = 0; i < BLOCKS; i++)
		added += fakes[i].added;
	KUNIT_EXPECT_EQ(test, walk(test, fakes), added);
	for (i = 0; i < BLOCKS; i++)
		KUNIT_ASSERT_EQ(test, fakes[i].seen, fakes[i].added);
}

static struct kunit_case block_table_cases[] = {
	KUNIT_CASE(ids),
	KUNIT_CASE(finds),
	KUNIT_CASE(ids_wrap),
	KUNIT_CASE(walks),
	KUNIT_CASE(like_an_array),
	KUNIT_CASE(several_threads),
	{}
};

static struct kunit_suite block_table_suite = {
	.name = "ndshm_block_table",
	.suite_init = few_buckets,
	.suite_exit = free_buckets,
	.init = block_table_init,
	.exit = block_table_exit,
	.test_cases = block_table_cases,
};

static struct kunit_suite large_block_table_suite = {
	.name = "ndshm_large_block_table",
	.suite_init = many_buckets,
	.suite_exit = free_buckets,
	.init = block_table_init,
	.exit = block_table_exit,
	.test_cases = block_table_cases,
};

kunit_test_suites(&block_table_suite, &large_block_table_suite);
