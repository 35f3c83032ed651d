/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accounts of users, and what they are charged for. Memory counts against RLIMIT_MEMLOCK of the
 * user; the kernel charges the memory cgroup of the caller.
 */
#ifndef _NDSHM_ACCOUNT_CHARGE_H
#define _NDSHM_ACCOUNT_CHARGE_H

#include <linux/atomic.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include <ndshm/status.h>

struct cred;

/**
 * struct ndshm_account - the opener of a client, which is charged for memory, and its limits
 * @references: of the client, of charges, sections and callers
 * @cred: credentials of the opener; keep its user_struct
 * @limit: RLIMIT_MEMLOCK of the opener, in pages
 * @exempt: the opener had CAP_IPC_LOCK: RLIMIT_MEMLOCK does not apply
 *
 * Immutable. The limits are those that held at the open.
 */
struct ndshm_account {
	refcount_t references;
	const struct cred *cred;
	unsigned long limit;
	bool exempt;
};

/* Return: an account of the calling process; NULL without memory. May sleep. */
struct ndshm_account *ndshm_account_alloc(void);

static inline struct ndshm_account *ndshm_account_get(struct ndshm_account *account)
{
	refcount_inc(&account->references);
	return account;
}

void ndshm_account_release(struct ndshm_account *account);

/* Any context but NMI. */
static inline void ndshm_account_put(struct ndshm_account *account)
{
	if (refcount_dec_and_test(&account->references))
		ndshm_account_release(account);
}

/**
 * struct ndshm_charge - pages that an account was charged for
 * @account: holds a reference; NULL: nothing was charged
 * @pages: number of pages
 */
struct ndshm_charge {
	struct ndshm_account *account;
	unsigned long pages;
};

/*
 * Free idle memory of @user in the caller, and wait, killably and at most a second, for what others
 * free. Called before a charge is refused; set before the first one, once.
 */
extern bool (*ndshm_reclaim_hook)(const struct user_struct *user);

/*
 * Charge @bytes to @account, which need not be the caller. Returns MEMLOCK if nothing was
 * charged. May sleep.
 */
ndshm_reason_t ndshm_charge(struct ndshm_charge *charge,
			    struct ndshm_account *account, u64 bytes);

/*
 * Change a charge to @bytes, under the limit of its account. An increase can fail as above;
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
		from->account = NULL;
	else
		ndshm_account_get(from->account);
}

/* End a charge; idempotent. Not from interrupts. */
void ndshm_uncharge(struct ndshm_charge *charge);

/* Bytes locked by the calling user, by any means. */
u64 ndshm_user_locked(void);

#endif /* _NDSHM_ACCOUNT_CHARGE_H */
