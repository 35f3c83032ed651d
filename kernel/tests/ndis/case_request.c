// SPDX-License-Identifier: GPL-2.0
/* Parameters of NdisAllocateSharedMemory(), valid and invalid. */
#include <linux/bits.h>
#include <linux/limits.h>
#include <linux/nodemask.h>
#include <linux/slab.h>

#include "../../adapter/adapter.h"
#include "cases.h"

/*
 * Allocate only as many bytes as the size says, so that KASAN detects reading beyond; at
 * least a header.
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
		CHECK(status == NDIS_STATUS_INVALID_PARAMETER);
		CHECK(!allocation);
	}
	kfree(p);
	return true;
}

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
	/* A revision above the newest known is read as the newest known. */
	{ { 0x80, 3, 67 }, false },
	{ { 0x80, 3, 68 }, true },
	{ { 0x80, 255, 64 }, false },
	{ { 0x80, 255, 96 }, true },
	{ { 0x80, 0, 72 }, false },
	{ { 0x81, 2, 72 }, false },
	{ { 0xb0, 2, 72 }, false },
	{ { 0x00, 2, 72 }, false },
};

bool ndis_headers(struct bench *bench)
{
	unsigned int i, good = 0;

	for (i = 0; i < ARRAY_SIZE(tried); i++) {
		CHECK(try_header(bench, tried[i].header, tried[i].good));
		good += tried[i].good;
	}
	CHECK(bench->script.allocated == good);
	return true;
}

/* With an invalid header only the allocation handle is written. */
bool own_headers(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tried); i++) {
		if (tried[i].good)
			continue;
		p = request(bench);
		p.Header = tried[i].header;
		CHECK(refused_unread(bench, &p));
	}
	CHECK(!bench->script.allocated);
	return true;
}

/* Revision 1 has no port: the member must not be read. */
bool ndis_revision_1(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);

	p.Header.Revision = NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1;
	p.Header.Size = NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1;
	p.QueueId = NDIS_DEFAULT_RECEIVE_QUEUE_ID;
	p.VPortId = 77;
	CHECK(works(bench, &p));
	CHECK(bench->script.allocated == 1);
	return true;
}

/* Every valid flag and usage. */
bool ndis_values(struct bench *bench)
{
	static const ULONG flags[] = {
		0, NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS,
		NDIS_SHARED_MEM_PARAMETERS_CONTIGOUS,
	};
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;
	ULONG usage;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		p = request(bench);
		p.Flags = flags[i];
		CHECK(works(bench, &p));
		CHECK(bench->script.requested.Flags == flags[i]);
	}
	for (usage = NdisSharedMemoryUsageUndefined;
	     usage < NdisSharedMemoryUsageMax; usage++) {
		p = request(bench);
		p.Usage = usage;
		CHECK(works(bench, &p));
		CHECK(bench->script.requested.Usage == usage);
	}
	return true;
}

bool own_flags(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;

	for (i = 1; i < 32; i++) {
		p = request(bench);
		p.Flags = BIT(i) | NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS;
		CHECK(refused(bench, bench->adapter, &p,
			      NDIS_STATUS_INVALID_PARAMETER));
	}
	CHECK(!bench->script.allocated);
	return true;
}

bool own_usages(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p;

	CHECK_REFUSED(bench, bench->adapter, Usage, NdisSharedMemoryUsageMax,
		      NdisSharedMemoryUsageMax + 1, S32_MAX, 0xffffffff);
	p = request(bench);
	p.Usage = NdisSharedMemoryUsageUndefined;
	CHECK(works(bench, &p));
	return true;
}

bool own_lengths(struct bench *bench)
{
	static const ULONG good[] = {
		1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1,
	};
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;

	/* Zero, and lengths that exceed 32 bits in whole pages. */
	CHECK_REFUSED(bench, bench->adapter, Length, 0, 0xffffffff, (ULONG)-PAGE_SIZE + 1);
	/* The provider gets the requested length, and so does the list. */
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		p = request(bench);
		p.Length = good[i];
		CHECK(works(bench, &p));
		CHECK(bench->script.requested.Length == good[i]);
	}
	return true;
}

bool own_queue_xor_port(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);

	p.QueueId = 1;
	p.VPortId = 1;
	CHECK(refused(bench, bench->adapter, &p,
		      NDIS_STATUS_INVALID_PARAMETER));
	CHECK(!bench->script.allocated);
	return true;
}

/*
 * Failures before the provider is called, by its reply, and because of an invalid reply.
 */
bool own_failures(struct bench *bench)
{
	struct script *script = &bench->script;
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);

	p.Length = 0;
	CHECK(refused(bench, bench->adapter, &p,
		      NDIS_STATUS_INVALID_PARAMETER));
	p = request(bench);
	script->status = NDIS_STATUS_RESOURCES;
	CHECK(refused(bench, bench->adapter, &p, NDIS_STATUS_RESOURCES));
	script->status = NDIS_STATUS_SUCCESS;
	p = request(bench);
	script->no_kernel_mapping = true;
	CHECK(refused(bench, bench->adapter, &p, NDIS_STATUS_FAILURE));
	script->no_kernel_mapping = false;
	CHECK(script->allocated == 1 && script->freed == 1);
	return true;
}

/* Node 0 is a valid preference, different from MM_ANY_NODE_OK. */
bool ndis_nodes(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);

	p.PreferredNode = first_online_node;
	CHECK(works(bench, &p));
	CHECK(bench->script.requested.PreferredNode == first_online_node);
	p = request(bench);
	CHECK(works(bench, &p));
	CHECK(bench->script.requested.PreferredNode == MM_ANY_NODE_OK);
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
	NDIS_HANDLE allocation;

	CHECK(allocates(bench, bench->driver, &p, &allocation));
	NdisFreeSharedMemory(bench->driver, allocation);
	CHECK(!bench->script.allocated);

	CHECK(script_register(bench->driver, &bench->script) ==
	      NDIS_STATUS_SUCCESS);
	p = request(bench);
	CHECK(allocates(bench, bench->driver, &p, &allocation));
	CHECK(bench->script.allocated == 1);
	NdisFreeSharedMemory(bench->driver, allocation);
	CHECK(bench->script.freed == 1);
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
	NDIS_HANDLE any, node;

	/* The reference to the node's adapter ends with the call, also if that fails. */
	p.PreferredNode = 0;
	CHECK(works_for(bench, bench->driver, &p));
	p = request(bench);
	p.PreferredNode = 0;
	p.Usage = NdisSharedMemoryUsageMax;
	CHECK(refused(bench, bench->driver, &p, NDIS_STATUS_INVALID_PARAMETER));
	CHECK(node_references() == references);
	p = request(bench);
	CHECK(allocates(bench, bench->driver, &p, &any));
	p = request(bench);
	p.PreferredNode = first_online_node;
	CHECK(allocates(bench, bench->driver, &p, &node));
	CHECK(!bench->script.allocated);
	NdisFreeSharedMemory(bench->driver, any);
	NdisFreeSharedMemory(bench->driver, node);
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
	static const ULONG lengths[] = {
		PAGE_SIZE, 16 * PAGE_SIZE, 1, PAGE_SIZE + 1,
	};
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
