/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the processes of the storm share: counters, and what they were told. */
#ifndef STORM_H
#define STORM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../call.h"
#include "hostile.h"

/* What a client does that means harm. */
enum harm {
	HARM_EXACT,		/* spoiled requests, whose answers are foreseen */
	HARM_CHANGED,		/* ... in memory that changes all the time */
	HARM_VANISHING,		/* ... in memory that comes and goes */
	HARM_RUDE,		/* ... of any length, many at once, and hanging up */
	HARMS
};

struct storm {
	atomic_bool stop;
	_Atomic uint64_t spoiled;		/* requests that mean harm, and were answered */
	_Atomic uint64_t by_harm[HARMS];
	_Atomic uint64_t by_status[STATUSES];
	_Atomic uint64_t foreseen[VERDICT_EITHER + 1];
	_Atomic uint64_t honest;		/* requests whose results were verified */
	_Atomic uint64_t hung_up;
};

struct client_plan {
	struct storm *storm;
	const char *path;
	uint64_t seed;
	uint64_t results;	/* HOSTILE_MEMORY bytes of somebody who lives; 0: its own */
};

/* Both run until they are told to stop. false: something was wrong, and was printed. */
bool storm_honest(const struct client_plan *plan);
bool storm_harm(const struct client_plan *plan, enum harm harm);

/* Prints what is wrong, after a "# "; false. */
__attribute__((format(printf, 1, 2)))
bool storm_wrong(const char *format, ...);

#endif /* STORM_H */
