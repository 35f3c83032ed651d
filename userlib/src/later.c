// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Asynchronous allocation of blocks.
 */
#include <errno.h>

#include "internal.h"

/*
 * A module without NDSHM_FEATURE_ASYNC would misinterpret the arguments, and its read()
 * works differently.
 */
static int check(const struct ndshm *ndshm)
{
	if (ndshm->closed)
		return -EBADF;
	return ndshm->info.out_features & NDSHM_FEATURE_ASYNC ? 0 : -EOPNOTSUPP;
}

NDSHM_API int ndshm_alloc_async(struct ndshm *ndshm, const struct ndshm_request *request,
				uint64_t cookie)
{
	struct ndshm_block_alloc_args argument = ndshm__alloc_args(ndshm, request);
	int error = check(ndshm);

	argument.flags |= NDSHM_ALLOC_ASYNC;
	argument.cookie = cookie;
	return error ? ndshm__done(ndshm, error) :
		       ndshm__command(ndshm, NDSHM_BLOCK_ALLOC, &argument);
}

NDSHM_API int ndshm_cancel(struct ndshm *ndshm, uint64_t cookie)
{
	struct ndshm_block_cancel_args argument = {
		.size = sizeof(argument),
		.cookie = cookie,
	};
	int error = check(ndshm);

	return error ? ndshm__done(ndshm, error) :
		       ndshm__command(ndshm, NDSHM_BLOCK_CANCEL, &argument);
}

static int read_record(struct ndshm *ndshm, int timeout, struct ndshm_completion *record)
{
	int error = check(ndshm);

	if (error)
		return error;
	return ndshm->backend->read_record(ndshm, timeout, record);
}

NDSHM_API int ndshm_next_done_sized(struct ndshm *ndshm, int timeout, struct ndshm_done *out,
				    size_t size)
{
	struct ndshm_block *block;
	struct ndshm_completion record;
	int error;

	/* A shorter structure could lack the block, which nobody would free. */
	if (size != sizeof(*out))
		return ndshm__done(ndshm, -EINVAL);
	*out = (struct ndshm_done){ .block = NULL };
	/* Before the record, which cannot be put back once it was read. */
	block = ndshm__block_make(ndshm);
	if (!block)
		return ndshm__done(ndshm, -ENOMEM);
	error = read_record(ndshm, timeout, &record);
	if (error) {
		ndshm__block_drop(block);
		return ndshm__done(ndshm, error);
	}
	*out = (struct ndshm_done){
		.cookie = record.cookie,
		.error = ndshm__reason_errno(record.reason),
		.reason = record.reason,
		.status = record.status,
	};
	if (record.reason == NDSHM_REASON_NONE) {
		ndshm__block_fill(block, &record.block);
		out->block = block;
	} else {
		ndshm__block_drop(block);
	}
	return ndshm__done(ndshm, 0);
}
