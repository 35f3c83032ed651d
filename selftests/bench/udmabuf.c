// SPDX-License-Identifier: GPL-2.0
/*
 * udmabuf: a dma-buf made of pages of a memfd.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

static int device = -1;

static int udmabuf_open(void)
{
	device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	return device < 0 ? -errno : 0;
}

static void udmabuf_close(void)
{
	close(device);
}

static int udmabuf_allocate(struct buffer *buffer)
{
	struct udmabuf_create create = {
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = buffer->length,
	};
	int ret, memfd;

	memfd = memfd_create("bench", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (memfd < 0)
		return -errno;
	create.memfd = memfd;
	if (ftruncate(memfd, buffer->length) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		goto err_memfd;
	buffer->fd[0] = ioctl(device, UDMABUF_CREATE, &create);
	if (buffer->fd[0] < 0)
		goto err_memfd;
	buffer->fd[1] = memfd;
	return 0;

err_memfd:
	ret = -errno;
	close(memfd);
	return ret;
}

static int udmabuf_map(struct buffer *buffer)
{
	return map_fd(buffer, buffer->fd[0]);
}

static int udmabuf_free(struct buffer *buffer)
{
	return close(buffer->fd[0]) | close(buffer->fd[1]) ? -errno : 0;
}

const struct peer udmabuf_peer = {
	.name = "udmabuf",
	.open = udmabuf_open,
	.close = udmabuf_close,
	.allocate = udmabuf_allocate,
	.map = udmabuf_map,
	.unmap = unmap,
	.free = udmabuf_free,
	/*
	 * The file system zeroes pages again after the page allocator has
	 * zeroed them.
	 */
	.cleared = 1,
	.twice_from = 1,
};
