// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <string.h>

#include "buffers.h"
#include "revoked.h"
#include "say.h"

/* Enough to keep blocks few, small enough to be found in one piece. */
#define BLOCK_LENGTH	(64 * 1024)

/* A batch of the module's may be shorter than what is wanted. */
static int allocate(struct buffers *buffers, struct ndshm *ndshm,
		    const struct ndshm_request *request, size_t blocks)
{
	struct ndshm_info info;
	int error = ndshm_get_info(ndshm, &info);

	while (!error && buffers->blocks < blocks) {
		size_t count = blocks - buffers->blocks;

		if (count > info.max_batch)
			count = info.max_batch;
		error = ndshm_alloc_many(ndshm, request, &buffers->block[buffers->blocks], count);
		if (!error)
			buffers->blocks += count;
	}
	return error;
}

int buffers_make(struct buffers *buffers, struct ndshm *ndshm, uint32_t adapter,
		 uint32_t usage, size_t size, size_t count, const char *name)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	size_t blocks;
	int error;

	memset(buffers, 0, sizeof(*buffers));
	buffers->size = size;
	buffers->per_block = size < BLOCK_LENGTH ? BLOCK_LENGTH / size : 1;
	if (buffers->per_block > count)
		buffers->per_block = count;
	blocks = (count + buffers->per_block - 1) / buffers->per_block;
	if (blocks > BUFFERS_BLOCKS_MAX)
		return say_failure(NULL, name, -E2BIG);

	request.length = buffers->per_block * size;
	request.adapter = adapter;
	request.usage = usage;
	request.flags = NDSHM_ALLOC_CONTIGUOUS;	/* a buffer has one address */
	error = allocate(buffers, ndshm, &request, blocks);

	for (size_t i = 0; !error && i < blocks; i++) {
		void *memory;

		error = ndshm_map(buffers->block[i], &memory);
		if (error)
			break;
		buffers->memory[i] = memory;
		error = revoked_watch(memory, ndshm_block_length(buffers->block[i]));
		if (!error)
			error = ndshm_block_address(buffers->block[i], &buffers->address[i]);
	}
	if (error == -EPERM)
		say("the device's addresses are hidden: the adapter is not isolated, and "
		    "the client was opened without CAP_SYS_RAWIO");
	if (error)
		say_failure(ndshm, name, error);
	return error;
}

void buffers_free(struct buffers *buffers)
{
	for (size_t i = 0; i < buffers->blocks; i++)
		ndshm_free(buffers->block[i]);
	memset(buffers, 0, sizeof(*buffers));
}
