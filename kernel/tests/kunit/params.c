// SPDX-License-Identifier: GPL-2.0
/*
 * Parameters of an allocation at their limits and in all combinations of errors, and the
 * statuses of handlers.
 */
#include <linux/nodemask.h>
#include <linux/numa.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "../../base/params.h"
#include "suite.h"

#define LONGEST	(64 * PAGE_SIZE)

/* Get valid parameters. */
static struct ndshm_parameters good_parameters(void)
{
	return (struct ndshm_parameters){
		.header = NDSHM_PARAMETERS_HEADER,
		.preferred_node = NUMA_NO_NODE,
		.usage = NDSHM_USAGE_OTHER,
		.length = PAGE_SIZE,
	};
}

#define ASSERT_REASON(test, reason, expected, ...) \
	KUNIT_ASSERT_EQ_MSG(test, (__force u32)(reason), \
			    (__force u32)(expected), __VA_ARGS__)

static void nothing_wrong(struct kunit *test)
{
	struct ndshm_parameters p = good_parameters();

	ASSERT_REASON(test, ndshm_check_parameters(&p, LONGEST, false),
		      NDSHM_REASON_NONE, "good");
}

static void every_flag(struct kunit *test)
{
	struct ndshm_parameters p = good_parameters();
	ndshm_reason_t expected;
	int bit, other;

	for (bit = 0; bit < 32; bit++) {
		for (other = 0; other < 32; other++) {
			p.flags = BIT(bit) | BIT(other);
			expected = p.flags == 1 ? NDSHM_REASON_NONE :
						  NDSHM_REASON_FLAGS;
			ASSERT_REASON(test,
				      ndshm_check_parameters(&p, LONGEST, false),
				      expected, "flags %#x", p.flags);
		}
	}
	p.flags = U32_MAX;
	ASSERT_REASON(test, ndshm_check_parameters(&p, LONGEST, false),
		      NDSHM_REASON_FLAGS, "all flags");
}

static void try_usage(struct kunit *test, u32 usage)
{
	struct ndshm_parameters p = good_parameters();
	ndshm_reason_t expected = usage <= 9 ? NDSHM_REASON_NONE :
					       NDSHM_REASON_USAGE;

	p.usage = usage;
	ASSERT_REASON(test, ndshm_check_parameters(&p, LONGEST, false), expected,
		      "usage %u", usage);
}

static void every_usage(struct kunit *test)
{
	struct rnd_state random = suite_random(test);
	int i;

	for (i = -1000; i < 100000; i++)
		try_usage(test, i);
	for (i = 0; i < 32; i++)
		try_usage(test, BIT(i));
	for (i = 0; i < 100000; i++)
		try_usage(test, prandom_u32_state(&random));
}

/* Usages have NDIS's numbers. */
static void usage_numbers(struct kunit *test)
{
	static const u32 usages[] = {
		NDSHM_USAGE_UNDEFINED, NDSHM_USAGE_XMIT,
		NDSHM_USAGE_XMIT_HEADER, NDSHM_USAGE_XMIT_DATA,
		NDSHM_USAGE_RECEIVE, NDSHM_USAGE_RECEIVE_LOOKAHEAD,
		NDSHM_USAGE_RECEIVE_POST_LOOKAHEAD,
		NDSHM_USAGE_RECEIVE_HEADER, NDSHM_USAGE_RECEIVE_DATA,
		NDSHM_USAGE_OTHER, NDSHM_USAGE_MAX,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(usages); i++)
		KUNIT_EXPECT_EQ(test, usages[i], i);
}

static ndshm_reason_t naive_length(u64 length, u64 max)
{
	if (length == 0)
		return NDSHM_REASON_LENGTH_ZERO;
	/* Rounding up to pages overflows. */
	if (length + PAGE_SIZE - 1 < length)
		return NDSHM_REASON_LENGTH_OVERFLOW;
	return length > max ? NDSHM_REASON_LENGTH_LIMIT : NDSHM_REASON_NONE;
}

static void try_length(struct kunit *test, u64 length, u64 max)
{
	struct ndshm_parameters p = good_parameters();

	p.length = length;
	ASSERT_REASON(test, ndshm_check_parameters(&p, max, false),
		      naive_length(length, max), "length %#llx of %#llx",
		      length, max);
}

static const u64 maxima[] = {
	0, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, LONGEST, SZ_4G - 1,
	SZ_4G, 1ULL << 46, 1ULL << 63, U64_MAX - PAGE_SIZE, U64_MAX
};

/* Around each power of two, each maximum, and the end of the range. */
static void every_length(struct kunit *test)
{
	struct rnd_state random = suite_random(test);
	u64 max;
	int i, bit, off;

	for (i = 0; i < ARRAY_SIZE(maxima); i++) {
		max = maxima[i];
		for (off = -2; off <= 2; off++) {
			for (bit = 0; bit < 64; bit++) {
				try_length(test, (1ULL << bit) + off, max);
				try_length(test, -(1ULL << bit) + off, max);
			}
			try_length(test, off, max);
			try_length(test, max + off, max);
			try_length(test, max - PAGE_SIZE + off, max);
			try_length(test, max + PAGE_SIZE + off, max);
			try_length(test, U64_MAX - PAGE_SIZE + off, max);
		}
		for (off = 0; off < 10000; off++)
			try_length(test, suite_random_u64(&random) >>
				   suite_below(&random, 64), max);
	}
	/* The exact limits. */
	try_length(test, U64_MAX - PAGE_SIZE + 1, U64_MAX);
	try_length(test, U64_MAX - PAGE_SIZE + 2, U64_MAX);
}

static void every_node(struct kunit *test)
{
	struct ndshm_parameters p = good_parameters();
	ndshm_reason_t expected;
	int node, bit;
	bool online;

	for (node = -1000; node < MAX_NUMNODES + 1000; node++) {
		online = node >= 0 && node < MAX_NUMNODES &&
			 node_isset(node, node_online_map);
		expected = node == -1 || online ? NDSHM_REASON_NONE :
						  NDSHM_REASON_NODE;
		p.preferred_node = node;
		ASSERT_REASON(test, ndshm_check_parameters(&p, LONGEST, false),
			      expected, "node %d", node);
	}
	for (bit = 16; bit < 32; bit++) {
		p.preferred_node = BIT(bit);
		ASSERT_REASON(test, ndshm_check_parameters(&p, LONGEST, false),
			      NDSHM_REASON_NODE, "node %d", p.preferred_node);
		p.preferred_node = ~BIT(bit);
		ASSERT_REASON(test, ndshm_check_parameters(&p, LONGEST, false),
			      NDSHM_REASON_NODE, "node %d", p.preferred_node);
	}
}

static u32 number_of(int i)
{
	return i < 32 ? BIT(i) : i == 32 ? 0 : U32_MAX;
}

static void every_queue_and_port(struct kunit *test)
{
	struct ndshm_parameters p = good_parameters();
	ndshm_reason_t expected;
	int queue, port;

	for (queue = 0; queue < 34; queue++) {
		for (port = 0; port < 34; port++) {
			p.queue_id = number_of(queue);
			p.vport_id = number_of(port);
			expected = NDSHM_REASON_NONE;
			if (p.queue_id)
				expected = NDSHM_REASON_QUEUE_UNSUPPORTED;
			if (p.vport_id)
				expected = p.queue_id ?
					   NDSHM_REASON_QUEUE_AND_PORT :
					   NDSHM_REASON_PORT_UNSUPPORTED;
			ASSERT_REASON(test,
				      ndshm_check_parameters(&p, LONGEST, false),
				      expected, "queue %#x port %#x",
				      p.queue_id, p.vport_id);
			/* A driver, unlike a client, may set one of queue and port. */
			if (expected != NDSHM_REASON_QUEUE_AND_PORT)
				expected = NDSHM_REASON_NONE;
			ASSERT_REASON(test,
				      ndshm_check_parameters(&p, LONGEST, true),
				      expected, "queue %#x port %#x",
				      p.queue_id, p.vport_id);
		}
	}
}

/*
 * A capacity without an array of segments is invalid. Without a capacity, array and count are
 * ignored.
 */
static void every_list(struct kunit *test)
{
	struct ndshm_parameters p = good_parameters();
	struct ndshm_segment segment;
	struct ndshm_segment_list list;
	ndshm_reason_t expected;
	int capacity, count, there;

	p.list = &list;
	for (capacity = 0; capacity < 34; capacity++) {
		for (count = 0; count < 34; count++) {
			for (there = 0; there < 2; there++) {
				list.capacity = number_of(capacity);
				list.count = number_of(count);
				list.segments = there ? &segment : NULL;
				expected = list.capacity && !there ?
					   NDSHM_REASON_LIST :
					   NDSHM_REASON_NONE;
				ASSERT_REASON(test,
					      ndshm_check_parameters(&p, LONGEST, false),
					      expected, "capacity %#x",
					      list.capacity);
			}
		}
	}
}

/* Outputs are not checked. */
static void the_rest(struct kunit *test)
{
	struct ndshm_parameters p = good_parameters();

	p.shared_memory_handle = U32_MAX;
	p.virtual_address = (void *)-1L;
	p.consumed = U64_MAX;
	ASSERT_REASON(test, ndshm_check_parameters(&p, LONGEST, false),
		      NDSHM_REASON_NONE, "outputs");
}

/* All errors, by kind of value, in the order of the checks. */

struct wrong {
	ndshm_reason_t reason;
	void (*make)(struct ndshm_parameters *p);
};

static void wrong_flags(struct ndshm_parameters *p)
{
	p->flags = 2;
}

static void wrong_usage(struct ndshm_parameters *p)
{
	p->usage = NDSHM_USAGE_MAX;
}

static void zero_length(struct ndshm_parameters *p)
{
	p->length = 0;
}

static void huge_length(struct ndshm_parameters *p)
{
	p->length = U64_MAX;
}

static void long_length(struct ndshm_parameters *p)
{
	p->length = LONGEST + 1;
}

static void wrong_node(struct ndshm_parameters *p)
{
	p->preferred_node = MAX_NUMNODES;
}

static void queue_and_port(struct ndshm_parameters *p)
{
	p->queue_id = 1;
	p->vport_id = 1;
}

static void some_queue(struct ndshm_parameters *p)
{
	p->queue_id = 1;
}

static void some_port(struct ndshm_parameters *p)
{
	p->vport_id = 1;
}

static struct ndshm_segment_list listless = { .capacity = 1 };

static void wrong_list(struct ndshm_parameters *p)
{
	p->list = &listless;
}

/* One kind of value for each row; the last entry is the valid value. */
static const struct wrong wrongs[][4] = {
	{ { NDSHM_REASON_FLAGS, wrong_flags } },
	{ { NDSHM_REASON_USAGE, wrong_usage } },
	{ { NDSHM_REASON_LENGTH_ZERO, zero_length },
	  { NDSHM_REASON_LENGTH_OVERFLOW, huge_length },
	  { NDSHM_REASON_LENGTH_LIMIT, long_length } },
	{ { NDSHM_REASON_NODE, wrong_node } },
	{ { NDSHM_REASON_QUEUE_AND_PORT, queue_and_port },
	  { NDSHM_REASON_QUEUE_UNSUPPORTED, some_queue },
	  { NDSHM_REASON_PORT_UNSUPPORTED, some_port } },
	{ { NDSHM_REASON_LIST, wrong_list } },
};

/* The first error in the order of the checks is reported. */
static void first_wrong_is_said(struct kunit *test)
{
	unsigned int combination, kind, choice, left, wrong_ones = 0;
	ndshm_reason_t expected, driver;
	struct ndshm_parameters p;

	for (combination = 0; combination < 4096; combination++) {
		p = good_parameters();
		expected = NDSHM_REASON_NONE;
		driver = NDSHM_REASON_NONE;
		left = combination;
		for (kind = 0; kind < ARRAY_SIZE(wrongs); kind++) {
			choice = left % 4;
			left /= 4;
			if (!wrongs[kind][choice].make)
				continue;
			wrongs[kind][choice].make(&p);
			if (expected == NDSHM_REASON_NONE)
				expected = wrongs[kind][choice].reason;
			if (driver == NDSHM_REASON_NONE &&
			    wrongs[kind][choice].make != some_queue &&
			    wrongs[kind][choice].make != some_port)
				driver = wrongs[kind][choice].reason;
		}
		wrong_ones += expected != NDSHM_REASON_NONE;
		ASSERT_REASON(test, ndshm_check_parameters(&p, LONGEST, false),
			      expected, "combination %#x", combination);
		ASSERT_REASON(test, ndshm_check_parameters(&p, LONGEST, true),
			      driver, "combination %#x", combination);
	}
	/* Of 4 choices for each kind of value, 3, 3, 1, 3, 1 and 3 are valid. */
	KUNIT_EXPECT_EQ(test, wrong_ones, 4096 - 3 * 3 * 3 * 3);
}

/*
 * Statuses of handlers
 */

static u32 naive_fold(u32 status)
{
	switch (status) {
	case 0x00000000:
		return (__force u32)NDSHM_REASON_NONE;
	case 0xc000009a:
		return (__force u32)NDSHM_REASON_PROVIDER_RESOURCES;
	case 0xc000000d:
		return (__force u32)NDSHM_REASON_PROVIDER_INVALID;
	case 0xc0000001:
		return (__force u32)NDSHM_REASON_PROVIDER_FAILURE;
	default:
		return (__force u32)NDSHM_REASON_PROVIDER_UNDOCUMENTED;
	}
}

static void try_status(struct kunit *test, u32 status)
{
	ndshm_reason_t reason;
	u32 folded, expected;

	reason = ndshm_handler_reason((__force ndshm_status_t)status);
	KUNIT_ASSERT_EQ_MSG(test, (__force u32)reason, naive_fold(status),
			    "status %#x", status);
	/* A documented status reaches the caller; any other becomes FAILURE. */
	folded = (__force u32)ndshm_reason_status(reason);
	expected = reason == NDSHM_REASON_PROVIDER_UNDOCUMENTED ?
		   (__force u32)NDSHM_STATUS_FAILURE : status;
	KUNIT_ASSERT_EQ_MSG(test, folded, expected, "status %#x", status);
}

static void handler_statuses(struct kunit *test)
{
	static const u32 facilities[] = {
		0x00000000, 0x00010000, 0x40000000, 0x40010000, 0x80000000,
		0x80010000, 0xc0000000, 0xc0010000, 0xc0230000, 0xffff0000,
	};
	struct rnd_state random = suite_random(test);
	u32 i, j, tried = 0;

	for (i = 0; i < BIT(16); i++) {
		cond_resched();
		for (j = 0; j < ARRAY_SIZE(facilities); j++, tried++)
			try_status(test, facilities[j] | i);
		try_status(test, i << 16);
		try_status(test, i << 16 | i);
	}
	for (i = 0; i < 500000; i++)
		try_status(test, prandom_u32_state(&random));
	/* Each known status with one bit flipped. */
	for (i = 0; i < 32; i++) {
		try_status(test, BIT(i));
		try_status(test, 0xc000009a ^ BIT(i));
		try_status(test, 0xc000000d ^ BIT(i));
		try_status(test, 0xc0000001 ^ BIT(i));
	}
	kunit_info(test, "%u statuses\n",
		   tried + 2 * (u32)BIT(16) + 500000 + 4 * 32);
}

/* All ranges of small blocks, and ranges that overflow. */
static void every_range(struct kunit *test)
{
	static const u64 large[] = {
		0, 1, PAGE_SIZE, BIT_ULL(31), BIT_ULL(32) - 1, BIT_ULL(32),
		BIT_ULL(46), BIT_ULL(63) - 1, BIT_ULL(63), U64_MAX - 1, U64_MAX,
	};
	const u32 cpu = NDSHM_SYNC_FOR_CPU, device = NDSHM_SYNC_FOR_DEVICE;
	ndshm_reason_t expected;
	u64 offset, length, total;
	u32 i, j;

	for (total = 1; total < 20; total++) {
		for (offset = 0; offset < 22; offset++) {
			for (length = 0; length < 22; length++) {
				expected = !length ? NDSHM_REASON_LENGTH_ZERO :
					   offset + length > total ?
					   NDSHM_REASON_RANGE :
					   NDSHM_REASON_NONE;
				ASSERT_REASON(test,
					      ndshm_check_sync(cpu, offset,
							       length, total),
					      expected, "%llu + %llu of %llu",
					      offset, length, total);
			}
		}
	}
	for (i = 0; i < ARRAY_SIZE(large); i++) {
		for (j = 0; j < ARRAY_SIZE(large); j++) {
			total = BIT_ULL(46);
			expected = !large[j] ? NDSHM_REASON_LENGTH_ZERO :
				   large[i] < total && large[j] <= total &&
				   large[i] + large[j] <= total ?
				   NDSHM_REASON_NONE : NDSHM_REASON_RANGE;
			ASSERT_REASON(test,
				      ndshm_check_sync(device, large[i],
						       large[j], total),
				      expected, "%#llx + %#llx", large[i],
				      large[j]);
		}
	}
}

/* Whole pages; the rest is as for other ranges. */
static void every_exported_range(struct kunit *test)
{
	static const u64 values[] = {
		0, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 2 * PAGE_SIZE, 3 * PAGE_SIZE,
		BIT_ULL(46), BIT_ULL(63), -2 * PAGE_SIZE, -(u64)PAGE_SIZE, U64_MAX,
	};
	const u64 total = 3 * PAGE_SIZE;
	ndshm_reason_t expected;
	u32 i, j, good = 0;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		for (j = 0; j < ARRAY_SIZE(values); j++) {
			if (values[i] % PAGE_SIZE || values[j] % PAGE_SIZE)
				expected = NDSHM_REASON_ALIGNMENT;
			else if (!values[j])
				expected = NDSHM_REASON_LENGTH_ZERO;
			else if (values[i] < total && values[j] <= total &&
				 values[i] + values[j] <= total)
				expected = NDSHM_REASON_NONE;
			else
				expected = NDSHM_REASON_RANGE;
			good += expected == NDSHM_REASON_NONE;
			ASSERT_REASON(test, ndshm_check_export(values[i], values[j], total),
				      expected, "%#llx + %#llx", values[i], values[j]);
		}
	}
	KUNIT_EXPECT_EQ(test, good, 6);
}

/* As for ranges; an overflow has a reason of its own. */
static void every_packet(struct kunit *test)
{
	static const u64 values[] = {
		0, 1, 2, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, U32_MAX,
		BIT_ULL(32), BIT_ULL(46) - 1, BIT_ULL(46), BIT_ULL(46) + 1,
		BIT_ULL(63) - 1, BIT_ULL(63), BIT_ULL(63) + 1, U64_MAX - 1,
		U64_MAX,
	};
	u32 i, j, k, good = 0, beyond = 0, endless = 0;
	u64 offset, length, total, left;
	ndshm_reason_t expected;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		for (j = 0; j < ARRAY_SIZE(values); j++) {
			for (k = 1; k < ARRAY_SIZE(values); k++) {
				offset = values[i];
				length = values[j];
				total = values[k];
				left = U64_MAX - offset;
				if (!length)
					expected = NDSHM_REASON_LENGTH_ZERO;
				else if (length > left)
					expected = NDSHM_REASON_LENGTH_OVERFLOW;
				else if (total < offset ||
					 total - offset < length)
					expected = NDSHM_REASON_RANGE;
				else
					expected = NDSHM_REASON_NONE;
				good += expected == NDSHM_REASON_NONE;
				beyond += expected == NDSHM_REASON_RANGE;
				endless += expected ==
					   NDSHM_REASON_LENGTH_OVERFLOW;
				ASSERT_REASON(test,
					      ndshm_check_packet(offset, length,
								 total),
					      expected,
					      "%#llx + %#llx of %#llx", offset,
					      length, total);
			}
		}
	}
	KUNIT_EXPECT_GT(test, min3(good, beyond, endless), 300);
}

static void every_direction(struct kunit *test)
{
	ndshm_reason_t expected;
	u32 i, direction;

	for (i = 0; i < BIT(16) + 32; i++) {
		direction = i < BIT(16) ? i : BIT(i - BIT(16)) | 1;
		expected = direction == 1 || direction == 2 ?
			   NDSHM_REASON_NONE : NDSHM_REASON_DIRECTION;
		ASSERT_REASON(test, ndshm_check_sync(direction, 0, 1, 1),
			      expected, "direction %#x", direction);
	}
	/* The direction takes precedence. */
	ASSERT_REASON(test, ndshm_check_sync(0, 1, 0, 1),
		      NDSHM_REASON_DIRECTION, "all wrong");
	ASSERT_REASON(test, ndshm_check_sync(1, 1, 0, 1),
		      NDSHM_REASON_LENGTH_ZERO, "length and offset wrong");
}

/*
 * Sections and extents
 */

static ndshm_reason_t naive_sizes(u64 size, u64 initial, u64 most)
{
	if (size == 0)
		return NDSHM_REASON_LENGTH_ZERO;
	if (size + PAGE_SIZE - 1 < size)
		return NDSHM_REASON_LENGTH_OVERFLOW;
	if (size > most)
		return NDSHM_REASON_LENGTH_LIMIT;
	return initial > size ? NDSHM_REASON_SECTION_INITIAL :
				NDSHM_REASON_NONE;
}

static void try_sizes(struct kunit *test, u64 size, u64 initial, u64 most)
{
	ASSERT_REASON(test, ndshm_check_section(size, initial, NUMA_NO_NODE,
						most),
		      naive_sizes(size, initial, most), "%#llx, %#llx of %#llx",
		      initial, size, most);
}

/* Each size with each other one as initial size and as limit. */
static void every_section(struct kunit *test)
{
	struct rnd_state random = suite_random(test);
	u64 size, most;
	int i, j, off;

	for (i = 0; i < ARRAY_SIZE(maxima); i++) {
		most = maxima[i];
		for (j = 0; j < ARRAY_SIZE(maxima); j++) {
			for (off = -2; off <= 2; off++) {
				size = maxima[j] + off;
				try_sizes(test, size, 0, most);
				try_sizes(test, size, 1, most);
				try_sizes(test, size, size - 1, most);
				try_sizes(test, size, size, most);
				try_sizes(test, size, size + 1, most);
				try_sizes(test, size, U64_MAX, most);
				try_sizes(test, maxima[j], most + off, most);
			}
		}
		for (off = 0; off < 10000; off++)
			try_sizes(test, suite_random_u64(&random) >>
				  suite_below(&random, 64),
				  suite_random_u64(&random) >>
				  suite_below(&random, 64), most);
	}
}

static void every_section_node(struct kunit *test)
{
	ndshm_reason_t expected;
	int node;

	for (node = -1000; node < MAX_NUMNODES + 1000; node++) {
		expected = node == -1 || (node >= 0 && node < MAX_NUMNODES &&
					  node_isset(node, node_online_map)) ?
			   NDSHM_REASON_NONE : NDSHM_REASON_NODE;
		ASSERT_REASON(test, ndshm_check_section(1, 0, node, LONGEST),
			      expected, "node %d", node);
		/* Errors of the sizes take precedence. */
		ASSERT_REASON(test, ndshm_check_section(1, 2, node, LONGEST),
			      NDSHM_REASON_SECTION_INITIAL, "node %d", node);
	}
	ASSERT_REASON(test, ndshm_check_section(1, 0, INT_MIN, LONGEST),
		      NDSHM_REASON_NODE, "least node");
	ASSERT_REASON(test, ndshm_check_section(1, 0, INT_MAX, LONGEST),
		      NDSHM_REASON_NODE, "greatest node");
}

/* Encode @code in @bytes bytes, whether or not that is valid. */
static void encode(char *text, u32 code, u32 bytes)
{
	static const u8 lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	u32 i;

	if (bytes == 1) {
		text[0] = code;
		return;
	}
	for (i = bytes - 1; i; i--, code >>= 6)
		text[i] = 0x80 | (code & 0x3f);
	text[0] = lead[bytes] | code;
}

/* Every character in every number of bytes that can hold it. */
static void every_name_character(struct kunit *test)
{
	static const u32 ends[] = { 0, 0x80, 0x800, 0x10000, 0x200000 };
	char text[5] = "a";
	u32 code, bytes, cut;
	bool valid;

	for (bytes = 1; bytes <= 4; bytes++) {
		for (code = 0; code < ends[bytes]; code++) {
			valid = code >= ends[bytes - 1] && code <= 0x10ffff &&
				code >= 0x20 && code != 0x7f && code != '/' &&
				!(code >= 0x80 && code < 0xa0) &&
				!(code >= 0xd800 && code < 0xe000);
			encode(text + 1, code, bytes);
			ASSERT_REASON(test, ndshm_check_section_name(text, bytes + 1),
				      valid ? NDSHM_REASON_NONE : NDSHM_REASON_NAME,
				      "%#x in %u bytes", code, bytes);
			for (cut = 1; cut < bytes; cut++)
				ASSERT_REASON(test,
					      ndshm_check_section_name(text, cut + 1),
					      NDSHM_REASON_NAME, "%#x cut", code);
		}
		cond_resched();
	}
}

static void every_name_length(struct kunit *test)
{
	char text[NDSHM_SECTION_NAME_BYTES + 2];
	u32 length;

	memset(text, '.', sizeof(text));
	for (length = 0; length <= sizeof(text); length++)
		ASSERT_REASON(test, ndshm_check_section_name(text, length),
			      length > 2 && length <= NDSHM_SECTION_NAME_BYTES ?
			      NDSHM_REASON_NONE : NDSHM_REASON_NAME,
			      "%u dots", length);
	ASSERT_REASON(test, ndshm_check_section_name("./", 2), NDSHM_REASON_NAME,
		      "slash");
	ASSERT_REASON(test, ndshm_check_section_name(".a", 2), NDSHM_REASON_NONE,
		      "dot first");
}

static ndshm_reason_t naive_extent(u64 length, u64 alignment, u64 most)
{
	u64 power;

	if (length == 0)
		return NDSHM_REASON_LENGTH_ZERO;
	if (alignment) {
		for (power = PAGE_SIZE; power != alignment; power *= 2)
			if (power > SZ_1M)
				return NDSHM_REASON_ALIGNMENT;
	}
	return length > most ? NDSHM_REASON_SECTION_FULL : NDSHM_REASON_NONE;
}

static void try_extent(struct kunit *test, u64 length, u64 alignment, u64 most)
{
	ASSERT_REASON(test, ndshm_check_extent(length, alignment, most),
		      naive_extent(length, alignment, most),
		      "%#llx at %#llx of %#llx", length, alignment, most);
}

/* Around each power of two; few are valid. */
static void every_alignment(struct kunit *test)
{
	struct rnd_state random = suite_random(test);
	int bit, other, i;

	for (bit = 0; bit < 64; bit++) {
		for (other = 0; other < 64; other++) {
			try_extent(test, 1, BIT_ULL(bit) | BIT_ULL(other), 1);
			try_extent(test, 2, BIT_ULL(bit) | BIT_ULL(other), 1);
			try_extent(test, 0, BIT_ULL(bit) | BIT_ULL(other), 1);
		}
		try_extent(test, 1, BIT_ULL(bit) - 1, 1);
		try_extent(test, 1, -BIT_ULL(bit), 1);
	}
	for (i = 0; i < 100000; i++)
		try_extent(test, 1, suite_random_u64(&random) >>
			   suite_below(&random, 64), 1);
	/* Fixed examples. */
	ASSERT_REASON(test, ndshm_check_extent(1, 0, 1), NDSHM_REASON_NONE,
		      "any place");
	ASSERT_REASON(test, ndshm_check_extent(1, PAGE_SIZE, 1),
		      NDSHM_REASON_NONE, "a page");
	ASSERT_REASON(test, ndshm_check_extent(1, SZ_2M, 1), NDSHM_REASON_NONE,
		      "a huge page");
	ASSERT_REASON(test, ndshm_check_extent(1, SZ_4M, 1),
		      NDSHM_REASON_ALIGNMENT, "two huge pages");
	ASSERT_REASON(test, ndshm_check_extent(1, PAGE_SIZE / 2, 1),
		      NDSHM_REASON_ALIGNMENT, "half a page");
}

static void every_extent(struct kunit *test)
{
	u64 most;
	int i, j, off;

	for (i = 0; i < ARRAY_SIZE(maxima); i++) {
		most = maxima[i];
		for (j = 0; j < ARRAY_SIZE(maxima); j++) {
			for (off = -2; off <= 2; off++) {
				try_extent(test, maxima[j] + off, 0, most);
				try_extent(test, maxima[j] + off, 1, most);
				try_extent(test, maxima[j] + off, SZ_2M, most);
			}
		}
	}
}

static struct kunit_case params_cases[] = {
	KUNIT_CASE(nothing_wrong),
	KUNIT_CASE(every_flag),
	KUNIT_CASE(every_usage),
	KUNIT_CASE(usage_numbers),
	KUNIT_CASE(every_length),
	KUNIT_CASE(every_node),
	KUNIT_CASE(every_queue_and_port),
	KUNIT_CASE(every_list),
	KUNIT_CASE(the_rest),
	KUNIT_CASE(first_wrong_is_said),
	KUNIT_CASE(every_range),
	KUNIT_CASE(every_exported_range),
	KUNIT_CASE(every_packet),
	KUNIT_CASE(every_direction),
	KUNIT_CASE(every_section),
	KUNIT_CASE(every_section_node),
	KUNIT_CASE(every_name_character),
	KUNIT_CASE(every_name_length),
	KUNIT_CASE(every_alignment),
	KUNIT_CASE(every_extent),
	KUNIT_CASE(handler_statuses),
	{}
};

static struct kunit_suite params_suite = {
	.name = SUITE_NAME("params"),
	.test_cases = params_cases,
};

kunit_test_suite(params_suite);
