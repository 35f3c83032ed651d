/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Touching memory that may have gone.
 */
#ifndef _NDSHM_SELFTEST_PROBE_H
#define _NDSHM_SELFTEST_PROBE_H

#include <stdbool.h>

/*
 * True if the byte at @memory can be read, false if that is SIGBUS. Any thread
 * may ask at any time. The first one takes SIGBUS over for good; an access that
 * is no probe still ends the program by it.
 */
bool ndshm_readable(const void *memory);

/* True if @access came to its end, false if it met SIGBUS. */
bool ndshm_try(void (*access)(void *argument), void *argument);

/* For programs with ndshm_test.h: it is SIGBUS, and that is a case. */
#define test_sigbus(memory) do { \
	ndshm_case(false); \
	EXPECT_FALSE(ndshm_readable(memory)); \
} while (0)

#endif /* _NDSHM_SELFTEST_PROBE_H */
