// SPDX-License-Identifier: GPL-2.0
/*
 * NdisAllocateSharedMemory() and NdisFreeSharedMemory().
 */
#include <linux/export.h>
#include <linux/printk.h>
#include <linux/topology.h>

#include <ndshm/adapter.h>

#include "handle.h"
#include "parameters.h"

/*
 * An NDIS allocation handle is a struct ndshm_block. The argument of its revocation
 * callback is the struct ndshm_ndis that counts the block, and NULL once the block is
 * freed.
 *
 * Return: the handle that counted the block, or NULL if @block is no allocation of NDIS.
 */
static struct ndshm_ndis *allocation_free(struct ndshm_block *block)
{
	void **place = ndshm_block_context(block, ndshm_ndis_revoke_cb);
	struct ndshm_ndis *ndis = place ? xchg(place, NULL) : NULL;

	if (ndis)
		ndshm_free(block);
	return ndis;
}

/*
 * Find an adapter of a NUMA node, for a handle without a device. The caller must put it.
 */
static struct ndshm_adapter *ndis_node_adapter(s32 node)
{
	struct ndshm_adapter *adapter = NULL;
	char name[NDSHM_NAME_SIZE];

	if (node >= 0) {
		snprintf(name, sizeof(name), "node%d", node);
		adapter = ndshm_adapter_find(name);
	}
	/*
	 * No preference, or a node without memory, which has no adapter: use the local
	 * node.
	 */
	if (!adapter) {
		snprintf(name, sizeof(name), "node%d", numa_mem_id());
		adapter = ndshm_adapter_find(name);
	}
	return adapter;
}

static struct ndshm_block *allocation_alloc(struct ndshm_ndis *ndis,
					    struct ndshm_parameters *native,
					    ndshm_reason_t *reason)
{
	struct ndshm_adapter *node = NULL;
	struct ndshm_block *block;

	native->adapter = ndis->adapter;
	if (!native->adapter) {
		node = ndis_node_adapter(native->preferred_node);
		native->adapter = node;
	}
	native->revoked = ndshm_ndis_revoke_cb;
	native->revoked_context = ndis;
	block = ndshm_allocate(native, reason);
	if (node)
		ndshm_adapter_put(node);
	return block;
}

/*
 * Write the result to @p. Fail if NDIS's parameters cannot express it: a block without a
 * kernel address, or one that needs syncs.
 */
static ndshm_reason_t allocation_write_result(const struct ndshm_block *block,
					      const struct ndshm_parameters *native,
					      NDIS_SHARED_MEMORY_PARAMETERS *p)
{
	const struct ndshm_segment *segments;
	u32 count;

	if (!native->virtual_address || native->needs_sync)
		return NDSHM_REASON_PROVIDER_FAILURE;
	segments = ndshm_block_segments(block, &count);
	if (p->SGListBuffer &&
	    !ndshm_ndis_fill_list(p->SGListBuffer, native->most_segments, segments, count,
				  p->Length))
		return NDSHM_REASON_LIST_SHORT;
	p->VirtualAddress = native->virtual_address;
	p->SharedMemoryHandle =
		(NDIS_HANDLE)(unsigned long)native->shared_memory_handle;
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t ndis_allocate(struct ndshm_ndis *ndis,
				    NDIS_SHARED_MEMORY_PARAMETERS *p,
				    struct ndshm_block **block)
{
	/* Set as a whole by ndshm_ndis_to_native(). */
	struct ndshm_parameters native __uninitialized;
	ndshm_reason_t reason;

	reason = ndshm_ndis_to_native(&native, p);
	if (reason == NDSHM_REASON_NONE)
		*block = allocation_alloc(ndis, &native, &reason);
	else
		ndshm_reason_trace(reason);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = allocation_write_result(*block, &native, p);
	if (reason != NDSHM_REASON_NONE) {
		ndshm_reason_trace(reason);
		allocation_free(*block);
	}
	return reason;
}

NDIS_STATUS
NdisAllocateSharedMemory(NDIS_HANDLE NdisHandle,
			 PNDIS_SHARED_MEMORY_PARAMETERS SharedMemoryParameters,
			 PNDIS_HANDLE pAllocationHandle)
{
	NDIS_SHARED_MEMORY_PARAMETERS *p = SharedMemoryParameters;
	struct ndshm_ndis *ndis = ndshm_ndis_of(NdisHandle);
	struct ndshm_block *block;
	ndshm_reason_t reason;

	if (pAllocationHandle)
		*pAllocationHandle = NULL;
	if (!p || !ndshm_ndis_parameters_valid(p))
		return NDIS_STATUS_INVALID_PARAMETER;
	p->VirtualAddress = NULL;
	p->SharedMemoryHandle = NULL;
	if (!ndis || !pAllocationHandle)
		return NDIS_STATUS_INVALID_PARAMETER;
	if (!ndshm_ndis_begin(ndis))
		return NDIS_STATUS_FAILURE;
	reason = ndis_allocate(ndis, p, &block);
	if (reason != NDSHM_REASON_NONE) {
		ndshm_ndis_end(ndis);
		return ndshm_ndis_allocation_status(reason);
	}
	*pAllocationHandle = block;
	return NDIS_STATUS_SUCCESS;
}
EXPORT_SYMBOL_GPL(NdisAllocateSharedMemory);

/* @NdisHandle is not used: the block itself names the handle that counts it. */
VOID NdisFreeSharedMemory(NDIS_HANDLE NdisHandle, NDIS_HANDLE AllocationHandle)
{
	struct ndshm_ndis *ndis;

	if (!AllocationHandle)
		return;
	ndis = allocation_free(AllocationHandle);
	if (ndis)
		ndshm_ndis_end(ndis);
	else
		pr_warn_once("ndshm: %s: not an allocation handle\n",
			     __func__);
}
EXPORT_SYMBOL_GPL(NdisFreeSharedMemory);
