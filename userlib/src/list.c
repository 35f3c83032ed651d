// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names and lists.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

NDSHM_API int ndshm_list_adapters_sized(struct ndshm *ndshm, struct ndshm_adapter_info **out,
					size_t *count, size_t size)
{
	*out = NULL;
	*count = 0;
	return ndshm__listed(ndshm, ndshm->backend->list_adapters(ndshm, NULL, out, count), out,
			     count, size, sizeof(**out));
}

NDSHM_API int ndshm_list_providers_sized(struct ndshm *ndshm, struct ndshm_provider_info **out,
					 size_t *count, size_t size)
{
	*out = NULL;
	*count = 0;
	return ndshm__listed(ndshm, ndshm->backend->list_providers(ndshm, NULL, out, count), out,
			     count, size, sizeof(**out));
}

static int compare_blocks(const void *left, const void *right)
{
	const struct ndshm_block_row *a = left, *b = right;

	return (a->id > b->id) - (a->id < b->id);
}

NDSHM_API int ndshm_list_blocks_sized(struct ndshm *ndshm, struct ndshm_block_row **out,
				      size_t *count, size_t size)
{
	int error;

	*out = NULL;
	*count = 0;
	error = ndshm->backend->list_blocks(ndshm, out, count);
	/* The order of the backends is not defined. */
	if (!error && *count)
		qsort(*out, *count, sizeof(**out), compare_blocks);
	return ndshm__listed(ndshm, error, out, count, size, sizeof(**out));
}

static int compare_sections(const void *left, const void *right)
{
	const struct ndshm_section_row *a = left, *b = right;

	return (a->id > b->id) - (a->id < b->id);
}

NDSHM_API int ndshm_list_sections_sized(struct ndshm *ndshm, struct ndshm_section_row **out,
					size_t *count, size_t size)
{
	int error;

	*out = NULL;
	*count = 0;
	error = ndshm->backend->list_sections(ndshm, out, count);
	if (!error && *count)
		qsort(*out, *count, sizeof(**out), compare_sections);
	return ndshm__listed(ndshm, error, out, count, size, sizeof(**out));
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

NDSHM_API int ndshm_list_queues_sized(struct ndshm *ndshm, struct ndshm_queue_row **out,
				      size_t *count, size_t size)
{
	int error;

	*out = NULL;
	*count = 0;
	error = ndshm->backend->list_queues(ndshm, out, count);
	if (!error && *count)
		qsort(*out, *count, sizeof(**out), compare_queues);
	return ndshm__listed(ndshm, error, out, count, size, sizeof(**out));
}

NDSHM_API int ndshm_find_adapter_sized(struct ndshm *ndshm, const char *name,
				       struct ndshm_adapter_info *info, size_t size)
{
	struct ndshm_adapter_info *rows;
	size_t count;
	int error = ndshm->backend->list_adapters(ndshm, name, &rows, &count);

	if (error == -ENOENT)
		return ndshm__refuse(ndshm, NDSHM_REASON_ADAPTER_UNKNOWN);
	if (error)
		return ndshm__done(ndshm, error);
	error = ndshm__fill(info, size, rows, sizeof(rows[0]));
	free(rows);
	return ndshm__done(ndshm, error);
}

NDSHM_API int ndshm_find_provider_sized(struct ndshm *ndshm, const char *name,
					struct ndshm_provider_info *info, size_t size)
{
	struct ndshm_provider_info *rows;
	size_t count;
	int error = ndshm->backend->list_providers(ndshm, name, &rows, &count);

	if (error == -ENOENT)
		return ndshm__refuse(ndshm, NDSHM_REASON_PROVIDER_UNKNOWN);
	if (error)
		return ndshm__done(ndshm, error);
	error = ndshm__fill(info, size, rows, sizeof(rows[0]));
	free(rows);
	return ndshm__done(ndshm, error);
}
