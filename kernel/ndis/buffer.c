// SPDX-License-Identifier: GPL-2.0
/*
 * A miniport's own shared memory, which it names by addresses: allocated at once or by a
 * request that completes later.
 */
#include <linux/export.h>
#include <linux/numa.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "handle.h"

/**
 * struct buffer - Allocation of a miniport
 * @block: of provider "coherent"; without a revocation callback, so that the last
 *	reference may be dropped in any context
 * @virtual_address: kernel address
 * @physical_address: device address
 * @length: requested bytes
 */
struct buffer {
	struct ndshm_block *block;
	void *virtual_address;
	u64 physical_address;
	ULONG length;
};

/* A pending NdisMAllocateSharedMemoryAsyncEx(). */
struct request {
	struct ndshm_request native;
	struct ndshm_ndis_dma *dma;
	ULONG length;
	PVOID context;
};

static unsigned long buffer_index(const void *virtual_address)
{
	return (unsigned long)virtual_address >> PAGE_SHIFT;
}

static struct ndshm_parameters buffer_parameters(const struct ndshm_ndis *ndis,
						 ULONG length)
{
	return (struct ndshm_parameters){
		.header = NDSHM_PARAMETERS_HEADER,
		.flags = NDSHM_ALLOC_CONTIGUOUS,
		.preferred_node = NUMA_NO_NODE,
		.usage = NDSHM_USAGE_OTHER,
		.length = length,
		.adapter = ndis->adapter,
		.provider = ndis->coherent,
	};
}

/*
 * Insert @block into @ndis->buffers. Takes over the caller's reference, also on failure.
 * @ndis->live must already count @block. Once inserted, the buffer may be freed by
 * another thread at any time.
 */
static bool buffer_alloc(struct ndshm_ndis *ndis, struct ndshm_block *block,
			 ULONG length, PVOID *virtual_address,
			 PNDIS_PHYSICAL_ADDRESS physical_address)
{
	struct buffer *buffer;
	u32 count;

	buffer = kzalloc(sizeof(*buffer), GFP_KERNEL);
	if (!buffer)
		goto err_block;
	buffer->block = block;
	buffer->virtual_address = *virtual_address;
	buffer->physical_address =
		ndshm_block_segments(block, &count)->address;
	buffer->length = length;
	physical_address->QuadPart = buffer->physical_address;
	if (!xa_insert_irq(&ndis->buffers, buffer_index(buffer->virtual_address),
			   buffer, GFP_KERNEL))
		return true;

	kfree(buffer);
err_block:
	ndshm_free(block);
	return false;
}

static bool buffer_allocate(struct ndshm_ndis *ndis, ULONG length,
			    PVOID *virtual_address,
			    PNDIS_PHYSICAL_ADDRESS physical_address)
{
	struct ndshm_parameters parameters = buffer_parameters(ndis, length);
	struct ndshm_block *block = ndshm_allocate(&parameters, NULL);

	if (IS_ERR(block))
		return false;
	*virtual_address = parameters.virtual_address;
	return buffer_alloc(ndis, block, length, virtual_address, physical_address);
}

VOID NdisMAllocateSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
			       BOOLEAN Cached, PVOID *VirtualAddress,
			       PNDIS_PHYSICAL_ADDRESS PhysicalAddress)
{
	struct ndshm_ndis *ndis = ndshm_ndis_of(MiniportAdapterHandle);

	might_sleep();

	*VirtualAddress = NULL;
	PhysicalAddress->QuadPart = 0;
	if (!ndis || !ndis->adapter || !ndshm_ndis_begin(ndis))
		return;
	if (buffer_allocate(ndis, Length, VirtualAddress, PhysicalAddress))
		return;
	*VirtualAddress = NULL;
	PhysicalAddress->QuadPart = 0;
	ndshm_ndis_end(ndis);
}
EXPORT_SYMBOL_GPL(NdisMAllocateSharedMemory);

static void buffer_done(struct ndshm_request *native)
{
	struct request *request = container_of(native, struct request, native);
	PVOID virtual_address = native->parameters.virtual_address;
	struct ndshm_ndis_dma *dma = request->dma;
	struct ndshm_ndis *ndis = dma->ndis;
	NDIS_PHYSICAL_ADDRESS physical_address;

	if (!native->error &&
	    buffer_alloc(ndis, native->block, request->length, &virtual_address,
			 &physical_address)) {
		dma->complete(ndis->context, virtual_address,
			      &physical_address, request->length,
			      request->context);
	} else {
		dma->complete(ndis->context, NULL, NULL, request->length,
			      request->context);
		ndshm_ndis_end(ndis);
	}
	kfree(request);
	ndshm_ndis_end_pending(ndis);
}

NDIS_STATUS NdisMAllocateSharedMemoryAsyncEx(NDIS_HANDLE MiniportDmaHandle,
					     ULONG Length, BOOLEAN Cached,
					     PVOID Context)
{
	struct ndshm_ndis_dma *dma = ndshm_ndis_dma_of(MiniportDmaHandle);
	struct request *request;

	if (!dma || !dma->complete)
		return NDIS_STATUS_FAILURE;
	request = kzalloc(sizeof(*request), GFP_ATOMIC | __GFP_NOWARN);
	if (!request)
		return NDIS_STATUS_FAILURE;
	request->native.parameters = buffer_parameters(dma->ndis, Length);
	request->native.done = buffer_done;
	request->dma = dma;
	request->length = Length;
	request->context = Context;
	if (!ndshm_ndis_begin_pending(dma->ndis))
		goto err_request;
	if (!ndshm_allocate_async(&dma->requests, &request->native, NULL))
		return NDIS_STATUS_PENDING;

	ndshm_ndis_end_pending(dma->ndis);
	ndshm_ndis_end(dma->ndis);
err_request:
	kfree(request);
	return NDIS_STATUS_FAILURE;
}
EXPORT_SYMBOL_GPL(NdisMAllocateSharedMemoryAsyncEx);

/*
 * Remove and return a buffer, or return NULL unless both addresses and the length match
 * it.
 */
static struct buffer *buffer_take(struct ndshm_ndis *ndis, ULONG length,
				  const void *virtual_address, u64 physical_address)
{
	unsigned long flags, index = buffer_index(virtual_address);
	struct buffer *buffer;

	xa_lock_irqsave(&ndis->buffers, flags);
	buffer = xa_load(&ndis->buffers, index);
	if (buffer && buffer->virtual_address == virtual_address &&
	    buffer->physical_address == physical_address &&
	    buffer->length == length)
		__xa_erase(&ndis->buffers, index);
	else
		buffer = NULL;
	xa_unlock_irqrestore(&ndis->buffers, flags);
	return buffer;
}

VOID NdisMFreeSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
			   BOOLEAN Cached, PVOID VirtualAddress,
			   NDIS_PHYSICAL_ADDRESS PhysicalAddress)
{
	struct ndshm_ndis *ndis = ndshm_ndis_of(MiniportAdapterHandle);
	struct buffer *buffer;

	if (!ndis)
		return;
	buffer = buffer_take(ndis, Length, VirtualAddress, PhysicalAddress.QuadPart);
	if (!buffer) {
		if (!xchg(&ndis->warned, true))
			pr_warn("ndshm: %s: %s: no memory of that address and length\n",
				ndis->name, __func__);
		return;
	}
	ndshm_block_put(buffer->block);
	kfree(buffer);
	ndshm_ndis_end(ndis);
}
EXPORT_SYMBOL_GPL(NdisMFreeSharedMemory);
