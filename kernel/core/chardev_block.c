// SPDX-License-Identifier: GPL-2.0
/*
 * BLOCK_ALLOC, BLOCK_FREE, BLOCK_QUERY.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <linux/ndshm.h>

#include "adapter.h"
#include "block.h"
#include "chardev.h"
#include "client.h"
#include "params.h"
#include "provider.h"

/* May this client see DMA addresses of the adapter? Decided anew each time. */
static bool addresses_shown(struct ndshm_client *client,
			    struct ndshm_adapter *adapter)
{
	return client->rawio || !ndshm_adapter_isolation(adapter);
}

static void fill_info(struct ndshm_block_info *info, u32 handle,
		      struct ndshm_block *block, bool shown)
{
	*info = (struct ndshm_block_info){
		.handle = handle,
		.flags = (ndshm_block_mappable(block) ?
			  NDSHM_BLOCK_MAPPABLE : 0) |
			 (block->charged ? NDSHM_BLOCK_CHARGED : 0),
		.shared_memory_handle = block->id,
		.segments = block->segment_count,
		.length = block->object.length,
		.consumed = block->consumed,
		.mmap_offset = ndshm_handle_offset(handle),
		.address = shown ? block->segments[0].address :
				   NDSHM_ADDRESS_HIDDEN,
	};
}

/* All of them, or LIST_SHORT; a capacity of 0 asks for none. */
static ndshm_reason_t copy_segments(const struct ndshm_block *block, u64 user,
				    u32 capacity, bool shown)
{
	struct ndshm_segment __user *to = u64_to_user_ptr(user);
	u32 i;

	if (!capacity)
		return NDSHM_REASON_NONE;
	if (block->segment_count > capacity)
		return NDSHM_REASON_LIST_SHORT;
	for (i = 0; i < block->segment_count; i++) {
		struct ndshm_segment segment = block->segments[i];

		if (!shown)
			segment.address = NDSHM_ADDRESS_HIDDEN;
		if (copy_to_user(to + i, &segment, sizeof(segment)))
			return NDSHM_REASON_ADDRESS;
	}
	return NDSHM_REASON_NONE;
}

/* What only a client's request can get wrong. */
static ndshm_reason_t check_request(const struct ndshm_block_alloc *argument)
{
	if (argument->__reserved)
		return NDSHM_REASON_RESERVED;
	if (argument->usage == NDSHM_USAGE_UNDEFINED)
		return NDSHM_REASON_USAGE;
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t check_arrays(const struct ndshm_block_alloc *argument)
{
	if (!argument->count || argument->count > NDSHM_MAX_BATCH)
		return NDSHM_REASON_COUNT;
	if (!argument->segment_capacity != !argument->segments ||
	    (argument->segment_capacity && argument->count != 1))
		return NDSHM_REASON_LIST;
	return NDSHM_REASON_NONE;
}

/* One of a BLOCK_ALLOC's blocks, before it is published. */
struct made {
	u32 handle;
	struct ndshm_block *block;
};

static void unmake(struct ndshm_client *client, struct made *made, u32 count)
{
	while (count--) {
		ndshm_block_release(made[count].block);
		ndshm_handle_unreserve(client, made[count].handle);
	}
}

static ndshm_reason_t make_one(struct ndshm_client *client,
			       const struct ndshm_parameters *asked,
			       const struct ndshm_allocation *allocation,
			       struct made *made)
{
	struct ndshm_parameters parameters = *asked;
	ndshm_reason_t reason;

	reason = ndshm_handle_reserve(client, &made->handle);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = ndshm_block_make(&parameters, allocation, &made->block);
	if (reason != NDSHM_REASON_NONE)
		ndshm_handle_unreserve(client, made->handle);
	return reason;
}

/* Everything is made; tell the client, and only then make it live. */
static ndshm_reason_t deliver(struct ndshm_command *command,
			      struct ndshm_adapter *adapter,
			      struct made *made,
			      struct ndshm_block_info *infos)
{
	struct ndshm_block_alloc *argument = command->argument;
	bool shown = addresses_shown(command->client, adapter);
	u32 i, count = argument->count;
	ndshm_reason_t reason;

	if (count == 1) {
		argument->out_segments = made->block->segment_count;
		reason = copy_segments(made->block, argument->segments,
				       argument->segment_capacity, shown);
		if (reason != NDSHM_REASON_NONE)
			return reason;
	}
	for (i = 0; i < count; i++)
		fill_info(&infos[i], made[i].handle, made[i].block, shown);
	if (copy_to_user(u64_to_user_ptr(argument->blocks), infos,
			 count * sizeof(*infos)))
		return NDSHM_REASON_ADDRESS;
	if (ndshm_reply(command, NDSHM_REASON_NONE))
		return NDSHM_REASON_ADDRESS;
	for (i = 0; i < count; i++)
		ndshm_handle_publish(command->client, made[i].handle,
				     &made[i].block->object);
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t make_all(struct ndshm_command *command,
			       const struct ndshm_parameters *parameters,
			       const struct ndshm_allocation *allocation)
{
	struct ndshm_block_alloc *argument = command->argument;
	struct ndshm_block_info infos_one, *infos = &infos_one;
	struct made made_one, *made = &made_one;
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	u32 i, count = argument->count;

	if (count > 1) {
		made = kmalloc_array(count, sizeof(*made) + sizeof(*infos),
				     GFP_KERNEL_ACCOUNT);
		if (!made)
			return NDSHM_REASON_MEMORY;
		infos = (struct ndshm_block_info *)(made + count);
	}
	for (i = 0; i < count && reason == NDSHM_REASON_NONE; i++)
		reason = make_one(command->client, parameters, allocation,
				  &made[i]);
	if (reason != NDSHM_REASON_NONE) {
		/* The last one was not made. */
		unmake(command->client, made, i - 1);
	} else {
		reason = deliver(command, parameters->adapter, made, infos);
		if (reason != NDSHM_REASON_NONE)
			unmake(command->client, made, count);
	}
	if (count > 1)
		kfree(made);
	return reason;
}

/* May the client allocate for the adapter, having this claim or none? */
static ndshm_reason_t admit(struct ndshm_client *client,
			    struct ndshm_adapter *adapter,
			    struct ndshm_claim *claim)
{
	if (!(adapter->flags & NDSHM_ADAPTER_OPEN))
		return NDSHM_REASON_ADAPTER_CLOSED;
	if (!adapter->ops)
		return NDSHM_REASON_NONE;
	if (!claim)
		return NDSHM_REASON_CLAIM_MISSING;
	return ndshm_adapter_permit(adapter, client->rawio);
}

ndshm_reason_t ndshm_ioctl_block_alloc(struct ndshm_command *command)
{
	struct ndshm_block_alloc *argument = command->argument;
	struct ndshm_parameters parameters = {
		.header = NDSHM_PARAMETERS_HEADER,
		.flags = argument->flags,
		.queue_id = argument->queue_id,
		.preferred_node = argument->preferred_node,
		.usage = argument->usage,
		.length = argument->length,
		.vport_id = argument->vport_id,
	};
	struct ndshm_allocation allocation = { .client = true };
	ndshm_reason_t reason;

	argument->out_segments = 0;
	reason = check_request(argument);
	if (reason == NDSHM_REASON_NONE)
		reason = ndshm_check_parameters(&parameters,
						ndshm_max_length());
	if (reason == NDSHM_REASON_NONE)
		reason = check_arrays(argument);
	if (reason != NDSHM_REASON_NONE)
		return reason;

	reason = ndshm_client_adapter(command->client, argument->adapter,
				      &parameters.adapter, &allocation.claim);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = admit(command->client, parameters.adapter, allocation.claim);
	if (reason != NDSHM_REASON_NONE)
		goto out_adapter;
	if (argument->provider) {
		reason = NDSHM_REASON_PROVIDER_UNKNOWN;
		parameters.provider = ndshm_provider_find_id(argument->provider);
		if (!parameters.provider)
			goto out_adapter;
	}

	reason = make_all(command, &parameters, &allocation);

	if (parameters.provider)
		ndshm_provider_put(parameters.provider);
out_adapter:
	if (allocation.claim)
		ndshm_claim_put(allocation.claim);
	ndshm_adapter_put(parameters.adapter);
	return reason;
}

ndshm_reason_t ndshm_ioctl_block_free(struct ndshm_command *command)
{
	struct ndshm_block_free *argument = command->argument;
	struct ndshm_object *object;

	if (argument->__reserved)
		return NDSHM_REASON_RESERVED;
	object = ndshm_handle_take(command->client, argument->handle);
	if (!object)
		return NDSHM_REASON_HANDLE_UNKNOWN;
	ndshm_object_put(object);
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t query(struct ndshm_command *command,
			    struct ndshm_block *block)
{
	struct ndshm_block_query *argument = command->argument;
	bool shown = addresses_shown(command->client, block->adapter);

	if (READ_ONCE(block->object.revoked))
		return NDSHM_REASON_BLOCK_REVOKED;
	fill_info(&argument->out_block, argument->handle, block, shown);
	argument->out_adapter = block->adapter->id;
	argument->out_provider = block->registration->provider->id;
	argument->out_preferred_node = block->preferred_node;
	argument->out_usage = block->usage;
	return copy_segments(block, argument->segments,
			     argument->segment_capacity, shown);
}

ndshm_reason_t ndshm_ioctl_block_query(struct ndshm_command *command)
{
	struct ndshm_block_query *argument = command->argument;
	struct ndshm_object *object;
	ndshm_reason_t reason;

	if (!argument->segment_capacity != !argument->segments)
		return NDSHM_REASON_LIST;
	object = ndshm_handle_find(command->client, argument->handle);
	if (!object)
		return NDSHM_REASON_HANDLE_UNKNOWN;
	reason = ndshm_block_is(object) ?
		 query(command, ndshm_block_of(object)) :
		 NDSHM_REASON_HANDLE_UNKNOWN;
	ndshm_object_put(object);
	return reason;
}
