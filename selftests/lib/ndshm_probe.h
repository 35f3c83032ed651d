/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accessing memory that may have been revoked.
 */
#ifndef _NDSHM_SELFTEST_PROBE_H
#define _NDSHM_SELFTEST_PROBE_H

#include <stdbool.h>

/*
 * Return: true if the byte at @memory can be read, false if the access raises
 * SIGBUS. May be called by any thread. The first call installs a SIGBUS handler
 * for good; an access outside a probe still ends the program.
 */
bool ndshm_readable(const void *memory);

/* Return: true if @access completed, false if it raised SIGBUS. */
bool ndshm_try(void (*access)(void *argument), void *argument);

/* For programs with ndshm_test.h: the access must raise SIGBUS; counts as a case. */
#define test_sigbus(memory) do { \
	ndshm_case(false); \
	EXPECT_FALSE(ndshm_readable(memory)); \
} while (0)

#endif /* _NDSHM_SELFTEST_PROBE_H */
