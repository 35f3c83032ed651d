// SPDX-License-Identifier: GPL-2.0
/*
 * Huge pages from a pool that is filled in advance, so that only zeroing and
 * page tables are measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mman.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define RESERVE	"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define PAGES	32

/* The size of the pool before it was enlarged; -1 if it was large enough. */
static int reserved;

static int get_reserve(int *pages)
{
	FILE *file = fopen(RESERVE, "re");
	int got;

	if (!file)
		return -errno;
	got = fscanf(file, "%d", pages);
	fclose(file);
	return got == 1 ? 0 : -EIO;
}

static int set_reserve(int pages)
{
	FILE *file = fopen(RESERVE, "we");
	int ret;

	if (!file)
		return -errno;
	ret = fprintf(file, "%d\n", pages);
	if (fclose(file) || ret < 0)
		return -errno;
	return 0;
}

static int hugetlb_open(void)
{
	int ret, pages;

	reserved = -1;
	ret = get_reserve(&pages);
	if (ret || pages >= PAGES)
		return ret;
	reserved = pages;
	ret = set_reserve(PAGES);
	if (!ret)
		ret = get_reserve(&pages);
	/* The kernel silently fills the pool only as far as memory permits. */
	return ret ?: pages < PAGES ? -ENOMEM : 0;
}

static void hugetlb_close(void)
{
	if (reserved >= 0)
		set_reserve(reserved);
}

static int hugetlb_map(struct buffer *buffer)
{
	buffer->address = mmap(NULL, buffer->length, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
			       MAP_HUGE_2MB, -1, 0);
	return buffer->address == MAP_FAILED ? -errno : 0;
}

const struct peer hugetlb_peer = {
	.name = "hugetlb",
	.open = hugetlb_open,
	.close = hugetlb_close,
	.map = hugetlb_map,
	.unmap = unmap,
	.least = 2 * MIB,
	.cleared = 1,
};
