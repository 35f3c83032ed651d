/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A round of the measurements that run a program of their own: allocate and free a
 * block, and map and touch it between. Any failure ends the program.
 */
#ifndef NDSHM_BENCH_ROUND_H
#define NDSHM_BENCH_ROUND_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/ndshm.h>

/* Rounds until all is warm. */
#define WARM	300

static void end(const char *what)
{
	perror(what);
	exit(1);
}

/* Map, touch and unmap a block; without a client, memory of its own. */
static void touch(int client, size_t length, off_t offset)
{
	char *map = mmap(NULL, length, PROT_READ | PROT_WRITE,
			 client < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, client, offset);
	size_t at, page = sysconf(_SC_PAGESIZE);

	if (map == MAP_FAILED)
		end("mmap");
	for (at = 0; at < length; at += page) {
		map[at] = 1;
		/* Keeps the compiler from removing the store. */
		asm volatile("" : : "r"(map + at) : "memory");
	}
	munmap(map, length);
}

static void go_round(int client, __u32 adapter, size_t length, int mapped)
{
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc = {
		.size = sizeof(alloc),
		.adapter = adapter,
		.length = length,
		.preferred_node = NDSHM_NODE_ANY,
		.usage = NDSHM_USAGE_OTHER,
		.count = 1,
		.blocks = (uintptr_t)&block,
	};
	struct ndshm_block_free_args release = {
		.size = offsetof(struct ndshm_block_free_args, handles),
	};

	if (ioctl(client, NDSHM_BLOCK_ALLOC, &alloc))
		end("allocate");
	if (mapped)
		touch(client, length, block.mmap_offset);
	release.handle = block.handle;
	if (ioctl(client, NDSHM_BLOCK_FREE, &release))
		end("free");
}

/* Open a client. *@adapter: its default adapter. */
static int open_client(__u32 *adapter)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };
	int client = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);

	if (client < 0 || ioctl(client, NDSHM_GET_INFO, &info))
		end(NDSHM_DEVICE);
	*adapter = info.out_default_adapter;
	return client;
}

#endif /* NDSHM_BENCH_ROUND_H */
