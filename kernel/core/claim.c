// SPDX-License-Identifier: GPL-2.0
/*
 * Claims: DMA stops before memory goes.
 */
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

static int bar_mmap(struct ndshm_object *object, struct vm_area_struct *vma)
{
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	ndshm_vm_flags_mod(vma, VM_IO | VM_PFNMAP, 0);
	return 0;
}

/*
 * Page by page, and not by remap_pfn_range(): with that, on x86, a zap by us and
 * an unmap by a process at the same time end the range's memory type twice.
 */
static vm_fault_t bar_fault(struct ndshm_object *object, struct vm_fault *vmf)
{
	struct ndshm_bar *bar = container_of(object, struct ndshm_bar, object);

	return vmf_insert_pfn(vmf->vma, vmf->address,
			      PHYS_PFN(bar->start) + vmf->pgoff);
}

static const struct ndshm_object_ops bar_ops = {
	.kind = "bar",
	.mmap = bar_mmap,
	.fault = bar_fault,
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

/* Claims begin one at a time, so that a group goes to one client. */
static DEFINE_MUTEX(begin_lock);

/*
 * Does another client have a function of the adapter's group? One that is
 * ending counts: its blocks may still be in reach of the group's devices.
 */
static bool group_taken(struct ndshm_adapter *adapter,
			const struct ndshm_client *client)
{
	struct ndshm_adapter *other;
	const void *has;
	bool taken = false;
	u32 id;

	lockdep_assert_held(&begin_lock);

	if (!adapter->group)
		return false;
	for (id = 0; !taken && (other = ndshm_adapter_next(&id)); id++) {
		has = READ_ONCE(other->client);
		taken = other->group == adapter->group && has && has != client;
		ndshm_adapter_put(other);
	}
	return taken;
}

/* With both locks: begin the claim, or say why not. */
static ndshm_reason_t begin(struct ndshm_adapter *adapter,
			    unsigned int address_width,
			    const struct ndshm_client *client)
{
	ndshm_reason_t reason;

	lockdep_assert_held(&adapter->claim_lock);

	if (adapter->removed)
		return NDSHM_REASON_ADAPTER_REMOVED;
	if (adapter->claim || group_taken(adapter, client))
		return NDSHM_REASON_CLAIM_BUSY;
	reason = ndshm_adapter_permit(adapter, client->rawio);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	return adapter->ops->claim(adapter->context, address_width,
				   client->rawio);
}

ndshm_reason_t ndshm_claim_begin(struct ndshm_adapter *adapter,
				 unsigned int address_width,
				 const struct ndshm_client *client,
				 struct ndshm_claim **out)
{
	struct ndshm_claim *claim;
	ndshm_reason_t reason;

	if (!adapter->ops)
		return NDSHM_REASON_CLAIM_UNSUPPORTED;
	claim = kzalloc(sizeof(*claim), NDSHM_GFP_CHARGED);
	if (!claim)
		return NDSHM_REASON_MEMORY;
	refcount_set(&claim->references, 1);
	claim->adapter = ndshm_adapter_get(adapter);
	INIT_LIST_HEAD(&claim->link);
	ndshm_blockset_init(&claim->set);
	init_completion(&claim->ended);

	mutex_lock(&begin_lock);
	mutex_lock(&adapter->claim_lock);
	reason = begin(adapter, address_width, client);
	if (reason == NDSHM_REASON_NONE) {
		WRITE_ONCE(adapter->claim, claim);
		WRITE_ONCE(adapter->client, client);
	}
	mutex_unlock(&adapter->claim_lock);
	mutex_unlock(&begin_lock);

	if (reason != NDSHM_REASON_NONE) {
		ndshm_claim_put(claim);
		return reason;
	}
	*out = claim;
	return NDSHM_REASON_NONE;
}

/*
 * No DMA any more. True for the one who finds it not ending, and frees what it has;
 * others wait until all that is done.
 */
static bool stop(struct ndshm_claim *claim, bool removing)
{
	struct ndshm_adapter *adapter = claim->adapter;
	unsigned int i;
	bool first;

	mutex_lock(&adapter->claim_lock);
	first = !claim->ending;
	claim->ending = true;
	mutex_unlock(&adapter->claim_lock);
	if (!first) {
		wait_for_completion(&claim->ended);
		return false;
	}

	/* From here on nobody else touches the bars, and no op but ours runs. */
	for (i = 0; i < NDSHM_BARS; i++)
		if (claim->bars[i])
			ndshm_object_revoke(&claim->bars[i]->object);
	adapter->ops->release(adapter->context, removing);
	return true;
}

static void free_all(struct ndshm_claim *claim)
{
	struct ndshm_adapter *adapter = claim->adapter;
	unsigned int i;

	ndshm_blockset_close(&claim->set);
	for (i = 0; i < NDSHM_BARS; i++)
		if (claim->bars[i])
			ndshm_object_put(&claim->bars[i]->object);

	mutex_lock(&adapter->claim_lock);
	WRITE_ONCE(adapter->claim, NULL);
	WRITE_ONCE(adapter->client, NULL);
	mutex_unlock(&adapter->claim_lock);
	complete_all(&claim->ended);
}

static void end_claim(struct ndshm_claim *claim, bool removing)
{
	if (stop(claim, removing))
		free_all(claim);
}

void ndshm_claim_end(struct ndshm_claim *claim)
{
	end_claim(claim, false);
}

void ndshm_claim_end_removing(struct ndshm_claim *claim)
{
	end_claim(claim, true);
}

static void drop(struct ndshm_claim *claim)
{
	list_del(&claim->link);
	ndshm_claim_put(claim);
}

void ndshm_claims_end(struct list_head *claims)
{
	struct ndshm_claim *claim, *next;

	list_for_each_entry_safe(claim, next, claims, link)
		if (!stop(claim, false))
			drop(claim);
	list_for_each_entry_safe(claim, next, claims, link) {
		free_all(claim);
		drop(claim);
	}
}

/* What a call on a claim that has ended, or never was, is told. */
static ndshm_reason_t ended_reason(struct ndshm_claim *claim)
{
	lockdep_assert_held(&claim->adapter->claim_lock);

	if (!claim->ending && !claim->adapter->removed)
		return NDSHM_REASON_NONE;
	return claim->adapter->removed ? NDSHM_REASON_ADAPTER_REMOVED :
					 NDSHM_REASON_CLAIM_MISSING;
}

ndshm_reason_t ndshm_claim_start(struct ndshm_claim *claim)
{
	struct ndshm_adapter *adapter = claim->adapter;
	ndshm_reason_t reason;

	mutex_lock(&adapter->claim_lock);
	reason = ended_reason(claim);
	if (reason == NDSHM_REASON_NONE)
		reason = adapter->ops->start(adapter->context);
	mutex_unlock(&adapter->claim_lock);
	return reason;
}

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
	bar->object.name = number;
	bar->start = start;
	claim->bars[number] = bar;
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_claim_bar(struct ndshm_claim *claim, unsigned int number,
			       struct ndshm_bar **out)
{
	struct ndshm_adapter *adapter = claim->adapter;
	ndshm_reason_t reason;

	if (number >= NDSHM_BARS)
		return NDSHM_REASON_BAR;
	number = array_index_nospec(number, NDSHM_BARS);
	mutex_lock(&adapter->claim_lock);
	reason = ended_reason(claim);
	if (reason == NDSHM_REASON_NONE && !claim->bars[number])
		reason = make_bar(claim, number);
	if (reason == NDSHM_REASON_NONE) {
		*out = claim->bars[number];
		refcount_inc(&(*out)->object.references);
	}
	mutex_unlock(&adapter->claim_lock);
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
