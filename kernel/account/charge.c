// SPDX-License-Identifier: GPL-2.0
#include <linux/bits.h>
#include <linux/cache.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <linux/xarray.h>

#include <ndshm/block.h>

#include "../base/deferred.h"
#include "charge.h"

/*
 * Quotas
 */

/* Limits of users without limits of their own. */
static unsigned long limits[] = {
	[NDSHM_QUOTA_SECTIONS] = 1024,
	[NDSHM_QUOTA_HOLDERS] = 65536,
	[NDSHM_QUOTA_RESERVED] = 1UL << 40,
	[NDSHM_QUOTA_BYTES] = 1UL << 46,
	[NDSHM_QUOTA_REQUESTS] = 16384,
	[NDSHM_QUOTA_CLIENTS] = 1024,
};

module_param_named(max_user_sections, limits[NDSHM_QUOTA_SECTIONS], ulong, 0644);
MODULE_PARM_DESC(max_user_sections, "Most sections of a user");
module_param_named(max_user_holders, limits[NDSHM_QUOTA_HOLDERS], ulong, 0644);
MODULE_PARM_DESC(max_user_holders, "Most holders of a user");
module_param_named(max_user_reserved, limits[NDSHM_QUOTA_RESERVED], ulong, 0644);
MODULE_PARM_DESC(max_user_reserved, "Most range of a user's sections (bytes)");
module_param_named(max_user_bytes, limits[NDSHM_QUOTA_BYTES], ulong, 0644);
MODULE_PARM_DESC(max_user_bytes, "Most memory of a user (bytes)");
module_param_named(max_user_requests, limits[NDSHM_QUOTA_REQUESTS], ulong, 0644);
MODULE_PARM_DESC(max_user_requests, "Most requests and unread records of a user");
module_param_named(max_user_clients, limits[NDSHM_QUOTA_CLIENTS], ulong, 0644);
MODULE_PARM_DESC(max_user_clients, "Most open clients of a user");

static const ndshm_reason_t reasons[] = {
	[NDSHM_QUOTA_SECTIONS] = NDSHM_REASON_SECTION_QUOTA,
	[NDSHM_QUOTA_HOLDERS] = NDSHM_REASON_HOLDER_QUOTA,
	[NDSHM_QUOTA_RESERVED] = NDSHM_REASON_RESERVE_QUOTA,
	[NDSHM_QUOTA_BYTES] = NDSHM_REASON_BYTE_QUOTA,
	[NDSHM_QUOTA_REQUESTS] = NDSHM_REASON_REQUEST_QUOTA,
	[NDSHM_QUOTA_CLIENTS] = NDSHM_REASON_CLIENT_QUOTA,
};

static_assert(ARRAY_SIZE(limits) == NDSHM_QUOTA_KINDS);
static_assert(ARRAY_SIZE(reasons) == NDSHM_QUOTA_KINDS);

/*
 * Users with an amount or with limits of their own, by UID. The limits in @set are in
 * @limits, the others are module parameters. An entry with neither is freed. Protected by
 * the lock of @users, which is innermost.
 */
static DEFINE_XARRAY(users);

static struct ndshm_quota_view *quota_find_user(kuid_t uid)
{
	lockdep_assert_held(&users.xa_lock);

	return xa_load(&users, __kuid_val(uid));
}

/* Returns with the lock held. Return: NULL without memory. */
static struct ndshm_quota_view *quota_lock_user(kuid_t uid)
	__acquires(&users.xa_lock)
{
	struct ndshm_quota_view *user, *new;
	int err = 0;

	xa_lock(&users);
	while (!(user = quota_find_user(uid)) && (!err || err == -EBUSY)) {
		xa_unlock(&users);
		err = -ENOMEM;
		/* Not charged: the entry can outlive the memory cgroup of the caller. */
		new = kzalloc(sizeof(*new), GFP_KERNEL);
		if (new) {
			new->uid = uid;
			err = xa_insert(&users, __kuid_val(uid), new, GFP_KERNEL);
			if (err)
				kfree(new);
		}
		xa_lock(&users);
	}
	return user;
}

static void quota_unlock_user(struct ndshm_quota_view *user)
	__releases(&users.xa_lock)
{
	if (user && !user->set &&
	    !memchr_inv(user->amounts, 0, sizeof(user->amounts))) {
		__xa_erase(&users, __kuid_val(user->uid));
		kfree(user);
	}
	xa_unlock(&users);
}

static u64 quota_limit(const struct ndshm_quota_view *user, unsigned int kind)
{
	return user->set & BIT(kind) ? user->limits[kind] :
				       READ_ONCE(limits[kind]);
}

ndshm_reason_t ndshm_quota_charge_uid(kuid_t uid, enum ndshm_quota_kind kind,
				      u64 amount, bool unlimited)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	struct ndshm_quota_view *user;
	u64 most;

	if (!amount)
		return reason;
	user = quota_lock_user(uid);
	most = user ? quota_limit(user, kind) : 0;
	if (!user)
		reason = NDSHM_REASON_MEMORY;
	else if (!unlimited && (amount > most || user->amounts[kind] > most - amount))
		reason = reasons[kind];
	else
		user->amounts[kind] += amount;
	quota_unlock_user(user);
	return reason;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_quota_charge_uid);

void ndshm_quota_uncharge_uid(kuid_t uid, enum ndshm_quota_kind kind, u64 amount)
{
	struct ndshm_quota_view *user;

	if (!amount)
		return;
	xa_lock(&users);
	user = quota_find_user(uid);
	if (!WARN_ON_ONCE(!user || user->amounts[kind] < amount))
		user->amounts[kind] -= amount;
	quota_unlock_user(user);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_quota_uncharge_uid);

ndshm_reason_t ndshm_quota_charge(const struct ndshm_requester *requester,
				  enum ndshm_quota_kind kind, u64 amount)
{
	kuid_t uid = requester->cred->user->uid;
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	if (requester->opener)
		reason = ndshm_quota_charge(requester->opener, kind, amount);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = ndshm_quota_charge_uid(uid, kind, amount, requester->unlimited);
	if (reason == NDSHM_REASON_NONE)
		return reason;
	if (requester->opener)
		ndshm_quota_uncharge(requester->opener, kind, amount);
	return reason;
}

void ndshm_quota_uncharge(const struct ndshm_requester *requester,
			  enum ndshm_quota_kind kind, u64 amount)
{
	for (; requester; requester = requester->opener)
		ndshm_quota_uncharge_uid(requester->cred->user->uid, kind, amount);
}

bool ndshm_quota_peek_next(u32 *uid, struct ndshm_quota_view *view)
{
	const struct ndshm_quota_view *user;
	unsigned long at = *uid;
	unsigned int i;

	xa_lock(&users);
	user = xa_find(&users, &at, U32_MAX, XA_PRESENT);
	*view = user ? *user : (struct ndshm_quota_view){};
	xa_unlock(&users);
	for (i = 0; i < NDSHM_QUOTA_KINDS; i++)
		view->limits[i] = quota_limit(view, i);
	*uid = at;
	return user;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_quota_peek_next);

void ndshm_quota_peek(kuid_t uid, struct ndshm_quota_view *view)
{
	u32 at = __kuid_val(uid);
	unsigned int i;

	if (ndshm_quota_peek_next(&at, view) && uid_eq(view->uid, uid))
		return;
	*view = (struct ndshm_quota_view){ .uid = uid };
	for (i = 0; i < NDSHM_QUOTA_KINDS; i++)
		view->limits[i] = quota_limit(view, i);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_quota_peek);

ndshm_reason_t ndshm_quota_set(kuid_t uid,
			       const struct ndshm_quota_change *change)
{
	struct ndshm_quota_view *user = quota_lock_user(uid);
	const bool found = user;
	unsigned int i;

	for (i = 0; user && i < NDSHM_QUOTA_KINDS; i++)
		if (change->set & BIT(i))
			user->limits[i] = change->limits[i];
	if (user)
		user->set = (user->set | change->set) & ~change->reset;
	quota_unlock_user(user);
	return found ? NDSHM_REASON_NONE : NDSHM_REASON_MEMORY;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_quota_set);

void ndshm_quota_teardown(void)
{
	struct ndshm_quota_view *user;
	unsigned long uid;

	xa_for_each(&users, uid, user) {
		WARN_ON(memchr_inv(user->amounts, 0, sizeof(user->amounts)));
		kfree(user);
	}
	xa_destroy(&users);
}

/*
 * Requesters
 */

static unsigned long requester_current_limit(void)
{
	return rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
}

/*
 * Return: true if process, credentials, limit and memory cgroup of the caller are those of
 * @requester.
 */
static bool requester_is_current(const struct ndshm_requester *requester)
{
	struct mem_cgroup *memcg;

	if (requester->cred != current_cred() || requester->pid != task_tgid(current) ||
	    requester->limit != requester_current_limit())
		return false;
	memcg = get_mem_cgroup_from_mm(current->mm);
	mem_cgroup_put(memcg);
	return requester->memcg == memcg;
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
	requester->memcg = get_mem_cgroup_from_mm(current->mm);
	requester->pid = get_pid(task_tgid(current));
	requester->limit = requester_current_limit();
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
				       unsigned long pages)
{
	const struct user_struct *user = requester->cred->user;
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	if (requester->opener)
		reason = requester_charge(requester->opener, pages);
	if (reason != NDSHM_REASON_NONE || requester->exempt)
		return reason;
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
	const struct ndshm_requester *each;
	ndshm_reason_t reason = requester_charge(requester, pages);

	if (reason == NDSHM_REASON_NONE)
		return reason;
	/* Memory that is being freed must not cause a refusal. */
	for (each = requester; each && may_wait; each = each->opener)
		ndshm_reclaim_hook(each->cred->user);
	if (may_wait)
		ndshm_deferred_wait();
	return requester_charge(requester, pages);
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
