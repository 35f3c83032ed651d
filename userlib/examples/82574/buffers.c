// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <string.h>

#include "../common/say.h"
#include "buffers_internal.h"

int buffers_cut(struct buffers *buffers, size_t wanted, uint8_t *memory,
		struct ndshm_segment chunk)
{
	if (chunk.address == NDSHM_ADDRESS_HIDDEN)
		return -EPERM;
	if (buffers->chunks == BUFFERS_MAX)
		return -E2BIG;
	buffers->chunk[buffers->chunks++] = chunk;
	for (uint64_t at = 0; buffers->count < wanted && chunk.length - at >= buffers->size;
	     at += buffers->size) {
		buffers->memory[buffers->count] = memory + at;
		buffers->address[buffers->count] = chunk.address + at;
		buffers->count++;
	}
	return 0;
}

static int say_why(const struct card *card, const char *name, int error)
{
	if (error == -EXDEV) {
		say("%s: the section's memory comes in pieces shorter than a buffer: put the card "
		    "behind an IOMMU, or leave out --max-frame or --section", name);
		return error;
	}
	if (error == -EPERM)
		say("the device's addresses are hidden: the adapter is not isolated, and "
		    "the client was opened without CAP_SYS_RAWIO");
	if (error == -ENOSPC && card->section)
		say("the section is too short for that: see --section");
	return say_failure(card->ndshm, name, error);
}

int buffers_make(struct buffers *buffers, const struct card *card, uint32_t usage, size_t size,
		 size_t count, const char *name)
{
	int error;

	memset(buffers, 0, sizeof(*buffers));
	buffers->size = size;
	if (count > BUFFERS_MAX)
		return say_failure(NULL, name, -E2BIG);
	error = card->section ? buffers_take_section(buffers, card, count) :
				buffers_take_blocks(buffers, card, usage, count);
	if (!error && buffers->count < count)
		error = -EXDEV;
	return error ? say_why(card, name, error) : 0;
}

void buffers_free(struct buffers *buffers)
{
	buffers_give_section(buffers);
	buffers_give_blocks(buffers);
	memset(buffers, 0, sizeof(*buffers));
}
