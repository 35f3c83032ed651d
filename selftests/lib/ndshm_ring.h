/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A minimal io_uring: one request at a time.
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

/* Return: false with errno set if io_uring is not available. */
bool ndshm_ring_open(struct ndshm_ring *ring);
void ndshm_ring_close(struct ndshm_ring *ring);

/* Register the memory as buffer 0. Return 0 or a negative errno. */
int ndshm_ring_register(struct ndshm_ring *ring, void *memory, size_t length);

/* Submit one request with registered buffer 0 and wait for it. Return its result. */
int ndshm_ring_do(struct ndshm_ring *ring, int op, int file, void *address,
		  __u32 length, __u64 offset);

#endif /* _NDSHM_SELFTEST_RING_H */
