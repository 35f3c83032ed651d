/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Requests that mean harm, for the tests: good ones of which something was spoiled, and
 * what must become of each. The judge comes to that by itself: of the server's code it
 * has only what copies.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdbool.h>
#include <stddef.h>

#include <ndshm/section.h>

#include "../protocol.h"

#define HOSTILE_MEMORY	(128U << 10)	/* bytes for requests, and as many for results */

struct hostile {
	uint64_t random;
	const struct ndshm_section *section;
	uint64_t own;			/* offset of this one's memory */
	uint64_t results;		/* offset of its memory for results */
	bool overlaps;			/* results may lie over the rest, too */
	uint64_t spare;			/* offset from which on nobody has anything */
	struct request request;
	struct piece list[PROTOCOL_PIECES];	/* as it was written */
};

enum verdict {
	VERDICT_SERVED,			/* nothing is wrong with it */
	VERDICT_REFUSED,
	VERDICT_EITHER,			/* that depends on memory that is not its own */
};

uint64_t hostile_random(struct hostile *hostile);
uint64_t hostile_below(struct hostile *hostile, uint64_t limit);

/*
 * The next request, with its list written to the section. The server writes results
 * where it is told to: never to what others may have, whose contents are verified.
 */
void hostile_make(struct hostile *hostile);

/* As long as nobody has changed what lies in the section. */
enum verdict hostile_judge(const struct hostile *hostile);

/*
 * What the result must be of a request that has to be served, as the section is before
 * it is sent. `result` has room for PROTOCOL_CONTENTS bytes; returns the length.
 */
size_t hostile_expect(const struct hostile *hostile, uint8_t *result);

/* The result of an operation on private memory; returns its length. */
size_t hostile_result(uint32_t operation, const uint8_t *contents, size_t length,
		      uint8_t *result);

#endif /* HOSTILE_H */
