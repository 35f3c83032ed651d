// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kcov.h>

#include "kcov.h"

void kcov_begin(struct kcov *kcov)
{
	void *buffer = MAP_FAILED;

	kcov->buffer = NULL;
	kcov->fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (kcov->fd < 0)
		return;
	if (!ioctl(kcov->fd, KCOV_INIT_TRACE, KCOV_PCS))
		buffer = mmap(NULL, KCOV_PCS * sizeof(__u64),
			      PROT_READ | PROT_WRITE, MAP_SHARED, kcov->fd, 0);
	if (buffer == MAP_FAILED || ioctl(kcov->fd, KCOV_ENABLE, KCOV_TRACE_PC)) {
		close(kcov->fd);
		return;
	}
	kcov->buffer = buffer;
}

void kcov_reset(struct kcov *kcov)
{
	if (kcov->buffer)
		__atomic_store_n(&kcov->buffer[0], 0, __ATOMIC_RELAXED);
}

__u64 kcov_count(const struct kcov *kcov)
{
	return kcov->buffer ?
	       __atomic_load_n(&kcov->buffer[0], __ATOMIC_RELAXED) : 0;
}
