/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Switches for tests, in a module built with NDSHM_TEST=1. Other builds have empty
 * functions instead.
 */
#ifndef _NDSHM_BASE_TESTING_H
#define _NDSHM_BASE_TESTING_H

#include <linux/types.h>

#ifdef NDSHM_TEST
/* Sleep in a fault handler that has locked its page, to widen races with revocation. */
void ndshm_test_fault_delay(void);
/* Sleep with a section's new memory before it is looked at, as above. */
void ndshm_test_chunk_delay(void);
/* Sleep between a refusal by a section and the wait for its memory, as above. */
void ndshm_test_refused_delay(void);
/* Sleep at the beginning of a claim, as above. */
void ndshm_test_claim_delay(void);
#else
static inline void ndshm_test_fault_delay(void)
{
}

static inline void ndshm_test_chunk_delay(void)
{
}

static inline void ndshm_test_refused_delay(void)
{
}

static inline void ndshm_test_claim_delay(void)
{
}
#endif

#endif /* _NDSHM_BASE_TESTING_H */
