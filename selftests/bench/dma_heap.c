// SPDX-License-Identifier: GPL-2.0
/*
 * The dma-heap "system": scattered pages in a dma-buf.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"

static int heap = -1;

static int dma_heap_open(void)
{
	heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
	return heap < 0 ? -errno : 0;
}

static void dma_heap_close(void)
{
	close(heap);
}

static int dma_heap_allocate(struct buffer *buffer)
{
	struct dma_heap_allocation_data data = {
		.len = buffer->length,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};

	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data))
		return -errno;
	buffer->fd[0] = data.fd;
	return 0;
}

static int dma_heap_map(struct buffer *buffer)
{
	return map_fd(buffer, buffer->fd[0]);
}

static int dma_heap_free(struct buffer *buffer)
{
	return close(buffer->fd[0]) ? -errno : 0;
}

const struct peer dma_heap_peer = {
	.name = "dma-heap",
	.open = dma_heap_open,
	.close = dma_heap_close,
	.allocate = dma_heap_allocate,
	.map = dma_heap_map,
	.unmap = unmap,
	.free = dma_heap_free,
	.cleared = 1,
};
