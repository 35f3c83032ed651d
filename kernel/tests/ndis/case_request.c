// SPDX-License-Identifier: GPL-2.0
/*
 * What is asked of NdisAllocateSharedMemory().
 */
#include <linux/completion.h>
#include <linux/nodemask.h>
#include <linux/slab.h>

#include <ndshm/adapter.h>
#include <ndshm/queue.h>

#include "cases.h"

/*
 * With just as much memory as the size says, so that reading further is found out;
 * what is shorter than a header has one.
 */
static bool try_header(struct bench *bench, NDIS_OBJECT_HEADER header, bool good)
{
	NDIS_SHARED_MEMORY_PARAMETERS before = request(bench);
	size_t have = max_t(size_t, header.Size, sizeof(header));
	NDIS_SHARED_MEMORY_PARAMETERS *p;
	NDIS_HANDLE allocation = bench;
	NDIS_STATUS status;

	before.Header = header;
	p = kmemdup(&before, min(have, sizeof(before)), GFP_KERNEL);
	CHECK(p);
	status = NdisAllocateSharedMemory(bench->adapter, p, &allocation);
	if (!status != good)
		pr_err("type %#x revision %u size %u: status %#x\n",
		       header.Type, header.Revision, header.Size, status);
	if (good) {
		CHECK(status == NDIS_STATUS_SUCCESS);
		CHECK(p->SharedMemoryHandle && p->VirtualAddress);
		CHECK(bench->list->NumberOfElements == 1);
		NdisFreeSharedMemory(bench->adapter, allocation);
	} else {
		/* Nothing is written before the header is known to be good. */
		CHECK(status == NDIS_STATUS_INVALID_PARAMETER);
		CHECK(!allocation);
		CHECK(!memcmp(p, &before, min(have, sizeof(before))));
		CHECK(list_untouched(bench, 0));
	}
	kfree(p);
	return true;
}

bool case_headers(struct bench *bench)
{
	static const struct {
		NDIS_OBJECT_HEADER header;
		bool good;
	} tried[] = {
		{ { 0x80, 1, 0 }, false },
		{ { 0x80, 1, 4 }, false },
		{ { 0x80, 1, 63 }, false },
		{ { 0x80, 1, 64 }, true },
		{ { 0x80, 1, 67 }, true },
		{ { 0x80, 1, 72 }, true },
		{ { 0x80, 2, 63 }, false },
		{ { 0x80, 2, 64 }, false },
		{ { 0x80, 2, 67 }, false },
		{ { 0x80, 2, 68 }, true },
		{ { 0x80, 2, 72 }, true },
		{ { 0x80, 2, 0xffff }, true },
		/* A newer one is read as the newest that is known. */
		{ { 0x80, 3, 67 }, false },
		{ { 0x80, 3, 68 }, true },
		{ { 0x80, 255, 64 }, false },
		{ { 0x80, 255, 96 }, true },
		{ { 0x80, 0, 72 }, false },
		{ { 0x81, 2, 72 }, false },
		{ { 0xb0, 2, 72 }, false },
		{ { 0x00, 2, 72 }, false },
	};
	unsigned int i, good = 0;

	for (i = 0; i < ARRAY_SIZE(tried); i++) {
		CHECK(try_header(bench, tried[i].header, tried[i].good));
		good += tried[i].good;
	}
	CHECK(bench->script.allocated == good);
	return true;
}

bool case_values(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p;
	ULONG i;

	for (i = 0; i < 32; i++) {
		p = request(bench);
		p.Flags = BIT(i);
		if (i)
			CHECK(refused(bench, bench->adapter, &p,
				      NDIS_STATUS_INVALID_PARAMETER));
		else
			CHECK(works(bench, &p));
	}
	for (i = NdisSharedMemoryUsageUndefined; i < NdisSharedMemoryUsageMax;
	     i++) {
		p = request(bench);
		p.Usage = i;
		CHECK(works(bench, &p));
	}
	p = request(bench);
	p.Usage = NdisSharedMemoryUsageMax;
	CHECK(refused(bench, bench->adapter, &p,
		      NDIS_STATUS_INVALID_PARAMETER));
	p = request(bench);
	p.Length = 0;
	CHECK(refused(bench, bench->adapter, &p,
		      NDIS_STATUS_INVALID_PARAMETER));
	/* Whole pages of it have more than 32 bits. */
	p = request(bench);
	p.Length = ~0;
	CHECK(refused(bench, bench->adapter, &p,
		      NDIS_STATUS_INVALID_PARAMETER));
	p = request(bench);
	p.QueueId = 1;
	p.VPortId = 1;
	CHECK(refused(bench, bench->adapter, &p,
		      NDIS_STATUS_INVALID_PARAMETER));
	/* Revision 1 has no port, whatever lies behind it. */
	p = request(bench);
	p.Header.Revision = NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1;
	p.VPortId = 77;
	CHECK(works(bench, &p));
	return true;
}

bool case_nodes(struct bench *bench)
{
	static const ULONG bad[] = {
		MAX_NUMNODES, S32_MAX, MM_ANY_NODE_OK + 1, 0xffffffff,
	};
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		p = request(bench);
		p.PreferredNode = bad[i];
		CHECK(refused(bench, bench->adapter, &p,
			      NDIS_STATUS_INVALID_PARAMETER));
	}
	/* Node 0 is one, and not the same as any. */
	p = request(bench);
	p.PreferredNode = first_online_node;
	CHECK(works(bench, &p));
	CHECK(bench->script.asked.PreferredNode == first_online_node);
	p = request(bench);
	CHECK(works(bench, &p));
	CHECK(bench->script.asked.PreferredNode == MM_ANY_NODE_OK);
	return true;
}

/* The provider describes four pages in three pieces. */
static bool three_pieces(struct bench *bench)
{
	ULONG room = sizeof(SCATTER_GATHER_LIST) +
		     3 * sizeof(SCATTER_GATHER_ELEMENT);
	NDIS_SHARED_MEMORY_PARAMETERS p;
	NDIS_HANDLE allocation;

	bench->script.elements = 3;
	bench->script.lengths[0] = PAGE_SIZE;
	bench->script.lengths[1] = 2 * PAGE_SIZE;
	bench->script.lengths[2] = PAGE_SIZE;

	p = request(bench);
	p.Length = 4 * PAGE_SIZE;
	p.SGListBufferLength = room - 1;
	bench->script.allocated = 0;
	bench->script.freed = 0;
	CHECK(refused(bench, bench->adapter, &p,
		      NDIS_STATUS_INVALID_PARAMETER));
	CHECK(bench->script.allocated == 1 && bench->script.freed == 1);

	p = request(bench);
	p.Length = 4 * PAGE_SIZE;
	p.SGListBufferLength = room;
	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	CHECK(bench->list->NumberOfElements == 3);
	CHECK(bench->list->Elements[1].Length == 2 * PAGE_SIZE);
	CHECK(bench->list->Elements[1].Address.QuadPart ==
	      bench->list->Elements[0].Address.QuadPart + PAGE_SIZE);
	NdisFreeSharedMemory(bench->adapter, allocation);

	/* Of three pages and a byte, the last element has that byte. */
	p = request(bench);
	p.Length = 3 * PAGE_SIZE + 1;
	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	CHECK(bench->list->Elements[2].Length == 1);
	CHECK(bench->script.asked.Length == 4 * PAGE_SIZE);
	NdisFreeSharedMemory(bench->adapter, allocation);
	bench->script.elements = 0;
	return true;
}

bool case_lists(struct bench *bench)
{
	static const ULONG short_ones[] = { 0, 1, 15, 16, 39 };
	static const ULONG preset[] = { 0, 1, 77, 0xffffffff };
	NDIS_SHARED_MEMORY_PARAMETERS p;
	NDIS_HANDLE allocation;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(short_ones); i++) {
		p = request(bench);
		p.SGListBufferLength = short_ones[i];
		CHECK(refused(bench, bench->adapter, &p,
			      NDIS_STATUS_INVALID_PARAMETER));
	}
	/* It was seen before the provider was asked. */
	CHECK(!bench->script.allocated);

	/* One element is enough for any length, if it is one piece. */
	p = request(bench);
	p.Length = 16 * PAGE_SIZE;
	p.SGListBufferLength = sizeof(SCATTER_GATHER_LIST) +
			       sizeof(SCATTER_GATHER_ELEMENT);
	CHECK(works(bench, &p));
	/* What it says before means nothing. */
	for (i = 0; i < ARRAY_SIZE(preset); i++) {
		p = request(bench);
		bench->list->NumberOfElements = preset[i];
		CHECK(allocates(bench, bench->adapter, &p, &allocation));
		CHECK(bench->list->NumberOfElements == 1);
		NdisFreeSharedMemory(bench->adapter, allocation);
	}

	p = request(bench);
	p.SGListBuffer = NULL;
	CHECK(refused(bench, bench->adapter, &p,
		      NDIS_STATUS_INVALID_PARAMETER));
	p.SGListBufferLength = 0;
	CHECK(works(bench, &p));
	return three_pieces(bench);
}

/* Memory for no device: of a node, and not of the adapter's provider. */
bool case_driver_handle(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NDIS_HANDLE any, node;

	CHECK(allocates(bench, bench->driver, &p, &any));
	p = request(bench);
	p.PreferredNode = first_online_node;
	CHECK(allocates(bench, bench->driver, &p, &node));
	CHECK(!bench->script.allocated);
	NdisFreeSharedMemory(bench->driver, any);
	NdisFreeSharedMemory(bench->driver, node);

	/* Until the driver is the provider itself. */
	CHECK(script_register(bench->driver, &bench->script) ==
	      NDIS_STATUS_SUCCESS);
	p = request(bench);
	CHECK(allocates(bench, bench->driver, &p, &any));
	NdisFreeSharedMemory(bench->driver, any);
	CHECK(bench->script.allocated == 1);
	return true;
}

/*
 * Queues and ports, which only native calls make
 */

static DECLARE_COMPLETION(freed);

static void note_freed(void *context, u32 id)
{
	complete(&freed);
}

static const struct ndshm_queue_ops queue_ops = { .freed = note_freed };

/* Asks for a queue's, or a port's, and gives it back. */
static bool asks(struct bench *bench, u32 queue, u32 vport, NDIS_STATUS status)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	unsigned int before = bench->script.allocated;

	p.QueueId = queue;
	p.VPortId = vport;
	if (status != NDIS_STATUS_SUCCESS) {
		CHECK(refused(bench, bench->adapter, &p, status));
		CHECK(bench->script.allocated == before);
		return true;
	}
	CHECK(works(bench, &p));
	CHECK(bench->script.allocated == before + 1);
	CHECK(bench->script.asked.QueueId == queue);
	CHECK(bench->script.asked.VPortId == vport);
	return true;
}

static bool queue_states(struct bench *bench, struct ndshm_adapter *adapter)
{
	u32 queue;

	reinit_completion(&freed);
	CHECK(asks(bench, 12345, 0, NDIS_STATUS_INVALID_PARAMETER));
	CHECK(ndshm_queue_allocate(adapter, &queue_ops, NULL, &queue) ==
	      NDSHM_REASON_NONE);
	CHECK(asks(bench, queue, 0, NDIS_STATUS_SUCCESS));
	CHECK(asks(bench, queue, queue, NDIS_STATUS_INVALID_PARAMETER));
	/* It is one, but it does not get memory any more. */
	CHECK(ndshm_queue_free(adapter, queue) == NDSHM_REASON_NONE);
	CHECK(asks(bench, queue, 0, NDIS_STATUS_FAILURE));
	CHECK(ndshm_queue_dma_stopped(adapter, queue) == NDSHM_REASON_NONE);
	wait_for_completion(&freed);
	CHECK(asks(bench, queue, 0, NDIS_STATUS_INVALID_PARAMETER));
	return true;
}

static bool vport_states(struct bench *bench, struct ndshm_adapter *adapter)
{
	u32 vport;

	reinit_completion(&freed);
	CHECK(asks(bench, 0, 12345, NDIS_STATUS_INVALID_PARAMETER));
	CHECK(ndshm_vport_create(adapter, &queue_ops, NULL, &vport) ==
	      NDSHM_REASON_NONE);
	/* Not yet. */
	CHECK(asks(bench, 0, vport, NDIS_STATUS_FAILURE));
	CHECK(ndshm_vport_activate(adapter, vport) == NDSHM_REASON_NONE);
	CHECK(asks(bench, 0, vport, NDIS_STATUS_SUCCESS));
	CHECK(ndshm_vport_delete(adapter, vport) == NDSHM_REASON_NONE);
	wait_for_completion(&freed);
	CHECK(asks(bench, 0, vport, NDIS_STATUS_INVALID_PARAMETER));
	return true;
}

bool case_queues(struct bench *bench)
{
	struct ndshm_adapter *adapter = ndshm_adapter_find("ndis-cases");
	bool passed;

	CHECK(adapter);
	passed = queue_states(bench, adapter) && vport_states(bench, adapter);
	ndshm_adapter_put(adapter);
	return passed;
}

/* Whoever supplies the machine: what somebody left in memory, nobody else sees. */
bool case_zeroed(struct bench *bench)
{
	static const ULONG lengths[] = { PAGE_SIZE, 16 * PAGE_SIZE };
	NDIS_SHARED_MEMORY_PARAMETERS p;
	NDIS_HANDLE allocation;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		p = request(bench);
		p.Length = lengths[i % ARRAY_SIZE(lengths)];
		p.Flags = NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS;
		CHECK(NdisAllocateSharedMemory(bench->driver, &p,
					       &allocation) ==
		      NDIS_STATUS_SUCCESS);
		CHECK(!memchr_inv(p.VirtualAddress, 0, p.Length));
		RtlFillMemory(p.VirtualAddress, p.Length, POISON);
		NdisFreeSharedMemory(bench->driver, allocation);
	}
	return true;
}
