// SPDX-License-Identifier: GPL-2.0
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uidgid.h>

#include <ndshm/block.h>

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

/**
 * struct ndshm_quota_user - a user who has something
 * @link: among those with the same hash
 * @uid: who
 * @quotas: that count as this user's; it goes with the last
 * @amounts: of each kind
 */
struct ndshm_quota_user {
	struct hlist_node link;
	kuid_t uid;
	unsigned long quotas;
	u64 amounts[NDSHM_QUOTA_KINDS];
};

/* Guards all users and their members; innermost but for what allocates memory. */
static DEFINE_MUTEX(users_lock);
static DEFINE_HASHTABLE(users, 6);

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
};

static struct ndshm_quota_user *user_of(kuid_t uid)
{
	struct ndshm_quota_user *user;

	lockdep_assert_held(&users_lock);

	hash_for_each_possible(users, user, link, __kuid_val(uid))
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

static struct ndshm_quota_user *new_user(kuid_t uid)
{
	struct ndshm_quota_user *user;

	lockdep_assert_held(&users_lock);

	/* It may outlive the memory cgroup of who was the first. */
	user = kzalloc(sizeof(*user), GFP_KERNEL);
	if (user) {
		user->uid = uid;
		hash_add(users, &user->link, __kuid_val(uid));
	}
	return user;
}

static void drop_if_unused(struct ndshm_quota_user *user)
{
	lockdep_assert_held(&users_lock);

	if (user->quotas)
		return;
	hash_del(&user->link);
	kfree(user);
}

static ndshm_reason_t check(const struct ndshm_quota_user *user,
			    const struct ndshm_quota *quota)
{
	unsigned int i;
	u64 most;

	if (ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE))
		return NDSHM_REASON_NONE;
	for (i = 0; i < NDSHM_QUOTA_KINDS; i++) {
		most = READ_ONCE(*limits[i].most);
		if (quota->amounts[i] &&
		    (quota->amounts[i] > most ||
		     user->amounts[i] > most - quota->amounts[i]))
			return limits[i].reason;
	}
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t take_locked(struct ndshm_quota *quota)
{
	struct ndshm_quota_user *user = user_of(current_uid()) ?:
					new_user(current_uid());
	ndshm_reason_t reason;
	unsigned int i;

	if (!user)
		return NDSHM_REASON_MEMORY;
	reason = check(user, quota);
	if (reason == NDSHM_REASON_NONE) {
		user->quotas++;
		for (i = 0; i < NDSHM_QUOTA_KINDS; i++)
			user->amounts[i] += quota->amounts[i];
		quota->user = user;
	}
	drop_if_unused(user);
	return reason;
}

ndshm_reason_t ndshm_quota_take(struct ndshm_quota *quota)
{
	ndshm_reason_t reason;

	quota->user = NULL;
	mutex_lock(&users_lock);
	reason = take_locked(quota);
	mutex_unlock(&users_lock);
	return reason;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_quota_take);

void ndshm_quota_give(struct ndshm_quota *quota)
{
	struct ndshm_quota_user *user = quota->user;
	unsigned int i;

	if (!user)
		return;
	mutex_lock(&users_lock);
	user->quotas--;
	for (i = 0; i < NDSHM_QUOTA_KINDS; i++)
		user->amounts[i] -= quota->amounts[i];
	drop_if_unused(user);
	mutex_unlock(&users_lock);
	quota->user = NULL;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_quota_give);
