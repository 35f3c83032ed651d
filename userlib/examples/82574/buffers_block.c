// SPDX-License-Identifier: LGPL-2.1-or-later
/* Buffers in blocks, each of which is one DMA segment. */
#include <errno.h>

#include "buffers_internal.h"
#include "revoked.h"

/* Large enough to keep blocks few, small enough to be allocated contiguously. */
#define BLOCK_LENGTH	(64 * 1024)

/* Allocates `blocks` blocks, in batches of at most info.max_batch. */
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

static int cut(struct buffers *buffers, struct ndshm_block *block, size_t wanted)
{
	const uint64_t length = ndshm_block_length(block);
	uint64_t address;
	void *memory;
	int error = ndshm_map(block, &memory);

	if (!error)
		error = revoked_watch(memory, length);
	if (!error)
		error = ndshm_block_address(block, &address);
	if (error)
		return error;
	return buffers_cut(buffers, wanted, memory,
			   (struct ndshm_segment){ .address = address, .length = length });
}

int buffers_take_blocks(struct buffers *buffers, const struct card *card, uint32_t usage,
			size_t wanted)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	size_t per_block = buffers->size < BLOCK_LENGTH ? BLOCK_LENGTH / buffers->size : 1;
	size_t blocks;
	int error;

	if (per_block > wanted)
		per_block = wanted;
	blocks = (wanted + per_block - 1) / per_block;
	if (blocks > BUFFERS_BLOCKS_MAX)
		return -E2BIG;

	request.length = per_block * buffers->size;
	request.adapter = card->adapter.id;
	request.usage = usage;
	request.tag = NDSHM_TAG('8', '2', '5', '7');
	request.flags = NDSHM_ALLOC_CONTIGUOUS;	/* for one address per buffer */
	error = allocate(buffers, card->ndshm, &request, blocks);
	for (size_t i = 0; !error && i < blocks; i++)
		error = cut(buffers, buffers->block[i], wanted);
	return error;
}

void buffers_give_blocks(struct buffers *buffers)
{
	for (size_t i = 0; i < buffers->blocks; i++)
		ndshm_free(buffers->block[i]);
}
