// SPDX-License-Identifier: GPL-2.0
/*
 * NdisAllocateSharedMemory() and its end.
 */
#include <linux/build_bug.h>
#include <linux/export.h>
#include <linux/printk.h>
#include <linux/topology.h>

#include <ndshm/adapter.h>

#include "handle.h"
#include "parameters.h"

/**
 * struct allocation - what an allocation handle points to
 * @kind: NDSHM_NDIS_ALLOCATION
 * @ndis: the handle that it counts for
 * @block: its block, of which it is a part
 */
struct allocation {
	enum ndshm_ndis_kind kind;
	struct ndshm_ndis *ndis;
	struct ndshm_block *block;
};

static_assert(sizeof(struct allocation) <=
	      NDSHM_OWNER_WORDS * sizeof(u64));

static void let_go(struct allocation *allocation)
{
	/* The block need not end here, but it is no allocation any more. */
	allocation->kind = NDSHM_NDIS_DEAD;
	ndshm_free(allocation->block);
}

/* For memory of no device in particular; to be put. */
static struct ndshm_adapter *node_adapter(s32 node)
{
	struct ndshm_adapter *adapter = NULL;
	char name[NDSHM_NAME_SIZE];

	if (node >= 0) {
		snprintf(name, sizeof(name), "node%d", node);
		adapter = ndshm_adapter_find(name);
	}
	/* One without memory has none. */
	if (!adapter) {
		snprintf(name, sizeof(name), "node%d", numa_mem_id());
		adapter = ndshm_adapter_find(name);
	}
	return adapter;
}

static ndshm_reason_t make(struct ndshm_ndis *ndis,
			   struct ndshm_parameters *native,
			   struct ndshm_block **block)
{
	struct ndshm_adapter *node = NULL;
	ndshm_reason_t reason;

	native->adapter = ndis->adapter;
	if (!native->adapter) {
		node = node_adapter(native->preferred_node);
		native->adapter = node;
	}
	/*
	 * The device of a provider may go. NDIS has no word for it: memory is there
	 * until its driver frees it, and so it is.
	 */
	reason = ndshm_allocate_kept(native, block);
	if (node)
		ndshm_adapter_put(node);
	return reason;
}

/* What NDIS's parameters cannot say must not be. */
static ndshm_reason_t tell(const struct ndshm_block *block,
			   const struct ndshm_parameters *native,
			   NDIS_SHARED_MEMORY_PARAMETERS *p)
{
	const struct ndshm_segment *segments;
	u32 count;

	if (!native->virtual_address || native->needs_sync)
		return NDSHM_REASON_PROVIDER_FAILURE;
	segments = ndshm_block_segments(block, &count);
	if (p->SGListBuffer &&
	    !ndshm_ndis_fill_list(p->SGListBuffer,
				  ndshm_ndis_list_capacity(p->SGListBufferLength),
				  segments, count, p->Length))
		return NDSHM_REASON_LIST_SHORT;
	p->VirtualAddress = native->virtual_address;
	p->SharedMemoryHandle =
		(NDIS_HANDLE)(unsigned long)native->shared_memory_handle;
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t allocate(struct ndshm_ndis *ndis,
			       NDIS_SHARED_MEMORY_PARAMETERS *p,
			       struct allocation **out)
{
	struct ndshm_parameters native;
	struct allocation *allocation;
	struct ndshm_block *block;
	ndshm_reason_t reason;

	reason = ndshm_ndis_to_native(&native, p);
	if (reason == NDSHM_REASON_NONE)
		reason = make(ndis, &native, &block);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = tell(block, &native, p);
	if (reason != NDSHM_REASON_NONE) {
		ndshm_free(block);
		return reason;
	}
	allocation = (struct allocation *)ndshm_block_owner(block);
	allocation->kind = NDSHM_NDIS_ALLOCATION;
	allocation->ndis = ndis;
	allocation->block = block;
	*out = allocation;
	return NDSHM_REASON_NONE;
}

NDIS_STATUS
NdisAllocateSharedMemory(NDIS_HANDLE NdisHandle,
			 PNDIS_SHARED_MEMORY_PARAMETERS SharedMemoryParameters,
			 PNDIS_HANDLE pAllocationHandle)
{
	NDIS_SHARED_MEMORY_PARAMETERS *p = SharedMemoryParameters;
	struct ndshm_ndis *ndis = ndshm_ndis_of(NdisHandle);
	struct allocation *allocation;
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
	reason = allocate(ndis, p, &allocation);
	if (reason == NDSHM_REASON_NONE)
		*pAllocationHandle = allocation;
	else
		ndshm_ndis_end(ndis);
	return ndshm_ndis_allocation_status(reason);
}
EXPORT_SYMBOL_GPL(NdisAllocateSharedMemory);

/* The handle of the allocation should be given again, but need not be. */
VOID NdisFreeSharedMemory(NDIS_HANDLE NdisHandle, NDIS_HANDLE AllocationHandle)
{
	struct allocation *allocation = AllocationHandle;
	struct ndshm_ndis *ndis;

	if (!allocation)
		return;
	if (allocation->kind != NDSHM_NDIS_ALLOCATION) {
		pr_warn_once("ndshm: %s: not an allocation handle\n",
			     __func__);
		return;
	}
	ndis = allocation->ndis;
	let_go(allocation);
	ndshm_ndis_end(ndis);
}
EXPORT_SYMBOL_GPL(NdisFreeSharedMemory);
