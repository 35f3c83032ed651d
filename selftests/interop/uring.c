// SPDX-License-Identifier: GPL-2.0
/*
 * interop-uring buffers|ring KIND: the memory as a registered buffer of io_uring, by liburing, or
 * as the memory of a ring of provided buffers.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

#define LENGTH	0x100000UL
#define PART	0x10000UL
#define BUFFERS	16U

static void uring_run(struct io_uring *ring, const char *what)
{
	struct io_uring_cqe *cqe;
	int error;

	error = io_uring_submit_and_wait(ring, 1);
	if (error != 1)
		interop_fail(what, error);
	error = io_uring_peek_cqe(ring, &cqe);
	if (error)
		interop_fail(what, error);
	if (cqe->res != (int)PART)
		interop_result(cqe->res < 0 ? cqe->res : EIO);
	io_uring_cqe_seen(ring, cqe);
}

static void uring_buffers(struct io_uring *ring, struct interop_memory *memory)
{
	struct iovec vector = { .iov_base = memory->base, .iov_len = memory->length };
	int fd = memfd_create("interop", 0), error;

	error = io_uring_register_buffers(ring, &vector, 1);
	if (error)
		interop_result(error);
	interop_fill(memory->base, PART, 5);
	io_uring_prep_write_fixed(io_uring_get_sqe(ring), fd, memory->base, PART, 0, 0);
	uring_run(ring, "write");
	io_uring_prep_read_fixed(io_uring_get_sqe(ring), fd, memory->base + PART, PART, 0, 0);
	uring_run(ring, "read");
	if (!interop_equal(memory->base + PART, PART, 5))
		interop_wrong("registered buffer");
	interop_result(0);
}

static void uring_ring(struct io_uring *ring, struct interop_memory *memory)
{
	struct io_uring_buf_ring *buffers = (void *)memory->base;
	struct io_uring_buf_reg request = {
		.ring_addr = (unsigned long)buffers,
		.ring_entries = BUFFERS,
	};
	unsigned char *buffer = memory->base + PART;
	int fd = memfd_create("interop", 0), error;
	struct io_uring_sqe *sqe;

	error = io_uring_register_buf_ring(ring, &request, 0);
	if (error)
		interop_result(error);
	interop_fill(memory->base + 2 * PART, PART, 6);
	if (write(fd, memory->base + 2 * PART, PART) != (ssize_t)PART)
		interop_fail("write", errno);
	io_uring_buf_ring_init(buffers);
	io_uring_buf_ring_add(buffers, buffer, PART, 0, io_uring_buf_ring_mask(BUFFERS), 0);
	io_uring_buf_ring_advance(buffers, 1);
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_read(sqe, fd, NULL, PART, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	uring_run(ring, "read");
	if (!interop_equal(buffer, PART, 6))
		interop_wrong("ring of buffers");
	interop_result(0);
}

int main(int argc, char **argv)
{
	struct interop_memory memory;
	struct io_uring ring;
	int error;

	if (argc != 3) {
		fprintf(stderr, "usage: %s buffers|ring KIND\n", argv[0]);
		return 2;
	}
	interop_open(argv[2], LENGTH, &memory);
	error = io_uring_queue_init(8, &ring, 0);
	if (error)
		interop_fail("io_uring", error);
	if (!strcmp(argv[1], "ring"))
		uring_ring(&ring, &memory);
	uring_buffers(&ring, &memory);
}
