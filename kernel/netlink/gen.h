/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/ndshm.yaml */
/* YNL-GEN kernel header */

#ifndef _LINUX_NDSHM_GEN_H
#define _LINUX_NDSHM_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/linux/ndshm_netlink.h>

extern const struct nla_policy ndshm_adapter_get_nl_policy[NDSHM_A_ADAPTER_NAME + 1];

extern const struct nla_policy ndshm_provider_get_nl_policy[NDSHM_A_PROVIDER_NAME + 1];

extern const struct nla_policy ndshm_block_get_nl_policy[NDSHM_A_BLOCK_ID + 1];

extern const struct nla_policy ndshm_section_get_nl_policy[NDSHM_A_SECTION_ID + 1];

extern const struct nla_policy ndshm_queue_get_nl_policy[NDSHM_A_QUEUE_ID + 1];

/* Ops table for ndshm */
extern const struct genl_ops ndshm_nl_ops[5];

int ndshm_nl_dump_start(struct netlink_callback *cb);
int ndshm_nl_dump_done(struct netlink_callback *cb);

int ndshm_nl_adapter_get_doit(struct sk_buff *skb, struct genl_info *info);
int ndshm_nl_adapter_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int ndshm_nl_provider_get_doit(struct sk_buff *skb, struct genl_info *info);
int ndshm_nl_provider_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb);
int ndshm_nl_block_get_doit(struct sk_buff *skb, struct genl_info *info);
int ndshm_nl_block_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);
int ndshm_nl_section_get_doit(struct sk_buff *skb, struct genl_info *info);
int ndshm_nl_section_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb);
int ndshm_nl_queue_get_doit(struct sk_buff *skb, struct genl_info *info);
int ndshm_nl_queue_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb);

#endif /* _LINUX_NDSHM_GEN_H */
