// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The module: ioctls and mmap() on /dev/ndshm, lists by netlink.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "section_internal.h"

static int module_open(struct ndshm *ndshm, const char *where)
{
	int fd;

	do {
		fd = open(where, O_RDWR | O_CLOEXEC | O_NOCTTY);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0) {
		/* A node that outlived its driver is as good as none. */
		if (errno == ENXIO || errno == ENODEV)
			return -ENOENT;
		return -errno;
	}
	ndshm->fd = fd;
	return 0;
}

static void module_close(struct ndshm *ndshm)
{
	close(ndshm->fd);
	ndshm->fd = -1;
}

int ndshm__ioctl(int fd, unsigned long number, void *argument)
{
	int ret;

	/* What was interrupted has changed nothing. */
	do {
		ret = ioctl(fd, number, argument);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	/* No command of ndshm answers anything but 0. */
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

static int module_create_section(struct ndshm *ndshm, struct ndshm_section_create *argument,
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
	.list_adapters = ndshm__netlink_adapters,
	.list_providers = ndshm__netlink_providers,
	.list_blocks = ndshm__netlink_blocks,
	.list_sections = ndshm__netlink_sections,
};
