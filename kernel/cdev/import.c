// SPDX-License-Identifier: GPL-2.0
/* BLOCK_IMPORT. */
#include <linux/numa.h>

#include <linux/ndshm.h>

#include "../account/charge.h"
#include "../adapter/adapter.h"
#include "../adapter/claim.h"
#include "../base/params.h"
#include "../block/block.h"
#include "../dmabuf/import.h"
#include "../registration/provider.h"
#include "cdev.h"
#include "client.h"

/* Return: NONE if the client may import for @adapter, with @claim if it has one. */
static ndshm_reason_t import_admit(struct ndshm_client *client, struct ndshm_adapter *adapter,
				   struct ndshm_claim *claim)
{
	ndshm_reason_t reason = ndshm_client_admit_adapter(client, adapter, claim);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	/* Memory that is already there is of use for a device only. */
	if (!adapter->ops || !ndshm_import_provider())
		return NDSHM_REASON_IMPORT_UNSUPPORTED;
	if (!ndshm_adapter_stops(adapter))
		return NDSHM_REASON_ADAPTER_UNSTOPPABLE;
	return ndshm_access_permitted(&ndshm_import_provider()->entry.access) ?
	       NDSHM_REASON_NONE : NDSHM_REASON_PROVIDER_PERMISSION;
}

/* Reply before the handle becomes valid: after a failed copy the block is freed. */
static ndshm_reason_t import_deliver(struct ndshm_command *command, struct ndshm_block *block,
				     u32 handle)
{
	struct ndshm_block_import_args *argument = command->argument;
	struct ndshm_client *client = ndshm_client_of(command);
	const bool shown = ndshm_addresses_shown(client, block->adapter);
	ndshm_reason_t reason;

	argument->out_segments = block->segment_count;
	reason = ndshm_copy_segments(block, argument->segments, argument->segment_capacity, shown);
	if (reason == NDSHM_REASON_LIST_SHORT)
		return reason;
	if (reason == NDSHM_REASON_NONE) {
		ndshm_fill_block_info(&argument->out_block, handle, block, shown);
		if (!ndshm_reply(command)) {
			ndshm_handle_publish(&client->handles, handle, &block->object);
			return reason;
		}
		reason = NDSHM_REASON_ADDRESS;
	}
	argument->out_segments = 0;
	return reason;
}

/* Make a block of the memory, which the caller has charged. */
static ndshm_reason_t import_alloc(struct ndshm_command *command,
				   struct ndshm_parameters *parameters,
				   const struct ndshm_allocation *allocation)
{
	struct ndshm_handles *handles = &ndshm_client_of(command)->handles;
	struct ndshm_block *block;
	ndshm_reason_t reason;
	u32 handle;

	reason = ndshm_handle_reserve(handles, &handle);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = ndshm_blocks_alloc(parameters, allocation, &block, 1);
	/* The device does not reach the memory, or would by a bounce buffer only. */
	if (reason == NDSHM_REASON_PROVIDER_INVALID)
		reason = NDSHM_REASON_IMPORT_MEMORY;
	if (reason != NDSHM_REASON_NONE)
		goto err_handle;
	reason = import_deliver(command, block, handle);
	if (reason == NDSHM_REASON_NONE)
		return reason;
	ndshm_block_release(block);
err_handle:
	ndshm_handle_unreserve(handles, handle);
	return reason;
}

static ndshm_reason_t import_block(struct ndshm_command *command,
				   struct ndshm_parameters *parameters, struct ndshm_claim *claim)
{
	struct ndshm_block_import_args *argument = command->argument;
	const bool readonly = argument->flags & NDSHM_IMPORT_READONLY;
	struct ndshm_charge charge = {};
	struct ndshm_allocation allocation = { .claim = claim, .charge = &charge };
	struct ndshm_import *import;
	ndshm_reason_t reason;

	reason = ndshm_import_get(argument->dmabuf, readonly, parameters->adapter, &import);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	allocation.import = import;
	parameters->length = ndshm_import_length(import);
	reason = ndshm_check_parameters(parameters, ndshm_max_length(), false);
	if (reason != NDSHM_REASON_NONE)
		goto err_import;
	reason = NDSHM_REASON_MEMORY;
	allocation.requester = ndshm_requester_capture(ndshm_client_of(command)->opener);
	if (!allocation.requester)
		goto err_import;
	reason = ndshm_charge(&charge, allocation.requester, parameters->length);
	if (reason == NDSHM_REASON_NONE)
		reason = ndshm_import_map(import);
	/* The exporter decides how long that takes. */
	if (reason == NDSHM_REASON_NONE)
		reason = import_admit(ndshm_client_of(command), parameters->adapter, claim);
	if (reason == NDSHM_REASON_NONE)
		reason = import_alloc(command, parameters, &allocation);
	/* The memory is charged while it is pinned. */
	ndshm_import_put(import);
	ndshm_uncharge(&charge);
	ndshm_requester_put(allocation.requester);
	return reason;

err_import:
	ndshm_import_put(import);
	return reason;
}

ndshm_reason_t ndshm_ioctl_block_import(struct ndshm_command *command)
{
	struct ndshm_block_import_args *argument = command->argument;
	struct ndshm_client *client = ndshm_client_of(command);
	struct ndshm_parameters parameters = {
		.header = NDSHM_PARAMETERS_HEADER,
		.preferred_node = NUMA_NO_NODE,
		.usage = argument->usage,
		.no_kernel_mapping = true,
		.provider = ndshm_import_provider(),
		.tag = argument->tag,
	};
	struct ndshm_claim *claim;
	ndshm_reason_t reason;

	argument->out_segments = 0;
	memset(&argument->out_block, 0, sizeof(argument->out_block));
	if (argument->usage == NDSHM_USAGE_UNDEFINED || argument->usage >= NDSHM_USAGE_MAX)
		return NDSHM_REASON_USAGE;
	if (!argument->segment_capacity != !argument->segments)
		return NDSHM_REASON_LIST;
	reason = ndshm_client_adapter(client, argument->adapter, &parameters.adapter, &claim);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = import_admit(client, parameters.adapter, claim);
	if (reason == NDSHM_REASON_NONE)
		reason = import_block(command, &parameters, claim);
	if (claim)
		ndshm_claim_put(claim);
	ndshm_entry_put(&parameters.adapter->entry);
	return reason;
}
