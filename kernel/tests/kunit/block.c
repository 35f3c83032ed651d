// SPDX-License-Identifier: GPL-2.0
/*
 * Block arithmetic: the upper bound of the memory for a length, and the list of segments
 * that an allocate handler fills.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "../../block/block.h"
#include "suite.h"

/* Double a page until the length fits. */
static u64 naive_bound(u64 length)
{
	u64 bound = PAGE_SIZE;

	while (bound < length)
		bound *= 2;
	return bound;
}

static void try_bound(struct kunit *test, u64 length)
{
	KUNIT_ASSERT_EQ_MSG(test, ndshm_upper_bound(length),
			    naive_bound(length), "length %#llx", length);
}

/* Lengths up to 2^46, the maximum that can be configured. */
static void upper_bound(struct kunit *test)
{
	struct rnd_state random = suite_random(test);
	int bit, off;
	u64 length;

	for (length = 1; length <= 16 * PAGE_SIZE + 1; length++)
		try_bound(test, length);
	for (bit = 0; bit <= 46; bit++) {
		for (off = -3; off <= 3; off++) {
			length = (1ULL << bit) + off;
			if (length && length <= 1ULL << 46)
				try_bound(test, length);
			length = (1ULL << bit) + off * (s64)PAGE_SIZE;
			if (length && length <= 1ULL << 46)
				try_bound(test, length);
		}
	}
	for (off = 0; off < 100000; off++) {
		length = suite_random_u64(&random) >>
			 (18 + suite_below(&random, 46));
		try_bound(test, length ?: 1);
	}
}

/* As in the core: the first entry is a member of the block. */
static void init_list(struct ndshm_segment_list *list,
		      struct ndshm_segment *first)
{
	*list = (struct ndshm_segment_list){
		.capacity = 1, .segments = first,
	};
}

static void one_segment(struct kunit *test)
{
	struct ndshm_segment_list list;
	struct ndshm_segment first;

	init_list(&list, &first);
	KUNIT_EXPECT_EQ(test, ndshm_list_add(&list, 5, 7), 0);
	KUNIT_EXPECT_PTR_EQ(test, list.segments, &first);
	KUNIT_EXPECT_EQ(test, list.count, 1);
	KUNIT_EXPECT_EQ(test, list.capacity, 1);
	KUNIT_EXPECT_EQ(test, first.address, 5);
	KUNIT_EXPECT_EQ(test, first.length, 7);
}

/* Segments keep their order when the list is reallocated. */
static void many_segments(struct kunit *test)
{
	struct ndshm_segment_list list;
	struct ndshm_segment first;
	u32 i, n;

	for (n = 2; n <= 70000; n = n * 3 - 1) {
		init_list(&list, &first);
		for (i = 0; i < n; i++)
			KUNIT_ASSERT_EQ(test, ndshm_list_add(&list, U64_MAX - i,
							     i), 0);
		KUNIT_EXPECT_EQ(test, list.count, n);
		KUNIT_EXPECT_GE(test, list.capacity, n);
		KUNIT_EXPECT_PTR_NE(test, list.segments, &first);
		for (i = 0; i < n; i++) {
			KUNIT_ASSERT_EQ(test, list.segments[i].address,
					U64_MAX - i);
			KUNIT_ASSERT_EQ(test, list.segments[i].length, i);
		}
		kvfree(list.segments);
	}
}

/* A segment that cannot be added does not change the list. */
static void endless_list(struct kunit *test)
{
	struct ndshm_segment first = { 1, 2 };
	struct ndshm_segment_list list = {
		.capacity = BIT(31), .count = BIT(31), .segments = &first,
	};

	KUNIT_EXPECT_EQ(test, ndshm_list_add(&list, 5, 7), -ENOMEM);
	KUNIT_EXPECT_EQ(test, list.capacity, BIT(31));
	KUNIT_EXPECT_EQ(test, list.count, BIT(31));
	KUNIT_EXPECT_PTR_EQ(test, list.segments, &first);
	KUNIT_EXPECT_EQ(test, first.address, 1);
	KUNIT_EXPECT_EQ(test, first.length, 2);
}

static struct kunit_case block_cases[] = {
	KUNIT_CASE(upper_bound),
	KUNIT_CASE(one_segment),
	KUNIT_CASE(many_segments),
	KUNIT_CASE(endless_list),
	{}
};

static struct kunit_suite block_suite = {
	.name = SUITE_NAME("block"),
	.test_cases = block_cases,
};

kunit_test_suite(block_suite);
