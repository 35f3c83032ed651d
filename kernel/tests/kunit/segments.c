// SPDX-License-Identifier: GPL-2.0
/*
 * Lists of segments: all short ones, at the bottom, in the middle and at the top of the
 * address space, compared with a byte map; random ones, compared with a check of all
 * pairs.
 */
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "../../base/params.h"
#include "suite.h"

/* Number of addresses that short lists use. */
#define WINDOW	8

/* First addresses of the windows. */
static const u64 bases[] = {
	0, SZ_4G - 2, (1ULL << 63) - 2, U64_MAX - 4,
};

/* Mark every byte. Return: the length of a valid list, otherwise 0. */
static u64 naive_total(const struct ndshm_segment *segments, u32 count,
		       u64 base)
{
	bool taken[WINDOW] = {};
	u64 total = 0, byte, at;
	u32 i;

	for (i = 0; i < count; i++) {
		if (!segments[i].length)
			return 0;
		for (byte = 0; byte < segments[i].length; byte++) {
			/* The segment exceeds the address space. */
			if (byte && segments[i].address + byte == 0)
				return 0;
			at = segments[i].address + byte - base;
			if (taken[at])
				return 0;
			taken[at] = true;
			total++;
		}
	}
	return total;
}

/*
 * Try all lists of @count segments with addresses base to base + 4 and lengths 0 to 3,
 * all requested lengths and both flags. @scratch has exactly the required size.
 */
static u32 try_lists(struct kunit *test, u32 count, u64 base,
		     struct ndshm_segment *scratch)
{
	struct ndshm_segment segments[4], before[4];
	u32 i, n, left, combinations = 1, tried = 0;
	u64 total, length;
	bool contiguous, valid, expected;

	for (i = 0; i < count; i++)
		combinations *= 5 * 4;
	for (n = 0; n < combinations; n++) {
		cond_resched();
		left = n;
		for (i = 0; i < count; i++) {
			segments[i].address = base + left % 5;
			left /= 5;
			segments[i].length = left % 4;
			left /= 4;
		}
		memcpy(before, segments, sizeof(before));
		total = naive_total(segments, count, base);
		for (length = 1; length <= WINDOW; length++) {
			for (i = 0; i < 2; i++, tried++) {
				contiguous = i;
				valid = ndshm_segments_valid(segments, count,
							     length,
							     contiguous ?
							     NDSHM_ALLOC_CONTIGUOUS : 0,
							     scratch);
				expected = total >= length &&
					   (count == 1 || !contiguous);
				KUNIT_ASSERT_EQ_MSG(test, valid, expected,
						    "base %#llx list %u of %u, length %llu, contiguous %d",
						    base, n, count, length,
						    contiguous);
			}
		}
		KUNIT_ASSERT_EQ(test, memcmp(before, segments,
					     count * sizeof(*segments)), 0);
	}
	return tried;
}

static void no_segment(struct kunit *test)
{
	struct ndshm_segment segment = { 0, PAGE_SIZE };

	KUNIT_EXPECT_FALSE(test, ndshm_segments_valid(&segment, 0, PAGE_SIZE, 0,
						      NULL));
	KUNIT_EXPECT_FALSE(test, ndshm_segments_valid(NULL, 0, PAGE_SIZE,
						      NDSHM_ALLOC_CONTIGUOUS,
						      NULL));
}

static void all_small_lists(struct kunit *test)
{
	struct ndshm_segment *scratch;
	u32 i, count, tried = 0;

	for (count = 1; count <= 3; count++) {
		/* A single segment needs no scratch memory. */
		scratch = count == 1 ? NULL :
			  kunit_kmalloc_array(test, count, sizeof(*scratch),
					      GFP_KERNEL);
		for (i = 0; i < ARRAY_SIZE(bases); i++)
			tried += try_lists(test, count, bases[i], scratch);
	}
	kunit_info(test, "%u lists\n", tried);
}

struct edge {
	const char *name;
	u64 length;
	bool valid;
	u32 count;
	struct ndshm_segment segments[3];
};

static const struct edge edges[] = {
	{ "the last byte", 1, true, 1, { { U64_MAX, 1 } } },
	{ "beyond the last byte", 1, false, 1, { { U64_MAX, 2 } } },
	{ "the last page", PAGE_SIZE, true, 1,
	  { { -(u64)PAGE_SIZE, PAGE_SIZE } } },
	{ "a byte beyond the last page", PAGE_SIZE, false, 1,
	  { { -(u64)PAGE_SIZE, PAGE_SIZE + 1 } } },
	{ "all but a byte", U64_MAX, true, 1, { { 0, U64_MAX } } },
	{ "all but a byte, from the second", U64_MAX, true, 1,
	  { { 1, U64_MAX } } },
	{ "one more than there is", U64_MAX, false, 1, { { 2, U64_MAX } } },
	{ "a byte less than asked for", U64_MAX, false, 1,
	  { { 0, U64_MAX - 1 } } },
	{ "both ends", 2, true, 2, { { U64_MAX, 1 }, { 0, 1 } } },
	{ "from one end to the other", 2, false, 2,
	  { { U64_MAX, 2 }, { 1, 1 } } },
	{ "halves, with a byte missing", U64_MAX, true, 2,
	  { { 1ULL << 63, (1ULL << 63) - 1 }, { 0, 1ULL << 63 } } },
	/* The sum exceeds 64 bits. */
	{ "halves", U64_MAX, false, 2,
	  { { 1ULL << 63, 1ULL << 63 }, { 0, 1ULL << 63 } } },
	{ "lengths that add up to little", 2, false, 3,
	  { { 0, 1ULL << 63 }, { 1ULL << 63, 1ULL << 63 }, { 0, 2 } } },
	{ "the same twice", 1, false, 2, { { 16, 1 }, { 16, 1 } } },
	{ "one inside another", 1, false, 2, { { 16, 16 }, { 20, 1 } } },
	{ "one around another", 1, false, 2, { { 20, 1 }, { 16, 16 } } },
	{ "neighbours", 32, true, 2, { { 32, 16 }, { 16, 16 } } },
	{ "neighbours that share a byte", 32, false, 2,
	  { { 31, 16 }, { 16, 16 } } },
	{ "nothing at the top", 1, false, 2, { { U64_MAX, 0 }, { 0, 1 } } },
	{ "nothing at the bottom", 1, false, 2, { { 0, 0 }, { 16, 1 } } },
};

static void describe_edge(const struct edge *edge, char *desc)
{
	strscpy(desc, edge->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(edge, edges, describe_edge);

static void edge_of_64_bits(struct kunit *test)
{
	const struct edge *edge = test->param_value;
	struct ndshm_segment scratch[3];

	KUNIT_EXPECT_EQ(test, ndshm_segments_valid(edge->segments, edge->count,
						   edge->length, 0, scratch),
			edge->valid);
}

/* Compare every pair; sum in 128 bits. */
static bool naive_valid(const struct ndshm_segment *segments, u32 count,
			u64 length)
{
	u64 low = 0, high = 0;
	u32 i, j;

	for (i = 0; i < count; i++) {
		const struct ndshm_segment *a = &segments[i];

		if (!a->length || a->address > U64_MAX - (a->length - 1))
			return false;
		low += a->length;
		high += low < a->length;
		for (j = 0; j < i; j++) {
			const struct ndshm_segment *b = &segments[j];

			if (a->address <= b->address + (b->length - 1) &&
			    b->address <= a->address + (a->length - 1))
				return false;
		}
	}
	return !high && low >= length;
}

#define MOST	48

/* Generate a valid list in random order. */
static u32 good_list(struct rnd_state *random, struct ndshm_segment *segments)
{
	u32 i, j, count = 1 + suite_below(random, MOST);
	u64 at = suite_below(random, 2) ? 0 : suite_random_u64(random) / 2;

	for (i = 0; i < count; i++) {
		at += suite_below(random, 2) ? 0 : prandom_u32_state(random);
		segments[i].address = at;
		segments[i].length = 1 + suite_below(random, SZ_1G);
		at += segments[i].length;
	}
	for (i = count - 1; i > 0; i--) {
		j = suite_below(random, i + 1);
		swap(segments[i], segments[j]);
	}
	return count;
}

static void spoil(struct rnd_state *random, struct ndshm_segment *segment,
		  const struct ndshm_segment *other)
{
	switch (suite_below(random, 8)) {
	case 0:
		segment->length = 0;
		break;
	case 1:
		*segment = *other;
		break;
	case 2:
		segment->address = other->address + other->length - 1;
		break;
	case 3:
		segment->length++;
		break;
	case 4:
		segment->length = -segment->address;
		break;
	case 5:
		segment->length = 1 - segment->address;
		break;
	case 6:
		segment->address = suite_random_u64(random);
		segment->length = suite_random_u64(random);
		break;
	case 7:
		segment->address--;
		break;
	}
}

static void random_lists(struct kunit *test)
{
	struct rnd_state random = suite_random(test);
	struct ndshm_segment *segments, *scratch;
	u32 i, n, count, valid_ones = 0, rounds = 10000;
	u64 total;
	bool valid;

	segments = kunit_kmalloc_array(test, MOST, sizeof(*segments),
				       GFP_KERNEL);
	scratch = kunit_kmalloc_array(test, MOST, sizeof(*segments),
				      GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, segments);
	KUNIT_ASSERT_NOT_NULL(test, scratch);
	for (n = 0; n < rounds; n++) {
		cond_resched();
		count = good_list(&random, segments);
		for (i = suite_below(&random, 3); i; i--)
			spoil(&random, &segments[suite_below(&random, count)],
			      &segments[suite_below(&random, count)]);
		for (i = 0, total = 0; i < count; i++)
			total += segments[i].length;
		total += suite_below(&random, 3) - 1;
		valid = naive_valid(segments, count, total);
		valid_ones += valid;
		KUNIT_ASSERT_EQ_MSG(test, ndshm_segments_valid(segments, count,
							       total, 0,
							       scratch),
				    valid, "round %u", n);
	}
	/* Both outcomes were tested. */
	KUNIT_EXPECT_GT(test, valid_ones, rounds / 10);
	KUNIT_EXPECT_LT(test, valid_ones, rounds - rounds / 10);
	kunit_info(test, "%u lists, %u of them valid\n", rounds, valid_ones);
}

/* Long lists, sorted in both directions, and with one error at either end. */
static void long_lists(struct kunit *test)
{
	static const u32 steps[] = { 1, 2, 7919, 9995, 19999 };
	const u32 count = 20000;
	const u64 length = (u64)count * PAGE_SIZE;
	struct ndshm_segment *segments, *scratch;
	u32 i, n;

	segments = kunit_kmalloc_array(test, count, sizeof(*segments),
				       GFP_KERNEL);
	scratch = kunit_kmalloc_array(test, count, sizeof(*segments),
				      GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, segments);
	KUNIT_ASSERT_NOT_NULL(test, scratch);
	/* A step coprime to the count visits every page once; any other visits some repeatedly. */
	for (n = 0; n < ARRAY_SIZE(steps); n++) {
		for (i = 0; i < count; i++) {
			segments[i].address = (u64)(i * steps[n] % count) *
					      PAGE_SIZE;
			segments[i].length = PAGE_SIZE;
		}
		KUNIT_EXPECT_EQ(test, ndshm_segments_valid(segments, count,
							   length, 0, scratch),
				steps[n] % 2 && steps[n] % 5);
	}
	for (i = 0; i < count; i++)
		segments[i].address = (u64)(count - i) * PAGE_SIZE;
	KUNIT_EXPECT_TRUE(test, ndshm_segments_valid(segments, count, length, 0,
						     scratch));
	KUNIT_EXPECT_FALSE(test, ndshm_segments_valid(segments, count,
						      length + 1, 0, scratch));
	segments[0].address--;
	KUNIT_EXPECT_FALSE(test, ndshm_segments_valid(segments, count, length,
						      0, scratch));
	segments[0].address++;
	segments[count - 1].length++;
	KUNIT_EXPECT_FALSE(test, ndshm_segments_valid(segments, count, length,
						      0, scratch));
}

/* Status first, then the amount of memory, then the segments, which need not be sorted. */
static void replies(struct kunit *test)
{
	struct ndshm_segment segments[] = { { PAGE_SIZE, PAGE_SIZE }, { 0, PAGE_SIZE } };
	struct ndshm_segment_list list = { .count = 2, .segments = segments };
	struct ndshm_parameters requested = { .length = PAGE_SIZE + 1 };

#define EXPECT_REPLY(status, consumed, reason) \
	KUNIT_EXPECT_EQ(test, (__force u32)NDSHM_REASON_##reason, \
			(__force u32)ndshm_check_reply(NDSHM_STATUS_##status, &requested, \
						       &list, consumed))

	EXPECT_REPLY(SUCCESS, 0, NONE);
	EXPECT_REPLY(SUCCESS, NDSHM_MOST_BYTES, NONE);
	EXPECT_REPLY(SUCCESS, NDSHM_MOST_BYTES + 1, PROVIDER_BAD_REPLY);
	KUNIT_EXPECT_EQ(test, segments[0].address, PAGE_SIZE);
	requested.flags = NDSHM_ALLOC_CONTIGUOUS;
	EXPECT_REPLY(SUCCESS, 0, PROVIDER_BAD_REPLY);
	requested.flags = 0;
	/* Two pages are required, also for less than two. */
	segments[1].length--;
	EXPECT_REPLY(SUCCESS, 0, PROVIDER_BAD_REPLY);
	list.count = 0;
	EXPECT_REPLY(SUCCESS, 0, PROVIDER_BAD_REPLY);
	EXPECT_REPLY(RESOURCES, 0, PROVIDER_RESOURCES);
	EXPECT_REPLY(PENDING, NDSHM_MOST_BYTES + 1, PROVIDER_UNDOCUMENTED);
}

static struct kunit_case segments_cases[] = {
	KUNIT_CASE(no_segment),
	KUNIT_CASE(all_small_lists),
	KUNIT_CASE_PARAM(edge_of_64_bits, edge_gen_params),
	KUNIT_CASE(random_lists),
	KUNIT_CASE(long_lists),
	KUNIT_CASE(replies),
	{}
};

static struct kunit_suite segments_suite = {
	.name = SUITE_NAME("segments"),
	.test_cases = segments_cases,
};

kunit_test_suite(segments_suite);
