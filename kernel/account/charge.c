// SPDX-License-Identifier: GPL-2.0
#include <linux/cache.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include <linux/ndshm_netlink.h>
#include <ndshm/block.h>

#include "../base/deferred.h"
#include "../base/events.h"
#include "charge.h"
#include "pinned.h"
#include "quota.h"

bool (*ndshm_reclaim_hook)(const struct user_struct *user) __ro_after_init;

struct ndshm_payer *ndshm_payer_capture(struct ndshm_payer *opener)
{
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(current->mm);
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	struct ndshm_payer *payer;

	if (opener && opener->cred == current_cred() && opener->memcg == memcg &&
	    opener->pid == task_tgid(current) && opener->limit == limit)
		payer = ndshm_payer_get(opener);
	else
		payer = kzalloc(sizeof(*payer), NDSHM_GFP_CHARGED);
	if (!payer || payer == opener) {
		mem_cgroup_put(memcg);
		return payer;
	}
	refcount_set(&payer->references, 1);
	payer->cred = get_current_cred();
	payer->memcg = memcg;
	payer->pid = get_pid(task_tgid(current));
	payer->limit = limit;
	payer->exempt = ns_capable_noaudit(&init_user_ns, CAP_IPC_LOCK);
	payer->unlimited = ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE);
	if (opener && opener->cred->user != payer->cred->user)
		payer->opener = ndshm_payer_get(opener);
	return payer;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_payer_capture);

void ndshm_payer_free(struct ndshm_payer *payer)
{
	if (payer->opener)
		ndshm_payer_put(payer->opener);
	put_pid(payer->pid);
	mem_cgroup_put(payer->memcg);
	put_cred(payer->cred);
	kfree(payer);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_payer_free);

static bool payer_lock_pages(const struct ndshm_payer *payer,
			     unsigned long pages)
{
	atomic_long_t *locked_vm = &payer->cred->user->locked_vm;
	long locked = atomic_long_read(locked_vm);

	do {
		if (pages > payer->limit || locked > payer->limit - pages)
			return false;
	} while (!atomic_long_try_cmpxchg(locked_vm, &locked, locked + pages));
	return true;
}

static void payer_give(const struct ndshm_payer *payer, unsigned long pages)
{
	struct user_struct *user;

	for (; payer && pages; payer = payer->opener) {
		if (payer->exempt)
			continue;
		user = payer->cred->user;
		atomic_long_sub(pages, &user->locked_vm);
		ndshm_quota_give(user->uid, NDSHM_QUOTA_BYTES,
				 (u64)pages << PAGE_SHIFT);
	}
}

/* Charge both limits of both users, or none. The first one bounds @pages below overflow. */
static ndshm_reason_t payer_take(const struct ndshm_payer *payer,
				 unsigned long pages,
				 const struct ndshm_payer **refused)
{
	const struct user_struct *user = payer->cred->user;
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	if (payer->opener)
		reason = payer_take(payer->opener, pages, refused);
	if (reason != NDSHM_REASON_NONE || payer->exempt)
		return reason;
	*refused = payer;
	if (!payer_lock_pages(payer, pages)) {
		reason = NDSHM_REASON_MEMLOCK;
		goto err_opener;
	}
	reason = ndshm_quota_take(user->uid, NDSHM_QUOTA_BYTES,
				  (u64)pages << PAGE_SHIFT, payer->unlimited);
	if (reason == NDSHM_REASON_NONE)
		return reason;
	atomic_long_sub(pages, &payer->cred->user->locked_vm);
err_opener:
	payer_give(payer->opener, pages);
	return reason;
}

static ndshm_reason_t payer_charge(const struct ndshm_payer *payer,
				   unsigned long pages, bool may_wait)
{
	const struct ndshm_payer *each, *refused;
	ndshm_reason_t reason = payer_take(payer, pages, &refused);

	if (reason == NDSHM_REASON_NONE)
		return reason;
	/* Memory that is being freed must not cause a refusal. */
	if (may_wait)
		ndshm_deferred_wait();
	for (each = payer; each && may_wait; each = each->opener)
		ndshm_reclaim_hook(each->cred->user);
	ndshm_pinned_reap();
	reason = payer_take(payer, pages, &refused);
	if (reason == NDSHM_REASON_BYTE_QUOTA)
		ndshm_event(NDSHM_CMD_QUOTA_EXCEEDED_NTF,
			    &(struct ndshm_quota_excess){
				refused->cred->user->uid, NDSHM_QUOTA_BYTES,
				(u64)pages << PAGE_SHIFT });
	return reason;
}

/* Round up without overflow. */
static unsigned long pages_of(u64 bytes)
{
	return (bytes >> PAGE_SHIFT) + !!offset_in_page(bytes);
}

ndshm_reason_t ndshm_charge(struct ndshm_charge *charge,
			    struct ndshm_payer *payer, u64 bytes)
{
	unsigned long pages = pages_of(bytes);
	ndshm_reason_t reason;

	*charge = (struct ndshm_charge){};
	if (payer->exempt)
		return NDSHM_REASON_NONE;
	reason = payer_charge(payer, pages, true);
	if (reason == NDSHM_REASON_NONE) {
		charge->payer = ndshm_payer_get(payer);
		charge->pages = pages;
	}
	return reason;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_charge);

ndshm_reason_t ndshm_recharge(struct ndshm_charge *charge, u64 bytes)
{
	unsigned long pages = pages_of(bytes);
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	if (!charge->payer)
		return reason;
	if (pages > charge->pages)
		reason = payer_charge(charge->payer, pages - charge->pages,
				      false);
	else
		payer_give(charge->payer, charge->pages - pages);
	if (reason == NDSHM_REASON_NONE)
		charge->pages = pages;
	return reason;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_recharge);

void ndshm_uncharge(struct ndshm_charge *charge)
{
	if (!charge->payer)
		return;
	payer_give(charge->payer, charge->pages);
	ndshm_payer_put(charge->payer);
	*charge = (struct ndshm_charge){};
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_uncharge);

u64 ndshm_user_locked(void)
{
	return (u64)atomic_long_read(&current_user()->locked_vm) << PAGE_SHIFT;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_user_locked);
