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

struct ndshm_requester *ndshm_requester_capture(struct ndshm_requester *opener)
{
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(current->mm);
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	struct ndshm_requester *requester;

	if (opener && opener->cred == current_cred() && opener->memcg == memcg &&
	    opener->pid == task_tgid(current) && opener->limit == limit)
		requester = ndshm_requester_get(opener);
	else
		requester = kzalloc(sizeof(*requester), NDSHM_GFP_CHARGED);
	if (!requester || requester == opener) {
		mem_cgroup_put(memcg);
		return requester;
	}
	refcount_set(&requester->references, 1);
	requester->cred = get_current_cred();
	requester->memcg = memcg;
	requester->pid = get_pid(task_tgid(current));
	requester->limit = limit;
	requester->exempt = ns_capable_noaudit(&init_user_ns, CAP_IPC_LOCK);
	requester->unlimited = ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE);
	if (opener && opener->cred->user != requester->cred->user)
		requester->opener = ndshm_requester_get(opener);
	return requester;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_requester_capture);

void ndshm_requester_free(struct ndshm_requester *requester)
{
	if (requester->opener)
		ndshm_requester_put(requester->opener);
	put_pid(requester->pid);
	mem_cgroup_put(requester->memcg);
	put_cred(requester->cred);
	kfree(requester);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_requester_free);

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
	struct user_struct *user;

	for (; requester && pages; requester = requester->opener) {
		if (requester->exempt)
			continue;
		user = requester->cred->user;
		atomic_long_sub(pages, &user->locked_vm);
		ndshm_quota_uncharge_uid(user->uid, NDSHM_QUOTA_BYTES,
					 (u64)pages << PAGE_SHIFT);
	}
}

/* Charge both limits of both users, or none. The first one bounds @pages below overflow. */
static ndshm_reason_t requester_charge(const struct ndshm_requester *requester,
				       unsigned long pages,
				       const struct ndshm_requester **refused)
{
	const struct user_struct *user = requester->cred->user;
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	if (requester->opener)
		reason = requester_charge(requester->opener, pages, refused);
	if (reason != NDSHM_REASON_NONE || requester->exempt)
		return reason;
	*refused = requester;
	if (!requester_lock_pages(requester, pages)) {
		reason = NDSHM_REASON_MEMLOCK;
		goto err_opener;
	}
	reason = ndshm_quota_charge_uid(user->uid, NDSHM_QUOTA_BYTES,
					(u64)pages << PAGE_SHIFT, requester->unlimited);
	if (reason == NDSHM_REASON_NONE)
		return reason;
	atomic_long_sub(pages, &requester->cred->user->locked_vm);
err_opener:
	requester_uncharge(requester->opener, pages);
	return reason;
}

static ndshm_reason_t requester_charge_wait(const struct ndshm_requester *requester,
					    unsigned long pages, bool may_wait)
{
	const struct ndshm_requester *each, *refused;
	ndshm_reason_t reason = requester_charge(requester, pages, &refused);

	if (reason == NDSHM_REASON_NONE)
		return reason;
	/* Memory that is being freed must not cause a refusal. */
	if (may_wait)
		ndshm_deferred_wait();
	for (each = requester; each && may_wait; each = each->opener)
		ndshm_reclaim_hook(each->cred->user);
	ndshm_pinned_reap();
	reason = requester_charge(requester, pages, &refused);
	if (reason == NDSHM_REASON_BYTE_QUOTA)
		ndshm_event(NDSHM_CMD_QUOTA_EXCEEDED_NTF,
			    &(struct ndshm_quota_excess){
				refused->cred->user->uid, NDSHM_QUOTA_BYTES,
				(u64)pages << PAGE_SHIFT });
	return reason;
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
	reason = requester_charge_wait(requester, pages, true);
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
		reason = requester_charge_wait(charge->requester, pages - charge->pages,
					       false);
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
