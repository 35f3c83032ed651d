// SPDX-License-Identifier: GPL-2.0
/* Use the char device without the library: allocate, map and free one block. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/ndshm.h>

int main(void)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc = {
		.size = sizeof(alloc),
		.length = 16000,
		.preferred_node = NDSHM_NODE_ANY,
		.usage = NDSHM_USAGE_OTHER,
		.count = 1,
		.blocks = (uintptr_t)&block,
	};
	struct ndshm_block_free_args free = { .size = sizeof(free) };
	char *memory;
	int fd;

	fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		perror(NDSHM_DEVICE);
		return 1;
	}
	if (ioctl(fd, NDSHM_GET_INFO, &info)) {
		perror("NDSHM_GET_INFO");
		return 1;
	}
	alloc.adapter = info.out_default_adapter;
	if (ioctl(fd, NDSHM_BLOCK_ALLOC, &alloc)) {
		/* The reason is more precise than errno. */
		fprintf(stderr, "NDSHM_BLOCK_ALLOC: reason %u, status 0x%x\n",
			alloc.reason, alloc.status);
		return 1;
	}
	memory = mmap(NULL, block.length, PROT_READ | PROT_WRITE, MAP_SHARED,
		      fd, block.mmap_offset);
	if (memory == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	snprintf(memory, block.length, "written to a block");
	printf("%s of %llu bytes in %u DMA segment\n", memory,
	       (unsigned long long)block.length, block.segments);

	/* This ends the handle. The memory is freed when it is no longer mapped. */
	free.handle = block.handle;
	if (ioctl(fd, NDSHM_BLOCK_FREE, &free)) {
		perror("NDSHM_BLOCK_FREE");
		return 1;
	}
	printf("still there: %s\n", memory);
	munmap(memory, block.length);
	close(fd);
	return 0;
}
