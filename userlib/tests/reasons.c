// SPDX-License-Identifier: GPL-2.0
/*
 * Names of reasons and statuses, compared with the header that defines them (argument 1)
 * and the module's table of reasons (argument 2).
 */
#include <ctype.h>

#include "internal.h"
#include "test.h"

static const char *header_path, *table_path;

/* CLAIM_BUSY becomes claim-busy. */
static void lower(char *name)
{
	for (; *name; name++)
		*name = *name == '_' ? '-' : tolower((unsigned char)*name);
}

static void reasons_are_named_after_their_macros(void)
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

static void texts_differ(void)
{
	for (uint32_t i = 0; i < NDSHM_REASON_COUNT_KNOWN; i++)
		for (uint32_t j = 0; j < i; j++)
			CHECK(strcmp(ndshm_reason_text(i), ndshm_reason_text(j)));
}

static void unknown_reasons_have_a_name(void)
{
	static const uint32_t unknown[] = { NDSHM_REASON_COUNT_KNOWN, 1000, UINT32_MAX };

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		CHECK(!strcmp(ndshm_reason_name(unknown[i]), "unknown"));
		CHECK(strlen(ndshm_reason_text(unknown[i])) > 20);
		CHECK(ndshm__reason_errno(unknown[i]) == -EIO);
		CHECK(ndshm__reason_status(unknown[i]) == NDSHM_STATUS_FAILURE);
	}
}

static void statuses_are_named_after_their_macros(void)
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

/* Return: the reason with this name, or NDSHM_REASON_COUNT_KNOWN. */
static uint32_t find(const char *name)
{
	uint32_t reason = 0;

	while (reason < NDSHM_REASON_COUNT_KNOWN && strcmp(ndshm_reason_name(reason), name))
		reason++;
	return reason;
}

/* Compare each ROW(REASON, STATUS, ERRNO, ...) of the module with the library. */
static void statuses_and_errnos_are_the_modules(void)
{
	FILE *file = fopen(table_path, "r");
	char line[256], name[64], status[64], error[64];
	unsigned int count = 0;

	REQUIRE(file);
	while (fgets(line, sizeof(line), file)) {
		uint32_t reason;

		if (sscanf(line, " ROW(%63[A-Z_], %63[A-Z_], %63[A-Z0-9],", name, status,
			   error) != 3)
			continue;
		lower(name);
		reason = find(name);
		REQUIRE(reason < NDSHM_REASON_COUNT_KNOWN);
		CHECK(!strcmp(ndshm_status_name(ndshm__reason_status(reason)), status));
		if (strcmp(error, "0"))
			CHECK(!strcmp(strerrorname_np(-ndshm__reason_errno(reason)), error));
		else
			CHECK(!ndshm__reason_errno(reason));
		count++;
	}
	fclose(file);
	CHECK(count == NDSHM_REASON_COUNT_KNOWN);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	header_path = argv[1];
	table_path = argv[2];
	RUN(reasons_are_named_after_their_macros);
	RUN(texts_differ);
	RUN(unknown_reasons_have_a_name);
	RUN(statuses_are_named_after_their_macros);
	RUN(statuses_and_errnos_are_the_modules);
	return test_end();
}
