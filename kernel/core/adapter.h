/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The adapter registry, and claims on adapters.
 */
#ifndef _NDSHM_CORE_ADAPTER_H
#define _NDSHM_CORE_ADAPTER_H

#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/refcount.h>

#include <ndshm/adapter.h>
#include <ndshm/provider.h>

#include "blockset.h"
#include "object.h"

struct ndshm_client;

#define NDSHM_BARS	6

/**
 * struct ndshm_adapter - who does DMA
 * @references: the registration's, its claim's, its blocks', lookups'
 * @id: machine-wide, never 0
 * @name: unique among the registered
 * @device: held; used inside @set, or under a claim, only
 * @flags: NDSHM_ADAPTER_*
 * @ops: NULL: no claims
 * @context: for @ops
 * @set: blocks made without a claim, and who uses @device just now
 * @claim_lock: guards @claim, @removed; serializes the ops but isolation and
 *	dirty. Never taken inside the mmap lock; object locks are taken inside.
 * @claim: the one that lives or is ending; the next must wait
 * @provider: the default for this adapter, or NULL; changed with the registry
 *	lock, read under RCU
 * @group: adapters of one group go to one client at a time
 * @client: whose @claim it is; compared only. Set under the lock of claim.c
 *	that begins one claim at a time
 * @removed: no claim can come any more
 * @rcu: for freeing
 */
struct ndshm_adapter {
	refcount_t references;
	u32 id;
	char name[NDSHM_NAME_SIZE];
	struct device *device;
	u32 flags;
	const struct ndshm_adapter_ops *ops;
	void *context;
	struct ndshm_blockset set;
	struct mutex claim_lock;	/* claim, removed, the ops */
	struct ndshm_claim *claim;
	struct ndshm_provider __rcu *provider;
	const void *group;
	const void *client;
	bool removed;
	struct rcu_head rcu;
};

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

/* Lookups take a reference; _next() as with providers. */
struct ndshm_adapter *ndshm_adapter_find_id(u32 id);
struct ndshm_adapter *ndshm_adapter_next(u32 *id);
struct ndshm_adapter *ndshm_adapter_get(struct ndshm_adapter *adapter);

/* NDSHM_ISOLATION_* that are missing now; all of them if the device has gone. */
u32 ndshm_adapter_isolation(struct ndshm_adapter *adapter);
bool ndshm_adapter_dirty(struct ndshm_adapter *adapter);
bool ndshm_adapter_claimed(struct ndshm_adapter *adapter);

/*
 * May a client, opened with CAP_SYS_RAWIO or not (@rawio), let the adapter do
 * DMA with what isolation it has now?
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

#endif /* _NDSHM_CORE_ADAPTER_H */
