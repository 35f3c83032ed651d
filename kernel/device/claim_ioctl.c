// SPDX-License-Identifier: GPL-2.0
/*
 * Ioctls of a client for its claims: ADAPTER_CLAIM, ADAPTER_START, ADAPTER_MAP_BAR,
 * ADAPTER_SET_IRQS, ADAPTER_RESET, ADAPTER_CONFIG.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <linux/ndshm.h>

#include "../account/charge.h"
#include "../adapter/adapter.h"
#include "../adapter/devnode.h"
#include "../cdev/cdev.h"
#include "../cdev/client.h"
#include "claim.h"

static ndshm_reason_t adapter_claim(struct ndshm_command *command,
				    struct ndshm_adapter *adapter)
{
	struct ndshm_adapter_claim_args *argument = command->argument;
	struct ndshm_client *client = ndshm_client_of(command);
	struct ndshm_device_claim *whole;
	struct ndshm_claim *claim;
	ndshm_reason_t reason;
	u32 width = argument->address_width ?: 32;

	if (width < 24 || width > 64)
		return NDSHM_REASON_ADDRESS_WIDTH;
	reason = ndshm_claim_begin(adapter, width, &client->claims, &claim);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	whole = ndshm_device_claim(claim);
	argument->out_adapter = adapter->entry.id;
	argument->out_bars = whole->mappable;
	argument->out_isolation = ndshm_adapter_isolation(adapter);
	argument->out_intx = whole->irqs[NDSHM_IRQ_INTX];
	argument->out_msi = whole->irqs[NDSHM_IRQ_MSI];
	argument->out_msix = whole->irqs[NDSHM_IRQ_MSIX];
	if (ndshm_reply(command) ||
	    mutex_lock_killable(&client->claims.lock)) {
		ndshm_claim_end(claim);
		ndshm_claim_put(claim);
		return NDSHM_REASON_ADDRESS;
	}
	/*
	 * In front of an older claim on the adapter, which may have been ended for a foreign
	 * driver: ndshm_client_adapter() takes the first.
	 */
	list_add(&claim->link, &client->claims.list);
	mutex_unlock(&client->claims.lock);
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t ndshm_ioctl_adapter_claim(struct ndshm_command *command)
{
	const struct ndshm_adapter_claim_args *argument = command->argument;
	struct file *node = fget(argument->device);
	struct ndshm_adapter *adapter;
	ndshm_reason_t reason;

	if (!node)
		return NDSHM_REASON_DESCRIPTOR;
	adapter = ndshm_devnode_adapter(node);
	if (!adapter)
		reason = NDSHM_REASON_DESCRIPTOR;
	else if (!(node->f_mode & FMODE_READ) || !(node->f_mode & FMODE_WRITE))
		reason = NDSHM_REASON_ADAPTER_PERMISSION;
	else
		reason = adapter_claim(command, adapter);
	fput(node);
	return reason;
}

/* Find the client's claim on adapter @id, and take a reference. */
static ndshm_reason_t claim_find(struct ndshm_client *client, u32 id,
				 struct ndshm_claim **claim)
{
	struct ndshm_adapter *adapter;
	ndshm_reason_t reason;

	reason = ndshm_client_adapter(client, id, &adapter, claim);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (!*claim)
		reason = adapter->ops ? NDSHM_REASON_CLAIM_MISSING :
					NDSHM_REASON_CLAIM_UNSUPPORTED;
	ndshm_adapter_put(adapter);
	return reason;
}

/*
 * Reply, then lock the client's claim on adapter @id: what is done with the claim cannot be undone
 * if the reply fails. The client can delay the reply, so ndshm_claim_lock() tests permission after
 * it. Must be followed by claim_unlock_and_put() if it returns NONE.
 */
static ndshm_reason_t claim_reply_and_lock(struct ndshm_command *command, u32 id,
					   struct ndshm_claim **claim)
{
	ndshm_reason_t reason = claim_find(ndshm_client_of(command), id, claim);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (ndshm_reply(command)) {
		ndshm_claim_put(*claim);
		return NDSHM_REASON_ADDRESS;
	}
	reason = ndshm_claim_lock(*claim);
	if (reason != NDSHM_REASON_NONE) {
		ndshm_claim_put(*claim);
		command->replied = false;
	}
	return reason;
}

/* Unlock and put the claim. After an error the dispatcher replies again. Return: @reason. */
static ndshm_reason_t claim_unlock_and_put(struct ndshm_command *command,
					   struct ndshm_claim *claim, ndshm_reason_t reason)
{
	if (reason == NDSHM_REASON_NONE)
		ndshm_claim_use(claim);
	ndshm_claim_unlock(claim);
	ndshm_claim_put(claim);
	command->replied = reason == NDSHM_REASON_NONE;
	return reason;
}

static ndshm_reason_t ndshm_ioctl_adapter_start(struct ndshm_command *command)
{
	const struct ndshm_adapter_start_args *argument = command->argument;
	struct ndshm_claim *claim;
	ndshm_reason_t reason;

	if (argument->__reserved)
		return NDSHM_REASON_RESERVED;
	reason = claim_reply_and_lock(command, argument->adapter, &claim);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = claim->adapter->ops->start(claim->adapter->context);
	return claim_unlock_and_put(command, claim, reason);
}

static ndshm_reason_t ndshm_ioctl_adapter_reset(struct ndshm_command *command)
{
	const struct ndshm_adapter_reset_args *argument = command->argument;
	struct ndshm_claim *claim;
	ndshm_reason_t reason;

	if (argument->__reserved)
		return NDSHM_REASON_RESERVED;
	reason = claim_reply_and_lock(command, argument->adapter, &claim);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = claim->adapter->ops->reset(claim->adapter->context);
	/* Also a reset that goes on, or has failed. */
	if (reason != NDSHM_REASON_RESET_UNSUPPORTED)
		ndshm_claim_use(claim);
	return claim_unlock_and_put(command, claim, reason);
}

static bool config_access_valid(const struct ndshm_adapter_config_args *access)
{
	const u32 width = access->width;

	return (width == 1 || width == 2 || width == 4) &&
	       IS_ALIGNED(access->offset, width) &&
	       (!(access->flags & NDSHM_CONFIG_WRITE) ||
		access->value <= U32_MAX >> (32 - 8 * width));
}

static ndshm_reason_t config_read(struct ndshm_command *command)
{
	struct ndshm_adapter_config_args *argument = command->argument;
	struct ndshm_claim *claim;
	ndshm_reason_t reason;

	reason = claim_find(ndshm_client_of(command), argument->adapter, &claim);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = ndshm_claim_lock(claim);
	if (reason == NDSHM_REASON_NONE) {
		reason = claim->adapter->ops->config(claim->adapter->context, argument);
		ndshm_claim_unlock(claim);
	}
	ndshm_claim_put(claim);
	return reason;
}

static ndshm_reason_t ndshm_ioctl_adapter_config(struct ndshm_command *command)
{
	struct ndshm_adapter_config_args *argument = command->argument;
	struct ndshm_claim *claim;
	ndshm_reason_t reason;

	if (!config_access_valid(argument))
		return NDSHM_REASON_CONFIG_RANGE;
	if (!(argument->flags & NDSHM_CONFIG_WRITE))
		return config_read(command);
	reason = claim_reply_and_lock(command, argument->adapter, &claim);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = claim->adapter->ops->config(claim->adapter->context, argument);
	return claim_unlock_and_put(command, claim, reason);
}

/* Publish @handle for a BAR that has none. */
static ndshm_reason_t bar_publish(struct ndshm_claim *claim, struct ndshm_bar *bar,
				  struct ndshm_handles *handles, u32 handle)
{
	const ndshm_reason_t reason = ndshm_claim_lock(claim);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (!bar->object.handle) {
		refcount_inc(&bar->object.references);
		ndshm_handle_publish(handles, handle, &bar->object);
	}
	ndshm_claim_use(claim);
	ndshm_claim_unlock(claim);
	return NDSHM_REASON_NONE;
}

/*
 * Reply with the offset of the BAR, then publish its handle. If another thread has published one
 * meanwhile, reply again, with that handle's offset.
 */
static ndshm_reason_t bar_map(struct ndshm_command *command,
			      struct ndshm_claim *claim)
{
	struct ndshm_adapter_map_bar_args *argument = command->argument;
	struct ndshm_handles *handles = &ndshm_client_of(command)->handles;
	const struct ndshm_adapter_map_bar_args before = *argument;
	struct ndshm_device_claim *whole = ndshm_device_claim(claim);
	struct ndshm_bar *bar;
	ndshm_reason_t reason;
	u32 handle, reported;

	if (argument->bar >= NDSHM_BARS)
		return NDSHM_REASON_BAR;
	bar = &whole->bars[array_index_nospec(argument->bar, NDSHM_BARS)];
	if (!(whole->mappable & BIT(bar - whole->bars)))
		return NDSHM_REASON_BAR_NOT_MAPPABLE;
	reason = ndshm_handle_reserve(handles, &handle);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	argument->out_length = bar->object.length;
	do {
		reported = READ_ONCE(bar->object.handle) ?: handle;
		argument->out_mmap_offset = ndshm_handle_offset(reported);
		reason = NDSHM_REASON_ADDRESS;
		if (ndshm_reply(command))
			break;
		/* The client can delay the reply, so permission is tested after it. */
		reason = bar_publish(claim, bar, handles, handle);
	} while (reason == NDSHM_REASON_NONE &&
		 READ_ONCE(bar->object.handle) != reported);
	if (reason != NDSHM_REASON_NONE && reason != NDSHM_REASON_ADDRESS) {
		*argument = before;
		command->replied = false;
	}
	if (READ_ONCE(bar->object.handle) != handle)
		ndshm_handle_cancel(handles, handle);
	return reason;
}

static ndshm_reason_t ndshm_ioctl_adapter_map_bar(struct ndshm_command *command)
{
	struct ndshm_adapter_map_bar_args *argument = command->argument;
	struct ndshm_claim *claim;
	ndshm_reason_t reason;

	reason = claim_find(ndshm_client_of(command), argument->adapter,
			    &claim);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = bar_map(command, claim);
	ndshm_claim_put(claim);
	return reason;
}

/* The range must be within the numbers of the claim. Bounds it for speculation, too. */
static ndshm_reason_t irqs_check(struct ndshm_adapter_set_irqs_args *argument,
				 const struct ndshm_device_claim *claim)
{
	const bool unmask = argument->flags & NDSHM_SET_IRQS_UNMASK;
	const bool empty = !argument->first && !argument->count &&
			   !argument->eventfds;
	u32 limit;

	if (argument->kind >= NDSHM_IRQ_KINDS ||
	    (unmask && argument->kind != NDSHM_IRQ_INTX))
		return NDSHM_REASON_IRQ_KIND;
	argument->kind = array_index_nospec(argument->kind, NDSHM_IRQ_KINDS);
	if (argument->kind == NDSHM_IRQ_NONE)
		return empty ? NDSHM_REASON_NONE : NDSHM_REASON_IRQ_RANGE;
	limit = claim->irqs[argument->kind];
	if (!limit)
		return NDSHM_REASON_IRQ_UNSUPPORTED;
	if (unmask && empty)
		return NDSHM_REASON_NONE;
	if (!argument->count || argument->count > limit ||
	    argument->first > limit - argument->count)
		return NDSHM_REASON_IRQ_RANGE;
	argument->first = array_index_nospec(argument->first, limit);
	return NDSHM_REASON_NONE;
}

/* Replace descriptors by eventfds, in the caller's task. On failure those found are stored. */
static ndshm_reason_t irqs_get_eventfds(const struct ndshm_adapter_set_irqs_args *argument,
					struct eventfd_ctx **eventfds)
{
	const s32 __user *user = u64_to_user_ptr(argument->eventfds);
	struct eventfd_ctx *eventfd;
	u32 i;
	s32 fd;

	for (i = 0; i < argument->count; i++) {
		if (get_user(fd, user + i))
			return NDSHM_REASON_ADDRESS;
		if (fd == -1)
			continue;
		eventfd = eventfd_ctx_fdget(fd);
		if (IS_ERR(eventfd))
			return NDSHM_REASON_IRQ_EVENTFD;
		eventfds[i] = eventfd;
	}
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t irqs_change(struct ndshm_command *command,
				  struct ndshm_claim *claim)
{
	struct ndshm_adapter_set_irqs_args *argument = command->argument;
	struct ndshm_irq_change change;
	ndshm_reason_t reason;
	u32 i;

	reason = irqs_check(argument, ndshm_device_claim(claim));
	if (reason != NDSHM_REASON_NONE)
		return reason;
	change.kind = argument->kind;
	change.first = argument->first;
	change.count = argument->count;
	change.eventfds = kcalloc(argument->count, sizeof(*change.eventfds),
				  NDSHM_GFP_CHARGED);
	if (!change.eventfds)
		return NDSHM_REASON_MEMORY;
	reason = irqs_get_eventfds(argument, change.eventfds);
	/* As for a start: the reply comes first, since the change cannot be undone. */
	if (reason == NDSHM_REASON_NONE && ndshm_reply(command)) {
		reason = NDSHM_REASON_ADDRESS;
	} else if (reason == NDSHM_REASON_NONE) {
		reason = ndshm_claim_lock(claim);
		if (reason == NDSHM_REASON_NONE) {
			reason = claim->adapter->ops->set_irqs(claim->adapter->context, &change);
			ndshm_claim_unlock(claim);
		}
		command->replied = reason == NDSHM_REASON_NONE;
	}
	for (i = 0; i < change.count; i++)
		if (change.eventfds[i])
			eventfd_ctx_put(change.eventfds[i]);
	kfree(change.eventfds);
	return reason;
}

static ndshm_reason_t ndshm_ioctl_adapter_set_irqs(struct ndshm_command *command)
{
	struct ndshm_adapter_set_irqs_args *argument = command->argument;
	struct ndshm_claim *claim;
	ndshm_reason_t reason;

	reason = claim_find(ndshm_client_of(command), argument->adapter,
			    &claim);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = irqs_change(command, claim);
	ndshm_claim_put(claim);
	return reason;
}

#define ROW	NDSHM_IOCTL_ROW

static const struct ndshm_ioctl_row claim_rows[] = {
	ROW(NDSHM_ADAPTER_CLAIM, adapter_claim, out_adapter, 0),
	ROW(NDSHM_ADAPTER_START, adapter_start, __reserved, 0),
	ROW(NDSHM_ADAPTER_MAP_BAR, adapter_map_bar, out_length, 0),
	ROW(NDSHM_ADAPTER_SET_IRQS, adapter_set_irqs, eventfds, NDSHM_SET_IRQS_UNMASK),
	ROW(NDSHM_ADAPTER_RESET, adapter_reset, __reserved, 0),
	ROW(NDSHM_ADAPTER_CONFIG, adapter_config, value, NDSHM_CONFIG_WRITE),
};

static const struct ndshm_client_part claim_part = {
	.ioctls = { claim_rows, ARRAY_SIZE(claim_rows) },
	.end_claims = ndshm_claims_end,
};

int __init ndshm_device_init(void)
{
	ndshm_claim_init();
	ndshm_client_add_part(&claim_part);
	return 0;
}
