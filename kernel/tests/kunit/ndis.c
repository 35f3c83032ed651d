// SPDX-License-Identifier: GPL-2.0
/*
 * Conversion between NDIS's structures and ndshm's: headers around each limit, each
 * member in both directions, lists, and the status of every reason.
 */
#include <linux/numa.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../../ndis/mapping.h"
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

/* Sizes around three limits of 64-bit machines, and some others. */
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

	/* Header only, so that KASAN detects reading beyond. */
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
	/* The next one exceeds 32 bits in whole pages. */
	p.Length++;
	KUNIT_EXPECT_EQ(test, (__force u32)NDSHM_REASON_LENGTH_OVERFLOW,
			(__force u32)ndshm_ndis_to_native(&native, &p));
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

	/* The longest that is whole pages and fits in 32 bits. */
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

struct told {
	ndshm_reason_t reason;
	NDIS_STATUS allocation;
	NDIS_STATUS registration;
};

#define TOLD(reason_, allocation_, registration_) { \
	.reason = NDSHM_REASON_##reason_, \
	.allocation = NDIS_STATUS_##allocation_, \
	.registration = NDIS_STATUS_##registration_, \
}

/* Every reason, as a status of an allocation and of a registration. */
static const struct told all_told[] = {
	TOLD(NONE, SUCCESS, SUCCESS),
	TOLD(ARGUMENT_SHORT, INVALID_PARAMETER, FAILURE),
	TOLD(ARGUMENT_TAIL, FAILURE, FAILURE),
	TOLD(RESERVED, INVALID_PARAMETER, FAILURE),
	TOLD(FLAGS, INVALID_PARAMETER, FAILURE),
	TOLD(ADDRESS, FAILURE, FAILURE),
	TOLD(CHARACTERISTICS_TYPE, FAILURE, FAILURE),
	TOLD(CHARACTERISTICS_REVISION, FAILURE, FAILURE),
	TOLD(CHARACTERISTICS_SIZE, FAILURE, FAILURE),
	TOLD(HANDLER_MISSING, FAILURE, FAILURE),
	TOLD(PARAMETERS_TYPE, INVALID_PARAMETER, FAILURE),
	TOLD(PARAMETERS_REVISION, INVALID_PARAMETER, FAILURE),
	TOLD(PARAMETERS_SIZE, INVALID_PARAMETER, FAILURE),
	TOLD(USAGE, INVALID_PARAMETER, FAILURE),
	TOLD(LENGTH_ZERO, INVALID_PARAMETER, FAILURE),
	TOLD(LENGTH_LIMIT, INVALID_PARAMETER, FAILURE),
	TOLD(LENGTH_OVERFLOW, INVALID_PARAMETER, FAILURE),
	TOLD(NODE, INVALID_PARAMETER, FAILURE),
	TOLD(QUEUE_AND_PORT, INVALID_PARAMETER, FAILURE),
	TOLD(QUEUE_UNSUPPORTED, INVALID_PARAMETER, FAILURE),
	TOLD(PORT_UNSUPPORTED, INVALID_PARAMETER, FAILURE),
	TOLD(LIST, INVALID_PARAMETER, FAILURE),
	TOLD(LIST_SHORT, INVALID_PARAMETER, FAILURE),
	TOLD(COUNT, INVALID_PARAMETER, FAILURE),
	TOLD(ADAPTER_UNKNOWN, FAILURE, FAILURE),
	TOLD(PROVIDER_UNKNOWN, FAILURE, FAILURE),
	TOLD(HANDLE_UNKNOWN, FAILURE, FAILURE),
	TOLD(ADAPTER_REMOVED, FAILURE, FAILURE),
	TOLD(BLOCK_REVOKED, FAILURE, FAILURE),
	TOLD(ADAPTER_CLOSED, FAILURE, FAILURE),
	TOLD(CLAIM_UNSUPPORTED, INVALID_PARAMETER, FAILURE),
	TOLD(CLAIM_BUSY, FAILURE, FAILURE),
	TOLD(CLAIM_MISSING, FAILURE, FAILURE),
	TOLD(ADDRESS_WIDTH, INVALID_PARAMETER, FAILURE),
	TOLD(WIDTH_UNSUPPORTED, INVALID_PARAMETER, FAILURE),
	TOLD(NOT_ISOLATED, FAILURE, FAILURE),
	TOLD(UNISOLATED_OFF, FAILURE, FAILURE),
	TOLD(LOCKDOWN, FAILURE, FAILURE),
	TOLD(ADAPTER_DIRTY, FAILURE, FAILURE),
	TOLD(BAR, INVALID_PARAMETER, FAILURE),
	TOLD(BAR_NOT_MAPPABLE, INVALID_PARAMETER, FAILURE),
	TOLD(PROVIDER_CLOSING, FAILURE, FAILURE),
	TOLD(PROVIDER_IN_USE, FAILURE, FAILURE),
	TOLD(SCOPE_TAKEN, FAILURE, FAILURE),
	TOLD(NAME, INVALID_PARAMETER, FAILURE),
	TOLD(NAME_TAKEN, FAILURE, FAILURE),
	TOLD(PROVIDER_RESOURCES, RESOURCES, RESOURCES),
	TOLD(PROVIDER_INVALID, INVALID_PARAMETER, FAILURE),
	TOLD(PROVIDER_FAILURE, FAILURE, FAILURE),
	TOLD(PROVIDER_UNDOCUMENTED, FAILURE, FAILURE),
	TOLD(PROVIDER_NONSENSE, FAILURE, FAILURE),
	TOLD(MEMORY, RESOURCES, RESOURCES),
	TOLD(MEMLOCK, RESOURCES, RESOURCES),
	TOLD(HANDLES, RESOURCES, RESOURCES),
	TOLD(RANGE, INVALID_PARAMETER, FAILURE),
	TOLD(DIRECTION, INVALID_PARAMETER, FAILURE),
	TOLD(SECTION_INITIAL, INVALID_PARAMETER, FAILURE),
	TOLD(SECTION_REVOKED, FAILURE, FAILURE),
	TOLD(SECTION_DELETED, FAILURE, FAILURE),
	TOLD(SECTION_FULL, RESOURCES, RESOURCES),
	TOLD(SECTION_BUSY, FAILURE, FAILURE),
	TOLD(SECTION_READONLY, FAILURE, FAILURE),
	TOLD(NOT_CREATOR, FAILURE, FAILURE),
	TOLD(PROVIDER_PAGELESS, INVALID_PARAMETER, FAILURE),
	TOLD(EXTENT_UNKNOWN, FAILURE, FAILURE),
	TOLD(ALIGNMENT, INVALID_PARAMETER, FAILURE),
	TOLD(DESCRIPTOR, INVALID_PARAMETER, FAILURE),
	TOLD(DESCRIPTORS, RESOURCES, RESOURCES),
	TOLD(SECTION_QUOTA, RESOURCES, RESOURCES),
	TOLD(HOLDER_QUOTA, RESOURCES, RESOURCES),
	TOLD(RESERVE_QUOTA, RESOURCES, RESOURCES),
	TOLD(QUEUE_DEFAULT, INVALID_PARAMETER, FAILURE),
	TOLD(QUEUE_UNKNOWN, INVALID_PARAMETER, FAILURE),
	TOLD(QUEUE_STATE, FAILURE, FAILURE),
	TOLD(PORT_UNKNOWN, INVALID_PARAMETER, FAILURE),
	TOLD(PORT_STATE, FAILURE, FAILURE),
	TOLD(PENDING, FAILURE, FAILURE),
	TOLD(REQUESTS, RESOURCES, RESOURCES),
	TOLD(COOKIE, FAILURE, FAILURE),
	TOLD(REQUEST_UNKNOWN, FAILURE, FAILURE),
	TOLD(REQUEST_ABORTED, FAILURE, FAILURE),
	TOLD(BYTE_QUOTA, RESOURCES, RESOURCES),
	TOLD(ADAPTER_PERMISSION, FAILURE, FAILURE),
	TOLD(PROVIDER_CLOSED, FAILURE, FAILURE),
	TOLD(PROVIDER_PERMISSION, FAILURE, FAILURE),
	TOLD(REQUEST_QUOTA, RESOURCES, RESOURCES),
	TOLD(CLIENT_QUOTA, RESOURCES, RESOURCES),
	TOLD(KEEP_REFUSED, FAILURE, FAILURE),
};

static void expect_told(struct kunit *test, const struct told *told)
{
	KUNIT_EXPECT_EQ_MSG(test, told->allocation,
			    ndshm_ndis_allocation_status(told->reason), "%s",
			    ndshm_reason_name(told->reason));
	KUNIT_EXPECT_EQ_MSG(test, told->registration,
			    ndshm_ndis_registration_status(told->reason), "%s",
			    ndshm_reason_name(told->reason));
}

static void statuses(struct kunit *test)
{
	struct told unknown = TOLD(NONE, FAILURE, FAILURE);
	u32 i;

	KUNIT_ASSERT_EQ(test, ARRAY_SIZE(all_told), NDSHM_REASON_COUNT_KNOWN);
	for (i = 0; i < ARRAY_SIZE(all_told); i++) {
		KUNIT_EXPECT_EQ(test, (__force u32)all_told[i].reason, i);
		expect_told(test, &all_told[i]);
	}
	/* Unknown reasons. */
	for (; i < NDSHM_REASON_COUNT_KNOWN + 10; i++) {
		unknown.reason = (__force ndshm_reason_t)i;
		expect_told(test, &unknown);
	}
	unknown.reason = (__force ndshm_reason_t)U32_MAX;
	expect_told(test, &unknown);
}

static struct ndshm_ndis_piece piece(u64 page, u32 pages)
{
	return (struct ndshm_ndis_piece){
		.physical = page * PAGE_SIZE, .length = pages * PAGE_SIZE,
	};
}

/* Lists of a provider. */
static void pieces(struct kunit *test)
{
	struct ndshm_ndis_piece p[3];

	p[0] = piece(7, 1);
	p[1] = piece(3, 2);
	p[2] = piece(5, 2);
	KUNIT_EXPECT_TRUE(test, ndshm_ndis_pieces_valid(p, 3, 5 * PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, ndshm_ndis_pieces_valid(p, 3, 1));
	KUNIT_EXPECT_FALSE(test,
			   ndshm_ndis_pieces_valid(p, 3, 5 * PAGE_SIZE + 1));
	/* More than 32 bits in total. */
	p[0] = piece(0, U32_MAX / PAGE_SIZE);
	p[1] = piece(1 << 20, U32_MAX / PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, ndshm_ndis_pieces_valid(p, 2, U32_MAX));
	/* A page twice, in either order. */
	p[0] = piece(3, 2);
	p[1] = piece(4, 1);
	KUNIT_EXPECT_FALSE(test, ndshm_ndis_pieces_valid(p, 2, 1));
	p[0] = piece(4, 1);
	p[1] = piece(3, 2);
	KUNIT_EXPECT_FALSE(test, ndshm_ndis_pieces_valid(p, 2, 1));
	/* No whole pages. */
	p[0] = piece(1, 1);
	p[0].length += 8;
	KUNIT_EXPECT_FALSE(test, ndshm_ndis_pieces_valid(p, 1, 1));
	p[0] = piece(1, 1);
	p[0].physical += 8;
	KUNIT_EXPECT_FALSE(test, ndshm_ndis_pieces_valid(p, 1, 1));
	p[0] = piece(1, 0);
	p[1] = piece(2, 1);
	KUNIT_EXPECT_FALSE(test, ndshm_ndis_pieces_valid(p, 2, 1));
	/* Up to the highest address, and beyond. */
	p[0].physical = -(u64)PAGE_SIZE;
	p[0].length = PAGE_SIZE;
	KUNIT_EXPECT_TRUE(test, ndshm_ndis_pieces_valid(p, 1, PAGE_SIZE));
	p[0].length = 2 * PAGE_SIZE;
	KUNIT_EXPECT_FALSE(test, ndshm_ndis_pieces_valid(p, 1, 1));
}

/* Of a list longer than requested only that length is mapped. */
static void pieces_cut(struct kunit *test)
{
	struct ndshm_ndis_piece p[3];

	p[0] = piece(7, 1);
	p[1] = piece(3, 2);
	p[2] = piece(5, 2);
	KUNIT_EXPECT_EQ(test, ndshm_ndis_pieces_cut(p, 3, 5 * PAGE_SIZE), 3);
	KUNIT_EXPECT_EQ(test, p[2].length, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ndshm_ndis_pieces_cut(p, 3, 4 * PAGE_SIZE), 3);
	KUNIT_EXPECT_EQ(test, p[2].length, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ndshm_ndis_pieces_cut(p, 3, 3 * PAGE_SIZE), 2);
	KUNIT_EXPECT_EQ(test, p[1].length, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ndshm_ndis_pieces_cut(p, 3, 2 * PAGE_SIZE), 2);
	KUNIT_EXPECT_EQ(test, p[1].length, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ndshm_ndis_pieces_cut(p, 3, PAGE_SIZE), 1);
	KUNIT_EXPECT_EQ(test, p[0].length, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, p[0].physical, 7 * PAGE_SIZE);
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
	KUNIT_CASE(pieces),
	KUNIT_CASE(pieces_cut),
	{}
};

static struct kunit_suite ndis_suite = {
	.name = SUITE_NAME("ndis"),
	.test_cases = ndis_cases,
};

kunit_test_suite(ndis_suite);
