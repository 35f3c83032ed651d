// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names and lists.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

NDSHM_API int ndshm_list_adapters(struct ndshm *ndshm, struct ndshm_adapter_info **out,
				  size_t *count)
{
	*out = NULL;
	*count = 0;
	return ndshm__done(ndshm, ndshm->backend->list_adapters(ndshm, NULL, out, count));
}

NDSHM_API int ndshm_list_providers(struct ndshm *ndshm, struct ndshm_provider_info **out,
				   size_t *count)
{
	*out = NULL;
	*count = 0;
	return ndshm__done(ndshm, ndshm->backend->list_providers(ndshm, NULL, out, count));
}

static int compare_blocks(const void *left, const void *right)
{
	const struct ndshm_block_row *a = left, *b = right;

	return (a->id > b->id) - (a->id < b->id);
}

NDSHM_API int ndshm_list_blocks(struct ndshm *ndshm, struct ndshm_block_row **out, size_t *count)
{
	int error;

	*out = NULL;
	*count = 0;
	error = ndshm->backend->list_blocks(ndshm, out, count);
	/* The order of the backends is not defined. */
	if (!error && *count)
		qsort(*out, *count, sizeof(**out), compare_blocks);
	return ndshm__done(ndshm, error);
}

static int compare_sections(const void *left, const void *right)
{
	const struct ndshm_section_row *a = left, *b = right;

	return (a->id > b->id) - (a->id < b->id);
}

NDSHM_API int ndshm_list_sections(struct ndshm *ndshm, struct ndshm_section_row **out,
				  size_t *count)
{
	int error;

	*out = NULL;
	*count = 0;
	error = ndshm->backend->list_sections(ndshm, out, count);
	if (!error && *count)
		qsort(*out, *count, sizeof(**out), compare_sections);
	return ndshm__done(ndshm, error);
}

static int compare_queues(const void *left, const void *right)
{
	const struct ndshm_queue_row *a = left, *b = right;

	if (a->adapter != b->adapter)
		return a->adapter > b->adapter ? 1 : -1;
	if (a->port != b->port)
		return a->port ? 1 : -1;
	return (a->id > b->id) - (a->id < b->id);
}

NDSHM_API int ndshm_list_queues(struct ndshm *ndshm, struct ndshm_queue_row **out, size_t *count)
{
	int error;

	*out = NULL;
	*count = 0;
	error = ndshm->backend->list_queues(ndshm, out, count);
	if (!error && *count)
		qsort(*out, *count, sizeof(**out), compare_queues);
	return ndshm__done(ndshm, error);
}

NDSHM_API int ndshm_find_adapter(struct ndshm *ndshm, const char *name,
				 struct ndshm_adapter_info *info)
{
	struct ndshm_adapter_info *rows;
	size_t count;
	int error = ndshm->backend->list_adapters(ndshm, name, &rows, &count);

	if (error == -ENOENT)
		return ndshm__refuse(ndshm, NDSHM_REASON_ADAPTER_UNKNOWN);
	if (error)
		return ndshm__done(ndshm, error);
	*info = rows[0];
	free(rows);
	return ndshm__done(ndshm, 0);
}

NDSHM_API int ndshm_find_provider(struct ndshm *ndshm, const char *name,
				  struct ndshm_provider_info *info)
{
	struct ndshm_provider_info *rows;
	size_t count;
	int error = ndshm->backend->list_providers(ndshm, name, &rows, &count);

	if (error == -ENOENT)
		return ndshm__refuse(ndshm, NDSHM_REASON_PROVIDER_UNKNOWN);
	if (error)
		return ndshm__done(ndshm, error);
	*info = rows[0];
	free(rows);
	return ndshm__done(ndshm, 0);
}
