// SPDX-License-Identifier: GPL-2.0
/*
 * Arguments, replies and registration of a provider.
 */
#include <linux/dma-mapping.h>
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/numa.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <ndshm/adapter.h>
#include <ndshm/block.h>

#include "../native.h"
#include "cases.h"

static bool answers(struct bench *bench, NDIS_STATUS given, NDIS_STATUS expected)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	unsigned int before = bench->script.refused;

	bench->script.status = given;
	CHECK(refused(bench, bench->adapter, &p, expected));
	CHECK(bench->script.refused == before + 1);
	CHECK(!bench->script.freed);
	bench->script.status = NDIS_STATUS_SUCCESS;
	return true;
}

bool ndis_statuses(struct bench *bench)
{
	static const NDIS_STATUS documented[] = {
		NDIS_STATUS_RESOURCES, NDIS_STATUS_INVALID_PARAMETER,
		NDIS_STATUS_FAILURE,
	};
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(documented); i++)
		CHECK(answers(bench, documented[i], documented[i]));
	p = request(bench);
	CHECK(works(bench, &p));
	CHECK(bench->script.allocated == 1 && bench->script.freed == 1);
	return true;
}

/* Undocumented statuses become FAILURE, and nothing is freed. */
bool own_statuses(struct bench *bench)
{
	static const NDIS_STATUS others[] = {
		NDIS_STATUS_PENDING, NDIS_STATUS_NOT_ACCEPTED,
		NDIS_STATUS_BUFFER_OVERFLOW, NDIS_STATUS_BUSY,
		NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_BUFFER_TOO_SHORT,
		NDIS_STATUS_ADAPTER_REMOVED, NDIS_STATUS_CLOSING, 1, -1,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++)
		CHECK(answers(bench, others[i], NDIS_STATUS_FAILURE));
	CHECK(!bench->script.allocated);
	return true;
}

static bool callers_context(struct bench *bench, ULONG length)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NDIS_HANDLE allocation;

	p.Length = length;
	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	CHECK(bench->script.caller == current);
	bench->script.caller = NULL;
	NdisFreeSharedMemory(bench->adapter, allocation);
	CHECK(bench->script.freed == bench->script.allocated);
	CHECK(bench->script.caller == current);
	return true;
}

/* Handlers run in the task of the caller. */
bool ndis_callers_context(struct bench *bench)
{
	return callers_context(bench, PAGE_SIZE) && callers_context(bench, SZ_4M);
}

/* NULL is a valid context. */
bool ndis_null_context(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	struct script *script = &bench->script;

	script->contextless = true;
	script->returned = bench;
	CHECK(works(bench, &p));
	CHECK(script->allocated == 1 && script->freed == 1);
	CHECK(!script->context && !script->returned);
	script->contextless = false;
	return true;
}

/* Let the provider reply with invalid memory: the allocation fails, and it is freed once. */
static bool bad_reply(struct bench *bench, ULONG length, ULONG flags)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	unsigned int before = bench->script.allocated;

	p.Length = length;
	p.Flags = flags;
	CHECK(refused(bench, bench->adapter, &p, NDIS_STATUS_FAILURE));
	CHECK(bench->script.allocated == before + 1);
	CHECK(bench->script.freed == before + 1);
	bench->script.elements = 0;
	bench->script.overlap = false;
	bench->script.no_kernel_mapping = false;
	return true;
}

bool own_bad_reply(struct bench *bench)
{
	struct script *script = &bench->script;

	script->lengths[0] = PAGE_SIZE;
	script->lengths[1] = PAGE_SIZE;

	/* More elements than the list has room for, up to the maximum. */
	script->elements = 1000;
	CHECK(bad_reply(bench, PAGE_SIZE, 0));
	script->elements = 0xffffffff;
	CHECK(bad_reply(bench, PAGE_SIZE, 0));
	/* Elements that together are shorter than the block. */
	script->elements = 1;
	CHECK(bad_reply(bench, 2 * PAGE_SIZE, 0));
	script->elements = 1;
	CHECK(bad_reply(bench, PAGE_SIZE + 1, 0));
	script->elements = 1;
	script->lengths[0] = PAGE_SIZE - 8;
	CHECK(bad_reply(bench, PAGE_SIZE, 0));
	script->lengths[0] = PAGE_SIZE;
	/* Elements that overlap. */
	script->elements = 2;
	script->overlap = true;
	CHECK(bad_reply(bench, 2 * PAGE_SIZE, 0));
	/* Two elements although CONTIGUOUS is set. */
	script->elements = 2;
	CHECK(bad_reply(bench, 2 * PAGE_SIZE,
			NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS));
	/* An empty element. */
	script->lengths[0] = 0;
	script->elements = 2;
	CHECK(bad_reply(bench, PAGE_SIZE * 2, 0));
	/* Elements that are not whole pages, besides the last. */
	script->lengths[0] = PAGE_SIZE / 2;
	script->lengths[1] = PAGE_SIZE / 2;
	script->elements = 2;
	CHECK(bad_reply(bench, 2 * PAGE_SIZE, 0));
	/* Also if each begins with a page, and they are long enough. */
	script->lengths[1] = PAGE_SIZE;
	script->elements = 2;
	script->backwards = true;
	CHECK(bad_reply(bench, PAGE_SIZE / 2 + PAGE_SIZE, 0));
	script->backwards = false;
	/* Memory without a kernel address. */
	script->no_kernel_mapping = true;
	CHECK(bad_reply(bench, PAGE_SIZE, 0));
	return true;
}

/* Parameters have a header of the caller's revision. */
bool ndis_handler_sees(struct bench *bench)
{
	const NDIS_SHARED_MEMORY_PARAMETERS *requested = &bench->script.requested;
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);

	p.Usage = NdisSharedMemoryUsageXmitHeader;
	p.Length = 3 * PAGE_SIZE;
	CHECK(works(bench, &p));
	CHECK(requested->Header.Type == NDIS_OBJECT_TYPE_DEFAULT);
	CHECK(requested->Header.Revision == 2 && requested->Header.Size == 68);
	CHECK(!requested->Flags && !requested->QueueId && !requested->VPortId);
	CHECK(requested->PreferredNode == MM_ANY_NODE_OK);
	CHECK(requested->Usage == NdisSharedMemoryUsageXmitHeader);
	CHECK(requested->Length == 3 * PAGE_SIZE);
	CHECK(requested->SGListBuffer);

	/* Revision 1 has no VPortId, so the handler must not see the caller's. */
	p = request(bench);
	p.Header.Revision = 1;
	p.Header.Size = 64;
	p.VPortId = 9;
	p.Flags = NDIS_SHARED_MEM_PARAMETERS_CONTIGOUS;
	CHECK(works(bench, &p));
	CHECK(requested->Header.Type == NDIS_OBJECT_TYPE_DEFAULT);
	CHECK(requested->Header.Revision == 1 && requested->Header.Size == 64);
	CHECK(requested->Flags == NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS);
	CHECK(!requested->VPortId);
	return true;
}

/*
 * The list is ndshm's, with one element for each page, or one if contiguous; the caller's
 * pointers are not passed on.
 */
bool own_handler_sees(struct bench *bench)
{
	const NDIS_SHARED_MEMORY_PARAMETERS *requested = &bench->script.requested;
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);

	p.Length = 3 * PAGE_SIZE;
	CHECK(works(bench, &p));
	CHECK(!requested->SharedMemoryHandle && !requested->VirtualAddress);
	CHECK(requested->SGListBuffer && requested->SGListBuffer != bench->list);
	CHECK(bench->script.capacity == 3);
	CHECK(requested->SGListBufferLength == 16 + 3 * 24);
	p = request(bench);
	p.Length = 3 * PAGE_SIZE + 1;
	CHECK(works(bench, &p));
	CHECK(bench->script.capacity == 4);

	p = request(bench);
	p.Flags = NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS;
	p.Length = 5000;
	CHECK(works(bench, &p));
	CHECK(requested->Length == 5000);
	CHECK(bench->script.capacity == 1);
	CHECK(requested->SGListBufferLength == 16 + 24);
	return true;
}

static bool registers(struct bench *bench, NDIS_OBJECT_HEADER header, bool good)
{
	NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS c =
		script_handlers(&bench->script);
	size_t have = clamp_t(size_t, header.Size, sizeof(header), sizeof(c));
	PNDIS_DRIVER_OPTIONAL_HANDLERS copy;
	NDIS_STATUS status;

	/* Without padding, so that KASAN detects reading beyond the size. */
	c.Header = header;
	copy = kmemdup(&c, have, GFP_KERNEL);
	CHECK(copy);
	status = NdisSetOptionalHandlers(bench->adapter, copy);
	kfree(copy);
	if (!status != good)
		pr_err("type %#x revision %u size %u: status %#x\n",
		       header.Type, header.Revision, header.Size, status);
	CHECK(status == (good ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE));
	return true;
}

bool ndis_characteristics(struct bench *bench)
{
	static const struct {
		NDIS_OBJECT_HEADER header;
		bool good;
	} tried[] = {
		{ { 0xb0, 1, 0 }, false },
		{ { 0xb0, 1, 4 }, false },
		{ { 0xb0, 1, 31 }, false },
		{ { 0xb0, 1, 32 }, true },
		{ { 0xb0, 1, 33 }, true },
		{ { 0xb0, 2, 31 }, false },
		{ { 0xb0, 2, 32 }, true },
		{ { 0xb0, 255, 0xffff }, true },
		{ { 0xb0, 0, 32 }, false },
		{ { 0x80, 1, 32 }, false },
		{ { 0x00, 1, 32 }, false },
	};
	NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS c =
		script_handlers(&bench->script);
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tried); i++)
		CHECK(registers(bench, tried[i].header, tried[i].good));
	/* All flags are accepted. */
	c.Flags = NDIS_SHARED_MEMORY_PROVIDER_CHAR_SUPPORTS_PF_VPORTS;
	CHECK(NdisSetOptionalHandlers(bench->adapter, (void *)&c) ==
	      NDIS_STATUS_SUCCESS);
	/* A failed registration changes nothing. */
	p = request(bench);
	CHECK(works(bench, &p));
	CHECK(bench->script.allocated == 1);
	return true;
}

bool own_characteristics(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS c;
	PNDIS_DRIVER_OPTIONAL_HANDLERS handlers = (void *)&c;
	NDIS_SHARED_MEMORY_PARAMETERS p;

	c = script_handlers(&bench->script);
	c.AllocateSharedMemoryHandler = NULL;
	CHECK(NdisSetOptionalHandlers(bench->adapter, handlers) ==
	      NDIS_STATUS_FAILURE);
	c = script_handlers(&bench->script);
	c.FreeSharedMemoryHandler = NULL;
	CHECK(NdisSetOptionalHandlers(bench->adapter, handlers) ==
	      NDIS_STATUS_FAILURE);
	/* Flags that NDIS does not define are accepted. */
	c = script_handlers(&bench->script);
	c.Flags = ~0;
	CHECK(NdisSetOptionalHandlers(bench->adapter, handlers) ==
	      NDIS_STATUS_SUCCESS);
	CHECK(NdisSetOptionalHandlers(bench->adapter, NULL) ==
	      NDIS_STATUS_FAILURE);
	CHECK(NdisSetOptionalHandlers(NULL, handlers) == NDIS_STATUS_FAILURE);
	/* Whether clients are served cannot change any more. */
	CHECK(ndshm_ndis_serve_clients(bench->adapter) == -EBUSY);
	CHECK(ndshm_ndis_serve_clients(NULL) == -EINVAL);
	p = request(bench);
	CHECK(works(bench, &p));
	CHECK(bench->script.allocated == 1);
	return true;
}

/* A second registration replaces the handlers. */
bool ndis_again(struct bench *bench)
{
	struct script scripts[] = { { .number = 1 }, { .number = 2 } };
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(scripts); i++) {
		CHECK(script_register(bench->adapter, &scripts[i]) ==
		      NDIS_STATUS_SUCCESS);
		p = request(bench);
		CHECK(works(bench, &p));
		CHECK(scripts[i].allocated == 1 && scripts[i].freed == 1);
	}
	CHECK(scripts[0].allocated == 1 && !bench->script.allocated);
	return true;
}

/* A block is freed by the handlers that allocated it, also after a replacement. */
bool own_again(struct bench *bench)
{
	struct script scripts[] = {
		{ .number = 1 }, { .number = 2 }, { .number = 3 },
	};
	NDIS_HANDLE allocations[ARRAY_SIZE(scripts)];
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i, round;

	for (round = 0; round < 100; round++) {
		for (i = 0; i < ARRAY_SIZE(scripts); i++) {
			CHECK(script_register(bench->adapter, &scripts[i]) ==
			      NDIS_STATUS_SUCCESS);
			p = request(bench);
			CHECK(allocates(bench, bench->adapter, &p,
					&allocations[i]));
			CHECK(scripts[i].allocated == round + 1);
		}
		for (i = 0; i < ARRAY_SIZE(scripts); i++) {
			CHECK(scripts[i].freed == round);
			NdisFreeSharedMemory(bench->adapter, allocations[i]);
			CHECK(scripts[i].freed == round + 1);
			CHECK(!scripts[i].wrong);
		}
	}
	return true;
}

/* One provider for each scope: the adapter's, and the machine's for all others. */
bool own_scopes(struct bench *bench)
{
	struct script script = { .number = 1 };
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NDIS_HANDLE other;

	CHECK(script_register(bench->driver, &script) == NDIS_STATUS_SUCCESS);
	CHECK(works(bench, &p));
	CHECK(bench->script.allocated == 1 && !script.allocated);
	/* The machine's scope has a provider: no other one can be registered. */
	CHECK(!ndshm_ndis_open(THIS_MODULE, "ndis-other", NULL, &other));
	CHECK(script_register(other, &bench->script) == NDIS_STATUS_FAILURE);
	CHECK(!ndshm_ndis_close(other));
	/* The failed registration changed nothing. */
	p = request(bench);
	CHECK(allocates(bench, bench->driver, &p, &other));
	NdisFreeSharedMemory(bench->driver, other);
	CHECK(script.allocated == 1 && script.freed == 1 && !script.wrong);
	return true;
}

/* Memory out of the device's reach is refused and freed. */
bool own_reach(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);

	/*
	 * The page allocator does not return such low memory without GFP_DMA, and some machines
	 * have none, for which dma_set_mask() fails.
	 */
	*bench->device->dma_mask = DMA_BIT_MASK(24);
	CHECK(refused(bench, bench->adapter, &p, NDIS_STATUS_RESOURCES));
	CHECK(bench->script.allocated == 1 && bench->script.freed == 1);
	CHECK(!dma_set_mask(bench->device, DMA_BIT_MASK(64)));
	p = request(bench);
	CHECK(works(bench, &p));
	return true;
}

/*
 * The first chunk is mapped before the second one, out of reach, fails. Repeated, so that
 * CONFIG_DMA_API_DEBUG shows mappings that leak.
 */
bool own_half_mapped(struct bench *bench)
{
	struct script *script = &bench->script;
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;

	script->elements = 2;
	script->lengths[0] = PAGE_SIZE;
	script->lengths[1] = PAGE_SIZE;
	script->beyond = true;
	CHECK(!dma_set_mask(bench->device, DMA_BIT_MASK(37)));
	for (i = 0; i < 1000; i++) {
		p = request(bench);
		p.Length = 2 * PAGE_SIZE;
		CHECK(refused(bench, bench->adapter, &p,
			      NDIS_STATUS_RESOURCES));
	}
	CHECK(script->allocated == i && script->freed == i);
	script->beyond = false;
	p = request(bench);
	p.Length = 2 * PAGE_SIZE;
	CHECK(works(bench, &p));
	script->elements = 0;
	return true;
}

/* A list longer than requested is truncated. */
bool own_longer(struct bench *bench)
{
	struct script *script = &bench->script;
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	struct ndshm_parameters native = {
		.header = NDSHM_PARAMETERS_HEADER,
		.preferred_node = NUMA_NO_NODE,
		.usage = NDSHM_USAGE_OTHER,
		.length = 2 * PAGE_SIZE,
	};
	struct ndshm_block *block;
	ndshm_reason_t reason;
	u64 first, second;
	u32 count;

	/*
	 * The handler's memory has the requested length; the rest must not be accessed.
	 */
	script->elements = 2;
	script->lengths[0] = PAGE_SIZE;
	script->lengths[1] = 3 * PAGE_SIZE;
	p.Length = 2 * PAGE_SIZE;
	CHECK(works(bench, &p));
	native.adapter = ndshm_adapter_find(bench->name);
	CHECK(native.adapter);
	reason = check_allocate(&native, &block);
	ndshm_adapter_put(native.adapter);
	CHECK(reason == NDSHM_REASON_NONE);
	first = ndshm_block_segments(block, &count)[0].length;
	second = ndshm_block_segments(block, &count)[count - 1].length;
	ndshm_free(block);
	CHECK(count == 2);
	CHECK(first == PAGE_SIZE && second == PAGE_SIZE);
	/* An element that is not needed at all. */
	script->lengths[0] = 2 * PAGE_SIZE;
	p = request(bench);
	p.Length = 2 * PAGE_SIZE;
	CHECK(works(bench, &p));
	script->elements = 0;
	return true;
}
