/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interface between the processes of the stress test: shared counters, and the plan of a
 * client.
 */
#ifndef STRESS_H
#define STRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../call.h"
#include "hostile.h"

/* Kinds of hostile clients. */
enum harm {
	HARM_EXACT,		/* mutated requests with predicted answers */
	HARM_CHANGED,		/* requests in memory that changes concurrently */
	HARM_VANISHING,		/* requests in memory that is freed concurrently */
	HARM_RUDE,		/* messages of any length, many in flight, disconnects */
	HARMS
};

struct stress {
	atomic_bool stop;
	_Atomic uint64_t spoiled;		/* hostile requests that were answered */
	_Atomic uint64_t by_harm[HARMS];
	_Atomic uint64_t by_status[STATUSES];
	_Atomic uint64_t foreseen[VERDICT_EITHER + 1];
	_Atomic uint64_t honest;		/* honest requests with verified results */
	_Atomic uint64_t hung_up;
};

struct client_plan {
	struct stress *stress;
	const char *path;
	uint64_t seed;
	uint64_t results;	/* offset of HOSTILE_MEMORY bytes of the keeper; 0: own memory */
};

/* Run a client until stress.stop is set. Return false, after a message, if a check failed. */
bool stress_honest(const struct client_plan *plan);
bool stress_harm(const struct client_plan *plan, enum harm harm);

/* Prints a message after "# " and returns false. */
__attribute__((format(printf, 1, 2)))
bool stress_wrong(const char *format, ...);

#endif /* STRESS_H */
