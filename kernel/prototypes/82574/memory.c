// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks of ndshm: rings, transmit buffers, and the allocation of receive buffers.
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

static_assert(sizeof(struct nic_rx_descriptor) ==
	      sizeof(struct nic_tx_descriptor));
static_assert(NIC_DESCRIPTORS_STEP % (BLOCK_LENGTH / NIC_TX_BUFFER_SIZE) == 0);

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

/* Parameters of a contiguous block, with a list for one segment. */
void nic_parameters(struct nic_queue *queue, u32 usage, size_t length,
		    struct ndshm_segment_list *list, struct ndshm_parameters *parameters)
{
	*parameters = (struct ndshm_parameters){
		.header = NDSHM_PARAMETERS_HEADER,
		.flags = NDSHM_ALLOC_CONTIGUOUS,
		.queue_id = queue->id,
		.preferred_node = NUMA_NO_NODE,
		.usage = usage,
		.tag = NDSHM_TAG('8', '2', '5', '7'),
		.length = length,
		.adapter = queue->nic->adapter,
		.revoked = nic_revoke_cb,
		.revoked_context = queue,
		.list = list,
	};
}

/* Describe a new block as a buffer, or free it. */
int nic_buffer_init(struct nic_buffer *buffer, struct ndshm_block *block,
		    const struct ndshm_parameters *parameters)
{
	/* A provider may have memory without a kernel address. */
	if (!parameters->virtual_address) {
		ndshm_free(block);
		return -EOPNOTSUPP;
	}
	*buffer = (struct nic_buffer){
		.memory = parameters->virtual_address,
		.address = parameters->list->segments->address,
		.block = block,
		.needs_sync = parameters->needs_sync,
	};
	return 0;
}

static int nic_alloc_from(struct nic_queue *queue, u32 usage, size_t length,
			  struct ndshm_provider *provider, struct nic_buffer *buffer)
{
	struct ndshm_segment segment;
	struct ndshm_segment_list list = {
		.capacity = 1, .segments = &segment,
	};
	struct ndshm_parameters parameters;
	struct ndshm_block *block;

	nic_parameters(queue, usage, length, &list, &parameters);
	parameters.provider = provider;
	block = ndshm_allocate(&parameters, NULL);
	if (IS_ERR(block))
		return PTR_ERR(block);
	return nic_buffer_init(buffer, block, &parameters);
}

int nic_buffer_alloc(struct nic_queue *queue, u32 usage, size_t length,
		     struct nic_buffer *buffer)
{
	return nic_alloc_from(queue, usage, length, NULL, buffer);
}

/* Sync the first bytes of a buffer, after the card wrote or before it reads them. */
void nic_buffer_sync(const struct nic_buffer *buffer, u32 direction, u32 length)
{
	if (likely(!buffer->needs_sync))
		return;
	/* Cannot fail: the card runs, so the block is not revoked. */
	ndshm_sync(buffer->block, direction, buffer->offset, length, NULL);
}

/*
 * The card and the driver write adjacent descriptors in one cache line, which syncs
 * cannot handle: the ring must be coherent. If the memory of the default provider is not,
 * use "coherent".
 */
int nic_ring_alloc(struct nic_queue *queue, struct nic_ring *ring, unsigned int count)
{
	const size_t length = count * sizeof(struct nic_rx_descriptor);
	struct ndshm_provider *coherent;
	struct nic_buffer buffer;
	int error;

	error = nic_buffer_alloc(queue, NDSHM_USAGE_OTHER, length, &buffer);
	if (error)
		return error;
	if (buffer.needs_sync) {
		ndshm_free(buffer.block);
		coherent = ndshm_provider_find("coherent");
		if (!coherent)
			return -ENOENT;
		error = nic_alloc_from(queue, NDSHM_USAGE_OTHER, length, coherent, &buffer);
		ndshm_provider_put(coherent);
		if (error)
			return error;
	}
	*ring = (struct nic_ring){
		.block = buffer.block,
		.descriptors = buffer.memory,
		.address = buffer.address,
		.count = count,
	};
	return 0;
}

void nic_ring_free(struct nic_ring *ring)
{
	ndshm_free(ring->block);
	*ring = (struct nic_ring){ };
}

static void nic_tx_buffers_cut(struct nic_tx_buffers *buffers, const struct nic_buffer *whole,
			       unsigned int from, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		buffers->buffer[from + i] = *whole;
		buffers->buffer[from + i].memory += i * NIC_TX_BUFFER_SIZE;
		buffers->buffer[from + i].address += i * NIC_TX_BUFFER_SIZE;
		buffers->buffer[from + i].offset = i * NIC_TX_BUFFER_SIZE;
	}
}

void nic_tx_buffers_free(struct nic_tx_buffers *buffers)
{
	while (buffers->blocks)
		ndshm_free(buffers->block[--buffers->blocks]);
	kvfree(buffers->block);
	kvfree(buffers->slot);
	kvfree(buffers->buffer);
	*buffers = (struct nic_tx_buffers){ };
}

int nic_tx_buffers_alloc(struct nic_queue *queue, struct nic_tx_buffers *buffers,
			 unsigned int count)
{
	const unsigned int each = BLOCK_LENGTH / NIC_TX_BUFFER_SIZE;
	struct nic_buffer whole;
	int error = -ENOMEM;
	unsigned int i;

	*buffers = (struct nic_tx_buffers){ };
	buffers->buffer = kvcalloc(count, sizeof(*buffers->buffer), GFP_KERNEL);
	buffers->slot = kvcalloc(count, sizeof(*buffers->slot), GFP_KERNEL);
	buffers->block = kvcalloc(count / each, sizeof(*buffers->block), GFP_KERNEL);
	if (!buffers->buffer || !buffers->slot || !buffers->block)
		goto err_free;
	for (i = 0; i < count; i += each) {
		error = nic_buffer_alloc(queue, NDSHM_USAGE_XMIT, BLOCK_LENGTH, &whole);
		if (error)
			goto err_free;
		buffers->block[buffers->blocks++] = whole.block;
		nic_tx_buffers_cut(buffers, &whole, i, each);
	}
	return 0;

err_free:
	nic_tx_buffers_free(buffers);
	return error;
}
