// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Quotas of users.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

#define ALL_KINDS (NDSHM_QUOTA_SECTIONS | NDSHM_QUOTA_HOLDERS | NDSHM_QUOTA_RESERVED | \
		   NDSHM_QUOTA_BYTES | NDSHM_QUOTA_REQUESTS | NDSHM_QUOTA_CLIENTS)

NDSHM_API int ndshm_get_quota_sized(struct ndshm *ndshm, uint32_t uid,
				    struct ndshm_quota_row *quota, size_t size)
{
	const struct ndshm_backend *backend = ndshm->backend;
	struct ndshm_quota_row *rows = NULL;
	size_t count;
	int error = backend->quotas ? backend->quotas(ndshm, &uid, &rows, &count) : -EOPNOTSUPP;

	if (!error) {
		error = ndshm__fill(quota, size, rows, sizeof(rows[0]));
		free(rows);
	}
	return ndshm__done(ndshm, error);
}

static int compare(const void *left, const void *right)
{
	const struct ndshm_quota_row *a = left, *b = right;

	return (a->uid > b->uid) - (a->uid < b->uid);
}

NDSHM_API int ndshm_list_quotas_sized(struct ndshm *ndshm, struct ndshm_quota_row **out,
				      size_t *count, size_t size)
{
	const struct ndshm_backend *backend = ndshm->backend;
	int error;

	*out = NULL;
	*count = 0;
	error = backend->quotas ? backend->quotas(ndshm, NULL, out, count) : -EOPNOTSUPP;
	/* The kernel sorts by uids of another user namespace. */
	if (!error && *count)
		qsort(*out, *count, sizeof(**out), compare);
	return ndshm__listed(ndshm, error, out, count, size, sizeof(**out));
}

NDSHM_API int ndshm_set_quota(struct ndshm *ndshm, uint32_t uid, uint32_t set, uint32_t reset,
			      const struct ndshm_quota_row *limits)
{
	const struct ndshm_backend *backend = ndshm->backend;
	int error = -EOPNOTSUPP;

	if (!(set | reset) || (set & reset) || (set | reset) & ~ALL_KINDS)
		error = -EINVAL;
	else if (backend->set_quota)
		error = backend->set_quota(ndshm, uid == NDSHM_UID_SELF ? getuid() : uid, set,
					   reset, limits);
	return ndshm__done(ndshm, error);
}
