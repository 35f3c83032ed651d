// SPDX-License-Identifier: GPL-2.0
/*
 * A kernel driver that allocates under the names of NDIS. The example opens a handle without a
 * device; a PCI driver passes its device in probe.
 */
#include <linux/module.h>
#include <linux/sizes.h>

#include <ndshm/ndis.h>

static NDIS_HANDLE DriverHandle;
static NDIS_HANDLE AllocationHandle;

static NDIS_STATUS AllocateBlock(VOID)
{
	/* One contiguous block, so a list for one element is sufficient. */
	ULONG_PTR Room[(sizeof(SCATTER_GATHER_LIST) +
			sizeof(SCATTER_GATHER_ELEMENT)) / sizeof(ULONG_PTR)];
	PSCATTER_GATHER_LIST List = (PSCATTER_GATHER_LIST)Room;
	NDIS_SHARED_MEMORY_PARAMETERS Parameters = {
		.Header = {
			.Type = NDIS_OBJECT_TYPE_DEFAULT,
			.Revision = NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1,
			.Size = NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1,
		},
		.Flags = NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS,
		.PreferredNode = MM_ANY_NODE_OK,
		.Usage = NdisSharedMemoryUsageReceive,
		.Length = SZ_16K,
		.SGListBufferLength = sizeof(Room),
		.SGListBuffer = List,
	};
	NDIS_STATUS Status;

	Status = NdisAllocateSharedMemory(DriverHandle, &Parameters, &AllocationHandle);
	if (Status != NDIS_STATUS_SUCCESS)
		return Status;
	NdisZeroMemory(Parameters.VirtualAddress, Parameters.Length);
	pr_info("example: %u bytes at 0x%llx for the device\n", List->Elements[0].Length,
		List->Elements[0].Address.QuadPart);
	return Status;
}

static int __init example_init(void)
{
	NDIS_STATUS status;
	int ret;

	ret = ndshm_ndis_open(THIS_MODULE, "example-ndis", NULL, &DriverHandle);
	if (ret)
		return ret;
	status = AllocateBlock();
	if (status == NDIS_STATUS_SUCCESS)
		return 0;
	pr_err("example: no block: status %#x\n", status);
	WARN_ON(ndshm_ndis_close(DriverHandle));
	return -ENOMEM;
}
module_init(example_init);

/* ndshm_ndis_close() fails while a block exists. */
static void __exit example_exit(void)
{
	NdisFreeSharedMemory(DriverHandle, AllocationHandle);
	WARN_ON(ndshm_ndis_close(DriverHandle));
}
module_exit(example_exit);

MODULE_DESCRIPTION("ndshm: example of a kernel driver with the calls of NDIS");
MODULE_LICENSE("GPL");
