// SPDX-License-Identifier: GPL-2.0
/*
 * The table of reasons, compared with an independent copy and with the numbers of NDIS
 * that another part of the kernel defines.
 */
#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/rndis.h>
#include <linux/string.h>

#include <ndshm/status.h>

#include "suite.h"

struct expected_reason {
	ndshm_reason_t reason;
	ndshm_status_t status;
	int error;
	const char *macro;
};

#define NDSHM_EXPECT(reason_, status_, error_) { \
	.reason = NDSHM_REASON_##reason_, \
	.status = NDSHM_STATUS_##status_, \
	.error = -(error_), \
	.macro = #reason_, \
},

static const struct expected_reason expected_reasons[] = {
#include "../../../selftests/lib/ndshm_expected_reasons.h"
};

/* The name is that of the macro, in lower case with dashes. */
static void spell_name(const struct expected_reason *expected, char *name)
{
	size_t i, length = strlen(expected->macro);

	for (i = 0; i < length; i++)
		name[i] = expected->macro[i] == '_' ?
			  '-' : tolower(expected->macro[i]);
	name[length] = '\0';
}

static void every_reason(struct kunit *test)
{
	const struct expected_reason *expected;
	ndshm_reason_t reason;
	char name[64];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(expected_reasons); i++) {
		expected = &expected_reasons[i];
		reason = expected->reason;
		spell_name(expected, name);
		KUNIT_EXPECT_EQ_MSG(test,
				    (__force u32)ndshm_reason_status(reason),
				    (__force u32)expected->status, "%s", name);
		KUNIT_EXPECT_EQ_MSG(test, ndshm_reason_errno(reason),
				    expected->error, "%s", name);
		KUNIT_EXPECT_STREQ(test, ndshm_reason_name(reason), name);
	}
}

static void every_reason_is_here(struct kunit *test)
{
	u32 i;

	KUNIT_ASSERT_EQ(test, ARRAY_SIZE(expected_reasons),
			NDSHM_REASON_COUNT_KNOWN);
	for (i = 0; i < ARRAY_SIZE(expected_reasons); i++)
		KUNIT_EXPECT_EQ(test, (__force u32)expected_reasons[i].reason,
				i);
}

static void names_are_unique(struct kunit *test)
{
	const char *name, *other;
	u32 i, j;

	for (i = 0; i < NDSHM_REASON_COUNT_KNOWN; i++) {
		name = ndshm_reason_name((__force ndshm_reason_t)i);
		KUNIT_EXPECT_STRNEQ(test, name, "unknown");
		KUNIT_EXPECT_GT(test, strlen(name), 0);
		KUNIT_EXPECT_EQ(test, strspn(name, "abcdefghijklmnopqrstuvwxyz-"),
				strlen(name));
		for (j = 0; j < i; j++) {
			other = ndshm_reason_name((__force ndshm_reason_t)j);
			KUNIT_EXPECT_STRNEQ(test, name, other);
		}
	}
}

/*
 * Status, errno and reason agree on success. PENDING is the exception: no failure, with
 * errno 0.
 */
static void views_agree(struct kunit *test)
{
	ndshm_status_t status;
	ndshm_reason_t reason;
	bool good;
	u32 i;

	for (i = 0; i < NDSHM_REASON_COUNT_KNOWN; i++) {
		reason = (__force ndshm_reason_t)i;
		status = ndshm_reason_status(reason);
		good = !i || reason == NDSHM_REASON_PENDING;
		KUNIT_EXPECT_EQ_MSG(test, status == NDSHM_STATUS_SUCCESS, !i,
				    "reason %u", i);
		KUNIT_EXPECT_EQ_MSG(test, ndshm_reason_errno(reason) == 0, good,
				    "reason %u", i);
		KUNIT_EXPECT_LE_MSG(test, ndshm_reason_errno(reason), 0,
				    "reason %u", i);
	}
}

static void expect_unknown(struct kunit *test, u32 number)
{
	ndshm_reason_t reason = (__force ndshm_reason_t)number;
	u32 status = (__force u32)ndshm_reason_status(reason);

	KUNIT_ASSERT_EQ_MSG(test, status, (__force u32)NDSHM_STATUS_FAILURE,
			    "reason %u", number);
	KUNIT_ASSERT_EQ_MSG(test, ndshm_reason_errno(reason), -EIO,
			    "reason %u", number);
	KUNIT_ASSERT_STREQ_MSG(test, ndshm_reason_name(reason), "unknown",
			       "reason %u", number);
}

static void unknown_reasons(struct kunit *test)
{
	struct rnd_state random = suite_random(test);
	u32 i, number;

	for (i = NDSHM_REASON_COUNT_KNOWN; i < BIT(17); i++)
		expect_unknown(test, i);
	for (i = 0; i < 32; i++) {
		number = BIT(i);
		if (number >= NDSHM_REASON_COUNT_KNOWN)
			expect_unknown(test, number);
		if (-number >= NDSHM_REASON_COUNT_KNOWN)
			expect_unknown(test, -number);
	}
	for (i = 0; i < 100000; i++) {
		number = prandom_u32_state(&random);
		if (number >= NDSHM_REASON_COUNT_KNOWN)
			expect_unknown(test, number);
	}
	expect_unknown(test, U32_MAX);
}

struct expected_number {
	ndshm_status_t status;
	u32 number;
	const char *name;
};

#define NUMBER(status_, number_) { \
	.status = NDSHM_STATUS_##status_, \
	.number = (number_), \
	.name = #status_, \
}

/* Most are defined by Remote NDIS, the others by Windows. */
static const struct expected_number expected_numbers[] = {
	NUMBER(SUCCESS, RNDIS_STATUS_SUCCESS),
	NUMBER(PENDING, 0x103),
	NUMBER(BUSY, 0x80000011),
	NUMBER(FAILURE, RNDIS_STATUS_FAILURE),
	NUMBER(INVALID_PARAMETER, 0xc000000d),
	NUMBER(RESOURCES, RNDIS_STATUS_RESOURCES),
	NUMBER(NOT_SUPPORTED, RNDIS_STATUS_NOT_SUPPORTED),
	NUMBER(INVALID_STATE, 0xc0000184),
	NUMBER(CLOSING, RNDIS_STATUS_CLOSING),
	NUMBER(BAD_VERSION, RNDIS_STATUS_BAD_VERSION),
	NUMBER(BAD_CHARACTERISTICS, RNDIS_STATUS_BAD_CHARACTERISTICS),
	NUMBER(ADAPTER_NOT_FOUND, RNDIS_STATUS_ADAPTER_NOT_FOUND),
	NUMBER(OPEN_FAILED, RNDIS_STATUS_OPEN_FAILED),
	NUMBER(REQUEST_ABORTED, RNDIS_STATUS_REQUEST_ABORTED),
	NUMBER(BUFFER_TOO_SHORT, RNDIS_STATUS_BUFFER_TOO_SHORT),
	NUMBER(ADAPTER_REMOVED, RNDIS_STATUS_ADAPTER_REMOVED),
	NUMBER(FILE_NOT_FOUND, RNDIS_STATUS_FILE_NOT_FOUND),
	NUMBER(RESOURCE_CONFLICT, RNDIS_STATUS_RESOURCE_CONFLICT),
	NUMBER(INVALID_ADDRESS, RNDIS_STATUS_INVALID_ADDRESS),
	NUMBER(UNSUPPORTED_REVISION, 0xc023002c),
};

static void status_numbers(struct kunit *test)
{
	const struct expected_number *expected;
	u32 i, j, number;
	bool known;

	for (i = 0; i < ARRAY_SIZE(expected_numbers); i++) {
		expected = &expected_numbers[i];
		number = (__force u32)expected->status;
		KUNIT_EXPECT_EQ_MSG(test, number, expected->number, "%s",
				    expected->name);
		/* Ascending, as in the header, so that each is unique. */
		if (i)
			KUNIT_EXPECT_GT_MSG(test, number,
					    expected_numbers[i - 1].number,
					    "%s", expected->name);
	}
	/* No reason has any other status. */
	for (i = 0; i < NDSHM_REASON_COUNT_KNOWN; i++) {
		number = (__force u32)ndshm_reason_status((__force ndshm_reason_t)i);
		known = false;
		for (j = 0; j < ARRAY_SIZE(expected_numbers); j++)
			known |= number == expected_numbers[j].number;
		KUNIT_EXPECT_TRUE_MSG(test, known, "reason %u", i);
	}
}

static struct kunit_case reason_cases[] = {
	KUNIT_CASE(every_reason),
	KUNIT_CASE(every_reason_is_here),
	KUNIT_CASE(names_are_unique),
	KUNIT_CASE(views_agree),
	KUNIT_CASE(unknown_reasons),
	KUNIT_CASE(status_numbers),
	{}
};

static struct kunit_suite reason_suite = {
	.name = SUITE_NAME("reason"),
	.test_cases = reason_cases,
};

kunit_test_suite(reason_suite);
