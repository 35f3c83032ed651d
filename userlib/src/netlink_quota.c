// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Quotas by generic netlink.
 */
#include <errno.h>
#include <stdlib.h>

#include "netlink_internal.h"

static const struct nla_policy quota_policy[NDSHM_A_QUOTA_MAX + 1] = {
	[NDSHM_A_QUOTA_UID] = { .type = NLA_U32 },
	[NDSHM_A_QUOTA_SET] = { .type = NLA_U32 },
	[NDSHM_A_QUOTA_SECTIONS] = { .type = NLA_U64 },
	[NDSHM_A_QUOTA_SECTIONS_LIMIT] = { .type = NLA_U64 },
	[NDSHM_A_QUOTA_HOLDERS] = { .type = NLA_U64 },
	[NDSHM_A_QUOTA_HOLDERS_LIMIT] = { .type = NLA_U64 },
	[NDSHM_A_QUOTA_RESERVED] = { .type = NLA_U64 },
	[NDSHM_A_QUOTA_RESERVED_LIMIT] = { .type = NLA_U64 },
	[NDSHM_A_QUOTA_BYTES] = { .type = NLA_U64 },
	[NDSHM_A_QUOTA_BYTES_LIMIT] = { .type = NLA_U64 },
	[NDSHM_A_QUOTA_EXCEEDED] = { .type = NLA_U32 },
	[NDSHM_A_QUOTA_WANTED] = { .type = NLA_U64 },
	[NDSHM_A_QUOTA_REQUESTS] = { .type = NLA_U64 },
	[NDSHM_A_QUOTA_REQUESTS_LIMIT] = { .type = NLA_U64 },
	[NDSHM_A_QUOTA_CLIENTS] = { .type = NLA_U64 },
	[NDSHM_A_QUOTA_CLIENTS_LIMIT] = { .type = NLA_U64 },
};

static void fill_quota(void *to, struct nlattr **attrs)
{
	struct ndshm_quota_row *row = to;

	row->uid = ndshm__attr_u32(attrs[NDSHM_A_QUOTA_UID]);
	row->set = ndshm__attr_u32(attrs[NDSHM_A_QUOTA_SET]);
	row->sections = ndshm__attr_u64(attrs[NDSHM_A_QUOTA_SECTIONS]);
	row->sections_limit = ndshm__attr_u64(attrs[NDSHM_A_QUOTA_SECTIONS_LIMIT]);
	row->holders = ndshm__attr_u64(attrs[NDSHM_A_QUOTA_HOLDERS]);
	row->holders_limit = ndshm__attr_u64(attrs[NDSHM_A_QUOTA_HOLDERS_LIMIT]);
	row->reserved = ndshm__attr_u64(attrs[NDSHM_A_QUOTA_RESERVED]);
	row->reserved_limit = ndshm__attr_u64(attrs[NDSHM_A_QUOTA_RESERVED_LIMIT]);
	row->bytes = ndshm__attr_u64(attrs[NDSHM_A_QUOTA_BYTES]);
	row->bytes_limit = ndshm__attr_u64(attrs[NDSHM_A_QUOTA_BYTES_LIMIT]);
	row->requests = ndshm__attr_u64(attrs[NDSHM_A_QUOTA_REQUESTS]);
	row->requests_limit = ndshm__attr_u64(attrs[NDSHM_A_QUOTA_REQUESTS_LIMIT]);
	row->clients = ndshm__attr_u64(attrs[NDSHM_A_QUOTA_CLIENTS]);
	row->clients_limit = ndshm__attr_u64(attrs[NDSHM_A_QUOTA_CLIENTS_LIMIT]);
}

const struct ndshm_table ndshm__quotas = {
	.command = NDSHM_CMD_QUOTA_GET,
	.max = NDSHM_A_QUOTA_MAX,
	.policy = quota_policy,
	.row_size = sizeof(struct ndshm_quota_row),
	.fill = fill_quota,
};

/* Without this attribute the kernel replies with the requester's own quota. */
static int put_uid(struct nl_msg *message, const void *with)
{
	const uint32_t *uid = with;

	return *uid == NDSHM_UID_SELF ? 0 : nla_put_u32(message, NDSHM_A_QUOTA_UID, *uid);
}

int ndshm__netlink_quotas(struct ndshm *ndshm, const uint32_t *uid, struct ndshm_quota_row **out,
			  size_t *count)
{
	const struct ndshm_query query = {
		.command = NDSHM_CMD_QUOTA_GET,
		.dump = !uid,
		.put = uid ? put_uid : NULL,
		.with = uid,
	};
	void *rows;
	int error = ndshm__netlink_query(&ndshm__quotas, &query, &rows, count);

	(void)ndshm;
	if (!error)
		*out = rows;
	return error;
}

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
	int error = nla_put_u32(message, NDSHM_A_QUOTA_UID, change->uid);

	if (!error && change->set & NDSHM_QUOTA_SECTIONS)
		error = nla_put_u64(message, NDSHM_A_QUOTA_SECTIONS_LIMIT, limits->sections_limit);
	if (!error && change->set & NDSHM_QUOTA_HOLDERS)
		error = nla_put_u64(message, NDSHM_A_QUOTA_HOLDERS_LIMIT, limits->holders_limit);
	if (!error && change->set & NDSHM_QUOTA_RESERVED)
		error = nla_put_u64(message, NDSHM_A_QUOTA_RESERVED_LIMIT, limits->reserved_limit);
	if (!error && change->set & NDSHM_QUOTA_BYTES)
		error = nla_put_u64(message, NDSHM_A_QUOTA_BYTES_LIMIT, limits->bytes_limit);
	if (!error && change->set & NDSHM_QUOTA_REQUESTS)
		error = nla_put_u64(message, NDSHM_A_QUOTA_REQUESTS_LIMIT, limits->requests_limit);
	if (!error && change->set & NDSHM_QUOTA_CLIENTS)
		error = nla_put_u64(message, NDSHM_A_QUOTA_CLIENTS_LIMIT, limits->clients_limit);
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
	size_t count;
	void *rows;

	(void)ndshm;
	return ndshm__netlink_query(NULL, &query, &rows, &count);
}
