// SPDX-License-Identifier: GPL-2.0
/*
 * Names of adapters and providers.
 */
#include "suite.h"

#include <linux/sched.h>
#include <linux/string.h>

#include <ndshm/provider.h>

#include "../../base/registry.c"

/* Independent of the implementation under test. */
static bool naive_byte(u8 byte)
{
	return byte >= 0x21 && byte <= 0x7e && byte != 0x2f;
}

/* Each length, and each byte, including the terminator, at each place. */
static void every_place(struct kunit *test)
{
	size_t length, place;
	char *name;
	bool valid;
	int byte;

	KUNIT_EXPECT_FALSE(test, ndshm_name_valid(""));
	for (length = 1; length <= NDSHM_NAME_SIZE + 8; length++) {
		/* Exact length, so that KASAN detects reading beyond. */
		name = kunit_kmalloc(test, length + 1, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, name);
		memset(name, 'n', length);
		name[length] = '\0';
		for (place = 0; place < length; place++) {
			cond_resched();
			for (byte = 0; byte < 256; byte++) {
				name[place] = byte;
				valid = byte ? naive_byte(byte) && length < NDSHM_NAME_SIZE :
					       place && place < NDSHM_NAME_SIZE;
				KUNIT_ASSERT_EQ_MSG(test, ndshm_name_valid(name), valid,
						    "length %zu place %zu byte %#x",
						    length, place, byte);
			}
			name[place] = 'n';
		}
		/* No byte beyond the longest name is read in search of the terminator. */
		if (length == NDSHM_NAME_SIZE - 1) {
			name[length] = 'n';
			KUNIT_EXPECT_FALSE(test, ndshm_name_valid(name));
		}
		kunit_kfree(test, name);
	}
}

static struct kunit_case registry_cases[] = {
	KUNIT_CASE(every_place),
	{}
};

static struct kunit_suite registry_suite = {
	.name = "ndshm_registry",
	.test_cases = registry_cases,
};

kunit_test_suite(registry_suite);
