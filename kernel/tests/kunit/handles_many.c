// SPDX-License-Identifier: GPL-2.0
/*
 * The handle table of a client: random operations compared with an array, and concurrent
 * use.
 */
#include <linux/bitmap.h>
#include <linux/math.h>
#include <linux/sched.h>

#include "handles.h"

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
#define ROUNDS	500
#define SOME	600

struct shared {
	struct ndshm_handles *handles;
	struct ndshm_object objects[THREADS];
	u32 handles_of[THREADS][8];
	u32 one;
	atomic_t taken;
	u32 some[THREADS][SOME];
};

/* Each thread has its own objects, and looks up those of the others. */
static unsigned int come_and_go(void *context, unsigned int number)
{
	struct shared *shared = context;
	struct ndshm_handles *handles = shared->handles;
	struct ndshm_object *mine = &shared->objects[number], *object;
	unsigned int i, wrong = 0;
	u32 *handle, other;

	for (i = 0; i < ROUNDS; i++) {
		handle = &shared->handles_of[number][i % 8];
		if (*handle) {
			object = ndshm_handle_take(handles, *handle,
						   &some_kind);
			wrong += object != mine;
			if (object)
				refcount_dec(&object->references);
			wrong += !!ndshm_handle_find(handles, *handle);
		}
		if (ndshm_handle_reserve(handles, &other) !=
		    NDSHM_REASON_NONE) {
			wrong++;
			break;
		}
		refcount_inc(&mine->references);
		ndshm_handle_publish(handles, other, mine);
		WRITE_ONCE(*handle, other);
		other = READ_ONCE(shared->handles_of[(number + 1) % THREADS]
						    [i % 8]);
		object = ndshm_handle_find(handles, other);
		if (object) {
			wrong += object !=
				 &shared->objects[(number + 1) % THREADS];
			refcount_dec(&object->references);
		}
	}
	return wrong;
}

static void several_threads(struct kunit *test)
{
	struct ndshm_handles *handles = test->priv;
	struct ndshm_object *object;
	struct shared *shared;
	u32 i, at = 0;

	shared = kunit_kzalloc(test, sizeof(*shared), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, shared);
	shared->handles = handles;
	for (i = 0; i < THREADS; i++)
		init_object(&shared->objects[i], &some_kind);
	suite_run_threads(test, THREADS, come_and_go, shared);
	KUNIT_EXPECT_EQ(test, handles->live, THREADS * 8);
	while ((object = ndshm_handle_take_next(handles, &at)))
		refcount_dec(&object->references);
	for (i = 0; i < THREADS; i++)
		KUNIT_EXPECT_EQ(test,
				refcount_read(&shared->objects[i].references),
				1);
}

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
	init_object(&shared->objects[0], &some_kind);
	for (i = 1; i <= 10; i++) {
		shared->one = publish(test, &shared->objects[0]);
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

static struct kunit_case handles_many_cases[] = {
	KUNIT_CASE(like_an_array),
	KUNIT_CASE(several_threads),
	KUNIT_CASE(one_taker),
	KUNIT_CASE(grow_together),
	{}
};

static struct kunit_suite handles_many_suite = {
	.name = SUITE_NAME("handles_many"),
	.init = handles_init,
	.exit = handles_exit,
	.test_cases = handles_many_cases,
};

kunit_test_suite(handles_many_suite);
