// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "copy.h"

int copy_probe(void)
{
	char from = 1, to = 0;
	struct iovec local = { .iov_base = &to, .iov_len = 1 };
	struct iovec remote = { .iov_base = &from, .iov_len = 1 };

	if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != 1)
		return -errno;
	return 0;
}

int copy_from(const struct ndshm_section *section, uint64_t offset, uint64_t length, void *to)
{
	struct iovec local = { .iov_base = to, .iov_len = length };
	struct iovec remote = { .iov_len = length };
	int error = ndshm_section_pointer(section, offset, length, &remote.iov_base);

	if (error)
		return error;
	if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != (ssize_t)length)
		return -EFAULT;
	return 0;
}

int copy_to(const struct ndshm_section *section, uint64_t offset, uint64_t length,
	    const void *from)
{
	struct iovec local = { .iov_base = (void *)from, .iov_len = length };
	struct iovec remote = { .iov_len = length };
	int error = ndshm_section_pointer(section, offset, length, &remote.iov_base);

	if (error)
		return error;
	if (process_vm_writev(getpid(), &local, 1, &remote, 1, 0) != (ssize_t)length)
		return -EFAULT;
	return 0;
}
