/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Switches for tests, in a module built with NDSHM_TEST=1. Other builds have empty
 * functions instead.
 */
#ifndef _NDSHM_BASE_TESTING_H
#define _NDSHM_BASE_TESTING_H

#ifdef NDSHM_TEST
/* Sleep in a fault handler that has locked its page, to widen races with revocation. */
void ndshm_test_fault_delay(void);
#else
static inline void ndshm_test_fault_delay(void)
{
}
#endif

#endif /* _NDSHM_BASE_TESTING_H */
