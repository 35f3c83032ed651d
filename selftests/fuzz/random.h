/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pseudo-random numbers that depend on a seed only (splitmix64).
 */
#ifndef _FUZZ_RANDOM_H
#define _FUZZ_RANDOM_H

#include <stdbool.h>

#include <linux/types.h>

struct fuzz_random {
	__u64 state;
};

static inline __u64 fuzz_random(struct fuzz_random *random)
{
	__u64 z = random->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* A number from 0 to @limit - 1. */
static inline unsigned int fuzz_below(struct fuzz_random *random,
				      unsigned int limit)
{
	return fuzz_random(random) % limit;
}

static inline bool fuzz_chance(struct fuzz_random *random, unsigned int percent)
{
	return fuzz_below(random, 100) < percent;
}

#endif /* _FUZZ_RANDOM_H */
