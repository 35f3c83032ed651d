// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The module: ioctls and mmap() on /dev/ndshm, lists by netlink.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "section_internal.h"

/* A device node without a driver: the module is not loaded. A socket has none either. */
static int without_driver(const char *where)
{
	struct stat status;

	return stat(where, &status) || S_ISCHR(status.st_mode) ? -ENOENT : -EPROTONOSUPPORT;
}

static int module_open(struct ndshm *ndshm, const char *where)
{
	int fd;

	do {
		fd = open(where, O_RDWR | O_CLOEXEC | O_NOCTTY);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0 && (errno == ENXIO || errno == ENODEV))
		return without_driver(where);
	if (fd < 0)
		return -errno;
	ndshm->fd = fd;
	return 0;
}

static void module_close(struct ndshm *ndshm)
{
	ndshm__close(ndshm->fd);
	ndshm->fd = -1;
}

int ndshm__ioctl(int fd, unsigned long number, void *argument)
{
	int ret;

	/* An interrupted command has not changed anything. */
	do {
		ret = ioctl(fd, number, argument);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	/* All commands of ndshm return 0 on success. */
	return ret ? -EPROTO : 0;
}

static int module_command(struct ndshm *ndshm, unsigned long number, void *argument)
{
	return ndshm__ioctl(ndshm->fd, number, argument);
}

static int module_map(struct ndshm *ndshm, uint64_t offset, uint64_t length, void **out)
{
	void *start;

	if (length > SIZE_MAX)
		return -ENOMEM;
	start = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, ndshm->fd, offset);
	if (start == MAP_FAILED)
		return -errno;
	*out = start;
	return 0;
}

static int module_create_section(struct ndshm *ndshm, struct ndshm_section_create_args *argument,
				 struct ndshm_section *section)
{
	int error = module_command(ndshm, NDSHM_SECTION_CREATE, argument);

	if (error)
		return error;
	section->kind = &ndshm__section_module;
	section->fd = argument->out_section;
	return 0;
}

const struct ndshm_backend ndshm__backend_module = {
	.open = module_open,
	.close = module_close,
	.command = module_command,
	.map = module_map,
	.create_section = module_create_section,
	NDSHM__NETLINK_CALLS,
};
