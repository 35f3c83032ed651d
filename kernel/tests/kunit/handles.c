// SPDX-License-Identifier: GPL-2.0
/*
 * The handle table of a client: single operations, and the maximum number of handles.
 */
#include <linux/bitmap.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "handles.h"

static struct ndshm_object *found_at(struct kunit *test, u64 offset)
{
	struct ndshm_object *object = ndshm_offset_find(test->priv, offset);

	if (object)
		refcount_dec(&object->references);
	return object;
}

static void empty_table(struct kunit *test)
{
	struct ndshm_handles *handles = test->priv;
	u32 number, at = 0;

	for (number = 0; number < 600; number++) {
		KUNIT_ASSERT_NULL(test, found(test, number));
		KUNIT_ASSERT_NULL(test, ndshm_handle_take(handles, number,
							  &some_kind));
		KUNIT_ASSERT_NULL(test, found_at(test, (u64)number << 21));
	}
	KUNIT_EXPECT_NULL(test, found(test, U32_MAX));
	KUNIT_EXPECT_NULL(test, found_at(test, U64_MAX));
	KUNIT_EXPECT_NULL(test, ndshm_handle_take_next(handles, &at));
	KUNIT_EXPECT_EQ(test, handles->live, 0);
}

static void one_life(struct kunit *test)
{
	struct ndshm_handles *handles = test->priv;
	struct ndshm_object object;
	u32 handle;

	init_object(&object, &some_kind);
	handle = reserve(test);
	KUNIT_EXPECT_NE(test, handle, 0);
	KUNIT_EXPECT_NE(test, INDEX(handle), 0);
	/* A reserved handle is not found. */
	KUNIT_EXPECT_NULL(test, found(test, handle));
	KUNIT_EXPECT_NULL(test, ndshm_handle_take(handles, handle, &some_kind));
	KUNIT_EXPECT_NULL(test, found_at(test, ndshm_handle_offset(handle)));
	KUNIT_EXPECT_EQ(test, handles->live, 0);

	ndshm_handle_publish(handles, handle, &object);
	KUNIT_EXPECT_EQ(test, object.handle, handle);
	KUNIT_EXPECT_EQ(test, handles->live, 1);
	/* Publishing consumes the caller's reference, and takes no other. */
	KUNIT_EXPECT_EQ(test, refcount_read(&object.references), 1);
	KUNIT_EXPECT_PTR_EQ(test, ndshm_handle_find(handles, handle), &object);
	KUNIT_EXPECT_EQ(test, refcount_read(&object.references), 2);
	KUNIT_EXPECT_PTR_EQ(test,
			    ndshm_offset_find(handles,
					      ndshm_handle_offset(handle)),
			    &object);
	KUNIT_EXPECT_EQ(test, refcount_read(&object.references), 3);

	KUNIT_EXPECT_NULL(test, ndshm_handle_take(handles, handle,
						  &other_kind));
	KUNIT_EXPECT_EQ(test, handles->live, 1);
	KUNIT_EXPECT_PTR_EQ(test, ndshm_handle_take(handles, handle,
						    &some_kind), &object);
	/* Taking a handle transfers its reference to the caller. */
	KUNIT_EXPECT_EQ(test, refcount_read(&object.references), 3);
	KUNIT_EXPECT_EQ(test, handles->live, 0);

	KUNIT_EXPECT_NULL(test, found(test, handle));
	KUNIT_EXPECT_NULL(test, found_at(test, ndshm_handle_offset(handle)));
	KUNIT_EXPECT_NULL(test, ndshm_handle_take(handles, handle, &some_kind));
}

/* A reserved or unreserved handle is never found. */
static void unreserved(struct kunit *test)
{
	struct ndshm_handles *handles = test->priv;
	u32 first = reserve(test), second = reserve(test);

	KUNIT_EXPECT_NE(test, INDEX(first), INDEX(second));
	ndshm_handle_cancel(handles, first);
	KUNIT_EXPECT_NULL(test, found(test, first));
	KUNIT_EXPECT_EQ(test, handles->live, 0);
	/* The slot is reused, with another handle. */
	KUNIT_EXPECT_NE(test, reserve(test), first);
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

/* ndshm_handle_take_next() takes published handles only, from an index on. */
static void take_next(struct kunit *test)
{
	struct ndshm_handles *handles = test->priv;
	u32 *numbers, n = 600, i, at, last = 0, taken = 0;
	struct ndshm_object object;

	numbers = kunit_kmalloc_array(test, n, sizeof(*numbers), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, numbers);
	init_object(&object, &some_kind);
	for (i = 0; i < n; i++)
		numbers[i] = reserve(test);
	for (i = 0; i < n; i += 7) {
		refcount_inc(&object.references);
		ndshm_handle_publish(handles, numbers[i], &object);
		last = max(last, INDEX(numbers[i]));
		taken++;
	}
	/* An index beyond the last slot finds none. */
	at = U32_MAX;
	KUNIT_EXPECT_NULL(test, ndshm_handle_take_next(handles, &at));
	at = last;
	KUNIT_EXPECT_PTR_EQ(test, ndshm_handle_take_next(handles, &at),
			    &object);
	taken--;
	KUNIT_EXPECT_NULL(test, ndshm_handle_take_next(handles, &at));
	for (at = 0; ndshm_handle_take_next(handles, &at); taken--)
		KUNIT_ASSERT_LT(test, at, last);
	KUNIT_EXPECT_EQ(test, taken, 0);
	KUNIT_EXPECT_EQ(test, handles->live, 0);
	/* Reserved handles are not taken. */
	refcount_inc(&object.references);
	ndshm_handle_publish(handles, numbers[1], &object);
	KUNIT_EXPECT_PTR_EQ(test, found(test, numbers[1]), &object);
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

static struct kunit_case handles_cases[] = {
	KUNIT_CASE(empty_table),
	KUNIT_CASE(one_life),
	KUNIT_CASE(unreserved),
	KUNIT_CASE(generations),
	KUNIT_CASE(exhaustion),
	KUNIT_CASE(take_next),
	KUNIT_CASE(take_many),
	KUNIT_CASE(offsets),
	KUNIT_CASE(every_offset),
	{}
};

static struct kunit_suite handles_suite = {
	.name = SUITE_NAME("handles"),
	.init = handles_init,
	.exit = handles_exit,
	.test_cases = handles_cases,
};

kunit_test_suite(handles_suite);
