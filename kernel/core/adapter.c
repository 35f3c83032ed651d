// SPDX-License-Identifier: GPL-2.0
#include <linux/device.h>
#include <linux/export.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include <linux/ndshm_netlink.h>

#include "adapter.h"
#include "claim.h"
#include "netlink.h"
#include "registry.h"

/* Registered adapters by id; an id is not used again soon. */
static DEFINE_XARRAY_ALLOC1(adapters);
static u32 next_id;

struct ndshm_adapter *ndshm_adapter_find_id(u32 id)
{
	struct ndshm_adapter *adapter;

	rcu_read_lock();
	adapter = xa_load(&adapters, id);
	if (adapter && !refcount_inc_not_zero(&adapter->references))
		adapter = NULL;
	rcu_read_unlock();
	return adapter;
}

struct ndshm_adapter *ndshm_adapter_next(u32 *id)
{
	struct ndshm_adapter *adapter;
	unsigned long index;

	rcu_read_lock();
	xa_for_each_start(&adapters, index, adapter, *id) {
		if (refcount_inc_not_zero(&adapter->references)) {
			*id = index;
			break;
		}
	}
	rcu_read_unlock();
	return adapter;
}

static struct ndshm_adapter *find_locked(const char *name)
{
	struct ndshm_adapter *adapter;
	unsigned long index;

	lockdep_assert_held(&ndshm_registry_lock);

	xa_for_each(&adapters, index, adapter)
		if (!strcmp(adapter->name, name))
			return adapter;
	return NULL;
}

struct ndshm_adapter *ndshm_adapter_find(const char *name)
{
	struct ndshm_adapter *adapter;

	mutex_lock(&ndshm_registry_lock);
	adapter = find_locked(name);
	/* It is registered, so the registration's reference is there. */
	if (adapter)
		refcount_inc(&adapter->references);
	mutex_unlock(&ndshm_registry_lock);
	return adapter;
}
EXPORT_SYMBOL_GPL(ndshm_adapter_find);

struct ndshm_adapter *ndshm_adapter_get(struct ndshm_adapter *adapter)
{
	refcount_inc(&adapter->references);
	return adapter;
}

void ndshm_adapter_put(struct ndshm_adapter *adapter)
{
	if (!refcount_dec_and_test(&adapter->references))
		return;
	put_device(adapter->device);
	mutex_destroy(&adapter->claim_lock);
	kfree_rcu(adapter, rcu);
}
EXPORT_SYMBOL_GPL(ndshm_adapter_put);

struct device *ndshm_adapter_device(const struct ndshm_adapter *adapter)
{
	return adapter->device;
}
EXPORT_SYMBOL_GPL(ndshm_adapter_device);

static ndshm_reason_t publish(struct ndshm_adapter *adapter)
{
	mutex_lock(&ndshm_registry_lock);
	if (find_locked(adapter->name)) {
		mutex_unlock(&ndshm_registry_lock);
		return NDSHM_REASON_NAME_TAKEN;
	}
	/* The id is part of the object, so it is known before it is seen. */
	if (xa_alloc_cyclic(&adapters, &adapter->id, NULL, xa_limit_31b,
			    &next_id, GFP_KERNEL) < 0) {
		mutex_unlock(&ndshm_registry_lock);
		return NDSHM_REASON_MEMORY;
	}
	xa_store(&adapters, adapter->id, adapter, GFP_KERNEL);
	mutex_unlock(&ndshm_registry_lock);
	ndshm_nl_adapter_event(adapter, NDSHM_CMD_ADAPTER_ADDED_NTF);
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_adapter_register(const struct ndshm_adapter_info *info,
				      struct ndshm_adapter **out)
{
	struct ndshm_adapter *adapter;
	ndshm_reason_t reason;

	might_sleep();

	if (!ndshm_name_valid(info->name))
		return NDSHM_REASON_NAME;
	if (info->flags & ~NDSHM_ADAPTER_OPEN)
		return NDSHM_REASON_FLAGS;
	adapter = kzalloc(sizeof(*adapter), GFP_KERNEL);
	if (!adapter)
		return NDSHM_REASON_MEMORY;
	refcount_set(&adapter->references, 1);
	strscpy(adapter->name, info->name, sizeof(adapter->name));
	adapter->device = get_device(info->device);
	adapter->flags = info->flags;
	adapter->ops = info->ops;
	adapter->context = info->context;
	adapter->group = info->group;
	ndshm_blockset_init(&adapter->set);
	mutex_init(&adapter->claim_lock);

	reason = publish(adapter);
	if (reason != NDSHM_REASON_NONE) {
		ndshm_adapter_put(adapter);
		return reason;
	}
	*out = adapter;
	return NDSHM_REASON_NONE;
}
EXPORT_SYMBOL_GPL(ndshm_adapter_register);

void ndshm_adapter_unregister(struct ndshm_adapter *adapter)
{
	struct ndshm_claim *claim = NULL;

	might_sleep();

	mutex_lock(&adapter->claim_lock);
	adapter->removed = true;
	if (adapter->claim)
		claim = ndshm_claim_get(adapter->claim);
	mutex_unlock(&adapter->claim_lock);

	ndshm_nl_adapter_event(adapter, NDSHM_CMD_ADAPTER_REVOKED_NTF);
	if (claim) {
		ndshm_claim_end_removing(claim);
		ndshm_claim_put(claim);
	}
	ndshm_blockset_close(&adapter->set);

	mutex_lock(&ndshm_registry_lock);
	xa_erase(&adapters, adapter->id);
	mutex_unlock(&ndshm_registry_lock);
	ndshm_nl_adapter_event(adapter, NDSHM_CMD_ADAPTER_GONE_NTF);
	ndshm_adapter_put(adapter);
}
EXPORT_SYMBOL_GPL(ndshm_adapter_unregister);

u32 ndshm_adapter_isolation(struct ndshm_adapter *adapter)
{
	u32 missing = NDSHM_ISOLATION_ALL;

	/* Without ops it is no device of a client's: its addresses are bare. */
	if (!adapter->ops)
		return NDSHM_ISOLATION_NO_TRANSLATION;
	if (ndshm_blockset_enter(&adapter->set)) {
		missing = adapter->ops->isolation(adapter->context);
		ndshm_blockset_leave(&adapter->set);
	}
	return missing;
}

bool ndshm_adapter_dirty(struct ndshm_adapter *adapter)
{
	bool dirty = false;

	if (adapter->ops && ndshm_blockset_enter(&adapter->set)) {
		dirty = adapter->ops->dirty(adapter->context);
		ndshm_blockset_leave(&adapter->set);
	}
	return dirty;
}

bool ndshm_adapter_claimed(struct ndshm_adapter *adapter)
{
	return READ_ONCE(adapter->claim);
}
