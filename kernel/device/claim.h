/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Claims: the exclusive use of an adapter by a client.
 */
#ifndef _NDSHM_DEVICE_CLAIM_H
#define _NDSHM_DEVICE_CLAIM_H

#include <linux/init.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/uidgid.h>

#include <linux/ndshm.h>
#include <ndshm/status.h>

#include "../block/object.h"
#include "../base/blockset.h"

struct ndshm_adapter;

#define NDSHM_BARS	6

/**
 * struct ndshm_bar - a BAR that a client can map
 * @object: handle and mappings; the claim has a reference until it has ended
 * @claim: holds a reference
 * @start: bus address
 * @registers: kernel mapping, which reserves the memory type uncached for all mappings
 *	of the range; NULL before the handle is published and after the claim has ended
 */
struct ndshm_bar {
	struct ndshm_object object;
	struct ndshm_claim *claim;
	phys_addr_t start;
	void __iomem *registers;
};

/**
 * struct ndshm_claims - claims of one client
 * @list: the claims; holds a reference to each
 * @lock: protects @list
 * @rawio: the client was opened with CAP_SYS_RAWIO
 */
struct ndshm_claims {
	struct list_head list;
	struct mutex lock;	/* list */
	bool rawio;
};

/**
 * struct ndshm_claim_group - adapters that can reach each other's memory
 * @references: one for each adapter
 * @key: address of the IOMMU group, or of an adapter without one; compared only
 * @lock: held while a claim of the group begins, is used or ends. Taken inside the
 *	device lock
 * @client: the client that has all @claims; compared only. NULL: none. Written with
 *	@lock held
 * @claims: claims that have not ended. Protected by @lock
 * @missing: NDSHM_ISOLATION_* that all adapters lack. Bits are only added, with
 *	ndshm_registry_lock held; read without a lock
 */
struct ndshm_claim_group {
	refcount_t references;
	const void *key;
	struct mutex lock;	/* begin, use and end */
	const struct ndshm_claims *client;
	struct list_head claims;
	u32 missing;
};

/**
 * struct ndshm_claim - exclusive use of an adapter by a client
 * @references: one for the client, and one for each block and BAR of the claim
 * @adapter: holds a reference; @adapter->claim points here until the claim has ended
 * @client: claims of the client; valid only in a call of that client
 * @uid: effective uid of the client when the claim began
 * @link: entry of @client->list
 * @group_link: entry of the list of the group, until the claim has ended
 * @set: blocks allocated under the claim
 * @mappable: bit n is set if BAR n can be mapped. Constant once the claim has begun
 * @irqs: number of interrupts of each kind. Constant once the claim has begun
 * @bars: BARs; only those in @mappable are initialized
 */
struct ndshm_claim {
	refcount_t references;
	struct ndshm_adapter *adapter;
	struct ndshm_claims *client;
	kuid_t uid;
	struct list_head link;
	struct list_head group_link;
	struct ndshm_blockset set;
	unsigned long mappable;
	u32 irqs[NDSHM_IRQ_KINDS];
	struct ndshm_bar bars[NDSHM_BARS];
};

/*
 * Return: NONE if a client may let an adapter with claims do DMA with its present
 * isolation; ADAPTER_REMOVED once its removal has begun. @rawio: the client was opened
 * with CAP_SYS_RAWIO.
 */
ndshm_reason_t ndshm_adapter_permit(struct ndshm_adapter *adapter, bool rawio);

/* The same for a claim; CLAIM_MISSING if it has ended and the adapter is not removed. */
ndshm_reason_t ndshm_claim_permit(const struct ndshm_claim *claim, bool rawio);

/*
 * Return: true if @client has a claim on @adapter. Takes no lock, since a claim can take seconds to
 * begin or end: the result may be out of date.
 */
bool ndshm_adapter_claimed_by(const struct ndshm_adapter *adapter,
			      const struct ndshm_claims *client);

/* Begin a claim of @client. The caller gets the first reference to it. */
ndshm_reason_t ndshm_claim_begin(struct ndshm_adapter *adapter,
				 unsigned int address_width,
				 struct ndshm_claims *client,
				 struct ndshm_claim **claim);

/*
 * Lock the group of a claim, so that the claim cannot end before ndshm_claim_unlock(). Return:
 * NONE; or, without the lock, CLAIM_BUSY after a fatal signal or that of ndshm_claim_permit().
 */
ndshm_reason_t ndshm_claim_lock(struct ndshm_claim *claim);
void ndshm_claim_unlock(struct ndshm_claim *claim);

/*
 * End a claim unless it has ended. On return DMA has stopped, and BARs and blocks of the
 * claim are revoked.
 */
void ndshm_claim_end(struct ndshm_claim *claim);

/*
 * End and put all claims of a client. All claims of a group stop DMA before the first
 * block of any is freed, since their devices reach each other's memory.
 */
void ndshm_claims_end(struct ndshm_claims *client);

/*
 * End the claim of @adapter, or all claims of the group if @adapter is NULL. @removing:
 * called by the removal of @adapter, with its device lock held.
 */
void ndshm_claim_group_end(struct ndshm_claim_group *group,
			   const struct ndshm_adapter *adapter, bool removing);

static inline struct ndshm_claim *ndshm_claim_get(struct ndshm_claim *claim)
{
	refcount_inc(&claim->references);
	return claim;
}

void ndshm_claim_put(struct ndshm_claim *claim);

#endif /* _NDSHM_DEVICE_CLAIM_H */
