// SPDX-License-Identifier: GPL-2.0
/*
 * A miniport's own memory, allocated synchronously and asynchronously.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/errno.h>
#include <linux/irqflags.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/string.h>

#include "cases.h"

#define REQUESTS	500

/* Limit of requests in flight, besides the one that is being completed. */
#define MOST_PENDING	4096

/* Larger than any contiguous memory. */
#define TOO_LONG	0xfffff000

/* A request and its result. */
struct later {
	struct requester *requester;
	PVOID address;
	NDIS_PHYSICAL_ADDRESS physical;
	ULONG length;
	unsigned int calls;
};

struct requester {
	NDIS_HANDLE adapter;
	atomic_t completed;
	atomic_t wrong;
	struct completion begun;
	struct completion go_on;
	bool wait;
	struct later requests[MOST_PENDING + 2];
};

static struct requester requester;

static VOID complete_later(NDIS_HANDLE context, PVOID address, PNDIS_PHYSICAL_ADDRESS physical,
			   ULONG length, PVOID request)
{
	struct later *later = request;

	might_sleep();
	if (context != &requester || later->requester != &requester ||
	    !in_task() || length != later->length || !address != !physical)
		atomic_inc(&requester.wrong);
	later->calls++;
	later->address = address;
	if (physical)
		later->physical = *physical;
	atomic_inc(&requester.completed);
	if (READ_ONCE(requester.wait)) {
		complete(&requester.begun);
		wait_for_completion(&requester.go_on);
	}
}

static NDIS_SG_DMA_DESCRIPTION describe(void)
{
	NDIS_SG_DMA_DESCRIPTION description = dma_description(complete_later);

	description.MaximumPhysicalMapping = 65536;
	return description;
}

static NDIS_STATUS describe_copy(struct bench *bench, void *copy)
{
	NDIS_SG_DMA_DESCRIPTION *description = copy;
	NDIS_HANDLE dma = bench;
	NDIS_STATUS status = NdisMRegisterScatterGatherDma(bench->adapter, description, &dma);

	if (status != NDIS_STATUS_SUCCESS)
		return dma ? NDIS_STATUS_INVALID_STATE : status;
	NdisMDeregisterScatterGatherDma(dma);
	return status;
}

bool ndis_dma_handle(struct bench *bench)
{
	static const ULONG sizes[] = { 1, 2, 1514, PAGE_SIZE, PAGE_SIZE + 1, 9014, 65536 };
	/* Only revision 1 is valid. */
	static const struct header_row rows[] = {
		{ { 0x83, 0, 36 }, false },
		{ { 0x83, 1, 36 }, true },
		{ { 0x83, 2, 36 }, false },
	};
	NDIS_SG_DMA_DESCRIPTION description = describe();
	NDIS_HANDLE dma = bench;
	unsigned int i;

	CHECK_STATUS(SUCCESS, NdisMRegisterScatterGatherDma(bench->adapter, &description, &dma));
	CHECK(dma && dma != bench && dma != bench->adapter);
	CHECK(dma_get_mask(bench->device) == DMA_BIT_MASK(64));
	NdisMDeregisterScatterGatherDma(dma);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		description.MaximumPhysicalMapping = sizes[i];
		CHECK_STATUS(SUCCESS, describe_copy(bench, &description));
		/* The first byte may be the last one of a page. */
		CHECK(description.ScatterGatherListSize >= sizeof(SCATTER_GATHER_LIST) +
		      (1 + DIV_ROUND_UP(sizes[i] - 1, PAGE_SIZE)) *
		      sizeof(SCATTER_GATHER_ELEMENT));
	}
	return takes_headers(bench, rows, ARRAY_SIZE(rows), &description, sizeof(description),
			     describe_copy, NDIS_STATUS_BAD_VERSION);
}

/* Without NDIS_SG_DMA_64_BIT_ADDRESS wider masks become 32 bits; narrower ones stay. */
static bool narrows(struct bench *bench, u64 mask, u64 coherent)
{
	NDIS_SG_DMA_DESCRIPTION description = describe();

	/* Without dma_set_mask(), which refuses a mask that reaches no memory of the machine. */
	*bench->device->dma_mask = mask;
	bench->device->coherent_dma_mask = coherent;
	description.Flags = 0;
	CHECK_STATUS(SUCCESS, describe_copy(bench, &description));
	CHECK(dma_get_mask(bench->device) == min(mask, DMA_BIT_MASK(32)));
	CHECK(bench->device->coherent_dma_mask == min(coherent, DMA_BIT_MASK(32)));
	return true;
}

bool own_dma_handle(struct bench *bench)
{
	static const struct header_row rows[] = {
		{ { 0x83, 1, 36 }, true },
		{ { 0x83, 1, 40 }, true },
		{ { 0x83, 1, 35 }, false },
		{ { 0x80, 1, 36 }, false },
	};
	NDIS_SG_DMA_DESCRIPTION description = describe();
	NDIS_HANDLE dma = bench;

	CHECK(takes_headers(bench, rows, ARRAY_SIZE(rows), &description, sizeof(description),
			    describe_copy, NDIS_STATUS_NOT_SUPPORTED));
	/* The handle of a driver has no device. */
	CHECK_STATUS(NOT_SUPPORTED,
		     NdisMRegisterScatterGatherDma(bench->driver, &description, &dma));
	CHECK(!dma);
	CHECK_STATUS(NOT_SUPPORTED, NdisMRegisterScatterGatherDma(NULL, &description, &dma));
	CHECK_STATUS(NOT_SUPPORTED, NdisMRegisterScatterGatherDma(bench->adapter, NULL, &dma));
	CHECK(!description.ScatterGatherListSize);

	CHECK(narrows(bench, DMA_BIT_MASK(32), DMA_BIT_MASK(64)));
	CHECK(narrows(bench, DMA_BIT_MASK(64), DMA_BIT_MASK(31)));
	CHECK(narrows(bench, DMA_BIT_MASK(31), DMA_BIT_MASK(31)));
	CHECK(narrows(bench, DMA_BIT_MASK(64), DMA_BIT_MASK(64)));
	/*
	 * The flag does not widen a mask. The DMA handle is left for ndshm_ndis_close()
	 * to free.
	 */
	CHECK_STATUS(SUCCESS, NdisMRegisterScatterGatherDma(bench->adapter, &description, &dma));
	CHECK(dma_get_mask(bench->device) == DMA_BIT_MASK(32));
	return true;
}

static NDIS_STATUS set_copy(struct bench *bench, void *copy)
{
	return NdisMSetMiniportAttributes(bench->adapter, copy);
}

/* Set the context, which no failure changes, and no attributes of another type. */
static bool attributes(struct bench *bench, NDIS_HANDLE context)
{
	static const struct header_row rows[] = {
		{ { 0x9e, 0, 28 }, false },
		{ { 0x9e, 1, 27 }, false },
		{ { 0x9f, 1, 28 }, true },
	};
	NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES attributes = {
		.Header = HEADER(MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
				 MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, 1),
		.MiniportAdapterContext = context,
		.AttributeFlags = NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER,
		.InterfaceType = NdisInterfacePci,
	};

	CHECK_STATUS(SUCCESS, set_copy(bench, &attributes));
	attributes.MiniportAdapterContext = bench;
	CHECK_STATUS(BAD_VERSION, NdisMSetMiniportAttributes(bench->driver, (void *)&attributes));
	CHECK_STATUS(BAD_VERSION, set_copy(bench, NULL));
	return takes_headers(bench, rows, ARRAY_SIZE(rows), &attributes, sizeof(attributes),
			     set_copy, NDIS_STATUS_BAD_VERSION);
}

static void free_atomic(NDIS_HANDLE adapter, ULONG length, PVOID address,
			NDIS_PHYSICAL_ADDRESS physical)
{
	local_irq_disable();
	NdisMFreeSharedMemory(adapter, length, FALSE, address, physical);
	local_irq_enable();
}

static bool no_memory(NDIS_HANDLE adapter, ULONG length)
{
	NDIS_PHYSICAL_ADDRESS physical = { .QuadPart = 1 };
	PVOID address = &physical;

	NdisMAllocateSharedMemory(adapter, length, FALSE, &address, &physical);
	CHECK(!address && !physical.QuadPart);
	return true;
}

/* Cached and uncached memory, freed in process and in atomic context. */
static const struct {
	ULONG length;
	bool atomic;
} memories[] = {
	{ 1 }, { PAGE_SIZE }, { 10000 }, { 65536 },
	{ 1, true }, { PAGE_SIZE, true }, { 10000, true }, { 65536, true },
};

bool ndis_miniport(struct bench *bench)
{
	NDIS_PHYSICAL_ADDRESS physical;
	PVOID address;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(memories); i++) {
		NdisMAllocateSharedMemory(bench->adapter, memories[i].length, i & 1, &address,
					  &physical);
		CHECK(address && physical.QuadPart);
		RtlFillMemory(address, memories[i].length, POISON);
		if (memories[i].atomic)
			free_atomic(bench->adapter, memories[i].length, address, physical);
		else
			NdisMFreeSharedMemory(bench->adapter, memories[i].length, FALSE, address,
					      physical);
	}
	return no_memory(bench->adapter, TOO_LONG);
}

/* A free must match the allocation exactly. */
static bool mismatches(struct bench *bench, ULONG length, PVOID address,
		       NDIS_PHYSICAL_ADDRESS physical)
{
	NDIS_PHYSICAL_ADDRESS other = { .QuadPart = physical.QuadPart + 1 };

	NdisMFreeSharedMemory(bench->adapter, length + 1, TRUE, address, physical);
	NdisMFreeSharedMemory(bench->adapter, length, TRUE, address, other);
	NdisMFreeSharedMemory(bench->adapter, length, TRUE, address + 1, physical);
	NdisMFreeSharedMemory(bench->adapter, length, TRUE, NULL, physical);
	NdisMFreeSharedMemory(bench->driver, length, TRUE, address, physical);
	NdisMFreeSharedMemory(NULL, length, TRUE, address, physical);
	CHECK(ndshm_ndis_close(bench->adapter) == -EBUSY);
	return true;
}

bool own_miniport(struct bench *bench)
{
	NDIS_PHYSICAL_ADDRESS physical;
	PVOID address;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(memories) && !memories[i].atomic; i++) {
		const ULONG length = memories[i].length;

		NdisMAllocateSharedMemory(bench->adapter, length, TRUE, &address, &physical);
		CHECK(address && !memchr_inv(address, 0, length));
		RtlFillMemory(address, length, POISON);
		/* Provider "coherent", not the handle's provider. */
		CHECK(!bench->script.allocated);
		CHECK(mismatches(bench, length, address, physical));
		NdisMFreeSharedMemory(bench->adapter, length, FALSE, address, physical);
		/* A second free has no effect. */
		NdisMFreeSharedMemory(bench->adapter, length, TRUE, address, physical);
	}
	return no_memory(bench->adapter, 0) && no_memory(bench->driver, PAGE_SIZE) &&
	       no_memory(NULL, PAGE_SIZE);
}

/* Register a DMA handle. */
static bool begin(struct bench *bench, NDIS_HANDLE *dma)
{
	NDIS_SG_DMA_DESCRIPTION description = describe();

	RtlZeroMemory(&requester, sizeof(requester));
	init_completion(&requester.begun);
	init_completion(&requester.go_on);
	requester.adapter = bench->adapter;
	CHECK(attributes(bench, &requester));
	CHECK_STATUS(SUCCESS, NdisMRegisterScatterGatherDma(bench->adapter, &description, dma));
	return true;
}

static NDIS_STATUS ask(NDIS_HANDLE dma, unsigned int number, ULONG length)
{
	struct later *later = &requester.requests[number];
	NDIS_STATUS status;

	later->requester = &requester;
	later->length = length;
	local_irq_disable();
	status = NdisMAllocateSharedMemoryAsyncEx(dma, length, FALSE, later);
	local_irq_enable();
	return status;
}

/* Each of the first requests was completed once, as described. Free their memory. */
static bool give_back(struct bench *bench, unsigned int count)
{
	struct later *later;

	CHECK(!atomic_read(&requester.wrong) && atomic_read(&requester.completed) == count);
	for (later = requester.requests; later < requester.requests + count; later++) {
		CHECK(later->calls == 1 && !later->address == (later->length == TOO_LONG));
		if (!later->address)
			continue;
		RtlFillMemory(later->address, later->length, POISON);
		free_atomic(bench->adapter, later->length, later->address, later->physical);
	}
	return true;
}

/*
 * Every pending request is completed once, in process context, with the miniport's
 * contexts, and with NULL addresses on failure.
 */
bool ndis_async(struct bench *bench)
{
	unsigned int i;
	NDIS_HANDLE dma;

	CHECK(begin(bench, &dma));
	/* Every third request fails. */
	for (i = 0; i < REQUESTS; i++)
		CHECK_STATUS(PENDING, ask(dma, i, i % 3 ? i * 10 : TOO_LONG));
	/* Waits for all of them; their memory stays allocated. */
	NdisMDeregisterScatterGatherDma(dma);
	return give_back(bench, REQUESTS);
}

#define HANDLES	64

/* Completion handlers that wait do not delay the requests of another DMA handle. */
static bool many_handles(struct bench *bench)
{
	NDIS_SG_DMA_DESCRIPTION description = describe();
	static NDIS_HANDLE dma[HANDLES];
	unsigned int i, begun = 0;

	CHECK(begin(bench, &dma[0]));
	requester.wait = true;
	for (i = 0; i < HANDLES; i++) {
		if (i)
			CHECK_STATUS(SUCCESS, NdisMRegisterScatterGatherDma(bench->adapter,
									    &description,
									    &dma[i]));
		CHECK_STATUS(PENDING, ask(dma[i], i, PAGE_SIZE));
	}
	while (begun < HANDLES && wait_for_completion_timeout(&requester.begun, 60 * HZ))
		begun++;
	complete_all(&requester.go_on);
	for (i = 0; i < HANDLES; i++)
		NdisMDeregisterScatterGatherDma(dma[i]);
	CHECK(give_back(bench, HANDLES));
	CHECK(begun == HANDLES);
	return true;
}

/* The limit is exact; a request that is being completed does not count. */
static bool bounded(struct bench *bench)
{
	unsigned int requested = 1;
	NDIS_HANDLE dma;

	CHECK(begin(bench, &dma));
	requester.wait = true;
	CHECK_STATUS(PENDING, ask(dma, 0, PAGE_SIZE));
	wait_for_completion(&requester.begun);
	while (requested < ARRAY_SIZE(requester.requests) &&
	       ask(dma, requested, PAGE_SIZE) == NDIS_STATUS_PENDING)
		requested++;
	WRITE_ONCE(requester.wait, false);
	complete(&requester.go_on);
	NdisMDeregisterScatterGatherDma(dma);
	CHECK(give_back(bench, requested));
	CHECK(requested == 1 + MOST_PENDING);
	return true;
}

bool own_async(struct bench *bench)
{
	NDIS_SG_DMA_DESCRIPTION description = describe();
	NDIS_HANDLE dma, silent;

	/* A length of 0 fails at once, and so does a request without a handler or a DMA handle. */
	CHECK(begin(bench, &dma));
	CHECK_STATUS(FAILURE, ask(dma, 0, 0));
	NdisMDeregisterScatterGatherDma(dma);
	description.SharedMemAllocateCompleteHandler = NULL;
	CHECK_STATUS(SUCCESS,
		     NdisMRegisterScatterGatherDma(bench->adapter, &description, &silent));
	CHECK_STATUS(FAILURE, ask(silent, 0, PAGE_SIZE));
	NdisMDeregisterScatterGatherDma(silent);
	CHECK_STATUS(FAILURE, ask(bench->adapter, 0, PAGE_SIZE));
	CHECK_STATUS(FAILURE, ask(NULL, 0, PAGE_SIZE));
	CHECK(!atomic_read(&requester.completed));
	return many_handles(bench) && bounded(bench);
}

/* Close the handle with a request in flight. */
struct ending {
	struct work_struct work;
	NDIS_HANDLE adapter;
	struct completion done;
	int ret;
};

static void close_adapter(struct work_struct *work)
{
	struct ending *ending = container_of(work, struct ending, work);

	ending->ret = ndshm_ndis_close(ending->adapter);
	complete(&ending->done);
}

bool own_async_ends(struct bench *bench)
{
	struct ending ending = { .adapter = bench->adapter };
	NDIS_STATUS status;
	bool waited;
	NDIS_HANDLE dma;

	CHECK(begin(bench, &dma));
	INIT_WORK_ONSTACK(&ending.work, close_adapter);
	init_completion(&ending.done);
	requester.wait = true;
	CHECK_STATUS(PENDING, ask(dma, 0, PAGE_SIZE));
	wait_for_completion(&requester.begun);
	schedule_work(&ending.work);
	/* The close waits for the completion handler. */
	waited = !wait_for_completion_timeout(&ending.done, HZ / 5);
	status = script_register(bench->adapter, &bench->script);
	requester.wait = false;
	complete(&requester.go_on);
	flush_work(&ending.work);
	destroy_work_on_stack(&ending.work);
	CHECK(waited);
	/* The provider cannot be registered meanwhile. */
	CHECK_STATUS(FAILURE, status);
	/* The request became a block, so that the close fails and changes nothing. */
	CHECK(ending.ret == -EBUSY);
	CHECK_STATUS(PENDING, ask(dma, 1, PAGE_SIZE));
	NdisMDeregisterScatterGatherDma(dma);
	return give_back(bench, 2);
}
