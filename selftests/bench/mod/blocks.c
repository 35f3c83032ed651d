// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/numa.h>

#include <ndshm/adapter.h>
#include <ndshm/block.h>
#include <ndshm/ndis.h>

#include "blocks.h"

static struct ndshm_adapter *adapter;
static NDIS_HANDLE handle;

/*
 * Blocks that stay allocated during the measurement, alternating between both
 * interfaces.
 */
static union other {
	struct ndshm_block *block;
	NDIS_HANDLE memory;
} *others;
static unsigned int live;

static struct ndshm_block *allocate(u64 length)
{
	struct ndshm_segment segment;
	struct ndshm_segment_list list = {
		.capacity = 1, .segments = &segment,
	};
	struct ndshm_parameters parameters = {
		.header = NDSHM_PARAMETERS_HEADER,
		.flags = NDSHM_ALLOC_CONTIGUOUS,
		.preferred_node = NUMA_NO_NODE,
		.usage = NDSHM_USAGE_OTHER,
		.length = length,
		.adapter = adapter,
		.list = &list,
	};

	return ndshm_allocate(&parameters, NULL);
}

int blocks_once(void *memory, size_t length)
{
	struct ndshm_block *block = allocate(length);

	if (IS_ERR(block))
		return PTR_ERR(block);
	ndshm_free(block);
	return 0;
}

/* Inlined, so that no call is measured that a driver would not make. */
static __always_inline int allocate_ndis(u64 length, NDIS_HANDLE *memory)
{
	struct {
		SCATTER_GATHER_LIST list;
		SCATTER_GATHER_ELEMENT element;
	} segments = { .list.NumberOfElements = 1 };
	NDIS_SHARED_MEMORY_PARAMETERS parameters = {
		.Header = {
			.Type = NDIS_OBJECT_TYPE_DEFAULT,
			.Revision = NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2,
			.Size = NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2,
		},
		.Flags = NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS,
		.PreferredNode = MM_ANY_NODE_OK,
		.Usage = NdisSharedMemoryUsageOther,
		.Length = length,
		.SGListBufferLength = sizeof(segments),
		.SGListBuffer = &segments.list,
	};

	return NdisAllocateSharedMemory(handle, &parameters, memory) ? -ENOMEM : 0;
}

int blocks_once_ndis(void *memory, size_t length)
{
	NDIS_HANDLE block;
	int error = allocate_ndis(length, &block);

	if (!error)
		NdisFreeSharedMemory(handle, block);
	return error;
}

static int allocate_other(unsigned int number)
{
	if (number % 2)
		return allocate_ndis(PAGE_SIZE, &others[number].memory);
	others[number].block = allocate(PAGE_SIZE);
	return PTR_ERR_OR_ZERO(others[number].block);
}

static void free_other(unsigned int number)
{
	if (number % 2)
		NdisFreeSharedMemory(handle, others[number].memory);
	else
		ndshm_free(others[number].block);
}

static void free_others(void)
{
	while (live)
		free_other(--live);
	kvfree(others);
	others = NULL;
}

int blocks_live(unsigned int count)
{
	int error;

	free_others();
	others = kvmalloc_array(count, sizeof(*others), GFP_KERNEL);
	if (count && !others)
		return -ENOMEM;
	while (live < count) {
		error = allocate_other(live);
		if (error) {
			free_others();
			return error;
		}
		live++;
	}
	return 0;
}

int blocks_setup(struct device *device)
{
	struct ndshm_adapter_info info = {
		.name = "bench", .device = device,
	};
	int ret;

	adapter = ndshm_adapter_register(&info, NULL);
	if (IS_ERR(adapter))
		return PTR_ERR(adapter);
	ret = ndshm_ndis_open(THIS_MODULE, "bench-ndis", device, &handle);
	if (ret)
		ndshm_adapter_unregister(adapter);
	return ret;
}

void blocks_teardown(void)
{
	free_others();
	ndshm_ndis_close(handle);
	ndshm_adapter_unregister(adapter);
}
