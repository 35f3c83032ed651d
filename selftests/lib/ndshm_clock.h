/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The time for which the machine ran. A processor of an emulated one stands still while its host is
 * busy, which limits must not count. A thread on each processor looks for that, in a process that
 * runs from ndshm_clock_start() to ndshm_clock_stop() or the end of its parent.
 *
 * A processor that is busy in the kernel delays its thread, too. That counts as time for which the
 * machine ran, unless interrupts are off, or the kernel has no /proc/PID/schedstat.
 */
#ifndef _NDSHM_SELFTEST_CLOCK_H
#define _NDSHM_SELFTEST_CLOCK_H

#include <stdbool.h>

/* Nanoseconds of CLOCK_MONOTONIC. */
struct ndshm_clock {
	unsigned long long now;
};

bool ndshm_clock_start(void);
void ndshm_clock_stop(void);

struct ndshm_clock ndshm_clock_now(void);

/*
 * Return: the seconds, or milliseconds, since then in which no processor stood still: the time that
 * was measured may have been lost on any of them, and on several at once only once. These calls
 * take some milliseconds.
 */
double ndshm_clock_ran(struct ndshm_clock since);
long long ndshm_clock_ran_ms(struct ndshm_clock since);

#endif /* _NDSHM_SELFTEST_CLOCK_H */
