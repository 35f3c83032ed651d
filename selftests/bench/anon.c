// SPDX-License-Identifier: GPL-2.0
/*
 * Anonymous memory: no device can reach it, but it is the reference for all
 * allocators.
 */
#include <errno.h>
#include <sys/mman.h>

#include "bench.h"

static int anon_map(struct buffer *buffer)
{
	buffer->address = mmap(NULL, buffer->length, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return buffer->address == MAP_FAILED ? -errno : 0;
}

const struct peer anon_peer = {
	.name = "anonymous",
	.map = anon_map,
	.unmap = unmap,
	/* The fault zeroes a huge page again after the page allocator has zeroed it. */
	.cleared = 1,
	.twice_from = 2 * MIB,
};
