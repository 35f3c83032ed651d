// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/kcov.h>

#include "kcov.h"

int kcov_begin(struct kcov *kcov)
{
	void *buffer;

	kcov->buffer = NULL;
	kcov->fd = open(KCOV_FILE, O_RDWR | O_CLOEXEC);
	if (kcov->fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (ioctl(kcov->fd, KCOV_INIT_TRACE, KCOV_PCS))
		return -errno;
	buffer = mmap(NULL, KCOV_PCS * sizeof(__u64), PROT_READ | PROT_WRITE,
		      MAP_SHARED, kcov->fd, 0);
	if (buffer == MAP_FAILED || ioctl(kcov->fd, KCOV_ENABLE, KCOV_TRACE_PC))
		return -errno;
	kcov->buffer = buffer;
	return 0;
}

void kcov_reset(struct kcov *kcov)
{
	if (kcov->buffer)
		__atomic_store_n(&kcov->buffer[0], 0, __ATOMIC_RELAXED);
}

/* The kernel writes to the buffer only while this thread is in a system call. */
void kcov_mark(struct kcov *kcov)
{
	__u64 count = kcov_count(kcov);

	if (!kcov->buffer || count + 1 >= KCOV_PCS)
		return;
	kcov->buffer[count + 1] = 0;
	__atomic_store_n(&kcov->buffer[0], count + 1, __ATOMIC_RELAXED);
}

__u64 kcov_count(const struct kcov *kcov)
{
	return kcov->buffer ?
	       __atomic_load_n(&kcov->buffer[0], __ATOMIC_RELAXED) : 0;
}
