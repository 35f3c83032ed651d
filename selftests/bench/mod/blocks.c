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

/* Those that live meanwhile. */
static struct ndshm_block **others;
static unsigned int live;

static ndshm_reason_t allocate(u64 length, struct ndshm_block **block)
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

	return ndshm_allocate(&parameters, block);
}

int blocks_once(void *memory, size_t length)
{
	struct ndshm_block *block;
	ndshm_reason_t reason = allocate(length, &block);

	if (reason != NDSHM_REASON_NONE)
		return ndshm_reason_errno(reason);
	ndshm_free(block);
	return 0;
}

int blocks_once_ndis(void *memory, size_t length)
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
	NDIS_HANDLE block;

	if (NdisAllocateSharedMemory(handle, &parameters, &block))
		return -ENOMEM;
	NdisFreeSharedMemory(handle, block);
	return 0;
}

static void free_others(void)
{
	while (live)
		ndshm_free(others[--live]);
	kvfree(others);
	others = NULL;
}

int blocks_live(unsigned int count)
{
	ndshm_reason_t reason;

	free_others();
	others = kvmalloc_array(count, sizeof(*others), GFP_KERNEL);
	if (count && !others)
		return -ENOMEM;
	while (live < count) {
		reason = allocate(PAGE_SIZE, &others[live]);
		if (reason != NDSHM_REASON_NONE) {
			free_others();
			return ndshm_reason_errno(reason);
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
	ndshm_reason_t reason;
	int ret;

	reason = ndshm_adapter_register(&info, &adapter);
	if (reason != NDSHM_REASON_NONE)
		return ndshm_reason_errno(reason);
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
