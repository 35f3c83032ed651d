/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Common parts of the tests of the allocator on sections of the module.
 */
#ifndef NDSHM_TEST_MODULE_TEST_H
#define NDSHM_TEST_MODULE_TEST_H

#include <time.h>

#include "module_ledger.h"
#include "test.h"

/* For any process and thread: counts all failures, and prints the first ones. */
#define EXPECT(condition) module_expect((condition), __FILE__, __LINE__, #condition)

/* In memory shared by all processes of the test. */
extern atomic_uint *module_wrong;

static inline bool module_expect(bool good, const char *file, int line, const char *condition)
{
	if (!good && (*module_wrong)++ < 20)
		dprintf(STDOUT_FILENO, "# process %d, %s:%d: %s\n", getpid(), file, line,
			condition);
	return good;
}

/* Poll for up to ten seconds. The value is false on a timeout. */
#define SOON(condition) ({ \
	bool held_ = false; \
	for (int tries_ = 0; !held_ && tries_ < 1000; tries_++) { \
		held_ = (condition); \
		if (!held_) \
			usleep(10000); \
	} \
	held_; \
})

/* Get NDSHM_SEED or a random seed, and print it. Never 0. */
static inline unsigned long module_seed(void)
{
	const char *given = getenv("NDSHM_SEED");
	struct timespec now;
	unsigned long seed;

	/* Do not use the process ID: it repeats in a machine that has just booted. */
	clock_gettime(CLOCK_REALTIME, &now);
	seed = given ? strtoul(given, NULL, 0) : (unsigned long)now.tv_nsec;
	printf("# NDSHM_SEED=%lu\n", seed);
	fflush(stdout);
	return seed * 0x9e3779b97f4a7c15 | 1;
}

/* Mostly small; one of 64 may have an extent of its own. */
static inline size_t module_size(unsigned long random)
{
	unsigned int most = random % 64 ? random % 16 ? 8 : 12 : 16;

	return (random >> 32) % (16ul << ((random >> 8) % most + 1)) + 1;
}

#endif /* NDSHM_TEST_MODULE_TEST_H */
