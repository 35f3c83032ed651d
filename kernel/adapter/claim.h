/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Claims: adapters in clients' hands.
 */
#ifndef _NDSHM_CORE_CLAIM_H
#define _NDSHM_CORE_CLAIM_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/uidgid.h>

#include <ndshm/status.h>

#include "../block/object.h"
#include "../base/set.h"

struct ndshm_adapter;

#define NDSHM_BARS	6

/**
 * struct ndshm_bar - a BAR that a client may map
 * @object: handle, mapping; until the claim has ended, the claim has a reference
 * @claim: holds a reference
 * @start: bus address
 * @registers: the kernel's own mapping, which makes the range uncached whoever maps
 *	it; NULL before the handle is published and after the claim has ended
 */
struct ndshm_bar {
	struct ndshm_object object;
	struct ndshm_claim *claim;
	phys_addr_t start;
	void __iomem *registers;
};

/**
 * struct ndshm_claims - those of one client
 * @list: each holds a reference
 * @lock: protects @list and serializes operations. Never held across user memory copies
 * @rawio: the client was opened with CAP_SYS_RAWIO
 */
struct ndshm_claims {
	struct list_head list;
	struct mutex lock;	/* list; one operation */
	bool rawio;
};

/**
 * struct ndshm_claim_group - adapters that reach each other's memory
 * @references: one for each adapter
 * @key: the IOMMU group, or an adapter without one; compared only
 * @lock: held while a claim of the group begins, is used or ends. Taken inside the
 *	device lock, and for a client by a kernel worker only
 * @client: whose @claims they are, compared only; NULL: none. Written with @lock
 *	held
 * @claims: all that have not ended. Protected by @lock
 */
struct ndshm_claim_group {
	refcount_t references;
	const void *key;
	struct mutex lock;	/* begin, use and end */
	const struct ndshm_claims *client;
	struct list_head claims;
};

/**
 * struct ndshm_claim - an adapter in a client's hands
 * @references: the client's, its blocks', and its BARs'
 * @adapter: holds a reference; its claim is this one until it has ended
 * @client: whose it is; valid inside a call of that client
 * @uid: effective user of the client when the claim began
 * @link: in the client's list
 * @group_link: in the group's list, until the claim has ended
 * @set: blocks made under the claim
 * @mappable: bit n: BAR n can be mapped. Constant once the claim has begun
 * @bars: those of @mappable
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
	struct ndshm_bar bars[NDSHM_BARS];
};

/*
 * May a client, opened with CAP_SYS_RAWIO or not (@rawio), let the adapter, which
 * can be claimed, do DMA with what isolation it has now? ADAPTER_REMOVED as soon
 * as it goes.
 */
ndshm_reason_t ndshm_adapter_permit(struct ndshm_adapter *adapter, bool rawio);

/* The same for a claim that may have ended: CLAIM_MISSING, before other reasons. */
ndshm_reason_t ndshm_claim_permit(const struct ndshm_claim *claim, bool rawio);

/* Begin a claim of @client, with the caller's reference. */
ndshm_reason_t ndshm_claim_begin(struct ndshm_adapter *adapter,
				 unsigned int address_width,
				 struct ndshm_claims *client,
				 struct ndshm_claim **claim);

/*
 * Run @operation in a kernel worker for a claim that has not ended, if its client has
 * permission, and keep the claim from ending meanwhile. ADAPTER_REMOVED, CLAIM_MISSING.
 */
typedef ndshm_reason_t (*ndshm_claim_fn)(struct ndshm_claim *claim,
					 void *context);
ndshm_reason_t ndshm_claim_use(struct ndshm_claim *claim,
			       ndshm_claim_fn operation, void *context);

/*
 * End a claim, and return when that is done: its DMA has stopped, and what was made
 * under it is revoked.
 */
void ndshm_claim_end(struct ndshm_claim *claim);

/*
 * End all of a client's, and drop them: first each stops, since functions of a group
 * reach what was made for another of them.
 */
void ndshm_claims_end(struct ndshm_claims *client);

/*
 * End the claim of @adapter, or, if it is NULL, all claims of the group. @removing: from
 * the adapter's removal, with the device lock held.
 */
void ndshm_claim_group_end(struct ndshm_claim_group *group,
			   const struct ndshm_adapter *adapter, bool removing);

struct ndshm_claim *ndshm_claim_get(struct ndshm_claim *claim);
void ndshm_claim_put(struct ndshm_claim *claim);

#endif /* _NDSHM_CORE_CLAIM_H */
