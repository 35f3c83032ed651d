// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Failed requests.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

static int compare_refusals(const void *left, const void *right)
{
	const struct ndshm_refusal_row *a = left, *b = right;

	return (a->reason > b->reason) - (a->reason < b->reason);
}

NDSHM_API int ndshm_list_refusals_sized(struct ndshm *ndshm, struct ndshm_refusal_row **out,
					size_t *count, size_t size)
{
	const struct ndshm_backend *backend = ndshm->backend;
	int error;

	*out = NULL;
	*count = 0;
	error = backend->refusals ? backend->refusals(ndshm, out, count) : -EOPNOTSUPP;
	if (!error && *count)
		qsort(*out, *count, sizeof(**out), compare_refusals);
	return ndshm__listed(ndshm, error, out, count, size, sizeof(**out));
}
