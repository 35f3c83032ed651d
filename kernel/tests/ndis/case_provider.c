// SPDX-License-Identifier: GPL-2.0
/*
 * Arguments, replies and registration of a provider.
 */
#include <linux/dma-mapping.h>
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/string.h>

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
	NDIS_SHARED_MEMORY_PARAMETERS p;

	CHECK(answers(bench, NDIS_STATUS_RESOURCES, NDIS_STATUS_RESOURCES));
	CHECK(answers(bench, NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_INVALID_PARAMETER));
	CHECK(answers(bench, NDIS_STATUS_FAILURE, NDIS_STATUS_FAILURE));
	p = request(bench);
	CHECK(works(bench, &p));
	CHECK(bench->script.allocated == 1 && bench->script.freed == 1);
	return true;
}

/* Undocumented statuses become FAILURE, and nothing is freed. */
bool own_statuses(struct bench *bench)
{
	static const NDIS_STATUS others[] = {
		NDIS_STATUS_PENDING, NDIS_STATUS_NOT_ACCEPTED, NDIS_STATUS_BUFFER_OVERFLOW,
		NDIS_STATUS_BUSY, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_BUFFER_TOO_SHORT,
		NDIS_STATUS_ADAPTER_REMOVED, NDIS_STATUS_CLOSING, 1, -1,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(others); i++)
		CHECK(answers(bench, others[i], NDIS_STATUS_FAILURE));
	CHECK(!bench->script.allocated);
	return true;
}

/* Handlers run in the task of the caller. */
bool ndis_callers_context(struct bench *bench)
{
	static const ULONG lengths[] = { PAGE_SIZE, SZ_4M };
	NDIS_SHARED_MEMORY_PARAMETERS p;
	NDIS_HANDLE allocation;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		p = request(bench);
		p.Length = lengths[i];
		CHECK(allocates(bench, bench->adapter, &p, &allocation));
		CHECK(bench->script.caller == current);
		bench->script.caller = NULL;
		NdisFreeSharedMemory(bench->adapter, allocation);
		CHECK(bench->script.freed == i + 1 && bench->script.caller == current);
	}
	return true;
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

/* Invalid replies: the allocation fails, and the memory is freed once. */
static const struct {
	ULONG length;
	ULONG flags;
	ULONG elements;
	ULONG lengths[2];
	bool overlap;
	bool backwards;
	bool no_kernel_mapping;
} bad_replies[] = {
	/* More elements than the list has room for, up to the maximum. */
	{ PAGE_SIZE, 0, 1000, { PAGE_SIZE, PAGE_SIZE } },
	{ PAGE_SIZE, 0, 0xffffffff, { PAGE_SIZE, PAGE_SIZE } },
	/* Elements that together are shorter than the block. */
	{ 2 * PAGE_SIZE, 0, 1, { PAGE_SIZE } },
	{ PAGE_SIZE + 1, 0, 1, { PAGE_SIZE } },
	{ PAGE_SIZE, 0, 1, { PAGE_SIZE - 8 } },
	/* Elements that overlap. */
	{ 2 * PAGE_SIZE, 0, 2, { PAGE_SIZE, PAGE_SIZE }, .overlap = true },
	/* Two elements although CONTIGUOUS is set. */
	{ 2 * PAGE_SIZE, NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS, 2, { PAGE_SIZE, PAGE_SIZE } },
	/* An empty element. */
	{ 2 * PAGE_SIZE, 0, 2, { 0, PAGE_SIZE } },
	/* Elements that are not whole pages, besides the last. */
	{ 2 * PAGE_SIZE, 0, 2, { PAGE_SIZE / 2, PAGE_SIZE / 2 } },
	/* Also if each begins with a page, and they are long enough. */
	{ PAGE_SIZE / 2 + PAGE_SIZE, 0, 2, { PAGE_SIZE / 2, PAGE_SIZE }, .backwards = true },
	/* Memory without a kernel address. */
	{ PAGE_SIZE, 0, .no_kernel_mapping = true },
};

bool own_bad_reply(struct bench *bench)
{
	struct script *script = &bench->script;
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad_replies); i++) {
		p = request(bench);
		p.Length = bad_replies[i].length;
		p.Flags = bad_replies[i].flags;
		script->elements = bad_replies[i].elements;
		memcpy(script->lengths, bad_replies[i].lengths, sizeof(bad_replies[i].lengths));
		script->overlap = bad_replies[i].overlap;
		script->backwards = bad_replies[i].backwards;
		script->no_kernel_mapping = bad_replies[i].no_kernel_mapping;
		CHECK(refused(bench, bench->adapter, &p, NDIS_STATUS_FAILURE));
		CHECK(script->allocated == i + 1 && script->freed == i + 1);
	}
	return true;
}

/* Parameters have a header of the caller's revision. */
bool ndis_handler_sees(struct bench *bench)
{
	const NDIS_SHARED_MEMORY_PARAMETERS *seen = &bench->script.requested;
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);

	p.Usage = NdisSharedMemoryUsageXmitHeader;
	p.Length = 3 * PAGE_SIZE;
	CHECK(works(bench, &p));
	CHECK(seen->Header.Type == NDIS_OBJECT_TYPE_DEFAULT);
	CHECK(seen->Header.Revision == 2 && seen->Header.Size == 68);
	CHECK(!seen->Flags && !seen->QueueId && !seen->VPortId);
	CHECK(seen->PreferredNode == MM_ANY_NODE_OK);
	CHECK(seen->Usage == NdisSharedMemoryUsageXmitHeader);
	CHECK(seen->Length == 3 * PAGE_SIZE && seen->SGListBuffer);

	/* Revision 1 has no VPortId, so the handler must not see the caller's. */
	p = request(bench);
	p.Header.Revision = 1;
	p.Header.Size = 64;
	p.VPortId = 9;
	p.Flags = NDIS_SHARED_MEM_PARAMETERS_CONTIGOUS;
	CHECK(works(bench, &p));
	CHECK(seen->Header.Type == NDIS_OBJECT_TYPE_DEFAULT);
	CHECK(seen->Header.Revision == 1 && seen->Header.Size == 64 && !seen->VPortId);
	CHECK(seen->Flags == NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS);
	return true;
}

/*
 * The list is ndshm's, with one element for each page, or one if contiguous; the caller's
 * pointers are not passed on.
 */
bool own_handler_sees(struct bench *bench)
{
	static const struct {
		ULONG length;
		ULONG flags;
		ULONG capacity;
	} rows[] = {
		{ 3 * PAGE_SIZE, 0, 3 },
		{ 3 * PAGE_SIZE + 1, 0, 4 },
		{ 2 * PAGE_SIZE - 1, NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS, 1 },
	};
	const NDIS_SHARED_MEMORY_PARAMETERS *seen = &bench->script.requested;
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		p = request(bench);
		p.Length = rows[i].length;
		p.Flags = rows[i].flags;
		CHECK(works(bench, &p));
		CHECK(!seen->SharedMemoryHandle && !seen->VirtualAddress);
		CHECK(seen->SGListBuffer && seen->SGListBuffer != bench->list);
		CHECK(seen->Length == rows[i].length);
		CHECK(bench->script.capacity == rows[i].capacity);
		CHECK(seen->SGListBufferLength == 16 + rows[i].capacity * 24);
	}
	return true;
}

static NDIS_STATUS register_copy(struct bench *bench, void *copy)
{
	return NdisSetOptionalHandlers(bench->adapter, copy);
}

bool ndis_characteristics(struct bench *bench)
{
	static const struct header_row rows[] = {
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
	NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS c = script_handlers(&bench->script);
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);

	/* All flags are accepted. */
	c.Flags = NDIS_SHARED_MEMORY_PROVIDER_CHAR_SUPPORTS_PF_VPORTS;
	CHECK(takes_headers(bench, rows, ARRAY_SIZE(rows), &c, sizeof(c), register_copy,
			    NDIS_STATUS_FAILURE));
	/* A failed registration changes nothing. */
	CHECK(works(bench, &p));
	CHECK(bench->script.allocated == 1);
	return true;
}

bool own_characteristics(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS c = script_handlers(&bench->script);
	PNDIS_DRIVER_OPTIONAL_HANDLERS handlers = (void *)&c;
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);

	/* Flags that NDIS does not define are accepted. */
	c.Flags = ~0;
	CHECK_STATUS(SUCCESS, NdisSetOptionalHandlers(bench->adapter, handlers));
	c.AllocateSharedMemoryHandler = NULL;
	CHECK_STATUS(FAILURE, NdisSetOptionalHandlers(bench->adapter, handlers));
	c = script_handlers(&bench->script);
	c.FreeSharedMemoryHandler = NULL;
	CHECK_STATUS(FAILURE, NdisSetOptionalHandlers(bench->adapter, handlers));
	c = script_handlers(&bench->script);
	CHECK_STATUS(FAILURE, NdisSetOptionalHandlers(bench->adapter, NULL));
	CHECK_STATUS(FAILURE, NdisSetOptionalHandlers(NULL, handlers));
	/* Whether clients are served cannot change any more. */
	CHECK(ndshm_ndis_serve_clients(bench->adapter) == -EBUSY);
	CHECK(ndshm_ndis_serve_clients(NULL) == -EINVAL);
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
		CHECK_STATUS(SUCCESS, script_register(bench->adapter, &scripts[i]));
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
	struct script scripts[] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
	NDIS_HANDLE allocations[ARRAY_SIZE(scripts)];
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i, round;

	for (round = 0; round < 100; round++) {
		for (i = 0; i < ARRAY_SIZE(scripts); i++) {
			CHECK_STATUS(SUCCESS, script_register(bench->adapter, &scripts[i]));
			p = request(bench);
			CHECK(allocates(bench, bench->adapter, &p, &allocations[i]));
			CHECK(scripts[i].allocated == round + 1);
		}
		for (i = 0; i < ARRAY_SIZE(scripts); i++) {
			CHECK(scripts[i].freed == round);
			NdisFreeSharedMemory(bench->adapter, allocations[i]);
			CHECK(scripts[i].freed == round + 1 && !scripts[i].wrong);
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

	CHECK_STATUS(SUCCESS, script_register(bench->driver, &script));
	CHECK(works(bench, &p));
	CHECK(bench->script.allocated == 1 && !script.allocated);
	/* The machine's scope has a provider: no other one can be registered. */
	CHECK(!ndshm_ndis_open(THIS_MODULE, "ndis-other", NULL, &other));
	CHECK_STATUS(FAILURE, script_register(other, &bench->script));
	CHECK(!ndshm_ndis_close(other));
	/* The failed registration changed nothing. */
	p = request(bench);
	CHECK(works_for(bench, bench->driver, &p));
	CHECK(script.allocated == 1 && script.freed == 1 && !script.wrong);
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
		CHECK(refused(bench, bench->adapter, &p, NDIS_STATUS_RESOURCES));
	}
	CHECK(script->allocated == i && script->freed == i);
	script->beyond = false;
	p = request(bench);
	p.Length = 2 * PAGE_SIZE;
	CHECK(works(bench, &p));
	return true;
}

/* A list longer than requested is truncated: the handler's memory has the requested length. */
bool own_longer(struct bench *bench)
{
	struct script *script = &bench->script;
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	const struct ndshm_segment *segments;
	struct ndshm_block *block;
	bool truncated;
	u32 count;

	script->elements = 2;
	script->lengths[0] = PAGE_SIZE;
	script->lengths[1] = 3 * PAGE_SIZE;
	p.Length = 2 * PAGE_SIZE;
	CHECK(works(bench, &p));
	CHECK_REASON(NONE, native_block(bench, NULL, NULL, 2 * PAGE_SIZE, false, &block));
	segments = ndshm_block_segments(block, &count);
	truncated = count == 2 && segments[0].length == PAGE_SIZE &&
		    segments[1].length == PAGE_SIZE;
	ndshm_free(block);
	CHECK(truncated);
	/* An element that is not needed at all. */
	script->lengths[0] = 2 * PAGE_SIZE;
	p = request(bench);
	p.Length = 2 * PAGE_SIZE;
	CHECK(works(bench, &p));
	return true;
}
