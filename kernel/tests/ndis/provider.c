// SPDX-License-Identifier: GPL-2.0
/*
 * A provider as for Windows: only its loading, its pages and two calls for the handle are
 * specific to Linux.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <ndshm/ndis.h>

/* Counters for the tests. */
static unsigned int allocated;
module_param(allocated, uint, 0444);
MODULE_PARM_DESC(allocated, "Blocks that were made");
static unsigned int freed;
module_param(freed, uint, 0444);
MODULE_PARM_DESC(freed, "Blocks that came back");
static unsigned int length;
module_param(length, uint, 0444);
MODULE_PARM_DESC(length, "Bytes that were asked for last");

typedef struct _SUPPLIED_BLOCK {
	PVOID Address;
	SIZE_T Length;
} SUPPLIED_BLOCK, *PSUPPLIED_BLOCK;

static NDIS_HANDLE DriverHandle;

static ALLOCATE_SHARED_MEMORY NetAllocateSharedMemory;
static FREE_SHARED_MEMORY NetFreeSharedMemory;

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
	Block = kzalloc(sizeof(*Block), GFP_KERNEL);
	if (!Block)
		return NDIS_STATUS_RESOURCES;
	length = SharedMemoryParameters->Length;
	Block->Length = ROUND_TO_PAGES(length);
	Block->Address = alloc_pages_exact(Block->Length,
					   GFP_KERNEL | __GFP_ZERO);
	if (!Block->Address) {
		kfree(Block);
		return NDIS_STATUS_RESOURCES;
	}

	List->NumberOfElements = 1;
	List->Elements[0].Address.QuadPart = virt_to_phys(Block->Address);
	List->Elements[0].Length = SharedMemoryParameters->Length;
	SharedMemoryParameters->VirtualAddress = Block->Address;
	*pSharedMemoryProviderContext = Block;
	allocated++;
	return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
static VOID NetFreeSharedMemory(NDIS_HANDLE ProviderContext,
				NDIS_HANDLE SharedMemoryProviderContext)
{
	PSUPPLIED_BLOCK Block = SharedMemoryProviderContext;

	UNREFERENCED_PARAMETER(ProviderContext);

	freed++;
	free_pages_exact(Block->Address, Block->Length);
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
	Provider.Flags = NDIS_SHARED_MEMORY_PROVIDER_CHAR_SUPPORTS_PF_VPORTS;
	Provider.AllocateSharedMemoryHandler = NetAllocateSharedMemory;
	Provider.FreeSharedMemoryHandler = NetFreeSharedMemory;
	return NdisSetOptionalHandlers(NdisDriverHandle,
				       (PNDIS_DRIVER_OPTIONAL_HANDLERS)&Provider);
}

static int __init provider_init(void)
{
	int ret;

	ret = ndshm_ndis_open(THIS_MODULE, "ndis-supplier", NULL,
			      &DriverHandle);
	if (ret)
		return ret;
	if (ndshm_ndis_serve_clients(DriverHandle) ||
	    SetOptions(DriverHandle) != NDIS_STATUS_SUCCESS) {
		ndshm_ndis_close(DriverHandle);
		return -EBUSY;
	}
	return 0;
}
module_init(provider_init);

/* Blocks pin the module, so none is left. */
static void __exit provider_exit(void)
{
	ndshm_ndis_close(DriverHandle);
}
module_exit(provider_exit);

MODULE_DESCRIPTION("A provider of shared memory with NDIS's names");
MODULE_LICENSE("GPL");
