// SPDX-License-Identifier: GPL-2.0
/* Requesters, and the charges of their users under RLIMIT_MEMLOCK. */
#include <linux/cache.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include <ndshm/block.h>

#include "../base/deferred.h"
#include "charge.h"

/*
 * Requesters
 */

static unsigned long requester_current_limit(void)
{
	return rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
}

/* Return: true if process, credentials and limit of the caller are those of @requester. */
static bool requester_is_current(const struct ndshm_requester *requester)
{
	return requester->cred == current_cred() && requester->pid == task_tgid(current) &&
	       requester->limit == requester_current_limit();
}

struct ndshm_requester *ndshm_requester_capture(struct ndshm_requester *opener)
{
	struct ndshm_requester *requester;

	if (opener && requester_is_current(opener))
		return ndshm_requester_get(opener);
	requester = kzalloc(sizeof(*requester), NDSHM_GFP_CHARGED);
	if (!requester)
		return NULL;
	refcount_set(&requester->references, 1);
	requester->cred = get_current_cred();
	requester->pid = get_pid(task_tgid(current));
	requester->limit = requester_current_limit();
	requester->exempt = ns_capable_noaudit(&init_user_ns, CAP_IPC_LOCK);
	if (opener && opener->cred->user != requester->cred->user)
		requester->opener = ndshm_requester_get(opener);
	return requester;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_requester_capture);

void ndshm_requester_release(struct ndshm_requester *requester)
{
	if (requester->opener)
		ndshm_requester_put(requester->opener);
	put_pid(requester->pid);
	put_cred(requester->cred);
	kfree(requester);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_requester_release);

/*
 * Charges
 */

bool (*ndshm_reclaim_hook)(const struct user_struct *user) __ro_after_init;

static bool requester_lock_pages(const struct ndshm_requester *requester,
				 unsigned long pages)
{
	atomic_long_t *locked_vm = &requester->cred->user->locked_vm;
	long locked = atomic_long_read(locked_vm);

	do {
		if (pages > requester->limit || locked > requester->limit - pages)
			return false;
	} while (!atomic_long_try_cmpxchg(locked_vm, &locked, locked + pages));
	return true;
}

static void requester_uncharge(const struct ndshm_requester *requester, unsigned long pages)
{
	for (; requester && pages; requester = requester->opener)
		if (!requester->exempt)
			atomic_long_sub(pages, &requester->cred->user->locked_vm);
}

/* Charge both users, or none. */
static bool requester_charge(const struct ndshm_requester *requester, unsigned long pages)
{
	if (requester->opener && !requester_charge(requester->opener, pages))
		return false;
	if (requester->exempt || requester_lock_pages(requester, pages))
		return true;
	requester_uncharge(requester->opener, pages);
	return false;
}

static ndshm_reason_t requester_charge_wait(const struct ndshm_requester *requester,
					    unsigned long pages)
{
	const struct ndshm_requester *each;

	if (requester_charge(requester, pages))
		return NDSHM_REASON_NONE;
	/* Memory that is being freed must not cause a refusal. */
	for (each = requester; each; each = each->opener)
		ndshm_reclaim_hook(each->cred->user);
	ndshm_deferred_wait();
	return requester_charge(requester, pages) ? NDSHM_REASON_NONE : NDSHM_REASON_MEMLOCK;
}

/* Round up without overflow. */
static unsigned long charge_pages(u64 bytes)
{
	return (bytes >> PAGE_SHIFT) + !!offset_in_page(bytes);
}

ndshm_reason_t ndshm_charge(struct ndshm_charge *charge,
			    struct ndshm_requester *requester, u64 bytes)
{
	unsigned long pages = charge_pages(bytes);
	ndshm_reason_t reason;

	*charge = (struct ndshm_charge){};
	if (requester->exempt)
		return NDSHM_REASON_NONE;
	reason = requester_charge_wait(requester, pages);
	if (reason == NDSHM_REASON_NONE) {
		charge->requester = ndshm_requester_get(requester);
		charge->pages = pages;
	}
	return reason;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_charge);

ndshm_reason_t ndshm_recharge(struct ndshm_charge *charge, u64 bytes)
{
	unsigned long pages = charge_pages(bytes);
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	if (!charge->requester)
		return reason;
	if (pages > charge->pages)
		reason = requester_charge(charge->requester, pages - charge->pages) ?
			 NDSHM_REASON_NONE : NDSHM_REASON_MEMLOCK;
	else
		requester_uncharge(charge->requester, charge->pages - pages);
	if (reason == NDSHM_REASON_NONE)
		charge->pages = pages;
	return reason;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_recharge);

void ndshm_uncharge(struct ndshm_charge *charge)
{
	if (!charge->requester)
		return;
	requester_uncharge(charge->requester, charge->pages);
	ndshm_requester_put(charge->requester);
	*charge = (struct ndshm_charge){};
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_uncharge);

u64 ndshm_user_locked(void)
{
	return (u64)atomic_long_read(&current_user()->locked_vm) << PAGE_SHIFT;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_user_locked);
