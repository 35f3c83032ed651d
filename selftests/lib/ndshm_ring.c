// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ndshm_ring.h"

#define ENTRIES	4

bool ndshm_ring_open(struct ndshm_ring *ring)
{
	*ring = (struct ndshm_ring){ .fd = -1 };
	ring->fd = syscall(__NR_io_uring_setup, ENTRIES, &ring->params);
	if (ring->fd < 0)
		return false;
	ring->length = ring->params.cq_off.cqes +
		       ring->params.cq_entries * sizeof(struct io_uring_cqe);
	if (ring->length < ring->params.sq_off.array + ENTRIES * sizeof(__u32))
		ring->length = ring->params.sq_off.array +
			       ENTRIES * sizeof(__u32);
	ring->rings = mmap(NULL, ring->length, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_POPULATE, ring->fd,
			   IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, ENTRIES * sizeof(*ring->sqes),
			  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			  ring->fd, IORING_OFF_SQES);
	return ring->rings != MAP_FAILED && (void *)ring->sqes != MAP_FAILED;
}

void ndshm_ring_close(struct ndshm_ring *ring)
{
	munmap(ring->sqes, ENTRIES * sizeof(*ring->sqes));
	munmap(ring->rings, ring->length);
	close(ring->fd);
}

int ndshm_ring_do(struct ndshm_ring *ring, int op, int file, void *address,
		  __u32 length, __u64 offset)
{
	__u32 *tail = (void *)(ring->rings + ring->params.sq_off.tail);
	__u32 *array = (void *)(ring->rings + ring->params.sq_off.array);
	__u32 *head = (void *)(ring->rings + ring->params.cq_off.head);
	struct io_uring_cqe *cqes = (void *)(ring->rings +
					     ring->params.cq_off.cqes);
	int result;

	ring->sqes[0] = (struct io_uring_sqe){
		.opcode = op, .fd = file, .addr = (unsigned long)address,
		.len = length, .off = offset, .buf_index = 0,
	};
	array[*tail & (ring->params.sq_entries - 1)] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, ring->fd, 1, 1,
		    IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -errno;
	result = cqes[*head & (ring->params.cq_entries - 1)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

int ndshm_ring_register(struct ndshm_ring *ring, void *memory, size_t length)
{
	struct iovec buffer = { .iov_base = memory, .iov_len = length };

	return syscall(__NR_io_uring_register, ring->fd,
		       IORING_REGISTER_BUFFERS, &buffer, 1) ? -errno : 0;
}
