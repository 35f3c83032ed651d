// SPDX-License-Identifier: GPL-2.0
/*
 * Names of reasons and statuses, compared with the header that defines them (argument 1)
 * and the expected status and errno of each reason.
 */
#include <ctype.h>

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
	static const uint32_t reasons[] = {
		NDSHM_REASON_POINTER_FOREIGN, NDSHM_REASON_POINTER_INTERIOR,
		NDSHM_REASON_POINTER_FREED, NDSHM_REASON_POINTER_LENT,
		NDSHM_REASON_NETLINK_REFUSED, NDSHM_REASON_MAPPINGS, NDSHM_REASON_MLOCKALL,
		NDSHM_REASON_ADDRESS_SPACE,
	};
	char name[64];

	for (uint32_t i = 0; i < sizeof(test_reasons) / sizeof(test_reasons[0]); i++) {
		const uint32_t reason = reasons[i];

		CHECK(reason == 0x10000 + i);
		strcpy(name, test_reasons[i].name);
		lower(name);
		CHECK(!strcmp(ndshm_reason_name(reason), name));
		CHECK(strlen(ndshm_reason_text(reason)) > 20);
		CHECK(ndshm__reason_errno(reason) == -test_reasons[i].error);
		CHECK(ndshm__reason_status(reason) == test_reasons[i].status);
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

#undef NDSHM_EXPECT
#define NDSHM_EXPECT(reason, status, error)	NDSHM_REASON_##reason,

/* Expected: the numbers in the order of the rows, each with its status and errno. */
TEST(statuses_and_errnos_are_the_expected)
{
	static const uint32_t numbers[] = {
#include "../../selftests/lib/ndshm_expected_reasons.h"
	};

	REQUIRE(sizeof(numbers) / sizeof(numbers[0]) == NDSHM_REASON_COUNT_KNOWN);
	for (uint32_t i = 0; i < NDSHM_REASON_COUNT_KNOWN; i++) {
		CHECK(numbers[i] == i);
		CHECK(ndshm__reason_status(i) == ndshm_expected[i].status);
		CHECK(ndshm__reason_errno(i) == -ndshm_expected[i].error);
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
