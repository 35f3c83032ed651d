/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The time for which the machine ran. An emulated one stands still while its host is busy, which
 * limits must not count. A process looks for that, from ndshm_clock_start() to ndshm_clock_stop()
 * or the end of its parent. Not for tests in which a processor is busy in the kernel: that looks
 * the same.
 */
#ifndef _NDSHM_SELFTEST_CLOCK_H
#define _NDSHM_SELFTEST_CLOCK_H

#include <stdbool.h>

/* Nanoseconds. @stood: of these, when the machine stood still. */
struct ndshm_clock {
	unsigned long long now;
	unsigned long long stood;
};

bool ndshm_clock_start(void);
void ndshm_clock_stop(void);

struct ndshm_clock ndshm_clock_now(void);

/*
 * Return: the seconds, or milliseconds, since then for which the machine ran. These calls take some
 * milliseconds.
 */
double ndshm_clock_ran(struct ndshm_clock since);
long long ndshm_clock_ran_ms(struct ndshm_clock since);

#endif /* _NDSHM_SELFTEST_CLOCK_H */
