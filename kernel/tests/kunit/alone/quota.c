// SPDX-License-Identifier: GPL-2.0
/*
 * Quotas with their own limits and a separate table of users. The suite of charges runs in
 * ndshm_kunit only.
 */
#include "alone.h"

/* The suite has a table of the same name. */
#define reasons quota_reasons
#include "../../../account/charge.c"
#undef reasons

#define max_user_sections	limits[NDSHM_QUOTA_SECTIONS]
#define max_user_holders	limits[NDSHM_QUOTA_HOLDERS]
#define max_user_reserved	limits[NDSHM_QUOTA_RESERVED]
#define max_user_bytes		limits[NDSHM_QUOTA_BYTES]
#define max_user_requests	limits[NDSHM_QUOTA_REQUESTS]
#define max_user_clients	limits[NDSHM_QUOTA_CLIENTS]

/* No memory is charged here, so that none is freed late. */
bool ndshm_deferred_wait(void)
{
	return false;
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
