// SPDX-License-Identifier: GPL-2.0
/* Requesters, and the charges of their users under RLIMIT_MEMLOCK. */
#include <linux/cache.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include <ndshm/block.h>

#include "../base/deferred.h"
#include "charge.h"

/*
 * Accounts
 */

struct ndshm_account *ndshm_account_alloc(void)
{
	struct ndshm_account *account = kzalloc(sizeof(*account), NDSHM_GFP_CHARGED);

	if (!account)
		return NULL;
	refcount_set(&account->references, 1);
	account->cred = get_current_cred();
	account->limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	account->exempt = ns_capable_noaudit(&init_user_ns, CAP_IPC_LOCK);
	return account;
}

void ndshm_account_release(struct ndshm_account *account)
{
	put_cred(account->cred);
	kfree(account);
}

/*
 * Charges
 */

bool (*ndshm_reclaim_hook)(const struct user_struct *user) __ro_after_init;

/* Return: false, and nothing is charged, at the limit. */
static bool account_charge(const struct ndshm_account *account, unsigned long pages)
{
	atomic_long_t *locked_vm = &account->cred->user->locked_vm;
	long locked = atomic_long_read(locked_vm);

	do {
		if (pages > account->limit || locked > account->limit - pages)
			return false;
	} while (!atomic_long_try_cmpxchg(locked_vm, &locked, locked + pages));
	return true;
}

static void account_uncharge(const struct ndshm_account *account, unsigned long pages)
{
	atomic_long_sub(pages, &account->cred->user->locked_vm);
}

/* Round up without overflow. */
static unsigned long charge_pages(u64 bytes)
{
	return (bytes >> PAGE_SHIFT) + !!offset_in_page(bytes);
}

ndshm_reason_t ndshm_charge(struct ndshm_charge *charge, struct ndshm_account *account, u64 bytes)
{
	unsigned long pages = charge_pages(bytes);

	*charge = (struct ndshm_charge){};
	if (account->exempt)
		return NDSHM_REASON_NONE;
	if (!account_charge(account, pages)) {
		/* Memory that is being freed must not cause a refusal. */
		ndshm_reclaim_hook(account->cred->user);
		ndshm_deferred_wait();
		if (!account_charge(account, pages))
			return NDSHM_REASON_MEMLOCK;
	}
	charge->account = ndshm_account_get(account);
	charge->pages = pages;
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_recharge(struct ndshm_charge *charge, u64 bytes)
{
	unsigned long pages = charge_pages(bytes);
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	if (!charge->account)
		return reason;
	if (pages > charge->pages)
		reason = account_charge(charge->account, pages - charge->pages) ?
			 NDSHM_REASON_NONE : NDSHM_REASON_MEMLOCK;
	else
		account_uncharge(charge->account, charge->pages - pages);
	if (reason == NDSHM_REASON_NONE)
		charge->pages = pages;
	return reason;
}

void ndshm_uncharge(struct ndshm_charge *charge)
{
	if (!charge->account)
		return;
	account_uncharge(charge->account, charge->pages);
	ndshm_account_put(charge->account);
	*charge = (struct ndshm_charge){};
}

u64 ndshm_user_locked(void)
{
	return (u64)atomic_long_read(&current_user()->locked_vm) << PAGE_SHIFT;
}
