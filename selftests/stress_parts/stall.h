/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commands whose argument is on a page that the kernel cannot write to at once, so that
 * the reply takes as long as the caller likes.
 */
#ifndef _NDSHM_SELFTEST_STRESS_STALL_H
#define _NDSHM_SELFTEST_STRESS_STALL_H

#include "stress.h"

/**
 * struct stress_stall - one thread's page
 * @page: where arguments are, or NULL: there is none
 * @faults: userfaultfd that write-protects it
 * @random: how long each reply takes
 */
struct stress_stall {
	unsigned char *page;
	int faults;
	struct stress_random random;
};

/*
 * With a thread that lets replies go after a while, until the process ends. False: the
 * kernel cannot do it.
 */
bool stress_stall_begin(struct stress_stall *stall, struct stress_random random);

/* ioctl(), with @argument of @size bytes on that page. */
int stress_stall_ioctl(struct stress_stall *stall, int fd, unsigned long command,
		       void *argument, size_t size);

#endif /* _NDSHM_SELFTEST_STRESS_STALL_H */
