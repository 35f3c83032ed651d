// SPDX-License-Identifier: GPL-2.0
/*
 * Claims: begin, use and end, and the BARs of a claim. When a claim ends, DMA stops before memory
 * is freed.
 */
#include <linux/cred.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/pm.h>
#include <linux/slab.h>

#include <linux/ndshm_netlink.h>
#include <ndshm/provider.h>

#include "../adapter/adapter.h"
#include "../base/events.h"
#include "../base/testing.h"
#include "bus.h"
#include "claim.h"

/*
 * Also called with the mmap lock held, when a failed mmap drops the last
 * reference: iput() of an inode without mappings is permitted there.
 */
static void bar_release(struct ndshm_object *object)
{
	struct ndshm_bar *bar = container_of(object, struct ndshm_bar, object);

	ndshm_object_fini(object);
	ndshm_claim_put(bar->claim);
}

static unsigned long bar_pfn(struct ndshm_object *object, pgoff_t index,
			     unsigned long *count, pgprot_t *prot)
{
	const struct ndshm_bar *bar = container_of(object, struct ndshm_bar, object);
	const struct ndshm_bar_range *range = &bar->range;
	unsigned int i;

	/* A count of 0 turns the access into SIGBUS. */
	*count = READ_ONCE(bar->claim->adapter->bars_unmapped) ? 0 :
		 (object->length >> PAGE_SHIFT) - index;
	for (i = 0; i < ARRAY_SIZE(range->holes); i++) {
		if (index < PFN_DOWN(range->holes[i].start))
			*count = min(*count, PFN_DOWN(range->holes[i].start) - index);
		else if (index < PFN_UP(range->holes[i].end))
			*count = 0;
	}
	/* The memory of a device is not encrypted. */
	*prot = pgprot_decrypted(pgprot_noncached(*prot));
	return PHYS_PFN(range->start) + index;
}

static const struct ndshm_object_ops bar_ops = {
	.kind = "bar",
	.max_mappings = NDSHM_MAX_MAPPINGS,
	.pfn = bar_pfn,
	.release = bar_release,
	.release_async = bar_release,
};

/* Return: true if the claim may begin although the device needs a reset. */
static bool claim_ignores_reset(const struct ndshm_device_claim *claim)
{
	const struct ndshm_adapter *adapter = claim->common.adapter;

	lockdep_assert_held(&adapter->group->lock);

	return claim->client->rawio || uid_eq(adapter->claimant, claim->uid);
}

/*
 * Return: NONE if the adapter has no claim, not even one that is ending, and its group
 * has none of another client: the adapter's device could reach that client's blocks.
 * Without the group's lock this is only a hint.
 */
static ndshm_reason_t claim_check(struct ndshm_adapter *adapter,
				  const struct ndshm_claims *client)
{
	const struct ndshm_claims *other = READ_ONCE(adapter->group->client);

	if (ndshm_blockset_killed(&adapter->set))
		return NDSHM_REASON_ADAPTER_REMOVED;
	if (READ_ONCE(adapter->claim) || (other && other != client))
		return NDSHM_REASON_CLAIM_BUSY;
	return NDSHM_REASON_NONE;
}

/* Called with the lock of the group held. */
static ndshm_reason_t claim_begin(struct ndshm_device_claim *claim, unsigned int address_width)
{
	struct ndshm_adapter *adapter = claim->common.adapter;
	struct ndshm_bar *bar;
	ndshm_reason_t reason;
	unsigned int i;

	reason = ndshm_adapter_permit(adapter, claim->client->rawio);
	if (reason == NDSHM_REASON_NONE)
		reason = claim_check(adapter, claim->client);
	if (reason == NDSHM_REASON_NONE)
		ndshm_test_delay(NDSHM_TEST_CLAIM);
	if (reason == NDSHM_REASON_NONE)
		reason = adapter->ops->claim(adapter->context,
					     address_width,
					     claim_ignores_reset(claim));
	if (reason != NDSHM_REASON_NONE)
		return reason;
	for (i = 0; i < NDSHM_BARS; i++) {
		bar = &claim->bars[i];
		if (!adapter->ops->bar(adapter->context, i, &bar->range))
			continue;
		ndshm_object_init(&bar->object, &bar_ops, bar->range.length);
		bar->object.frames = true;
		bar->object.id = i;
		bar->claim = ndshm_claim_get(&claim->common);
		claim->mappable |= BIT(i);
	}
	for (i = NDSHM_IRQ_INTX; i < NDSHM_IRQ_KINDS; i++)
		claim->irqs[i] = adapter->ops->irqs(adapter->context, i);
	mutex_lock(&adapter->bars_lock);
	WRITE_ONCE(adapter->claim, &claim->common);
	mutex_unlock(&adapter->bars_lock);
	WRITE_ONCE(adapter->group->client, claim->client);
	list_add_tail(&claim->group_link, &adapter->group->claims);
	ndshm_event(NDSHM_CMD_ADAPTER_CLAIMED_NTF, adapter);
	return NDSHM_REASON_NONE;
}

/* Stop the DMA of a claim. Afterwards only claim_revoke() may use its BARs. */
static void claim_stop(struct ndshm_device_claim *claim, bool removing)
{
	struct ndshm_adapter *adapter = claim->common.adapter;
	unsigned int i;

	if (adapter->ops->stop)
		adapter->ops->stop(adapter->context);
	for_each_set_bit(i, &claim->mappable, NDSHM_BARS)
		ndshm_object_revoke(&claim->bars[i].object);
	ndshm_test_delay(NDSHM_TEST_RELEASE);
	adapter->ops->release(adapter->context, claim->used, removing);
}

/* Revoke the blocks of a stopped claim, and let the next claim begin. */
static void claim_revoke(struct ndshm_device_claim *claim)
{
	struct ndshm_adapter *adapter = claim->common.adapter;
	struct ndshm_claim_group *group = adapter->group;
	unsigned int i;

	ndshm_blockset_revoke(&claim->common.set, MAX_SCHEDULE_TIMEOUT, "claim", adapter->entry.id);
	mutex_lock(&adapter->bars_lock);
	WRITE_ONCE(adapter->claim, NULL);
	mutex_unlock(&adapter->bars_lock);

	list_del(&claim->group_link);
	if (list_empty(&group->claims))
		WRITE_ONCE(group->client, NULL);
	for_each_set_bit(i, &claim->mappable, NDSHM_BARS)
		ndshm_object_put(&claim->bars[i].object);
	ndshm_event(NDSHM_CMD_ADAPTER_RELEASED_NTF, adapter);
}

/*
 * End the claim of @adapter, or all claims of the group if @adapter is NULL. @removing: called by
 * the removal of @adapter, with its device lock held.
 */
static void claim_group_end(struct ndshm_claim_group *group,
			    const struct ndshm_adapter *adapter, bool removing)
{
	struct ndshm_device_claim *claim, *next;

	lockdep_assert_held(&group->lock);

	list_for_each_entry(claim, &group->claims, group_link)
		if (!adapter || claim->common.adapter == adapter)
			claim_stop(claim, removing);
	list_for_each_entry_safe(claim, next, &group->claims, group_link)
		if (!adapter || claim->common.adapter == adapter)
			claim_revoke(claim);
}

/* The removal of @adapter ends its claim. */
static void claim_end_removed(struct ndshm_adapter *adapter)
{
	mutex_lock(&adapter->group->lock);
	claim_group_end(adapter->group, adapter, true);
	mutex_unlock(&adapter->group->lock);
}

/* End a claim; @adapter is its adapter, or NULL for all claims of the client in the group. */
static void claim_end(struct ndshm_claim *claim, const struct ndshm_adapter *adapter)
{
	struct ndshm_claim_group *group = claim->adapter->group;

	mutex_lock(&group->lock);
	if (claim->adapter->claim == claim)
		claim_group_end(group, adapter, false);
	mutex_unlock(&group->lock);
}

/*
 * Lock the group for an operation of @client, whose lock limits it to one task that waits for that
 * of the group: a removal waits behind those that came before.
 */
static ndshm_reason_t claim_group_lock(struct ndshm_claim_group *group,
				       struct ndshm_claims *client)
{
	if (mutex_lock_killable(&client->lock))
		return NDSHM_REASON_CLAIM_BUSY;
	if (!mutex_lock_killable(&group->lock))
		return NDSHM_REASON_NONE;
	mutex_unlock(&client->lock);
	return NDSHM_REASON_CLAIM_BUSY;
}

static void claim_group_unlock(struct ndshm_claim_group *group, struct ndshm_claims *client)
{
	mutex_unlock(&group->lock);
	mutex_unlock(&client->lock);
}

ndshm_reason_t ndshm_claim_lock(struct ndshm_claim *claim)
{
	struct ndshm_claims *client = ndshm_device_claim(claim)->client;
	ndshm_reason_t reason;

	reason = claim_group_lock(claim->adapter->group, client);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = ndshm_claim_permit(claim, client->rawio);
	if (reason != NDSHM_REASON_NONE)
		ndshm_claim_unlock(claim);
	return reason;
}

void ndshm_claim_unlock(struct ndshm_claim *claim)
{
	claim_group_unlock(claim->adapter->group, ndshm_device_claim(claim)->client);
}

ndshm_reason_t ndshm_claim_begin(struct ndshm_adapter *adapter,
				 unsigned int address_width,
				 struct ndshm_claims *client,
				 struct ndshm_claim **out)
{
	struct ndshm_device_claim *claim;
	ndshm_reason_t reason;

	/* Fail early: the end of another claim holds the group's lock for long. */
	reason = claim_check(adapter, client);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	claim = kzalloc(sizeof(*claim), NDSHM_GFP_CHARGED);
	if (!claim)
		return NDSHM_REASON_MEMORY;
	refcount_set(&claim->common.references, 1);
	claim->common.adapter = ndshm_adapter_get(adapter);
	claim->client = client;
	claim->uid = current_euid();
	ndshm_blockset_init(&claim->common.set, NDSHM_BLOCKSET_USER);

	reason = claim_group_lock(adapter->group, client);
	if (reason == NDSHM_REASON_NONE) {
		reason = claim_begin(claim, address_width);
		claim_group_unlock(adapter->group, client);
	}
	if (reason != NDSHM_REASON_NONE) {
		ndshm_claim_put(&claim->common);
		return reason;
	}
	*out = &claim->common;
	return NDSHM_REASON_NONE;
}

void ndshm_claim_end(struct ndshm_claim *claim)
{
	claim_end(claim, claim->adapter);
}

void ndshm_claims_end(struct ndshm_claims *client)
{
	struct ndshm_claim *claim, *next;

	list_for_each_entry_safe(claim, next, &client->list, link) {
		claim_end(claim, NULL);
		list_del(&claim->link);
		ndshm_claim_put(claim);
	}
}

/*
 * Called with bars_lock held and bars_unmapped set. A fault that has not seen it holds the lock of
 * the object.
 */
static void bar_unmap(struct ndshm_bar *bar)
{
	struct inode *inode;

	spin_lock(&bar->object.state_lock);
	inode = bar->object.inode;
	spin_unlock(&bar->object.state_lock);
	if (inode)
		unmap_mapping_range(inode->i_mapping, 0, 0, 1);
}

void ndshm_adapter_unmap_bars(struct ndshm_adapter *adapter, bool unmapped)
{
	struct ndshm_device_claim *claim;
	unsigned int i;

	might_sleep();

	mutex_lock(&adapter->bars_lock);
	WRITE_ONCE(adapter->bars_unmapped, unmapped);
	claim = unmapped && adapter->claim ? ndshm_device_claim(adapter->claim) : NULL;
	if (claim)
		for_each_set_bit(i, &claim->mappable, NDSHM_BARS)
			bar_unmap(&claim->bars[i]);
	mutex_unlock(&adapter->bars_lock);
}
EXPORT_SYMBOL_GPL(ndshm_adapter_unmap_bars);

/*
 * Only the client could restore the state of a claimed device. Tasks are already frozen, so no
 * claim can begin before the machine sleeps.
 */
static int claim_prepare(struct device *dev)
{
	struct ndshm_adapter *adapter;
	bool claimed = false;
	u32 id = 0;

	for (; !claimed && (adapter = ndshm_adapter_next(&id)); id++) {
		claimed = adapter->device == dev && READ_ONCE(adapter->claim);
		ndshm_adapter_put(adapter);
	}
	return claimed ? -EBUSY : 0;
}

const struct dev_pm_ops ndshm_bus_pm_ops = {
	.prepare = claim_prepare,
};

/* Return: true if one of @missing is new. */
static bool adapter_add_missing(struct ndshm_adapter *adapter, u32 missing)
{
	struct ndshm_claim_group *group = adapter->group;
	bool is_new;

	mutex_lock(&ndshm_registry_lock);
	is_new = missing & ~group->missing;
	WRITE_ONCE(group->missing, group->missing | missing);
	mutex_unlock(&ndshm_registry_lock);
	return is_new;
}

void ndshm_adapter_end_group_claims(const void *key, u32 missing)
{
	struct ndshm_adapter *adapter;
	u32 id = 0;

	might_sleep();

	for (; (adapter = ndshm_adapter_next(&id)); id++) {
		/* In this order: a claim that did not find @missing has begun, and ends. */
		if (adapter->group && adapter->group->key == key &&
		    (!missing || adapter_add_missing(adapter, missing))) {
			mutex_lock(&adapter->group->lock);
			claim_group_end(adapter->group, NULL, false);
			mutex_unlock(&adapter->group->lock);
		}
		ndshm_adapter_put(adapter);
	}
}
EXPORT_SYMBOL_GPL(ndshm_adapter_end_group_claims);

void __init ndshm_claim_init(void)
{
	ndshm_claim_end_hook = claim_end_removed;
}
