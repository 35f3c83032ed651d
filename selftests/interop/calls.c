// SPDX-License-Identifier: GPL-2.0
/*
 * interop-calls CALL KIND: system calls that pin the memory or read it from elsewhere.
 *
 *	direct		O_DIRECT write and read of a file
 *	vmsplice	pages of the memory in a pipe
 *	zerocopy	MSG_ZEROCOPY on a TCP connection
 *	process_vm	process_vm_readv() from a child
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory.h"

#define LENGTH	0x100000UL
#define PART	0x10000UL

static void calls_direct(struct interop_memory *memory)
{
	/* INTEROP_FILE is on a file system that supports O_DIRECT. */
	const char *path = getenv("INTEROP_FILE");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600) : -1;

	if (fd < 0)
		interop_fail("INTEROP_FILE", path ? errno : EINVAL);
	interop_fill(memory->base, PART, 1);
	if (pwrite(fd, memory->base, PART, 0) != (ssize_t)PART)
		interop_result(errno);
	if (pread(fd, memory->base + PART, PART, 0) != (ssize_t)PART)
		interop_result(errno);
	if (!interop_equal(memory->base + PART, PART, 1))
		interop_wrong("direct");
	interop_result(0);
}

static void calls_vmsplice(struct interop_memory *memory)
{
	struct iovec vector = { .iov_base = memory->base, .iov_len = 4096 };
	unsigned char copy[4096];
	int ends[2];

	if (pipe(ends))
		interop_fail("pipe", errno);
	interop_fill(memory->base, sizeof(copy), 2);
	if (vmsplice(ends[1], &vector, 1, 0) != sizeof(copy))
		interop_result(errno);
	if (read(ends[0], copy, sizeof(copy)) != sizeof(copy) ||
	    !interop_equal(copy, sizeof(copy), 2))
		interop_wrong("vmsplice");
	interop_result(0);
}

/* Return: a connected TCP pair in @ends. */
static void calls_connect(int ends[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &length) ||
	    connect(ends[0], (struct sockaddr *)&address, length))
		interop_fail("connect", errno);
	ends[1] = accept(listener, NULL, NULL);
	if (ends[1] < 0)
		interop_fail("accept", errno);
}

static void calls_zerocopy(struct interop_memory *memory)
{
	unsigned char copy[PART];
	const int on = 1;
	int ends[2];

	calls_connect(ends);
	if (setsockopt(ends[0], SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)))
		interop_fail("SO_ZEROCOPY", errno);
	interop_fill(memory->base, sizeof(copy), 3);
	if (send(ends[0], memory->base, sizeof(copy), MSG_ZEROCOPY) != (ssize_t)sizeof(copy))
		interop_result(errno);
	if (recv(ends[1], copy, sizeof(copy), MSG_WAITALL) != (ssize_t)sizeof(copy) ||
	    !interop_equal(copy, sizeof(copy), 3))
		interop_wrong("zerocopy");
	interop_result(0);
}

static void calls_process_vm(struct interop_memory *memory)
{
	unsigned char *copy = mmap(NULL, PART, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const struct iovec here = { .iov_base = copy, .iov_len = PART };
	const struct iovec there = { .iov_base = memory->base, .iov_len = PART };
	int status;

	if (copy == MAP_FAILED)
		interop_fail("mmap", errno);
	interop_fill(memory->base, PART, 4);
	if (!fork()) {
		if (process_vm_readv(getppid(), &here, 1, &there, 1, 0) == (ssize_t)PART)
			_exit(0);
		_exit(errno);
	}
	wait(&status);
	if (status)
		interop_result(WEXITSTATUS(status));
	if (!interop_equal(copy, PART, 4))
		interop_wrong("process_vm");
	interop_result(0);
}

static const struct {
	const char *name;
	void (*use)(struct interop_memory *memory);
} calls[] = {
	{ "direct", calls_direct },
	{ "vmsplice", calls_vmsplice },
	{ "zerocopy", calls_zerocopy },
	{ "process_vm", calls_process_vm },
};

int main(int argc, char **argv)
{
	struct interop_memory memory;
	size_t i;

	for (i = 0; argc == 3 && i < ARRAY_SIZE(calls); i++) {
		if (strcmp(argv[1], calls[i].name))
			continue;
		interop_open(argv[2], LENGTH, &memory);
		calls[i].use(&memory);
	}
	fprintf(stderr, "usage: %s CALL KIND\n", argv[0]);
	return 2;
}
