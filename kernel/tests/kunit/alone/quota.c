// SPDX-License-Identifier: GPL-2.0
/*
 * What users may have, with limits of its own, and a table of users that has nobody
 * else in it.
 */
#include "alone.h"

#include "../../../core/quota.c"

/* Nobody is told. */
void ndshm_nl_quota_event(kuid_t uid, unsigned int kind, u64 amount)
{
}

static void set_limits(void)
{
	max_user_sections = 5;
	max_user_holders = 1000;
	max_user_reserved = 123456789;
	max_user_bytes = 1UL << 33;
	max_user_requests = 77;
	max_user_clients = 99;
}

static bool no_users(void)
{
	return xa_empty(&users);
}

#include "../quota.c"
