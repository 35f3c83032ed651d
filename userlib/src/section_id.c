// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sections of which the caller has no descriptor.
 */
#include <errno.h>

#include "internal.h"

NDSHM_API int ndshm_delete_section_id(struct ndshm *ndshm, uint32_t id)
{
	const struct ndshm_backend *backend = ndshm->backend;
	int error = -EOPNOTSUPP;

	/* The module refuses 0 as no id at all. */
	if (backend->delete_section)
		error = id ? backend->delete_section(ndshm, id) : -ENOENT;
	return ndshm__done(ndshm, error);
}
