// SPDX-License-Identifier: GPL-2.0
/*
 * Names of adapters and providers.
 */
#include <linux/sched.h>
#include <linux/string.h>

#include <ndshm/provider.h>

#include "../../base/registry.h"
#include "suite.h"

/* Independent of the implementation under test. */
static bool naive_byte(u8 byte)
{
	return byte >= 0x21 && byte <= 0x7e && byte != 0x2f;
}

static void no_name(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, ndshm_name_valid(""));
}

static void every_byte(struct kunit *test)
{
	char name[2] = "";
	int byte;

	for (byte = 1; byte < 256; byte++) {
		name[0] = byte;
		KUNIT_EXPECT_EQ_MSG(test, ndshm_name_valid(name),
				    naive_byte(byte), "byte %#x", byte);
	}
}

static void every_pair(struct kunit *test)
{
	char name[3] = "";
	int first, second;
	bool valid;

	for (first = 1; first < 256; first++) {
		for (second = 0; second < 256; second++) {
			name[0] = first;
			name[1] = second;
			valid = naive_byte(first) &&
				(!second || naive_byte(second));
			KUNIT_ASSERT_EQ_MSG(test, ndshm_name_valid(name), valid,
					    "bytes %#x %#x", first, second);
		}
	}
}

/* Each length, and each byte, including the terminator, at each place. */
static void every_place(struct kunit *test)
{
	size_t length, place;
	char *name;
	bool valid;
	int byte;

	for (length = 1; length <= NDSHM_NAME_SIZE + 8; length++) {
		/* Exact length, so that KASAN detects reading beyond. */
		name = kunit_kmalloc(test, length + 1, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, name);
		memset(name, 'n', length);
		name[length] = '\0';
		KUNIT_ASSERT_EQ_MSG(test, ndshm_name_valid(name),
				    length < NDSHM_NAME_SIZE, "length %zu",
				    length);
		for (place = 0; place < length; place++) {
			cond_resched();
			for (byte = 0; byte < 256; byte++) {
				name[place] = byte;
				valid = byte ? naive_byte(byte) &&
					       length < NDSHM_NAME_SIZE :
					       place && place < NDSHM_NAME_SIZE;
				KUNIT_ASSERT_EQ_MSG(test,
						    ndshm_name_valid(name),
						    valid,
						    "length %zu place %zu byte %#x",
						    length, place, byte);
			}
			name[place] = 'n';
		}
		kunit_kfree(test, name);
	}
}

/* No byte beyond the longest name is read in search of the terminator. */
static void no_end(struct kunit *test)
{
	char *name = kunit_kmalloc(test, NDSHM_NAME_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, name);
	memset(name, 'n', NDSHM_NAME_SIZE);
	KUNIT_EXPECT_FALSE(test, ndshm_name_valid(name));
}

static struct kunit_case registry_cases[] = {
	KUNIT_CASE(no_name),
	KUNIT_CASE(every_byte),
	KUNIT_CASE(every_pair),
	KUNIT_CASE(every_place),
	KUNIT_CASE(no_end),
	{}
};

static struct kunit_suite registry_suite = {
	.name = SUITE_NAME("registry"),
	.test_cases = registry_cases,
};

kunit_test_suite(registry_suite);
