// SPDX-License-Identifier: GPL-2.0
/* Blocks: allocation through a provider, sync, free and revocation. */
#include <linux/bits.h>
#include <linux/cred.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "../adapter/adapter.h"
#include "../base/deferred.h"
#include "../base/params.h"
#include "../base/trace.h"
#include "../registration/provider.h"
#include "block.h"
#include "members.h"

unsigned long ndshm_max_block_bytes = SZ_4G;
module_param_named(max_block_bytes, ndshm_max_block_bytes, ulong, 0644);
MODULE_PARM_DESC(max_block_bytes, "Longest block (bytes)");

/*
 * Segments
 */

int ndshm_list_grow(struct ndshm_segment_list *list)
{
	struct ndshm_segment *more;
	u32 capacity;

	/* A list with room for one segment is part of the block. */
	if (check_mul_overflow(list->capacity, 2U, &capacity))
		return -ENOMEM;
	more = kvmalloc_array(capacity, sizeof(*more), NDSHM_GFP_CHARGED);
	if (!more)
		return -ENOMEM;
	memcpy(more, list->segments, list->count * sizeof(*more));
	if (list->capacity > 1)
		kvfree(list->segments);
	list->segments = more;
	list->capacity = capacity;
	return 0;
}
EXPORT_SYMBOL_GPL(ndshm_list_grow);

/*
 * Life
 */

/* Out of line, because the arguments of a tracepoint are evaluated while it is disabled. */
static noinline void block_trace_call(const struct ndshm_block *block, u32 handler, u64 bytes)
{
	trace_ndshm_provider_call(handler, block->registration->provider->entry.id,
				  block->adapter->entry.id, bytes);
}

static noinline void block_trace_answer(const struct ndshm_block *block, u32 handler,
					ndshm_status_t status, u64 start)
{
	trace_ndshm_provider_answer(handler, block->registration->provider->entry.id,
				    block->adapter->entry.id, status, start);
}

static noinline void block_trace_alloc(const struct ndshm_block *block)
{
	trace_ndshm_block_alloc(block->object.id, block->adapter->entry.id,
				block->registration->provider->entry.id, block->consumed,
				block->uid, block->pid);
}

static noinline void block_trace_free(const struct ndshm_block *block)
{
	trace_ndshm_block_free(block->object.id, block->adapter->entry.id,
			       block->registration->provider->entry.id, block->consumed,
			       block->uid, block->pid);
}

/* Call the free handler. */
static inline void block_call_free(const struct ndshm_block *block)
{
	const struct ndshm_provider_characteristics *c = &block->registration->characteristics;
	const u64 start = ndshm_trace_start();

	if (trace_ndshm_provider_call_enabled())
		block_trace_call(block, NDSHM_TRACE_FREE, block->consumed);
	c->free(c->provider_context, block->context);
	if (trace_ndshm_provider_answer_enabled())
		block_trace_answer(block, NDSHM_TRACE_FREE, NDSHM_STATUS_SUCCESS, start);
}

/* Return: false if the memory is or was freed by another caller. */
static bool block_free_memory(struct ndshm_block *block)
{
	struct module *owner = block->registration->provider->owner;

	if (!xchg(&block->has_memory, false))
		return false;
	ndshm_block_clear_mapping(block);
	block_call_free(block);
	ndshm_uncharge(&block->charge);
	ndshm_block_remove_from_sets(block);
	module_put(owner);
	return true;
}

static struct kmem_cache *block_cache;

static bool block_cached(const struct ndshm_registration *registration, bool has_callback)
{
	return registration->context_size <= NDSHM_BLOCK_CACHED_BYTES && !has_callback;
}

static void block_free(struct ndshm_block *block)
{
	const bool cached = block_cached(block->registration, block->revoke_cb);

	if (block->segment_count > 1)
		kvfree(block->segments);
	ndshm_registration_put(block->registration);
	if (block->claim)
		ndshm_claim_put(block->claim);
	if (block->queue)
		ndshm_queue_put(block->queue);
	ndshm_adapter_put(block->adapter);
	put_pid(block->pid);
	ndshm_object_fini(&block->object);
	if (cached)
		kmem_cache_free(block_cache, block);
	else
		kfree(block);
}

static void block_release(struct ndshm_object *object)
{
	struct ndshm_block *block = ndshm_block_of(object);

	ndshm_block_table_remove(block);
	block_free_memory(block);
	if (trace_ndshm_block_free_enabled())
		block_trace_free(block);
	block_free(block);
}

static unsigned long block_pfn(struct ndshm_object *object, pgoff_t index,
			       unsigned long *count, pgprot_t *prot)
{
	struct ndshm_block *block = ndshm_block_of(object);
	struct ndshm_registration *registration = block->registration;

	return registration->pfn(registration->characteristics.provider_context,
				 block->context, index, count, prot);
}

static int block_access(struct ndshm_object *object, u64 offset, void *buffer, int length,
			bool write)
{
	void *memory = ndshm_block_of(object)->virtual_address;

	if (!memory)
		return 0;
	/* A read of memory that has failed must not end in a panic. */
	if (!write)
		return copy_mc_to_kernel(buffer, memory + offset, length) ? 0 : length;
	memcpy(memory + offset, buffer, length);
	return length;
}

static struct page *block_page(struct ndshm_object *object, pgoff_t index)
{
	return object->revoked ? NULL : ndshm_block_page(ndshm_block_of(object), index);
}

/* Bytes that are synchronised with the spinlock held. */
#define SYNC_STEP	SZ_256K

/* While @state_lock is held and the object is not revoked, the block has its memory. */
static ndshm_reason_t block_sync(struct ndshm_object *object, u32 direction, u64 offset,
				 u64 length)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	u64 step;

	/* A killed caller gets no reply, so the reason does not matter. */
	for (; length && reason == NDSHM_REASON_NONE &&
	     !fatal_signal_pending(current); offset += step, length -= step) {
		step = min_t(u64, length, SYNC_STEP);
		spin_lock(&object->state_lock);
		if (object->revoked)
			reason = NDSHM_REASON_BLOCK_REVOKED;
		else
			ndshm_block_sync(ndshm_block_of(object), direction, offset, step);
		spin_unlock(&object->state_lock);
		cond_resched();
	}
	return reason;
}

static void block_release_work(struct work_struct *work)
{
	struct ndshm_block *block = container_of(work, struct ndshm_block,
						 work);

	block_release(&block->object);
	ndshm_deferred_end();
}

static void block_release_async(struct ndshm_object *object)
{
	struct ndshm_block *block = ndshm_block_of(object);

	INIT_WORK(&block->work, block_release_work);
	ndshm_deferred_free(&block->work);
}

const struct ndshm_object_ops ndshm_block_ops = {
	.kind = "block",
	.max_mappings = NDSHM_MAX_MAPPINGS,
	.pfn = block_pfn,
	.access = block_access,
	.page = block_page,
	.wait_faults = ndshm_block_wait_faults,
	.sync = block_sync,
	.release = block_release,
	.release_async = block_release_async,
};

struct ndshm_block *ndshm_block_get(struct ndshm_block *block)
{
	refcount_inc(&block->object.references);
	return block;
}
EXPORT_SYMBOL_GPL(ndshm_block_get);

void ndshm_block_put(struct ndshm_block *block)
{
	ndshm_object_put_async(&block->object);
}
EXPORT_SYMBOL_GPL(ndshm_block_put);

const struct ndshm_segment *ndshm_block_segments(const struct ndshm_block *block,
						 u32 *count)
{
	*count = block->segment_count;
	return ndshm_block_segment(block, 0);
}
EXPORT_SYMBOL_GPL(ndshm_block_segments);

/* Return: the reason for which the set of the user is closed. */
static ndshm_reason_t blockset_closed_reason(const struct ndshm_adapter *adapter,
					     const struct ndshm_claim *claim,
					     const struct ndshm_queue *queue)
{
	if (claim && !ndshm_blockset_killed(&adapter->set))
		return NDSHM_REASON_CLAIM_MISSING;
	return ndshm_queue_closed_reason(queue);
}

/* Return: why a set that the block is in is closed; NONE if none is. */
static ndshm_reason_t block_closed_reason(const struct ndshm_block *block)
{
	if (ndshm_blockset_killed(ndshm_block_user(block)) ||
	    ndshm_blockset_killed(&block->adapter->set))
		return blockset_closed_reason(block->adapter, block->claim,
					      block->queue);
	if (ndshm_blockset_killed(&block->registration->provider->set))
		return NDSHM_REASON_PROVIDER_CLOSING;
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_block_enable_revoke_cb(struct ndshm_block *block)
{
	if (block->revoke_cb ? ndshm_revoke_cb_enable(block->revoke_cb) :
			       !READ_ONCE(block->object.revoked))
		return NDSHM_REASON_NONE;
	return block_closed_reason(block) ?: NDSHM_REASON_BLOCK_REVOKED;
}

/*
 * Pass the caller's reference to the revocation, which drops it. Return: false if the
 * memory is being or was freed.
 */
static bool block_pass_reference(struct ndshm_block *block)
{
	WRITE_ONCE(block->adopted, true);
	/* Pairs with xchg() in block_free_memory(). */
	smp_mb();
	return READ_ONCE(block->has_memory) || !xchg(&block->adopted, false);
}

void ndshm_block_free(struct ndshm_block *block, bool in_use)
{
	might_sleep();

	if (block->revoke_cb)
		ndshm_revoke_cb_cancel_sync(block->revoke_cb);
	if (!in_use || !block->claim || !block_pass_reference(block))
		ndshm_block_put_sync(block);
}

void ndshm_free(struct ndshm_block *block)
{
	if (block)
		ndshm_block_free(block, false);
}
EXPORT_SYMBOL_GPL(ndshm_free);

bool ndshm_block_unmap(struct ndshm_block *block)
{
	ndshm_active_kill(&block->packets);
	return ndshm_object_revoke(&block->object);
}

/* Return: false if the owner keeps the memory. */
static bool block_run_revoke_cb(struct ndshm_block *block)
{
	if (!block->revoke_cb)
		return true;
	trace_ndshm_revoke_wait(ndshm_block_ops.kind, block->object.id, NDSHM_TRACE_CALLBACK, 0,
				block->revoke_cb->function);
	return ndshm_revoke_cb_run(block->revoke_cb, block);
}

bool ndshm_block_revoke(struct ndshm_block *block)
{
	unsigned int packets;

	/* The memory of an owner that keeps it is freed with the last reference. */
	if (!block_run_revoke_cb(block))
		return false;
	packets = ndshm_active_count(&block->packets);
	if (packets)
		trace_ndshm_revoke_wait(ndshm_block_ops.kind, block->object.id, NDSHM_TRACE_PACKETS,
					packets, NULL);
	ndshm_active_drain(&block->packets);
	if (!block_free_memory(block))
		return false;
	trace_ndshm_block_revoked(block->object.id, block->adapter->entry.id,
				  block->registration->provider->entry.id, block->consumed,
				  block->uid, block->pid);
	/* Not the reference of the caller, but that of block_pass_reference(). */
	if (xchg(&block->adopted, false))
		ndshm_block_put_sync(block);
	return true;
}

void ndshm_block_end(struct ndshm_block *block, bool in_use)
{
	ndshm_block_unmap(block);
	/* Else the memory is freed with the claim, or with the last reference. */
	if ((!in_use || !block->claim) && ndshm_active_drain_killable(&block->packets))
		ndshm_block_revoke(block);
}

bool ndshm_block_lose_memory(struct ndshm_block *block)
{
	if (!xchg(&block->has_memory, false))
		return false;
	pr_warn_ratelimited("ndshm: provider %s: block %u of adapter %s is used after the removal, so its memory is lost; callback %ps\n",
			    block->registration->provider->entry.name, block->object.id,
			    block->adapter->entry.name,
			    block->revoke_cb ? block->revoke_cb->function : NULL);
	ndshm_block_clear_mapping(block);
	ndshm_block_remove_from_sets(block);
	return true;
}

void ndshm_block_sync(struct ndshm_block *block, u32 direction, u64 offset,
		      u64 length)
{
	const struct ndshm_registration *registration = block->registration;

	if (registration->sync)
		registration->sync(registration->characteristics.provider_context,
				   block->context,
				   direction == NDSHM_SYNC_FOR_DEVICE, offset,
				   length);
}

int ndshm_sync(struct ndshm_block *block, u32 direction, u64 offset, u64 length,
	       ndshm_reason_t *out)
{
	ndshm_reason_t reason = ndshm_check_sync(direction, offset, length,
						 block->object.length);

	if (reason == NDSHM_REASON_NONE &&
	    !READ_ONCE(block->has_memory))
		reason = NDSHM_REASON_BLOCK_REVOKED;
	if (reason == NDSHM_REASON_NONE)
		ndshm_block_sync(block, direction, offset, length);
	return ndshm_reason_report(reason, out);
}
EXPORT_SYMBOL_GPL(ndshm_sync);

/*
 * Making
 */

/**
 * struct handler_call - an allocation from entering to leaving the sets
 * @parameters: copy for the allocate handler, which can change it
 * @allocation: claim, account and queue
 * @registration: holds a reference; its owner is pinned
 * @bound: bytes that a block takes at most
 * @user: set of the claim, the queue or the adapter
 * @block: the block being allocated
 */
struct handler_call {
	struct ndshm_parameters parameters;
	const struct ndshm_allocation *allocation;
	struct ndshm_registration *registration;
	u64 bound;
	struct ndshm_blockset *user;
	struct ndshm_block *block;
};

#define handler_call_of(p) container_of(p, struct handler_call, parameters)

bool ndshm_allocation_unwanted(const struct ndshm_parameters *parameters)
{
	const struct handler_call *call = handler_call_of(parameters);
	const bool *aborted = call->allocation->aborted;

	if (block_closed_reason(call->block) != NDSHM_REASON_NONE)
		return true;
	return aborted ? READ_ONCE(*aborted) : fatal_signal_pending(current);
}
EXPORT_SYMBOL_GPL(ndshm_allocation_unwanted);

/* Take over a list whose initial room is @block->only. */
static void block_set_segments(struct ndshm_block *block, const struct ndshm_segment_list *list)
{
	block->segment_count = list->count;
	if (list->capacity == 1)
		return;
	if (list->count > 1) {
		block->segments = list->segments;
		return;
	}
	/* The handler began again after it had added several. */
	block->only = list->segments[0];
	kvfree(list->segments);
}

/* Call the allocate handler with a copy of @requested, and check its reply against @requested. */
static ndshm_reason_t block_alloc_memory(struct handler_call *call,
					 const struct ndshm_parameters *requested)
{
	struct ndshm_registration *registration = call->registration;
	struct ndshm_parameters *p = &call->parameters;
	struct ndshm_block *block = call->block;
	const struct ndshm_provider_characteristics *c =
		&registration->characteristics;
	struct ndshm_segment_list list = {
		.capacity = 1, .segments = &block->only,
	};
	ndshm_status_t status;
	ndshm_reason_t reason;
	u64 start;

	*p = *requested;
	p->device = requested->adapter->device;
	p->first_index = call->allocation->first_index;
	if (requested->list && !p->most_segments)
		p->most_segments = requested->list->capacity;
	p->list = &list;
	/* A handler need not set these. */
	p->consumed = 0;
	p->needs_sync = false;
	start = ndshm_trace_start();
	if (trace_ndshm_provider_call_enabled())
		block_trace_call(block, NDSHM_TRACE_ALLOCATE, requested->length);
	status = c->allocate(c->provider_context, p, &block->context);
	if (trace_ndshm_provider_answer_enabled())
		block_trace_answer(block, NDSHM_TRACE_ALLOCATE, status, start);
	reason = ndshm_check_reply(status, requested, &list, p->consumed);
	block_set_segments(block, &list);
	if (reason == NDSHM_REASON_PROVIDER_UNDOCUMENTED)
		ndshm_provider_warn_once(registration->provider, NDSHM_WARNING_STATUS,
					 "undocumented status");
	/* A handler returns RESOURCES when a set is closed. */
	if (reason == NDSHM_REASON_PROVIDER_RESOURCES)
		reason = block_closed_reason(block) ?: reason;
	if (status != NDSHM_STATUS_SUCCESS)
		return reason;

	block->virtual_address = p->virtual_address;
	block->needs_sync = p->needs_sync;
	block->consumed = p->consumed ?: PAGE_ALIGN(requested->length);
	if (reason == NDSHM_REASON_NONE && p->needs_sync && !registration->sync)
		reason = NDSHM_REASON_PROVIDER_BAD_REPLY;
	if (reason == NDSHM_REASON_PROVIDER_BAD_REPLY)
		ndshm_provider_warn_once(registration->provider, NDSHM_WARNING_BAD_REPLY,
					 "success, but with what does not fit");
	if (reason != NDSHM_REASON_NONE)
		block_call_free(block);
	return reason;
}

/* Copy the segments if @list has room for any; set the count. */
static void block_fill_segments(const struct ndshm_block *block,
				struct ndshm_segment_list *list)
{
	list->count = block->segment_count;
	if (list->capacity)
		memcpy(list->segments, ndshm_block_segment(block, 0),
		       list->count * sizeof(*list->segments));
}

static struct ndshm_block *block_alloc(const struct ndshm_parameters *p,
				       const struct handler_call *call)
{
	const struct ndshm_allocation *allocation = call->allocation;
	struct ndshm_registration *registration = call->registration;
	const bool mappable = ndshm_registration_mappable(registration);
	const size_t size = sizeof(struct ndshm_block) + ALIGN(registration->context_size, 8);
	struct ndshm_block *block;

	if (block_cached(registration, p->revoked))
		block = kmem_cache_zalloc(block_cache, NDSHM_GFP_CHARGED);
	else
		block = kzalloc(p->revoked ? size + sizeof(*block->revoke_cb) : size,
				NDSHM_GFP_CHARGED);
	if (!block)
		return NULL;
	if (registration->context_size)
		block->context = block->provider_bytes;
	/* What can be mapped is whole pages; other memory may end where the request did. */
	ndshm_object_init(&block->object, &ndshm_block_ops,
			  mappable ? PAGE_ALIGN(p->length) : p->length);
	if (allocation->account)
		block->pid = get_pid(task_tgid(current));
	block->uid = allocation->account ? allocation->account->cred->euid : current_euid();
	block->adapter = ndshm_adapter_get(p->adapter);
	if (allocation->claim)
		block->claim = ndshm_claim_get(allocation->claim);
	if (allocation->queue)
		block->queue = ndshm_queue_get(allocation->queue);
	refcount_inc(&registration->references);
	block->registration = registration;
	block->object.frames = !registration->page;
	block->object.unmappable = !mappable;
	block->object.dumped = allocation->dumped;
	ndshm_active_init(&block->packets);
	block->flags = p->flags;
	block->usage = p->usage;
	block->preferred_node = p->preferred_node;
	block->tag = p->tag;
	block->first_index = allocation->first_index;
	block->of_section = allocation->of_section;
	if (p->revoked) {
		block->revoke_cb = (void *)block + size;
		/* The block of a request has no owner before ndshm_block_enable_revoke_cb(). */
		ndshm_revoke_cb_init(block->revoke_cb, !allocation->aborted);
		block->revoke_cb->function = p->revoked;
		block->revoke_cb->context = p->revoked_context;
	}
	return block;
}

static ndshm_reason_t block_alloc_one(struct ndshm_parameters *p, struct handler_call *call,
				      struct ndshm_charge *charge, struct ndshm_block **out)
{
	struct ndshm_registration *registration = call->registration;
	struct ndshm_block *block = block_alloc(p, call);
	ndshm_reason_t reason;

	if (!block)
		return NDSHM_REASON_MEMORY;
	call->block = block;
	ndshm_charge_split(&block->charge, charge, call->bound);
	reason = block_alloc_memory(call, p);
	if (reason != NDSHM_REASON_NONE)
		goto err_charge;
	if (block->consumed != call->bound)
		reason = ndshm_recharge(&block->charge, block->consumed);
	if (reason == NDSHM_REASON_NONE && p->list && p->list->capacity &&
	    block->segment_count > p->list->capacity) {
		p->list->count = block->segment_count;
		reason = NDSHM_REASON_LIST_SHORT;
	}
	if (reason != NDSHM_REASON_NONE)
		goto err_memory;
	__module_get(registration->provider->owner);
	block->charged = block->charge.account;
	if (!ndshm_block_publish(block))
		reason = block_closed_reason(block);
	if (reason != NDSHM_REASON_NONE)
		goto err_module;
	if (trace_ndshm_block_alloc_enabled())
		block_trace_alloc(block);
	if (p->list)
		block_fill_segments(block, p->list);
	p->shared_memory_handle = block->object.id;
	p->virtual_address = block->virtual_address;
	p->consumed = block->consumed;
	p->needs_sync = block->needs_sync;
	*out = block;
	return NDSHM_REASON_NONE;

err_module:
	module_put(registration->provider->owner);
err_memory:
	block_call_free(block);
err_charge:
	ndshm_uncharge(&block->charge);
	block_free(block);
	return reason;
}

ndshm_reason_t ndshm_blocks_alloc(struct ndshm_parameters *p,
				  const struct ndshm_allocation *allocation,
				  struct ndshm_block **blocks, u32 count)
{
	struct ndshm_charge charge = {};
	ndshm_reason_t reason = NDSHM_REASON_NONE, charged = reason;
	/* The parameters are set for each block. */
	struct handler_call call __uninitialized;
	u32 i;

	call.bound = ndshm_upper_bound(p->length);
	/* Can wait, so it must precede entering: closing a set waits for allocations inside. */
	if (allocation->account)
		charged = ndshm_charge(&charge, allocation->account, count * call.bound);
	call.allocation = allocation;
	call.user = allocation->claim ? &allocation->claim->set :
		    allocation->queue ? &allocation->queue->set : &p->adapter->set;
	if (!ndshm_blockset_get_active(call.user)) {
		reason = blockset_closed_reason(p->adapter, allocation->claim, allocation->queue);
		goto out_charge;
	}
	reason = ndshm_provider_begin(p->provider, p->adapter,
				      &call.registration);
	if (reason != NDSHM_REASON_NONE) {
		ndshm_blockset_put_active(call.user);
		goto out_charge;
	}

	/* The reason of a closed set takes precedence over that of a limit. */
	reason = charged;
	for (i = 0; i < count && reason == NDSHM_REASON_NONE; i++)
		reason = block_alloc_one(p, &call, &charge, &blocks[i]);

	/* First: an owner without allocations inside can be unloaded. */
	module_put(call.registration->provider->owner);
	ndshm_blockset_put_active(&call.registration->provider->set);
	ndshm_blockset_put_active(call.user);
	/* Last: the registration holds the provider. */
	ndshm_registration_put(call.registration);
	/* Block i - 1 was not allocated. Outside of the sets no removal waits for this. */
	for (; reason != NDSHM_REASON_NONE && i > 1; i--)
		ndshm_block_put_sync(blocks[i - 2]);
out_charge:
	ndshm_uncharge(&charge);
	return reason;
}

ndshm_reason_t ndshm_block_alloc_queue(struct ndshm_parameters *p, const bool *aborted,
				       struct ndshm_block **block)
{
	struct ndshm_allocation allocation = { .aborted = aborted };
	ndshm_reason_t reason;

	if (p->queue_id || p->vport_id) {
		reason = ndshm_queue_get_active(p->adapter, p->queue_id, p->vport_id,
						&allocation.queue);
		if (reason != NDSHM_REASON_NONE)
			return reason;
	}
	reason = ndshm_blocks_alloc(p, &allocation, block, 1);
	if (allocation.queue) {
		ndshm_blockset_put_active(&allocation.queue->set);
		ndshm_queue_put(allocation.queue);
	}
	return reason;
}

/* @p: of the latest revision */
static ndshm_reason_t block_alloc_kernel(struct ndshm_parameters *p, struct ndshm_block **block)
{
	ndshm_reason_t reason;

	p->virtual_address = NULL;
	p->shared_memory_handle = 0;
	reason = ndshm_check_parameters(p, ndshm_max_length(), true);
	if (reason == NDSHM_REASON_NONE && !p->adapter)
		reason = NDSHM_REASON_ADAPTER_UNKNOWN;
	if (reason == NDSHM_REASON_NONE)
		reason = ndshm_block_alloc_queue(p, NULL, block);
	return reason;
}

/* An older revision is shorter, so it must be copied; a newer one is read as the latest. */
static noinline ndshm_reason_t block_alloc_revision(struct ndshm_parameters *parameters,
						    struct ndshm_block **block)
{
	struct ndshm_parameters p;
	ndshm_reason_t reason;

	reason = ndshm_check_header(parameters);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	ndshm_normalize(&p, parameters);
	reason = block_alloc_kernel(&p, block);
	parameters->virtual_address = p.virtual_address;
	parameters->shared_memory_handle = p.shared_memory_handle;
	if (reason == NDSHM_REASON_NONE) {
		parameters->consumed = p.consumed;
		parameters->needs_sync = p.needs_sync;
	}
	return reason;
}

struct ndshm_block *ndshm_allocate(struct ndshm_parameters *parameters,
				   ndshm_reason_t *out)
{
	static const struct ndshm_object_header whole = NDSHM_PARAMETERS_HEADER;
	struct ndshm_block *block = NULL;
	ndshm_reason_t reason;

	might_sleep();

	reason = memcmp(&parameters->header, &whole, sizeof(whole)) ?
		 block_alloc_revision(parameters, &block) :
		 block_alloc_kernel(parameters, &block);
	return ndshm_reason_report_ptr(reason, out, block);
}
EXPORT_SYMBOL_GPL(ndshm_allocate);

void ndshm_block_keep(struct ndshm_block *block)
{
	lockdep_assert_held(&block->revoke_cb->lock);

	block->revoke_cb->kept = true;
}
EXPORT_SYMBOL_GPL(ndshm_block_keep);

bool ndshm_block_provider_revoked(const struct ndshm_block *block)
{
	return ndshm_blockset_killed(&block->registration->provider->set);
}
EXPORT_SYMBOL_GPL(ndshm_block_provider_revoked);

void **ndshm_block_context(struct ndshm_block *block,
			   void (*revoked)(void *revoked_context,
					   struct ndshm_block *block))
{
	return ndshm_block_is(&block->object) &&
	       block->revoke_cb && block->revoke_cb->function == revoked ?
	       &block->revoke_cb->context : NULL;
}
EXPORT_SYMBOL_GPL(ndshm_block_context);

int __init ndshm_block_init(void)
{
	block_cache = kmem_cache_create("ndshm_block",
					sizeof(struct ndshm_block) + NDSHM_BLOCK_CACHED_BYTES,
					__alignof__(struct ndshm_block), SLAB_ACCOUNT, NULL);
	return block_cache ? 0 : -ENOMEM;
}

void ndshm_block_exit(void)
{
	kmem_cache_destroy(block_cache);
}
