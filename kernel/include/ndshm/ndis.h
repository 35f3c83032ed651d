/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NDIS source compatibility: shared memory under its Windows names, so that this
 * part of a driver compiles as it is. All that is ours are the two calls at the
 * end, which make and end the handles that NDIS would give a driver.
 *
 * Names, values and layouts are NDIS's (6.20, and 6.30 for revision 2). Where its
 * documentation says nothing, the comments here say what ndshm does.
 */
#ifndef _NDSHM_NDIS_H
#define _NDSHM_NDIS_H

#include <linux/dma-mapping.h>

#include <ndshm/ndis_dma.h>
#include <ndshm/ndis_queue.h>
#include <ndshm/ndis_status.h>
#include <ndshm/ndis_types.h>

struct device;
struct module;

typedef enum _NDIS_SHARED_MEMORY_USAGE {
	NdisSharedMemoryUsageUndefined,
	NdisSharedMemoryUsageXmit,
	NdisSharedMemoryUsageXmitHeader,
	NdisSharedMemoryUsageXmitData,
	NdisSharedMemoryUsageReceive,
	NdisSharedMemoryUsageReceiveLookahead,
	NdisSharedMemoryUsageReceivePostLookahead,
	NdisSharedMemoryUsageReceiveHeader,
	NdisSharedMemoryUsageReceiveData,
	NdisSharedMemoryUsageOther,
	NdisSharedMemoryUsageMax,
} NDIS_SHARED_MEMORY_USAGE, *PNDIS_SHARED_MEMORY_USAGE;

/* Flags of parameters, under both spellings. */
#define NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS	0x00000001
#define NDIS_SHARED_MEM_PARAMETERS_CONTIGOUS	\
	NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS

/* SharedMemoryHandle, VirtualAddress and what SGListBuffer points to are outputs. */
typedef struct _NDIS_SHARED_MEMORY_PARAMETERS {
	NDIS_OBJECT_HEADER Header;
	ULONG Flags;
	NDIS_RECEIVE_QUEUE_ID QueueId;
	NDIS_HANDLE SharedMemoryHandle;
	NODE_REQUIREMENT PreferredNode;
	NDIS_SHARED_MEMORY_USAGE Usage;
	ULONG Length;
	PVOID VirtualAddress;
	ULONG SGListBufferLength;
	PSCATTER_GATHER_LIST SGListBuffer;
	/* revision 2 */
	NDIS_NIC_SWITCH_VPORT_ID VPortId;
} NDIS_SHARED_MEMORY_PARAMETERS, *PNDIS_SHARED_MEMORY_PARAMETERS;

#define NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1	1
#define NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2	2
#define NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_SHARED_MEMORY_PARAMETERS, SGListBuffer)
#define NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_SHARED_MEMORY_PARAMETERS, VPortId)

/* The handle of memory that no provider made; there is none here. */
#define NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED	((NDIS_HANDLE)NULL)

/*
 * A provider's two handlers. Allocate answers SUCCESS, RESOURCES,
 * INVALID_PARAMETER or FAILURE; anything else is FAILURE. Both may sleep.
 */
typedef NDIS_STATUS
ALLOCATE_SHARED_MEMORY(NDIS_HANDLE ProviderContext,
		       PNDIS_SHARED_MEMORY_PARAMETERS SharedMemoryParameters,
		       PNDIS_HANDLE pSharedMemoryProviderContext);
typedef ALLOCATE_SHARED_MEMORY *ALLOCATE_SHARED_MEMORY_HANDLER;

typedef VOID FREE_SHARED_MEMORY(NDIS_HANDLE ProviderContext,
				NDIS_HANDLE SharedMemoryProviderContext);
typedef FREE_SHARED_MEMORY *FREE_SHARED_MEMORY_HANDLER;

typedef struct _NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS {
	NDIS_OBJECT_HEADER Header;
	ULONG Flags;
	NDIS_HANDLE ProviderContext;
	ALLOCATE_SHARED_MEMORY_HANDLER AllocateSharedMemoryHandler;
	FREE_SHARED_MEMORY_HANDLER FreeSharedMemoryHandler;
} NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS,
	*PNDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS;

#define NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS_REVISION_1	1
#define NDIS_SIZEOF_SHARED_MEMORY_PROVIDER_CHARACTERISTICS_REVISION_1 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS, \
				  FreeSharedMemoryHandler)

/* A flag of characteristics, which is shown and changes nothing. */
#define NDIS_SHARED_MEMORY_PROVIDER_CHAR_SUPPORTS_PF_VPORTS	0x00000001

/* Whatever has a header: the characteristics above are all that is known here. */
typedef struct _NDIS_DRIVER_OPTIONAL_HANDLERS {
	NDIS_OBJECT_HEADER Header;
} NDIS_DRIVER_OPTIONAL_HANDLERS, *PNDIS_DRIVER_OPTIONAL_HANDLERS;

/**
 * NdisSetOptionalHandlers - become a provider, or change its handlers
 * @NdisHandle: from ndshm_ndis_open()
 * @OptionalHandlers: characteristics of a provider; copied
 *
 * New handlers are for new blocks: older ones go back to those that made them.
 * Whoever opened the handle with a device provides for that device, and without
 * one for all devices that have no provider of their own.
 *
 * The allocate handler is asked for a length in whole pages, because that is how
 * memory is shared, and given a list with room for an element a page, or for one if
 * CONTIGUOUS is set: NumberOfElements says for how many. It fills in where the memory
 * is in the machine (physical addresses), in whole pages; they are mapped for the device
 * that will use it. What the device does not reach, or only by way of a copy, goes back
 * to the free handler, and the caller gets RESOURCES. The handle that it leaves in the
 * parameters is not used. What it lists beyond the length is not mapped.
 *
 * It need not clear the memory: for a program that is done here, by way of
 * VirtualAddress, without which a program gets RESOURCES.
 *
 * Context: process; may sleep.
 * Return: SUCCESS, RESOURCES or FAILURE.
 */
NDIS_STATUS
NdisSetOptionalHandlers(NDIS_HANDLE NdisHandle,
			PNDIS_DRIVER_OPTIONAL_HANDLERS OptionalHandlers);

/**
 * NdisAllocateSharedMemory - make a block
 * @NdisHandle: from ndshm_ndis_open()
 * @SharedMemoryParameters: what is asked; the outcome is written to it
 * @pAllocationHandle: for NdisFreeSharedMemory(); NULL on failure
 *
 * The list says where the @Length bytes are, whatever its NumberOfElements says
 * before; it has to have room for all elements (else INVALID_PARAMETER). With
 * SGListBuffer NULL and SGListBufferLength 0 none is written. SharedMemoryHandle
 * is never NULL. A handle that was opened without a device allocates for the
 * preferred NUMA node.
 *
 * On failure address and shared memory handle are NULL if the header was valid; the
 * list is as it was. @pAllocationHandle NULL is such a failure: INVALID_PARAMETER.
 *
 * Context: process; may sleep.
 * Return: SUCCESS, RESOURCES, INVALID_PARAMETER or FAILURE.
 */
NDIS_STATUS
NdisAllocateSharedMemory(NDIS_HANDLE NdisHandle,
			 PNDIS_SHARED_MEMORY_PARAMETERS SharedMemoryParameters,
			 PNDIS_HANDLE pAllocationHandle);

/**
 * NdisFreeSharedMemory - give a block back
 * @NdisHandle: should be that of the allocation; not looked at
 * @AllocationHandle: from NdisAllocateSharedMemory(), or NULL
 *
 * Context: process; may sleep.
 * Return: nothing.
 */
VOID NdisFreeSharedMemory(NDIS_HANDLE NdisHandle, NDIS_HANDLE AllocationHandle);

/* The alignment at which nothing shares a cache line with something else. */
static inline ULONG NdisGetSharedDataAlignment(VOID)
{
	return dma_get_cache_alignment();
}

/**
 * ndshm_ndis_open - get a handle for NDIS calls
 * @owner: the module that calls, and has the handlers
 * @name: of the adapter, and of the provider that it may become: printable ASCII,
 *	without blank or slash, shorter than 32 characters
 * @device: who does DMA, and whose driver calls; held until the handle is closed. NULL: the
 *	handle is a driver's, and not an adapter's
 * @handle: stored last; NULL on failure
 *
 * Context: process; may sleep.
 * Return: 0; -EINVAL for a bad name, -EEXIST for one that another adapter has,
 * -ENOMEM.
 */
int ndshm_ndis_open(struct module *owner, const char *name,
		    struct device *device, NDIS_HANDLE *handle);

/**
 * ndshm_ndis_serve_clients - let clients have memory of what a handle provides
 * @handle: from ndshm_ndis_open(), before NdisSetOptionalHandlers()
 *
 * Without this call a provider serves code of the kernel only.
 *
 * Context: process; may sleep.
 * Return: 0; -EBUSY: there is a provider; -EINVAL: @handle is none.
 */
int ndshm_ndis_serve_clients(NDIS_HANDLE handle);

/**
 * ndshm_ndis_close - end a handle, and what was registered through it
 * @handle: from ndshm_ndis_open(); dead after success
 *
 * Completions under way are waited for, so that it is not called by one of them.
 *
 * A device that goes cannot be refused: while its driver's remove runs, or its probe,
 * which is about to fail, and while what either left to the device (devm) is undone.
 * Blocks that others have of the handle's provider, or for its adapter, are revoked
 * then: they came back to the free handler when it returns. Those that were allocated
 * with the handle have to be freed before in any case.
 *
 * Otherwise, also for a device that has no driver, others are not disturbed. Whoever
 * asks for memory while it is found out that it cannot close may be refused.
 *
 * Context: process; may sleep.
 * Return: 0; -EBUSY, and nothing has changed, while blocks live that were allocated
 * with the handle or, unless its device goes, made by its provider or for its adapter,
 * or the adapter has queues or ports; -EINVAL if it is none.
 */
int ndshm_ndis_close(NDIS_HANDLE handle);

#endif /* _NDSHM_NDIS_H */
