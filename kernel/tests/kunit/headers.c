// SPDX-License-Identifier: GPL-2.0
/*
 * Headers of characteristics and parameters: every type and revision with sizes around
 * each limit, and the normalisation of parameters.
 */
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../../base/params.h"
#include "suite.h"

/* From NDIS: sizes of the header and the members. */
#define CHARACTERISTICS_SIZE	(8 + 3 * sizeof(void *))
#define PARAMETERS_SIZE_1	(48 + 8 * sizeof(void *))
#define PARAMETERS_SIZE_2	(PARAMETERS_SIZE_1 + 4)

/* Sizes around the sizes of both revisions, and some others. */
static unsigned int fill_sizes(u16 *sizes, u16 low, u16 high)
{
	unsigned int i, n = 0;

	for (i = 0; i <= 4; i++)
		sizes[n++] = i;
	for (i = low - 9; i <= high + 9; i++)
		sizes[n++] = i;
	for (i = 8; i < 16; i++)
		sizes[n++] = BIT(i);
	sizes[n++] = (low << 8) | (low >> 8);
	sizes[n++] = U16_MAX - 1;
	sizes[n++] = U16_MAX;
	return n;
}

#define MAX_SIZES	64

static ndshm_status_t allocate(void *provider_context,
			       struct ndshm_parameters *parameters,
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
	if (header.size < CHARACTERISTICS_SIZE)
		return NDSHM_REASON_CHARACTERISTICS_SIZE;
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t naive_parameters(struct ndshm_object_header header)
{
	u16 least[] = { U16_MAX, PARAMETERS_SIZE_1, PARAMETERS_SIZE_2 };

	if (header.type != 0x80)
		return NDSHM_REASON_PARAMETERS_TYPE;
	if (!header.revision)
		return NDSHM_REASON_PARAMETERS_REVISION;
	if (header.size < least[min_t(u8, header.revision, 2)])
		return NDSHM_REASON_PARAMETERS_SIZE;
	return NDSHM_REASON_NONE;
}

static void expect(struct kunit *test, ndshm_reason_t reason,
		   ndshm_reason_t expected, struct ndshm_object_header header)
{
	KUNIT_ASSERT_EQ_MSG(test, (__force u32)reason, (__force u32)expected,
			    "type %#x revision %u size %u", header.type,
			    header.revision, header.size);
}

static void characteristics_headers(struct kunit *test)
{
	struct ndshm_provider_characteristics full = {
		.allocate = allocate, .free = take_back,
	};
	struct ndshm_provider_characteristics *c, *bare;
	struct ndshm_object_header header;
	unsigned int i, n, tried = 0;
	int type, revision;
	u16 sizes[MAX_SIZES];

	/* Header only, so that KASAN detects reading beyond. */
	bare = kunit_kmalloc(test, sizeof(header), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, bare);
	n = fill_sizes(sizes, CHARACTERISTICS_SIZE, CHARACTERISTICS_SIZE);
	KUNIT_ASSERT_LE(test, n, MAX_SIZES);
	for (type = 0; type < 256; type++) {
		cond_resched();
		for (revision = 0; revision < 256; revision++) {
			for (i = 0; i < n; i++, tried++) {
				header.type = type;
				header.revision = revision;
				header.size = sizes[i];
				c = sizes[i] < CHARACTERISTICS_SIZE ? bare :
								      &full;
				memcpy(c, &header, sizeof(header));
				expect(test, ndshm_check_characteristics(c),
				       naive_characteristics(header), header);
			}
		}
	}
	kunit_info(test, "%u headers\n", tried);
}

static void characteristics_handlers(struct kunit *test)
{
	struct ndshm_provider_characteristics c = {
		.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
	};
	ndshm_reason_t reason;
	int i;

	for (i = 0; i < 4; i++) {
		c.allocate = i & 1 ? allocate : NULL;
		c.free = i & 2 ? take_back : NULL;
		reason = i == 3 ? NDSHM_REASON_NONE :
				  NDSHM_REASON_HANDLER_MISSING;
		KUNIT_EXPECT_EQ_MSG(test,
				    (__force u32)ndshm_check_characteristics(&c),
				    (__force u32)reason, "handlers %d", i);
	}
	/* Errors of the header take precedence. */
	c.free = NULL;
	c.header.size--;
	expect(test, ndshm_check_characteristics(&c),
	       NDSHM_REASON_CHARACTERISTICS_SIZE, c.header);
}

/* Flags are reported, and have no effect. */
static void characteristics_flags(struct kunit *test)
{
	struct ndshm_provider_characteristics c = {
		.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
		.allocate = allocate, .free = take_back,
	};
	int bit;

	for (bit = 0; bit < 32; bit++) {
		c.flags = BIT(bit);
		expect(test, ndshm_check_characteristics(&c),
		       NDSHM_REASON_NONE, c.header);
	}
}

static void parameters_headers(struct kunit *test)
{
	struct ndshm_parameters *p;
	unsigned int i, n, tried = 0;
	int type, revision;
	u16 sizes[MAX_SIZES];

	p = kunit_kmalloc(test, sizeof(p->header), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	n = fill_sizes(sizes, PARAMETERS_SIZE_1, PARAMETERS_SIZE_2);
	KUNIT_ASSERT_LE(test, n, MAX_SIZES);
	for (type = 0; type < 256; type++) {
		cond_resched();
		for (revision = 0; revision < 256; revision++) {
			for (i = 0; i < n; i++, tried++) {
				p->header.type = type;
				p->header.revision = revision;
				p->header.size = sizes[i];
				expect(test, ndshm_check_header(p),
				       naive_parameters(p->header), p->header);
			}
		}
	}
	kunit_info(test, "%u headers\n", tried);
}

/* The predefined headers are valid and match NDIS. */
static void ready_made_headers(struct kunit *test)
{
	static const struct ndshm_provider_characteristics c = {
		.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
		.allocate = allocate, .free = take_back,
	};
	static const struct ndshm_parameters p = {
		.header = NDSHM_PARAMETERS_HEADER,
	};

	expect(test, ndshm_check_characteristics(&c), NDSHM_REASON_NONE,
	       c.header);
	KUNIT_EXPECT_EQ(test, c.header.type, 0xb0);
	KUNIT_EXPECT_EQ(test, c.header.revision, 1);
	KUNIT_EXPECT_EQ(test, c.header.size, CHARACTERISTICS_SIZE);
	expect(test, ndshm_check_header(&p), NDSHM_REASON_NONE, p.header);
	KUNIT_EXPECT_EQ(test, p.header.type, 0x80);
	KUNIT_EXPECT_EQ(test, p.header.revision, 2);
	KUNIT_EXPECT_EQ(test, p.header.size, PARAMETERS_SIZE_2);
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

/* The result is valid for any valid header, and normalising it again changes nothing. */
static void normalize_twice(struct kunit *test)
{
	struct ndshm_parameters from = { .header = { .type = 0x80 } };
	struct ndshm_parameters once, twice;
	int revision;

	from.vport_id = 7;
	from.header.size = U16_MAX;
	for (revision = 1; revision < 256; revision++) {
		from.header.revision = revision;
		ndshm_normalize(&once, &from);
		expect(test, ndshm_check_header(&once), NDSHM_REASON_NONE,
		       once.header);
		KUNIT_EXPECT_EQ(test, once.vport_id, revision == 1 ? 0 : 7);
		ndshm_normalize(&twice, &once);
		KUNIT_EXPECT_EQ(test, memcmp(&once, &twice, sizeof(once)), 0);
	}
}

static struct kunit_case headers_cases[] = {
	KUNIT_CASE(characteristics_headers),
	KUNIT_CASE(characteristics_handlers),
	KUNIT_CASE(characteristics_flags),
	KUNIT_CASE(parameters_headers),
	KUNIT_CASE(ready_made_headers),
	KUNIT_CASE(normalize),
	KUNIT_CASE(normalize_twice),
	{}
};

static struct kunit_suite headers_suite = {
	.name = SUITE_NAME("headers"),
	.test_cases = headers_cases,
};

kunit_test_suite(headers_suite);
