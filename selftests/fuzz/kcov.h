/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel says a thread has passed, if it says so.
 */
#ifndef _FUZZ_KCOV_H
#define _FUZZ_KCOV_H

#include <linux/types.h>

#define KCOV_FILE	"/sys/kernel/debug/kcov"
#define KCOV_PCS	65536

struct kcov {
	int fd;
	__u64 *buffer;		/* a count, and so many addresses; NULL: no KCOV */
};

/* For the calling thread, from now on. 0, also without KCOV, or -errno. */
int kcov_begin(struct kcov *kcov);

/* What follows is another call: an address of 0 stands there. */
void kcov_mark(struct kcov *kcov);

void kcov_reset(struct kcov *kcov);
__u64 kcov_count(const struct kcov *kcov);

#endif /* _FUZZ_KCOV_H */
