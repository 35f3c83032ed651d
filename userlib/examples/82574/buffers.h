/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory that the card can reach: blocks of one adapter, cut into buffers. */
#ifndef BUFFERS_H
#define BUFFERS_H

#include <stddef.h>
#include <stdint.h>

#include <ndshm/ndshm.h>

#define BUFFERS_BLOCKS_MAX	64

struct buffers {
	size_t size;			/* of one buffer, bytes */
	size_t per_block;
	size_t blocks;
	struct ndshm_block *block[BUFFERS_BLOCKS_MAX];
	uint8_t *memory[BUFFERS_BLOCKS_MAX];
	uint64_t address[BUFFERS_BLOCKS_MAX];	/* for the card */
};

/*
 * `count` buffers (one at least) of `size` bytes, none of which crosses a block.
 * 0 or -errno, after saying what is wrong. `name` is for that message.
 */
int buffers_make(struct buffers *buffers, struct ndshm *ndshm, uint32_t adapter,
		 uint32_t usage, size_t size, size_t count, const char *name);
void buffers_free(struct buffers *buffers);

static inline uint8_t *buffers_memory(const struct buffers *buffers, size_t i)
{
	return buffers->memory[i / buffers->per_block] +
	       i % buffers->per_block * buffers->size;
}

static inline uint64_t buffers_address(const struct buffers *buffers, size_t i)
{
	return buffers->address[i / buffers->per_block] +
	       i % buffers->per_block * buffers->size;
}

#endif /* BUFFERS_H */
