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

static VOID complete_later(NDIS_HANDLE context, PVOID address,
			   PNDIS_PHYSICAL_ADDRESS physical, ULONG length,
			   PVOID request)
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

static NDIS_STATUS try_describe(struct bench *bench, NDIS_OBJECT_HEADER header)
{
	NDIS_SG_DMA_DESCRIPTION description = describe();
	NDIS_HANDLE dma = bench;
	NDIS_STATUS status;

	description.Header = header;
	status = NdisMRegisterScatterGatherDma(bench->adapter, &description,
					       &dma);
	if (status == NDIS_STATUS_SUCCESS) {
		NdisMDeregisterScatterGatherDma(dma);
		return status;
	}
	return dma || description.ScatterGatherListSize ? 0x7fffffff : status;
}

bool ndis_dma_handle(struct bench *bench)
{
	static const ULONG sizes[] = { 1, 2, 1514, PAGE_SIZE, PAGE_SIZE + 1, 9014, 65536 };
	NDIS_SG_DMA_DESCRIPTION description = describe();
	NDIS_HANDLE dma = bench;
	unsigned int i;

	CHECK(description.Header.Type == 0x83);
	CHECK(NdisMRegisterScatterGatherDma(bench->adapter, &description,
					    &dma) == NDIS_STATUS_SUCCESS);
	CHECK(dma && dma != bench && dma != bench->adapter);
	/* A transfer of 64 KiB that begins anywhere in a page needs one more element. */
	CHECK(description.ScatterGatherListSize >=
	      sizeof(SCATTER_GATHER_LIST) +
	      (65536 / PAGE_SIZE + 1) * sizeof(SCATTER_GATHER_ELEMENT));
	CHECK(dma_get_mask(bench->device) == DMA_BIT_MASK(64));
	NdisMDeregisterScatterGatherDma(dma);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		description.MaximumPhysicalMapping = sizes[i];
		CHECK(NdisMRegisterScatterGatherDma(bench->adapter, &description, &dma) ==
		      NDIS_STATUS_SUCCESS);
		NdisMDeregisterScatterGatherDma(dma);
		/* The first byte may be the last one of a page. */
		CHECK(description.ScatterGatherListSize >=
		      sizeof(SCATTER_GATHER_LIST) +
		      (1 + DIV_ROUND_UP(sizes[i] - 1, PAGE_SIZE)) *
		      sizeof(SCATTER_GATHER_ELEMENT));
	}
	/* Only revision 1 is valid. */
	CHECK(try_describe(bench, (NDIS_OBJECT_HEADER){ 0x83, 0, 36 }) ==
	      NDIS_STATUS_BAD_VERSION);
	CHECK(try_describe(bench, (NDIS_OBJECT_HEADER){ 0x83, 2, 36 }) ==
	      NDIS_STATUS_BAD_VERSION);
	return true;
}

/* Without NDIS_SG_DMA_64_BIT_ADDRESS wider masks become 32 bits; narrower ones stay. */
static bool narrows(struct bench *bench, u64 mask, u64 coherent)
{
	NDIS_SG_DMA_DESCRIPTION description = describe();
	NDIS_HANDLE dma;

	/* Without dma_set_mask(), which refuses a mask that reaches no memory of the machine. */
	*bench->device->dma_mask = mask;
	bench->device->coherent_dma_mask = coherent;
	description.Flags = 0;
	CHECK(NdisMRegisterScatterGatherDma(bench->adapter, &description,
					    &dma) == NDIS_STATUS_SUCCESS);
	NdisMDeregisterScatterGatherDma(dma);
	CHECK(dma_get_mask(bench->device) == min(mask, DMA_BIT_MASK(32)));
	CHECK(bench->device->coherent_dma_mask ==
	      min(coherent, DMA_BIT_MASK(32)));
	return true;
}

bool own_dma_handle(struct bench *bench)
{
	static const struct {
		NDIS_OBJECT_HEADER header;
		NDIS_STATUS status;
	} tried[] = {
		{ { 0x83, 1, 36 }, NDIS_STATUS_SUCCESS },
		{ { 0x83, 1, 40 }, NDIS_STATUS_SUCCESS },
		{ { 0x83, 1, 35 }, NDIS_STATUS_NOT_SUPPORTED },
		{ { 0x80, 1, 36 }, NDIS_STATUS_NOT_SUPPORTED },
	};
	NDIS_SG_DMA_DESCRIPTION description = describe();
	NDIS_HANDLE dma = bench;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tried); i++)
		CHECK(try_describe(bench, tried[i].header) == tried[i].status);
	/* The handle of a driver has no device. */
	CHECK(NdisMRegisterScatterGatherDma(bench->driver, &description,
					    &dma) == NDIS_STATUS_NOT_SUPPORTED);
	CHECK(!dma);
	CHECK(NdisMRegisterScatterGatherDma(NULL, &description, &dma) ==
	      NDIS_STATUS_NOT_SUPPORTED);
	CHECK(NdisMRegisterScatterGatherDma(bench->adapter, NULL, &dma) ==
	      NDIS_STATUS_NOT_SUPPORTED);

	CHECK(narrows(bench, DMA_BIT_MASK(32), DMA_BIT_MASK(64)));
	CHECK(narrows(bench, DMA_BIT_MASK(64), DMA_BIT_MASK(31)));
	CHECK(narrows(bench, DMA_BIT_MASK(31), DMA_BIT_MASK(31)));
	CHECK(narrows(bench, DMA_BIT_MASK(64), DMA_BIT_MASK(64)));
	/*
	 * The flag does not widen a mask. The DMA handle is left for ndshm_ndis_close()
	 * to free.
	 */
	CHECK(NdisMRegisterScatterGatherDma(bench->adapter, &description,
					    &dma) == NDIS_STATUS_SUCCESS);
	CHECK(dma_get_mask(bench->device) == DMA_BIT_MASK(32));
	return true;
}

static bool attributes(struct bench *bench, NDIS_HANDLE context)
{
	NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES attributes = {
		.Header = HEADER(MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
				 MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, 1),
		.MiniportAdapterContext = context,
		.AttributeFlags = NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER,
		.InterfaceType = NdisInterfacePci,
	};
	PNDIS_MINIPORT_ADAPTER_ATTRIBUTES any =
		(PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&attributes;

	CHECK(NdisMSetMiniportAttributes(bench->adapter, any) ==
	      NDIS_STATUS_SUCCESS);
	/* None of these changes the context, which the completions of the case check. */
	attributes.MiniportAdapterContext = bench;
	CHECK(NdisMSetMiniportAttributes(bench->driver, any) ==
	      NDIS_STATUS_BAD_VERSION);
	CHECK(NdisMSetMiniportAttributes(bench->adapter, NULL) ==
	      NDIS_STATUS_BAD_VERSION);
	attributes.Header.Revision--;
	CHECK(NdisMSetMiniportAttributes(bench->adapter, any) ==
	      NDIS_STATUS_BAD_VERSION);
	attributes.Header.Revision++;
	attributes.Header.Size--;
	CHECK(NdisMSetMiniportAttributes(bench->adapter, any) ==
	      NDIS_STATUS_BAD_VERSION);
	/* Attributes of another type. */
	attributes.Header.Size++;
	attributes.Header.Type++;
	CHECK(NdisMSetMiniportAttributes(bench->adapter, any) ==
	      NDIS_STATUS_SUCCESS);
	return true;
}

static void free_atomic(NDIS_HANDLE adapter, ULONG length, PVOID address,
			NDIS_PHYSICAL_ADDRESS physical)
{
	local_irq_disable();
	NdisMFreeSharedMemory(adapter, length, FALSE, address, physical);
	local_irq_enable();
}

/* Cached and uncached memory, freed in process and in atomic context. */
bool ndis_miniport(struct bench *bench)
{
	static const ULONG lengths[] = { 1, PAGE_SIZE, 10000, 65536 };
	NDIS_PHYSICAL_ADDRESS physical;
	PVOID address;
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_SIZE(lengths); i++) {
		ULONG length = lengths[i / 2];

		NdisMAllocateSharedMemory(bench->adapter, length, i & 1,
					  &address, &physical);
		CHECK(address && physical.QuadPart);
		RtlFillMemory(address, length, POISON);
		if (i & 1)
			free_atomic(bench->adapter, length, address, physical);
		else
			NdisMFreeSharedMemory(bench->adapter, length, FALSE,
					      address, physical);
	}
	/* Without memory the address is NULL. */
	address = bench;
	NdisMAllocateSharedMemory(bench->adapter, TOO_LONG, FALSE, &address,
				  &physical);
	CHECK(!address);
	return true;
}

/* A free must match the allocation exactly. */
static bool mismatches(struct bench *bench, ULONG length, PVOID address,
		       NDIS_PHYSICAL_ADDRESS physical)
{
	NDIS_PHYSICAL_ADDRESS other = physical;

	other.QuadPart++;
	NdisMFreeSharedMemory(bench->adapter, length + 1, TRUE, address,
			      physical);
	NdisMFreeSharedMemory(bench->adapter, length, TRUE, address, other);
	NdisMFreeSharedMemory(bench->adapter, length, TRUE, address + 1,
			      physical);
	NdisMFreeSharedMemory(bench->adapter, length, TRUE, NULL, physical);
	NdisMFreeSharedMemory(bench->driver, length, TRUE, address, physical);
	NdisMFreeSharedMemory(NULL, length, TRUE, address, physical);
	CHECK(ndshm_ndis_close(bench->adapter) == -EBUSY);
	return true;
}

bool own_miniport(struct bench *bench)
{
	static const ULONG lengths[] = { 1, PAGE_SIZE, 10000, 65536 };
	NDIS_PHYSICAL_ADDRESS physical;
	PVOID address;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		NdisMAllocateSharedMemory(bench->adapter, lengths[i], TRUE,
					  &address, &physical);
		CHECK(address);
		CHECK(!memchr_inv(address, 0, lengths[i]));
		RtlFillMemory(address, lengths[i], POISON);
		/* Provider "coherent", not the handle's provider. */
		CHECK(!bench->script.allocated);
		CHECK(mismatches(bench, lengths[i], address, physical));
		NdisMFreeSharedMemory(bench->adapter, lengths[i], FALSE,
				      address, physical);
		/* A second free has no effect. */
		NdisMFreeSharedMemory(bench->adapter, lengths[i], TRUE,
				      address, physical);
	}

	address = bench;
	physical.QuadPart = 1;
	NdisMAllocateSharedMemory(bench->adapter, 0, FALSE, &address,
				  &physical);
	CHECK(!address && !physical.QuadPart);
	address = bench;
	NdisMAllocateSharedMemory(bench->driver, PAGE_SIZE, FALSE, &address,
				  &physical);
	CHECK(!address);
	address = bench;
	NdisMAllocateSharedMemory(NULL, PAGE_SIZE, FALSE, &address, &physical);
	CHECK(!address);
	return true;
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
	CHECK(NdisMRegisterScatterGatherDma(bench->adapter, &description,
					    dma) == NDIS_STATUS_SUCCESS);
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

static bool give_back(struct bench *bench, struct later *later)
{
	CHECK(later->calls == 1);
	if (later->length == TOO_LONG) {
		CHECK(!later->address);
		return true;
	}
	CHECK(later->address);
	RtlFillMemory(later->address, later->length, POISON);
	free_atomic(bench->adapter, later->length, later->address,
		    later->physical);
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
		CHECK(ask(dma, i, i % 3 ? i * 10 : TOO_LONG) ==
		      NDIS_STATUS_PENDING);
	NdisMDeregisterScatterGatherDma(dma);
	CHECK(!atomic_read(&requester.wrong));
	for (i = 0; i < REQUESTS; i++)
		CHECK(give_back(bench, &requester.requests[i]));
	return true;
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
		CHECK(!i || NdisMRegisterScatterGatherDma(bench->adapter, &description, &dma[i]) ==
			    NDIS_STATUS_SUCCESS);
		CHECK(ask(dma[i], i, PAGE_SIZE) == NDIS_STATUS_PENDING);
	}
	while (begun < HANDLES && wait_for_completion_timeout(&requester.begun, 60 * HZ))
		begun++;
	complete_all(&requester.go_on);
	for (i = 0; i < HANDLES; i++)
		NdisMDeregisterScatterGatherDma(dma[i]);
	for (i = 0; i < HANDLES; i++)
		CHECK(give_back(bench, &requester.requests[i]));
	CHECK(begun == HANDLES);
	return true;
}

/* The limit is exact; a request that is being completed does not count. */
static bool bounded(struct bench *bench)
{
	unsigned int i, requested = 1;
	NDIS_HANDLE dma;

	CHECK(begin(bench, &dma));
	requester.wait = true;
	CHECK(ask(dma, 0, PAGE_SIZE) == NDIS_STATUS_PENDING);
	wait_for_completion(&requester.begun);
	while (requested < ARRAY_SIZE(requester.requests) &&
	       ask(dma, requested, PAGE_SIZE) == NDIS_STATUS_PENDING)
		requested++;
	WRITE_ONCE(requester.wait, false);
	complete(&requester.go_on);
	NdisMDeregisterScatterGatherDma(dma);
	for (i = 0; i < requested; i++)
		CHECK(give_back(bench, &requester.requests[i]));
	CHECK(requested == 1 + MOST_PENDING);
	CHECK(atomic_read(&requester.completed) == 1 + MOST_PENDING);
	return true;
}

bool own_async(struct bench *bench)
{
	NDIS_SG_DMA_DESCRIPTION description = describe();
	NDIS_HANDLE dma, silent;
	unsigned int i;

	CHECK(begin(bench, &dma));
	for (i = 0; i < REQUESTS; i++)
		CHECK(ask(dma, i, PAGE_SIZE) == NDIS_STATUS_PENDING);
	/* A length of 0 fails at once. */
	CHECK(NdisMAllocateSharedMemoryAsyncEx(dma, 0, FALSE, &requester) ==
	      NDIS_STATUS_FAILURE);
	/* Deregistration waits for all requests; their memory stays allocated. */
	NdisMDeregisterScatterGatherDma(dma);
	CHECK(atomic_read(&requester.completed) == REQUESTS);
	for (i = 0; i < REQUESTS; i++)
		CHECK(give_back(bench, &requester.requests[i]));

	/* No completion handler, or no DMA handle. */
	description.SharedMemAllocateCompleteHandler = NULL;
	CHECK(NdisMRegisterScatterGatherDma(bench->adapter, &description,
					    &silent) == NDIS_STATUS_SUCCESS);
	CHECK(ask(silent, 0, PAGE_SIZE) == NDIS_STATUS_FAILURE);
	NdisMDeregisterScatterGatherDma(silent);
	CHECK(ask(bench->adapter, 0, PAGE_SIZE) == NDIS_STATUS_FAILURE);
	CHECK(ask(NULL, 0, PAGE_SIZE) == NDIS_STATUS_FAILURE);
	CHECK(atomic_read(&requester.completed) == REQUESTS);
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
	CHECK(ask(dma, 0, PAGE_SIZE) == NDIS_STATUS_PENDING);
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
	CHECK(status == NDIS_STATUS_FAILURE);
	/* The request became a block, so that the close fails and changes nothing. */
	CHECK(ending.ret == -EBUSY);
	CHECK(ask(dma, 1, PAGE_SIZE) == NDIS_STATUS_PENDING);
	NdisMDeregisterScatterGatherDma(dma);
	CHECK(give_back(bench, &requester.requests[0]));
	CHECK(give_back(bench, &requester.requests[1]));
	return true;
}
