/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processes that use all objects, so that removals happen under load.
 */
#ifndef _NDSHM_SELFTEST_STORM_LOAD_H
#define _NDSHM_SELFTEST_STORM_LOAD_H

#include "storm.h"

/**
 * struct storm_load - the work of the workers
 * @name: of the streams of chance
 * @target: an adapter that comes and goes, or NULL
 * @maker: a provider that comes and goes, or NULL
 * @target_may: reasons for the failure of a request that names @target
 * @maker_may: the same of @maker
 * @pause: they leave the module alone between two clients, and find it gone
 */
struct storm_load {
	const char *name;
	const char *target;
	const char *maker;
	__u64 target_may;
	__u64 maker_may;
	bool pause;
};

/* STORM_WORKERS begin; they end well, and their children with them. */
bool storm_load_begin(const struct storm_load *load);
bool storm_load_end(void);

/*
 * True while the workers make progress, even if slowly. For a caller that waits for
 * their results.
 */
bool storm_load_moves(void);

/* Keep the device closed in all workers until storm_load_go_on(). */
bool storm_load_rest(void);
void storm_load_go_on(void);

/* One of them is killed, and another begins in its place. */
bool storm_load_replace(struct storm_random *random);

#endif /* _NDSHM_SELFTEST_STORM_LOAD_H */
