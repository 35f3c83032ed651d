// SPDX-License-Identifier: GPL-2.0
/*
 * A driver as for Windows: allocates a ring and the receive buffers of a queue from the
 * provider, half as many buffers if there is not enough memory, and its own memory
 * asynchronously. Only the device and two calls for the handle are specific to Linux.
 */
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include <ndshm/ndis.h>

#include "device.h"

#define RING_BYTES	8192
#define BUFFER_BYTES	2048
#define BUFFERS		256
#define FEWEST_BUFFERS	32
#define MORE_BYTES	16384

/* Counter for the tests. */
static unsigned int buffers;
module_param(buffers, uint, 0444);
MODULE_PARM_DESC(buffers, "Receive buffers");

typedef struct _SHARED_BLOCK {
	NDIS_HANDLE AllocationHandle;
	NDIS_HANDLE SharedMemoryHandle;
	PUCHAR Address;
	PHYSICAL_ADDRESS DeviceAddress;
	ULONG Length;
} SHARED_BLOCK, *PSHARED_BLOCK;

typedef struct _ADAPTER {
	NDIS_HANDLE Handle;
	NDIS_HANDLE DmaHandle;
	SHARED_BLOCK Ring;
	SHARED_BLOCK Receive;
	NET_BUFFER_SHARED_MEMORY Chunks[BUFFERS];
	PVOID MoreAddress;
	NDIS_PHYSICAL_ADDRESS MoreDeviceAddress;
	struct completion MoreDone;
} ADAPTER, *PADAPTER;

static struct platform_device *device;
static PADAPTER adapter;

static MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE MoreComplete;

static NDIS_STATUS AllocateBlock(PADAPTER Adapter, PSHARED_BLOCK Block,
				 NDIS_SHARED_MEMORY_USAGE Usage, ULONG Length)
{
	ULONG Pages = BYTES_TO_PAGES(Length);
	ULONG ListBytes = sizeof(SCATTER_GATHER_LIST) +
			  Pages * sizeof(SCATTER_GATHER_ELEMENT);
	NDIS_SHARED_MEMORY_PARAMETERS Parameters;
	NDIS_STATUS Status;

	NdisZeroMemory(&Parameters, sizeof(Parameters));
	Parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
	Parameters.Header.Revision = NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2;
	Parameters.Header.Size =
		NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2;
	Parameters.Flags = NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS;
	Parameters.QueueId = NDIS_DEFAULT_RECEIVE_QUEUE_ID;
	Parameters.VPortId = NDIS_DEFAULT_VPORT_ID;
	Parameters.PreferredNode = MM_ANY_NODE_OK;
	Parameters.Usage = Usage;
	Parameters.Length = Length;
	Parameters.SGListBufferLength = ListBytes;
	Parameters.SGListBuffer = kzalloc(ListBytes, GFP_KERNEL);
	if (!Parameters.SGListBuffer)
		return NDIS_STATUS_RESOURCES;
	Parameters.SGListBuffer->NumberOfElements = Pages;

	Status = NdisAllocateSharedMemory(Adapter->Handle, &Parameters,
					  &Block->AllocationHandle);
	if (Status == NDIS_STATUS_SUCCESS) {
		Block->SharedMemoryHandle = Parameters.SharedMemoryHandle;
		Block->Address = Parameters.VirtualAddress;
		Block->DeviceAddress =
			Parameters.SGListBuffer->Elements[0].Address;
		Block->Length = Length;
		NdisZeroMemory(Block->Address, Length);
	}
	kfree(Parameters.SGListBuffer);
	return Status;
}

static VOID FreeBlock(PADAPTER Adapter, PSHARED_BLOCK Block)
{
	if (!Block->AllocationHandle)
		return;
	NdisFreeSharedMemory(Adapter->Handle, Block->AllocationHandle);
	NdisZeroMemory(Block, sizeof(*Block));
}

/* Allocate one block, and divide it into buffers. With too little memory allocate half as many. */
static NDIS_STATUS AllocateBuffers(PADAPTER Adapter)
{
	NDIS_STATUS Status = NDIS_STATUS_RESOURCES;
	ULONG Count, i;

	for (Count = BUFFERS; Count >= FEWEST_BUFFERS; Count /= 2) {
		Status = AllocateBlock(Adapter, &Adapter->Receive,
				       NdisSharedMemoryUsageReceive,
				       Count * BUFFER_BYTES);
		if (Status == NDIS_STATUS_SUCCESS)
			break;
	}
	if (Status != NDIS_STATUS_SUCCESS)
		return Status;
	for (i = 0; i < Count; i++) {
		PNET_BUFFER_SHARED_MEMORY Chunk = &Adapter->Chunks[i];

		NET_BUFFER_SHARED_MEM_NEXT_SEGMENT(Chunk) = NULL;
		NET_BUFFER_SHARED_MEM_FLAGS(Chunk) = 0;
		NET_BUFFER_SHARED_MEM_HANDLE(Chunk) =
			Adapter->Receive.SharedMemoryHandle;
		NET_BUFFER_SHARED_MEM_OFFSET(Chunk) = i * BUFFER_BYTES;
		NET_BUFFER_SHARED_MEM_LENGTH(Chunk) = BUFFER_BYTES;
	}
	buffers = Count;
	return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID MoreComplete(NDIS_HANDLE MiniportAdapterContext,
			 PVOID VirtualAddress,
			 PNDIS_PHYSICAL_ADDRESS PhysicalAddress, ULONG Length,
			 PVOID Context)
{
	PADAPTER Adapter = MiniportAdapterContext;

	UNREFERENCED_PARAMETER(Length);
	UNREFERENCED_PARAMETER(Context);

	Adapter->MoreAddress = VirtualAddress;
	if (VirtualAddress)
		Adapter->MoreDeviceAddress = *PhysicalAddress;
	complete(&Adapter->MoreDone);
}

static NDIS_STATUS RegisterDma(PADAPTER Adapter)
{
	NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES Attributes;
	NDIS_SG_DMA_DESCRIPTION Description;
	NDIS_STATUS Status;

	NdisZeroMemory(&Attributes, sizeof(Attributes));
	Attributes.Header.Type =
		NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;
	Attributes.Header.Revision =
		NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
	Attributes.Header.Size =
		NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
	Attributes.MiniportAdapterContext = Adapter;
	Attributes.AttributeFlags = NDIS_MINIPORT_ATTRIBUTES_HARDWARE_DEVICE |
				    NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER;
	Attributes.InterfaceType = NdisInterfacePci;
	Status = NdisMSetMiniportAttributes(Adapter->Handle,
					    (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)
					    &Attributes);
	if (Status != NDIS_STATUS_SUCCESS)
		return Status;

	NdisZeroMemory(&Description, sizeof(Description));
	Description.Header.Type = NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION;
	Description.Header.Revision = NDIS_SG_DMA_DESCRIPTION_REVISION_1;
	Description.Header.Size = NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1;
	Description.Flags = NDIS_SG_DMA_64_BIT_ADDRESS;
	Description.MaximumPhysicalMapping = BUFFER_BYTES;
	Description.SharedMemAllocateCompleteHandler = MoreComplete;
	return NdisMRegisterScatterGatherDma(Adapter->Handle, &Description,
					     &Adapter->DmaHandle);
}

/* Allocate asynchronously, as a driver must that cannot sleep. A completion always follows. */
static NDIS_STATUS AllocateMore(PADAPTER Adapter)
{
	NDIS_STATUS Status;

	Status = NdisMAllocateSharedMemoryAsyncEx(Adapter->DmaHandle,
						  MORE_BYTES, FALSE, NULL);
	if (Status != NDIS_STATUS_PENDING)
		return Status;
	wait_for_completion(&Adapter->MoreDone);
	return Adapter->MoreAddress ? NDIS_STATUS_SUCCESS :
				      NDIS_STATUS_RESOURCES;
}

static VOID Halt(PADAPTER Adapter)
{
	if (Adapter->DmaHandle)
		NdisMDeregisterScatterGatherDma(Adapter->DmaHandle);
	if (Adapter->MoreAddress)
		NdisMFreeSharedMemory(Adapter->Handle, MORE_BYTES, FALSE,
				      Adapter->MoreAddress,
				      Adapter->MoreDeviceAddress);
	FreeBlock(Adapter, &Adapter->Receive);
	FreeBlock(Adapter, &Adapter->Ring);
}

static NDIS_STATUS Initialize(PADAPTER Adapter)
{
	NDIS_STATUS Status;

	Status = RegisterDma(Adapter);
	if (Status == NDIS_STATUS_SUCCESS)
		Status = AllocateBlock(Adapter, &Adapter->Ring,
				       NdisSharedMemoryUsageOther, RING_BYTES);
	if (Status == NDIS_STATUS_SUCCESS)
		Status = AllocateBuffers(Adapter);
	if (Status == NDIS_STATUS_SUCCESS)
		Status = AllocateMore(Adapter);
	if (Status != NDIS_STATUS_SUCCESS)
		Halt(Adapter);
	return Status;
}

static int __init consumer_init(void)
{
	int ret = -ENOMEM;

	adapter = kzalloc(sizeof(*adapter), GFP_KERNEL);
	if (!adapter)
		return ret;
	init_completion(&adapter->MoreDone);
	device = test_device_add("ndis-consumer");
	ret = PTR_ERR_OR_ZERO(device);
	if (ret)
		goto err_adapter;
	ret = ndshm_ndis_open(THIS_MODULE, "ndis-consumer", &device->dev,
			      &adapter->Handle);
	if (ret)
		goto err_device;
	if (Initialize(adapter) == NDIS_STATUS_SUCCESS)
		return 0;
	ret = -ENOMEM;
	ndshm_ndis_close(adapter->Handle);
err_device:
	platform_device_unregister(device);
err_adapter:
	kfree(adapter);
	return ret;
}
module_init(consumer_init);

static void __exit consumer_exit(void)
{
	Halt(adapter);
	ndshm_ndis_close(adapter->Handle);
	platform_device_unregister(device);
	kfree(adapter);
}
module_exit(consumer_exit);

MODULE_DESCRIPTION("A driver that allocates shared memory with NDIS's names");
MODULE_LICENSE("GPL");
