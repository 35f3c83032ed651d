// SPDX-License-Identifier: GPL-2.0
/*
 * What users may have, with limits of its own, and a table of users that has nobody
 * else in it.
 */
#include "alone.h"

#include "../../../core/quota.c"

static void set_limits(void)
{
	max_user_sections = 5;
	max_user_holders = 1000;
	max_user_reserved = 123456789;
}

static bool no_users(void)
{
	return hash_empty(users);
}

#include "../quota.c"
