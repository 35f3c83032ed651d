/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KCOV: addresses executed by the kernel on behalf of a thread, if available.
 */
#ifndef _FUZZ_KCOV_H
#define _FUZZ_KCOV_H

#include <linux/types.h>

#define KCOV_FILE	"/sys/kernel/debug/kcov"
#define KCOV_PCS	65536

struct kcov {
	int fd;
	__u64 *buffer;		/* a count, followed by addresses; NULL without KCOV */
};

/* Start KCOV for the calling thread. Return 0, also without KCOV, or -errno. */
int kcov_begin(struct kcov *kcov);

/* Append an address of 0, which separates the coverage of two calls. */
void kcov_mark(struct kcov *kcov);

void kcov_reset(struct kcov *kcov);
__u64 kcov_count(const struct kcov *kcov);

#endif /* _FUZZ_KCOV_H */
