// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Limits of quotas by generic netlink.
 */
#include "netlink_internal.h"

struct change {
	uint32_t uid;
	uint32_t set;
	uint32_t reset;
	const struct ndshm_quota_row *limits;
};

static int put_change(struct nl_msg *message, const void *with)
{
	const struct change *change = with;
	const struct ndshm_quota_row *limits = change->limits;
	const struct {
		uint32_t bit;
		int attribute;
		uint64_t limit;
	} all[] = {
		{ NDSHM_QUOTA_SECTIONS, NDSHM_A_QUOTA_SECTIONS_LIMIT, limits->sections_limit },
		{ NDSHM_QUOTA_HOLDERS, NDSHM_A_QUOTA_HOLDERS_LIMIT, limits->holders_limit },
		{ NDSHM_QUOTA_RESERVED, NDSHM_A_QUOTA_RESERVED_LIMIT, limits->reserved_limit },
		{ NDSHM_QUOTA_BYTES, NDSHM_A_QUOTA_BYTES_LIMIT, limits->bytes_limit },
		{ NDSHM_QUOTA_REQUESTS, NDSHM_A_QUOTA_REQUESTS_LIMIT, limits->requests_limit },
		{ NDSHM_QUOTA_CLIENTS, NDSHM_A_QUOTA_CLIENTS_LIMIT, limits->clients_limit },
	};
	int error = nla_put_u32(message, NDSHM_A_QUOTA_UID, change->uid);

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && !error; i++)
		if (change->set & all[i].bit)
			error = nla_put_u64(message, all[i].attribute, all[i].limit);
	if (!error && change->reset)
		error = nla_put_u32(message, NDSHM_A_QUOTA_RESET, change->reset);
	return error;
}

int ndshm__netlink_set_quota(struct ndshm *ndshm, uint32_t uid, uint32_t set, uint32_t reset,
			     const struct ndshm_quota_row *limits)
{
	const struct change change = { uid, set, reset, limits };
	const struct ndshm_query query = {
		.command = NDSHM_CMD_QUOTA_SET,
		.put = put_change,
		.with = &change,
	};

	(void)ndshm;
	return ndshm__netlink_query(NULL, &query, NULL, NULL);
}
