/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Run thousands of programs in child processes that may die.
 */
#ifndef _FUZZ_BATCH_H
#define _FUZZ_BATCH_H

#include <stdbool.h>

#include <linux/types.h>

struct batch_options {
	__u64 seed;
	/* Limits that apply once the corpus has been run; 0: none. */
	__u64 calls;
	__u64 seconds;
	/* Run the corpus only, and write the programs that add coverage. */
	bool minimise;
};

/*
 * Run everything and print the verdicts. Return: false if one is bad or the run
 * failed.
 */
bool batch_run_all(const struct batch_options *options);

/* Return: true if there was a corpus and all of it was run. */
bool batch_seeds_run(void);

#endif /* _FUZZ_BATCH_H */
