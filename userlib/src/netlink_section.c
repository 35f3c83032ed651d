// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Deletion of sections by generic netlink.
 */
#include "netlink_internal.h"

static int put_id(struct nl_msg *message, const void *with)
{
	const uint32_t *id = with;

	return nla_put_u32(message, NDSHM_A_SECTION_ID, *id);
}

int ndshm__netlink_delete_section(struct ndshm *ndshm, uint32_t id)
{
	const struct ndshm_query query = {
		.command = NDSHM_CMD_SECTION_DELETE,
		.put = put_id,
		.with = &id,
	};

	(void)ndshm;
	return ndshm__netlink_query(NULL, &query, NULL, NULL);
}
