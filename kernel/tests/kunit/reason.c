// SPDX-License-Identifier: GPL-2.0
/*
 * The table of reasons, compared with an independent copy and with the numbers of NDIS
 * that another part of the kernel defines.
 */
#include "suite.h"

#include <linux/ctype.h>
#include <linux/errno.h>
#include <linux/rndis.h>
#include <linux/string.h>

#include "../../base/reason.c"

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

	KUNIT_ASSERT_EQ(test, ARRAY_SIZE(expected_reasons), NDSHM_REASON_COUNT_KNOWN);
	for (i = 0; i < ARRAY_SIZE(expected_reasons); i++) {
		expected = &expected_reasons[i];
		reason = expected->reason;
		KUNIT_EXPECT_EQ(test, (__force u32)reason, i);
		spell_name(expected, name);
		KUNIT_EXPECT_EQ_MSG(test,
				    (__force u32)ndshm_reason_status(reason),
				    (__force u32)expected->status, "%s", name);
		KUNIT_EXPECT_EQ_MSG(test, ndshm_reason_errno(reason),
				    expected->error, "%s", name);
		KUNIT_EXPECT_STREQ(test, ndshm_reason_name(reason), name);
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
	u32 i;

	for (i = NDSHM_REASON_COUNT_KNOWN; i < BIT(17); i++)
		expect_unknown(test, i);
	for (i = 16; i < 32; i++) {
		expect_unknown(test, BIT(i));
		expect_unknown(test, -BIT(i));
	}
	expect_unknown(test, U32_MAX);
}

#define NUMBER(status, number) { (__force u32)NDSHM_STATUS_##status, number }

/* Most are defined by Remote NDIS, the others by Windows. */
static const u32 expected_numbers[][2] = {
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
	u32 i, j, number;

	for (i = 0; i < ARRAY_SIZE(expected_numbers); i++)
		KUNIT_EXPECT_EQ(test, expected_numbers[i][0], expected_numbers[i][1]);
	/* No reason has any other status. */
	for (i = 0; i < NDSHM_REASON_COUNT_KNOWN; i++) {
		number = (__force u32)ndshm_reason_status((__force ndshm_reason_t)i);
		for (j = 0; j < ARRAY_SIZE(expected_numbers) - 1; j++)
			if (number == expected_numbers[j][0])
				break;
		KUNIT_EXPECT_EQ_MSG(test, number, expected_numbers[j][0], "reason %u", i);
	}
}

static struct kunit_case reason_cases[] = {
	KUNIT_CASE(every_reason),
	KUNIT_CASE(unknown_reasons),
	KUNIT_CASE(status_numbers),
	{}
};

static struct kunit_suite reason_suite = {
	.name = "ndshm_reason",
	.test_cases = reason_cases,
};

kunit_test_suite(reason_suite);
