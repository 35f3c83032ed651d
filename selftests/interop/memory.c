// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndshm/ndshm.h>
#include <ndshm/section.h>

#include "memory.h"

static void *interop_open_block(struct ndshm *ndshm, const char *provider, size_t length)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_provider_info info;
	struct ndshm_block *block;
	void *memory;
	int error;

	error = ndshm_find_provider(ndshm, provider, &info);
	if (error)
		interop_fail(provider, error);
	request.provider = info.id;
	request.length = length;
	error = ndshm_alloc(ndshm, &request, &block);
	if (!error)
		error = ndshm_map(block, &memory);
	if (error)
		interop_fail("block", error);
	return memory;
}

static void *interop_open_section(struct ndshm *ndshm, size_t length)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	struct ndshm_section *section;
	size_t offset, extent;
	int error;

	request.max_size = 16 * length;
	error = ndshm_section_create(ndshm, &request, &section);
	if (!error)
		error = ndshm_extent_alloc(section, length, 0, &offset, &extent);
	if (error)
		interop_fail("section", error);
	if (offset)
		interop_fail("section: offset of the first extent", EINVAL);
	return ndshm_section_base(section);
}

void interop_open(const char *kind, size_t length, struct interop_memory *memory)
{
	struct ndshm *ndshm;
	int error;

	error = ndshm_open(NULL, &ndshm);
	if (error)
		interop_fail("open", error);
	memory->length = length;
	if (!strcmp(kind, "section"))
		memory->base = interop_open_section(ndshm, length);
	else
		memory->base = interop_open_block(ndshm, kind, length);
}

void interop_fill(unsigned char *bytes, size_t length, unsigned int seed)
{
	size_t i;

	for (i = 0; i < length; i++)
		bytes[i] = (i * 2654435761U + seed) >> 13;
}

bool interop_equal(const unsigned char *bytes, size_t length, unsigned int seed)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (bytes[i] != (unsigned char)((i * 2654435761U + seed) >> 13))
			return false;
	return true;
}

void interop_result(int error)
{
	const char *name = error ? strerrorname_np(abs(error)) : "yes";

	puts(name ? name : "unknown");
	exit(0);
}

void interop_wrong(const char *what)
{
	fprintf(stderr, "%s: wrong data\n", what);
	exit(1);
}

void interop_fail(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(abs(error)));
	exit(1);
}
