// SPDX-License-Identifier: GPL-2.0
/*
 * Sections of /dev/ndshm that start empty and grow in steps of at most 2 MiB:
 * one section, one holder and their extents for each buffer.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/ndshm.h>

#include "bench.h"

static int client = -1;
static __u32 adapter;

static int section_open(void)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };

	client = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	if (client < 0 || ioctl(client, NDSHM_GET_INFO, &info))
		return -errno;
	adapter = info.out_default_adapter;
	return 0;
}

static void section_close(void)
{
	close(client);
}

static int grow(int holder, size_t length)
{
	struct ndshm_extent_alloc_args alloc;

	while (length) {
		alloc = (struct ndshm_extent_alloc_args){
			.size = sizeof(alloc),
			.length = length < 2 * MIB ? length : 2 * MIB,
		};
		if (ioctl(holder, NDSHM_EXTENT_ALLOC, &alloc))
			return -errno;
		length -= alloc.length;
	}
	return 0;
}

static int section_allocate(struct buffer *buffer)
{
	struct ndshm_section_create_args create = {
		.size = sizeof(create),
		.adapter = adapter,
		.max_size = buffer->length,
		.preferred_node = NDSHM_NODE_ANY,
	};
	struct ndshm_section_attach_args attach = { .size = sizeof(attach) };

	if (ioctl(client, NDSHM_SECTION_CREATE, &create))
		return -errno;
	buffer->fd[0] = create.out_section;
	if (ioctl(buffer->fd[0], NDSHM_SECTION_ATTACH, &attach))
		return -errno;
	buffer->fd[1] = attach.out_holder;
	return grow(buffer->fd[1], buffer->length);
}

static int section_map(struct buffer *buffer)
{
	return map_fd(buffer, buffer->fd[0]);
}

static int section_free(struct buffer *buffer)
{
	return close(buffer->fd[1]) || close(buffer->fd[0]) ? -errno : 0;
}

const struct peer section_peer = {
	.name = "ndshm section",
	.open = section_open,
	.close = section_close,
	.allocate = section_allocate,
	.map = section_map,
	.unmap = unmap,
	.free = section_free,
	.cleared = 1,
};
