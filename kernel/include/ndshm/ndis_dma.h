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

/*
 * Only the registration attributes are known, anything else is NOT_SUPPORTED;
 * INVALID_PARAMETER for a header that is none, FAILURE without a device.
 */
NDIS_STATUS
NdisMSetMiniportAttributes(NDIS_HANDLE NdisMiniportHandle,
			   PNDIS_MINIPORT_ADAPTER_ATTRIBUTES MiniportAttributes);

/*
 * SUCCESS, RESOURCES, BAD_VERSION (another revision than 1) or NOT_SUPPORTED (no
 * device, no description, a device that cannot have 32 bits of address). The
 * size of a list in bytes is stored in the description. May sleep.
 */
NDIS_STATUS
NdisMRegisterScatterGatherDma(NDIS_HANDLE MiniportAdapterHandle,
			      PNDIS_SG_DMA_DESCRIPTION DmaDescription,
			      PNDIS_HANDLE NdisMiniportDmaHandle);

/*
 * Waits for the completions under way, so that it is not called by one of them. What
 * they got lives on. May sleep.
 */
VOID NdisMDeregisterScatterGatherDma(NDIS_HANDLE NdisMiniportDmaHandle);

/*
 * One piece of coherent memory for the device, zeroed. On failure both addresses are
 * 0. @Cached is ignored. May sleep.
 */
VOID NdisMAllocateSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
			       BOOLEAN Cached, PVOID *VirtualAddress,
			       PNDIS_PHYSICAL_ADDRESS PhysicalAddress);

/*
 * PENDING, and the completion handler is called once, perhaps before this returns;
 * or FAILURE, and it is not called. Any context.
 */
NDIS_STATUS NdisMAllocateSharedMemoryAsyncEx(NDIS_HANDLE MiniportDmaHandle,
					     ULONG Length, BOOLEAN Cached,
					     PVOID Context);

/*
 * Give it back: length and addresses are those of the allocation. Others are
 * refused, which the log says once for each handle. Any context.
 */
VOID NdisMFreeSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length,
			   BOOLEAN Cached, PVOID VirtualAddress,
			   NDIS_PHYSICAL_ADDRESS PhysicalAddress);

#endif /* _NDSHM_NDIS_DMA_H */
