// SPDX-License-Identifier: GPL-2.0
/*
 * A provider of a memory range that is reserved from the kernel, such as a hypervisor or
 * a card may have. All but the source of the range and two calls for the handle is NDIS
 * code.
 *
 * It serves every adapter without a provider of its own, and lists physical addresses;
 * ndshm maps them for the device.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include <ndshm/ndis.h>

#include "range.h"

typedef struct _SUPPLIED_BLOCK {
	PVOID Address;
	SIZE_T Length;
} SUPPLIED_BLOCK, *PSUPPLIED_BLOCK;

static NDIS_HANDLE DriverHandle;

static ALLOCATE_SHARED_MEMORY NetAllocateSharedMemory;
static FREE_SHARED_MEMORY NetFreeSharedMemory;

/* In one chunk, also without the CONTIGUOUS flag, and without regard to NUMA nodes. */
_Use_decl_annotations_
static NDIS_STATUS
NetAllocateSharedMemory(NDIS_HANDLE ProviderContext,
			PNDIS_SHARED_MEMORY_PARAMETERS SharedMemoryParameters,
			PNDIS_HANDLE pSharedMemoryProviderContext)
{
	PSCATTER_GATHER_LIST List = SharedMemoryParameters->SGListBuffer;
	PSUPPLIED_BLOCK Block;

	UNREFERENCED_PARAMETER(ProviderContext);

	if (SharedMemoryParameters->SGListBufferLength <
	    sizeof(SCATTER_GATHER_LIST) + sizeof(SCATTER_GATHER_ELEMENT))
		return NDIS_STATUS_INVALID_PARAMETER;
	/*
	 * Charge this structure to the requester, unlike the range. At a limit, fail
	 * without OOM kill.
	 */
	Block = kzalloc(sizeof(*Block), GFP_KERNEL_ACCOUNT |
			__GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!Block)
		return NDIS_STATUS_RESOURCES;
	/* A driver can ask for any length. */
	Block->Length = ROUND_TO_PAGES(SharedMemoryParameters->Length);
	Block->Address = range_alloc(Block->Length);
	if (!Block->Address) {
		kfree(Block);
		return NDIS_STATUS_RESOURCES;
	}

	List->NumberOfElements = 1;
	List->Elements[0].Address.QuadPart = range_physical(Block->Address);
	List->Elements[0].Length = Block->Length;
	SharedMemoryParameters->VirtualAddress = Block->Address;
	*pSharedMemoryProviderContext = Block;
	return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID NetFreeSharedMemory(NDIS_HANDLE ProviderContext,
				NDIS_HANDLE SharedMemoryProviderContext)
{
	PSUPPLIED_BLOCK Block = SharedMemoryProviderContext;

	UNREFERENCED_PARAMETER(ProviderContext);

	range_free(Block->Address, Block->Length);
	kfree(Block);
}

static NDIS_STATUS SetOptions(NDIS_HANDLE NdisDriverHandle)
{
	NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS Provider;

	NdisZeroMemory(&Provider, sizeof(Provider));
	Provider.Header.Type =
		NDIS_OBJECT_TYPE_SHARED_MEMORY_PROVIDER_CHARACTERISTICS;
	Provider.Header.Revision =
		NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS_REVISION_1;
	Provider.Header.Size =
		NDIS_SIZEOF_SHARED_MEMORY_PROVIDER_CHARACTERISTICS_REVISION_1;
	Provider.AllocateSharedMemoryHandler = NetAllocateSharedMemory;
	Provider.FreeSharedMemoryHandler = NetFreeSharedMemory;
	return NdisSetOptionalHandlers(NdisDriverHandle,
				       (PNDIS_DRIVER_OPTIONAL_HANDLERS)&Provider);
}

static int __init provider_init(void)
{
	int ret;

	ret = range_take();
	if (ret)
		return ret;
	ret = ndshm_ndis_open(THIS_MODULE, "reserved", NULL, &DriverHandle);
	if (ret)
		goto err_range;
	/* The range is ordinary memory, which clients may use as well. */
	ret = ndshm_ndis_serve_clients(DriverHandle);
	if (ret)
		goto err_handle;
	/* Fails if the machine has another provider. */
	if (SetOptions(DriverHandle) != NDIS_STATUS_SUCCESS) {
		ret = -EBUSY;
		goto err_handle;
	}
	return 0;

err_handle:
	ndshm_ndis_close(DriverHandle);
err_range:
	range_give();
	return ret;
}
module_init(provider_init);

/* Blocks pin the module, so none is left. */
static void __exit provider_exit(void)
{
	ndshm_ndis_close(DriverHandle);
	range_give();
}
module_exit(provider_exit);

MODULE_DESCRIPTION("Prototype of a provider, of a reserved range of memory");
MODULE_LICENSE("GPL");
