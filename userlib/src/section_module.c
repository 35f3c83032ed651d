// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The module's sections: ioctls on descriptors of the section and of its holders.
 */
#include <errno.h>
#include <sys/vfs.h>

#include "section_internal.h"

/*
 * Send no ioctl to a descriptor of another driver or file system, on which the number
 * could have any effect.
 */
static int adopt(struct ndshm_section *section)
{
	struct statfs system;

	if (fstatfs(section->fd, &system))
		return -errno;
	return system.f_type == NDSHM_FS_MAGIC ? 0 : -ENOTTY;
}

static int command(struct ndshm_section *section, int holder, unsigned long number,
		   void *argument)
{
	return ndshm__ioctl(holder == NO_HOLDER ? section->fd : holder, number, argument);
}

static void detach(struct ndshm_section *section, int holder)
{
	(void)section;
	ndshm__close(holder);
}

static void close_section(struct ndshm_section *section)
{
	ndshm__close(section->fd);
}

const struct ndshm_section_kind ndshm__section_module = {
	.adopt = adopt,
	.command = command,
	.detach = detach,
	.close = close_section,
};
