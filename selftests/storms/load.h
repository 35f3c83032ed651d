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
 * @may: what they can be refused for
 * @pause: they leave the module alone between two clients, and find it gone
 */
struct storm_load {
	const char *name;
	const char *target;
	const char *maker;
	__u64 may;
	bool pause;
};

/* STORM_WORKERS begin; they end well, and their children with them. */
bool storm_load_begin(const struct storm_load *load);
bool storm_load_end(void);

/* One of them is killed, and another begins in its place. */
bool storm_load_replace(struct storm_random *random);

#endif /* _NDSHM_SELFTEST_STORM_LOAD_H */
