/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accounts of users: requesters, and what they are charged for. Memory counts against
 * RLIMIT_MEMLOCK of the user; the kernel charges the memory cgroup of the caller.
 */
#ifndef _NDSHM_ACCOUNT_CHARGE_H
#define _NDSHM_ACCOUNT_CHARGE_H

#include <linux/atomic.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include <ndshm/status.h>

struct cred;
struct pid;

/**
 * struct ndshm_requester - who is charged for memory, and under which limits
 * @references: of charges, objects and callers
 * @cred: credentials of the requester; keep its user_struct
 * @opener: requester that is charged as well: the opener of the descriptor, if it is
 *	another user; or NULL. Has no @opener itself
 * @pid: process of the requester, held
 * @limit: RLIMIT_MEMLOCK of the requester, in pages
 * @exempt: the requester had CAP_IPC_LOCK: no user is charged
 *
 * Immutable. The limits are those that held when the requester was captured.
 */
struct ndshm_requester {
	refcount_t references;
	const struct cred *cred;
	struct ndshm_requester *opener;
	struct pid *pid;
	unsigned long limit;
	bool exempt;
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

void ndshm_requester_release(struct ndshm_requester *requester);

/* Any context but NMI. */
static inline void ndshm_requester_put(struct ndshm_requester *requester)
{
	if (refcount_dec_and_test(&requester->references))
		ndshm_requester_release(requester);
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
 * Charge @bytes to @requester, which need not be the caller. Returns MEMLOCK if nothing was
 * charged. May sleep.
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

#endif /* _NDSHM_ACCOUNT_CHARGE_H */
