// SPDX-License-Identifier: GPL-2.0
/*
 * A provider with NDIS's handlers. To the core it is one as any other; each block
 * keeps the handlers that made it.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/refcount.h>
#include <linux/slab.h>

#include "handle.h"
#include "parameters.h"

/**
 * struct ndshm_ndis_registration - one set of handlers
 * @references: the handle's, while it is the current one; one each block's
 * @context: first argument of both
 * @allocate: makes memory
 * @free: takes it back
 */
struct ndshm_ndis_registration {
	refcount_t references;
	NDIS_HANDLE context;
	ALLOCATE_SHARED_MEMORY_HANDLER allocate;
	FREE_SHARED_MEMORY_HANDLER free;
};

/* What the core gets for a block's context. */
struct made {
	struct ndshm_ndis_registration *registration;
	NDIS_HANDLE context;
};

static void put(struct ndshm_ndis_registration *registration)
{
	if (registration && refcount_dec_and_test(&registration->references))
		kfree(registration);
}

static struct ndshm_ndis_registration *newest(struct ndshm_ndis *ndis)
{
	struct ndshm_ndis_registration *registration;

	spin_lock_irq(&ndis->lock);
	registration = ndis->registration;
	refcount_inc(&registration->references);
	spin_unlock_irq(&ndis->lock);
	return registration;
}

/* The next registration, or NULL; whose reference is the caller's. */
static struct ndshm_ndis_registration *
exchange(struct ndshm_ndis *ndis, struct ndshm_ndis_registration *next)
{
	struct ndshm_ndis_registration *last;

	spin_lock_irq(&ndis->lock);
	last = ndis->registration;
	ndis->registration = next;
	spin_unlock_irq(&ndis->lock);
	return last;
}

/*
 * The core finds out what does not fit together, and gives it back; what is beyond the
 * list is not there to be looked at.
 */
static int add_segments(struct ndshm_segment_list *to,
			const SCATTER_GATHER_LIST *from, ULONG capacity)
{
	ULONG i, count = from->NumberOfElements;
	int ret = 0;

	if (count > capacity)
		return 0;
	for (i = 0; i < count && !ret; i++)
		ret = ndshm_list_add(to, from->Elements[i].Address.QuadPart,
				     from->Elements[i].Length);
	return ret;
}

static NDIS_STATUS call_handler(struct made *made,
				struct ndshm_parameters *parameters,
				SCATTER_GATHER_LIST *list, ULONG capacity,
				NDIS_SHARED_MEMORY_PARAMETERS *p)
{
	struct ndshm_ndis_registration *registration = made->registration;
	NDIS_STATUS status;

	p->SGListBuffer = list;
	p->SGListBufferLength = struct_size(list, Elements, capacity);
	list->NumberOfElements = capacity;
	status = registration->allocate(registration->context, p,
					&made->context);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	parameters->virtual_address = p->VirtualAddress;
	if (!add_segments(parameters->list, list, capacity))
		return NDIS_STATUS_SUCCESS;
	registration->free(registration->context, made->context);
	return NDIS_STATUS_RESOURCES;
}

static ndshm_status_t allocate(void *provider_context,
			       struct ndshm_parameters *parameters,
			       void **context)
{
	struct ndshm_ndis *ndis = provider_context;
	NDIS_SHARED_MEMORY_PARAMETERS p;
	SCATTER_GATHER_LIST *list;
	NDIS_STATUS status;
	struct made *made;
	ULONG capacity;

	status = ndshm_ndis_from_native(&p, parameters);
	if (status != NDIS_STATUS_SUCCESS)
		return (__force ndshm_status_t)status;
	/* An element a page, as callers do; one that is contiguous is one. */
	capacity = p.Flags & NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS ?
		   1 : BYTES_TO_PAGES(p.Length);
	made = kzalloc(sizeof(*made), NDSHM_GFP_CHARGED);
	if (!made)
		return NDSHM_STATUS_RESOURCES;
	status = NDIS_STATUS_RESOURCES;
	list = kvzalloc(struct_size(list, Elements, capacity),
			NDSHM_GFP_CHARGED);
	if (!list)
		goto out_made;
	made->registration = newest(ndis);
	status = call_handler(made, parameters, list, capacity, &p);
	kvfree(list);
	if (status == NDIS_STATUS_SUCCESS) {
		*context = made;
		return NDSHM_STATUS_SUCCESS;
	}
	put(made->registration);
out_made:
	kfree(made);
	return (__force ndshm_status_t)status;
}

static void take_back(void *provider_context, void *context)
{
	struct made *made = context;

	made->registration->free(made->registration->context, made->context);
	put(made->registration);
	kfree(made);
}

/* The core's own registration: what changes with ours are the flags it shows. */
static ndshm_reason_t tell_core(struct ndshm_ndis *ndis, ULONG flags)
{
	const struct ndshm_provider_characteristics characteristics = {
		.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
		.flags = flags,
		.provider_context = ndis,
		.allocate = allocate,
		.free = take_back,
	};
	const struct ndshm_provider_ops ops = {
		.name = ndis->name,
		.owner = ndis->owner,
	};

	return ndshm_provider_register(&characteristics, &ops,
				       ndis->adapter ? NDSHM_SCOPE_ADAPTER :
						       NDSHM_SCOPE_MACHINE,
				       ndis->adapter, &ndis->provider);
}

/* Its handlers have to be there when the core can call, and no sooner otherwise. */
static ndshm_reason_t
publish(struct ndshm_ndis *ndis, struct ndshm_ndis_registration *registration,
	ULONG flags)
{
	bool first = !ndis->provider;
	ndshm_reason_t reason;

	lockdep_assert_held(&ndis->register_lock);

	if (first)
		exchange(ndis, registration);
	reason = tell_core(ndis, flags);
	if (reason == NDSHM_REASON_NONE) {
		if (!first)
			put(exchange(ndis, registration));
	} else {
		if (first)
			exchange(ndis, NULL);
		put(registration);
	}
	return reason;
}

static NDIS_STATUS
set_handlers(struct ndshm_ndis *ndis,
	     const NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS *c)
{
	struct ndshm_ndis_registration *registration;

	/* Who closes sets it before it waits for the lock. */
	if (READ_ONCE(ndis->closing))
		return NDIS_STATUS_FAILURE;
	registration = kzalloc(sizeof(*registration), GFP_KERNEL);
	if (!registration)
		return NDIS_STATUS_RESOURCES;
	refcount_set(&registration->references, 1);
	registration->context = c->ProviderContext;
	registration->allocate = c->AllocateSharedMemoryHandler;
	registration->free = c->FreeSharedMemoryHandler;
	return ndshm_ndis_registration_status(publish(ndis, registration,
						      c->Flags));
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
	status = set_handlers(ndis,
			      container_of(&OptionalHandlers->Header,
					   NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS,
					   Header));
	mutex_unlock(&ndis->register_lock);
	return status;
}
EXPORT_SYMBOL_GPL(NdisSetOptionalHandlers);

bool ndshm_ndis_provider_end(struct ndshm_ndis *ndis)
{
	/* Not under the lock: a handler that runs may want to register. */
	if (ndis->provider &&
	    ndshm_provider_unregister(ndis->provider) != NDSHM_REASON_NONE)
		return false;
	ndis->provider = NULL;
	put(exchange(ndis, NULL));
	return true;
}
