// SPDX-License-Identifier: GPL-2.0
/*
 * blocks CONTEXT LENGTH PAIRS
 *
 * Allocates and frees a block of LENGTH bytes PAIRS times, in a context that keeps it, and prints the
 * nanoseconds of all. CONTEXT is ignored: NDSHM_BACKEND selects it, as for heap. For the cost of a
 * pair see there, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <ndshm/ndshm.h>

#define KEPT	(64ul << 20)

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int count, char **arguments)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *block;
	unsigned long pairs;
	struct ndshm *ndshm;
	double begin;
	void *memory;

	if (count != 4)
		return 2;
	request.length = strtoul(arguments[2], NULL, 0);
	pairs = strtoul(arguments[3], NULL, 0);
	if (ndshm_open(NULL, &ndshm) || ndshm_set_cache(ndshm, KEPT) ||
	    ndshm_alloc(ndshm, &request, &block) || ndshm_map(block, &memory))
		return 1;
	ndshm_free(block);
	begin = now();
	while (pairs--) {
		if (ndshm_alloc(ndshm, &request, &block))
			return 1;
		ndshm_free(block);
	}
	printf("%.0f\n", now() - begin);
	ndshm_close(ndshm);
	return 0;
}
