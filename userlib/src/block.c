// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Blocks.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "internal.h"

static struct ndshm_block *make_object(struct ndshm *ndshm)
{
	struct ndshm_block *block = calloc(1, sizeof(*block));

	if (!block)
		return NULL;
	pthread_mutex_init(&block->lock, NULL);
	block->ndshm = ndshm;
	ndshm__get(ndshm);
	return block;
}

static void drop_object(struct ndshm_block *block)
{
	ndshm__put(block->ndshm);
	pthread_mutex_destroy(&block->lock);
	free(block);
}

static void free_objects(struct ndshm_block **blocks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		drop_object(blocks[i]);
		blocks[i] = NULL;
	}
}

/* Allocate the objects before the command, which could not be undone on failure. */
static int make_objects(struct ndshm *ndshm, struct ndshm_block **blocks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		blocks[i] = make_object(ndshm);
		if (!blocks[i]) {
			free_objects(blocks, i);
			return ndshm__done(ndshm, -ENOMEM);
		}
	}
	return 0;
}

static int allocate(struct ndshm *ndshm, const struct ndshm_request *request,
		    struct ndshm_block **blocks, struct ndshm_block_info *infos, size_t count)
{
	struct ndshm_block_alloc_args argument = {
		.size = sizeof(argument),
		.flags = request->flags & ~NDSHM_ALLOC_ZERO,
		.adapter = request->adapter ? request->adapter :
					      ndshm->info.out_default_adapter,
		.provider = request->provider,
		.length = request->length,
		.preferred_node = request->node,
		.usage = request->usage,
		.count = count,
		.blocks = (uintptr_t)infos,
		.tag = ndshm->info.out_features & NDSHM_FEATURE_TAGS ? request->tag : 0,
	};
	const uint64_t page = ndshm->info.out_page_size;
	int error = make_objects(ndshm, blocks, count);

	if (error)
		return error;
	/* Blocks with other parameters than the program uses now must not fill the cache. */
	ndshm__block_cache_make_room(ndshm, count * ((request->length + page - 1) & -page));
	error = ndshm__command(ndshm, NDSHM_BLOCK_ALLOC, &argument);
	if (error) {
		/*
		 * Does not drop the last reference to the context, which stores the
		 * reason.
		 */
		free_objects(blocks, count);
		return error;
	}
	for (size_t i = 0; i < count; i++) {
		blocks[i]->info = infos[i];
		ndshm__block_cache_new(blocks[i], request);
	}
	return 0;
}

int ndshm__block_alloc(struct ndshm *ndshm, const struct ndshm_request *request,
		       struct ndshm_block **out)
{
	struct ndshm_block_info info;

	return allocate(ndshm, request, out, &info, 1);
}

NDSHM_API int ndshm_alloc_many(struct ndshm *ndshm, const struct ndshm_request *request,
			       struct ndshm_block **out, size_t count)
{
	struct ndshm_block_info *infos;
	int error;

	/*
	 * @count is the length of the arrays: validate it before writing to @out.
	 */
	if (!count || count > ndshm->info.out_max_batch)
		return ndshm__refuse(ndshm, NDSHM_REASON_COUNT);
	for (size_t i = 0; i < count; i++)
		out[i] = NULL;
	if (ndshm__block_cache_take(ndshm, request, out, count))
		return ndshm__done(ndshm, 0);
	infos = calloc(count, sizeof(*infos));
	if (!infos)
		return ndshm__done(ndshm, -ENOMEM);
	error = allocate(ndshm, request, out, infos, count);
	free(infos);
	return error;
}

static void unmap(struct ndshm_block *block)
{
	if (block->memory)
		munmap(block->memory, block->info.length);
	block->memory = NULL;
}

/* Fails after ndshm_close(), which has freed all handles. */
static int free_handle(struct ndshm_block *block, uint32_t flags)
{
	struct ndshm_block_free_args argument = {
		/* The first version: the other members are for an array. */
		.size = offsetof(struct ndshm_block_free_args, handles),
		.flags = flags,
		.handle = block->info.handle,
	};

	return ndshm__command(block->ndshm, NDSHM_BLOCK_FREE, &argument);
}

void ndshm__block_free(struct ndshm_block *block)
{
	unmap(block);
	free_handle(block, 0);
	drop_object(block);
}

NDSHM_API int ndshm_revoke(struct ndshm_block *block)
{
	int error = free_handle(block, NDSHM_FREE_REVOKE);

	if (error)
		return error;
	unmap(block);
	drop_object(block);
	return 0;
}

NDSHM_API int ndshm_revoke_id(struct ndshm *ndshm, uint32_t id)
{
	struct ndshm_block_free_id_args argument = {
		.size = sizeof(argument),
		.id = id,
	};
	int error = ndshm__command(ndshm, NDSHM_BLOCK_FREE_ID, &argument);

	return error == -ENOTTY ? ndshm__done(ndshm, -EOPNOTSUPP) : error;
}

/* Mark the blocks, so that the second entry for a block is found. */
static int begin_free(struct ndshm *ndshm, struct ndshm_block **blocks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!blocks[i])
			continue;
		if (blocks[i]->ndshm == ndshm && !blocks[i]->freeing) {
			blocks[i]->freeing = true;
			continue;
		}
		while (i--)
			if (blocks[i])
				blocks[i]->freeing = false;
		return ndshm__refuse(ndshm, NDSHM_REASON_HANDLE_UNKNOWN);
	}
	return 0;
}

/* Move blocks of a running ndshm_free_many() to the cache. */
static void keep(struct ndshm_block **blocks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!blocks[i])
			continue;
		blocks[i]->freeing = false;
		if (ndshm__block_cache_put(blocks[i]))
			blocks[i] = NULL;
	}
}

/* Maximum number of handles of one command. */
#define FREE_BATCH 64

/* Free @count handles with one command, if the module can do that. */
static int free_handles(struct ndshm *ndshm, struct ndshm_block **blocks, size_t count)
{
	uint32_t handles[FREE_BATCH];
	struct ndshm_block_free_args argument = {
		.size = sizeof(argument),
		.handles = (uintptr_t)handles,
	};

	if (!(ndshm->info.out_features & NDSHM_FEATURE_FREE_MANY))
		return -EOPNOTSUPP;
	for (size_t i = 0; i < count; i++)
		if (blocks[i])
			handles[argument.count++] = blocks[i]->info.handle;
	return argument.count ? ndshm__command(ndshm, NDSHM_BLOCK_FREE, &argument) : 0;
}

static void free_batch(struct ndshm *ndshm, struct ndshm_block **blocks, size_t count)
{
	int error;

	for (size_t i = 0; i < count; i++)
		if (blocks[i])
			unmap(blocks[i]);
	error = free_handles(ndshm, blocks, count);
	for (size_t i = 0; i < count; i++) {
		if (!blocks[i])
			continue;
		/* Also if the program has freed one of the handles by itself. */
		if (error)
			free_handle(blocks[i], 0);
		drop_object(blocks[i]);
		blocks[i] = NULL;
	}
}

NDSHM_API int ndshm_free_many(struct ndshm *ndshm, struct ndshm_block **blocks, size_t count)
{
	size_t most = ndshm->info.out_max_batch;
	int error = begin_free(ndshm, blocks, count);

	if (error)
		return error;
	keep(blocks, count);
	/* A context without blocks has no limit, and the array no blocks. */
	if (!most || most > FREE_BATCH)
		most = FREE_BATCH;
	/* After ndshm_close() the last block drops the last reference but this one. */
	ndshm__get(ndshm);
	while (count) {
		size_t batch = count < most ? count : most;

		free_batch(ndshm, blocks, batch);
		blocks += batch;
		count -= batch;
	}
	ndshm__done(ndshm, 0);
	ndshm__put(ndshm);
	return 0;
}

static int map(struct ndshm_block *block)
{
	struct ndshm *ndshm = block->ndshm;
	unsigned int given = ndshm__block_cache_given(ndshm);
	int error;

	if (block->memory)
		return ndshm__done(ndshm, 0);
	if (ndshm->closed)
		return ndshm__done(ndshm, -EBADF);
	if (!(block->info.flags & NDSHM_BLOCK_MAPPABLE))
		return ndshm__done(ndshm, -EOPNOTSUPP);
	do {
		error = ndshm->backend->map(ndshm, block->info.mmap_offset, block->info.length,
					    &block->memory);
		/* EAGAIN is a limit of locked memory. */
	} while (ndshm__block_cache_refused(ndshm, error == -EAGAIN ? -ENOMEM : error, &given));
	/* mmap() returns no reason; derive it from the errno. */
	if (error == -ENODEV)
		return ndshm__refuse(ndshm, NDSHM_REASON_BLOCK_REVOKED);
	return ndshm__map_done(ndshm, error, block->info.length);
}

NDSHM_API int ndshm_map(struct ndshm_block *block, void **out)
{
	int error;

	*out = NULL;
	pthread_mutex_lock(&block->lock);
	error = map(block);
	if (!error)
		*out = block->memory;
	pthread_mutex_unlock(&block->lock);
	return error;
}

NDSHM_API void ndshm_unmap(struct ndshm_block *block)
{
	if (!block)
		return;
	pthread_mutex_lock(&block->lock);
	unmap(block);
	pthread_mutex_unlock(&block->lock);
}

NDSHM_API uint64_t ndshm_block_length(const struct ndshm_block *block)
{
	return block->info.length;
}

NDSHM_API uint32_t ndshm_block_handle(const struct ndshm_block *block)
{
	return block->info.handle;
}

NDSHM_API uint32_t ndshm_block_id(const struct ndshm_block *block)
{
	return block->info.shared_memory_handle;
}

NDSHM_API int ndshm_block_address(const struct ndshm_block *block, uint64_t *address)
{
	if (block->info.address == NDSHM_ADDRESS_HIDDEN)
		return ndshm__refuse(block->ndshm, NDSHM_REASON_NOT_ISOLATED);
	*address = block->info.address;
	return ndshm__done(block->ndshm, 0);
}

/* A block that was revoked, or that others use, is not kept when it is freed. */
static int block_command(struct ndshm_block *block, unsigned long number, void *argument)
{
	int error = ndshm__command(block->ndshm, number, argument);

	if (error == -ENODEV || number == NDSHM_BLOCK_EXPORT)
		block->reusable = false;
	return error;
}

NDSHM_API int ndshm_query(struct ndshm_block *block, struct ndshm_block_info *info,
			  struct ndshm_segment *segments, size_t capacity, size_t *count)
{
	struct ndshm_block_query_args argument = {
		.size = sizeof(argument),
		.handle = block->info.handle,
		.segment_capacity = capacity < UINT32_MAX ? capacity : UINT32_MAX,
		.segments = capacity ? (uintptr_t)segments : 0,
	};
	int error = block_command(block, NDSHM_BLOCK_QUERY, &argument);

	*count = 0;
	if (error && error != -ENOSPC)
		return error;
	*info = argument.out_block;
	*count = argument.out_block.segments;
	return error;
}

NDSHM_API int ndshm_sync(struct ndshm_block *block, uint32_t direction, uint64_t offset,
			 uint64_t length)
{
	struct ndshm_block_sync_args argument = {
		.size = sizeof(argument),
		.handle = block->info.handle,
		.direction = direction,
		.offset = offset,
		.length = length,
	};

	return block_command(block, NDSHM_BLOCK_SYNC, &argument);
}

NDSHM_API int ndshm_export(struct ndshm_block *block, int flags, int *fd)
{
	struct ndshm_block_export_args argument = {
		.size = sizeof(argument),
		.handle = block->info.handle,
		.fd_flags = (uint32_t)flags,
	};
	int error = block_command(block, NDSHM_BLOCK_EXPORT, &argument);

	*fd = error ? -1 : argument.out_dmabuf;
	return error;
}
