/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * DMA buffers of equal size, allocated in blocks of the card's adapter, or by the allocator of the
 * card's section if it has one.
 */
#ifndef BUFFERS_H
#define BUFFERS_H

#include <stddef.h>
#include <stdint.h>

#include <ndshm/ndshm.h>

#include "card.h"

#define BUFFERS_MAX		256
#define BUFFERS_BLOCKS_MAX	64

struct buffers {
	size_t size;				/* of one buffer, bytes */
	size_t count;
	uint8_t *memory[BUFFERS_MAX];
	uint64_t address[BUFFERS_MAX];		/* DMA addresses */
	size_t chunks;
	struct ndshm_segment chunk[BUFFERS_MAX];	/* DMA segments that contain the buffers */
	/* Either blocks or a section is used: */
	size_t blocks;
	struct ndshm_block *block[BUFFERS_BLOCKS_MAX];
	struct ndshm_section *section;
};

/*
 * Allocates `count` (at least 1) buffers of `size` bytes, a power of two. Each buffer is
 * contiguous for the card. Returns 0, or -errno after an error message with `name`.
 */
int buffers_make(struct buffers *buffers, const struct card *card, uint32_t usage, size_t size,
		 size_t count, const char *name);
void buffers_free(struct buffers *buffers);

static inline uint8_t *buffers_memory(const struct buffers *buffers, size_t i)
{
	return buffers->memory[i];
}

/*
 * Exchanges a buffer of `one` for one of `other`. Both must be of one card and one size, and
 * must be freed together.
 */
static inline void buffers_exchange(struct buffers *one, size_t i, struct buffers *other, size_t j)
{
	uint8_t *memory = one->memory[i];
	uint64_t address = one->address[i];

	one->memory[i] = other->memory[j];
	one->address[i] = other->address[j];
	other->memory[j] = memory;
	other->address[j] = address;
}

static inline uint64_t buffers_address(const struct buffers *buffers, size_t i)
{
	return buffers->address[i];
}

#endif /* BUFFERS_H */
