// SPDX-License-Identifier: GPL-2.0
#include <linux/bits.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uidgid.h>
#include <linux/xarray.h>

#include <ndshm/block.h>

#include "netlink.h"
#include "quota.h"

static unsigned long max_user_sections = 1024;
module_param(max_user_sections, ulong, 0644);
MODULE_PARM_DESC(max_user_sections, "Most sections of a user");

static unsigned long max_user_holders = 65536;
module_param(max_user_holders, ulong, 0644);
MODULE_PARM_DESC(max_user_holders, "Most holders of a user");

static unsigned long max_user_reserved = 1UL << 40;
module_param(max_user_reserved, ulong, 0644);
MODULE_PARM_DESC(max_user_reserved, "Most range of a user's sections (bytes)");

static unsigned long max_user_bytes = 1UL << 46;
module_param(max_user_bytes, ulong, 0644);
MODULE_PARM_DESC(max_user_bytes, "Most memory of a user (bytes)");

static unsigned long max_user_requests = 16384;
module_param(max_user_requests, ulong, 0644);
MODULE_PARM_DESC(max_user_requests, "Most requests and unread records of a user");

static unsigned long max_user_clients = 1024;
module_param(max_user_clients, ulong, 0644);
MODULE_PARM_DESC(max_user_clients, "Most open clients of a user");

/**
 * struct ndshm_quota_user - a user who has something, or limits of their own
 * @uid: who
 * @set: bit n: @limits has the limit of kind n, and not the module's parameters
 * @quotas: that count as this user's
 * @amounts: of each kind; of memory, also what is in no quota
 * @limits: see @set
 *
 * It goes when there is nothing in it. The lock of @users guards all users and
 * their members; nothing is taken inside.
 */
struct ndshm_quota_user {
	kuid_t uid;
	u32 set;
	unsigned long quotas;
	u64 amounts[NDSHM_QUOTA_KINDS];
	u64 limits[NDSHM_QUOTA_KINDS];
};

/* By number. */
static DEFINE_XARRAY(users);

struct limit {
	const unsigned long *most;
	ndshm_reason_t reason;
};

static const struct limit limits[] = {
	[NDSHM_QUOTA_SECTIONS] = {
		&max_user_sections, NDSHM_REASON_SECTION_QUOTA,
	},
	[NDSHM_QUOTA_HOLDERS] = {
		&max_user_holders, NDSHM_REASON_HOLDER_QUOTA,
	},
	[NDSHM_QUOTA_RESERVED] = {
		&max_user_reserved, NDSHM_REASON_RESERVE_QUOTA,
	},
	[NDSHM_QUOTA_BYTES] = {
		&max_user_bytes, NDSHM_REASON_BYTE_QUOTA,
	},
	[NDSHM_QUOTA_REQUESTS] = {
		&max_user_requests, NDSHM_REASON_REQUEST_QUOTA,
	},
	[NDSHM_QUOTA_CLIENTS] = {
		&max_user_clients, NDSHM_REASON_CLIENT_QUOTA,
	},
};

static_assert(ARRAY_SIZE(limits) == NDSHM_QUOTA_KINDS);

static struct ndshm_quota_user *user_of(kuid_t uid)
{
	lockdep_assert_held(&users.xa_lock);

	return xa_load(&users, __kuid_val(uid));
}

/* False: there is no memory. Whoever is faster may have taken it away again. */
static bool make_known(kuid_t uid)
{
	struct ndshm_quota_user *user;
	int err;

	/* It may outlive the memory cgroup of who was the first. */
	user = kzalloc(sizeof(*user), GFP_KERNEL);
	if (!user)
		return false;
	user->uid = uid;
	err = xa_insert(&users, __kuid_val(uid), user, GFP_KERNEL);
	if (err)
		kfree(user);
	return !err || err == -EBUSY;
}

static void drop_if_unused(struct ndshm_quota_user *user)
{
	lockdep_assert_held(&users.xa_lock);

	if (user->quotas || user->set || user->amounts[NDSHM_QUOTA_BYTES])
		return;
	__xa_erase(&users, __kuid_val(user->uid));
	kfree(user);
}

/* @user: NULL for one who has no limits of their own. */
static u64 limit_of(const struct ndshm_quota_user *user, unsigned int kind)
{
	return user && user->set & BIT(kind) ? user->limits[kind] :
					       READ_ONCE(*limits[kind].most);
}

bool ndshm_quota_unlimited(void)
{
	return ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_quota_unlimited);

/* The first kind of which it would be too much, or NDSHM_QUOTA_KINDS. */
static unsigned int excess(const struct ndshm_quota_user *user,
			   const u64 *amounts)
{
	unsigned int i;
	u64 most;

	for (i = 0; i < NDSHM_QUOTA_KINDS; i++) {
		most = limit_of(user, i);
		if (amounts[i] && (amounts[i] > most ||
				   user->amounts[i] > most - amounts[i]))
			break;
	}
	return i;
}

/* All or none; *kind is as with excess(). */
static ndshm_reason_t take_locked(struct ndshm_quota_user *user,
				  const u64 *amounts, bool unlimited,
				  unsigned int *kind)
{
	unsigned int i;

	lockdep_assert_held(&users.xa_lock);

	*kind = unlimited ? NDSHM_QUOTA_KINDS : excess(user, amounts);
	if (*kind < NDSHM_QUOTA_KINDS)
		return limits[*kind].reason;
	for (i = 0; i < NDSHM_QUOTA_KINDS; i++)
		user->amounts[i] += amounts[i];
	return NDSHM_REASON_NONE;
}

/* @quota: has the amounts, and is to be given back; or NULL. */
static ndshm_reason_t take_for(kuid_t uid, const u64 *amounts, bool unlimited,
			       struct ndshm_quota *quota, unsigned int *kind)
{
	ndshm_reason_t reason = NDSHM_REASON_MEMORY;
	struct ndshm_quota_user *user;

	*kind = NDSHM_QUOTA_KINDS;
	do {
		xa_lock(&users);
		user = user_of(uid);
		if (user) {
			reason = take_locked(user, amounts, unlimited, kind);
			if (reason == NDSHM_REASON_NONE && quota) {
				user->quotas++;
				quota->user = user;
			}
			drop_if_unused(user);
		}
		xa_unlock(&users);
	} while (!user && make_known(uid));
	return reason;
}

ndshm_reason_t ndshm_quota_take(struct ndshm_quota *quota)
{
	kuid_t uid = current_uid();
	ndshm_reason_t reason;
	unsigned int kind;

	quota->user = NULL;
	reason = take_for(uid, quota->amounts, ndshm_quota_unlimited(), quota,
			  &kind);
	if (kind < NDSHM_QUOTA_KINDS)
		ndshm_nl_quota_event(uid, kind, quota->amounts[kind]);
	return reason;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_quota_take);

void ndshm_quota_give(struct ndshm_quota *quota)
{
	struct ndshm_quota_user *user = quota->user;
	unsigned int i;

	if (!user)
		return;
	xa_lock(&users);
	user->quotas--;
	for (i = 0; i < NDSHM_QUOTA_KINDS; i++)
		user->amounts[i] -= quota->amounts[i];
	drop_if_unused(user);
	xa_unlock(&users);
	quota->user = NULL;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_quota_give);

ndshm_reason_t ndshm_quota_take_bytes(kuid_t uid, u64 bytes, bool unlimited)
{
	const u64 amounts[NDSHM_QUOTA_KINDS] = { [NDSHM_QUOTA_BYTES] = bytes };
	unsigned int kind;

	return bytes ? take_for(uid, amounts, unlimited, NULL, &kind) :
		       NDSHM_REASON_NONE;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_quota_take_bytes);

void ndshm_quota_give_bytes(kuid_t uid, u64 bytes)
{
	struct ndshm_quota_user *user;

	if (!bytes)
		return;
	xa_lock(&users);
	user = user_of(uid);
	if (!WARN_ON_ONCE(!user || user->amounts[NDSHM_QUOTA_BYTES] < bytes)) {
		user->amounts[NDSHM_QUOTA_BYTES] -= bytes;
		drop_if_unused(user);
	}
	xa_unlock(&users);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_quota_give_bytes);

void ndshm_quota_refused_bytes(kuid_t uid, u64 bytes)
{
	ndshm_nl_quota_event(uid, NDSHM_QUOTA_BYTES, bytes);
}

static void view_locked(const struct ndshm_quota_user *user,
			struct ndshm_quota_view *view)
{
	unsigned int i;

	view->set = user ? user->set : 0;
	for (i = 0; i < NDSHM_QUOTA_KINDS; i++) {
		view->amounts[i] = user ? user->amounts[i] : 0;
		view->limits[i] = limit_of(user, i);
	}
}

void ndshm_quota_look(kuid_t uid, struct ndshm_quota_view *view)
{
	view->uid = uid;
	xa_lock(&users);
	view_locked(user_of(uid), view);
	xa_unlock(&users);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_quota_look);

bool ndshm_quota_look_next(u32 *uid, struct ndshm_quota_view *view)
{
	struct ndshm_quota_user *user;
	unsigned long at = *uid;

	xa_lock(&users);
	user = xa_find(&users, &at, U32_MAX, XA_PRESENT);
	if (user) {
		*uid = at;
		view->uid = user->uid;
		view_locked(user, view);
	}
	xa_unlock(&users);
	return user;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_quota_look_next);

ndshm_reason_t ndshm_quota_set(kuid_t uid,
			       const struct ndshm_quota_change *change)
{
	struct ndshm_quota_user *user;
	unsigned int i;

	do {
		xa_lock(&users);
		user = user_of(uid);
		if (user) {
			for (i = 0; i < NDSHM_QUOTA_KINDS; i++)
				if (change->set & BIT(i))
					user->limits[i] = change->limits[i];
			user->set |= change->set;
			user->set &= ~change->reset;
			drop_if_unused(user);
		}
		xa_unlock(&users);
		if (!user && !make_known(uid))
			return NDSHM_REASON_MEMORY;
	} while (!user);
	return NDSHM_REASON_NONE;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_quota_set);

void ndshm_quota_teardown(void)
{
	struct ndshm_quota_user *user;
	unsigned long uid;

	xa_for_each(&users, uid, user) {
		WARN_ON(user->quotas || user->amounts[NDSHM_QUOTA_BYTES]);
		kfree(user);
	}
	xa_destroy(&users);
}
