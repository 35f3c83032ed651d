/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Claims: adapters in clients' hands.
 */
#ifndef _NDSHM_CORE_CLAIM_H
#define _NDSHM_CORE_CLAIM_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>

#include <ndshm/status.h>

#include "blockset.h"
#include "object.h"

struct ndshm_adapter;
struct ndshm_client;

/**
 * struct ndshm_bar - a BAR that a client may map
 * @object: handle, mapping; has a reference for as long as the claim
 * @start: bus address
 * @unmapped: faults are SIGBUS, since the device is being reset. Protected by
 *	@object's lock
 * @registers: the kernel's own mapping
 */
struct ndshm_bar {
	struct ndshm_object object;
	phys_addr_t start;
	bool unmapped;
	void __iomem *registers;
};

/**
 * struct ndshm_claim_group - adapters that reach each other's memory
 * @link: in the list of groups that have a @key
 * @references: one for each adapter
 * @key: the IOMMU group, compared only; NULL: the group of one adapter
 * @lock: held while a claim of the group begins, and while claims of it end.
 *	Taken inside the device lock, outside an adapter's claim_lock; never
 *	inside the mmap lock
 * @client: whose @claims they are, compared only; NULL: none. Written with @lock
 *	held
 * @claims: all that have not ended. Protected by @lock
 */
struct ndshm_claim_group {
	struct list_head link;
	refcount_t references;
	const void *key;
	struct mutex lock;	/* begin and end */
	const struct ndshm_client *client;
	struct list_head claims;
};

/**
 * struct ndshm_claim - an adapter in a client's hands
 * @references: the client's, and its blocks'
 * @adapter: holds a reference
 * @link: in the client's list
 * @group_link: in the group's list, until the claim has ended
 * @set: blocks made under the claim
 * @ending: nothing more is done for it. Written with the group's lock and the
 *	adapter's claim_lock held
 */
struct ndshm_claim {
	refcount_t references;
	struct ndshm_adapter *adapter;
	struct list_head link;
	struct list_head group_link;
	struct ndshm_blockset set;
	bool ending;
};

/* The group of @key, or a new one, with a reference. NULL: no memory. */
struct ndshm_claim_group *ndshm_claim_group_get(const void *key);
void ndshm_claim_group_put(struct ndshm_claim_group *group);

/*
 * May a client, opened with CAP_SYS_RAWIO or not (@rawio), let the adapter, which
 * can be claimed, do DMA with what isolation it has now? ADAPTER_REMOVED as soon
 * as it goes.
 */
ndshm_reason_t ndshm_adapter_permit(struct ndshm_adapter *adapter, bool rawio);

/*
 * Claims. begin makes one for @client, with the caller's reference. end stops the DMA,
 * revokes what was made under the claim and returns when all that is done,
 * whoever did it. start and bar fail with CLAIM_MISSING when it is ending; they
 * test the permission of a client, opened with CAP_SYS_RAWIO or not (@rawio).
 */
ndshm_reason_t ndshm_claim_begin(struct ndshm_adapter *adapter,
				 unsigned int address_width,
				 const struct ndshm_client *client,
				 struct ndshm_claim **claim);
void ndshm_claim_end(struct ndshm_claim *claim);

/*
 * End all of a client's, and drop them: first each stops, since functions of a group
 * reach what was made for another of them.
 */
void ndshm_claims_end(struct ndshm_client *client);

ndshm_reason_t ndshm_claim_start(struct ndshm_claim *claim, bool rawio);

/* The BAR's object, the same each time, with a reference. */
ndshm_reason_t ndshm_claim_bar(struct ndshm_claim *claim, unsigned int bar,
			       bool rawio, struct ndshm_bar **out);

/*
 * Test the permission, and keep the claim from ending until it is unlocked. Returns
 * with the adapter's claim_lock held if the reason is none.
 */
ndshm_reason_t ndshm_claim_lock_permitted(struct ndshm_claim *claim,
					  bool rawio);
void ndshm_claim_unlock(struct ndshm_claim *claim);

/* Bit n: BAR n can be mapped. */
u32 ndshm_claim_bars(struct ndshm_claim *claim);

struct ndshm_claim *ndshm_claim_get(struct ndshm_claim *claim);
void ndshm_claim_put(struct ndshm_claim *claim);

/* From the adapter's removal, with the device lock held. */
void ndshm_claim_end_removing(struct ndshm_claim *claim);

#endif /* _NDSHM_CORE_CLAIM_H */
