// SPDX-License-Identifier: GPL-2.0
/*
 * Permission, by netlink: everybody sees it, and administrators change it.
 */
#include <linux/capability.h>
#include <linux/uidgid.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include "adapter.h"
#include "netlink_gen.h"
#include "netlink_message.h"
#include "provider.h"

/* Owner, group and mode stand together in both attribute sets. */
static_assert(NDSHM_A_ADAPTER_GROUP - NDSHM_A_ADAPTER_OWNER == 1);
static_assert(NDSHM_A_ADAPTER_MODE - NDSHM_A_ADAPTER_OWNER == 2);
static_assert(NDSHM_A_PROVIDER_GROUP - NDSHM_A_PROVIDER_OWNER == 1);
static_assert(NDSHM_A_PROVIDER_MODE - NDSHM_A_PROVIDER_OWNER == 2);

int ndshm_nl_put_access(struct sk_buff *skb, const struct ndshm_message *m,
			const struct ndshm_access *access, int owner)
{
	const struct ndshm_access now = ndshm_access_read(access);

	return nla_put_u32(skb, owner, from_kuid_munged(m->user_ns, now.uid)) ?:
	       nla_put_u32(skb, owner + 1,
			   from_kgid_munged(m->user_ns, now.gid)) ?:
	       nla_put_u32(skb, owner + 2, now.mode);
}

/* What the request sets; *set stays 0 if that is nothing. */
static int nl_access_get(struct sk_buff *request, struct genl_info *info,
			 int owner, struct ndshm_access *to, u32 *set)
{
	struct user_namespace *ns = sk_user_ns(NETLINK_CB(request).sk);
	struct nlattr *uid = info->attrs[owner];
	struct nlattr *gid = info->attrs[owner + 1];
	struct nlattr *mode = info->attrs[owner + 2];

	if (!sk_capable(NETLINK_CB(request).sk, CAP_SYS_ADMIN)) {
		GENL_SET_ERR_MSG(info, "setting permission requires CAP_SYS_ADMIN");
		return -EPERM;
	}
	if (uid) {
		*set |= NDSHM_ACCESS_SET_UID;
		to->uid = make_kuid(ns, nla_get_u32(uid));
		if (!uid_valid(to->uid)) {
			NL_SET_ERR_MSG_ATTR(info->extack, uid, "no such user");
			return -EINVAL;
		}
	}
	if (gid) {
		*set |= NDSHM_ACCESS_SET_GID;
		to->gid = make_kgid(ns, nla_get_u32(gid));
		if (!gid_valid(to->gid)) {
			NL_SET_ERR_MSG_ATTR(info->extack, gid, "no such group");
			return -EINVAL;
		}
	}
	if (mode) {
		*set |= NDSHM_ACCESS_SET_MODE;
		to->mode = nla_get_u32(mode);
		if (to->mode & ~NDSHM_ACCESS_MODE) {
			NL_SET_ERR_MSG_ATTR(info->extack, mode,
					    "a mode has read and write bits only");
			return -EINVAL;
		}
	}
	return 0;
}

static int nl_access_check_set(struct genl_info *info, u32 set)
{
	if (set)
		return 0;
	GENL_SET_ERR_MSG(info, "nothing is set");
	return -EINVAL;
}

int ndshm_nl_adapter_set_doit(struct sk_buff *request, struct genl_info *info)
{
	struct nlattr *reset = info->attrs[NDSHM_A_ADAPTER_RESET_POLICY];
	struct ndshm_adapter *adapter;
	struct ndshm_access to = {};
	u32 set = 0;
	int err;

	err = nl_access_get(request, info, NDSHM_A_ADAPTER_OWNER, &to, &set);
	if (err)
		return err;
	if (reset) {
		set |= NDSHM_ACCESS_SET_RESET;
		to.reset = nla_get_u32(reset);
	}
	err = nl_access_check_set(info, set) ?:
	      ndshm_nl_find_adapter(info, &adapter);
	if (err)
		return err;
	err = ndshm_adapter_set_access(adapter, set, &to);
	ndshm_adapter_put(adapter);
	return err;
}

int ndshm_nl_provider_set_doit(struct sk_buff *request, struct genl_info *info)
{
	struct ndshm_provider *provider;
	struct ndshm_access to = {};
	u32 set = 0;
	int err;

	err = nl_access_get(request, info, NDSHM_A_PROVIDER_OWNER, &to, &set) ?:
	      nl_access_check_set(info, set) ?:
	      ndshm_nl_find_provider(info, &provider);
	if (err)
		return err;
	err = ndshm_provider_set_access(provider, set, &to);
	ndshm_provider_put(provider);
	return err;
}
