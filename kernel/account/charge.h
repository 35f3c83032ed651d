/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accounts of users: requesters, and what they are charged for. Memory counts against
 * RLIMIT_MEMLOCK and the byte quota of the user; the memory cgroup is charged by the kernel.
 */
#ifndef _NDSHM_ACCOUNT_CHARGE_H
#define _NDSHM_ACCOUNT_CHARGE_H

#include <linux/atomic.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include <ndshm/status.h>

struct cred;
struct mem_cgroup;
struct pid;

/**
 * struct ndshm_requester - who is charged for memory, and under which limits
 * @references: of charges, objects and callers
 * @cred: credentials of the requester; keep its user_struct
 * @opener: requester that is charged as well: the opener of the descriptor, if it is
 *	another user; or NULL. Has no @opener itself
 * @memcg: memory cgroup of the requester, held; NULL: memory cgroups are off
 * @pid: process of the requester, held
 * @limit: RLIMIT_MEMLOCK of the requester, in pages
 * @exempt: the requester had CAP_IPC_LOCK: no user is charged
 * @unlimited: the requester had CAP_SYS_RESOURCE: the quota does not apply
 *
 * Immutable. The limits are those that held when the requester was captured.
 */
struct ndshm_requester {
	refcount_t references;
	const struct cred *cred;
	struct ndshm_requester *opener;
	struct mem_cgroup *memcg;
	struct pid *pid;
	unsigned long limit;
	bool exempt;
	bool unlimited;
};

/*
 * Return: @opener if the caller is that; else the calling process as a requester, which charges
 * @opener as well if that is another user; NULL without memory. May sleep.
 */
struct ndshm_requester *ndshm_requester_capture(struct ndshm_requester *opener);

static inline struct ndshm_requester *ndshm_requester_get(struct ndshm_requester *requester)
{
	refcount_inc(&requester->references);
	return requester;
}

void ndshm_requester_free(struct ndshm_requester *requester);

/* Any context but NMI. */
static inline void ndshm_requester_put(struct ndshm_requester *requester)
{
	if (refcount_dec_and_test(&requester->references))
		ndshm_requester_free(requester);
}

/**
 * struct ndshm_charge - pages that a requester was charged for
 * @requester: holds a reference; NULL: nothing was charged
 * @pages: number of pages
 */
struct ndshm_charge {
	struct ndshm_requester *requester;
	unsigned long pages;
};

/*
 * Free idle memory of @user and wait for that, not long and killably. Called before a
 * charge is refused; set before the first one, once.
 */
extern bool (*ndshm_reclaim_hook)(const struct user_struct *user);

/*
 * Charge @bytes to @requester, which need not be the caller. Returns MEMLOCK, BYTE_QUOTA or
 * MEMORY if nothing was charged. May sleep.
 */
ndshm_reason_t ndshm_charge(struct ndshm_charge *charge,
			    struct ndshm_requester *requester, u64 bytes);

/*
 * Change a charge to @bytes, under the limits of its requester. An increase can fail as above;
 * it does not wait for memory that is being freed.
 */
ndshm_reason_t ndshm_recharge(struct ndshm_charge *charge, u64 bytes);

/* Move @bytes of @from, which has at least as much, to the new charge @to. */
static inline void ndshm_charge_split(struct ndshm_charge *to,
				      struct ndshm_charge *from, u64 bytes)
{
	*to = *from;
	to->pages = min(from->pages, (unsigned long)(bytes >> PAGE_SHIFT));
	from->pages -= to->pages;
	if (!from->pages)
		from->requester = NULL;
	else
		ndshm_requester_get(from->requester);
}

/* End a charge; idempotent. Not from interrupts. */
void ndshm_uncharge(struct ndshm_charge *charge);

/* Bytes locked by the calling user, by any means. */
u64 ndshm_user_locked(void);

/**
 * enum ndshm_quota_kind - counted resources
 * @NDSHM_QUOTA_SECTIONS: sections
 * @NDSHM_QUOTA_HOLDERS: holders
 * @NDSHM_QUOTA_RESERVED: bytes of all sections' MaxSize
 * @NDSHM_QUOTA_BYTES: bytes of memory, as charged by ndshm_charge()
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
 * _QUOTA reason of the kind. May sleep.
 */
ndshm_reason_t ndshm_quota_charge(const struct ndshm_requester *requester,
				  enum ndshm_quota_kind kind, u64 amount);
void ndshm_quota_uncharge(const struct ndshm_requester *requester,
			  enum ndshm_quota_kind kind, u64 amount);

/*
 * The same for one user, without a limit if @unlimited. Charging may sleep; uncharging must not be
 * called from interrupts.
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

#endif /* _NDSHM_ACCOUNT_CHARGE_H */
