/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Switches for tests, in a module built with NDSHM_TEST=1 only. In the
 * ordinary build each is nothing at all.
 */
#ifndef _NDSHM_CORE_TESTING_H
#define _NDSHM_CORE_TESTING_H

#ifdef NDSHM_TEST
/* Stay between locking a page and answering a fault with it for a while. */
void ndshm_test_fault_delay(void);
#else
static inline void ndshm_test_fault_delay(void)
{
}
#endif

#endif /* _NDSHM_CORE_TESTING_H */
