// SPDX-License-Identifier: GPL-2.0
/* Netlink operations of quotas. A user may read their own; administrators may read and set all. */
#include <linux/bits.h>
#include <linux/capability.h>
#include <linux/uidgid.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include "../account/charge.h"
#include "gen.h"
#include "netlink.h"

/* Attribute of the amount of each kind; its limit is the next attribute. */
static const int attributes[NDSHM_QUOTA_KINDS] = {
	[NDSHM_QUOTA_SECTIONS] = NDSHM_A_QUOTA_SECTIONS,
	[NDSHM_QUOTA_HOLDERS] = NDSHM_A_QUOTA_HOLDERS,
	[NDSHM_QUOTA_RESERVED] = NDSHM_A_QUOTA_RESERVED,
	[NDSHM_QUOTA_BYTES] = NDSHM_A_QUOTA_BYTES,
	[NDSHM_QUOTA_REQUESTS] = NDSHM_A_QUOTA_REQUESTS,
	[NDSHM_QUOTA_CLIENTS] = NDSHM_A_QUOTA_CLIENTS,
};

static_assert(NDSHM_A_QUOTA_SECTIONS_LIMIT - NDSHM_A_QUOTA_SECTIONS == 1);
static_assert(NDSHM_A_QUOTA_HOLDERS_LIMIT - NDSHM_A_QUOTA_HOLDERS == 1);
static_assert(NDSHM_A_QUOTA_RESERVED_LIMIT - NDSHM_A_QUOTA_RESERVED == 1);
static_assert(NDSHM_A_QUOTA_BYTES_LIMIT - NDSHM_A_QUOTA_BYTES == 1);
static_assert(NDSHM_A_QUOTA_REQUESTS_LIMIT - NDSHM_A_QUOTA_REQUESTS == 1);
static_assert(NDSHM_A_QUOTA_CLIENTS_LIMIT - NDSHM_A_QUOTA_CLIENTS == 1);

static int nl_put_quota(struct sk_buff *skb, const struct ndshm_message *m,
			void *object)
{
	const struct ndshm_quota_view *view = object;
	uid_t uid = from_kuid_munged(m->user_ns, view->uid);
	int err = nla_put_u32(skb, NDSHM_A_QUOTA_UID, uid) ?:
		  nla_put_u32(skb, NDSHM_A_QUOTA_SET, view->set);
	unsigned int i;

	for (i = 0; i < NDSHM_QUOTA_KINDS && !err; i++)
		err = nla_put_u64_64bit(skb, attributes[i], view->amounts[i],
					NDSHM_A_QUOTA_PAD) ?:
		      nla_put_u64_64bit(skb, attributes[i] + 1,
					view->limits[i], NDSHM_A_QUOTA_PAD);
	return err;
}

static bool nl_may_see(const struct ndshm_message *m, kuid_t uid)
{
	return m->viewer.all || uid_eq(m->viewer.account, uid);
}

int ndshm_nl_quota_get_doit(struct sk_buff *request, struct genl_info *info)
{
	struct ndshm_message m = ndshm_nl_reply_to(request, info);
	struct nlattr *attribute = info->attrs[NDSHM_A_QUOTA_UID];
	struct ndshm_quota_view view;
	kuid_t uid = current_uid();
	int err = 0;

	if (attribute)
		err = ndshm_nl_get_uid(request, info, attribute, &uid);
	if (err)
		return err;
	if (!nl_may_see(&m, uid)) {
		GENL_SET_ERR_MSG(info, "reading another user's quota requires CAP_SYS_ADMIN");
		return -EPERM;
	}
	ndshm_quota_peek(uid, &view);
	return ndshm_nl_reply(info, &m, nl_put_quota, &view);
}

/* Sorted by user id. */
static bool nl_show_next_quota(struct sk_buff *skb, const struct ndshm_message *m,
			       u64 *next, int *err, const void *unused)
{
	struct ndshm_quota_view view;
	u32 uid = *next;

	if (*next > U32_MAX || !ndshm_quota_peek_next(&uid, &view))
		return false;
	*next = uid;
	if (nl_may_see(m, view.uid))
		*err = ndshm_nl_show(skb, m, nl_put_quota, &view);
	return true;
}

int ndshm_nl_quota_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return ndshm_nl_dump(skb, cb, false, nl_show_next_quota, NULL);
}

static int nl_get_quota_change(struct genl_info *info, struct ndshm_quota_change *change)
{
	struct nlattr *limit, *reset = info->attrs[NDSHM_A_QUOTA_RESET];
	unsigned int i;

	if (reset)
		change->reset = nla_get_u32(reset);
	for (i = 0; i < NDSHM_QUOTA_KINDS; i++) {
		limit = info->attrs[attributes[i] + 1];
		if (!limit)
			continue;
		change->set |= BIT(i);
		change->limits[i] = nla_get_u64(limit);
	}
	if (change->set & change->reset) {
		NL_SET_ERR_MSG_ATTR(info->extack, reset,
				    "limit: both set and reset; do one of them");
		return -EINVAL;
	}
	if (!change->set && !change->reset) {
		GENL_SET_ERR_MSG(info, "request: no limit to set or reset; give one");
		return -EINVAL;
	}
	return 0;
}

int ndshm_nl_quota_set_doit(struct sk_buff *request, struct genl_info *info)
{
	struct ndshm_quota_change change = {};
	int err = ndshm_nl_may_set(request, info);
	kuid_t uid;

	if (err)
		return err;
	if (GENL_REQ_ATTR_CHECK(info, NDSHM_A_QUOTA_UID)) {
		GENL_SET_ERR_MSG(info, "request: user missing");
		return -EINVAL;
	}
	err = ndshm_nl_get_uid(request, info, info->attrs[NDSHM_A_QUOTA_UID],
			       &uid) ?: nl_get_quota_change(info, &change);
	return err ?: ndshm_reason_report(ndshm_quota_set(uid, &change), NULL);
}
