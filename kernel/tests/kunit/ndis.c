// SPDX-License-Identifier: GPL-2.0
/*
 * Conversion between NDIS's structures and ndshm's: lists, and the status of every reason.
 */
#include "suite.h"

#include <linux/slab.h>
#include <linux/string.h>

#include "../../ndis/parameters.c"
#undef MOST_BYTES
#include "../../ndis/mapping.c"

static void list_capacity(struct kunit *test)
{
	ULONG bytes, elements;

	for (bytes = 0; bytes < 200; bytes++) {
		elements = bytes < 16 ? 0 : (bytes - 16) / 24;
		KUNIT_EXPECT_EQ_MSG(test, ndshm_ndis_list_capacity(bytes),
				    elements, "%u bytes", bytes);
	}
	KUNIT_EXPECT_EQ(test, ndshm_ndis_list_capacity(0xffffffff),
			(0xffffffff - 16) / 24);
}

#define MOST_SEGMENTS	6

/* Compare the address of each byte by the segments and by the list. */
static void expect_same_bytes(struct kunit *test,
			      const struct ndshm_segment *segments,
			      const SCATTER_GATHER_LIST *list, ULONG length)
{
	u64 in_segment = 0, in_element = 0, i;
	u32 s = 0, e = 0;

	for (i = 0; i < length; i++, in_segment++, in_element++) {
		if (in_segment == segments[s].length) {
			in_segment = 0;
			s++;
		}
		if (in_element == list->Elements[e].Length) {
			in_element = 0;
			e++;
		}
		KUNIT_ASSERT_LT(test, e, list->NumberOfElements);
		KUNIT_ASSERT_EQ(test, segments[s].address + in_segment,
				(u64)list->Elements[e].Address.QuadPart +
				in_element);
	}
	KUNIT_ASSERT_EQ(test, e + 1, list->NumberOfElements);
	KUNIT_ASSERT_EQ(test, in_element, list->Elements[e].Length);
}

static void fill_list(struct kunit *test)
{
	struct rnd_state random = suite_random(test);
	struct ndshm_segment segments[MOST_SEGMENTS];
	size_t bytes = 16 + (MOST_SEGMENTS + 1) * 24;
	u32 round, i, count, capacity, needed;
	SCATTER_GATHER_LIST *list;
	u64 total, left;
	ULONG length;
	bool filled;

	list = kunit_kmalloc(test, bytes, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, list);
	for (round = 0; round < 5000; round++) {
		count = 1 + suite_below(&random, MOST_SEGMENTS);
		capacity = suite_below(&random, MOST_SEGMENTS + 1);
		for (i = 0, total = 0; i < count; i++) {
			segments[i].address = suite_random_u64(&random) >> 1;
			segments[i].length = 1 + suite_below(&random, 20);
			total += segments[i].length;
		}
		length = 1 + suite_below(&random, total + 2);
		for (needed = 0, left = length; needed < count && left;
		     needed++)
			left -= min(left, segments[needed].length);
		memset(list, 0xa5, bytes);

		filled = ndshm_ndis_fill_list(list, capacity, segments, count,
					      length);

		KUNIT_ASSERT_EQ(test, filled, !left && needed <= capacity);
		if (filled)
			expect_same_bytes(test, segments, list, length);
		i = filled ? 16 + needed * 24 : 0;
		KUNIT_ASSERT_NULL(test, memchr_inv((u8 *)list + i, 0xa5,
						   bytes - i));
	}
	/* A segment above 32 bits, used in part. */
	segments[0].length = 1ULL << 40;
	KUNIT_ASSERT_TRUE(test, ndshm_ndis_fill_list(list, 1, segments, 1,
						     0xffffffff));
	KUNIT_EXPECT_EQ(test, list->Elements[0].Length, 0xffffffff);
}

struct ndis_statuses {
	ndshm_status_t status;
	NDIS_STATUS allocation;
	NDIS_STATUS registration;
};

#define NDIS_STATUSES(status_, allocation_, registration_) { \
	.status = NDSHM_STATUS_##status_, \
	.allocation = NDIS_STATUS_##allocation_, \
	.registration = NDIS_STATUS_##registration_, \
}

/* Every status of a reason, as the result of an allocation and of a registration. */
static const struct ndis_statuses all_statuses[] = {
	NDIS_STATUSES(SUCCESS, SUCCESS, SUCCESS),
	NDIS_STATUSES(PENDING, FAILURE, FAILURE),
	NDIS_STATUSES(BUSY, FAILURE, FAILURE),
	NDIS_STATUSES(FAILURE, FAILURE, FAILURE),
	NDIS_STATUSES(INVALID_PARAMETER, INVALID_PARAMETER, FAILURE),
	NDIS_STATUSES(RESOURCES, RESOURCES, RESOURCES),
	NDIS_STATUSES(NOT_SUPPORTED, INVALID_PARAMETER, FAILURE),
	NDIS_STATUSES(INVALID_STATE, FAILURE, FAILURE),
	NDIS_STATUSES(CLOSING, FAILURE, FAILURE),
	NDIS_STATUSES(BAD_VERSION, FAILURE, FAILURE),
	NDIS_STATUSES(BAD_CHARACTERISTICS, FAILURE, FAILURE),
	NDIS_STATUSES(ADAPTER_NOT_FOUND, FAILURE, FAILURE),
	NDIS_STATUSES(OPEN_FAILED, FAILURE, FAILURE),
	NDIS_STATUSES(REQUEST_ABORTED, FAILURE, FAILURE),
	NDIS_STATUSES(BUFFER_TOO_SHORT, INVALID_PARAMETER, FAILURE),
	NDIS_STATUSES(ADAPTER_REMOVED, FAILURE, FAILURE),
	NDIS_STATUSES(FILE_NOT_FOUND, FAILURE, FAILURE),
	NDIS_STATUSES(RESOURCE_CONFLICT, FAILURE, FAILURE),
	NDIS_STATUSES(INVALID_ADDRESS, FAILURE, FAILURE),
	NDIS_STATUSES(UNSUPPORTED_REVISION, FAILURE, FAILURE),
};

/* The status of each reason. */
#define NDSHM_EXPECT(reason_, status_, ...) \
	[(__force u32)NDSHM_REASON_##reason_] = NDSHM_STATUS_##status_,

static const ndshm_status_t status_of_reason[] = {
#include "../../../selftests/lib/ndshm_expected_reasons.h"
};

static void expect_statuses(struct kunit *test, u32 number,
			    const struct ndis_statuses *expected)
{
	ndshm_reason_t reason = (__force ndshm_reason_t)number;

	KUNIT_EXPECT_EQ_MSG(test, expected->allocation,
			    ndshm_ndis_allocation_status(reason), "%s",
			    ndshm_reason_name(reason));
	KUNIT_EXPECT_EQ_MSG(test, expected->registration,
			    ndshm_ndis_registration_status(reason), "%s",
			    ndshm_reason_name(reason));
}

static const struct ndis_statuses *find_statuses(ndshm_status_t status)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(all_statuses); i++)
		if (all_statuses[i].status == status)
			return &all_statuses[i];
	return NULL;
}

static void statuses(struct kunit *test)
{
	static const struct ndis_statuses unknown =
		NDIS_STATUSES(FAILURE, FAILURE, FAILURE);
	const struct ndis_statuses *expected;
	u32 i;

	KUNIT_ASSERT_EQ(test, ARRAY_SIZE(status_of_reason),
			NDSHM_REASON_COUNT_KNOWN);
	for (i = 0; i < ARRAY_SIZE(status_of_reason); i++) {
		expected = find_statuses(status_of_reason[i]);
		KUNIT_ASSERT_NOT_NULL(test, expected);
		expect_statuses(test, i, expected);
	}
	/* Unknown reasons. */
	for (; i < NDSHM_REASON_COUNT_KNOWN + 10; i++)
		expect_statuses(test, i, &unknown);
	expect_statuses(test, U32_MAX, &unknown);
}

#define CHUNK(page, pages)	{ .physical = (page) * PAGE_SIZE, .length = (pages) * PAGE_SIZE }

/* Lists of a provider: whether they are valid, and what is mapped of valid ones. */
static const struct {
	struct ndshm_ndis_chunk chunks[3];
	u32 count;
	ULONG length;
	bool valid;
	u32 cut;	/* number of chunks mapped, and pages of the last one */
	u32 pages;
} chunk_rows[] = {
	{ { CHUNK(7, 1), CHUNK(3, 2), CHUNK(5, 2) }, 3, 5 * PAGE_SIZE, true, 3, 2 },
	{ { CHUNK(7, 1), CHUNK(3, 2), CHUNK(5, 2) }, 3, 4 * PAGE_SIZE, true, 3, 1 },
	{ { CHUNK(7, 1), CHUNK(3, 2), CHUNK(5, 2) }, 3, 3 * PAGE_SIZE, true, 2, 2 },
	{ { CHUNK(7, 1), CHUNK(3, 2), CHUNK(5, 2) }, 3, 2 * PAGE_SIZE, true, 2, 1 },
	/* With the whole of the last page. */
	{ { CHUNK(7, 1), CHUNK(3, 2), CHUNK(5, 2) }, 3, PAGE_SIZE + 1, true, 2, 1 },
	{ { CHUNK(7, 1), CHUNK(3, 2), CHUNK(5, 2) }, 3, PAGE_SIZE, true, 1, 1 },
	{ { CHUNK(7, 1), CHUNK(3, 2), CHUNK(5, 2) }, 3, 1, true, 1, 1 },
	{ { CHUNK(7, 1), CHUNK(3, 2), CHUNK(5, 2) }, 3, 5 * PAGE_SIZE + 1, false },
	/* More than 32 bits in total. */
	{ { CHUNK(0, U32_MAX / PAGE_SIZE), CHUNK(1 << 20, U32_MAX / PAGE_SIZE) }, 2,
	  U32_MAX & PAGE_MASK, true, 1, U32_MAX / PAGE_SIZE },
	/* A page twice, in either order. */
	{ { CHUNK(3, 2), CHUNK(4, 1) }, 2, 1, false },
	{ { CHUNK(4, 1), CHUNK(3, 2) }, 2, 1, false },
	/* Only the last one of the list may end within a page, wherever its memory is. */
	{ { CHUNK(9, 1), { 3 * PAGE_SIZE, .length = PAGE_SIZE - 8 } }, 2, 2 * PAGE_SIZE - 8, true,
	  2, 1 },
	{ { CHUNK(9, 1), { 3 * PAGE_SIZE, .length = PAGE_SIZE - 8 } }, 2, 2 * PAGE_SIZE - 7 },
	{ { { 1 * PAGE_SIZE, .length = PAGE_SIZE - 8 }, CHUNK(3, 1) }, 2, 1, false },
	{ { { 1 * PAGE_SIZE + 8, .length = PAGE_SIZE } }, 1, 1, false },
	{ { CHUNK(1, 0), CHUNK(2, 1) }, 2, 1, false },
	/* Up to the highest address, and beyond. */
	{ { { -(u64)PAGE_SIZE, .length = PAGE_SIZE } }, 1, PAGE_SIZE, true, 1, 1 },
	{ { { -(u64)PAGE_SIZE, .length = 2 * PAGE_SIZE } }, 1, 1, false },
};

static void chunks(struct kunit *test)
{
	struct ndshm_ndis_chunk chunks[3];
	unsigned int i, cut;

	for (i = 0; i < ARRAY_SIZE(chunk_rows); i++) {
		memcpy(chunks, chunk_rows[i].chunks, sizeof(chunks));
		KUNIT_EXPECT_EQ_MSG(test, chunk_rows[i].valid,
				    ndshm_ndis_chunks_valid(chunks, chunk_rows[i].count,
							    chunk_rows[i].length), "row %u", i);
		if (!chunk_rows[i].valid)
			continue;
		memcpy(chunks, chunk_rows[i].chunks, sizeof(chunks));
		cut = ndshm_ndis_chunks_cut(chunks, chunk_rows[i].count, chunk_rows[i].length);
		KUNIT_ASSERT_EQ_MSG(test, cut, chunk_rows[i].cut, "row %u", i);
		KUNIT_EXPECT_EQ_MSG(test, chunks[cut - 1].length, chunk_rows[i].pages * PAGE_SIZE,
				    "row %u", i);
		KUNIT_EXPECT_EQ(test, chunks[0].physical, chunk_rows[i].chunks[0].physical);
	}
}

static struct kunit_case ndis_cases[] = {
	KUNIT_CASE(list_capacity),
	KUNIT_CASE(fill_list),
	KUNIT_CASE(statuses),
	KUNIT_CASE(chunks),
	{}
};

static struct kunit_suite ndis_suite = {
	.name = "ndshm_ndis",
	.test_cases = ndis_cases,
};

kunit_test_suite(ndis_suite);
