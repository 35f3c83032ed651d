/* SPDX-License-Identifier: GPL-2.0 */
/*
 * io_uring, one request at a time.
 */
#ifndef _NDSHM_SELFTEST_RING_H
#define _NDSHM_SELFTEST_RING_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/io_uring.h>

struct ndshm_ring {
	int fd;
	struct io_uring_params params;
	unsigned char *rings;
	size_t length;
	struct io_uring_sqe *sqes;
};

/* False with errno: there is none. */
bool ndshm_ring_open(struct ndshm_ring *ring);
void ndshm_ring_close(struct ndshm_ring *ring);

/* Make that memory registered buffer 0. 0 or a negative errno. */
int ndshm_ring_register(struct ndshm_ring *ring, void *memory, size_t length);

/* One request with registered buffer 0, to its end: what it answers. */
int ndshm_ring_do(struct ndshm_ring *ring, int op, int file, void *address,
		  __u32 length, __u64 offset);

#endif /* _NDSHM_SELFTEST_RING_H */
