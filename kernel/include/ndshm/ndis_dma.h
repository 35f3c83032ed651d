/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A miniport's own shared memory, and the DMA handle that it needs for asking at a
 * time when it cannot wait.
 */
#ifndef _NDSHM_NDIS_DMA_H
#define _NDSHM_NDIS_DMA_H

#include <ndshm/ndis_status.h>
#include <ndshm/ndis_types.h>

/* What the miniport says of itself: the context that its handlers are given. */
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
 * An allocation that was pending has its end: NULL for both addresses if there is
 * no memory. Process context; may sleep.
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

/* Without it the device has 32 bits of address. */
#define NDIS_SG_DMA_64_BIT_ADDRESS	0x00000001

/**
 * NdisMSetMiniportAttributes - say what the handlers are given
 * @NdisMiniportHandle: from ndshm_ndis_open(), with a device
 * @MiniportAttributes: registration attributes, of which the context is kept
 *
 * Context: process, where the miniport is initialized; it does not sleep.
 * Return: SUCCESS; NOT_SUPPORTED for attributes of another kind, INVALID_PARAMETER for
 * a header that is none, FAILURE without a device.
 */
NDIS_STATUS
NdisMSetMiniportAttributes(NDIS_HANDLE NdisMiniportHandle,
			   PNDIS_MINIPORT_ADAPTER_ATTRIBUTES MiniportAttributes);

/**
 * NdisMRegisterScatterGatherDma - get a DMA handle, by which to ask and not to wait
 * @MiniportAdapterHandle: from ndshm_ndis_open(), with a device
 * @DmaDescription: how wide its addresses are, and who is told of completions; the
 *	size of a list in bytes is stored in it
 * @NdisMiniportDmaHandle: NULL on failure
 *
 * Context: process; may sleep.
 * Return: SUCCESS, RESOURCES, BAD_VERSION (another revision than 1) or NOT_SUPPORTED
 * (no device, no description, a device that cannot have 32 bits of address).
 */
NDIS_STATUS
NdisMRegisterScatterGatherDma(NDIS_HANDLE MiniportAdapterHandle,
			      PNDIS_SG_DMA_DESCRIPTION DmaDescription,
			      PNDIS_HANDLE NdisMiniportDmaHandle);

/**
 * NdisMDeregisterScatterGatherDma - end a DMA handle
 * @NdisMiniportDmaHandle: from NdisMRegisterScatterGatherDma(); dead when it returns
 *
 * Waits for the completions under way, so that it is not called by one of them. What
 * they got lives on.
 *
 * Context: process; may sleep.
 * Return: nothing.
 */
VOID NdisMDeregisterScatterGatherDma(NDIS_HANDLE NdisMiniportDmaHandle);

/**
 * NdisMAllocateSharedMemory - get a piece of coherent memory for the device, zeroed
 * @MiniportAdapterHandle: from ndshm_ndis_open(), with a device
 * @Length: bytes
 * @Cached: not looked at
 * @VirtualAddress: for processors; NULL on failure
 * @PhysicalAddress: for the device; 0 on failure
 *
 * Context: process; may sleep.
 * Return: nothing.
 */
VOID NdisMAllocateSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
			       BOOLEAN Cached, PVOID *VirtualAddress,
			       PNDIS_PHYSICAL_ADDRESS PhysicalAddress);

/**
 * NdisMAllocateSharedMemoryAsyncEx - ask for such a piece, and do not wait
 * @MiniportDmaHandle: from NdisMRegisterScatterGatherDma(), with a completion handler
 * @Length: bytes
 * @Cached: not looked at
 * @Context: last argument of the completion handler
 *
 * Where that does not do, ndshm_allocate_async() does. To end the DMA handle beside a
 * call of this that has begun is the caller's error, as it is with NDIS.
 *
 * Context: any but hard interrupts and NMI, and without a raw spinlock: NDIS asks for no
 * more than DISPATCH_LEVEL.
 * Return: PENDING, and the completion handler is called once, perhaps before this
 * returns; or FAILURE, and it is not called.
 */
NDIS_STATUS NdisMAllocateSharedMemoryAsyncEx(NDIS_HANDLE MiniportDmaHandle,
					     ULONG Length, BOOLEAN Cached,
					     PVOID Context);

/**
 * NdisMFreeSharedMemory - give such a piece back
 * @MiniportAdapterHandle: from ndshm_ndis_open(), with a device
 * @Length: as in the allocation
 * @Cached: not looked at
 * @VirtualAddress: as it was given
 * @PhysicalAddress: as it was given
 *
 * What is no allocation is refused, which the log says once for each handle. Where this
 * cannot be called, ndshm_block_put() can.
 *
 * Context: any but hard interrupts and NMI, and without a raw spinlock: NDIS asks for no
 * more than DISPATCH_LEVEL.
 * Return: nothing.
 */
VOID NdisMFreeSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
			   BOOLEAN Cached, PVOID VirtualAddress,
			   NDIS_PHYSICAL_ADDRESS PhysicalAddress);

#endif /* _NDSHM_NDIS_DMA_H */
