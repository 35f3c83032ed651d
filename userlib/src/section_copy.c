// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Copies between a section and other memory, by system calls, which return an error where a
 * load or store would raise SIGBUS.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/uio.h>
#include <unistd.h>

#include "section_internal.h"

/* Capacity of a new pipe; a user with many pipes gets less, and each copy is then shorter. */
#define PIPE_BYTES	(64U << 10)

/* Returns the number of bytes copied, or -1. */
static ssize_t copy_direct(void *to, const void *from, size_t length, bool write)
{
	struct iovec local = { .iov_base = write ? (void *)from : to, .iov_len = length };
	struct iovec remote = { .iov_base = write ? to : (void *)from, .iov_len = length };

	return write ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0) :
		       process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
}

/*
 * The pipe is empty at the start and at the end, and does not block: neither copy waits for
 * another process.
 */
static int copy_by_pipe(const int pipes[2], char *to, const char *from, size_t length)
{
	while (length) {
		ssize_t count = write(pipes[1], from, length < PIPE_BYTES ? length : PIPE_BYTES);

		if (count < 0 || read(pipes[0], to, count) != count)
			return -EFAULT;
		to += count;
		from += count;
		length -= count;
	}
	return 0;
}

/*
 * The rest of a copy that process_vm_readv() or process_vm_writev() failed to make: filters
 * of system calls may deny them, and they cannot access memory that cannot be pinned.
 */
static int copy_rest(struct ndshm *ndshm, void *to, const void *from, size_t length)
{
	int pipes[2], state, error;

	/* A cancellation would leave the pipe open. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK)) {
		error = ndshm__refuse(ndshm, NDSHM_REASON_DESCRIPTORS);
	} else {
		error = ndshm__done(ndshm, copy_by_pipe(pipes, to, from, length));
		ndshm__close(pipes[0]);
		ndshm__close(pipes[1]);
	}
	pthread_setcancelstate(state, NULL);
	return error;
}

static int copy(struct ndshm *ndshm, char *to, const char *from, size_t length, bool write)
{
	/* One call copies at most 2 GiB less a page. */
	while (length) {
		ssize_t count = copy_direct(to, from, length, write);

		if (count <= 0)
			return copy_rest(ndshm, to, from, length);
		to += count;
		from += count;
		length -= count;
	}
	return 0;
}

NDSHM_API int ndshm_section_read(const struct ndshm_section *section, uint64_t offset,
				 void *buffer, size_t length)
{
	void *place;
	int error = ndshm_section_pointer(section, offset, length, &place);

	return error ? error : copy(section->ndshm, buffer, place, length, false);
}

NDSHM_API int ndshm_section_write(const struct ndshm_section *section, uint64_t offset,
				  const void *buffer, size_t length)
{
	void *place;
	int error = ndshm_section_pointer(section, offset, length, &place);

	if (error)
		return error;
	if (section->readonly)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_SECTION_READONLY);
	return copy(section->ndshm, place, buffer, length, true);
}
