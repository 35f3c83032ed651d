/* SPDX-License-Identifier: GPL-2.0 */
/* Delays for tests, in a module built with NDSHM_TEST=1. Other builds have an empty function. */
#ifndef _NDSHM_BASE_TESTING_H
#define _NDSHM_BASE_TESTING_H

/* Places where a task sleeps, to widen a race. */
enum ndshm_test_place {
	NDSHM_TEST_FAULT,	/* a fault handler that has locked its page */
	NDSHM_TEST_CHUNK,	/* a section's new memory, before it is looked at */
	NDSHM_TEST_REFUSED,	/* between a refusal by a section and the wait for its memory */
	NDSHM_TEST_CLAIM,	/* at the beginning of a claim */
	NDSHM_TEST_RELEASE,	/* before a function whose BARs are unmapped is released */
	NDSHM_TEST_PLACES,
};

#ifdef NDSHM_TEST
void ndshm_test_delay(enum ndshm_test_place place);
#else
static inline void ndshm_test_delay(enum ndshm_test_place place)
{
}
#endif

#endif /* _NDSHM_BASE_TESTING_H */
