/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs by the thousand, in processes that can be lost.
 */
#ifndef _FUZZ_BATCH_H
#define _FUZZ_BATCH_H

#include <stdbool.h>

#include <linux/types.h>

struct batch_options {
	__u64 seed;
	/* When it ends, once the corpus was run; 0: not by that. */
	__u64 calls;
	__u64 seconds;
	/* The corpus only; what adds something is written out. */
	bool minimise;
};

/* All of it, with its verdicts; false if one is bad, or it cannot be done. */
bool batch_run_all(const struct batch_options *options);

/* Was there a corpus, and was it run to its end? */
bool batch_seeds_run(void);

#endif /* _FUZZ_BATCH_H */
