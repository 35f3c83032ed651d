/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Quotas of a user: sections, holders, range, memory, requests, clients. Limits of
 * RLIMIT_MEMLOCK and of memory cgroups are separate; see charge.h.
 */
#ifndef _NDSHM_ACCOUNT_QUOTA_H
#define _NDSHM_ACCOUNT_QUOTA_H

#include <linux/types.h>
#include <linux/uidgid.h>

#include <ndshm/status.h>

struct ndshm_requester;

/**
 * enum ndshm_quota_kind - counted resources
 * @NDSHM_QUOTA_SECTIONS: sections
 * @NDSHM_QUOTA_HOLDERS: holders
 * @NDSHM_QUOTA_RESERVED: bytes of all sections' MaxSize
 * @NDSHM_QUOTA_BYTES: bytes of memory, as charged by charge.h
 * @NDSHM_QUOTA_REQUESTS: requests in flight and unread records
 * @NDSHM_QUOTA_CLIENTS: open descriptors of the char device
 * @NDSHM_QUOTA_KINDS: number of kinds
 *
 * Netlink uses the same order; the bit of a kind is 1 << kind.
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
 * Charge @amount to @requester and to its opener, or to neither. Returns MEMORY, or the
 * _QUOTA reason of the kind and notifies listeners. May sleep.
 */
ndshm_reason_t ndshm_quota_charge(const struct ndshm_requester *requester,
				  enum ndshm_quota_kind kind, u64 amount);
void ndshm_quota_uncharge(const struct ndshm_requester *requester,
			  enum ndshm_quota_kind kind, u64 amount);

/*
 * The same for one user, without a limit if @unlimited and without a notification: the
 * caller can retry. take may sleep; give must not be called from interrupts.
 */
ndshm_reason_t ndshm_quota_charge_uid(kuid_t uid, enum ndshm_quota_kind kind,
				      u64 amount, bool unlimited);
void ndshm_quota_uncharge_uid(kuid_t uid, enum ndshm_quota_kind kind, u64 amount);

/**
 * struct ndshm_quota_view - amounts and limits of a user
 * @uid: the user
 * @set: bit n: the limit of kind n was set for this user
 * @amounts: of each kind
 * @limits: of each kind
 */
struct ndshm_quota_view {
	kuid_t uid;
	u32 set;
	u64 amounts[NDSHM_QUOTA_KINDS];
	u64 limits[NDSHM_QUOTA_KINDS];
};

/* Object of NDSHM_CMD_QUOTA_EXCEEDED_NTF: @uid was refused @amount of @kind. */
struct ndshm_quota_excess {
	kuid_t uid;
	enum ndshm_quota_kind kind;
	u64 amount;
};

/* Read amounts and limits of any user. */
void ndshm_quota_peek(kuid_t uid, struct ndshm_quota_view *view);

/*
 * Read those of the first user from *uid on with an amount or a limit of their own, and
 * set *uid to that user. Return: false if there is none.
 */
bool ndshm_quota_peek_next(u32 *uid, struct ndshm_quota_view *view);

/**
 * struct ndshm_quota_change - change of the limits of a user
 * @set: bit n: set the limit of kind n
 * @reset: bit n: make the limit of kind n the default
 * @limits: new limits of the kinds in @set
 */
struct ndshm_quota_change {
	u32 set;
	u32 reset;
	u64 limits[NDSHM_QUOTA_KINDS];
};

/* An amount above a new limit stays charged. Returns MEMORY. May sleep. */
ndshm_reason_t ndshm_quota_set(kuid_t uid,
			       const struct ndshm_quota_change *change);

/* Called when no amount is charged and no limit can be set. */
void ndshm_quota_teardown(void);

#endif /* _NDSHM_ACCOUNT_QUOTA_H */
