// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks of /dev/ndshm for the first node's adapter, and for a PCI function: of the default
 * provider, which is "pages", and of "coherent".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/ndshm.h>

#include "bench.h"

#define MAX_BATCH 64U

/* Providers are numbered in the order of registration. */
#define DEFAULT		0
#define COHERENT	1

#define CARD_NODE	NDSHM_DEVICES "/0000:00:11.0"

static int client = -1;
static __u32 adapter, provider;

int ndshm_get_info(void *unused)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };

	(void)unused;
	return ioctl(client, NDSHM_GET_INFO, &info) ? -errno : 0;
}

static int node_open(__u32 from)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };

	client = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	if (client < 0 || ioctl(client, NDSHM_GET_INFO, &info))
		return -errno;
	adapter = info.out_default_adapter;
	provider = from;
	return 0;
}

static int ndshm_open(void)
{
	return node_open(DEFAULT);
}

static int coherent_open(void)
{
	return node_open(COHERENT);
}

/* Claim the function that guest.sh has bound. */
static int claim_open(__u32 from)
{
	struct ndshm_adapter_claim_args claim = { .size = sizeof(claim), .address_width = 64 };
	int ret = node_open(from);

	claim.device = open(CARD_NODE, O_RDWR | O_CLOEXEC);
	if (!ret && ioctl(client, NDSHM_ADAPTER_CLAIM, &claim))
		ret = -errno;
	if (!ret && claim.out_isolation)
		ret = -EXDEV;
	close(claim.device);
	adapter = claim.out_adapter;
	return ret;
}

static int card_open(void)
{
	return claim_open(DEFAULT);
}

static int card_coherent_open(void)
{
	return claim_open(COHERENT);
}

static void ndshm_close(void)
{
	close(client);
}

static int block_alloc(size_t length, struct ndshm_block_info *blocks,
		       unsigned int count)
{
	struct ndshm_block_alloc_args alloc = {
		.size = sizeof(alloc),
		.adapter = adapter,
		.provider = provider,
		.length = length,
		.preferred_node = NDSHM_NODE_ANY,
		.usage = NDSHM_USAGE_OTHER,
		.count = count,
		.blocks = (uintptr_t)blocks,
	};

	return ioctl(client, NDSHM_BLOCK_ALLOC, &alloc) ? -errno : 0;
}

static int block_free(__u32 handle)
{
	struct ndshm_block_free_args free = {
		/* The first version: the other members are for an array. */
		.size = offsetof(struct ndshm_block_free_args, handles),
		.handle = handle,
	};

	return ioctl(client, NDSHM_BLOCK_FREE, &free) ? -errno : 0;
}

static int blocks_free(const struct ndshm_block_info *blocks, unsigned int count)
{
	__u32 handles[MAX_BATCH];
	struct ndshm_block_free_args free = {
		.size = sizeof(free),
		.handles = (uintptr_t)handles,
		.count = count,
	};
	unsigned int i;

	for (i = 0; i < count; i++)
		handles[i] = blocks[i].handle;
	return ioctl(client, NDSHM_BLOCK_FREE, &free) ? -errno : 0;
}

static int ndshm_allocate(struct buffer *buffer)
{
	struct ndshm_block_info block;
	int ret = block_alloc(buffer->length, &block, 1);

	if (ret)
		return ret;
	buffer->handle = block.handle;
	buffer->offset = block.mmap_offset;
	return 0;
}

static int ndshm_map(struct buffer *buffer)
{
	return map_fd(buffer, client);
}

static int ndshm_free(struct buffer *buffer)
{
	return block_free(buffer->handle);
}

static int ndshm_batch(size_t length, unsigned int count)
{
	struct ndshm_block_info blocks[MAX_BATCH];
	int ret;

	if (count > MAX_BATCH)
		return -EINVAL;
	ret = block_alloc(length, blocks, count);
	return ret ?: blocks_free(blocks, count);
}

#define BLOCKS \
	.close = ndshm_close, \
	.allocate = ndshm_allocate, \
	.map = ndshm_map, \
	.unmap = unmap, \
	.free = ndshm_free, \
	.batch = ndshm_batch

const struct peer ndshm_peer = {
	.name = "ndshm",
	.open = ndshm_open,
	BLOCKS,
	.cleared = 1,
};

/* Zeroed by the page allocator, if it does that, and by the DMA API. */
const struct peer coherent_peer = {
	.name = "ndshm coherent",
	.open = coherent_open,
	BLOCKS,
	.twice_from = 1,
	.set = 1,
};

const struct peer card_peer = {
	.name = "ndshm",
	.open = card_open,
	BLOCKS,
	.cleared = 1,
};

/* Behind an IOMMU the DMA API does not zero what the page allocator has zeroed. */
const struct peer card_coherent_peer = {
	.name = "ndshm coherent",
	.open = card_coherent_open,
	BLOCKS,
	.cleared = 1,
};
