// SPDX-License-Identifier: GPL-2.0
/* A provider for the tests: it allocates pages and reports them as the script says. */
#include <linux/bits.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "cases.h"

/* Above the physical memory of the test machines. */
#define FAR_AWAY	BIT_ULL(38)

/* Context of a block. */
struct chunk {
	struct script *script;
	void *address;
	SIZE_T length;		/* whole pages */
};

static ULONG describe(const struct script *script, const struct chunk *chunk,
		      SCATTER_GATHER_LIST *list)
{
	u64 address = virt_to_phys(chunk->address);
	ULONG i;

	list->Elements[0].Address.QuadPart = address;
	list->Elements[0].Length = script->requested.Length;
	if (!script->elements)
		return 1;
	if (script->backwards)
		address += chunk->length;
	/* The count may exceed the capacity; only existing elements are written. */
	for (i = 0; i < min(script->elements, script->capacity); i++) {
		if (script->backwards)
			address -= ROUND_TO_PAGES(script->lengths[i]);
		list->Elements[i].Address.QuadPart = address;
		list->Elements[i].Length = script->lengths[i];
		if (!script->overlap && !script->backwards)
			address += script->lengths[i];
	}
	if (script->beyond)
		list->Elements[i - 1].Address.QuadPart = FAR_AWAY;
	return script->elements;
}

static NDIS_STATUS NetAllocateSharedMemory(NDIS_HANDLE ProviderContext,
					   PNDIS_SHARED_MEMORY_PARAMETERS p,
					   PNDIS_HANDLE context)
{
	struct script *script = ProviderContext;
	struct chunk *chunk;

	might_sleep();
	script->caller = current;
	script->requested = *p;
	script->capacity = p->SGListBuffer->NumberOfElements;
	if (script->status != NDIS_STATUS_SUCCESS) {
		script->refused++;
		return script->status;
	}
	chunk = kzalloc(sizeof(*chunk), GFP_KERNEL);
	if (!chunk)
		return NDIS_STATUS_RESOURCES;
	chunk->script = script;
	chunk->length = ROUND_TO_PAGES(p->Length);
	chunk->address = alloc_pages_exact(chunk->length, GFP_KERNEL | __GFP_ZERO);
	if (!chunk->address) {
		kfree(chunk);
		return NDIS_STATUS_RESOURCES;
	}
	p->SGListBuffer->NumberOfElements = describe(script, chunk,
						     p->SGListBuffer);
	if (script->poison)
		RtlFillMemory(chunk->address, chunk->length, POISON);
	script->memory = chunk->address;
	p->VirtualAddress = script->no_kernel_mapping ? NULL : chunk->address;
	/* Must be ignored by the caller. */
	p->SharedMemoryHandle = chunk;
	script->last = chunk;
	script->context = script->contextless ? NULL : chunk;
	*context = script->context;
	script->allocated++;
	return NDIS_STATUS_SUCCESS;
}

static VOID NetFreeSharedMemory(NDIS_HANDLE ProviderContext,
				NDIS_HANDLE context)
{
	struct script *script = ProviderContext;
	struct chunk *chunk = context ?: script->last;

	might_sleep();
	if (chunk->script != script)
		script->wrong++;
	script->caller = current;
	script->returned = context;
	script->freed++;
	if (script->domain)
		script->translated = iommu_iova_to_phys(script->domain, script->iova);
	free_pages_exact(chunk->address, chunk->length);
	kfree(chunk);
}

NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS script_handlers(struct script *script)
{
	NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS c = {
		.Header = HEADER(SHARED_MEMORY_PROVIDER_CHARACTERISTICS,
				 SHARED_MEMORY_PROVIDER_CHARACTERISTICS, 1),
		.Flags = script->flags,
		.ProviderContext = script,
		.AllocateSharedMemoryHandler = NetAllocateSharedMemory,
		.FreeSharedMemoryHandler = NetFreeSharedMemory,
	};

	return c;
}

NDIS_STATUS script_register(NDIS_HANDLE handle, struct script *script)
{
	NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS c = script_handlers(script);

	return NdisSetOptionalHandlers(handle,
				       (PNDIS_DRIVER_OPTIONAL_HANDLERS)&c);
}
