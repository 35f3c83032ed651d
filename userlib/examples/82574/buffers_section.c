// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Buffers in the card's section, from its allocator. The section's memory can consist of several DMA
 * segments: it grows by chunks of at most 2 MiB, which need not be adjacent for the device.
 */
#include <errno.h>
#include <string.h>

#include <ndshm/section.h>

#include "buffers_internal.h"

/* Adds one buffer, aligned to its size: only in a segment shorter than that it is in pieces. */
static int take_one(struct buffers *buffers, struct ndshm_section *section)
{
	uint64_t address;
	void *memory;
	int error = ndshm_section_alloc_aligned(section, buffers->size, buffers->size, &memory);

	if (error)
		return error;
	error = ndshm_section_dma_address(section, memory, buffers->size, &address);
	if (error) {
		ndshm_section_free(section, memory);
		return error;
	}
	/* The card must not read what was there before. */
	memset(memory, 0, buffers->size);
	buffers->memory[buffers->count] = memory;
	buffers->address[buffers->count++] = address;
	return 0;
}

/* Adds a buffer to the last segment, or as a new one. There are no more segments than buffers. */
static void add_chunk(struct buffers *buffers, uint64_t address)
{
	struct ndshm_segment *last = &buffers->chunk[buffers->chunks];

	if (buffers->chunks && last[-1].address + last[-1].length == address) {
		last[-1].length += buffers->size;
		return;
	}
	*last = (struct ndshm_segment){ .address = address, .length = buffers->size };
	buffers->chunks++;
}

int buffers_take_section(struct buffers *buffers, const struct card *card, size_t wanted)
{
	int error = 0;

	buffers->section = card->section;
	while (!error && buffers->count < wanted) {
		error = take_one(buffers, card->section);
		if (!error)
			add_chunk(buffers, buffers->address[buffers->count - 1]);
	}
	return error;
}

void buffers_give_section(struct buffers *buffers)
{
	for (size_t i = 0; buffers->section && i < buffers->count; i++)
		ndshm_section_free(buffers->section, buffers->memory[i]);
}
