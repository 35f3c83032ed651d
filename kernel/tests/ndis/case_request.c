// SPDX-License-Identifier: GPL-2.0
/* Parameters of NdisAllocateSharedMemory(), valid and invalid. */
#include <linux/bits.h>
#include <linux/limits.h>
#include <linux/nodemask.h>

#include "../../adapter/adapter.h"
#include "cases.h"

/* Headers of parameters. A revision above the newest known is read as the newest known. */
static const struct header_row rows[] = {
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
	{ { 0x80, 3, 67 }, false },
	{ { 0x80, 3, 68 }, true },
	{ { 0x80, 255, 64 }, false },
	{ { 0x80, 255, 96 }, true },
	{ { 0x80, 0, 72 }, false },
	{ { 0x81, 2, 72 }, false },
	{ { 0xb0, 2, 72 }, false },
	{ { 0x00, 2, 72 }, false },
};

static NDIS_STATUS allocate_copy(struct bench *bench, void *copy)
{
	NDIS_SHARED_MEMORY_PARAMETERS *p = copy;
	NDIS_HANDLE allocation = bench;
	NDIS_STATUS status = NdisAllocateSharedMemory(bench->adapter, p, &allocation);

	if (status != NDIS_STATUS_SUCCESS)
		return allocation ? NDIS_STATUS_INVALID_STATE : status;
	if (!p->SharedMemoryHandle || !p->VirtualAddress || bench->list->NumberOfElements != 1)
		status = NDIS_STATUS_INVALID_STATE;
	NdisFreeSharedMemory(bench->adapter, allocation);
	return status;
}

bool ndis_headers(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);

	return takes_headers(bench, rows, ARRAY_SIZE(rows), &p, sizeof(p), allocate_copy,
			     NDIS_STATUS_INVALID_PARAMETER);
}

/* With an invalid header only the allocation handle is written. */
bool own_headers(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].good)
			continue;
		p = request(bench);
		p.Header = rows[i].header;
		CHECK(refused_unread(bench, &p));
	}
	CHECK(!bench->script.allocated);
	return true;
}

/* Every valid flag and usage. */
bool ndis_values(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p;

	CHECK_WORKS(bench, Flags, 0, NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS,
		    NDIS_SHARED_MEM_PARAMETERS_CONTIGOUS);
	CHECK_WORKS(bench, Usage, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
	return true;
}

bool own_flags(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;

	for (i = 1; i < 32; i++) {
		p = request(bench);
		p.Flags = BIT(i) | NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS;
		CHECK(refused(bench, bench->adapter, &p, NDIS_STATUS_INVALID_PARAMETER));
	}
	CHECK(!bench->script.allocated);
	return true;
}

bool own_usages(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p;

	CHECK_REFUSED(bench, bench->adapter, Usage, NdisSharedMemoryUsageMax,
		      NdisSharedMemoryUsageMax + 1, S32_MAX, 0xffffffff);
	CHECK_WORKS(bench, Usage, NdisSharedMemoryUsageUndefined);
	return true;
}

/* Zero, and lengths that exceed 32 bits in whole pages, also for a provider that is native. */
bool own_lengths(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p;

	CHECK_REFUSED(bench, bench->adapter, Length, 0, 0xffffffff, (ULONG)-PAGE_SIZE + 1);
	CHECK_REFUSED(bench, bench->driver, Length, 0, 0xffffffff, (ULONG)-PAGE_SIZE + 1);
	/* The provider gets the requested length, and so does the list. */
	CHECK_WORKS(bench, Length, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1);
	return true;
}

/* Node 0 is a valid preference, different from MM_ANY_NODE_OK. */
bool ndis_nodes(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p;

	CHECK_WORKS(bench, PreferredNode, 0, MM_ANY_NODE_OK);
	return true;
}

bool own_nodes(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p;

	CHECK_REFUSED(bench, bench->adapter, PreferredNode, MAX_NUMNODES, S32_MAX,
		      MM_ANY_NODE_OK + 1, 0xffffffff);
	return true;
}

/* A driver's handle also allocates and provides. */
bool ndis_driver_handle(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);

	CHECK(works_for(bench, bench->driver, &p));
	CHECK(!bench->script.allocated);
	CHECK_STATUS(SUCCESS, script_register(bench->driver, &bench->script));
	p = request(bench);
	CHECK(works_for(bench, bench->driver, &p));
	CHECK(bench->script.allocated == 1 && bench->script.freed == 1);
	return true;
}

static unsigned int node_references(void)
{
	struct ndshm_adapter *adapter = ndshm_adapter_find("node0");
	unsigned int references;

	if (!adapter)
		return 0;
	references = refcount_read(&adapter->entry.references);
	ndshm_adapter_put(adapter);
	return references;
}

/* A handle without a device gets memory of a NUMA node, not from the provider of the adapter. */
bool own_driver_handle(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	unsigned int references = node_references();

	/* The reference to the node's adapter ends with the call, also if that fails. */
	p.PreferredNode = 0;
	CHECK(works_for(bench, bench->driver, &p));
	p = request(bench);
	p.PreferredNode = 0;
	p.Usage = NdisSharedMemoryUsageMax;
	CHECK(refused(bench, bench->driver, &p, NDIS_STATUS_INVALID_PARAMETER));
	CHECK(node_references() == references);
	p = request(bench);
	CHECK(works_for(bench, bench->driver, &p));
	CHECK(!bench->script.allocated);
	return true;
}

/* Allocate memory, which must read as zero, and fill it. Return: its address, or NULL. */
static void *filled(struct bench *bench, ULONG length, u8 value,
		    NDIS_HANDLE *allocation)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);

	p.Length = length;
	p.Flags = NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS;
	if (NdisAllocateSharedMemory(bench->driver, &p, allocation) !=
	    NDIS_STATUS_SUCCESS)
		return NULL;
	if (memchr_inv(p.VirtualAddress, 0, length)) {
		NdisFreeSharedMemory(bench->driver, *allocation);
		return NULL;
	}
	RtlFillMemory(p.VirtualAddress, length, value);
	return p.VirtualAddress;
}

/*
 * Memory must read as zero, and no other block may have it, whichever provider serves the
 * machine.
 */
bool own_zeroed(struct bench *bench)
{
	static const ULONG lengths[] = { PAGE_SIZE, 16 * PAGE_SIZE, 1, PAGE_SIZE + 1 };
	NDIS_HANDLE allocations[2];
	void *one, *other;
	unsigned int i;
	bool whole;

	for (i = 0; i < 3 * ARRAY_SIZE(lengths); i++) {
		ULONG length = lengths[i % ARRAY_SIZE(lengths)];

		one = filled(bench, length, POISON, &allocations[0]);
		CHECK(one);
		other = filled(bench, length, 1, &allocations[1]);
		whole = !memchr_inv(one, POISON, length);
		if (other)
			NdisFreeSharedMemory(bench->driver, allocations[1]);
		NdisFreeSharedMemory(bench->driver, allocations[0]);
		CHECK(other && whole);
	}
	return true;
}
