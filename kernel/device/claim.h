/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Claims: the exclusive use of an adapter by a client.
 */
#ifndef _NDSHM_DEVICE_CLAIM_H
#define _NDSHM_DEVICE_CLAIM_H

#include <linux/init.h>
#include <linux/list.h>
#include <linux/uidgid.h>

#include <linux/ndshm.h>
#include <ndshm/status.h>

#include "../adapter/adapter.h"
#include "../block/object.h"

#define NDSHM_BARS	6

/**
 * struct ndshm_bar - a BAR that a client can map
 * @object: handle and mappings; the claim has a reference until it has ended
 * @claim: holds a reference
 * @range: its registers. Constant once the claim has begun
 */
struct ndshm_bar {
	struct ndshm_object object;
	struct ndshm_claim *claim;
	struct ndshm_bar_range range;
};

/**
 * struct ndshm_device_claim - a claim with all that the claims of a device need
 * @common: what lower folders know of it; first, because ndshm_claim_put() frees both
 * @client: claims of the client; valid only in a call of that client
 * @uid: effective uid of the client when the claim began
 * @group_link: entry of the list of the group, until the claim has ended
 * @mappable: bit n is set if BAR n can be mapped. Constant once the claim has begun
 * @irqs: number of interrupts of each kind. Constant once the claim has begun
 * @used: the client may have changed the state of the device. Protected by the lock of the group
 * @bars: BARs; only those in @mappable are initialized
 */
struct ndshm_device_claim {
	struct ndshm_claim common;
	struct ndshm_claims *client;
	kuid_t uid;
	struct list_head group_link;
	unsigned long mappable;
	u32 irqs[NDSHM_IRQ_KINDS];
	bool used;
	struct ndshm_bar bars[NDSHM_BARS];
};

static inline struct ndshm_device_claim *ndshm_device_claim(struct ndshm_claim *claim)
{
	static_assert(!offsetof(struct ndshm_device_claim, common));
	return container_of(claim, struct ndshm_device_claim, common);
}

/*
 * The client has mapped registers, written configuration space, reset or started the device: it is
 * reset when the claim ends. Called with the claim locked.
 */
static inline void ndshm_claim_use(struct ndshm_claim *claim)
{
	ndshm_device_claim(claim)->used = true;
	claim->adapter->claimant = ndshm_device_claim(claim)->uid;
}

/* Begin a claim of @client. The caller gets the first reference to it. */
ndshm_reason_t ndshm_claim_begin(struct ndshm_adapter *adapter,
				 unsigned int address_width,
				 struct ndshm_claims *client,
				 struct ndshm_claim **claim);

/*
 * Lock the client and the group of a claim, so that it cannot end before ndshm_claim_unlock().
 * Return: NONE; or, without the lock, CLAIM_BUSY after a fatal signal or that of
 * ndshm_claim_permit().
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

void __init ndshm_claim_init(void);

/*
 * Called before an adapter with claims is registered, and before clients exist. Adds the ioctls of
 * claim_ioctl.c to them.
 */
int __init ndshm_device_init(void);

#endif /* _NDSHM_DEVICE_CLAIM_H */
