// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Validation of memory by system calls, which return an error where a load would raise SIGBUS.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "remote_internal.h"

/* For memory without pages, which process_vm_readv() does not access. */
static bool memory_is_readable_by_pipe(const void *address, size_t length)
{
	int pipes[2];
	bool good;

	descriptor_lock();
	good = !pipe2(pipes, O_CLOEXEC | O_NONBLOCK);
	if (good) {
		good = write(pipes[1], address, length) == (ssize_t)length;
		close(pipes[0]);
		close(pipes[1]);
	}
	descriptor_unlock();
	return good;
}

/* Whether a few bytes can be read now. */
bool memory_is_readable(const void *address, size_t length)
{
	char bytes[16];
	struct iovec local = { .iov_base = bytes, .iov_len = length };
	struct iovec remote = { .iov_base = (void *)address, .iov_len = length };

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)length ||
	       memory_is_readable_by_pipe(address, length);
}

/* Check that a range has memory, in all its pages, and can be written. Populates it. */
uint32_t memory_check(void *address, size_t length, bool write)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)address;
	const uintptr_t start = first & ~(page - 1);
	const uintptr_t end = (first + length + page - 1) & ~(page - 1);

	if (!madvise((void *)start, end - start, write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ))
		return NDSHM_REASON_NONE;
	/* EINVAL: memory without pages, which need not be populated. */
	if (errno != EINVAL)
		return NDSHM_REASON_EXPORT_RANGE;
	for (uintptr_t at = start; at < end; at += page)
		if (!memory_is_readable((void *)(at < first ? first : at), 1))
			return NDSHM_REASON_EXPORT_RANGE;
	return NDSHM_REASON_NONE;
}
