// SPDX-License-Identifier: GPL-2.0
/*
 * Claims: DMA stops before memory goes.
 */
#include <linux/cred.h>
#include <linux/export.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/panic.h>
#include <linux/security.h>
#include <linux/slab.h>

#include "adapter.h"
#include "claim.h"
#include "client.h"

static bool allow_unisolated;
module_param(allow_unisolated, bool, 0644);
MODULE_PARM_DESC(allow_unisolated,
		 "Let clients opened with CAP_SYS_RAWIO drive functions without isolation (taints)");

ndshm_reason_t ndshm_adapter_permit(struct ndshm_adapter *adapter, bool rawio)
{
	u32 missing;

	if (!ndshm_blockset_enter(&adapter->set))
		return NDSHM_REASON_ADAPTER_REMOVED;
	/* Asked itself: we are inside, and somebody else may not get in any more. */
	missing = adapter->ops->isolation(adapter->context);
	ndshm_blockset_leave(&adapter->set);
	if (!missing)
		return NDSHM_REASON_NONE;
	if (!rawio)
		return NDSHM_REASON_NOT_ISOLATED;
	if (!READ_ONCE(allow_unisolated))
		return NDSHM_REASON_UNISOLATED_OFF;
	if (security_locked_down(LOCKDOWN_PCI_ACCESS))
		return NDSHM_REASON_LOCKDOWN;
	add_taint(TAINT_USER, LOCKDEP_STILL_OK);
	return NDSHM_REASON_NONE;
}

/*
 * Also where a mapping's failure drops the last reference, under the mmap
 * lock: iput() of an inode that nothing maps, and iounmap(), are fine there.
 */
static void bar_release(struct ndshm_object *object)
{
	struct ndshm_bar *bar = container_of(object, struct ndshm_bar, object);

	ndshm_object_fini(object);
	iounmap(bar->registers);
	kfree(bar);
}

static unsigned long bar_pfn(struct ndshm_object *object, pgoff_t index,
			     unsigned long *count, pgprot_t *prot)
{
	struct ndshm_bar *bar = container_of(object, struct ndshm_bar, object);

	/* No frame: the access is SIGBUS. */
	*count = READ_ONCE(bar->unmapped) ? 0 :
		 (object->length >> PAGE_SHIFT) - index;
	*prot = pgprot_noncached(*prot);
	return PHYS_PFN(bar->start) + index;
}

static const struct ndshm_object_ops bar_ops = {
	.kind = "bar",
	.max_mappings = NDSHM_MAX_MAPPINGS,
	.pfn = bar_pfn,
	.release = bar_release,
	.release_async = bar_release,
};

struct ndshm_claim *ndshm_claim_get(struct ndshm_claim *claim)
{
	refcount_inc(&claim->references);
	return claim;
}

void ndshm_claim_put(struct ndshm_claim *claim)
{
	if (!refcount_dec_and_test(&claim->references))
		return;
	ndshm_adapter_put(claim->adapter);
	kfree(claim);
}

/* Groups that more than one adapter can be in. */
static LIST_HEAD(claim_groups);
static DEFINE_SPINLOCK(claim_groups_lock);

static struct ndshm_claim_group *claim_group_find(const void *key)
{
	struct ndshm_claim_group *group;

	lockdep_assert_held(&claim_groups_lock);

	list_for_each_entry(group, &claim_groups, link)
		if (group->key == key) {
			refcount_inc(&group->references);
			return group;
		}
	return NULL;
}

struct ndshm_claim_group *ndshm_claim_group_get(const void *key)
{
	struct ndshm_claim_group *new, *group = NULL;

	new = kzalloc(sizeof(*new), GFP_KERNEL);
	if (!new)
		return NULL;
	refcount_set(&new->references, 1);
	mutex_init(&new->lock);
	INIT_LIST_HEAD(&new->claims);
	INIT_LIST_HEAD(&new->link);
	new->key = key;
	if (!key)
		return new;
	spin_lock(&claim_groups_lock);
	group = claim_group_find(key);
	if (!group)
		list_add(&new->link, &claim_groups);
	spin_unlock(&claim_groups_lock);
	if (!group)
		return new;
	kfree(new);
	return group;
}

void ndshm_claim_group_put(struct ndshm_claim_group *group)
{
	bool last;

	if (!group)
		return;
	spin_lock(&claim_groups_lock);
	last = refcount_dec_and_test(&group->references);
	if (last)
		list_del(&group->link);
	spin_unlock(&claim_groups_lock);
	if (!last)
		return;
	mutex_destroy(&group->lock);
	kfree(group);
}

/*
 * Can the adapter be claimed, if permission allows? A claim that is ending counts, and
 * so does another client's in the group: its blocks may be in reach of the group's
 * devices.
 */
static ndshm_reason_t claim_check(struct ndshm_adapter *adapter,
				  const struct ndshm_client *client)
{
	const struct ndshm_client *other = READ_ONCE(adapter->group->client);

	if (READ_ONCE(adapter->removed))
		return NDSHM_REASON_ADAPTER_REMOVED;
	if (READ_ONCE(adapter->claim) || (other && other != client))
		return NDSHM_REASON_CLAIM_BUSY;
	return NDSHM_REASON_NONE;
}

/* With both locks: begin the claim, or say why not. */
static ndshm_reason_t begin(struct ndshm_adapter *adapter,
			    unsigned int address_width,
			    const struct ndshm_client *client)
{
	ndshm_reason_t reason;

	lockdep_assert_held(&adapter->claim_lock);

	reason = claim_check(adapter, client);
	if (reason == NDSHM_REASON_NONE)
		reason = ndshm_adapter_permit(adapter, client->rawio);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	return adapter->ops->claim(adapter->context, address_width,
				   ndshm_adapter_ignores_reset(adapter,
							       client->rawio));
}

ndshm_reason_t ndshm_claim_begin(struct ndshm_adapter *adapter,
				 unsigned int address_width,
				 const struct ndshm_client *client,
				 struct ndshm_claim **out)
{
	struct ndshm_claim_group *group = adapter->group;
	struct ndshm_claim *claim;
	ndshm_reason_t reason;

	if (!adapter->ops)
		return NDSHM_REASON_CLAIM_UNSUPPORTED;
	/* Do not wait for the end of a claim, which holds the group's lock. */
	reason = claim_check(adapter, client);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	claim = kzalloc(sizeof(*claim), NDSHM_GFP_CHARGED);
	if (!claim)
		return NDSHM_REASON_MEMORY;
	refcount_set(&claim->references, 1);
	claim->adapter = ndshm_adapter_get(adapter);
	INIT_LIST_HEAD(&claim->link);
	ndshm_blockset_init(&claim->set);

	reason = NDSHM_REASON_CLAIM_BUSY;
	if (mutex_lock_killable(&group->lock))
		goto err_claim;
	mutex_lock(&adapter->claim_lock);
	reason = begin(adapter, address_width, client);
	if (reason == NDSHM_REASON_NONE) {
		WRITE_ONCE(adapter->claim, claim);
		WRITE_ONCE(group->client, client);
		list_add_tail(&claim->group_link, &group->claims);
		adapter->claimant = current_euid();
	}
	mutex_unlock(&adapter->claim_lock);
	mutex_unlock(&group->lock);

	if (reason != NDSHM_REASON_NONE)
		goto err_claim;
	*out = claim;
	return NDSHM_REASON_NONE;

err_claim:
	ndshm_claim_put(claim);
	return reason;
}

/* Stop the DMA of a claim. Afterwards only claim_free() may use its BARs. */
static void claim_stop(struct ndshm_claim *claim, bool removing)
{
	struct ndshm_adapter *adapter = claim->adapter;
	unsigned int i;

	lockdep_assert_held(&adapter->group->lock);

	mutex_lock(&adapter->claim_lock);
	claim->ending = true;
	mutex_unlock(&adapter->claim_lock);

	for (i = 0; i < NDSHM_BARS; i++)
		if (adapter->bars[i])
			ndshm_object_revoke(&adapter->bars[i]->object);
	adapter->ops->release(adapter->context, removing);
}

/* Revoke what was made under a stopped claim, and let the next one begin. */
static void claim_free(struct ndshm_claim *claim)
{
	struct ndshm_adapter *adapter = claim->adapter;
	struct ndshm_claim_group *group = adapter->group;
	struct ndshm_bar *bar;
	unsigned int i;

	lockdep_assert_held(&group->lock);

	ndshm_blockset_close(&claim->set);
	mutex_lock(&adapter->bars_lock);
	for (i = 0; i < NDSHM_BARS; i++) {
		bar = adapter->bars[i];
		adapter->bars[i] = NULL;
		if (bar)
			ndshm_object_put(&bar->object);
	}
	mutex_unlock(&adapter->bars_lock);

	list_del(&claim->group_link);
	if (list_empty(&group->claims))
		WRITE_ONCE(group->client, NULL);
	mutex_lock(&adapter->claim_lock);
	WRITE_ONCE(adapter->claim, NULL);
	mutex_unlock(&adapter->claim_lock);
}

static void claim_end(struct ndshm_claim *claim, bool removing)
{
	struct ndshm_claim_group *group = claim->adapter->group;

	mutex_lock(&group->lock);
	if (!claim->ending) {
		claim_stop(claim, removing);
		claim_free(claim);
	}
	mutex_unlock(&group->lock);
}

void ndshm_claim_end(struct ndshm_claim *claim)
{
	claim_end(claim, false);
}

void ndshm_claim_end_removing(struct ndshm_claim *claim)
{
	claim_end(claim, true);
}

/* End all claims that @client, or, if it is NULL, any client has in the group. */
static void claim_group_end(struct ndshm_claim_group *group,
			    const struct ndshm_client *client)
{
	struct ndshm_claim *claim, *next;

	mutex_lock(&group->lock);
	if (!client || client == group->client) {
		list_for_each_entry(claim, &group->claims, group_link)
			claim_stop(claim, false);
		list_for_each_entry_safe(claim, next, &group->claims,
					 group_link)
			claim_free(claim);
	}
	mutex_unlock(&group->lock);
}

void ndshm_claims_end(struct ndshm_client *client)
{
	struct ndshm_claim *claim, *next;

	list_for_each_entry_safe(claim, next, &client->claims, link) {
		claim_group_end(claim->adapter->group, client);
		list_del(&claim->link);
		ndshm_claim_put(claim);
	}
}

void ndshm_adapter_end_group_claims(const void *key)
{
	struct ndshm_claim_group *group;

	might_sleep();

	spin_lock(&claim_groups_lock);
	group = claim_group_find(key);
	spin_unlock(&claim_groups_lock);
	if (!group)
		return;
	claim_group_end(group, NULL);
	ndshm_claim_group_put(group);
}
EXPORT_SYMBOL_GPL(ndshm_adapter_end_group_claims);

/* What a call on a claim that has ended, or never was, is told. */
static ndshm_reason_t ended_reason(struct ndshm_claim *claim)
{
	lockdep_assert_held(&claim->adapter->claim_lock);

	if (!claim->ending && !claim->adapter->removed)
		return NDSHM_REASON_NONE;
	return claim->adapter->removed ? NDSHM_REASON_ADAPTER_REMOVED :
					 NDSHM_REASON_CLAIM_MISSING;
}

ndshm_reason_t ndshm_claim_lock_permitted(struct ndshm_claim *claim, bool rawio)
{
	struct ndshm_adapter *adapter = claim->adapter;
	ndshm_reason_t reason;

	if (mutex_lock_killable(&adapter->claim_lock))
		return NDSHM_REASON_CLAIM_BUSY;
	reason = ended_reason(claim);
	if (reason == NDSHM_REASON_NONE)
		reason = ndshm_adapter_permit(adapter, rawio);
	if (reason != NDSHM_REASON_NONE)
		mutex_unlock(&adapter->claim_lock);
	return reason;
}

void ndshm_claim_unlock(struct ndshm_claim *claim)
{
	mutex_unlock(&claim->adapter->claim_lock);
}

ndshm_reason_t ndshm_claim_start(struct ndshm_claim *claim, bool rawio)
{
	struct ndshm_adapter *adapter = claim->adapter;
	ndshm_reason_t reason = ndshm_claim_lock_permitted(claim, rawio);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = adapter->ops->start(adapter->context);
	ndshm_claim_unlock(claim);
	return reason;
}

static void bar_set_unmapped(struct ndshm_bar *bar, bool unmapped)
{
	struct inode *inode;

	WRITE_ONCE(bar->unmapped, unmapped);
	spin_lock(&bar->object.state_lock);
	inode = bar->object.inode;
	spin_unlock(&bar->object.state_lock);
	/* Pairs with the one in object_fill_pte(). */
	smp_mb();
	if (unmapped && inode)
		unmap_mapping_range(inode->i_mapping, 0, 0, 1);
}

void ndshm_adapter_unmap_bars(struct ndshm_adapter *adapter, bool unmapped)
{
	unsigned int i;

	might_sleep();

	mutex_lock(&adapter->bars_lock);
	adapter->bars_unmapped = unmapped;
	for (i = 0; i < NDSHM_BARS; i++)
		if (adapter->bars[i])
			bar_set_unmapped(adapter->bars[i], unmapped);
	mutex_unlock(&adapter->bars_lock);
}
EXPORT_SYMBOL_GPL(ndshm_adapter_unmap_bars);

/* Make the BAR's object; the claim holds the first reference. */
static ndshm_reason_t make_bar(struct ndshm_claim *claim, unsigned int number)
{
	struct ndshm_adapter *adapter = claim->adapter;
	struct ndshm_bar *bar;
	ndshm_reason_t reason;
	phys_addr_t start;
	u64 length;

	lockdep_assert_held(&adapter->claim_lock);

	reason = adapter->ops->bar(adapter->context, number, &start, &length);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	bar = kzalloc(sizeof(*bar), NDSHM_GFP_CHARGED);
	if (!bar)
		return NDSHM_REASON_MEMORY;
	/* Not to be used: it makes the range uncached, whoever maps it. */
	bar->registers = ioremap(start, length);
	if (!bar->registers) {
		kfree(bar);
		return NDSHM_REASON_MEMORY;
	}
	ndshm_object_init(&bar->object, &bar_ops);
	bar->object.length = length;
	bar->object.frames = true;
	bar->object.name = number;
	bar->start = start;
	mutex_lock(&adapter->bars_lock);
	bar->unmapped = adapter->bars_unmapped;
	adapter->bars[number] = bar;
	mutex_unlock(&adapter->bars_lock);
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_claim_bar(struct ndshm_claim *claim, unsigned int number,
			       bool rawio, struct ndshm_bar **out)
{
	struct ndshm_adapter *adapter = claim->adapter;
	ndshm_reason_t reason;

	if (number >= NDSHM_BARS)
		return NDSHM_REASON_BAR;
	number = array_index_nospec(number, NDSHM_BARS);
	reason = ndshm_claim_lock_permitted(claim, rawio);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (!adapter->bars[number])
		reason = make_bar(claim, number);
	if (reason == NDSHM_REASON_NONE) {
		*out = adapter->bars[number];
		refcount_inc(&(*out)->object.references);
	}
	ndshm_claim_unlock(claim);
	return reason;
}

u32 ndshm_claim_bars(struct ndshm_claim *claim)
{
	struct ndshm_adapter *adapter = claim->adapter;
	phys_addr_t start;
	unsigned int i;
	u32 bars = 0;
	u64 length;

	mutex_lock(&adapter->claim_lock);
	for (i = 0; i < NDSHM_BARS && !claim->ending && !adapter->removed; i++)
		if (adapter->ops->bar(adapter->context, i, &start, &length) ==
		    NDSHM_REASON_NONE)
			bars |= BIT(i);
	mutex_unlock(&adapter->claim_lock);
	return bars;
}
