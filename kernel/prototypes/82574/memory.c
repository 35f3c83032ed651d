// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks of ndshm, divided into buffers.
 *
 * A provider's memory may be revoked at any time with the provider's device. The card is
 * then stopped until the interface is set down and up.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sizes.h>

#include <ndshm/adapter.h>
#include <ndshm/block.h>
#include <ndshm/provider.h>

#include "nic.h"
#include "regs.h"

/* Long enough for few blocks, short enough to be found contiguous. */
#define BLOCK_LENGTH	SZ_64K
#define RING_LENGTH	(NIC_DESCRIPTORS * sizeof(struct nic_rx_descriptor))

static_assert(sizeof(struct nic_rx_descriptor) ==
	      sizeof(struct nic_tx_descriptor));

/* Must not take RTNL: a thread that frees a block under RTNL waits for this callback. */
static void nic_revoke_cb(void *context, struct ndshm_block *block)
{
	struct nic_queue *queue = context;
	struct nic *nic = queue->nic;

	mutex_lock(&nic->lock);
	queue->revoked = true;
	nic_down(nic);
	mutex_unlock(&nic->lock);
}

/* A contiguous block with its kernel and DMA addresses. */
struct chunk {
	struct ndshm_block *block;
	void *memory;
	dma_addr_t address;
	bool needs_sync;
};

static int nic_alloc_chunk(struct nic_queue *queue, u32 usage, size_t length,
			   struct ndshm_provider *provider, struct chunk *chunk)
{
	struct ndshm_segment segment;
	struct ndshm_segment_list list = {
		.capacity = 1, .segments = &segment,
	};
	struct ndshm_parameters parameters = {
		.header = NDSHM_PARAMETERS_HEADER,
		.flags = NDSHM_ALLOC_CONTIGUOUS,
		.queue_id = queue->id,
		.preferred_node = NUMA_NO_NODE,
		.usage = usage,
		.tag = NDSHM_TAG('8', '2', '5', '7'),
		.length = length,
		.adapter = queue->nic->adapter,
		.provider = provider,
		.revoked = nic_revoke_cb,
		.revoked_context = queue,
		.list = &list,
	};

	chunk->block = ndshm_allocate(&parameters, NULL);
	if (IS_ERR(chunk->block))
		return PTR_ERR(chunk->block);
	/* A provider may have memory without a kernel address. */
	if (!parameters.virtual_address) {
		ndshm_free(chunk->block);
		return -EOPNOTSUPP;
	}
	chunk->memory = parameters.virtual_address;
	chunk->address = segment.address;
	chunk->needs_sync = parameters.needs_sync;
	return 0;
}

/*
 * The card and the driver write adjacent descriptors in one cache line, which syncs
 * cannot handle: the ring must be coherent. If the memory of the default provider is not,
 * use "coherent".
 */
static int nic_alloc_descriptors(struct nic_queue *queue, struct nic_ring *ring)
{
	struct ndshm_provider *coherent;
	struct chunk chunk;
	int error;

	error = nic_alloc_chunk(queue, NDSHM_USAGE_OTHER, RING_LENGTH, NULL, &chunk);
	if (error)
		return error;
	if (chunk.needs_sync) {
		ndshm_free(chunk.block);
		coherent = ndshm_provider_find("coherent");
		if (!coherent)
			return -ENOENT;
		error = nic_alloc_chunk(queue, NDSHM_USAGE_OTHER, RING_LENGTH,
					coherent, &chunk);
		ndshm_provider_put(coherent);
		if (error)
			return error;
	}
	ring->block = chunk.block;
	ring->descriptors = chunk.memory;
	ring->address = chunk.address;
	return 0;
}

static void nic_cut_chunk(struct nic_buffers *buffers, const struct chunk *chunk,
			  unsigned int from, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		buffers->buffer[from + i] = (struct nic_buffer){
			.memory = chunk->memory + i * buffers->size,
			.address = chunk->address + i * buffers->size,
			.block = chunk->block,
			.offset = i * buffers->size,
		};
	buffers->needs_sync |= chunk->needs_sync;
}

static void nic_free_buffers(struct nic_buffers *buffers)
{
	while (buffers->blocks)
		ndshm_free(buffers->block[--buffers->blocks]);
	kvfree(buffers->block);
	kvfree(buffers->buffer);
	memset(buffers, 0, sizeof(*buffers));
}

static int nic_alloc_buffers(struct nic_queue *queue, struct nic_buffers *buffers,
			     u32 usage, u32 size)
{
	unsigned int each = BLOCK_LENGTH / size, i;
	struct chunk chunk;
	int error = -ENOMEM;

	*buffers = (struct nic_buffers){ .size = size };
	buffers->buffer = kvcalloc(NIC_DESCRIPTORS, sizeof(*buffers->buffer),
				   GFP_KERNEL);
	buffers->block = kvcalloc(NIC_DESCRIPTORS / each,
				  sizeof(*buffers->block), GFP_KERNEL);
	if (!buffers->buffer || !buffers->block)
		goto err_free;
	for (i = 0; i < NIC_DESCRIPTORS; i += each) {
		error = nic_alloc_chunk(queue, usage, each * size, NULL, &chunk);
		if (error)
			goto err_free;
		buffers->block[buffers->blocks++] = chunk.block;
		nic_cut_chunk(buffers, &chunk, i, each);
	}
	return 0;

err_free:
	nic_free_buffers(buffers);
	return error;
}

int nic_ring_make(struct nic_queue *queue, struct nic_ring *ring, u32 usage,
		  u32 buffer_size)
{
	int error = nic_alloc_descriptors(queue, ring);

	if (error)
		return error;
	error = nic_alloc_buffers(queue, &ring->buffers, usage, buffer_size);
	if (error)
		nic_ring_free(ring);
	return error;
}

void nic_ring_free(struct nic_ring *ring)
{
	nic_free_buffers(&ring->buffers);
	ndshm_free(ring->block);
	ring->block = NULL;
	ring->descriptors = NULL;
}

/* Sync the first bytes of a buffer, after the card wrote or before it reads them. */
void nic_buffer_sync(const struct nic_buffers *buffers,
		     const struct nic_buffer *buffer, u32 direction,
		     u32 length)
{
	if (likely(!buffers->needs_sync))
		return;
	/* Cannot fail: the card runs, so the block is not revoked. */
	ndshm_sync(buffer->block, direction, buffer->offset, length, NULL);
}
