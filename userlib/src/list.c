// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names and lists. The order of the backends is not defined: rows are sorted by their ids.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

static int compare_ids(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static int compare_blocks(const void *left, const void *right)
{
	const struct ndshm_block_row *a = left, *b = right;

	return compare_ids(a->id, b->id);
}

static int compare_sections(const void *left, const void *right)
{
	const struct ndshm_section_row *a = left, *b = right;

	return compare_ids(a->id, b->id);
}

static int compare_queues(const void *left, const void *right)
{
	const struct ndshm_queue_row *a = left, *b = right;

	if (a->adapter != b->adapter)
		return compare_ids(a->adapter, b->adapter);
	return a->port != b->port ? compare_ids(a->port, b->port) : compare_ids(a->id, b->id);
}

/* Size of the rows of a list, and their order; NULL: that of the backend. */
static const struct {
	size_t row;
	int (*compare)(const void *left, const void *right);
} lists[NDSHM_LISTS] = {
	[NDSHM_LIST_ADAPTERS] = { sizeof(struct ndshm_adapter_info), NULL },
	[NDSHM_LIST_PROVIDERS] = { sizeof(struct ndshm_provider_info), NULL },
	[NDSHM_LIST_BLOCKS] = { sizeof(struct ndshm_block_row), compare_blocks },
	[NDSHM_LIST_SECTIONS] = { sizeof(struct ndshm_section_row), compare_sections },
	[NDSHM_LIST_QUEUES] = { sizeof(struct ndshm_queue_row), compare_queues },
};

/* Set *@rows, and *@count, to rows of @size bytes, which are those of the caller's header. */
static int get_rows(struct ndshm *ndshm, enum ndshm_list list, char **rows, size_t *count,
		    size_t size)
{
	const size_t all = lists[list].row;
	void *listed;
	int error;

	if (size > all)
		return -EINVAL;
	error = ndshm->backend->list(ndshm, list, NULL, &listed, count);
	if (error)
		return error;
	*rows = listed;
	if (*count && lists[list].compare)
		qsort(listed, *count, all, lists[list].compare);
	for (size_t i = 0; i < *count; i++)
		memmove(*rows + i * size, *rows + i * all, size);
	return 0;
}

/* @out is the address of a pointer to rows. */
static int get_list(struct ndshm *ndshm, enum ndshm_list list, void *out, size_t *count,
		    size_t size)
{
	char *rows = NULL;
	int error;

	*count = 0;
	error = get_rows(ndshm, list, &rows, count, size);
	memcpy(out, &rows, sizeof(rows));
	return ndshm__done(ndshm, error);
}

/* Get one row. @unknown is the reason if there is none, or 0. */
static int get_row(struct ndshm *ndshm, enum ndshm_list list, const void *key, void *out,
		   size_t size, uint32_t unknown)
{
	size_t count;
	void *row;
	int error = ndshm->backend->list(ndshm, list, key, &row, &count);

	if (error == -ENOENT && unknown)
		return ndshm__refuse(ndshm, unknown);
	if (!error) {
		error = ndshm__fill(out, size, row, lists[list].row);
		free(row);
	}
	return ndshm__done(ndshm, error);
}

NDSHM_API int ndshm_list_adapters_sized(struct ndshm *ndshm, struct ndshm_adapter_info **out,
					size_t *count, size_t size)
{
	return get_list(ndshm, NDSHM_LIST_ADAPTERS, out, count, size);
}

NDSHM_API int ndshm_list_providers_sized(struct ndshm *ndshm, struct ndshm_provider_info **out,
					 size_t *count, size_t size)
{
	return get_list(ndshm, NDSHM_LIST_PROVIDERS, out, count, size);
}

NDSHM_API int ndshm_list_blocks_sized(struct ndshm *ndshm, struct ndshm_block_row **out,
				      size_t *count, size_t size)
{
	return get_list(ndshm, NDSHM_LIST_BLOCKS, out, count, size);
}

NDSHM_API int ndshm_list_sections_sized(struct ndshm *ndshm, struct ndshm_section_row **out,
					size_t *count, size_t size)
{
	return get_list(ndshm, NDSHM_LIST_SECTIONS, out, count, size);
}

NDSHM_API int ndshm_list_queues_sized(struct ndshm *ndshm, struct ndshm_queue_row **out,
				      size_t *count, size_t size)
{
	return get_list(ndshm, NDSHM_LIST_QUEUES, out, count, size);
}

NDSHM_API int ndshm_find_adapter_sized(struct ndshm *ndshm, const char *name,
				       struct ndshm_adapter_info *info, size_t size)
{
	return get_row(ndshm, NDSHM_LIST_ADAPTERS, name, info, size, NDSHM_REASON_ADAPTER_UNKNOWN);
}

NDSHM_API int ndshm_find_provider_sized(struct ndshm *ndshm, const char *name,
					struct ndshm_provider_info *info, size_t size)
{
	return get_row(ndshm, NDSHM_LIST_PROVIDERS, name, info, size,
		       NDSHM_REASON_PROVIDER_UNKNOWN);
}

