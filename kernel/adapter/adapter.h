/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The adapter registry, and what blocks and clients know of the claim of an adapter.
 */
#ifndef _NDSHM_ADAPTER_ADAPTER_H
#define _NDSHM_ADAPTER_ADAPTER_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/uidgid.h>

#include <ndshm/adapter.h>
#include <ndshm/provider.h>

#include "../base/blockset.h"
#include "../base/registry.h"
#include "queue.h"

/**
 * struct ndshm_claims - claims of one client
 * @list: the claims; holds a reference to each
 * @lock: protects @list, serializes operations; not held across copies of user memory
 * @rawio: the client was opened with CAP_SYS_RAWIO
 */
struct ndshm_claims {
	struct list_head list;
	struct mutex lock;	/* list; one operation */
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
 * @claims: claims that have not ended, as struct ndshm_device_claim. Protected by @lock
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
 * @link: entry of the list of struct ndshm_claims
 * @set: blocks allocated under the claim
 *
 * What blocks and clients know of a claim; device/claim.h has the rest.
 */
struct ndshm_claim {
	refcount_t references;
	struct ndshm_adapter *adapter;
	struct list_head link;
	struct ndshm_blockset set;
};

/**
 * enum ndshm_reach - how a device reaches ordinary memory
 * @NDSHM_REACH_INDIRECT: it needs syncs or bounce buffers
 * @NDSHM_REACH_DIRECT: coherently, as far as its address width goes
 * @NDSHM_REACH_KINDS: number of kinds
 */
enum ndshm_reach {
	NDSHM_REACH_INDIRECT,
	NDSHM_REACH_DIRECT,
	NDSHM_REACH_KINDS,
};

/* Flag of an adapter of a NUMA node, which is not removed before the module is unloaded. */
#define NDSHM_ADAPTER_NODE	BIT(31)

/**
 * struct ndshm_adapter - a registered device that blocks are allocated for
 * @entry: common part of adapters and providers; the claim, queues, blocks and lookups
 *	have references
 * @device: holds a reference; used only with an active reference to @set or a claim
 * @flags: NDSHM_ADAPTER_*
 * @reach: of the device; selects the built-in provider
 * @ops: operations for claims; NULL: the adapter cannot be claimed
 * @context: first argument of @ops
 * @set: blocks of the default queue and port without a claim; active references also
 *	of other users of @device
 * @queues: the other queues and ports
 * @claim: the present claim until its end is complete, or NULL. Written with the lock
 *	of @group and @bars_lock held
 * @provider: default provider of this adapter, or NULL; changed with
 *	ndshm_registry_lock held, read under RCU
 * @group: adapters that only one client at a time can claim; NULL without @ops. Its
 *	lock serializes all of @ops except isolation and needs_reset
 * @bars_lock: protects @bars_unmapped; keeps @claim valid. Taken inside the lock of
 *	@group and the device lock, outside object locks; never inside the mmap lock
 * @bars_unmapped: a reset is running; accesses of clients to BARs get SIGBUS
 * @claimant: effective uid of the last claim that used the device; protected by the lock of @group
 */
struct ndshm_adapter {
	struct ndshm_entry entry;
	struct device *device;
	u32 flags;
	enum ndshm_reach reach;
	const struct ndshm_adapter_ops *ops;
	void *context;
	struct ndshm_blockset set;
	struct ndshm_queues queues;
	struct ndshm_claim *claim;
	struct ndshm_provider __rcu *provider;
	struct ndshm_claim_group *group;
	struct mutex bars_lock;		/* bars_unmapped, end of the claim */
	bool bars_unmapped;
	kuid_t claimant;
};

/* Lookups take a reference, or return NULL; see ndshm_registry_next(). */
static inline struct ndshm_adapter *ndshm_adapter_find_id(u32 id)
{
	struct ndshm_entry *entry = ndshm_registry_find_id(&ndshm_adapters, id);

	return entry ? container_of(entry, struct ndshm_adapter, entry) : NULL;
}

struct ndshm_adapter *ndshm_adapter_next(u32 *id);

/* Return: true if clients can claim @adapter, which then has a device node. */
static inline bool ndshm_adapter_claimable(const struct ndshm_adapter *adapter)
{
	return adapter->ops && adapter->flags & NDSHM_ADAPTER_OPEN;
}

static inline struct ndshm_adapter *
ndshm_adapter_get(struct ndshm_adapter *adapter)
{
	refcount_inc(&adapter->entry.references);
	return adapter;
}

/* Return: the missing NDSHM_ISOLATION_*; all after the set was killed. May sleep. */
u32 ndshm_adapter_isolation(struct ndshm_adapter *adapter);

/*
 * Return: true if the device cannot access memory of a claim any more once the claim has ended.
 * May sleep.
 */
static inline bool ndshm_adapter_stops(struct ndshm_adapter *adapter)
{
	return !(adapter->flags & NDSHM_ADAPTER_UNSTOPPABLE) ||
	       !(ndshm_adapter_isolation(adapter) &
		 (NDSHM_ISOLATION_NO_TRANSLATION | NDSHM_ISOLATION_LAZY));
}

bool ndshm_adapter_needs_reset(struct ndshm_adapter *adapter);

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

static inline struct ndshm_claim *ndshm_claim_get(struct ndshm_claim *claim)
{
	refcount_inc(&claim->references);
	return claim;
}

void ndshm_claim_put(struct ndshm_claim *claim);

/*
 * End the claim of an adapter of a group, whose removal calls it with the device lock held. Set
 * once, before an adapter with claims is registered.
 */
extern void (*ndshm_claim_end_hook)(struct ndshm_adapter *adapter);

#endif /* _NDSHM_ADAPTER_ADAPTER_H */
