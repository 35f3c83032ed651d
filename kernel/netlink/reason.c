// SPDX-License-Identifier: GPL-2.0
/* Netlink operations of reasons. Only administrators may read how often each occurred. */
#include <linux/minmax.h>
#include <net/genetlink.h>

#include "../base/refuse.h"
#include "gen.h"
#include "netlink.h"

static int nl_put_reason(struct sk_buff *skb, const struct ndshm_message *m,
			 void *object)
{
	const ndshm_reason_t reason = *(const ndshm_reason_t *)object;

	return nla_put_u32(skb, NDSHM_A_REASON_ID, (__force u32)reason) ?:
	       nla_put_string(skb, NDSHM_A_REASON_NAME, ndshm_reason_name(reason)) ?:
	       nla_put_u64_64bit(skb, NDSHM_A_REASON_REFUSALS, ndshm_reason_refusals(reason),
				 NDSHM_A_REASON_PAD);
}

/* Return: 0, or -EPERM if the numbers would reveal the activity of other users to the viewer. */
static int nl_may_see_refusals(const struct ndshm_message *m, struct netlink_ext_ack *extack)
{
	if (m->viewer.all)
		return 0;
	NL_SET_ERR_MSG(extack, "reading the numbers of failed requests requires CAP_SYS_ADMIN");
	return -EPERM;
}

int ndshm_nl_reason_get_doit(struct sk_buff *request, struct genl_info *info)
{
	struct ndshm_message m = ndshm_nl_reply_to(request, info);
	struct nlattr *id = info->attrs[NDSHM_A_REASON_ID];
	int err = nl_may_see_refusals(&m, info->extack);
	ndshm_reason_t reason;

	if (err)
		return err;
	if (GENL_REQ_ATTR_CHECK(info, NDSHM_A_REASON_ID)) {
		GENL_SET_ERR_MSG(info, "request: id missing");
		return -EINVAL;
	}
	if (nla_get_u32(id) >= NDSHM_REASON_COUNT_KNOWN)
		return ndshm_nl_not_found(info, id);
	reason = (__force ndshm_reason_t)nla_get_u32(id);
	return ndshm_nl_reply(info, &m, nl_put_reason, &reason);
}

/* The position is the number of a reason; NONE, which has number 0, is no failure. */
static bool nl_show_next_reason(struct sk_buff *skb, const struct ndshm_message *m,
				u64 *next, int *err, const void *unused)
{
	ndshm_reason_t reason;

	*next = max(*next, 1ULL);
	if (*next >= NDSHM_REASON_COUNT_KNOWN)
		return false;
	reason = (__force ndshm_reason_t)*next;
	*err = nl_may_see_refusals(m, m->cb->extack) ?:
	       ndshm_nl_show(skb, m, nl_put_reason, &reason);
	return true;
}

int ndshm_nl_reason_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return ndshm_nl_dump(skb, cb, false, nl_show_next_reason, NULL);
}
