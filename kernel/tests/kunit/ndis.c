// SPDX-License-Identifier: GPL-2.0
/*
 * Conversion between NDIS's structures and ndshm's: headers around each limit, each
 * member in both directions, lists, and the status of every reason.
 */
#include <linux/completion.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/numa.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../../adapter/adapter.h"
#include "../../ndis/handle.h"
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

/*
 * Sizes around the three minimum sizes on 64-bit (32 for the characteristics, 64 and 68 for
 * revisions 1 and 2 of the parameters), and some others.
 */
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
		KUNIT_EXPECT_FALSE(test, native.no_kernel_mapping);
	}
	/* The next one exceeds 32 bits in whole pages. */
	p.Length++;
	KUNIT_EXPECT_EQ(test, (__force u32)NDSHM_REASON_LENGTH_OVERFLOW,
			(__force u32)ndshm_ndis_to_native(&native, &p));
}

static void nodes(struct kunit *test)
{
	static const struct {
		u32 requested;
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
		p.PreferredNode = good[i].requested;
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
	KUNIT_EXPECT_EQ(test, p.Length, PAGE_SIZE + 1);
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

static struct ndshm_ndis_chunk chunk(u64 page, u32 pages)
{
	return (struct ndshm_ndis_chunk){
		.physical = page * PAGE_SIZE, .length = pages * PAGE_SIZE,
	};
}

/* Lists of a provider. */
static void chunks(struct kunit *test)
{
	struct ndshm_ndis_chunk p[3];

	p[0] = chunk(7, 1);
	p[1] = chunk(3, 2);
	p[2] = chunk(5, 2);
	KUNIT_EXPECT_TRUE(test, ndshm_ndis_chunks_valid(p, 3, 5 * PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, ndshm_ndis_chunks_valid(p, 3, 1));
	KUNIT_EXPECT_FALSE(test,
			   ndshm_ndis_chunks_valid(p, 3, 5 * PAGE_SIZE + 1));
	/* More than 32 bits in total. */
	p[0] = chunk(0, U32_MAX / PAGE_SIZE);
	p[1] = chunk(1 << 20, U32_MAX / PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, ndshm_ndis_chunks_valid(p, 2, U32_MAX));
	/* A page twice, in either order. */
	p[0] = chunk(3, 2);
	p[1] = chunk(4, 1);
	KUNIT_EXPECT_FALSE(test, ndshm_ndis_chunks_valid(p, 2, 1));
	p[0] = chunk(4, 1);
	p[1] = chunk(3, 2);
	KUNIT_EXPECT_FALSE(test, ndshm_ndis_chunks_valid(p, 2, 1));
	/* Only the last one of the list may end within a page, wherever its memory is. */
	p[0] = chunk(9, 1);
	p[1] = chunk(3, 1);
	p[1].length -= 8;
	KUNIT_EXPECT_TRUE(test, ndshm_ndis_chunks_valid(p, 2, 2 * PAGE_SIZE - 8));
	p[0] = chunk(9, 1);
	p[1] = chunk(3, 1);
	p[1].length -= 8;
	KUNIT_EXPECT_FALSE(test, ndshm_ndis_chunks_valid(p, 2, 2 * PAGE_SIZE - 7));
	p[0] = chunk(1, 1);
	p[0].length -= 8;
	p[1] = chunk(3, 1);
	KUNIT_EXPECT_FALSE(test, ndshm_ndis_chunks_valid(p, 2, 1));
	p[0] = chunk(1, 1);
	p[0].physical += 8;
	KUNIT_EXPECT_FALSE(test, ndshm_ndis_chunks_valid(p, 1, 1));
	p[0] = chunk(1, 0);
	p[1] = chunk(2, 1);
	KUNIT_EXPECT_FALSE(test, ndshm_ndis_chunks_valid(p, 2, 1));
	/* Up to the highest address, and beyond. */
	p[0].physical = -(u64)PAGE_SIZE;
	p[0].length = PAGE_SIZE;
	KUNIT_EXPECT_TRUE(test, ndshm_ndis_chunks_valid(p, 1, PAGE_SIZE));
	p[0].length = 2 * PAGE_SIZE;
	KUNIT_EXPECT_FALSE(test, ndshm_ndis_chunks_valid(p, 1, 1));
}

/* Of a list longer than requested only that length is mapped. */
static void chunks_cut(struct kunit *test)
{
	struct ndshm_ndis_chunk p[3];

	p[0] = chunk(7, 1);
	p[1] = chunk(3, 2);
	p[2] = chunk(5, 2);
	KUNIT_EXPECT_EQ(test, ndshm_ndis_chunks_cut(p, 3, 5 * PAGE_SIZE), 3);
	KUNIT_EXPECT_EQ(test, p[2].length, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ndshm_ndis_chunks_cut(p, 3, 4 * PAGE_SIZE), 3);
	KUNIT_EXPECT_EQ(test, p[2].length, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ndshm_ndis_chunks_cut(p, 3, 3 * PAGE_SIZE), 2);
	KUNIT_EXPECT_EQ(test, p[1].length, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ndshm_ndis_chunks_cut(p, 3, 2 * PAGE_SIZE), 2);
	KUNIT_EXPECT_EQ(test, p[1].length, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, ndshm_ndis_chunks_cut(p, 3, PAGE_SIZE), 1);
	KUNIT_EXPECT_EQ(test, p[0].length, PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, p[0].physical, 7 * PAGE_SIZE);
	/* With the whole of the last page. */
	p[1] = chunk(3, 2);
	KUNIT_EXPECT_EQ(test, ndshm_ndis_chunks_cut(p, 2, PAGE_SIZE + 1), 2);
	KUNIT_EXPECT_EQ(test, p[1].length, PAGE_SIZE);
	p[0].length = 8;
	KUNIT_EXPECT_EQ(test, ndshm_ndis_chunks_cut(p, 1, 8), 1);
	KUNIT_EXPECT_EQ(test, p[0].length, PAGE_SIZE);
}

/* A close waits for a registration in progress, which holds register_lock. */

struct closing {
	struct ndshm_ndis *ndis;
	struct completion locked;
	struct task_struct *task;
	bool closed;
};

static unsigned int close_during_registration(void *context, unsigned int number)
{
	struct closing *closing = context;
	unsigned int wrong;

	if (number) {
		wait_for_completion(&closing->locked);
		WRITE_ONCE(closing->task, current);
		wrong = !!ndshm_ndis_close(closing->ndis);
		WRITE_ONCE(closing->closed, true);
		return wrong;
	}
	mutex_lock(&closing->ndis->register_lock);
	complete(&closing->locked);
	while (!READ_ONCE(closing->task))
		cond_resched();
	wrong = !suite_wait_for_sleep(closing->task);
	wrong += READ_ONCE(closing->closed);
	mutex_unlock(&closing->ndis->register_lock);
	return wrong;
}

static void close_waits(struct kunit *test)
{
	struct closing closing = {
		.locked = COMPLETION_INITIALIZER_ONSTACK(closing.locked),
	};
	NDIS_HANDLE handle;

	KUNIT_ASSERT_EQ(test, ndshm_ndis_open(THIS_MODULE, "kunit-ndis", NULL, &handle), 0);
	closing.ndis = handle;
	suite_run_threads(test, 2, close_during_registration, &closing);
}

/* A driver without a device keeps no reference to the adapter of a node, also after a failure. */
static void node_adapter(struct kunit *test)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = {
		.Header = { .Type = 0x80, .Revision = 2, .Size = 68 },
		.Usage = NdisSharedMemoryUsageOther,
		.Length = PAGE_SIZE,
	};
	struct ndshm_adapter *node = ndshm_adapter_find("node0");
	NDIS_HANDLE handle, allocation;
	unsigned int references;

	KUNIT_ASSERT_NOT_NULL(test, node);
	KUNIT_ASSERT_EQ(test, ndshm_ndis_open(THIS_MODULE, "kunit-ndis", NULL, &handle), 0);
	references = refcount_read(&node->entry.references);
	KUNIT_EXPECT_EQ(test, NdisAllocateSharedMemory(handle, &p, &allocation),
			NDIS_STATUS_SUCCESS);
	NdisFreeSharedMemory(handle, allocation);
	p.Length = 0;
	KUNIT_EXPECT_EQ(test, NdisAllocateSharedMemory(handle, &p, &allocation),
			NDIS_STATUS_INVALID_PARAMETER);
	KUNIT_EXPECT_EQ(test, refcount_read(&node->entry.references), references);
	KUNIT_EXPECT_EQ(test, ndshm_ndis_close(handle), 0);
	ndshm_adapter_put(node);
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
	KUNIT_CASE(chunks),
	KUNIT_CASE(chunks_cut),
	KUNIT_CASE(close_waits),
	KUNIT_CASE(node_adapter),
	{}
};

static struct kunit_suite ndis_suite = {
	.name = SUITE_NAME("ndis"),
	.test_cases = ndis_cases,
};

kunit_test_suite(ndis_suite);
