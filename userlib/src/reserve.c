// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Size of the reserve.
 */
#include <errno.h>

#include "internal.h"

NDSHM_API int ndshm_set_reserve(struct ndshm *ndshm, uint64_t bytes)
{
	const struct ndshm_backend *backend = ndshm->backend;

	return ndshm__done(ndshm, backend->set_reserve ? backend->set_reserve(ndshm, bytes) :
							 -EOPNOTSUPP);
}
