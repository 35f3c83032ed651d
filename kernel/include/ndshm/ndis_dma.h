/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared memory of a miniport, and its DMA handle for allocations in contexts that cannot
 * sleep.
 */
#ifndef _NDSHM_NDIS_DMA_H
#define _NDSHM_NDIS_DMA_H

#include <ndshm/ndis_status.h>
#include <ndshm/ndis_types.h>

/* Attributes of a miniport: the context argument of its handlers. */
typedef enum _NDIS_INTERFACE_TYPE {
	NdisInterfaceInternal = 0,
	NdisInterfacePci = 5,
} NDIS_INTERFACE_TYPE, *PNDIS_INTERFACE_TYPE;

typedef struct _NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES {
	NDIS_OBJECT_HEADER Header;
	NDIS_HANDLE MiniportAdapterContext;
	ULONG AttributeFlags;
	UINT CheckForHangTimeInSeconds;
	NDIS_INTERFACE_TYPE InterfaceType;
} NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
	*PNDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;

#define NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1	1
#define NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, \
				  InterfaceType)

#define NDIS_MINIPORT_ATTRIBUTES_HARDWARE_DEVICE	0x00000001
#define NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER		0x00000008

typedef union _NDIS_MINIPORT_ADAPTER_ATTRIBUTES {
	NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES RegistrationAttributes;
} NDIS_MINIPORT_ADAPTER_ATTRIBUTES, *PNDIS_MINIPORT_ADAPTER_ATTRIBUTES;

typedef VOID MINIPORT_PROCESS_SG_LIST(PDEVICE_OBJECT pDO, PVOID Reserved,
				      PSCATTER_GATHER_LIST pSGL,
				      PVOID Context);
typedef MINIPORT_PROCESS_SG_LIST *MINIPORT_PROCESS_SG_LIST_HANDLER;

/*
 * Completion handler of a pending allocation: both addresses are NULL if it failed.
 * Process context; may sleep.
 */
typedef VOID
MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE(NDIS_HANDLE MiniportAdapterContext,
				      PVOID VirtualAddress,
				      PNDIS_PHYSICAL_ADDRESS PhysicalAddress,
				      ULONG Length, PVOID Context);
typedef MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE
	*MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE_HANDLER;

typedef struct _NDIS_SG_DMA_DESCRIPTION {
	NDIS_OBJECT_HEADER Header;
	ULONG Flags;
	ULONG MaximumPhysicalMapping;
	MINIPORT_PROCESS_SG_LIST_HANDLER ProcessSGListHandler;
	MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE_HANDLER
		SharedMemAllocateCompleteHandler;
	ULONG ScatterGatherListSize;
} NDIS_SG_DMA_DESCRIPTION, *PNDIS_SG_DMA_DESCRIPTION;

#define NDIS_SG_DMA_DESCRIPTION_REVISION_1	1
#define NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_SG_DMA_DESCRIPTION, ScatterGatherListSize)

/* Without this flag DMA addresses are limited to 32 bits. */
#define NDIS_SG_DMA_64_BIT_ADDRESS	0x00000001

/**
 * NdisMSetMiniportAttributes() - Set the context argument of the handlers
 * @NdisMiniportHandle: from ndshm_ndis_open(), with a device
 * @MiniportAttributes: registration attributes, of which only the context is used. Those of
 *	another type are accepted, and not used
 *
 * Context: Process context, during initialisation of the miniport; does not sleep.
 * Return: SUCCESS; BAD_VERSION for an invalid header of registration attributes, without a
 * device, or without attributes.
 */
NDIS_STATUS
NdisMSetMiniportAttributes(NDIS_HANDLE NdisMiniportHandle,
			   PNDIS_MINIPORT_ADAPTER_ATTRIBUTES MiniportAttributes);

/**
 * NdisMRegisterScatterGatherDma() - Create a DMA handle for asynchronous allocation
 * @MiniportAdapterHandle: from ndshm_ndis_open(), with a device
 * @DmaDescription: DMA address width and completion handler; the size in bytes of a
 *	scatter-gather list is stored in it
 * @NdisMiniportDmaHandle: the DMA handle; NULL on failure
 *
 * Context: Process context; may sleep.
 * Return: SUCCESS, RESOURCES, BAD_VERSION (a revision other than 1) or NOT_SUPPORTED (no
 * device, no description, or a device that does not support 32-bit addresses).
 */
NDIS_STATUS
NdisMRegisterScatterGatherDma(NDIS_HANDLE MiniportAdapterHandle,
			      PNDIS_SG_DMA_DESCRIPTION DmaDescription,
			      PNDIS_HANDLE NdisMiniportDmaHandle);

/**
 * NdisMDeregisterScatterGatherDma() - Destroy a DMA handle
 * @NdisMiniportDmaHandle: from NdisMRegisterScatterGatherDma(); invalid on return
 *
 * Waits for running completion handlers, so it must not be called from one. Memory that
 * was allocated through the handle stays allocated.
 *
 * Context: Process context; may sleep.
 * Return: nothing.
 */
VOID NdisMDeregisterScatterGatherDma(NDIS_HANDLE NdisMiniportDmaHandle);

/**
 * NdisMAllocateSharedMemory() - Allocate zeroed coherent memory for the device
 * @MiniportAdapterHandle: from ndshm_ndis_open(), with a device
 * @Length: in bytes
 * @Cached: ignored
 * @VirtualAddress: kernel address; NULL on failure
 * @PhysicalAddress: DMA address; 0 on failure
 *
 * Context: Process context; may sleep.
 * Return: nothing.
 */
VOID NdisMAllocateSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
			       BOOLEAN Cached, PVOID *VirtualAddress,
			       PNDIS_PHYSICAL_ADDRESS PhysicalAddress);

/**
 * NdisMAllocateSharedMemoryAsyncEx() - Allocate coherent memory asynchronously
 * @MiniportDmaHandle: from NdisMRegisterScatterGatherDma(), with a completion handler
 * @Length: in bytes
 * @Cached: ignored
 * @Context: last argument of the completion handler
 *
 * For contexts in which this cannot be called there is ndshm_allocate_async(). As with
 * NDIS, the caller must not destroy the DMA handle while a call is running.
 *
 * Context: Any but hard interrupts and NMI, and without a raw spinlock held: NDIS
 * requires no more than DISPATCH_LEVEL.
 * Return: PENDING, and the completion handler is called once, possibly before this
 * function returns; or FAILURE, and it is not called.
 */
NDIS_STATUS NdisMAllocateSharedMemoryAsyncEx(NDIS_HANDLE MiniportDmaHandle,
					     ULONG Length, BOOLEAN Cached,
					     PVOID Context);

/**
 * NdisMFreeSharedMemory() - Free memory of the device
 * @MiniportAdapterHandle: from ndshm_ndis_open(), with a device
 * @Length: as allocated
 * @Cached: ignored
 * @VirtualAddress: as allocated
 * @PhysicalAddress: as allocated
 *
 * If the arguments match no allocation, nothing is freed, and a warning is logged once
 * for each handle. For contexts in which this cannot be called there is
 * ndshm_block_put().
 *
 * Context: Any but hard interrupts and NMI, and without a raw spinlock held: NDIS
 * requires no more than DISPATCH_LEVEL.
 * Return: nothing.
 */
VOID NdisMFreeSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
			   BOOLEAN Cached, PVOID VirtualAddress,
			   NDIS_PHYSICAL_ADDRESS PhysicalAddress);

#endif /* _NDSHM_NDIS_DMA_H */
