/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NDIS source compatibility: the shared memory functions under their Windows names, so
 * that this part of an NDIS driver compiles unchanged. The ndshm_ndis_*() functions at
 * the end are additions: they create and destroy the handles that NDIS passes to a driver
 * on Windows.
 *
 * Names, values and layouts are those of NDIS (6.20, and 6.30 for revision 2). Comments
 * below describe the behaviour where the documentation of NDIS does not.
 */
#ifndef _NDSHM_NDIS_H
#define _NDSHM_NDIS_H

#include <linux/cache.h>
#include <linux/dma-mapping.h>
#include <linux/minmax.h>

#include <ndshm/ndis_dma.h>
#include <ndshm/ndis_pnp.h>
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

/* Flags of the parameters; NDIS documents both spellings. */
#define NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS	0x00000001
#define NDIS_SHARED_MEM_PARAMETERS_CONTIGOUS	\
	NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS

/* SharedMemoryHandle, VirtualAddress and the list at SGListBuffer are outputs. */
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

/* Handle of memory without a provider; not used by ndshm. */
#define NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED	((NDIS_HANDLE)NULL)

/*
 * Handlers of a provider. The allocate handler returns SUCCESS, RESOURCES,
 * INVALID_PARAMETER or FAILURE; any other status is treated as FAILURE. Both may sleep.
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

/* A flag of the characteristics; reported to users, no other effect. */
#define NDIS_SHARED_MEMORY_PROVIDER_CHAR_SUPPORTS_PF_VPORTS	0x00000001

/* Generic type of optional handlers. Only the characteristics above are supported. */
typedef struct _NDIS_DRIVER_OPTIONAL_HANDLERS {
	NDIS_OBJECT_HEADER Header;
} NDIS_DRIVER_OPTIONAL_HANDLERS, *PNDIS_DRIVER_OPTIONAL_HANDLERS;

/**
 * NdisSetOptionalHandlers() - Register a provider, or replace its handlers
 * @NdisHandle: from ndshm_ndis_open()
 * @OptionalHandlers: characteristics of a provider; copied
 *
 * New handlers apply to new blocks; existing blocks are freed by the handlers that
 * allocated them. A handle with a device registers a provider for this device, a handle
 * without one a provider for all devices that have none of their own.
 *
 * The allocate handler is called with the length that the driver asked for; for a block of
 * user space it is in whole pages. Its list has room for one element per page, or for one if
 * CONTIGUOUS is set; NumberOfElements is this capacity. The handler fills in physical
 * addresses of whole pages, which are then mapped for the device that uses the memory. The
 * last element may end within its page, but the device can reach all of this page. Elements
 * beyond the length are not mapped. If the device cannot reach the memory, or only through
 * bounce buffers, it is passed to the free handler, and the caller gets RESOURCES. A
 * SharedMemoryHandle stored by the handler is ignored.
 *
 * The handler need not clear the memory. For blocks of user space the core clears it
 * through VirtualAddress, and fails with RESOURCES if that is NULL.
 *
 * Context: Process context; may sleep.
 * Return: SUCCESS, RESOURCES or FAILURE.
 */
NDIS_STATUS
NdisSetOptionalHandlers(NDIS_HANDLE NdisHandle,
			PNDIS_DRIVER_OPTIONAL_HANDLERS OptionalHandlers);

/**
 * NdisAllocateSharedMemory() - Allocate a block
 * @NdisHandle: from ndshm_ndis_open()
 * @SharedMemoryParameters: parameters; results are written to it
 * @pAllocationHandle: handle for NdisFreeSharedMemory(); NULL on failure
 *
 * The list receives the segments of @Length bytes. Its NumberOfElements is ignored on
 * input; the buffer must have room for all elements (else INVALID_PARAMETER). No list is
 * written if SGListBuffer is NULL and SGListBufferLength 0. SharedMemoryHandle is never
 * NULL on success. A handle opened without a device allocates on the preferred NUMA node.
 *
 * On failure VirtualAddress and SharedMemoryHandle are NULL if the header was valid; the
 * list is unchanged. If @pAllocationHandle is NULL, the call fails with
 * INVALID_PARAMETER.
 *
 * Context: Process context; may sleep.
 * Return: SUCCESS, RESOURCES, INVALID_PARAMETER or FAILURE.
 */
NDIS_STATUS
NdisAllocateSharedMemory(NDIS_HANDLE NdisHandle,
			 PNDIS_SHARED_MEMORY_PARAMETERS SharedMemoryParameters,
			 PNDIS_HANDLE pAllocationHandle);

/**
 * NdisFreeSharedMemory() - Free a block
 * @NdisHandle: handle of the allocation; not checked
 * @AllocationHandle: from NdisAllocateSharedMemory(), or NULL
 *
 * Context: Process context; may sleep.
 * Return: nothing.
 */
VOID NdisFreeSharedMemory(NDIS_HANDLE NdisHandle, NDIS_HANDLE AllocationHandle);

/*
 * Return the alignment, in bytes, at which data of the device shares no cache line with other
 * data: at least a cache line, also where DMA is coherent. A power of two. Any context.
 */
static inline ULONG NdisGetSharedDataAlignment(VOID)
{
	return max_t(ULONG, dma_get_cache_alignment(), cache_line_size());
}

/**
 * ndshm_ndis_open() - Create a handle for NDIS calls
 * @owner: the calling module, which contains the handlers
 * @name: name of the adapter, and of its provider if one is registered: printable ASCII
 *	without blanks and slashes, shorter than 32 characters
 * @device: the device that does DMA, bound to the calling driver; referenced until the
 *	handle is closed. NULL: the handle is for a driver without an adapter.
 * @handle: the handle, stored last; NULL on failure
 *
 * Context: Process context; may sleep.
 * Return: 0; -EINVAL for an invalid name, -EEXIST if another adapter has it, or -ENOMEM.
 */
int ndshm_ndis_open(struct module *owner, const char *name,
		    struct device *device, NDIS_HANDLE *handle);

/**
 * ndshm_ndis_serve_clients() - Allow clients to use a handle's provider
 * @handle: from ndshm_ndis_open(), before NdisSetOptionalHandlers()
 *
 * Without this call the provider serves kernel code only.
 *
 * Context: Process context; may sleep.
 * Return: 0; -EBUSY if the provider is registered already; -EINVAL if @handle is invalid.
 */
int ndshm_ndis_serve_clients(NDIS_HANDLE handle);

/**
 * ndshm_ndis_close() - Close a handle, its adapter and its provider
 * @handle: from ndshm_ndis_open(); invalid on success
 *
 * Waits for running completion handlers, so it must not be called from one.
 *
 * Other calls with the handle may run concurrently with a close that returns -EBUSY. The caller
 * must exclude them from a close that can succeed, which frees the handle.
 *
 * Removal of a device cannot be refused. While the remove function of its driver runs, a
 * probe that is about to fail, or the devm release of either, blocks that others have
 * allocated from the handle's provider or for its adapter are revoked: on return they
 * have been passed to the free handler. Blocks allocated with the handle itself must be
 * freed before in any case.
 *
 * Otherwise, also for a device without a driver, the call does not disturb other users
 * and returns -EBUSY while they have blocks. A concurrent allocation may fail even if the
 * close is refused.
 *
 * Context: Process context; may sleep.
 * Return: 0; -EINVAL if @handle is invalid; -EBUSY, and nothing changes, while there are
 * blocks allocated with the handle or, unless its device is being removed, blocks of its
 * provider or for its adapter, or queues or ports of the adapter.
 */
int ndshm_ndis_close(NDIS_HANDLE handle);

#endif /* _NDSHM_NDIS_H */
