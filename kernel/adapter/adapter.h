/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The adapter registry.
 */
#ifndef _NDSHM_CORE_ADAPTER_H
#define _NDSHM_CORE_ADAPTER_H

#include <linux/mutex.h>

#include <ndshm/adapter.h>
#include <ndshm/provider.h>

#include "../base/registry.h"
#include "../base/set.h"
#include "queue.h"

struct ndshm_claim;
struct ndshm_claim_group;

/**
 * struct ndshm_adapter - who does DMA
 * @entry: in the registry; referred to also by its claim, its queues, its blocks,
 *	lookups
 * @device: held; used inside @set, or under a claim, only
 * @flags: NDSHM_ADAPTER_*
 * @ops: NULL: no claims
 * @context: for @ops
 * @set: blocks made without a claim for the default queue and port, and who uses
 *	@device just now
 * @queues: the others
 * @claim: the one that lives or is ending; the next must wait. Written with the
 *	lock of @group, which serializes the ops but isolation and dirty, and
 *	@bars_lock held
 * @provider: the default for this adapter, or NULL; changed with the registry
 *	lock, read under RCU
 * @group: adapters of one group go to one client at a time; NULL without @ops
 * @bars_lock: protects @bars_unmapped, and @claim from its end. Taken inside the lock
 *	of @group and the device lock, outside object locks; never inside the mmap lock
 * @bars_unmapped: accesses of clients are SIGBUS, as long as a reset lasts
 * @claimant: effective user of the last claim; protected by the lock of @group
 */
struct ndshm_adapter {
	struct ndshm_entry entry;
	struct device *device;
	u32 flags;
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

/* Lookups take a reference; _next() as with providers. */
struct ndshm_adapter *ndshm_adapter_find_id(u32 id);
struct ndshm_adapter *ndshm_adapter_next(u32 *id);
struct ndshm_adapter *ndshm_adapter_get(struct ndshm_adapter *adapter);

/* NDSHM_ISOLATION_* that are missing now; all of them if the device has gone. */
u32 ndshm_adapter_isolation(struct ndshm_adapter *adapter);
bool ndshm_adapter_dirty(struct ndshm_adapter *adapter);

#endif /* _NDSHM_CORE_ADAPTER_H */
