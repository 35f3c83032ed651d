// SPDX-License-Identifier: GPL-2.0
/*
 * NDIS handlers registered as a provider of the core. Each block is freed by the handlers
 * that allocated it, even if they have been replaced since.
 */
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <ndshm/adapter.h>

#include "handle.h"
#include "mapping.h"
#include "parameters.h"

/* Bytes to clear between two reschedules. */
#define ZERO_AT_ONCE	SZ_1M

/* Add the segments with DMA addresses, in the provider's order. */
static int ndis_add_segments(struct ndshm_segment_list *to,
			     const struct ndshm_ndis_memory *memory)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < memory->count && !ret; i++)
		ret = ndshm_list_add(to, memory->chunks[i].address,
				     memory->chunks[i].length);
	return ret;
}

static NDIS_STATUS ndis_take_over(struct ndshm_ndis_memory *memory,
				  struct ndshm_parameters *parameters,
				  const SCATTER_GATHER_LIST *list, ULONG capacity,
				  ULONG length)
{
	struct device *device = parameters->device;
	int ret = ndshm_ndis_map(memory, device, list, capacity, length);

	/*
	 * Invalid list: return no segments. The core rejects that as a bad reply, and
	 * warns.
	 */
	if (ret == -EINVAL)
		return NDIS_STATUS_SUCCESS;
	if (ret)
		return NDIS_STATUS_RESOURCES;
	if (!ndis_add_segments(parameters->list, memory))
		return NDIS_STATUS_SUCCESS;
	ndshm_ndis_unmap(memory);
	return NDIS_STATUS_RESOURCES;
}

/*
 * Clear memory for a client: the handlers need not. Must precede the DMA mapping:
 * afterwards the device may write to the memory.
 */
static bool ndis_is_zero(void *memory, ULONG length)
{
	ULONG part;

	if (!memory)
		return false;
	for (; length; length -= part, memory += part) {
		part = min_t(ULONG, length, ZERO_AT_ONCE);
		memset(memory, 0, part);
		cond_resched();
	}
	return true;
}

/* The handlers may be replaced while they run, so the block keeps its own. */
static NDIS_STATUS ndis_call_handler(struct ndshm_ndis *ndis, struct ndshm_ndis_memory *memory,
				     struct ndshm_parameters *parameters,
				     SCATTER_GATHER_LIST *list, ULONG capacity,
				     NDIS_SHARED_MEMORY_PARAMETERS *p)
{
	NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS handlers;
	const ULONG length = p->Length;
	NDIS_STATUS status;

	spin_lock_irq(&ndis->lock);
	handlers = ndis->handlers;
	spin_unlock_irq(&ndis->lock);
	memory->provider = handlers.ProviderContext;
	memory->free = handlers.FreeSharedMemoryHandler;
	p->SGListBuffer = list;
	p->SGListBufferLength = struct_size(list, Elements, capacity);
	list->NumberOfElements = capacity;
	status = handlers.AllocateSharedMemoryHandler(memory->provider, p, &memory->context);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	parameters->virtual_address = p->VirtualAddress;
	/* Kernel callers clear memory themselves, as with NDIS. */
	if (parameters->no_kernel_mapping && !ndis_is_zero(p->VirtualAddress, length))
		status = NDIS_STATUS_RESOURCES;
	else
		status = ndis_take_over(memory, parameters, list, capacity, length);
	if (status != NDIS_STATUS_SUCCESS)
		memory->free(memory->provider, memory->context);
	return status;
}

static ndshm_status_t ndis_handler_allocate(void *provider_context,
					    struct ndshm_parameters *parameters,
					    void **context)
{
	struct ndshm_ndis *ndis = provider_context;
	NDIS_SHARED_MEMORY_PARAMETERS p;
	SCATTER_GATHER_LIST *list;
	NDIS_STATUS status;
	struct ndshm_ndis_memory *memory;
	ULONG capacity;

	status = ndshm_ndis_from_native(&p, parameters);
	if (status != NDIS_STATUS_SUCCESS)
		return (__force ndshm_status_t)status;
	/* One element for each page, as NDIS callers do; one if contiguous. */
	capacity = p.Flags & NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS ?
		   1 : BYTES_TO_PAGES(p.Length);
	memory = kzalloc(sizeof(*memory), NDSHM_GFP_CHARGED);
	if (!memory)
		return NDSHM_STATUS_RESOURCES;
	status = NDIS_STATUS_RESOURCES;
	list = kvzalloc(struct_size(list, Elements, capacity),
			NDSHM_GFP_CHARGED);
	if (!list)
		goto out_memory;
	status = ndis_call_handler(ndis, memory, parameters, list, capacity, &p);
	kvfree(list);
	if (status == NDIS_STATUS_SUCCESS) {
		*context = memory;
		return NDSHM_STATUS_SUCCESS;
	}
out_memory:
	kfree(memory);
	return (__force ndshm_status_t)status;
}

static void ndis_handler_free(void *provider_context, void *context)
{
	struct ndshm_ndis_memory *memory = context;

	ndshm_ndis_unmap(memory);
	memory->free(memory->provider, memory->context);
	kfree(memory);
}

/*
 * Register the provider with the core. If it is registered, its handlers were replaced:
 * update its flags in the core.
 */
static ndshm_reason_t ndis_register_provider(struct ndshm_ndis *ndis, ULONG flags)
{
	const enum ndshm_scope scope = ndis->adapter ? NDSHM_SCOPE_ADAPTER :
						       NDSHM_SCOPE_MACHINE;
	const struct ndshm_provider_characteristics characteristics = {
		.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
		.flags = flags,
		.provider_context = ndis,
		.allocate = ndis_handler_allocate,
		.free = ndis_handler_free,
	};
	const struct ndshm_provider_ops ops = {
		.name = ndis->name,
		.owner = ndis->owner,
		.flags = ndis->provider_flags,
	};
	struct ndshm_provider *provider;
	ndshm_reason_t reason;

	if (ndis->provider) {
		ndshm_provider_replace(ndis->provider, &characteristics, &ops,
				       &reason);
		return reason;
	}
	provider = ndshm_provider_register(&characteristics, &ops, scope,
					   ndis->adapter, &reason);
	if (!IS_ERR(provider))
		ndis->provider = provider;
	return reason;
}

static void ndis_set_handlers(struct ndshm_ndis *ndis,
			      const NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS *c)
{
	spin_lock_irq(&ndis->lock);
	ndis->handlers = *c;
	spin_unlock_irq(&ndis->lock);
}

/*
 * The first handlers must be in place before the core can call them; others must not be before the
 * core has accepted them.
 */
static NDIS_STATUS
ndis_install(struct ndshm_ndis *ndis,
	     const NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS *c)
{
	const bool first = !ndis->provider;
	ndshm_reason_t reason;

	lockdep_assert_held(&ndis->register_lock);

	/* ndshm_ndis_close() sets this before it takes the lock. */
	if (ndshm_ndis_closing(ndis))
		return NDIS_STATUS_FAILURE;
	if (first)
		ndis_set_handlers(ndis, c);
	reason = ndis_register_provider(ndis, c->Flags);
	if (!first && reason == NDSHM_REASON_NONE)
		ndis_set_handlers(ndis, c);
	return ndshm_ndis_registration_status(reason);
}

NDIS_STATUS
NdisSetOptionalHandlers(NDIS_HANDLE NdisHandle,
			PNDIS_DRIVER_OPTIONAL_HANDLERS OptionalHandlers)
{
	struct ndshm_ndis *ndis = ndshm_ndis_of(NdisHandle);
	NDIS_STATUS status;

	might_sleep();

	if (!ndis || !OptionalHandlers ||
	    !ndshm_ndis_characteristics_valid(OptionalHandlers))
		return NDIS_STATUS_FAILURE;
	mutex_lock(&ndis->register_lock);
	status = ndis_install(ndis,
			      container_of(&OptionalHandlers->Header,
					   NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS,
					   Header));
	mutex_unlock(&ndis->register_lock);
	return status;
}
EXPORT_SYMBOL_GPL(NdisSetOptionalHandlers);

int ndshm_ndis_serve_clients(NDIS_HANDLE handle)
{
	struct ndshm_ndis *ndis = ndshm_ndis_of(handle);
	int ret = -EBUSY;

	might_sleep();

	if (!ndis)
		return -EINVAL;
	mutex_lock(&ndis->register_lock);
	if (!ndis->provider) {
		ndis->provider_flags = NDSHM_PROVIDER_OPEN;
		ret = 0;
	}
	mutex_unlock(&ndis->register_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(ndshm_ndis_serve_clients);

/*
 * Both functions are called without register_lock: they wait for running handlers, which may
 * call NdisSetOptionalHandlers().
 */

void ndshm_ndis_provider_revoke(struct ndshm_ndis *ndis)
{
	/* No block is left of which an owner could keep the memory. */
	if (ndis->provider)
		WARN_ON(ndshm_provider_revoke(ndis->provider));
	ndis->provider = NULL;
}

bool ndshm_ndis_provider_unregister(struct ndshm_ndis *ndis)
{
	if (ndis->provider &&
	    ndshm_provider_unregister(ndis->provider, NULL))
		return false;
	ndis->provider = NULL;
	return true;
}
