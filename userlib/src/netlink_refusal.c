// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Failed requests by generic netlink.
 */
#include "netlink_internal.h"

static const struct nla_policy refusal_policy[NDSHM_A_REASON_MAX + 1] = {
	[NDSHM_A_REASON_ID] = { .type = NLA_U32 },
	[NDSHM_A_REASON_REFUSALS] = { .type = NLA_U64 },
};

static void fill_refusal(void *to, struct nlattr **attrs)
{
	struct ndshm_refusal_row *row = to;

	row->reason = ndshm__attr_u32(attrs[NDSHM_A_REASON_ID]);
	row->count = ndshm__attr_u64(attrs[NDSHM_A_REASON_REFUSALS]);
}

static const struct ndshm_table refusals = {
	.command = NDSHM_CMD_REASON_GET,
	.max = NDSHM_A_REASON_MAX,
	.policy = refusal_policy,
	.row_size = sizeof(struct ndshm_refusal_row),
	.fill = fill_refusal,
};

int ndshm__netlink_refusals(struct ndshm *ndshm, struct ndshm_refusal_row **out, size_t *count)
{
	const struct ndshm_query query = { .command = NDSHM_CMD_REASON_GET, .dump = true };
	void *rows;
	int error = ndshm__netlink_query(&refusals, &query, &rows, count);

	(void)ndshm;
	if (!error)
		*out = rows;
	return error;
}
