/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A cgroup whose processes run for a hundredth of the time, all of them together.
 */
#ifndef _NDSHM_SELFTEST_STRESS_SLOW_H
#define _NDSHM_SELFTEST_STRESS_SLOW_H

#include <stdbool.h>

/* For the whole stress; without the processor control of cgroup v2, it is not there. */
void stress_slow_begin(void);
bool stress_slow_end(void);

/* Is it there; the calling process enters it. */
bool stress_has_slow(void);
bool stress_slow_enter(void);

/* Let its processes run freely, so that they end by themselves, or no more. */
void stress_slow_release(bool free);

/*
 * Call before and after the wait for a killed process of the cgroup. It stays throttled
 * for a moment, so that other processes meet the locks that it holds, and then runs freely.
 */
void stress_slow_dies(void);
void stress_slow_died(void);

#endif /* _NDSHM_SELFTEST_STRESS_SLOW_H */
