// SPDX-License-Identifier: GPL-2.0
/*
 * Between NDIS's structures and ndshm's: every header around each limit, what becomes
 * of each member in both directions, lists, and every reason as a documented status.
 */
#include <linux/numa.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../../ndis/parameters.h"
#include "suite.h"

static ALLOCATE_SHARED_MEMORY allocate;
static FREE_SHARED_MEMORY take_back;

static NDIS_STATUS allocate(NDIS_HANDLE context,
			    PNDIS_SHARED_MEMORY_PARAMETERS parameters,
			    PNDIS_HANDLE out)
{
	return NDIS_STATUS_FAILURE;
}

static VOID take_back(NDIS_HANDLE context, NDIS_HANDLE block)
{
}

/* Sizes around three limits, of 64-bit machines, and some far from them. */
static const u16 sizes[] = {
	0, 1, 3, 4, 8, 20, 31, 32, 33, 40, 44, 63, 64, 65, 66, 67, 68, 69, 71,
	72, 73, 96, 128, 0x2000, 0x4000, 0x8000, 0xfffe, 0xffff,
};

static void headers(struct kunit *test)
{
	static NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS full = {
		.AllocateSharedMemoryHandler = allocate,
		.FreeSharedMemoryHandler = take_back,
	};
	NDIS_SHARED_MEMORY_PARAMETERS *p;
	NDIS_DRIVER_OPTIONAL_HANDLERS *bare, *c;
	NDIS_OBJECT_HEADER header;
	bool c_good, p_good;
	int type, revision;
	unsigned int i;

	/* With nothing behind them: reading further is found out. */
	bare = kunit_kmalloc(test, sizeof(header), GFP_KERNEL);
	p = kunit_kmalloc(test, sizeof(header), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bare);
	KUNIT_ASSERT_NOT_NULL(test, p);
	for (type = 0; type < 256; type++) {
		cond_resched();
		for (revision = 0; revision < 256; revision++) {
			for (i = 0; i < ARRAY_SIZE(sizes); i++) {
				header.Type = type;
				header.Revision = revision;
				header.Size = sizes[i];
				c_good = type == 0xb0 && revision &&
					 sizes[i] >= 32;
				p_good = type == 0x80 && revision &&
					 sizes[i] >= (revision == 1 ? 64 : 68);
				c = sizes[i] < 32 ? bare : (void *)&full;
				c->Header = header;
				memcpy(p, &header, sizeof(header));
				KUNIT_ASSERT_EQ_MSG(test, c_good,
						    ndshm_ndis_characteristics_valid(c),
						    "type %#x revision %d size %u",
						    type, revision, sizes[i]);
				KUNIT_ASSERT_EQ_MSG(test, p_good,
						    ndshm_ndis_parameters_valid(p),
						    "type %#x revision %d size %u",
						    type, revision, sizes[i]);
			}
		}
	}
}

static void handlers(struct kunit *test)
{
	NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS c = {
		.Header = { .Type = 0xb0, .Revision = 1, .Size = 32 },
	};
	int i;

	for (i = 0; i < 4; i++) {
		c.AllocateSharedMemoryHandler = i & 1 ? allocate : NULL;
		c.FreeSharedMemoryHandler = i & 2 ? take_back : NULL;
		KUNIT_EXPECT_EQ(test, i == 3,
				ndshm_ndis_characteristics_valid((void *)&c));
	}
}

static NDIS_SHARED_MEMORY_PARAMETERS some_parameters(u8 revision)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = {
		.Header = { .Type = 0x80, .Revision = revision, .Size = 72 },
		.Flags = 0xf1a65,
		.QueueId = 0x51,
		.PreferredNode = MM_ANY_NODE_OK,
		.Usage = NdisSharedMemoryUsageOther,
		.Length = 0xfffff000,
		.VPortId = 0x52,
	};

	return p;
}

static void to_native(struct kunit *test)
{
	NDIS_SHARED_MEMORY_PARAMETERS p;
	struct ndshm_parameters native;
	int revision;

	for (revision = 1; revision < 256; revision++) {
		p = some_parameters(revision);
		memset(&native, 0xff, sizeof(native));
		KUNIT_ASSERT_EQ(test, (__force u32)NDSHM_REASON_NONE,
				(__force u32)ndshm_ndis_to_native(&native, &p));
		KUNIT_EXPECT_EQ(test, native.header.type, 0x80);
		KUNIT_EXPECT_EQ(test, native.header.revision, min(revision, 2));
		KUNIT_EXPECT_EQ(test, native.header.size, revision == 1 ?
				NDSHM_SIZEOF_PARAMETERS_REVISION_1 :
				NDSHM_SIZEOF_PARAMETERS_REVISION_2);
		KUNIT_EXPECT_EQ(test, native.flags, 0xf1a65);
		KUNIT_EXPECT_EQ(test, native.queue_id, 0x51);
		KUNIT_EXPECT_EQ(test, native.preferred_node, NUMA_NO_NODE);
		KUNIT_EXPECT_EQ(test, native.usage, NDSHM_USAGE_OTHER);
		KUNIT_EXPECT_EQ(test, native.length, 0xfffff000);
		KUNIT_EXPECT_EQ(test, native.vport_id,
				revision == 1 ? 0 : 0x52);
		KUNIT_EXPECT_NULL(test, native.adapter);
		KUNIT_EXPECT_NULL(test, native.provider);
		KUNIT_EXPECT_NULL(test, native.list);
		KUNIT_EXPECT_NULL(test, native.revoked);
		KUNIT_EXPECT_FALSE(test, native.unaddressed);
	}
}

static void nodes(struct kunit *test)
{
	static const struct {
		u32 asked;
		s32 node;
	} good[] = {
		{ 0, 0 }, { 1, 1 }, { S32_MAX, S32_MAX },
		{ 0x80000000, NUMA_NO_NODE },
	};
	static const u32 bad[] = { 0x80000001, 0xfffffffe, 0xffffffff };
	NDIS_SHARED_MEMORY_PARAMETERS p = some_parameters(2);
	struct ndshm_parameters native;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		p.PreferredNode = good[i].asked;
		KUNIT_EXPECT_EQ(test, (__force u32)NDSHM_REASON_NONE,
				(__force u32)ndshm_ndis_to_native(&native, &p));
		KUNIT_EXPECT_EQ(test, native.preferred_node, good[i].node);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		p.PreferredNode = bad[i];
		KUNIT_EXPECT_EQ(test, (__force u32)NDSHM_REASON_NODE,
				(__force u32)ndshm_ndis_to_native(&native, &p));
	}
}

static void from_native(struct kunit *test)
{
	struct ndshm_parameters native = {
		.header = NDSHM_PARAMETERS_HEADER,
		.flags = 1,
		.queue_id = 3,
		.preferred_node = NUMA_NO_NODE,
		.usage = NDSHM_USAGE_OTHER,
		.length = PAGE_SIZE + 1,
		.shared_memory_handle = 4,
		.virtual_address = test,
		.vport_id = 5,
	};
	NDIS_SHARED_MEMORY_PARAMETERS p;

	KUNIT_ASSERT_EQ(test, ndshm_ndis_from_native(&p, &native),
			NDIS_STATUS_SUCCESS);
	KUNIT_EXPECT_EQ(test, p.Header.Type, 0x80);
	KUNIT_EXPECT_EQ(test, p.Header.Revision, 2);
	KUNIT_EXPECT_EQ(test, p.Header.Size, 68);
	KUNIT_EXPECT_EQ(test, p.Flags, 1);
	KUNIT_EXPECT_EQ(test, p.QueueId, 3);
	KUNIT_EXPECT_EQ(test, p.PreferredNode, MM_ANY_NODE_OK);
	KUNIT_EXPECT_EQ(test, p.Usage, NdisSharedMemoryUsageOther);
	KUNIT_EXPECT_EQ(test, p.Length, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, p.VPortId, 5);
	KUNIT_EXPECT_NULL(test, p.VirtualAddress);
	KUNIT_EXPECT_NULL(test, p.SharedMemoryHandle);

	native.header.revision = 1;
	native.preferred_node = 7;
	KUNIT_ASSERT_EQ(test, ndshm_ndis_from_native(&p, &native),
			NDIS_STATUS_SUCCESS);
	KUNIT_EXPECT_EQ(test, p.Header.Revision, 1);
	KUNIT_EXPECT_EQ(test, p.Header.Size, 64);
	KUNIT_EXPECT_EQ(test, p.PreferredNode, 7);
	KUNIT_EXPECT_EQ(test, p.VPortId, 0);

	/* The longest that is whole pages and has 32 bits. */
	native.length = SZ_4G - PAGE_SIZE;
	KUNIT_EXPECT_EQ(test, ndshm_ndis_from_native(&p, &native),
			NDIS_STATUS_SUCCESS);
	KUNIT_EXPECT_EQ(test, p.Length, SZ_4G - PAGE_SIZE);
	native.length++;
	KUNIT_EXPECT_EQ(test, ndshm_ndis_from_native(&p, &native),
			NDIS_STATUS_INVALID_PARAMETER);
	native.length = U64_MAX;
	KUNIT_EXPECT_EQ(test, ndshm_ndis_from_native(&p, &native),
			NDIS_STATUS_INVALID_PARAMETER);
}

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

/* Byte by byte: where one is, by the segments and by the list. */
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
	/* More than 32 bits in a piece, all of which are not asked for. */
	segments[0].length = 1ULL << 40;
	KUNIT_ASSERT_TRUE(test, ndshm_ndis_fill_list(list, 1, segments, 1,
						     0xffffffff));
	KUNIT_EXPECT_EQ(test, list->Elements[0].Length, 0xffffffff);
}

/* Each of them, and what they become where four or three may be answered. */
static void statuses(struct kunit *test)
{
	u32 i, invalid = 0, failure = 0;
	NDIS_STATUS expected, status;
	ndshm_reason_t reason;
	int error;

	for (i = 0; i < NDSHM_REASON_COUNT_KNOWN + 10; i++) {
		reason = (__force ndshm_reason_t)i;
		status = (__force u32)ndshm_reason_status(reason);
		error = ndshm_reason_errno(reason);
		if (status == NDIS_STATUS_SUCCESS ||
		    status == NDIS_STATUS_RESOURCES ||
		    status == NDIS_STATUS_INVALID_PARAMETER)
			expected = status;
		else if (error == -EOPNOTSUPP || error == -ENOSPC)
			expected = NDIS_STATUS_INVALID_PARAMETER;
		else
			expected = NDIS_STATUS_FAILURE;
		invalid += expected == NDIS_STATUS_INVALID_PARAMETER;
		failure += expected == NDIS_STATUS_FAILURE;
		KUNIT_EXPECT_EQ_MSG(test, expected,
				    ndshm_ndis_allocation_status(reason), "%s",
				    ndshm_reason_name(reason));
		if (status != NDIS_STATUS_SUCCESS &&
		    status != NDIS_STATUS_RESOURCES)
			status = NDIS_STATUS_FAILURE;
		KUNIT_EXPECT_EQ_MSG(test, status,
				    ndshm_ndis_registration_status(reason),
				    "%s", ndshm_reason_name(reason));
	}
	KUNIT_EXPECT_GT(test, invalid, 10);
	KUNIT_EXPECT_GT(test, failure, 10);
}

static struct kunit_case ndis_cases[] = {
	KUNIT_CASE(headers),
	KUNIT_CASE(handlers),
	KUNIT_CASE(to_native),
	KUNIT_CASE(nodes),
	KUNIT_CASE(from_native),
	KUNIT_CASE(list_capacity),
	KUNIT_CASE(fill_list),
	KUNIT_CASE(statuses),
	{}
};

static struct kunit_suite ndis_suite = {
	.name = SUITE_NAME("ndis"),
	.test_cases = ndis_cases,
};

kunit_test_suite(ndis_suite);
