// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/ndshm.yaml */
/* YNL-GEN kernel source */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "gen.h"

#include <uapi/linux/ndshm_netlink.h>

/* NDSHM_CMD_ADAPTER_GET - do */
const struct nla_policy ndshm_adapter_get_nl_policy[NDSHM_A_ADAPTER_NAME + 1] = {
	[NDSHM_A_ADAPTER_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[NDSHM_A_ADAPTER_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
};

/* NDSHM_CMD_PROVIDER_GET - do */
const struct nla_policy ndshm_provider_get_nl_policy[NDSHM_A_PROVIDER_NAME + 1] = {
	[NDSHM_A_PROVIDER_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[NDSHM_A_PROVIDER_NAME] = { .type = NLA_NUL_STRING, .len = 31, },
};

/* NDSHM_CMD_BLOCK_GET - do */
const struct nla_policy ndshm_block_get_nl_policy[NDSHM_A_BLOCK_ID + 1] = {
	[NDSHM_A_BLOCK_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* NDSHM_CMD_SECTION_GET - do */
const struct nla_policy ndshm_section_get_nl_policy[NDSHM_A_SECTION_ID + 1] = {
	[NDSHM_A_SECTION_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* NDSHM_CMD_QUEUE_GET - do */
const struct nla_policy ndshm_queue_get_nl_policy[NDSHM_A_QUEUE_ID + 1] = {
	[NDSHM_A_QUEUE_ADAPTER_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[NDSHM_A_QUEUE_KIND] = NLA_POLICY_MAX(NLA_U32, 1),
	[NDSHM_A_QUEUE_ID] = { .type = NLA_U32, },
};

/* Ops table for ndshm */
const struct genl_ops ndshm_nl_ops[5] = {
	{
		.cmd		= NDSHM_CMD_ADAPTER_GET,
		.doit		= ndshm_nl_adapter_get_doit,
		.dumpit		= ndshm_nl_adapter_get_dumpit,
		.start		= ndshm_nl_dump_start,
		.done		= ndshm_nl_dump_done,
		.policy		= ndshm_adapter_get_nl_policy,
		.maxattr	= NDSHM_A_ADAPTER_NAME,
	},
	{
		.cmd		= NDSHM_CMD_PROVIDER_GET,
		.doit		= ndshm_nl_provider_get_doit,
		.dumpit		= ndshm_nl_provider_get_dumpit,
		.start		= ndshm_nl_dump_start,
		.done		= ndshm_nl_dump_done,
		.policy		= ndshm_provider_get_nl_policy,
		.maxattr	= NDSHM_A_PROVIDER_NAME,
	},
	{
		.cmd		= NDSHM_CMD_BLOCK_GET,
		.doit		= ndshm_nl_block_get_doit,
		.dumpit		= ndshm_nl_block_get_dumpit,
		.start		= ndshm_nl_dump_start,
		.done		= ndshm_nl_dump_done,
		.policy		= ndshm_block_get_nl_policy,
		.maxattr	= NDSHM_A_BLOCK_ID,
	},
	{
		.cmd		= NDSHM_CMD_SECTION_GET,
		.doit		= ndshm_nl_section_get_doit,
		.dumpit		= ndshm_nl_section_get_dumpit,
		.start		= ndshm_nl_dump_start,
		.done		= ndshm_nl_dump_done,
		.policy		= ndshm_section_get_nl_policy,
		.maxattr	= NDSHM_A_SECTION_ID,
	},
	{
		.cmd		= NDSHM_CMD_QUEUE_GET,
		.doit		= ndshm_nl_queue_get_doit,
		.dumpit		= ndshm_nl_queue_get_dumpit,
		.start		= ndshm_nl_dump_start,
		.done		= ndshm_nl_dump_done,
		.policy		= ndshm_queue_get_nl_policy,
		.maxattr	= NDSHM_A_QUEUE_ID,
	},
};
