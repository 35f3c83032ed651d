// SPDX-License-Identifier: GPL-2.0
/*
 * The handle table of a client: single operations, the maximum number of handles, random
 * operations compared with an array, and concurrent use.
 */
#include "suite.h"

#include <linux/bitmap.h>
#include <linux/math.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "../../cdev/handles.c"

/* No object is a block. */
const struct ndshm_object_ops ndshm_block_ops;

#define INDEX(handle)	((handle) & 0xffff)

static const struct ndshm_object_ops some_kind = { .kind = "some" };
static const struct ndshm_object_ops other_kind = { .kind = "other" };

static int handles_init(struct kunit *test)
{
	struct ndshm_handles *handles;

	handles = kunit_kzalloc(test, sizeof(*handles), GFP_KERNEL);
	if (!handles)
		return -ENOMEM;
	ndshm_handles_init(handles);
	test->priv = handles;
	return 0;
}

static void handles_exit(struct kunit *test)
{
	if (test->priv)
		ndshm_handles_fini(test->priv);
}

static void init_object(struct ndshm_object *object,
			const struct ndshm_object_ops *ops)
{
	object->ops = ops;
	refcount_set(&object->references, 1);
}

static u32 reserve(struct kunit *test)
{
	u32 handle = 0;

	KUNIT_ASSERT_EQ(test,
			(__force u32)ndshm_handle_reserve(test->priv, &handle),
			(__force u32)NDSHM_REASON_NONE);
	return handle;
}

/* Publish a handle. The table gets a reference of its own. */
static u32 publish(struct kunit *test, struct ndshm_object *object)
{
	u32 handle = reserve(test);

	refcount_inc(&object->references);
	ndshm_handle_publish(test->priv, handle, object);
	return handle;
}

/* Look up a handle, and drop the reference to the result. */
static struct ndshm_object *found(struct kunit *test, u32 handle)
{
	struct ndshm_object *object = ndshm_handle_find(test->priv, handle);

	if (object)
		refcount_dec(&object->references);
	return object;
}

static struct ndshm_object *found_at(struct kunit *test, u64 offset)
{
	struct ndshm_object *object = ndshm_offset_find(test->priv, offset);

	if (object)
		refcount_dec(&object->references);
	return object;
}

/* A reused slot gets all possible handles before one recurs. Only the live handle is found. */
static void generations(struct kunit *test)
{
	struct ndshm_handles *handles = test->priv;
	u32 first, handle, generation, other, bit;
	unsigned long *seen;
	struct ndshm_object object;

	seen = kunit_kcalloc(test, BITS_TO_LONGS(BIT(16)), sizeof(*seen),
			     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, seen);
	init_object(&object, &some_kind);
	handle = reserve(test);
	first = handle;
	for (generation = 0; generation < BIT(16); generation++) {
		cond_resched();
		KUNIT_ASSERT_EQ(test, INDEX(handle), INDEX(first));
		KUNIT_ASSERT_FALSE(test, __test_and_set_bit(handle >> 16,
							    seen));
		/* Test all earlier numbers after some uses only, to limit the time. */
		if (generation % 512) {
			ndshm_handle_cancel(handles, handle);
			handle = reserve(test);
			continue;
		}
		refcount_inc(&object.references);
		ndshm_handle_publish(handles, handle, &object);
		KUNIT_ASSERT_PTR_EQ(test, found(test, handle), &object);
		for (bit = 0; bit < 32; bit++) {
			other = handle ^ BIT(bit);
			KUNIT_ASSERT_NULL(test, found(test, other));
			KUNIT_ASSERT_NULL(test,
					  ndshm_handle_take(handles, other,
							    &some_kind));
		}
		KUNIT_ASSERT_NULL(test, found(test, handle - BIT(16)));
		KUNIT_ASSERT_PTR_EQ(test, ndshm_handle_take(handles, handle,
							    &some_kind),
				    &object);
		refcount_dec(&object.references);
		KUNIT_ASSERT_NULL(test, found(test, handle));
		handle = reserve(test);
	}
	KUNIT_EXPECT_EQ(test, handle, first);
	KUNIT_EXPECT_EQ(test, handles->live, 0);
	KUNIT_EXPECT_EQ(test, refcount_read(&object.references), 1);
}

/* The maximum number of handles, each unique; no more until one is freed. */
static void exhaustion(struct kunit *test)
{
	struct ndshm_handles *handles = test->priv;
	struct ndshm_object object, *taken;
	u32 handle, i, at = 0, last = 0;
	unsigned long *seen;

	seen = kunit_kcalloc(test, BITS_TO_LONGS(BIT(16)), sizeof(*seen),
			     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, seen);
	KUNIT_ASSERT_EQ(test, NDSHM_MAX_HANDLES, 65535);
	init_object(&object, &some_kind);
	__set_bit(0, seen);
	for (i = 0; i < NDSHM_MAX_HANDLES; i++) {
		cond_resched();
		handle = i % 16 ? reserve(test) : publish(test, &object);
		KUNIT_ASSERT_FALSE(test, __test_and_set_bit(INDEX(handle),
							    seen));
	}
	KUNIT_EXPECT_EQ(test, handles->live, 4096);
	for (i = 0; i < 3; i++) {
		handle = 0;
		KUNIT_EXPECT_EQ(test, (__force u32)
				ndshm_handle_reserve(handles, &handle),
				(__force u32)NDSHM_REASON_HANDLES);
		KUNIT_EXPECT_EQ(test, handle, 0);
	}
	/* The slot of a freed handle is reused. */
	handle = object.handle;
	KUNIT_EXPECT_PTR_EQ(test, ndshm_handle_take(handles, handle,
						    &some_kind), &object);
	refcount_dec(&object.references);
	KUNIT_EXPECT_EQ(test, INDEX(publish(test, &object)), INDEX(handle));

	/* Handles are taken in the order of their slots. */
	for (i = 0; i < 4096; i++) {
		cond_resched();
		taken = ndshm_handle_take_next(handles, &at);
		KUNIT_ASSERT_PTR_EQ(test, taken, &object);
		KUNIT_ASSERT_GT(test, at, last);
		last = at;
	}
	KUNIT_EXPECT_NULL(test, ndshm_handle_take_next(handles, &at));
	KUNIT_EXPECT_EQ(test, handles->live, 0);
	/* References of all handles, and the initial one. */
	KUNIT_EXPECT_EQ(test, refcount_read(&object.references), 4097);
	/* All slots can be reserved again. */
	for (i = 0; i < 4096; i++)
		reserve(test);
	KUNIT_EXPECT_EQ(test, (__force u32)ndshm_handle_reserve(handles,
								&handle),
			(__force u32)NDSHM_REASON_HANDLES);
}

/* ndshm_handle_take_many() takes all handles of an array, or changes nothing. */
static void take_many(struct kunit *test)
{
	struct ndshm_handles *handles = test->priv;
	struct ndshm_object objects[8], foreign, *taken[8];
	u32 numbers[8], n = ARRAY_SIZE(numbers), i, at, good, free;

	for (i = 0; i < n; i++) {
		init_object(&objects[i], &some_kind);
		numbers[i] = publish(test, &objects[i]);
	}
	init_object(&foreign, &other_kind);
	publish(test, &foreign);
	free = reserve(test);
	ndshm_handle_cancel(handles, free);
	for (at = 0; at < n; at++) {
		const u32 bad[] = {
			0, U32_MAX, foreign.handle, free, numbers[at] ^ BIT(16),
			numbers[at ? 0 : 1],
		};

		good = numbers[at];
		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			numbers[at] = bad[i];
			/* Of two equal handles the second one is bad. */
			KUNIT_ASSERT_EQ(test, at ?: i == 5,
					ndshm_handle_take_many(handles, numbers, n,
							       &some_kind, taken));
		}
		numbers[at] = good;
		KUNIT_ASSERT_EQ(test, handles->live, n + 1);
		KUNIT_ASSERT_EQ(test, INDEX(free), handles->free);
	}
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_PTR_EQ(test, found(test, numbers[i]), &objects[i]);

	KUNIT_EXPECT_EQ(test, ndshm_handle_take_many(handles, numbers, 0,
						     &some_kind, taken), 0);
	KUNIT_EXPECT_EQ(test, ndshm_handle_take_many(handles, numbers, n,
						     &some_kind, taken), n);
	KUNIT_EXPECT_EQ(test, handles->live, 1);
	for (i = 0; i < n; i++) {
		KUNIT_EXPECT_PTR_EQ(test, taken[i], &objects[i]);
		/* The table's reference was passed on. */
		KUNIT_EXPECT_EQ(test, refcount_read(&objects[i].references), 2);
		KUNIT_EXPECT_NULL(test, found(test, numbers[i]));
	}
	KUNIT_EXPECT_EQ(test, ndshm_handle_take_many(handles, numbers, n,
						     &some_kind, taken), 0);
	/* Slots are reused in the order of the array, then those that were free before. */
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_EQ(test, INDEX(reserve(test)), INDEX(numbers[i]));
	KUNIT_EXPECT_EQ(test, INDEX(reserve(test)), INDEX(free));
}

/*
 * Offsets: below 16 TiB, multiples of 2 MiB, distinct among live handles. Other offsets
 * find nothing.
 */
static void offsets(struct kunit *test)
{
	struct ndshm_handles *handles = test->priv;
	struct ndshm_object object;
	u64 offset, last = 0, bit;
	u32 handle, i;

	init_object(&object, &some_kind);
	for (i = 0; i < 30; i++) {
		handle = publish(test, &object);
		offset = ndshm_handle_offset(handle);
		KUNIT_ASSERT_NE(test, offset, last);
		last = offset;
		KUNIT_ASSERT_LT(test, offset, 16ULL << 40);
		KUNIT_ASSERT_EQ(test, offset % SZ_2M, 0);
		KUNIT_ASSERT_PTR_EQ(test, found_at(test, offset), &object);
		for (bit = 0; bit < 21; bit++)
			KUNIT_ASSERT_NULL(test, found_at(test, offset +
							 (1ULL << bit)));
		KUNIT_ASSERT_NULL(test, found_at(test, offset + SZ_2M - 1));
		/* Offsets with another part of the number, or beyond 16 TiB, find nothing. */
		for (bit = 37; bit < 64; bit++)
			KUNIT_ASSERT_NULL(test, found_at(test, offset ^
							 (1ULL << bit)));
	}
	/* An offset contains seven bits of the part of a handle that changes with each use. */
	for (i = 0; i < 500; i++) {
		KUNIT_ASSERT_PTR_EQ(test, ndshm_handle_take(handles, handle,
							    &some_kind),
				    &object);
		refcount_dec(&object.references);
		offset = ndshm_handle_offset(handle);
		KUNIT_ASSERT_NULL(test, found_at(test, offset));
		handle = publish(test, &object);
		KUNIT_ASSERT_NULL(test, found_at(test, offset));
		KUNIT_ASSERT_PTR_EQ(test,
				    found_at(test, ndshm_handle_offset(handle)),
				    &object);
	}
	/* Slot 0 is never used. */
	for (i = 0; i < 128; i++)
		KUNIT_EXPECT_NULL(test, found_at(test, (u64)i << 37));
}

static void every_offset(struct kunit *test)
{
	u32 handle;
	u64 offset;

	for (handle = 0; handle < BIT(23); handle++) {
		offset = ndshm_handle_offset(handle);
		KUNIT_ASSERT_EQ(test, offset, (u64)handle * SZ_2M);
	}
	for (handle = BIT(23); handle; handle <<= 1)
		KUNIT_EXPECT_EQ(test, ndshm_handle_offset(handle | 1), SZ_2M);
}

#define ENTRIES	1000

struct entry {
	struct ndshm_object object;
	u32 handle;
	enum { UNUSED, RESERVED, LIVE } state;
};

struct model {
	struct kunit *test;
	struct entry *entries;
	u32 live;
	u32 stale[256];
};

static void model_step(struct model *model, struct rnd_state *random)
{
	struct entry *entry = &model->entries[suite_below(random, ENTRIES)];
	struct kunit *test = model->test;
	struct ndshm_handles *handles = test->priv;
	u32 stale = suite_below(random, ARRAY_SIZE(model->stale));

	switch (entry->state) {
	case UNUSED:
		entry->handle = reserve(test);
		entry->state = RESERVED;
		KUNIT_ASSERT_NULL(test, found(test, entry->handle));
		break;
	case RESERVED:
		KUNIT_ASSERT_NULL(test, found(test, entry->handle));
		if (suite_below(random, 3)) {
			refcount_inc(&entry->object.references);
			ndshm_handle_publish(handles, entry->handle,
					     &entry->object);
			entry->state = LIVE;
			model->live++;
		} else {
			ndshm_handle_cancel(handles, entry->handle);
			model->stale[stale] = entry->handle;
			entry->state = UNUSED;
		}
		break;
	case LIVE:
		KUNIT_ASSERT_PTR_EQ(test, found(test, entry->handle),
				    &entry->object);
		if (suite_below(random, 3))
			break;
		KUNIT_ASSERT_NULL(test, ndshm_handle_take(handles,
							  entry->handle,
							  &other_kind));
		KUNIT_ASSERT_PTR_EQ(test, ndshm_handle_take(handles,
							    entry->handle,
							    &some_kind),
				    &entry->object);
		refcount_dec(&entry->object.references);
		model->stale[stale] = entry->handle;
		model->live--;
		entry->state = UNUSED;
		break;
	}
	/*
	 * A stale handle is not found, since its number recurs only after 65536 uses of its slot.
	 */
	KUNIT_ASSERT_NULL(test, found(test, model->stale[stale]));
	KUNIT_ASSERT_EQ(test, handles->live, model->live);
}

static void like_an_array(struct kunit *test)
{
	struct rnd_state random = suite_random(test);
	struct ndshm_handles *handles = test->priv;
	struct model model = { .test = test };
	u32 i, number, others = 0, at = 0;
	struct ndshm_object *object;

	model.entries = kunit_kcalloc(test, ENTRIES, sizeof(*model.entries),
				      GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, model.entries);
	for (i = 0; i < ENTRIES; i++)
		init_object(&model.entries[i].object, &some_kind);
	for (i = 0; i < 10000; i++) {
		cond_resched();
		model_step(&model, &random);
		/* An arbitrary number, as a client may pass. */
		number = suite_below(&random, ENTRIES + 100) |
			 suite_below(&random, 16) << 16;
		object = found(test, number);
		if (object) {
			others++;
			KUNIT_ASSERT_EQ(test, object->handle, number);
		}
	}
	for (i = 0; i < ENTRIES; i++) {
		struct entry *entry = &model.entries[i];

		object = entry->state == LIVE ? &entry->object : NULL;
		if (entry->state != UNUSED)
			KUNIT_ASSERT_PTR_EQ(test, found(test, entry->handle),
					    object);
	}
	/* The close of a client takes each remaining handle once. */
	while ((object = ndshm_handle_take_next(handles, &at))) {
		KUNIT_ASSERT_EQ(test, refcount_read(&object->references), 2);
		refcount_dec(&object->references);
		model.live--;
	}
	KUNIT_EXPECT_EQ(test, model.live, 0);
	for (i = 0; i < ENTRIES; i++)
		KUNIT_ASSERT_EQ(test,
				refcount_read(&model.entries[i].object.references),
				1);
	KUNIT_EXPECT_GT(test, others, 0);
	kunit_info(test, "%u of the numbers made up were live\n", others);
}

/*
 * Concurrency
 */

#define THREADS	4
#define SOME	600

struct shared {
	struct ndshm_handles *handles;
	struct ndshm_object object;
	u32 one;
	atomic_t taken;
	u32 some[THREADS][SOME];
};

static unsigned int take_it(void *context, unsigned int number)
{
	struct shared *shared = context;

	if (ndshm_handle_take(shared->handles, shared->one, &some_kind))
		atomic_inc(&shared->taken);
	return 0;
}

/* Of concurrent takers of a handle exactly one gets the object. */
static void one_taker(struct kunit *test)
{
	struct shared *shared;
	u32 i;

	shared = kunit_kzalloc(test, sizeof(*shared), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, shared);
	shared->handles = test->priv;
	init_object(&shared->object, &some_kind);
	for (i = 1; i <= 10; i++) {
		shared->one = publish(test, &shared->object);
		suite_run_threads(test, THREADS, take_it, shared);
		KUNIT_ASSERT_EQ(test, atomic_read(&shared->taken), i);
	}
}

static unsigned int reserve_some(void *context, unsigned int number)
{
	struct shared *shared = context;
	u32 i;

	for (i = 0; i < SOME; i++)
		if (ndshm_handle_reserve(shared->handles,
					 &shared->some[number][i]) !=
		    NDSHM_REASON_NONE)
			return 1;
	return 0;
}

/* Threads that reserve while the table grows get distinct slots. */
static void grow_together(struct kunit *test)
{
	struct ndshm_handles *handles = test->priv;
	struct shared *shared;
	unsigned long *seen;
	u32 i, j;

	shared = kunit_kzalloc(test, sizeof(*shared), GFP_KERNEL);
	seen = kunit_kcalloc(test, BITS_TO_LONGS(BIT(16)), sizeof(*seen),
			     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, shared);
	KUNIT_ASSERT_NOT_NULL(test, seen);
	shared->handles = handles;
	suite_run_threads(test, THREADS, reserve_some, shared);
	for (i = 0; i < THREADS; i++)
		for (j = 0; j < SOME; j++)
			KUNIT_ASSERT_FALSE(test,
					   __test_and_set_bit(INDEX(shared->some[i][j]),
							      seen));
	KUNIT_EXPECT_FALSE(test, test_bit(0, seen));
	/* No slot was skipped. */
	KUNIT_EXPECT_EQ(test, handles->end, THREADS * SOME + 1);
}

static struct kunit_case handles_cases[] = {
	KUNIT_CASE(generations),
	KUNIT_CASE(exhaustion),
	KUNIT_CASE(take_many),
	KUNIT_CASE(offsets),
	KUNIT_CASE(every_offset),
	KUNIT_CASE(like_an_array),
	KUNIT_CASE(one_taker),
	KUNIT_CASE(grow_together),
	{}
};

static struct kunit_suite handles_suite = {
	.name = "ndshm_handles",
	.init = handles_init,
	.exit = handles_exit,
	.test_cases = handles_cases,
};

kunit_test_suite(handles_suite);
