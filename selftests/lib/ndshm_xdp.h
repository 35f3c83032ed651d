/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An AF_XDP socket whose frames are in the test's memory, and a packet socket
 * at the other end of its link.
 */
#ifndef _NDSHM_SELFTEST_XDP_H
#define _NDSHM_SELFTEST_XDP_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#define NDSHM_XDP_FRAME	2048	/* bytes reserved for each frame */

struct ndshm_xdp_ring {
	void *memory;
	size_t length;
	__u32 *producer;
	__u32 *consumer;
	void *entries;
};

struct ndshm_xdp {
	int fd;
	int map;		/* XSKMAP of the program */
	int link;		/* attachment of the program to the interface */
	int peer;		/* packet socket at the other end */
	struct ndshm_xdp_ring fill;
	struct ndshm_xdp_ring done;
	struct ndshm_xdp_ring to;
	struct ndshm_xdp_ring from;
};

/*
 * Create a veth pair in a new network namespace, which the process enters, and
 * a socket on one of its interfaces. Return 0 or a negative errno.
 */
int ndshm_xdp_open(struct ndshm_xdp *xdp, void *memory, size_t length);
void ndshm_xdp_close(struct ndshm_xdp *xdp);

/* Send the frame at @offset and wait for it. Return: false if it does not arrive. */
bool ndshm_xdp_send(struct ndshm_xdp *xdp, __u64 offset, const void *expected,
		    size_t length);

/*
 * Receive a frame from the other end into the place at @offset. Return its
 * offset in the memory, or -1.
 */
long ndshm_xdp_receive(struct ndshm_xdp *xdp, __u64 offset, const void *frame,
		       size_t length);

#endif /* _NDSHM_SELFTEST_XDP_H */
