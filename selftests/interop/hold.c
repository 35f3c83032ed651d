// SPDX-License-Identifier: GPL-2.0
/*
 * interop-hold KIND COMMAND...: run a command that inherits a descriptor of the memory.
 * INTEROP_FD is its number, INTEROP_OFFSET the offset for mmap(), INTEROP_LENGTH the length.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndshm/ndshm.h>
#include <ndshm/section.h>

#include "memory.h"

#define LENGTH	0x400000UL

static void hold_export(const char *name, __u64 value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	setenv(name, text, 1);
}

/* A block has no descriptor: the client's is inherited, with the block's offset. */
static int hold_block(const char *provider, __u64 *offset)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_provider_info provider_info;
	struct ndshm_block_info info;
	struct ndshm_block *block;
	struct ndshm *ndshm;
	size_t segments;
	int error;

	error = ndshm_open(NULL, &ndshm);
	if (!error)
		error = ndshm_find_provider(ndshm, provider, &provider_info);
	if (!error) {
		request.provider = provider_info.id;
		request.length = LENGTH;
		error = ndshm_alloc(ndshm, &request, &block);
	}
	if (!error)
		error = ndshm_query(block, &info, NULL, 0, &segments);
	if (error)
		interop_fail(provider, error);
	*offset = info.mmap_offset;
	return ndshm_fd(ndshm);
}

/* InitialSize, unlike an extent, outlives this process's holder. */
static int hold_section(void)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	struct ndshm_section *section;
	struct ndshm *ndshm;
	int error;

	request.max_size = LENGTH;
	request.initial_size = LENGTH;
	error = ndshm_open(NULL, &ndshm);
	if (!error)
		error = ndshm_section_create(ndshm, &request, &section);
	if (error)
		interop_fail("section", error);
	return ndshm_section_fd(section);
}

int main(int argc, char **argv)
{
	__u64 offset = 0;
	int fd;

	if (argc < 3) {
		fprintf(stderr, "usage: %s KIND COMMAND...\n", argv[0]);
		return 2;
	}
	if (!strcmp(argv[1], "section"))
		fd = hold_section();
	else
		fd = hold_block(argv[1], &offset);
	fcntl(fd, F_SETFD, 0);
	hold_export("INTEROP_FD", fd);
	hold_export("INTEROP_OFFSET", offset);
	hold_export("INTEROP_LENGTH", LENGTH);
	execvp(argv[2], argv + 2);
	interop_fail(argv[2], errno);
}
