// SPDX-License-Identifier: GPL-2.0
/*
 * Adapters: registration, removal, isolation, and the permission to do DMA without isolation.
 */
#include <linux/cache.h>
#include <linux/device.h>
#include <linux/dma-map-ops.h>
#include <linux/export.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>

#include <linux/ndshm_netlink.h>

#include "../base/deferred.h"
#include "../base/events.h"
#include "../base/registry.h"
#include "adapter.h"
#include "devnode.h"

static bool allow_unisolated;
module_param(allow_unisolated, bool, 0644);
MODULE_PARM_DESC(allow_unisolated,
		 "Let clients opened with CAP_SYS_RAWIO drive functions without isolation (taints)");

static void adapter_release(struct ndshm_entry *entry);

void (*ndshm_claim_end_hook)(struct ndshm_adapter *adapter) __ro_after_init;

struct ndshm_registry ndshm_adapters = {
	.entries = XARRAY_INIT(ndshm_adapters.entries, XA_FLAGS_ALLOC1),
	.release = adapter_release,
};

static struct ndshm_adapter *adapter_of(struct ndshm_entry *entry)
{
	return entry ? container_of(entry, struct ndshm_adapter, entry) : NULL;
}

static void adapter_release(struct ndshm_entry *entry)
{
	struct ndshm_adapter *adapter = adapter_of(entry);

	put_device(adapter->device);
	if (adapter->group && refcount_dec_and_test(&adapter->group->references))
		kfree(adapter->group);
	mutex_destroy(&adapter->bars_lock);
	kfree_rcu(adapter, entry.rcu);
}

struct ndshm_adapter *ndshm_adapter_next(u32 *id)
{
	return adapter_of(ndshm_registry_next(&ndshm_adapters, id));
}

struct ndshm_adapter *ndshm_adapter_find(const char *name)
{
	return adapter_of(ndshm_registry_find(&ndshm_adapters, name));
}
EXPORT_SYMBOL_GPL(ndshm_adapter_find);

void ndshm_adapter_put(struct ndshm_adapter *adapter)
{
	ndshm_entry_put(&adapter->entry);
}
EXPORT_SYMBOL_GPL(ndshm_adapter_put);

/*
 * Join or create the group of @key, and add what it lacks. Unregistered adapters have no claims to
 * exclude.
 */
static bool adapter_join_group(struct ndshm_adapter *adapter, const void *key, u32 missing)
{
	struct ndshm_claim_group *group;
	struct ndshm_entry *entry;
	unsigned long id;

	lockdep_assert_held(&ndshm_registry_lock);

	xa_for_each(&ndshm_adapters.entries, id, entry) {
		group = adapter_of(entry)->group;
		if (group && group->key == key) {
			refcount_inc(&group->references);
			WRITE_ONCE(group->missing, group->missing | missing);
			adapter->group = group;
			return true;
		}
	}
	group = kzalloc(sizeof(*group), GFP_KERNEL);
	if (!group)
		return false;
	refcount_set(&group->references, 1);
	group->key = key;
	group->missing = missing;
	mutex_init(&group->lock);
	INIT_LIST_HEAD(&group->claims);
	adapter->group = group;
	return true;
}

/*
 * Reserve an id, make the device node, then publish the adapter: who finds it can open its node.
 * The node is made without ndshm_registry_lock, which removals need.
 */
static ndshm_reason_t adapter_publish(struct ndshm_adapter *adapter,
				      const struct ndshm_adapter_info *info)
{
	const bool claimable = ndshm_adapter_claimable(adapter);
	ndshm_reason_t reason = NDSHM_REASON_MEMORY;

	mutex_lock(&ndshm_registry_lock);
	if (!adapter->ops ||
	    adapter_join_group(adapter, info->group ?: adapter, info->missing))
		reason = ndshm_registry_reserve(&adapter->entry, NULL);
	mutex_unlock(&ndshm_registry_lock);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (claimable && !ndshm_devnode_add(adapter))
		reason = NDSHM_REASON_MEMORY;
	mutex_lock(&ndshm_registry_lock);
	if (reason == NDSHM_REASON_NONE)
		reason = ndshm_registry_publish(&adapter->entry);
	if (reason != NDSHM_REASON_NONE)
		ndshm_registry_remove(&adapter->entry);
	mutex_unlock(&ndshm_registry_lock);
	if (claimable && reason == NDSHM_REASON_NAME_TAKEN)
		ndshm_devnode_remove(adapter);
	return reason;
}

static enum ndshm_reach adapter_reach(struct device *device)
{
	return dev_is_dma_coherent(device) && !is_swiotlb_force_bounce(device) ?
	       NDSHM_REACH_DIRECT : NDSHM_REACH_INDIRECT;
}

struct ndshm_adapter *
ndshm_adapter_register(const struct ndshm_adapter_info *info,
		       ndshm_reason_t *out)
{
	struct ndshm_adapter *adapter;
	ndshm_reason_t reason;

	might_sleep();

	if (!ndshm_name_valid(info->name))
		return ndshm_reason_report_ptr(NDSHM_REASON_NAME, out, NULL);
	if (info->flags & ~(NDSHM_ADAPTER_OPEN | NDSHM_ADAPTER_UNSTOPPABLE) ||
	    (info->flags & NDSHM_ADAPTER_UNSTOPPABLE && !info->ops))
		return ndshm_reason_report_ptr(NDSHM_REASON_FLAGS, out, NULL);
	adapter = kzalloc(sizeof(*adapter), GFP_KERNEL);
	if (!adapter)
		return ndshm_reason_report_ptr(NDSHM_REASON_MEMORY, out, NULL);
	refcount_set(&adapter->entry.references, 1);
	strscpy(adapter->entry.name, info->name, sizeof(adapter->entry.name));
	adapter->entry.registry = &ndshm_adapters;
	adapter->device = get_device(info->device);
	adapter->flags = info->flags;
	adapter->reach = adapter_reach(info->device);
	adapter->ops = info->ops;
	adapter->context = info->context;
	ndshm_blockset_init(&adapter->set, NDSHM_BLOCKSET_USER);
	ndshm_queues_init(&adapter->queues);
	mutex_init(&adapter->bars_lock);
	adapter->claimant = INVALID_UID;

	reason = adapter_publish(adapter, info);
	if (reason != NDSHM_REASON_NONE) {
		ndshm_adapter_put(adapter);
		return ndshm_reason_report_ptr(reason, out, NULL);
	}
	ndshm_event(NDSHM_CMD_ADAPTER_ADDED_NTF, adapter);
	if (ndshm_adapter_claimable(adapter))
		ndshm_devnode_announce(adapter);
	return ndshm_reason_report_ptr(NDSHM_REASON_NONE, out, adapter);
}
EXPORT_SYMBOL_GPL(ndshm_adapter_register);

bool ndshm_adapter_close_unused(struct ndshm_adapter *adapter)
{
	might_sleep();

	/* Finish deferred frees: their blocks must not count as members. */
	ndshm_deferred_drain();
	if (!ndshm_blockset_drain_unused(&adapter->set))
		return false;
	if (ndshm_queues_unused(&adapter->queues))
		return true;
	ndshm_adapter_reopen(adapter);
	return false;
}
EXPORT_SYMBOL_GPL(ndshm_adapter_close_unused);

void ndshm_adapter_reopen(struct ndshm_adapter *adapter)
{
	ndshm_blockset_open(&adapter->set);
}
EXPORT_SYMBOL_GPL(ndshm_adapter_reopen);

void ndshm_adapter_unregister(struct ndshm_adapter *adapter)
{
	might_sleep();

	ndshm_event(NDSHM_CMD_ADAPTER_REVOKED_NTF, adapter);
	/* From here on allocations stop early, and no claim or queue can be added. */
	ndshm_blockset_kill(&adapter->set);
	if (adapter->group)
		ndshm_claim_end_hook(adapter);
	ndshm_queues_end(adapter);
	ndshm_blockset_revoke(&adapter->set, MAX_SCHEDULE_TIMEOUT, "adapter", adapter->entry.id);
	if (ndshm_adapter_claimable(adapter))
		ndshm_devnode_remove(adapter);

	mutex_lock(&ndshm_registry_lock);
	ndshm_registry_remove(&adapter->entry);
	mutex_unlock(&ndshm_registry_lock);
	ndshm_event(NDSHM_CMD_ADAPTER_GONE_NTF, adapter);
	ndshm_adapter_put(adapter);
}
EXPORT_SYMBOL_GPL(ndshm_adapter_unregister);

u32 ndshm_adapter_isolation(struct ndshm_adapter *adapter)
{
	u32 missing = NDSHM_ISOLATION_ALL;

	/* No IOMMU confines the device of an adapter without claims to a client. */
	if (!adapter->ops)
		return NDSHM_ISOLATION_NO_TRANSLATION;
	if (ndshm_blockset_get_active(&adapter->set)) {
		missing = adapter->ops->isolation(adapter->context) |
			  READ_ONCE(adapter->group->missing);
		ndshm_blockset_put_active(&adapter->set);
	}
	return missing;
}

bool ndshm_adapter_needs_reset(struct ndshm_adapter *adapter)
{
	bool needs_reset = false;

	if (adapter->ops && ndshm_blockset_get_active(&adapter->set)) {
		needs_reset = adapter->ops->needs_reset(adapter->context);
		ndshm_blockset_put_active(&adapter->set);
	}
	return needs_reset;
}

ndshm_reason_t ndshm_adapter_permit(struct ndshm_adapter *adapter, bool rawio)
{
	if (!ndshm_adapter_isolation(adapter))
		return NDSHM_REASON_NONE;
	if (ndshm_blockset_killed(&adapter->set))
		return NDSHM_REASON_ADAPTER_REMOVED;
	if (!rawio)
		return NDSHM_REASON_NOT_ISOLATED;
	if (!READ_ONCE(allow_unisolated))
		return NDSHM_REASON_UNISOLATED_OFF;
	if (security_locked_down(LOCKDOWN_PCI_ACCESS))
		return NDSHM_REASON_LOCKDOWN;
	add_taint(TAINT_USER, LOCKDEP_STILL_OK);
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_claim_permit(const struct ndshm_claim *claim, bool rawio)
{
	ndshm_reason_t reason = ndshm_adapter_permit(claim->adapter, rawio);

	if (reason != NDSHM_REASON_ADAPTER_REMOVED &&
	    READ_ONCE(claim->adapter->claim) != claim)
		reason = NDSHM_REASON_CLAIM_MISSING;
	return reason;
}

bool ndshm_adapter_claimed_by(const struct ndshm_adapter *adapter,
			      const struct ndshm_claims *client)
{
	/* All claims of a group are of one client. */
	return READ_ONCE(adapter->claim) &&
	       READ_ONCE(adapter->group->client) == client;
}

void ndshm_claim_put(struct ndshm_claim *claim)
{
	if (!refcount_dec_and_test(&claim->references))
		return;
	ndshm_adapter_put(claim->adapter);
	kfree(claim);
}
