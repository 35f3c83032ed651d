// SPDX-License-Identifier: GPL-2.0
#include <linux/bits.h>
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <linux/xarray.h>

#include <linux/ndshm_netlink.h>
#include <ndshm/block.h>

#include "../base/events.h"
#include "charge.h"
#include "quota.h"

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
	if (reason == reasons[kind])
		ndshm_event(NDSHM_CMD_QUOTA_EXCEEDED_NTF,
			    &(struct ndshm_quota_excess){ uid, kind, amount });
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
