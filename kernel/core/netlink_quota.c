// SPDX-License-Identifier: GPL-2.0
/*
 * Quotas, by netlink: everybody sees what is theirs, and administrators see all,
 * and set limits.
 */
#include <linux/bits.h>
#include <linux/capability.h>
#include <linux/uidgid.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include "netlink.h"
#include "netlink_gen.h"
#include "netlink_message.h"
#include "quota.h"

/* In the order of kinds: how much there is, and behind it how much there may be. */
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

static int put_view(struct sk_buff *skb, const struct ndshm_message *m,
		    const struct ndshm_quota_view *view)
{
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

static int quota_fill(struct sk_buff *skb, const struct ndshm_message *m,
		      const struct ndshm_quota_view *view)
{
	void *header = ndshm_nl_begin(skb, m);

	if (!header)
		return -EMSGSIZE;
	return ndshm_nl_end(skb, header, put_view(skb, m, view));
}

/* The user whose number is in the request, if it is of one. */
static int get_uid_of(struct sk_buff *request, struct genl_info *info,
		      kuid_t *uid)
{
	struct nlattr *attribute = info->attrs[NDSHM_A_QUOTA_UID];

	*uid = make_kuid(sk_user_ns(NETLINK_CB(request).sk),
			 nla_get_u32(attribute));
	if (uid_valid(*uid))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, attribute, "there is no such user");
	return -EINVAL;
}

int ndshm_nl_quota_get_doit(struct sk_buff *request, struct genl_info *info)
{
	struct ndshm_message m = ndshm_nl_reply_to(request, info);
	kuid_t uid = NETLINK_CREDS(request)->uid;
	struct ndshm_quota_view view;
	struct sk_buff *skb;
	int err = 0;

	if (info->attrs[NDSHM_A_QUOTA_UID])
		err = get_uid_of(request, info, &uid);
	if (err)
		return err;
	if (!ndshm_nl_may_see(&m, uid)) {
		GENL_SET_ERR_MSG(info, "reading another user's quota requires CAP_SYS_ADMIN");
		return -EPERM;
	}
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	ndshm_quota_look(uid, &view);
	return ndshm_nl_reply(skb, info, quota_fill(skb, &m, &view));
}

/* In the order of users. */
static bool show_next_quota(struct sk_buff *skb, const struct ndshm_message *m,
			    u64 *next, int *err)
{
	struct ndshm_quota_view view;
	u32 uid = *next;

	if (*next > U32_MAX || !ndshm_quota_look_next(&uid, &view))
		return false;
	*next = uid;
	if (ndshm_nl_may_see(m, view.uid))
		*err = quota_fill(skb, m, &view);
	return true;
}

int ndshm_nl_quota_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return ndshm_nl_dump(skb, cb, NULL, show_next_quota);
}

static int get_change(struct genl_info *info, struct ndshm_quota_change *change)
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
				    "a limit is set or reset, not both");
		return -EINVAL;
	}
	if (!change->set && !change->reset) {
		GENL_SET_ERR_MSG(info, "nothing is set or reset");
		return -EINVAL;
	}
	return 0;
}

int ndshm_nl_quota_set_doit(struct sk_buff *request, struct genl_info *info)
{
	struct ndshm_quota_change change = {};
	kuid_t uid;
	int err;

	if (!sk_capable(NETLINK_CB(request).sk, CAP_SYS_ADMIN)) {
		GENL_SET_ERR_MSG(info, "setting a quota requires CAP_SYS_ADMIN");
		return -EPERM;
	}
	if (GENL_REQ_ATTR_CHECK(info, NDSHM_A_QUOTA_UID)) {
		GENL_SET_ERR_MSG(info, "a user is missing");
		return -EINVAL;
	}
	err = get_uid_of(request, info, &uid) ?: get_change(info, &change);
	return err ?: ndshm_reason_errno(ndshm_quota_set(uid, &change));
}

static int excess_fill(struct sk_buff *skb, const struct ndshm_message *m,
		       kuid_t uid, unsigned int kind, u64 amount)
{
	void *header = ndshm_nl_begin(skb, m);
	struct ndshm_quota_view view;
	bool failed;

	if (!header)
		return -EMSGSIZE;
	ndshm_quota_look(uid, &view);
	failed = put_view(skb, m, &view) ||
		 nla_put_u32(skb, NDSHM_A_QUOTA_EXCEEDED, BIT(kind)) ||
		 nla_put_u64_64bit(skb, NDSHM_A_QUOTA_WANTED, amount,
				   NDSHM_A_QUOTA_PAD);
	return ndshm_nl_end(skb, header, failed);
}

void ndshm_nl_quota_event(kuid_t uid, unsigned int kind, u64 amount)
{
	const struct ndshm_message m =
		ndshm_nl_event(NDSHM_CMD_QUOTA_EXCEEDED_NTF);
	struct sk_buff *skb;

	if (!ndshm_nl_listened())
		return;
	skb = ndshm_nl_event_skb();
	ndshm_nl_tell(skb, skb ? excess_fill(skb, &m, uid, kind, amount) :
				 -ENOMEM);
}
