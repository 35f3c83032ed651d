// SPDX-License-Identifier: GPL-2.0
/*
 * A miniport's own memory, which is known by its addresses: at once, or when a work
 * item has come to it.
 */
#include <linux/export.h>
#include <linux/numa.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "handle.h"

/**
 * struct buffer - one allocation
 * @block: its block; coherent memory, so that no callback is needed and the last put
 *	can be anywhere
 * @virtual_address: what the miniport knows it by
 * @physical_address: and its device
 * @length: as asked for
 */
struct buffer {
	struct ndshm_block *block;
	void *virtual_address;
	u64 physical_address;
	ULONG length;
};

/* A request that is pending. */
struct request {
	struct work_struct work;
	struct ndshm_ndis_dma *dma;
	ULONG length;
	PVOID context;
};

static unsigned long index_of(const void *virtual_address)
{
	return (unsigned long)virtual_address >> PAGE_SHIFT;
}

/* It counts for the handle already. Whoever finds it may free it at once. */
static bool make(struct ndshm_ndis *ndis, ULONG length, PVOID *virtual_address,
		 PNDIS_PHYSICAL_ADDRESS physical_address)
{
	struct ndshm_parameters parameters = {
		.header = NDSHM_PARAMETERS_HEADER,
		.flags = NDSHM_ALLOC_CONTIGUOUS,
		.preferred_node = NUMA_NO_NODE,
		.usage = NDSHM_USAGE_OTHER,
		.length = length,
		.adapter = ndis->adapter,
		.provider = ndis->coherent,
	};
	struct buffer *buffer;
	u32 count;

	buffer = kzalloc(sizeof(*buffer), GFP_KERNEL);
	if (!buffer)
		return false;
	if (ndshm_allocate(&parameters, &buffer->block) != NDSHM_REASON_NONE)
		goto err_buffer;
	buffer->virtual_address = parameters.virtual_address;
	buffer->physical_address =
		ndshm_block_segments(buffer->block, &count)->address;
	buffer->length = length;
	*virtual_address = buffer->virtual_address;
	physical_address->QuadPart = buffer->physical_address;
	if (xa_insert_irq(&ndis->buffers, index_of(buffer->virtual_address),
			  buffer, GFP_KERNEL))
		goto err_block;
	return true;

err_block:
	ndshm_free(buffer->block);
err_buffer:
	kfree(buffer);
	return false;
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
	if (make(ndis, Length, VirtualAddress, PhysicalAddress))
		return;
	*VirtualAddress = NULL;
	PhysicalAddress->QuadPart = 0;
	ndshm_ndis_end(ndis);
}
EXPORT_SYMBOL_GPL(NdisMAllocateSharedMemory);

static void carry_out(struct work_struct *work)
{
	struct request *request = container_of(work, struct request, work);
	struct ndshm_ndis_dma *dma = request->dma;
	struct ndshm_ndis *ndis = dma->ndis;
	NDIS_PHYSICAL_ADDRESS physical_address;
	PVOID virtual_address;

	if (make(ndis, request->length, &virtual_address, &physical_address)) {
		dma->complete(ndis->context, virtual_address,
			      &physical_address, request->length,
			      request->context);
	} else {
		dma->complete(ndis->context, NULL, NULL, request->length,
			      request->context);
		ndshm_ndis_end(ndis);
	}
	kfree(request);
	ndshm_ndis_end_pending(dma);
}

NDIS_STATUS NdisMAllocateSharedMemoryAsyncEx(NDIS_HANDLE MiniportDmaHandle,
					     ULONG Length, BOOLEAN Cached,
					     PVOID Context)
{
	struct ndshm_ndis_dma *dma = ndshm_ndis_dma_of(MiniportDmaHandle);
	struct request *request;

	if (!dma || !dma->complete)
		return NDIS_STATUS_FAILURE;
	request = kmalloc(sizeof(*request), GFP_ATOMIC | __GFP_NOWARN);
	if (!request)
		return NDIS_STATUS_FAILURE;
	INIT_WORK(&request->work, carry_out);
	request->dma = dma;
	request->length = Length;
	request->context = Context;
	if (!ndshm_ndis_begin_pending(dma)) {
		kfree(request);
		return NDIS_STATUS_FAILURE;
	}
	queue_work(ndshm_ndis_workqueue, &request->work);
	return NDIS_STATUS_PENDING;
}
EXPORT_SYMBOL_GPL(NdisMAllocateSharedMemoryAsyncEx);

/* Out of the table, if all of it is as it was given out. */
static struct buffer *take(struct ndshm_ndis *ndis, ULONG length,
			   const void *virtual_address, u64 physical_address)
{
	unsigned long flags, index = index_of(virtual_address);
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
	buffer = take(ndis, Length, VirtualAddress, PhysicalAddress.QuadPart);
	if (!buffer) {
		if (!xchg(&ndis->complained, true))
			pr_warn("ndshm: %s: %s: no memory of that address and length\n",
				ndis->name, __func__);
		return;
	}
	ndshm_block_put(buffer->block);
	kfree(buffer);
	ndshm_ndis_end(ndis);
}
EXPORT_SYMBOL_GPL(NdisMFreeSharedMemory);
