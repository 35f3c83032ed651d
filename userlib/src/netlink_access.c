// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Permissions by generic netlink.
 */
#include "netlink_internal.h"

/*
 * @first is the attribute of the owner; those of group, mode and reset policy follow it
 * in the order of the NDSHM_ACCESS_* bits.
 */
struct change {
	int id_attribute;
	int first;
	uint32_t id;
	uint32_t set;
	const struct ndshm_access *access;
};

static int put_change(struct nl_msg *message, const void *with)
{
	const struct change *change = with;
	const struct ndshm_access *access = change->access;
	const uint32_t values[] = { access->owner, access->group, access->mode, access->reset };
	int error = nla_put_u32(message, change->id_attribute, change->id);

	for (int i = 0; i < 4 && !error; i++)
		if (change->set & 1U << i)
			error = nla_put_u32(message, change->first + i, values[i]);
	return error;
}

int ndshm__netlink_set_access(struct ndshm *ndshm, bool provider, uint32_t id, uint32_t set,
			      const struct ndshm_access *access)
{
	const struct change change = {
		.id_attribute = provider ? NDSHM_A_PROVIDER_ID : NDSHM_A_ADAPTER_ID,
		.first = provider ? NDSHM_A_PROVIDER_OWNER : NDSHM_A_ADAPTER_OWNER,
		.id = id,
		.set = set,
		.access = access,
	};
	const struct ndshm_query query = {
		.command = provider ? NDSHM_CMD_PROVIDER_SET : NDSHM_CMD_ADAPTER_SET,
		.put = put_change,
		.with = &change,
	};

	(void)ndshm;
	return ndshm__netlink_query(NULL, &query, NULL, NULL);
}
