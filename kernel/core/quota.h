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

struct ndshm_quota_user;

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

/**
 * struct ndshm_quota - what counts as one user's, to be given back
 * @user: whose, or NULL: nothing
 * @amounts: how much of each kind
 */
struct ndshm_quota {
	struct ndshm_quota_user *user;
	u64 amounts[NDSHM_QUOTA_KINDS];
};

/*
 * Count the amounts in @quota as the calling user's, all or none of them; a caller
 * with CAP_SYS_RESOURCE may have any. Returns the _QUOTA reason of the kind whose limit
 * does not allow it, of which listeners are notified, or MEMORY. May sleep.
 */
ndshm_reason_t ndshm_quota_take(struct ndshm_quota *quota);

/* Give it back, whoever calls. Not from interrupts. */
void ndshm_quota_give(struct ndshm_quota *quota);

/* May the caller have any amount? */
bool ndshm_quota_unlimited(void);

/*
 * The same for memory of user @uid, who need not be the caller: a worker may have
 * anything, so the caller is not looked at, and @unlimited is what it was for whom it
 * is. Nobody is told of a refusal, which need not be the last word: whoever refuses
 * for good calls _refused(). take and refused may sleep.
 */
ndshm_reason_t ndshm_quota_take_bytes(kuid_t uid, u64 bytes, bool unlimited);
void ndshm_quota_give_bytes(kuid_t uid, u64 bytes);
void ndshm_quota_refused_bytes(kuid_t uid, u64 bytes);

/**
 * struct ndshm_quota_view - what a user has and may have
 * @uid: who
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
