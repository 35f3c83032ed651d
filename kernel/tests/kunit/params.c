// SPDX-License-Identifier: GPL-2.0
/*
 * Headers and parameters at their limits and in all combinations of errors, and the replies of
 * allocate handlers: their status, and their lists of segments.
 */
#include "suite.h"

#include <linux/nodemask.h>
#include <linux/numa.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../../base/params.c"
#include "../../block/block.h"

/*
 * Headers
 */

/* From NDIS: sizes of the header and the members. */
#define CHARACTERISTICS_SIZE	(8 + 3 * sizeof(void *))
#define PARAMETERS_SIZE_1	(48 + 8 * sizeof(void *))
#define PARAMETERS_SIZE_2	(PARAMETERS_SIZE_1 + 4)

static ndshm_status_t allocate(void *provider_context, struct ndshm_parameters *parameters,
			       void **context)
{
	return NDSHM_STATUS_FAILURE;
}

static void take_back(void *provider_context, void *context)
{
}

static ndshm_reason_t naive_characteristics(struct ndshm_object_header header)
{
	if (header.type != 0xb0)
		return NDSHM_REASON_CHARACTERISTICS_TYPE;
	if (!header.revision)
		return NDSHM_REASON_CHARACTERISTICS_REVISION;
	return header.size < CHARACTERISTICS_SIZE ? NDSHM_REASON_CHARACTERISTICS_SIZE :
						    NDSHM_REASON_NONE;
}

static ndshm_reason_t naive_parameters(struct ndshm_object_header header)
{
	if (header.type != 0x80)
		return NDSHM_REASON_PARAMETERS_TYPE;
	if (!header.revision)
		return NDSHM_REASON_PARAMETERS_REVISION;
	return header.size < (header.revision == 1 ? PARAMETERS_SIZE_1 : PARAMETERS_SIZE_2) ?
	       NDSHM_REASON_PARAMETERS_SIZE : NDSHM_REASON_NONE;
}

/* Every type and revision, with sizes around each limit. */
static void headers(struct kunit *test)
{
	static const u16 sizes[] = {
		0, 1, 3, 4, 8, CHARACTERISTICS_SIZE - 1, CHARACTERISTICS_SIZE,
		CHARACTERISTICS_SIZE + 1, PARAMETERS_SIZE_1 - 1, PARAMETERS_SIZE_1,
		PARAMETERS_SIZE_1 + 1, PARAMETERS_SIZE_2 - 1, PARAMETERS_SIZE_2,
		PARAMETERS_SIZE_2 + 1, 0x100, 0x2000, 0x8000, 0xfffe, 0xffff,
	};
	struct ndshm_provider_characteristics full = {
		.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
		.allocate = allocate, .free = take_back,
	}, *c;
	const struct ndshm_parameters newest = { .header = NDSHM_PARAMETERS_HEADER };
	struct ndshm_object_header header, *bare;
	int type, revision, i;

	/* Header only, so that KASAN detects reading beyond. */
	bare = kunit_kmalloc(test, sizeof(header), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bare);
	for (i = 0; i < 4; i++) {
		full.allocate = i & 1 ? allocate : NULL;
		full.free = i & 2 ? take_back : NULL;
		ASSERT_REASON(test, ndshm_check_characteristics(&full), i == 3 ?
			      NDSHM_REASON_NONE : NDSHM_REASON_HANDLER_MISSING, "handlers %d", i);
	}
	KUNIT_EXPECT_EQ(test, full.header.size, CHARACTERISTICS_SIZE);
	KUNIT_EXPECT_EQ(test, newest.header.size, PARAMETERS_SIZE_2);
	for (type = 0; type < 256; type++) {
		cond_resched();
		for (revision = 0; revision < 256; revision++) {
			for (i = 0; i < ARRAY_SIZE(sizes); i++) {
				header.type = type;
				header.revision = revision;
				header.size = sizes[i];
				*bare = header;
				full.header = header;
				c = sizes[i] < CHARACTERISTICS_SIZE ? (void *)bare : &full;
				ASSERT_REASON(test, ndshm_check_characteristics(c),
					      naive_characteristics(header),
					      "type %#x revision %u size %u", type, revision,
					      sizes[i]);
				ASSERT_REASON(test, ndshm_check_header((void *)bare),
					      naive_parameters(header),
					      "type %#x revision %u size %u", type, revision,
					      sizes[i]);
			}
		}
	}
}

static void try_normalize(struct kunit *test, struct ndshm_parameters *from,
			  int revision, size_t have)
{
	size_t size = revision == 1 ? PARAMETERS_SIZE_1 : PARAMETERS_SIZE_2;
	size_t i, header = sizeof(from->header);
	struct ndshm_parameters to;

	/* Each byte has a distinct value. */
	for (i = 0; i < have; i++)
		((u8 *)from)[i] = i + 1;
	from->header.type = 0x80;
	from->header.revision = revision;
	from->header.size = have;
	memset(&to, 0xff, sizeof(to));

	ndshm_normalize(&to, from);

	KUNIT_ASSERT_EQ(test, to.header.type, 0x80);
	KUNIT_ASSERT_EQ(test, to.header.revision, min(revision, 2));
	KUNIT_ASSERT_EQ(test, to.header.size, size);
	KUNIT_ASSERT_EQ(test, memcmp((u8 *)&to + header, (u8 *)from + header,
				     size - header), 0);
	KUNIT_ASSERT_NULL(test, memchr_inv((u8 *)&to + size, 0,
					   sizeof(to) - size));
}

/* Each revision and size, with exactly as much memory as the size says. */
static void normalize(struct kunit *test)
{
	size_t have, most = PARAMETERS_SIZE_2 + 64;
	struct ndshm_parameters *from;
	int revision;

	for (have = PARAMETERS_SIZE_1; have <= most; have += 4) {
		from = kunit_kmalloc(test, have, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, from);
		try_normalize(test, from, 1, have);
		for (revision = 2; revision < 256; revision++)
			if (have >= PARAMETERS_SIZE_2)
				try_normalize(test, from, revision, have);
		kunit_kfree(test, from);
	}
}

/*
 * Parameters
 */

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

/* Is @node the preference of a client and of a section? */
static void try_node(struct kunit *test, int node)
{
	struct ndshm_parameters p = good_parameters();
	bool online = node >= 0 && node < MAX_NUMNODES && node_isset(node, node_online_map);
	ndshm_reason_t expected = node == -1 || online ? NDSHM_REASON_NONE : NDSHM_REASON_NODE;

	p.preferred_node = node;
	ASSERT_REASON(test, ndshm_check_parameters(&p, LONGEST, false), expected, "node %d", node);
	ASSERT_REASON(test, ndshm_check_section(1, 0, node, LONGEST), expected, "node %d", node);
}

static void try_usage(struct kunit *test, u32 usage)
{
	struct ndshm_parameters p = good_parameters();

	p.usage = usage;
	ASSERT_REASON(test, ndshm_check_parameters(&p, LONGEST, false),
		      usage <= 9 ? NDSHM_REASON_NONE : NDSHM_REASON_USAGE, "usage %u", usage);
}

/* One value at a time; outputs are not checked. */
static void every_value(struct kunit *test)
{
	struct ndshm_parameters p = good_parameters();
	int i, bit;

	p.shared_memory_handle = U32_MAX;
	p.virtual_address = (void *)-1L;
	p.consumed = U64_MAX;
	for (bit = 0; bit < 32; bit++) {
		for (i = 0; i < 32; i++) {
			p.flags = BIT(bit) | BIT(i);
			ASSERT_REASON(test, ndshm_check_parameters(&p, LONGEST, false),
				      p.flags == 1 ? NDSHM_REASON_NONE : NDSHM_REASON_FLAGS,
				      "flags %#x", p.flags);
		}
		try_usage(test, BIT(bit));
		try_usage(test, -BIT(bit));
		try_node(test, BIT(bit));
		try_node(test, ~BIT(bit));
	}
	for (i = -1000; i < MAX_NUMNODES + 1000; i++) {
		try_usage(test, i);
		try_node(test, i);
	}
}

static const u64 lengths[] = {
	0, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, LONGEST, SZ_4G - 1,
	SZ_4G, 1ULL << 46, 1ULL << 63, U64_MAX - PAGE_SIZE, U64_MAX
};

/* As a length of a block and as a size of a section, which has an initial size as well. */
static void try_length(struct kunit *test, u64 length, u64 initial, u64 max)
{
	ndshm_reason_t expected = length > max ? NDSHM_REASON_LENGTH_LIMIT : NDSHM_REASON_NONE;
	struct ndshm_parameters p = good_parameters();

	if (length == 0)
		expected = NDSHM_REASON_LENGTH_ZERO;
	/* Rounding up to pages overflows. */
	else if (length + PAGE_SIZE - 1 < length)
		expected = NDSHM_REASON_LENGTH_OVERFLOW;
	p.length = length;
	ASSERT_REASON(test, ndshm_check_parameters(&p, max, false), expected,
		      "length %#llx of %#llx", length, max);
	if (expected == NDSHM_REASON_NONE && initial > length)
		expected = NDSHM_REASON_SECTION_INITIAL;
	ASSERT_REASON(test, ndshm_check_section(length, initial, NUMA_NO_NODE, max), expected,
		      "%#llx, %#llx of %#llx", initial, length, max);
}

/* Around each power of two, each maximum, and the end of the range. */
static void every_length(struct kunit *test)
{
	struct rnd_state random = suite_random(test);
	u64 max, length, initial;
	int i, j, off;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		max = lengths[i];
		for (off = -2; off <= 2; off++) {
			for (j = 0; j < 64; j++) {
				length = (1ULL << j) + off;
				try_length(test, length, length - 1, max);
				try_length(test, length, length, max);
				try_length(test, length, length + 1, max);
				try_length(test, -length, U64_MAX, max);
			}
			try_length(test, max + off, 0, max);
			try_length(test, max - PAGE_SIZE + off, 1, max);
			try_length(test, max + PAGE_SIZE + off, 2, max);
			try_length(test, U64_MAX - PAGE_SIZE + off, 3, max);
		}
		for (off = 0; off < 10000; off++) {
			length = suite_random_u64(&random) >> suite_below(&random, 64);
			initial = suite_random_u64(&random) >> suite_below(&random, 64);
			try_length(test, length, initial, max);
		}
	}
}

/* All combinations of errors: the first one in the order of the checks is reported. */
static void first_error(struct kunit *test)
{
	static const struct {
		u64 length;
		ndshm_reason_t reason;
	} rows[] = {
		{ PAGE_SIZE, NDSHM_REASON_NONE },
		{ 0, NDSHM_REASON_LENGTH_ZERO },
		{ U64_MAX, NDSHM_REASON_LENGTH_OVERFLOW },
		{ LONGEST + 1, NDSHM_REASON_LENGTH_LIMIT },
	};
	struct ndshm_segment segment;
	struct ndshm_segment_list list = {};
	struct ndshm_parameters p;
	ndshm_reason_t expected;
	u32 i;

	for (i = 0; i < BIT(11); i++) {
		p = good_parameters();
		p.length = rows[i & 3].length;
		p.flags = i & 4 ? 2 : 0;
		p.usage = i & 8 ? NDSHM_USAGE_MAX : 0;
		p.preferred_node = i & 16 ? MAX_NUMNODES : NUMA_NO_NODE;
		p.queue_id = i & 32 ? BIT(31) : 0;
		p.vport_id = i & 64 ? BIT(31) : 0;
		/* A capacity without an array is invalid; without a capacity both are ignored. */
		list.capacity = i & 128 ? U32_MAX : 0;
		list.segments = i & 256 ? &segment : NULL;
		p.list = i & 512 ? &list : NULL;
		if (p.flags)
			expected = NDSHM_REASON_FLAGS;
		else if (p.usage)
			expected = NDSHM_REASON_USAGE;
		else if (i & 3)
			expected = rows[i & 3].reason;
		else if (i & 16)
			expected = NDSHM_REASON_NODE;
		else if (p.queue_id && p.vport_id)
			expected = NDSHM_REASON_QUEUE_AND_PORT;
		/* A driver, unlike a client, may set one of queue and port. */
		else if (p.queue_id && !(i & 1024))
			expected = NDSHM_REASON_QUEUE_UNSUPPORTED;
		else if (p.vport_id && !(i & 1024))
			expected = NDSHM_REASON_PORT_UNSUPPORTED;
		else if (p.list && list.capacity && !list.segments)
			expected = NDSHM_REASON_LIST;
		else
			expected = NDSHM_REASON_NONE;
		ASSERT_REASON(test, ndshm_check_parameters(&p, LONGEST, i & 1024), expected,
			      "combination %#x", i);
	}
}

/* Lengths up to 2^46: the smallest power of two pages that holds each. */
static void upper_bound(struct kunit *test)
{
	u64 length, bound;
	int bit, off;

	for (bit = 0; bit <= 46; bit++) {
		for (off = -3; off <= 3; off++) {
			length = (1ULL << bit) + off;
			if (!length || length > NDSHM_MOST_BYTES)
				continue;
			for (bound = PAGE_SIZE; bound < length;)
				bound *= 2;
			KUNIT_EXPECT_EQ_MSG(test, ndshm_upper_bound(length), bound,
					    "length %#llx", length);
		}
	}
}

/*
 * Ranges
 */

/* Ranges of blocks to sync, to export, and that a packet names. */
static void try_range(struct kunit *test, u64 offset, u64 length, u64 total)
{
	bool inside = offset < total && length <= total - offset;
	ndshm_reason_t expected = !length ? NDSHM_REASON_LENGTH_ZERO :
				  inside ? NDSHM_REASON_NONE : NDSHM_REASON_RANGE;
	u32 direction = offset & 1 ? NDSHM_SYNC_FOR_CPU : NDSHM_SYNC_FOR_DEVICE;

	ASSERT_REASON(test, ndshm_check_sync(direction, offset, length, total), expected,
		      "%#llx + %#llx of %#llx", offset, length, total);
	ASSERT_REASON(test, ndshm_check_sync(0, offset, length, total), NDSHM_REASON_DIRECTION,
		      "no direction");
	ASSERT_REASON(test, ndshm_check_export(offset, length, total),
		      (offset | length) % PAGE_SIZE ? NDSHM_REASON_ALIGNMENT : expected,
		      "%#llx + %#llx of %#llx", offset, length, total);
	if (length && length > U64_MAX - offset)
		expected = NDSHM_REASON_LENGTH_OVERFLOW;
	ASSERT_REASON(test, ndshm_check_packet(offset, length, total), expected,
		      "%#llx + %#llx of %#llx", offset, length, total);
}

/* All ranges of small blocks, ranges of pages, and ranges that overflow. */
static void every_range(struct kunit *test)
{
	static const u64 values[] = {
		0, 1, 2, 3, 4, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, 2 * PAGE_SIZE,
		3 * PAGE_SIZE, BIT_ULL(31), U32_MAX, BIT_ULL(32), BIT_ULL(46) - 1, BIT_ULL(46),
		BIT_ULL(46) + 1, BIT_ULL(63) - 1, BIT_ULL(63), BIT_ULL(63) + 1, -2 * PAGE_SIZE,
		-(u64)PAGE_SIZE, U64_MAX - 1, U64_MAX,
	};
	u32 i, j, k;

	for (i = 0; i < ARRAY_SIZE(values); i++)
		for (j = 0; j < ARRAY_SIZE(values); j++)
			for (k = 1; k < ARRAY_SIZE(values); k++)
				try_range(test, values[i], values[j], values[k]);
	for (i = 0; i < BIT(16); i++)
		ASSERT_REASON(test, ndshm_check_sync(i, 0, 1, 1), i == 1 || i == 2 ?
			      NDSHM_REASON_NONE : NDSHM_REASON_DIRECTION, "direction %#x", i);
	for (i = 2; i < 32; i++)
		ASSERT_REASON(test, ndshm_check_sync(BIT(i) | 1, 0, 1, 1), NDSHM_REASON_DIRECTION,
			      "direction %#lx", BIT(i) | 1);
}

/*
 * Sections and extents
 */

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

static void try_extent(struct kunit *test, u64 length, u64 alignment, u64 most)
{
	ndshm_reason_t expected = length > most ? NDSHM_REASON_SECTION_FULL : NDSHM_REASON_NONE;
	u64 power;

	for (power = PAGE_SIZE; alignment && power != alignment; power *= 2) {
		if (power > SZ_1M) {
			expected = NDSHM_REASON_ALIGNMENT;
			break;
		}
	}
	if (!length)
		expected = NDSHM_REASON_LENGTH_ZERO;
	ASSERT_REASON(test, ndshm_check_extent(length, alignment, most), expected,
		      "%#llx at %#llx of %#llx", length, alignment, most);
}

/* Around each power of two; few alignments are valid. */
static void every_extent(struct kunit *test)
{
	int i, j, off;

	for (i = 0; i < 64; i++) {
		for (j = 0; j < 64; j++)
			for (off = 0; off <= 2; off++)
				try_extent(test, off, BIT_ULL(i) | BIT_ULL(j), 1);
		try_extent(test, 1, BIT_ULL(i) - 1, 1);
		try_extent(test, 1, -BIT_ULL(i), 1);
	}
	for (i = 0; i < ARRAY_SIZE(lengths); i++)
		for (j = 0; j < ARRAY_SIZE(lengths); j++)
			for (off = -2; off <= 2; off++) {
				try_extent(test, lengths[j] + off, 0, lengths[i]);
				try_extent(test, lengths[j] + off, 1, lengths[i]);
				try_extent(test, lengths[j] + off, SZ_2M, lengths[i]);
			}
}

/*
 * Replies of handlers
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
	ndshm_reason_t reason = params_handler_reason((__force ndshm_status_t)status);
	u32 expected = reason == NDSHM_REASON_PROVIDER_UNDOCUMENTED ?
		       (__force u32)NDSHM_STATUS_FAILURE : status;

	KUNIT_ASSERT_EQ_MSG(test, (__force u32)reason, naive_fold(status),
			    "status %#x", status);
	/* A documented status reaches the caller; any other becomes FAILURE. */
	KUNIT_ASSERT_EQ_MSG(test, (__force u32)ndshm_reason_status(reason), expected,
			    "status %#x", status);
}

static void handler_statuses(struct kunit *test)
{
	static const u32 facilities[] = {
		0x00000000, 0x00010000, 0x40000000, 0x40010000, 0x80000000,
		0x80010000, 0xc0000000, 0xc0010000, 0xc0230000, 0xffff0000,
	};
	u32 i, j;

	for (i = 0; i < BIT(16); i++) {
		cond_resched();
		for (j = 0; j < ARRAY_SIZE(facilities); j++)
			try_status(test, facilities[j] | i);
		try_status(test, i << 16);
		try_status(test, i << 16 | i);
	}
	/* Each known status with one bit flipped. */
	for (i = 0; i < 32; i++) {
		try_status(test, 0xc000009a ^ BIT(i));
		try_status(test, 0xc000000d ^ BIT(i));
		try_status(test, 0xc0000001 ^ BIT(i));
	}
}

/*
 * Lists of segments: all short ones, at the bottom, in the middle and at the top of the address
 * space, compared with a byte map.
 */

/* Number of addresses that short lists use, and first addresses of these windows. */
#define WINDOW	8

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
static void try_lists(struct kunit *test, u32 count, u64 base, struct ndshm_segment *scratch)
{
	struct ndshm_segment segments[4], before[4];
	u32 i, n, left, combinations = 1;
	bool valid, expected;
	u64 total, length;

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
			for (i = 0; i < 2; i++) {
				valid = params_segments_valid(segments, count, length,
							      i * NDSHM_ALLOC_CONTIGUOUS, scratch);
				expected = total >= length && (count == 1 || !i);
				KUNIT_ASSERT_EQ_MSG(test, valid, expected,
						    "base %#llx list %u of %u, length %llu, contiguous %d",
						    base, n, count, length, i);
			}
		}
		KUNIT_ASSERT_EQ(test, memcmp(before, segments,
					     count * sizeof(*segments)), 0);
	}
}

static void all_small_lists(struct kunit *test)
{
	struct ndshm_segment *scratch;
	u32 i, count;

	KUNIT_EXPECT_FALSE(test, params_segments_valid(NULL, 0, PAGE_SIZE, 0, NULL));
	for (count = 1; count <= 3; count++) {
		/* A single segment needs no scratch memory. */
		scratch = count == 1 ? NULL :
			  kunit_kmalloc_array(test, count, sizeof(*scratch),
					      GFP_KERNEL);
		for (i = 0; i < ARRAY_SIZE(bases); i++)
			try_lists(test, count, bases[i], scratch);
	}
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
	{ "one inside another", 1, false, 2, { { 16, 16 }, { 20, 1 } } },
	{ "one around another", 1, false, 2, { { 20, 1 }, { 16, 16 } } },
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

	KUNIT_EXPECT_EQ(test, params_segments_valid(edge->segments, edge->count,
						    edge->length, 0, scratch),
			edge->valid);
}

/* Long lists in several orders, and with one error at either end. */
static void long_lists(struct kunit *test)
{
	static const u32 steps[] = { 1, 2, 7919, 9995, 19999 };
	const u32 count = 20000;
	const u64 length = (u64)count * PAGE_SIZE;
	struct ndshm_segment *segments, *scratch;
	u32 i, n;

	segments = kunit_kmalloc_array(test, 2 * count, sizeof(*segments), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, segments);
	scratch = segments + count;
	/* A step coprime to the count visits every page once; any other visits some repeatedly. */
	for (n = 0; n < ARRAY_SIZE(steps); n++) {
		for (i = 0; i < count; i++)
			segments[i] = (struct ndshm_segment){
				(u64)(i * steps[n] % count) * PAGE_SIZE + PAGE_SIZE, PAGE_SIZE,
			};
		KUNIT_EXPECT_EQ(test, params_segments_valid(segments, count, length, 0, scratch),
				steps[n] % 2 && steps[n] % 5);
	}
	/* The last step was down from the second page. */
	KUNIT_EXPECT_FALSE(test, params_segments_valid(segments, count, length + 1, 0, scratch));
	segments[1].address--;
	KUNIT_EXPECT_FALSE(test, params_segments_valid(segments, count, length, 0, scratch));
	segments[1].address++;
	segments[2].length++;
	KUNIT_EXPECT_FALSE(test, params_segments_valid(segments, count, length, 0, scratch));
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

static struct kunit_case params_cases[] = {
	KUNIT_CASE(headers),
	KUNIT_CASE(normalize),
	KUNIT_CASE(every_value),
	KUNIT_CASE(every_length),
	KUNIT_CASE(first_error),
	KUNIT_CASE(upper_bound),
	KUNIT_CASE(every_range),
	KUNIT_CASE(every_name_character),
	KUNIT_CASE(every_name_length),
	KUNIT_CASE(every_extent),
	KUNIT_CASE(handler_statuses),
	KUNIT_CASE(all_small_lists),
	KUNIT_CASE_PARAM(edge_of_64_bits, edge_gen_params),
	KUNIT_CASE(long_lists),
	KUNIT_CASE(replies),
	{}
};

static struct kunit_suite params_suite = {
	.name = "ndshm_params",
	.test_cases = params_cases,
};

kunit_test_suite(params_suite);
