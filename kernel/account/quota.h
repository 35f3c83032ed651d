/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a user may have at most: sections, holders, range, memory, requests, clients.
 * This is the one place that decides about it; RLIMIT_MEMLOCK and memory cgroups have
 * limits of their own (see charge.h).
 */
#ifndef _NDSHM_CORE_QUOTA_H
#define _NDSHM_CORE_QUOTA_H

#include <linux/types.h>
#include <linux/uidgid.h>

#include <ndshm/status.h>

struct ndshm_payer;

/**
 * enum ndshm_quota_kind - what is counted
 * @NDSHM_QUOTA_SECTIONS: sections
 * @NDSHM_QUOTA_HOLDERS: holders
 * @NDSHM_QUOTA_RESERVED: bytes of all sections' MaxSize
 * @NDSHM_QUOTA_BYTES: bytes of memory, as charged by charge.h
 * @NDSHM_QUOTA_REQUESTS: requests in flight, and records that were not read
 * @NDSHM_QUOTA_CLIENTS: open descriptors of the char device
 * @NDSHM_QUOTA_KINDS: how many kinds
 *
 * Netlink has them in this order, each with bit 1 << kind.
 */
enum ndshm_quota_kind {
	NDSHM_QUOTA_SECTIONS,
	NDSHM_QUOTA_HOLDERS,
	NDSHM_QUOTA_RESERVED,
	NDSHM_QUOTA_BYTES,
	NDSHM_QUOTA_REQUESTS,
	NDSHM_QUOTA_CLIENTS,
	NDSHM_QUOTA_KINDS,
};

/*
 * Count @amount for @payer and for its opener, or for neither. Returns the _QUOTA reason
 * of the kind, of which listeners are notified, or MEMORY. May sleep.
 */
ndshm_reason_t ndshm_quota_charge(const struct ndshm_payer *payer,
				  enum ndshm_quota_kind kind, u64 amount);
void ndshm_quota_uncharge(const struct ndshm_payer *payer,
			  enum ndshm_quota_kind kind, u64 amount);

/*
 * The same for one user, who may have any amount if @unlimited. Nobody is notified: the
 * caller can try again. take may sleep; give not from interrupts.
 */
ndshm_reason_t ndshm_quota_take(kuid_t uid, enum ndshm_quota_kind kind,
				u64 amount, bool unlimited);
void ndshm_quota_give(kuid_t uid, enum ndshm_quota_kind kind, u64 amount);

/**
 * struct ndshm_quota_view - what a user has and may have
 * @uid: the user
 * @set: bit n: the limit of kind n was set for this user, and is no default
 * @amounts: of each kind
 * @limits: of each kind
 */
struct ndshm_quota_view {
	kuid_t uid;
	u32 set;
	u64 amounts[NDSHM_QUOTA_KINDS];
	u64 limits[NDSHM_QUOTA_KINDS];
};

/* What NDSHM_CMD_QUOTA_EXCEEDED_NTF is of: @uid was refused @amount more of @kind. */
struct ndshm_quota_excess {
	kuid_t uid;
	enum ndshm_quota_kind kind;
	u64 amount;
};

/* Any user, also one that has nothing. */
void ndshm_quota_look(kuid_t uid, struct ndshm_quota_view *view);

/*
 * The first user from number *uid on who has something, or a limit of their own, and
 * *uid moves there; false: there is none.
 */
bool ndshm_quota_look_next(u32 *uid, struct ndshm_quota_view *view);

/**
 * struct ndshm_quota_change - limits of a user that are set, or are defaults again
 * @set: bit n: of kind n
 * @reset: likewise
 * @limits: of those in @set
 */
struct ndshm_quota_change {
	u32 set;
	u32 reset;
	u64 limits[NDSHM_QUOTA_KINDS];
};

/*
 * Nothing is taken from anybody: who has more than a new limit gets no more. MEMORY.
 * May sleep.
 */
ndshm_reason_t ndshm_quota_set(kuid_t uid,
			       const struct ndshm_quota_change *change);

/* When nobody has anything, and nobody sets anything any more. */
void ndshm_quota_teardown(void);

#endif /* _NDSHM_CORE_QUOTA_H */
