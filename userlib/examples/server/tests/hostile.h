/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A generator of hostile requests: valid requests with random mutations, and their expected
 * results. The expectation is independent of the server's code, except for ndshm_section_read() and ndshm_section_write().
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdbool.h>
#include <stddef.h>

#include <ndshm/section.h>

#include "../protocol.h"

#define HOSTILE_MEMORY	(128U << 10)	/* bytes for requests, and again for results */

struct hostile {
	uint64_t random;
	const struct ndshm_section *section;
	uint64_t own;			/* offset of memory for requests */
	uint64_t results;		/* offset of memory for results */
	bool overlaps;			/* results may overlap requests */
	uint64_t unused;		/* offset behind all allocations */
	struct request request;
	struct chunk list[PROTOCOL_CHUNKS];	/* as written to the section */
};

enum verdict {
	VERDICT_SERVED,			/* valid */
	VERDICT_REFUSED,
	VERDICT_EITHER,			/* depends on memory of other clients */
};

uint64_t hostile_random(struct hostile *hostile);
uint64_t hostile_below(struct hostile *hostile, uint64_t limit);

/*
 * Makes the next request and writes its list to the section. Results never go to memory of other
 * clients, which verify their contents.
 */
void hostile_make(struct hostile *hostile);

/* Predicts the answer. Valid while no other process changes the section. */
enum verdict hostile_judge(const struct hostile *hostile);

/*
 * Computes the result of a request with VERDICT_SERVED from the section's present contents.
 * `result` must have room for PROTOCOL_CONTENTS bytes. Returns the length.
 */
size_t hostile_expect(const struct hostile *hostile, uint8_t *result);

/* Computes the result of an operation on private memory; returns its length. */
size_t hostile_result(uint32_t operation, const uint8_t *contents, size_t length,
		      uint8_t *result);

#endif /* HOSTILE_H */
