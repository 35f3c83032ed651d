/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Claims: adapters in clients' hands.
 */
#ifndef _NDSHM_CORE_CLAIM_H
#define _NDSHM_CORE_CLAIM_H

#include <linux/completion.h>
#include <linux/refcount.h>

#include <ndshm/status.h>

#include "blockset.h"
#include "object.h"

struct ndshm_adapter;
struct ndshm_client;

#define NDSHM_BARS	6

/**
 * struct ndshm_bar - a BAR that a client may map
 * @object: handle, mapping; has a reference for as long as the claim
 * @start: bus address
 * @registers: the kernel's own mapping
 */
struct ndshm_bar {
	struct ndshm_object object;
	phys_addr_t start;
	void __iomem *registers;
};

/**
 * struct ndshm_claim - an adapter in a client's hands
 * @references: the client's, and its blocks'
 * @adapter: holds a reference
 * @link: in the client's list
 * @set: blocks made under the claim
 * @bars: those that were asked for; guarded by the adapter's claim_lock
 * @ending: nothing more is done for it; guarded likewise
 * @ended: DMA has stopped, and the blocks are revoked
 */
struct ndshm_claim {
	refcount_t references;
	struct ndshm_adapter *adapter;
	struct list_head link;
	struct ndshm_blockset set;
	struct ndshm_bar *bars[NDSHM_BARS];
	bool ending;
	struct completion ended;
};

/*
 * May a client, opened with CAP_SYS_RAWIO or not (@rawio), let the adapter, which
 * can be claimed, do DMA with what isolation it has now? ADAPTER_REMOVED as soon
 * as it goes.
 */
ndshm_reason_t ndshm_adapter_permit(struct ndshm_adapter *adapter, bool rawio);

/*
 * Claims. begin makes one for @client, with the caller's reference. end stops the DMA,
 * revokes what was made under the claim and returns when all that is done,
 * whoever did it. start and bar fail with CLAIM_MISSING when it is ending.
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
void ndshm_claims_end(struct list_head *claims);

ndshm_reason_t ndshm_claim_start(struct ndshm_claim *claim);

/* The BAR's object, the same each time, with a reference. */
ndshm_reason_t ndshm_claim_bar(struct ndshm_claim *claim, unsigned int bar,
			       struct ndshm_bar **out);
/* Bit n: BAR n can be mapped. */
u32 ndshm_claim_bars(struct ndshm_claim *claim);

struct ndshm_claim *ndshm_claim_get(struct ndshm_claim *claim);
void ndshm_claim_put(struct ndshm_claim *claim);

/* From the adapter's removal, with the device lock held. */
void ndshm_claim_end_removing(struct ndshm_claim *claim);

#endif /* _NDSHM_CORE_CLAIM_H */
