// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Size of the reserve by generic netlink.
 */
#include <errno.h>
#include <time.h>

#include "netlink_internal.h"

/*
 * Each query sends up to 16 requests, and the module works on one for a quarter of a second, or as
 * long as a chunk takes.
 */
#define QUERIES		150
#define SECONDS		600

static int put_size(struct nl_msg *message, const void *with)
{
	const uint64_t *bytes = with;

	return nla_put_u64(message, NDSHM_A_RESERVE_SIZE, *bytes);
}

int ndshm__netlink_set_reserve(struct ndshm *ndshm, uint64_t bytes)
{
	const struct ndshm_query query = {
		.command = NDSHM_CMD_RESERVE_SET,
		.put = put_size,
		.with = &bytes,
	};
	struct timespec begin, now;
	unsigned int queries = 0;
	int error;

	(void)ndshm;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	/* Chunks that leave the reserve meanwhile would make it endless. */
	do {
		error = ndshm__netlink_query(NULL, &query, NULL, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (error == -EAGAIN && ++queries < QUERIES && now.tv_sec - begin.tv_sec < SECONDS);
	return error;
}
