// SPDX-License-Identifier: GPL-2.0
/*
 * interop-numa node|bind KIND: libnuma tells the node of the memory's pages, or sets a policy for
 * them.
 */
#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"

#define LENGTH	0x100000UL

int main(int argc, char **argv)
{
	struct interop_memory memory;
	unsigned long nodes = 1;
	int node = -ENOENT;
	void *page;

	if (argc != 3 || numa_available()) {
		fprintf(stderr, "usage: %s node|bind KIND, on a kernel with NUMA\n", argv[0]);
		return 2;
	}
	interop_open(argv[2], LENGTH, &memory);
	page = memory.base;
	memset(page, 1, LENGTH);
	if (!strcmp(argv[1], "bind")) {
		if (mbind(page, LENGTH, MPOL_BIND, &nodes, 8 * sizeof(nodes), 0))
			interop_result(errno);
		interop_result(0);
	}
	if (numa_move_pages(0, 1, &page, NULL, &node, 0))
		interop_fail("move_pages", errno);
	interop_result(node < 0 ? node : 0);
}
