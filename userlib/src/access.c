// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Permissions of adapters and providers.
 */
#include <errno.h>

#include "internal.h"

#define OF_BOTH (NDSHM_ACCESS_OWNER | NDSHM_ACCESS_GROUP | NDSHM_ACCESS_MODE)

static int set_access(struct ndshm *ndshm, bool provider, uint32_t id, uint32_t set,
		      const struct ndshm_access *access)
{
	const uint32_t known = provider ? OF_BOTH : OF_BOTH | NDSHM_ACCESS_RESET;

	if (!set || set & ~known)
		return -EINVAL;
	if (set & NDSHM_ACCESS_MODE && access->mode & ~0666U)
		return -EINVAL;
	if (set & NDSHM_ACCESS_RESET && access->reset > NDSHM_RESET_NONE)
		return -EINVAL;
	return ndshm->backend->set_access ?
	       ndshm->backend->set_access(ndshm, provider, id, set, access) : -EOPNOTSUPP;
}

NDSHM_API int ndshm_set_adapter_access(struct ndshm *ndshm, uint32_t adapter, uint32_t set,
				       const struct ndshm_access *access)
{
	int error = set_access(ndshm, false, adapter, set, access);

	if (error == -ENOENT)
		return ndshm__refuse(ndshm, NDSHM_REASON_ADAPTER_UNKNOWN);
	return ndshm__done(ndshm, error);
}

NDSHM_API int ndshm_set_provider_access(struct ndshm *ndshm, uint32_t provider, uint32_t set,
					const struct ndshm_access *access)
{
	int error = set_access(ndshm, true, provider, set, access);

	if (error == -ENOENT)
		return ndshm__refuse(ndshm, NDSHM_REASON_PROVIDER_UNKNOWN);
	return ndshm__done(ndshm, error);
}
