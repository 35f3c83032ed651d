// SPDX-License-Identifier: GPL-2.0
/*
 * Names of reasons and statuses, compared with the header that defines them (argument 1)
 * and the expected status and errno of each reason.
 */
#include <ctype.h>

#include <ndshm/section.h>

#include "internal.h"
#include "test.h"

static const char *header_path;

/* CLAIM_BUSY becomes claim-busy. */
static void lower(char *name)
{
	for (; *name; name++)
		*name = *name == '_' ? '-' : tolower((unsigned char)*name);
}

TEST(reasons_are_named_after_their_macros)
{
	FILE *file = fopen(header_path, "r");
	unsigned int number, count = 0;
	char line[256], name[64];

	REQUIRE(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "#define NDSHM_REASON_%63s __NDSHM_REASON(%uU)", name,
			   &number) != 2)
			continue;
		lower(name);
		CHECK(number == count);
		CHECK(!strcmp(ndshm_reason_name(number), name));
		CHECK(strlen(ndshm_reason_text(number)) > 20);
		count++;
	}
	fclose(file);
	CHECK(count == NDSHM_REASON_COUNT_KNOWN);
}

TEST(texts_differ)
{
	for (uint32_t i = 0; i < NDSHM_REASON_COUNT_KNOWN; i++)
		for (uint32_t j = 0; j < i; j++)
			CHECK(strcmp(ndshm_reason_text(i), ndshm_reason_text(j)));
}

TEST(unknown_reasons_have_a_name)
{
	static const uint32_t unknown[] = { NDSHM_REASON_COUNT_KNOWN, 1000, UINT32_MAX };

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		CHECK(!strcmp(ndshm_reason_name(unknown[i]), "unknown"));
		CHECK(strlen(ndshm_reason_text(unknown[i])) > 20);
		CHECK(ndshm__reason_errno(unknown[i]) == -EIO);
		CHECK(ndshm__reason_status(unknown[i]) == NDSHM_STATUS_FAILURE);
	}
}

/* Numbers that the module's reasons will not reach, which have names and texts as those. */
TEST(reasons_of_the_library_have_rows)
{
	static const struct {
		uint32_t reason;
		const char *name;
		int error;
		uint32_t status;
	} rows[] = {
		{ NDSHM_REASON_POINTER_FOREIGN, "pointer-foreign", -EINVAL,
		  NDSHM_STATUS_INVALID_PARAMETER },
		{ NDSHM_REASON_POINTER_INTERIOR, "pointer-interior", -EINVAL,
		  NDSHM_STATUS_INVALID_PARAMETER },
		{ NDSHM_REASON_POINTER_FREED, "pointer-freed", -EINVAL,
		  NDSHM_STATUS_INVALID_PARAMETER },
		{ NDSHM_REASON_POINTER_LENT, "pointer-lent", -EBUSY,
		  NDSHM_STATUS_INVALID_STATE },
		{ NDSHM_REASON_NETLINK_REFUSED, "netlink-refused", -EAFNOSUPPORT,
		  NDSHM_STATUS_OPEN_FAILED },
		{ NDSHM_REASON_MAPPINGS, "mappings", -ENOMEM, NDSHM_STATUS_RESOURCES },
		{ NDSHM_REASON_MLOCKALL, "mlockall", -EAGAIN, NDSHM_STATUS_RESOURCES },
		{ NDSHM_REASON_ADDRESS_SPACE, "address-space", -ENOMEM, NDSHM_STATUS_RESOURCES },
	};

	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK(rows[i].reason == 0x10000 + i);
		CHECK(!strcmp(ndshm_reason_name(rows[i].reason), rows[i].name));
		CHECK(strlen(ndshm_reason_text(rows[i].reason)) > 20);
		CHECK(ndshm__reason_errno(rows[i].reason) == rows[i].error);
		CHECK(ndshm__reason_status(rows[i].reason) == rows[i].status);
	}
	CHECK(!strcmp(ndshm_reason_name(0x10008), "unknown"));
	CHECK(!strcmp(ndshm_reason_name(0xffff), "unknown"));
}

TEST(statuses_are_named_after_their_macros)
{
	FILE *file = fopen(header_path, "r");
	char line[256], name[64];
	unsigned int number, count = 0;

	REQUIRE(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "#define NDSHM_STATUS_%63s __NDSHM_STATUS(%xU)", name,
			   &number) != 2)
			continue;
		CHECK(!strcmp(ndshm_status_name(number), name));
		count++;
	}
	fclose(file);
	CHECK(count == 20);
	CHECK(!strcmp(ndshm_status_name(0x12345678), "UNKNOWN"));
	CHECK(!strcmp(ndshm_status_name(UINT32_MAX), "UNKNOWN"));
}

#define NDSHM_EXPECT(reason, status, error) \
	{ NDSHM_REASON_##reason, NDSHM_STATUS_##status, error },

/* Expected: the numbers in the order of the rows, each with its status and errno. */
TEST(statuses_and_errnos_are_the_expected)
{
	static const struct {
		uint32_t reason;
		uint32_t status;
		int error;
	} expected[] = {
#include "../../selftests/lib/ndshm_expected_reasons.h"
	};
	uint32_t count = sizeof(expected) / sizeof(expected[0]);

	REQUIRE(count == NDSHM_REASON_COUNT_KNOWN);
	for (uint32_t i = 0; i < count; i++) {
		CHECK(expected[i].reason == i);
		CHECK(ndshm__reason_status(i) == expected[i].status);
		CHECK(ndshm__reason_errno(i) == -expected[i].error);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	header_path = argv[1];
	test_run_all();
	return test_end();
}
