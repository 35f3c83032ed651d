// SPDX-License-Identifier: GPL-2.0
/*
 * BLOCK_ALLOC, BLOCK_FREE, BLOCK_QUERY, BLOCK_SYNC, and the adapters and providers that a client
 * may use.
 */
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <linux/ndshm.h>

#include "../adapter/adapter.h"
#include "../base/deferred.h"
#include "../base/params.h"
#include "../block/block.h"
#include "../block/members.h"
#include "../registration/provider.h"
#include "cdev.h"
#include "client.h"

ndshm_reason_t ndshm_client_adapter(struct ndshm_client *client, u32 id,
				    struct ndshm_adapter **adapter,
				    struct ndshm_claim **claim)
{
	struct ndshm_claim *each;

	*claim = NULL;
	/* A claim that begins at the same time may as well begin later. */
	if (list_empty_careful(&client->claims.list))
		goto out_adapter;
	if (mutex_lock_killable(&client->claims.lock))
		return NDSHM_REASON_CLAIM_BUSY;
	list_for_each_entry(each, &client->claims.list, link)
		if (each->adapter->entry.id == id) {
			*claim = ndshm_claim_get(each);
			*adapter = ndshm_adapter_get(each->adapter);
			break;
		}
	mutex_unlock(&client->claims.lock);
out_adapter:
	if (!*claim)
		*adapter = ndshm_adapter_find_id(id);
	return *adapter ? NDSHM_REASON_NONE : NDSHM_REASON_ADAPTER_UNKNOWN;
}

ndshm_reason_t ndshm_client_admit(struct ndshm_client *client,
				  struct ndshm_adapter *adapter,
				  struct ndshm_claim *claim,
				  struct ndshm_provider *provider)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	if (!(adapter->flags & NDSHM_ADAPTER_OPEN))
		return NDSHM_REASON_ADAPTER_CLOSED;
	if (adapter->ops)
		reason = claim ? ndshm_claim_permit(claim, client->claims.rawio) :
				 NDSHM_REASON_CLAIM_MISSING;
	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (!provider)
		return NDSHM_REASON_PROVIDER_UNKNOWN;
	if (!ndshm_provider_serves(provider, adapter) ||
	    !(provider->flags & NDSHM_PROVIDER_OPEN))
		return NDSHM_REASON_PROVIDER_CLOSED;
	/* The memory of a provider of this adapter goes to no one else. */
	if (!provider->adapter && !ndshm_adapter_stops(adapter))
		return NDSHM_REASON_ADAPTER_UNSTOPPABLE;
	return NDSHM_REASON_NONE;
}

/*
 * Return: true if the client may see DMA addresses of the adapter now. Do not cache the result:
 * the adapter's isolation may change.
 */
static bool client_sees_addresses(struct ndshm_client *client, struct ndshm_adapter *adapter)
{
	/* An adapter without claims has no isolation of its own. */
	return client->claims.rawio ||
	       (adapter->ops && !ndshm_adapter_isolation(adapter));
}

/*
 * A program may keep the memory for its next use: its removal waits for the client, no user waits
 * for the memory, and a stale cache line does not overwrite it.
 */
static bool block_is_reusable(const struct ndshm_block *block)
{
	const struct ndshm_provider *provider = block->registration->provider;

	return block->adapter->flags & NDSHM_ADAPTER_NODE && block->registration->page &&
	       provider->place && provider->owner == THIS_MODULE && !block->needs_sync;
}

static struct ndshm_block_info block_info(u32 handle, struct ndshm_block *block, bool shown)
{
	return (struct ndshm_block_info){
		.handle = handle,
		.flags = (!block->object.unmappable ?
			  NDSHM_BLOCK_MAPPABLE : 0) |
			 (block->charged ? NDSHM_BLOCK_CHARGED : 0) |
			 (block->needs_sync ? NDSHM_BLOCK_NEEDS_SYNC : 0) |
			 (block_is_reusable(block) ? NDSHM_BLOCK_REUSABLE : 0),
		.shared_memory_handle = block->object.id,
		.segments = block->segment_count,
		.length = block->object.length,
		.consumed = block->consumed,
		.mmap_offset = ndshm_handle_offset(handle),
		.address = shown ? ndshm_block_segment(block, 0)->address :
				   NDSHM_ADDRESS_HIDDEN,
	};
}

/* Copy all segments or return LIST_SHORT or ADDRESS. */
static ndshm_reason_t block_copy_segments(const struct ndshm_block *block, u64 user,
					  u32 capacity, bool shown)
{
	struct ndshm_segment __user *to = u64_to_user_ptr(user);
	u32 i;

	if (block->segment_count > capacity)
		return NDSHM_REASON_LIST_SHORT;
	for (i = 0; i < block->segment_count; i++) {
		struct ndshm_segment segment = *ndshm_block_segment(block, i);

		if (!shown)
			segment.address = NDSHM_ADDRESS_HIDDEN;
		if (copy_to_user(to + i, &segment, sizeof(segment)))
			return NDSHM_REASON_ADDRESS;
	}
	return NDSHM_REASON_NONE;
}

static void handles_cancel(struct ndshm_handles *table, const u32 *handles, u32 count)
{
	while (count--)
		ndshm_handle_cancel(table, handles[count]);
}

/* Reserve @count handles, or none. */
static ndshm_reason_t handles_reserve(struct ndshm_handles *table, u32 *handles, u32 count)
{
	ndshm_reason_t reason;
	u32 i;

	for (i = 0; i < count; i++) {
		reason = ndshm_handle_reserve(table, &handles[i]);
		if (reason != NDSHM_REASON_NONE) {
			handles_cancel(table, handles, i);
			return reason;
		}
	}
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t block_alloc_check(const struct ndshm_block_alloc_args *argument,
					const struct ndshm_parameters *parameters)
{
	ndshm_reason_t reason;

	if (argument->usage == NDSHM_USAGE_UNDEFINED)
		return NDSHM_REASON_USAGE;
	reason = ndshm_check_parameters(parameters, ndshm_max_length(), false);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (!argument->count || argument->count > NDSHM_MAX_BATCH)
		return NDSHM_REASON_COUNT;
	if (!argument->segment_capacity != !argument->segments ||
	    (argument->segment_capacity && argument->count != 1))
		return NDSHM_REASON_LIST;
	return NDSHM_REASON_NONE;
}

/* Reply before the handles become valid: after a failed copy the blocks are freed. */
static ndshm_reason_t blocks_reply(struct ndshm_command *command, struct ndshm_block **blocks,
				   const u32 *handles)
{
	struct ndshm_block_alloc_args *argument = command->argument;
	struct ndshm_client *client = ndshm_client_of(command);
	struct ndshm_block_info __user *to = u64_to_user_ptr(argument->blocks);
	bool shown = client_sees_addresses(client, blocks[0]->adapter);
	ndshm_reason_t reason;
	u32 i;

	if (argument->count == 1)
		argument->out_segments = blocks[0]->segment_count;
	if (argument->segment_capacity) {
		reason = block_copy_segments(blocks[0], argument->segments,
					     argument->segment_capacity, shown);
		if (reason != NDSHM_REASON_NONE)
			return reason;
	}
	for (i = 0; i < argument->count; i++) {
		const struct ndshm_block_info info = block_info(handles[i], blocks[i], shown);

		if (copy_to_user(to + i, &info, sizeof(info)))
			return NDSHM_REASON_ADDRESS;
	}
	return ndshm_reply_sized(command, sizeof(*argument)) ?
	       NDSHM_REASON_ADDRESS : NDSHM_REASON_NONE;
}

/* Publish the blocks, or free them. */
static ndshm_reason_t blocks_deliver(struct ndshm_command *command, struct ndshm_block **blocks,
				     const u32 *handles)
{
	struct ndshm_block_alloc_args *argument = command->argument;
	struct ndshm_client *client = ndshm_client_of(command);
	ndshm_reason_t reason = blocks_reply(command, blocks, handles);
	u32 i;

	if (reason == NDSHM_REASON_NONE) {
		for (i = 0; i < argument->count; i++)
			ndshm_handle_publish(&client->handles, handles[i], &blocks[i]->object);
		return reason;
	}
	/* After a failure this is an output with LIST_SHORT only. */
	if (reason != NDSHM_REASON_LIST_SHORT)
		argument->out_segments = 0;
	for (i = 0; i < argument->count; i++)
		ndshm_block_put_sync(blocks[i]);
	return reason;
}

static ndshm_reason_t client_alloc_blocks(struct ndshm_command *command,
					  struct ndshm_parameters *parameters,
					  const struct ndshm_allocation *allocation,
					  struct ndshm_block **blocks, u32 *handles)
{
	const struct ndshm_block_alloc_args *argument = command->argument;
	struct ndshm_handles *table = &ndshm_client_of(command)->handles;
	const u32 count = argument->count;
	ndshm_reason_t reason = handles_reserve(table, handles, count);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = ndshm_blocks_alloc(parameters, allocation, blocks, count);
	/* Memory that is being freed must not cause a refusal. */
	if ((reason == NDSHM_REASON_PROVIDER_RESOURCES || reason == NDSHM_REASON_MEMORY) &&
	    ndshm_deferred_wait())
		reason = ndshm_blocks_alloc(parameters, allocation, blocks, count);
	if (reason == NDSHM_REASON_NONE)
		reason = blocks_deliver(command, blocks, handles);
	if (reason != NDSHM_REASON_NONE)
		handles_cancel(table, handles, count);
	return reason;
}

static ndshm_reason_t client_request_blocks(struct ndshm_command *command,
					    struct ndshm_parameters *parameters,
					    struct ndshm_block **blocks, u32 *handles)
{
	struct ndshm_block_alloc_args *argument = command->argument;
	struct ndshm_client *client = ndshm_client_of(command);
	struct ndshm_allocation allocation = { .dumped = argument->flags & NDSHM_ALLOC_DUMP };
	ndshm_reason_t reason;

	reason = ndshm_client_adapter(client, argument->adapter, &parameters->adapter,
				      &allocation.claim);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	parameters->provider = ndshm_provider_choose(argument->provider, parameters->adapter);
	reason = ndshm_client_admit(client, parameters->adapter, allocation.claim,
				    parameters->provider);
	if (reason != NDSHM_REASON_NONE)
		goto out_provider;

	allocation.account = client->account;
	reason = client_alloc_blocks(command, parameters, &allocation, blocks, handles);
out_provider:
	if (parameters->provider)
		ndshm_entry_put(&parameters->provider->entry);
	if (allocation.claim)
		ndshm_claim_put(allocation.claim);
	ndshm_entry_put(&parameters->adapter->entry);
	return reason;
}

static ndshm_reason_t ndshm_ioctl_block_alloc(struct ndshm_command *command)
{
	struct ndshm_block_alloc_args *argument = command->argument;
	struct ndshm_parameters parameters = {
		.header = NDSHM_PARAMETERS_HEADER,
		.flags = argument->flags & ~NDSHM_ALLOC_DUMP,
		.queue_id = argument->queue_id,
		.preferred_node = argument->preferred_node,
		.usage = argument->usage,
		.length = argument->length,
		.vport_id = argument->vport_id,
		.no_kernel_mapping = true,
		.most_segments = argument->segment_capacity,
		.tag = argument->tag,
	};
	struct ndshm_block *block, **blocks;
	u32 handle, *handles;
	ndshm_reason_t reason;

	argument->out_segments = 0;
	reason = block_alloc_check(argument, &parameters);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	/* What a client can map is whole pages; a handler must know that it needs them. */
	parameters.length = PAGE_ALIGN(parameters.length);
	if (argument->count == 1)
		return client_request_blocks(command, &parameters, &block, &handle);
	blocks = kmalloc_array(argument->count, sizeof(*blocks) + sizeof(*handles),
			       NDSHM_GFP_CHARGED);
	if (!blocks)
		return NDSHM_REASON_MEMORY;
	handles = (u32 *)(blocks + argument->count);
	reason = client_request_blocks(command, &parameters, blocks, handles);
	kfree(blocks);
	return reason;
}

/* Takes over the reference of the block's handle, which was taken. */
static void client_free_block(struct ndshm_client *client, struct ndshm_object *object,
			      u32 flags)
{
	/* Without another reference there is no file, and no mmap() in progress. */
	if (refcount_read(&object->references) != 1) {
		ndshm_object_kill(object, &client->file_cache);
		if (flags & NDSHM_FREE_REVOKE)
			ndshm_block_end(ndshm_block_of(object), false);
	}
	ndshm_object_put(object);
}

/* An array of blocks, and every argument that is not valid. */
static noinline_for_stack ndshm_reason_t client_free_blocks(struct ndshm_command *command)
{
	struct ndshm_block_free_args *argument = command->argument;
	struct ndshm_client *client = ndshm_client_of(command);
	struct ndshm_object *objects[NDSHM_MAX_BATCH];
	u32 i, taken, count = argument->count, handles[NDSHM_MAX_BATCH];

	if (argument->__reserved)
		return NDSHM_REASON_RESERVED;
	if (!count || count > NDSHM_MAX_BATCH)
		return NDSHM_REASON_COUNT;
	if (argument->handle)
		return NDSHM_REASON_RESERVED;
	if (copy_from_user(handles, u64_to_user_ptr(argument->handles),
			   count * sizeof(*handles)))
		return NDSHM_REASON_ADDRESS;
	/* Reply first, so that a failed copy frees nothing; undo it after an error. */
	if (ndshm_reply(command))
		return NDSHM_REASON_ADDRESS;
	taken = ndshm_handle_take_many(&client->handles, handles, count,
				       &ndshm_block_ops, objects);
	if (taken != count) {
		command->replied = false;
		argument->out_index = taken;
		return NDSHM_REASON_HANDLE_UNKNOWN;
	}
	for (i = 0; i < count; i++) {
		client_free_block(client, objects[i], argument->flags);
		cond_resched();
	}
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t ndshm_ioctl_block_free(struct ndshm_command *command)
{
	struct ndshm_block_free_args *argument = command->argument;
	struct ndshm_client *client = ndshm_client_of(command);
	struct ndshm_object *object;

	argument->out_index = 0;
	/* One test for three members keeps the free of one block short. */
	if (argument->__reserved | argument->count | argument->handles)
		return client_free_blocks(command);
	/* Reply first, so that a failed copy frees nothing; undo it after an error. */
	if (ndshm_reply_sized(command, offsetof(struct ndshm_block_free_args, handles)))
		return NDSHM_REASON_ADDRESS;
	object = ndshm_handle_take(&client->handles, argument->handle,
				   &ndshm_block_ops);
	if (!object) {
		command->replied = false;
		return NDSHM_REASON_HANDLE_UNKNOWN;
	}
	client_free_block(client, object, argument->flags);
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t ndshm_ioctl_block_free_id(struct ndshm_command *command)
{
	const struct ndshm_block_free_id_args *argument = command->argument;
	struct ndshm_block *block;

	if (argument->__reserved)
		return NDSHM_REASON_RESERVED;
	block = ndshm_block_find_own(argument->id);
	if (!block)
		return NDSHM_REASON_HANDLE_UNKNOWN;
	ndshm_block_end(block, true);
	ndshm_block_put_sync(block);
	return NDSHM_REASON_NONE;
}

/* Takes a reference. Return: NULL if the handle is not one of a block. */
static struct ndshm_block *client_find_block(struct ndshm_client *client, u32 handle)
{
	struct ndshm_object *object = ndshm_handle_find(&client->handles,
							handle);

	if (!object)
		return NULL;
	if (ndshm_block_is(object))
		return ndshm_block_of(object);
	ndshm_object_put(object);
	return NULL;
}

static ndshm_reason_t ndshm_ioctl_block_query(struct ndshm_command *command)
{
	struct ndshm_block_query_args *argument = command->argument;
	struct ndshm_client *client = ndshm_client_of(command);
	ndshm_reason_t reason = NDSHM_REASON_BLOCK_REVOKED;
	struct ndshm_block *block;
	bool shown;

	if (!argument->segment_capacity != !argument->segments)
		return NDSHM_REASON_LIST;
	block = client_find_block(client, argument->handle);
	if (!block)
		return NDSHM_REASON_HANDLE_UNKNOWN;
	if (!READ_ONCE(block->object.revoked)) {
		shown = client_sees_addresses(client, block->adapter);
		argument->out_block = block_info(argument->handle, block, shown);
		argument->out_adapter = block->adapter->entry.id;
		argument->out_provider =
			block->registration->provider->entry.id;
		argument->out_preferred_node = block->preferred_node;
		argument->out_usage = block->usage;
		reason = !argument->segment_capacity ? NDSHM_REASON_NONE :
			 block_copy_segments(block, argument->segments,
					     argument->segment_capacity, shown);
	}
	ndshm_block_put_sync(block);
	return reason;
}

static ndshm_reason_t ndshm_ioctl_block_sync(struct ndshm_command *command)
{
	const struct ndshm_block_sync_args *argument = command->argument;
	struct ndshm_block *block;
	ndshm_reason_t reason;

	block = client_find_block(ndshm_client_of(command), argument->handle);
	if (!block)
		return NDSHM_REASON_HANDLE_UNKNOWN;
	reason = ndshm_check_sync(argument->direction, argument->offset,
				  argument->length, block->object.length);
	if (reason == NDSHM_REASON_NONE)
		reason = block->object.ops->sync(&block->object, argument->direction,
						 argument->offset, argument->length);
	ndshm_block_put_sync(block);
	return reason;
}

#define ROW	NDSHM_IOCTL_ROW

static const struct ndshm_ioctl_row block_rows[] = {
	ROW(NDSHM_BLOCK_ALLOC, block_alloc, tag, NDSHM_ALLOC_CONTIGUOUS | NDSHM_ALLOC_DUMP),
	ROW(NDSHM_BLOCK_FREE, block_free, __reserved, NDSHM_FREE_REVOKE),
	ROW(NDSHM_BLOCK_QUERY, block_query, out_usage, 0),
	ROW(NDSHM_BLOCK_SYNC, block_sync, length, 0),
	ROW(NDSHM_BLOCK_FREE_ID, block_free_id, __reserved, 0),
};

const struct ndshm_ioctl_table ndshm_block_ioctls = { block_rows, ARRAY_SIZE(block_rows) };
