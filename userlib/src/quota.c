// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Limits of quotas.
 */
#include <errno.h>
#include <unistd.h>

#include "internal.h"

#define ALL_KINDS (NDSHM_QUOTA_SECTIONS | NDSHM_QUOTA_HOLDERS | NDSHM_QUOTA_RESERVED | \
		   NDSHM_QUOTA_BYTES | NDSHM_QUOTA_REQUESTS | NDSHM_QUOTA_CLIENTS)

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
