// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Clients: open, close, info, and execution of commands.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

NDSHM_API uint32_t ndshm_api_version(void)
{
	return NDSHM_API_VERSION;
}

void ndshm__get(struct ndshm *ndshm)
{
	atomic_fetch_add(&ndshm->references, 1);
}

void ndshm__put(struct ndshm *ndshm)
{
	if (atomic_fetch_sub(&ndshm->references, 1) != 1)
		return;
	ndshm__block_cache_free(ndshm->block_cache);
	free(ndshm);
}

int ndshm__answer(struct ndshm *ndshm, int error, const void *argument)
{
	const struct ndshm_header *header = argument;

	if (!error)
		return ndshm__done(ndshm, 0);
	ndshm__set_last(ndshm, header->reason, header->status);
	/* This module does not support the command. */
	return error == -ENOTTY ? -EOPNOTSUPP : error;
}

int ndshm__command(struct ndshm *ndshm, unsigned long number, void *argument)
{
	unsigned int given = ndshm__block_cache_given(ndshm);
	int error;

	if (ndshm->closed)
		return ndshm__done(ndshm, -EBADF);
	do {
		error = ndshm->backend->command(ndshm, number, argument);
		/* To give blocks back is to free them. */
	} while (number != NDSHM_BLOCK_FREE &&
		 ndshm__block_cache_refused(ndshm, error, &given));
	return ndshm__answer(ndshm, error, argument);
}

/*
 * Read the limits. Fails for a file that is not an ndshm device, or an incompatible
 * version of it.
 */
static int get_acquainted(struct ndshm *ndshm)
{
	int error;

	ndshm->info.size = sizeof(ndshm->info);
	error = ndshm__command(ndshm, NDSHM_GET_INFO, &ndshm->info);
	if (error == -EOPNOTSUPP || error == -EINVAL || error == -E2BIG)
		return -EPROTONOSUPPORT;
	if (error)
		return error;
	return ndshm->info.out_features & (NDSHM_FEATURE_BLOCKS | NDSHM_FEATURE_SECTIONS) ?
	       0 : -EPROTONOSUPPORT;
}

static const char *default_place(void)
{
	/* Returns NULL in a set-user-ID program, whose environment is not trusted. */
	const char *where = secure_getenv("NDSHM_BACKEND");

	return where && *where ? where : NDSHM_DEVICE;
}

/* Number of the context that was opened last. */
static atomic_ulong last_number;

NDSHM_API int ndshm_open(const char *where, struct ndshm **out)
{
	struct ndshm *ndshm;
	int error;

	*out = NULL;
	error = ndshm__lock_open();
	if (error)
		return error;
	if (!where)
		where = default_place();
	ndshm = calloc(1, sizeof(*ndshm));
	if (!ndshm)
		return -ENOMEM;
	ndshm->references = 1;
	ndshm->fd = -1;
	ndshm->backend = ndshm__find_backend(where);
	ndshm->number = ++last_number;
	error = ndshm->backend->open(ndshm, where);
	if (error) {
		ndshm__put(ndshm);
		return error;
	}
	error = get_acquainted(ndshm);
	if (error) {
		ndshm_close(ndshm);
		return error;
	}
	*out = ndshm;
	return 0;
}

NDSHM_API void ndshm_close(struct ndshm *ndshm)
{
	if (!ndshm)
		return;
	if (ndshm->block_cache)
		ndshm_set_cache(ndshm, 0);
	ndshm->closed = true;
	ndshm__forget_claims(ndshm);
	ndshm->backend->close(ndshm);
	ndshm__put(ndshm);
}

NDSHM_API int ndshm_fd(const struct ndshm *ndshm)
{
	return ndshm->fd >= 0 ? ndshm->fd : -EOPNOTSUPP;
}

NDSHM_API int ndshm_get_info_sized(struct ndshm *ndshm, struct ndshm_info *info, size_t size)
{
	struct ndshm_get_info_args argument = { .size = sizeof(argument) };
	struct ndshm_info all;
	int error = ndshm__command(ndshm, NDSHM_GET_INFO, &argument);

	if (error)
		return error;
	all = (struct ndshm_info){
		.features = argument.out_features,
		.max_length = argument.out_max_length,
		.bytes = argument.out_bytes,
		.user_locked = argument.out_user_locked,
		.max_blocks = argument.out_max_blocks,
		.max_batch = argument.out_max_batch,
		.page_size = argument.out_page_size,
		.default_adapter = argument.out_default_adapter,
		.blocks = argument.out_blocks,
		.max_section = argument.out_max_section,
		/* A module that does not know it writes nothing. */
		.huge_size = argument.out_huge_size ? argument.out_huge_size :
						      argument.out_page_size,
	};
	return ndshm__done(ndshm, ndshm__fill(info, size, &all, sizeof(all)));
}
