// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of "coherent" by huge entries, which have no struct pages: without page tables, and
 * correct after mm has split, moved, protected or copied them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

#define HUGE	huge_size()
#define MAPS	4

/* Two huge pages, or one if this is the longest block without an IOMMU. */
#define LENGTH	block_length()
static size_t block_length(void)
{
	static size_t length;

	if (!length)
		length = ndshm_largest_chunk() < 2 * HUGE ? HUGE : 2 * HUGE;
	return length;
}

/* Page tables of a block that has no huge entries. */
#define TABLES	(LENGTH / HUGE)

FIXTURE(huge_frames) {
	int fd;
	size_t page;
	struct ndshm_block_info block;
	unsigned char *map;
	int ends[2];
};

static unsigned char *map_block(struct _test_data_huge_frames *self)
{
	return mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
		    self->block.mmap_offset);
}

static void make_block(struct __test_metadata *_metadata, struct _test_data_huge_frames *self)
{
	struct ndshm_get_info_args info = get_info_request();
	struct ndshm_nl_provider coherent;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_nl nl;

	test_get_info(self->fd, &info);
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&nl, "coherent", &coherent));
	ndshm_nl_close(&nl);
	alloc = block_alloc_request(info.out_default_adapter, LENGTH, &self->block);
	alloc.provider = coherent.id;
	test_block_alloc(self->fd, &alloc);
	self->map = map_block(self);
	ASSERT_NE(MAP_FAILED, self->map);
	ASSERT_EQ(0, (uintptr_t)self->map % HUGE);
}

FIXTURE_SETUP(huge_frames)
{
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	self->page = page_size();
	make_block(_metadata, self);
	ASSERT_EQ(0, pipe(self->ends));
}

FIXTURE_TEARDOWN(huge_frames)
{
	close(self->ends[0]);
	close(self->ends[1]);
	close(self->fd);
}

/* Return: KiB of page tables of the process. */
static long page_tables(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	long found = -1;
	char line[256];

	while (status && fgets(line, sizeof(line), status))
		sscanf(line, "VmPTE: %ld", &found);
	if (status)
		fclose(status);
	return found;
}

/* A system call accesses the byte at @memory: it fails where an access would raise a signal. */
static bool is_readable(struct _test_data_huge_frames *self, const void *memory)
{
	char byte;

	return write(self->ends[1], memory, 1) == 1 && read(self->ends[0], &byte, 1) == 1;
}

static bool is_writable(struct _test_data_huge_frames *self, unsigned char *memory)
{
	char byte;

	if (write(self->ends[1], memory, 1) != 1)
		return false;
	if (read(self->ends[0], memory, 1) == 1)
		return true;
	/* Empty the pipe. */
	return read(self->ends[0], &byte, 1) != 1;
}

/* Each mapping would need page tables of its own; one may need a table of huge entries. */
TEST_F(huge_frames, no_page_tables)
{
	unsigned char *map[MAPS];
	long before, kib = self->page >> 10;
	unsigned int i;

	if (ndshm_kernel_before(6, 12))
		SKIP(return, "kernels before 6.12 map frames page by page");
	if (nodes_need_sync())
		SKIP(return, "memory that is not coherent is mapped uncached, page by page");
	fill_pattern(self->map, LENGTH, 1);
	for (i = 0; i < MAPS; i++) {
		map[i] = map_block(self);
		ASSERT_NE(MAP_FAILED, map[i]);
	}
	before = page_tables();
	ASSERT_LT(0, before);
	/* Faults for a read, and for a write after it. */
	for (i = 0; i < MAPS; i++) {
		EXPECT_TRUE(has_pattern(map[i], LENGTH, 1 + i));
		fill_pattern(map[i], LENGTH, 2 + i);
	}
	EXPECT_GE(before + kib, page_tables());
	EXPECT_TRUE(has_pattern(self->map, LENGTH, 1 + MAPS));
}

/*
 * Before mm copies, moves or splits a huge entry, page tables replace all of the block: a
 * revocation could miss what mm works on.
 */
TEST_F(huge_frames, never_copied)
{
	long before, kib = self->page >> 10;
	unsigned char *other, *place;
	unsigned int way;
	pid_t child;
	int peer;

	if (ndshm_kernel_before(6, 12))
		SKIP(return, "kernels before 6.12 map frames page by page");
	if (nodes_need_sync())
		SKIP(return, "memory that is not coherent is mapped uncached, page by page");
	for (way = 0; way < 3; way++) {
		make_block(_metadata, self);
		other = map_block(self);
		ASSERT_NE(MAP_FAILED, other);
		fill_pattern(other, LENGTH, way);
		before = page_tables();
		EXPECT_TRUE(has_pattern(self->map, LENGTH, way));
		EXPECT_GE(before + kib, page_tables());
		if (way == 0) {
			child = ndshm_fork(&peer);
			ASSERT_LE(0, child);
			if (!child)
				_exit(!has_pattern(self->map, LENGTH, way));
			EXPECT_TRUE(ndshm_reap(child));
			close(peer);
		} else if (way == 1) {
			EXPECT_EQ(0, mprotect(other + LENGTH / 2, self->page, PROT_READ));
		} else {
			place = mmap(NULL, LENGTH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			ASSERT_NE(MAP_FAILED, place);
			EXPECT_EQ(place, mremap(other, LENGTH, LENGTH,
						MREMAP_MAYMOVE | MREMAP_FIXED, place));
		}
		/* All page tables of the mapping that nothing was done to. */
		before = page_tables();
		EXPECT_TRUE(has_pattern(self->map, LENGTH, way));
		EXPECT_LE(before + (long)TABLES * kib, page_tables())
			TH_LOG("way %u", way);
	}
}

/* A part that is unmapped or protected ends the huge entry; the rest is mapped again. */
TEST_F(huge_frames, split)
{
	unsigned char *middle = self->map + HUGE / 2;

	fill_pattern(self->map, LENGTH, 1);
	EXPECT_EQ(0, mprotect(middle, self->page, PROT_READ));
	EXPECT_TRUE(has_pattern(self->map, LENGTH, 1));
	EXPECT_FALSE(is_writable(self, middle));
	EXPECT_TRUE(is_writable(self, middle + self->page));
	EXPECT_EQ(0, munmap(middle, self->page));
	EXPECT_FALSE(is_readable(self, middle));
	EXPECT_TRUE(has_pattern(self->map, HUGE / 2, 1));
	if (TABLES < 2)
		return;
	/* The second huge entry, as a whole. */
	EXPECT_EQ(0, mprotect(self->map + HUGE, HUGE, PROT_READ));
	EXPECT_FALSE(is_writable(self, self->map + HUGE));
	EXPECT_TRUE(is_readable(self, self->map + HUGE));
	EXPECT_EQ(0, mprotect(self->map + HUGE, HUGE, PROT_READ | PROT_WRITE));
	EXPECT_TRUE(is_writable(self, self->map + HUGE));
}

/* A mapping that is moved by less than a huge page needs page tables, and shows the same. */
TEST_F(huge_frames, moved)
{
	unsigned char *space, *place, *other = map_block(self);

	ASSERT_NE(MAP_FAILED, other);
	fill_pattern(self->map, LENGTH, 3);
	space = mmap(NULL, LENGTH + 2 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, space);
	place = space + HUGE - (uintptr_t)space % HUGE;
	ASSERT_EQ(place, mremap(self->map, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED, place));
	EXPECT_TRUE(has_pattern(place, LENGTH, 3));
	ASSERT_EQ(place + self->page, mremap(other, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED,
					     place + self->page));
	EXPECT_TRUE(has_pattern(place + self->page, LENGTH, 3));
	fill_pattern(place + self->page, LENGTH, 4);
	EXPECT_EQ(0, munmap(space, LENGTH + 2 * HUGE));
	self->map = map_block(self);
	ASSERT_NE(MAP_FAILED, self->map);
	EXPECT_TRUE(has_pattern(self->map, LENGTH, 4));
}

/* A child has the mapping, whether or not it was touched, and writes to the same memory. */
TEST_F(huge_frames, forked)
{
	pid_t child;
	int peer;

	fill_pattern(self->map, HUGE, 5);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		if (!has_pattern(self->map, HUGE, 5))
			_exit(1);
		fill_pattern(self->map, LENGTH, 6);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	EXPECT_TRUE(has_pattern(self->map, LENGTH, 6));
}

struct writer {
	unsigned char *map;
	pthread_barrier_t *barrier;
	unsigned int rounds;
};

static void *write_often(void *context)
{
	struct writer *writer = context;
	unsigned int i;

	for (i = 0; i < writer->rounds; i++) {
		pthread_barrier_wait(writer->barrier);
		__atomic_store_n(writer->map, i, __ATOMIC_RELAXED);
		pthread_barrier_wait(writer->barrier);
	}
	return NULL;
}

/*
 * With soft-dirty bits the first write finds an entry that is write-protected, and page tables
 * replace it. If two faults do that at the same time, the kernel must not complain in its log.
 */
TEST_F_TIMEOUT(huge_frames, write_protected, 120)
{
	const unsigned int rounds = ndshm_rounds(4000, 100);
	struct writer writers[2];
	pthread_barrier_t barrier;
	pthread_t threads[2];
	unsigned int i;
	bool good = true;
	int refs;

	refs = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, refs);
	ASSERT_EQ(0, pthread_barrier_init(&barrier, NULL, ARRAY_SIZE(writers) + 1));
	for (i = 0; i < ARRAY_SIZE(writers); i++) {
		writers[i] = (struct writer){ self->map + i * self->page, &barrier, rounds };
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, write_often, &writers[i]));
	}
	for (i = 0; i < rounds; i++) {
		good &= !munmap(self->map, LENGTH) &&
			mmap(self->map, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			     self->fd, self->block.mmap_offset) == self->map;
		if (!good)
			break;
		if (write(refs, "4", 1) != 1)
			good = errno == EINVAL;
		is_readable(self, self->map);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		good &= self->map[0] == (unsigned char)i &&
			self->map[self->page] == (unsigned char)i;
	}
	ASSERT_TRUE(good);
	for (i = 0; i < ARRAY_SIZE(writers); i++)
		EXPECT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_EQ(0, pthread_barrier_destroy(&barrier));
	close(refs);
}

/* A debugger has no page to read, and does not read or write what the mapping could not. */
TEST_F(huge_frames, debugger)
{
	const off_t address = (uintptr_t)self->map;
	unsigned char seen[64];
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	fill_pattern(self->map, LENGTH, 8);
	EXPECT_EQ(sizeof(seen), pread(fd, seen, sizeof(seen), address + LENGTH / 2 - 32));
	EXPECT_EQ(0, memcmp(seen, self->map + LENGTH / 2 - 32, sizeof(seen)));
	EXPECT_EQ(3, pread(fd, seen, sizeof(seen), address + LENGTH - 3));
	EXPECT_EQ(0, memcmp(seen, self->map + LENGTH - 3, 3));
	memset(seen, 9, sizeof(seen));
	EXPECT_EQ(sizeof(seen), pwrite(fd, seen, sizeof(seen), address + 1));
	EXPECT_EQ(0, memcmp(seen, self->map + 1, sizeof(seen)));
	EXPECT_EQ(0, mprotect(self->map, LENGTH, PROT_READ));
	test_errno(EIO, self->fd, pwrite(fd, seen, 1, address));
	EXPECT_EQ(0, munmap(self->map, self->page));
	EXPECT_EQ(1, pread(fd, seen, 1, address + self->page));
	EXPECT_EQ(self->map[self->page], seen[0]);
	close(fd);
}

/* The mapping keeps the memory of a freed block. It has no pages that could be pinned. */
TEST_F(huge_frames, freed)
{
	struct ndshm_block_free_args release = block_free_request(self->block.handle);
	struct iovec what = { .iov_base = self->map, .iov_len = self->page };

	fill_pattern(self->map, LENGTH, 7);
	test_block_free(self->fd, &release);
	EXPECT_TRUE(has_pattern(self->map, LENGTH, 7));
	test_errno(EFAULT, self->fd, vmsplice(self->ends[1], &what, 1, 0));
	EXPECT_EQ(0, munmap(self->map, LENGTH));
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
