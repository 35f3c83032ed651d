/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processes that use everything, so that what goes meanwhile goes under load.
 */
#ifndef _NDSHM_SELFTEST_STORM_LOAD_H
#define _NDSHM_SELFTEST_STORM_LOAD_H

#include "storm.h"

/**
 * struct storm_load - what the workers do
 * @name: of the streams of chance
 * @target: an adapter that comes and goes, or NULL
 * @maker: a provider that comes and goes, or NULL
 * @target_may: what they can be refused for when they name @target
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
 * While this is true, they get on with it, be it slowly: for the one who waits for
 * what they do.
 */
bool storm_load_moves(void);

/* None of them has the module open, until they are told to go on. */
bool storm_load_rest(void);
void storm_load_go_on(void);

/* One of them is killed, and another begins in its place. */
bool storm_load_replace(struct storm_random *random);

#endif /* _NDSHM_SELFTEST_STORM_LOAD_H */
