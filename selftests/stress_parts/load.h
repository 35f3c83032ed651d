/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processes that use all objects, so that removals happen under load.
 */
#ifndef _NDSHM_SELFTEST_STRESS_LOAD_H
#define _NDSHM_SELFTEST_STRESS_LOAD_H

#include "stress.h"

/**
 * struct stress_load - the work of the workers
 * @name: of the streams of chance
 * @target: an adapter that comes and goes, or NULL
 * @maker: a provider that comes and goes, or NULL
 * @target_may: reasons for the failure of a request that names @target
 * @maker_may: the same of @maker
 * @pause: they leave the module alone between two clients, and find it gone
 */
struct stress_load {
	const char *name;
	const char *target;
	const char *maker;
	__u64 target_may;
	__u64 maker_may;
	bool pause;
};

/* STRESS_WORKERS begin; they end well, and their children with them. */
bool stress_load_begin(const struct stress_load *load);
bool stress_load_end(void);

/*
 * True while the workers make progress, even if slowly. For a caller that waits for
 * their results.
 */
bool stress_load_moves(void);

/* Keep the device closed in all workers until stress_load_go_on(). */
bool stress_load_rest(void);
void stress_load_go_on(void);

/* One of them is killed, and another begins in its place. */
bool stress_load_replace(struct stress_random *random);

#endif /* _NDSHM_SELFTEST_STRESS_LOAD_H */
