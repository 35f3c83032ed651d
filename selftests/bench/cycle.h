/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _NDSHM_BENCH_CYCLE_H
#define _NDSHM_BENCH_CYCLE_H

#include "bench.h"

struct cycle {
	const struct peer *peer;
	size_t length;
	struct buffer *buffer;		/* for cycle_shown(): an allocated buffer */
};

/* Callbacks for measure(); @cycle is a struct cycle. */
int cycle_mapped(void *cycle);
int cycle_shown(void *cycle);
int cycle_unmapped(void *cycle);
int cycle_batch(void *cycle);

enum step { STEP_ALLOCATE, STEP_MAP, STEP_TOUCH, STEP_UNMAP, STEP_FREE, STEPS };

extern const char *const step_names[STEPS];

/* Measure the steps of cycle_mapped(). Return 0 or a negative errno. */
int cycle_steps(const struct cycle *cycle, unsigned int rounds,
		struct figure *figures);

#endif /* _NDSHM_BENCH_CYCLE_H */
