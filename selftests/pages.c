// SPDX-License-Identifier: GPL-2.0
/*
 * Properties of blocks of the provider "pages": huge mappings, memory that can
 * be pinned, several chunks. It is the default provider, so that the other programs
 * test properties of all blocks with it.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <linux/kernel-page-flags.h>

#include "ndshm_edu.h"
#include "ndshm_nl.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define HUGE	huge_size()

/*
 * Seconds for a test that writes several huge pages, which may have 512 MiB each; such tests need a
 * machine with 8 GiB.
 */
#define LONG	300

/* Linux 5.14 and later; missing in the headers of some C libraries. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif
#ifndef MADV_COLD
#define MADV_COLD	20
#define MADV_PAGEOUT	21
#endif

FIXTURE(pages) {
	int fd;
	__u32 adapter;
	__u32 provider;
	size_t page;
	struct ndshm_nl nl;
	struct ndshm_block_info block;
	unsigned char *map;
};

FIXTURE_SETUP(pages)
{
	struct ndshm_get_info_args info = get_info_request();
	struct ndshm_nl_provider provider;

	/* The longer a huge page is, the sooner earlier tests leave no free memory for it. */
	if (HUGE > 2 << 20) {
		ndshm_write_file("/proc/sys/vm/drop_caches", "3");
		ndshm_write_file("/proc/sys/vm/compact_memory", "1");
	}
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	self->page = page_size();
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "pages", &provider));
	EXPECT_TRUE(provider.mappable);
	self->provider = provider.id;
}

FIXTURE_TEARDOWN(pages)
{
	close(self->fd);
	ndshm_nl_close(&self->nl);
}

static struct ndshm_block_alloc_args request(struct _test_data_pages *self,
					     __u64 length)
{
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, length, &self->block);

	alloc.provider = self->provider;
	return alloc;
}

/* Allocate a block and map it at an address that the kernel chooses. */
static void make(struct __test_metadata *_metadata,
		 struct _test_data_pages *self, __u64 length)
{
	struct ndshm_block_alloc_args alloc = request(self, length);

	test_block_alloc(self->fd, &alloc);
	self->map = test_map_block(self->fd, &self->block);
}

static void unmake(struct __test_metadata *_metadata,
		   struct _test_data_pages *self)
{
	EXPECT_EQ(0, munmap(self->map, self->block.length));
	test_free_handle(self->fd, self->block.handle);
	EXPECT_TRUE(ndshm_soon(!ndshm_nl_block_lives(&self->nl,
						     self->block.shared_memory_handle)));
}

static long faults(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) ? -1 : usage.ru_minflt;
}

TEST_F_TIMEOUT(pages, huge, LONG)
{
	const size_t length = 4 * HUGE;
	unsigned int touched = 0;
	size_t at;
	long before;

	make(_metadata, self, length);
	EXPECT_EQ(0, (uintptr_t)self->map % HUGE);
	EXPECT_EQ(0, ndshm_huge_bytes(self->map));
	before = faults();
	for (at = 0; at < length; at += self->page)
		touched += self->map[at] == 0;
	EXPECT_EQ(length / self->page, touched);
	/* One fault for each huge page, and some of this program's own. */
	EXPECT_GT(before + 4 + 16, faults());
	EXPECT_EQ((long)length, ndshm_huge_bytes(self->map));
	fill_pattern(self->map, length, 1);
	EXPECT_TRUE(has_pattern(self->map, length, 1));
	unmake(_metadata, self);
}

/* A mapping at an address that is not aligned to a huge page works with small pages. */
TEST_F_TIMEOUT(pages, elsewhere, LONG)
{
	const size_t length = 2 * HUGE;
	unsigned char *space, *map;

	make(_metadata, self, length);
	fill_pattern(self->map, length, 2);
	space = mmap(NULL, length + 2 * HUGE, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, space);
	map = (void *)(((uintptr_t)space + HUGE - 1) / HUGE * HUGE +
		       self->page);
	ASSERT_EQ(map, mmap(map, length, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED, self->fd,
			    self->block.mmap_offset));
	ndshm_case(true);
	EXPECT_TRUE(has_pattern(map, length, 2));
	EXPECT_EQ(0, ndshm_huge_bytes(map));
	fill_pattern(map, length, 3);
	EXPECT_TRUE(has_pattern(self->map, length, 3));
	EXPECT_EQ((long)length, ndshm_huge_bytes(self->map));
	munmap(space, length + 2 * HUGE);
	unmake(_metadata, self);
}

/* Pages that one fault maps in a mapping that has no huge pages. */
#define AROUND	64

/* Write to each page of @length bytes, and return the number of faults. */
static long touch_pages(unsigned char *map, size_t length, size_t page)
{
	long before = faults();
	size_t at;

	for (at = 0; at < length; at += page)
		map[at] = at / page;
	return faults() - before;
}

/* Neighbours are mapped at one fault, in all of them or in the part that is mapped. */
TEST_F(pages, around)
{
	const size_t lengths[] = { 1, 2, 16, 63, 64, 65, 256, 511 };
	unsigned int i, wrong = 0;
	size_t length, at;
	long most;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		length = lengths[i] * self->page;
		make(_metadata, self, length);
		most = (lengths[i] + AROUND - 1) / AROUND;
		ndshm_case(false);
		EXPECT_GE(most, touch_pages(self->map, length, self->page))
			TH_LOG("%zu pages", lengths[i]);
		/* Now the last page first. */
		EXPECT_EQ(0, madvise(self->map, length, MADV_DONTNEED));
		EXPECT_EQ((lengths[i] - 1) % 256, self->map[length - self->page]);
		EXPECT_GE(most, touch_pages(self->map, length, self->page) + 1);
		/* A page that is already mapped. */
		EXPECT_EQ(0, madvise(self->map, length / 2, MADV_DONTNEED));
		EXPECT_GE(most, touch_pages(self->map, length, self->page));
		for (at = 0; at < lengths[i]; at++)
			wrong += self->map[at * self->page] != at % 256;
		unmake(_metadata, self);
	}
	EXPECT_EQ(0, wrong);
}

/* Read a byte of each page, again and again. */
static void *read_pages(void *map)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	size_t at, round;
	bool zero = true;

	for (round = 0; round < 400; round++)
		for (at = 0; at < 2 * HUGE; at += page)
			zero &= all_bytes(map + at, 1, 0);
	return zero ? NULL : map;
}

/* MADV_DONTNEED may free the page table in which a fault is about to insert pages. */
TEST_F_TIMEOUT(pages, around_freed, LONG)
{
	const size_t length = 3 * HUGE;
	unsigned char *space, *map;
	pthread_t readers[2];
	unsigned int i;
	void *wrong;

	make(_metadata, self, length);
	space = mmap(NULL, 2 * length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, space);
	/* A mapping that cannot have huge pages, with a whole page table. */
	map = (void *)(((uintptr_t)space + HUGE - 1) / HUGE * HUGE + self->page);
	ASSERT_EQ(map, mmap(map, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			    self->fd, self->block.mmap_offset));
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		ASSERT_EQ(0, pthread_create(&readers[i], NULL, read_pages, map));
	for (i = 0; i < 4000; i++)
		ASSERT_EQ(0, madvise(map, length, MADV_DONTNEED));
	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		pthread_join(readers[i], &wrong);
		EXPECT_EQ(NULL, wrong);
	}
	ASSERT_EQ(0, munmap(space, 2 * length));
	unmake(_metadata, self);
}

/* Each access is in another part of the block: nothing outside a mapping is mapped. */
TEST_F(pages, around_parts)
{
	const size_t length = AROUND * self->page;
	unsigned char *child_map;
	pid_t child;
	int peer;

	make(_metadata, self, length);
	EXPECT_EQ(0, munmap(self->map, 8 * self->page));
	EXPECT_EQ(0, munmap(self->map + 40 * self->page, 24 * self->page));
	EXPECT_EQ(0, mprotect(self->map + 16 * self->page, 4 * self->page, PROT_READ));
	fill_pattern(self->map + 8 * self->page, 8 * self->page, 1);
	fill_pattern(self->map + 20 * self->page, 20 * self->page, 2);
	EXPECT_TRUE(all_bytes(self->map + 16 * self->page, 4 * self->page, 0));
	EXPECT_EQ(0, mprotect(self->map + 16 * self->page, 4 * self->page,
			      PROT_READ | PROT_WRITE));
	fill_pattern(self->map + 16 * self->page, 4 * self->page, 3);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		child_map = self->map + 16 * self->page;
		if (!has_pattern(child_map, 4 * self->page, 3))
			_exit(1);
		fill_pattern(child_map, 4 * self->page, 4);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	EXPECT_TRUE(has_pattern(self->map + 16 * self->page, 4 * self->page, 4));
	EXPECT_TRUE(has_pattern(self->map + 20 * self->page, 20 * self->page, 2));
	EXPECT_EQ(0, munmap(self->map + 8 * self->page, 32 * self->page));
	self->map = test_map_block(self->fd, &self->block);
	EXPECT_TRUE(all_bytes(self->map, 8 * self->page, 0));
	EXPECT_TRUE(has_pattern(self->map + 8 * self->page, 8 * self->page, 1));
	EXPECT_TRUE(all_bytes(self->map + 40 * self->page, 24 * self->page, 0));
	unmake(_metadata, self);
}

/*
 * A mapping that had no huge pages never gets any: mm would count its pages wrongly, and the
 * kernel log would say so when the process ends.
 */
TEST_F_TIMEOUT(pages, moved_to_huge, LONG)
{
	const size_t length = 2 * HUGE;
	unsigned char *space, *map, *moved;

	make(_metadata, self, length);
	space = mmap(NULL, 3 * length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, space);
	map = (void *)(((uintptr_t)space + HUGE - 1) / HUGE * HUGE + self->page);
	ASSERT_EQ(map, mmap(map, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			    self->fd, self->block.mmap_offset));
	map[0] = 1;
	moved = map - self->page + length + HUGE;
	ASSERT_EQ(moved, mremap(map, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, moved));
	fill_pattern(moved, length, 5);
	EXPECT_EQ(0, ndshm_huge_bytes(moved));
	EXPECT_TRUE(has_pattern(self->map, length, 5));
	EXPECT_EQ(0, munmap(space, 3 * length));
	unmake(_metadata, self);
}

/* The default provider is the one whose memory can be pinned, without a limit of 4 MiB. */
TEST_F_TIMEOUT(pages, by_default, LONG)
{
	struct ndshm_block_query_args query = { .size = sizeof(query) };
	const size_t length = 2 * HUGE > 64 << 20 ? 2 * HUGE : 64 << 20;
	struct ndshm_block_alloc_args alloc = request(self, length);
	struct iovec to = { .iov_len = HUGE }, from = { .iov_len = HUGE };

	make(_metadata, self, self->page);
	unmake(_metadata, self);
	if (self->block.flags & NDSHM_BLOCK_NEEDS_SYNC)
		SKIP(return, "it is the default of devices that see the caches");
	alloc.provider = 0;
	test_block_alloc(self->fd, &alloc);
	query.handle = self->block.handle;
	ASSERT_EQ(0, ioctl(self->fd, NDSHM_BLOCK_QUERY, &query));
	EXPECT_EQ(self->provider, query.out_provider);
	self->map = test_map_block(self->fd, &self->block);
	fill_pattern(self->map, HUGE, 1);
	from.iov_base = self->map;
	to.iov_base = self->map + length - HUGE;
	/* Pins the memory of @from. */
	EXPECT_EQ((ssize_t)HUGE, process_vm_readv(getpid(), &to, 1, &from, 1, 0));
	EXPECT_TRUE(has_pattern(self->map + length - HUGE, HUGE, 1));
	unmake(_metadata, self);
}

/* A list that is too short for several chunks gets one, where memory has one. */
TEST_F(pages, short_list)
{
	struct ndshm_block_alloc_args alloc = request(self, 7 * self->page);
	struct ndshm_state before = test_state(self->fd);
	struct ndshm_segment segments[8];

	alloc.segments = (uintptr_t)segments;
	alloc.segment_capacity = 1;
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(1, alloc.out_segments);
	EXPECT_LE(7 * self->page, segments[0].length);
	EXPECT_EQ(7 * self->page, self->block.length);
	self->map = test_map_block(self->fd, &self->block);
	fill_pattern(self->map, 7 * self->page, 1);
	EXPECT_TRUE(has_pattern(self->map, 7 * self->page, 1));
	unmake(_metadata, self);
	EXPECT_EQ(before.user_locked, test_state(self->fd).user_locked);
	/* With room for all of them nothing more is consumed than was requested. */
	alloc = request(self, 7 * self->page);
	alloc.segments = (uintptr_t)segments;
	alloc.segment_capacity = 8;
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(7 * self->page, self->block.consumed);
	test_free_handle(self->fd, self->block.handle);
}

/*
 * Whatever chunks a block consists of, it has the requested length, is zeroed,
 * and each byte is separate memory.
 */
TEST_F_TIMEOUT(pages, lengths, LONG)
{
	const size_t lengths[] = {
		1, self->page, 3 * self->page, 1 << 16, (1 << 20) + 1,
		HUGE - self->page, HUGE + self->page, 5 << 20, 64 << 20,
	};
	struct ndshm_state before = test_state(self->fd), now;
	size_t length;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		make(_metadata, self, lengths[i]);
		length = (lengths[i] + self->page - 1) / self->page *
			 self->page;
		EXPECT_EQ(length, self->block.length);
		EXPECT_EQ(length, self->block.consumed);
		now = test_state(self->fd);
		EXPECT_EQ(before.user_locked + length, now.user_locked);
		EXPECT_TRUE(all_bytes(self->map, length, 0));
		fill_pattern(self->map, length, i);
		EXPECT_TRUE(has_pattern(self->map, length, i));
		unmake(_metadata, self);
		now = test_state(self->fd);
		EXPECT_EQ(before.user_locked, now.user_locked);
	}
}

/* Reused memory must be zeroed as well. */
TEST_F_TIMEOUT(pages, reused, LONG)
{
	const unsigned int rounds = HUGE > 64 << 20 ? 2 : 8;
	unsigned int round;

	for (round = 0; round < rounds; round++) {
		make(_metadata, self, 3 * HUGE);
		EXPECT_TRUE(all_bytes(self->map, 3 * HUGE, 0));
		memset(self->map, 0xa5, 3 * HUGE);
		unmake(_metadata, self);
	}
}

/* The segments must add up to the block and must not overlap. */
TEST_F(pages, segments)
{
	struct ndshm_segment segments[4096];
	struct ndshm_block_alloc_args alloc;
	__u64 total = 0;
	unsigned int i, j;

	if (!ndshm_set_capability(CAP_SYS_RAWIO, true))
		SKIP(return, "addresses are shown to root only");
	close(self->fd);
	self->fd = ndshm_open();
	alloc = request(self, (16 << 20) + 1);
	alloc.segment_capacity = ARRAY_SIZE(segments);
	alloc.segments = to_u64(segments);
	test_block_alloc(self->fd, &alloc);
	ASSERT_LE(1, alloc.out_segments);
	ASSERT_GE(ARRAY_SIZE(segments), alloc.out_segments);
	for (i = 0; i < alloc.out_segments; i++) {
		EXPECT_NE(NDSHM_ADDRESS_HIDDEN, segments[i].address);
		EXPECT_EQ(0, segments[i].address % self->page);
		total += segments[i].length;
		for (j = 0; j < i; j++)
			EXPECT_TRUE(segments[j].address + segments[j].length <=
				    segments[i].address ||
				    segments[i].address + segments[i].length <=
				    segments[j].address);
	}
	EXPECT_EQ(self->block.length, total);
}

static int block_compare(const void *left, const void *right)
{
	const __u64 a = ((const struct ndshm_block_info *)left)->address;
	const __u64 b = ((const struct ndshm_block_info *)right)->address;

	return a < b ? -1 : a > b;
}

/*
 * The block is longer than the largest chunk of the page allocator while the holes below
 * occupy the largest chunks. It must have several segments, unless a contiguous
 * block is requested. The adapter has no IOMMU.
 */
TEST_F_TIMEOUT(pages, chunks, LONG)
{
	static struct ndshm_segment segments[(64 << 20) >> 12];
	const size_t largest = ndshm_largest_chunk();
	const __u64 length = 2 * largest > 64 << 20 ? 2 * largest : 64 << 20;
	struct ndshm_block_info holes[24];
	struct ndshm_block_alloc_args alloc;
	unsigned int i, count = ARRAY_SIZE(holes);
	__u64 total = 0;

	/* At most 192 MiB, or six. */
	while (count > 6 && count * HUGE > 192 << 20)
		count--;
	for (i = 0; i < count; i++) {
		alloc = request(self, HUGE);
		alloc.blocks = to_u64(&holes[i]);
		alloc.preferred_node = 0;
		test_block_alloc(self->fd, &alloc);
	}
	/* No two holes are adjacent: they would be one segment. */
	qsort(holes, count, sizeof(*holes), block_compare);
	for (i = 0; i < count; i += 2)
		test_free_handle(self->fd, holes[i].handle);

	alloc = request(self, length);
	alloc.preferred_node = 0;
	alloc.segment_capacity = ARRAY_SIZE(segments);
	alloc.segments = to_u64(segments);
	test_block_alloc(self->fd, &alloc);
	EXPECT_LT(1, alloc.out_segments);
	EXPECT_EQ(alloc.out_segments, self->block.segments);
	ASSERT_GE(ARRAY_SIZE(segments), alloc.out_segments);
	for (i = 0; i < alloc.out_segments; i++) {
		EXPECT_NE(0, segments[i].length);
		EXPECT_EQ(0, segments[i].length % self->page);
		total += segments[i].length;
	}
	EXPECT_EQ(length, total);
	EXPECT_EQ(length, self->block.length);
	self->map = test_map_block(self->fd, &self->block);
	EXPECT_TRUE(all_bytes(self->map, self->block.length, 0));
	unmake(_metadata, self);

	alloc = request(self, length);
	alloc.preferred_node = 0;
	alloc.flags = NDSHM_ALLOC_CONTIGUOUS;
	test_err_block_alloc(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES, self->fd,
			     &alloc);
}

/* A contiguous block is limited to the largest chunk of the page allocator. */
TEST_F(pages, contiguous)
{
	struct ndshm_block_alloc_args alloc = request(self, 3 << 20);
	const size_t largest = ndshm_largest_chunk();

	ASSERT_LE(4 << 20, largest);
	alloc.flags = NDSHM_ALLOC_CONTIGUOUS;
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(1, alloc.out_segments);
	EXPECT_EQ(3 << 20, self->block.length);
	EXPECT_EQ(4 << 20, self->block.consumed);
	self->map = test_map_block(self->fd, &self->block);
	EXPECT_TRUE(all_bytes(self->map, self->block.length, 0));
	fill_pattern(self->map, self->block.length, 5);
	EXPECT_TRUE(has_pattern(self->map, self->block.length, 5));
	unmake(_metadata, self);

	alloc = request(self, 2 * largest);
	alloc.flags = NDSHM_ALLOC_CONTIGUOUS;
	test_err_block_alloc(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES, self->fd,
			     &alloc);
}

/*
 * A length above the machine's memory must be refused before any memory is
 * allocated.
 */
TEST_F(pages, too_much)
{
	struct ndshm_block_alloc_args alloc = request(self, 1ULL << 44);
	char before[32];

	ASSERT_EQ(0, ndshm_read_file(MAX_BLOCK_BYTES, before, sizeof(before)));
	if (ndshm_write_file(MAX_BLOCK_BYTES, "0x400000000000"))
		SKIP(return, "only root can raise the limit");
	test_err_block_alloc(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES, self->fd,
			     &alloc);
	EXPECT_EQ(0, ndshm_write_file(MAX_BLOCK_BYTES, before));
}

/* The memory must come from the adapter's node as far as that has any. */
TEST_F_TIMEOUT(pages, node, LONG)
{
	struct ndshm_block_alloc_args alloc;
	int status, node;
	void *page;

	if (access("/sys/devices/system/node/node1", F_OK))
		SKIP(return, "no second node");
	for (node = 0; node < 2; node++) {
		alloc = request(self, 2 * HUGE);
		alloc.preferred_node = node;
		test_block_alloc(self->fd, &alloc);
		self->map = test_map_block(self->fd, &self->block);
		memset(self->map, 1, self->block.length);
		page = self->map + HUGE + self->page;
		ASSERT_EQ(0, syscall(__NR_move_pages, 0, 1UL, &page, NULL,
				     &status, 0));
		EXPECT_EQ(node, status);
		unmake(_metadata, self);
	}
}

/* A child and a process that receives the descriptor must see the same memory. */
TEST_F_TIMEOUT(pages, shared, LONG)
{
	pid_t child;
	int peer;

	make(_metadata, self, 2 * HUGE);
	self->map[0] = 1;
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		bool good = self->map[0] == 1 && ndshm_signal_peer(peer) &&
			    ndshm_hear(peer) &&
			    has_pattern(self->map, 2 * HUGE, 6);

		fill_pattern(self->map, 2 * HUGE, 7);
		_exit(!(good && ndshm_huge_bytes(self->map) == (long)(2 * HUGE)));
	}
	EXPECT_TRUE(ndshm_hear(peer));
	fill_pattern(self->map, 2 * HUGE, 6);
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	EXPECT_TRUE(has_pattern(self->map, 2 * HUGE, 7));
	unmake(_metadata, self);
}

/* Unmap, protect and move parts of a huge page. */
TEST_F_TIMEOUT(pages, parts, LONG)
{
	const size_t length = 2 * HUGE;
	unsigned char *moved, *space;

	space = mmap(NULL, 2 * HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	ASSERT_NE(MAP_FAILED, space);
	make(_metadata, self, length);
	fill_pattern(self->map, length, 8);
	EXPECT_EQ(0, mprotect(self->map, HUGE / 2, PROT_READ));
	EXPECT_TRUE(has_pattern(self->map, length, 8));
	EXPECT_EQ(0, mprotect(self->map, HUGE / 2, PROT_READ | PROT_WRITE));
	fill_pattern(self->map, length, 9);
	EXPECT_EQ(0, munmap(self->map + HUGE / 4, self->page));
	self->map[0] = 0x11;
	self->map[length - 1] = 0x22;
	moved = mremap(self->map + HUGE, HUGE, HUGE, MREMAP_MAYMOVE |
		       MREMAP_FIXED, space + self->page);
	ASSERT_NE(MAP_FAILED, moved);
	EXPECT_EQ(0x22, moved[HUGE - 1]);
	moved[0] = 0x33;
	EXPECT_EQ(0, munmap(space, 2 * HUGE));
	EXPECT_EQ(0, munmap(self->map, HUGE));
	self->map = test_map_block(self->fd, &self->block);
	EXPECT_EQ(0x11, self->map[0]);
	EXPECT_EQ(0x33, self->map[HUGE]);
	EXPECT_EQ(0x22, self->map[length - 1]);
	unmake(_metadata, self);
}

/* madvise() must not free memory that other mappings use. */
TEST_F_TIMEOUT(pages, advice, LONG)
{
	static const int kept[] = {
		MADV_DONTNEED, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_WRITE,
		MADV_WILLNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE,
	};
	const size_t length = 2 * HUGE;
	unsigned int i;

	make(_metadata, self, length);
	for (i = 0; i < ARRAY_SIZE(kept); i++) {
		fill_pattern(self->map, length, i);
		/* Some advice is refused for file mappings, which is also correct. */
		madvise(self->map, length, kept[i]);
		EXPECT_TRUE(has_pattern(self->map, length, i))
			TH_LOG("advice %d", kept[i]);
		/* Advice for a part would require splitting a huge page. */
		madvise(self->map + self->page, self->page, kept[i]);
		EXPECT_TRUE(has_pattern(self->map, length, i))
			TH_LOG("advice %d of a page", kept[i]);
	}
	ndshm_case(false);
	EXPECT_EQ(-1, madvise(self->map, length, MADV_REMOVE));
	EXPECT_TRUE(has_pattern(self->map, length, i - 1));
	EXPECT_EQ(0, mlock(self->map, length));
	EXPECT_EQ(0, munlock(self->map, length));
	unmake(_metadata, self);
}

TEST_F_TIMEOUT(pages, pinned_longer_than_it_lives, LONG)
{
	const __u64 before = ndshm_locked(self->fd);
	unsigned char copy[8192];
	unsigned char *other;
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	make(_metadata, self, HUGE);
	fill_pattern(self->map, HUGE, 12);
	ASSERT_TRUE(ndshm_put_into_pipe(ends[1], self->map + HUGE / 2, sizeof(copy)));
	unmake(_metadata, self);
	/* The new block must not reuse the pinned memory. */
	make(_metadata, self, 4 * HUGE);
	other = self->map;
	memset(other, 0xee, 4 * HUGE);
	ASSERT_EQ((ssize_t)sizeof(copy), read(ends[0], copy, sizeof(copy)));
	EXPECT_TRUE(has_pattern(copy, sizeof(copy), 12 + HUGE / 2 / 4));
	EXPECT_TRUE(all_bytes(other, 4 * HUGE, 0xee));
	unmake(_metadata, self);
	EXPECT_EQ(before, ndshm_locked(self->fd));
	close(ends[0]);
	close(ends[1]);
}

#ifndef BUS_MCEERR_AR
#define BUS_MCEERR_AR	4
#endif
#define HARD_OFFLINE		"/sys/devices/system/memory/hard_offline_page"

static void say_why(int number, siginfo_t *why, void *context)
{
	(void)number;
	(void)context;
	_exit(why->si_code == BUS_MCEERR_AR ? 0 : 2);
}

/*
 * A page with a hardware failure must not be mapped again, and its chunk must
 * not be reused.
 */
TEST_F_TIMEOUT(pages, failed, LONG)
{
	const struct sigaction action = {
		.sa_sigaction = say_why, .sa_flags = SA_SIGINFO,
	};
	const __u64 before = ndshm_locked(self->fd);
	unsigned long head, frame;
	unsigned char *bad;
	pid_t child;
	int peer;

	if (geteuid())
		SKIP(return, "only root can have memory fail");
	make(_metadata, self, 2 * HUGE);
	memset(self->map, 1, 2 * HUGE);
	bad = self->map + HUGE + 3 * self->page;
	head = ndshm_physical(self->map + HUGE) / self->page;
	frame = ndshm_physical(bad) / self->page;
	ASSERT_EQ(head + 3, frame);
	ASSERT_TRUE(ndshm_frame_has(head, KPF_COMPOUND_HEAD));
	/* The kernel cannot recover such a page, and logs that. */
	ndshm_fail_page(bad, self->page);
	if (!ndshm_frame_has(frame, KPF_HWPOISON))
		SKIP(return, "the kernel does not have memory fail");

	/*
	 * A later access through a new mapping must raise SIGBUS, whose code
	 * the handler checks.
	 */
	ASSERT_EQ(0, munmap(self->map, self->block.length));
	self->map = test_map_block(self->fd, &self->block);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		sigaction(SIGBUS, &action, NULL);
		_exit(self->map[HUGE + 3 * self->page]);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	EXPECT_TRUE(ndshm_readable(self->map));
	unmake(_metadata, self);
	EXPECT_TRUE(ndshm_frame_has(head, KPF_COMPOUND_HEAD))
		TH_LOG("it was freed");
	EXPECT_EQ(before, ndshm_locked(self->fd));
}

/* As failed, for the chunks of a block of `coherent`, which has no pages to map. */
TEST_F_TIMEOUT(pages, failed_coherent, LONG)
{
	struct ndshm_block_alloc_args alloc = request(self, HUGE);
	struct ndshm_nl_provider coherent;
	struct ndshm_segment segments[64];
	unsigned long head;
	char text[32];

	if (geteuid())
		SKIP(return, "only root can have memory fail");
	if (access(HARD_OFFLINE, W_OK))
		SKIP(return, "the kernel cannot take memory offline");
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "coherent", &coherent));
	alloc.provider = coherent.id;
	alloc.segments = (uintptr_t)segments;
	alloc.segment_capacity = ARRAY_SIZE(segments);
	test_block_alloc(self->fd, &alloc);
	/* The node's adapter has no IOMMU. */
	head = segments[0].address / self->page;
	if (!ndshm_frame_has(head, KPF_COMPOUND_HEAD))
		SKIP(return, "memory that is not coherent is of the DMA API");
	/* The kernel cannot recover such a page, and logs that. */
	snprintf(text, sizeof(text), "%#llx", (unsigned long long)(head + 3) * self->page);
	ndshm_write_file(HARD_OFFLINE, text);
	ASSERT_TRUE(ndshm_frame_has(head + 3, KPF_HWPOISON));
	test_free_handle(self->fd, self->block.handle);
	EXPECT_TRUE(ndshm_soon(!ndshm_nl_block_lives(&self->nl,
						     self->block.shared_memory_handle)));
	EXPECT_TRUE(ndshm_frame_has(head, KPF_COMPOUND_HEAD))
		TH_LOG("it was freed");
}

/* The charge ends with the block, also of pages that are pinned: ndshm does not follow pins. */
TEST_F_TIMEOUT(pages, pinned_is_not_charged, LONG)
{
	const __u64 before = ndshm_locked(self->fd);
	int ends[2], round;

	test_reopen_limited(self->fd, before + 4 * HUGE);
	ASSERT_EQ(0, pipe(ends));
	for (round = 0; round < 3; round++) {
		make(_metadata, self, 4 * HUGE);
		ASSERT_TRUE(ndshm_put_into_pipe(ends[1], self->map, 1));
		ASSERT_TRUE(ndshm_put_into_pipe(ends[1], self->map + 2 * HUGE - 1, 1));
		EXPECT_EQ(before + 4 * HUGE, ndshm_locked(self->fd));
		unmake(_metadata, self);
		EXPECT_EQ(before, ndshm_locked(self->fd));
	}
	close(ends[0]);
	close(ends[1]);
	EXPECT_EQ(before, ndshm_locked(self->fd));
}

/*
 * Blocks for a device
 */

/* A huge page, or what the device reaches several times. */
#define PART	(HUGE < 1UL << (EDU_WIDTH - 3) ? HUGE : 1UL << (EDU_WIDTH - 3))

FIXTURE(device) {
	int fd;
	struct ndshm_edu edu;
	__u32 provider;
	size_t page;
	unsigned char *bar;
	struct ndshm_block_info block;
	unsigned char *map;
};

FIXTURE_SETUP(device)
{
	struct ndshm_nl_provider provider;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->edu.nl, "pages",
					       &provider));
	self->provider = provider.id;
	self->page = page_size();
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(device)
{
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

/*
 * Claim the adapter, map its registers and allocate a block of at most @most
 * DMA segments.
 */
static unsigned int take(struct __test_metadata *_metadata,
			 struct _test_data_device *self, __u64 length,
			 struct ndshm_segment *segments, __u32 most)
{
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(self->edu.adapter.id, 0);
	struct ndshm_adapter_start_args start =
		adapter_start_request(self->edu.adapter.id);
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->edu.adapter.id, length, &self->block);
	void *bar;

	test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH);
	test_adapter_map_bar(self->fd, &map);
	bar = mmap(NULL, map.out_length, PROT_READ | PROT_WRITE, MAP_SHARED,
		   self->fd, map.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, bar);
	self->bar = bar;
	alloc.provider = self->provider;
	alloc.segment_capacity = most;
	alloc.segments = to_u64(segments);
	test_block_alloc(self->fd, &alloc);
	self->map = test_map_block(self->fd, &self->block);
	test_adapter_start(self->fd, &start);
	return alloc.out_segments;
}

/* The device copies at both ends of each segment. */
TEST_F(device, copies)
{
	struct ndshm_segment segments[64];
	unsigned int count, i;
	unsigned char *at;

	count = take(_metadata, self, 3 * PART + self->page, segments,
		     ARRAY_SIZE(segments));
	ASSERT_LE(1, count);
	for (i = 0, at = self->map; i < count; at += segments[i++].length) {
		fill_pattern(at, EDU_MOST, i);
		ASSERT_TRUE(ndshm_edu_to_device(self->bar, segments[i].address,
						EDU_MOST));
		ASSERT_TRUE(ndshm_edu_from_device(self->bar, segments[i].address +
						  segments[i].length - EDU_MOST,
						  EDU_MOST));
		EXPECT_TRUE(has_pattern(at + segments[i].length - EDU_MOST,
					EDU_MOST, i));
	}
	EXPECT_EQ(self->map + self->block.length, at);
}

/* At the end of the claim all mappings must be gone; only pinned pages remain. */
TEST_F(device, revoked)
{
	struct ndshm_block_query_args query;
	const __u64 before = ndshm_locked(self->fd);
	struct ndshm_segment segments[64];
	unsigned char copy[4096];
	int ends[2];

	take(_metadata, self, 2 * PART, segments, ARRAY_SIZE(segments));
	fill_pattern(self->map, 2 * PART, 13);
	ASSERT_EQ(0, pipe(ends));
	ASSERT_TRUE(ndshm_put_into_pipe(ends[1], self->map, sizeof(copy)));
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	test_sigbus(self->map);
	test_sigbus(self->map + PART - 1);
	test_sigbus(self->map + self->block.length - 1);
	query = block_query_request(self->block.handle);
	test_err_block_query(ENODEV, NDSHM_REASON_BLOCK_REVOKED, self->fd,
			     &query);
	EXPECT_EQ(before, ndshm_locked(self->fd));
	ASSERT_EQ((ssize_t)sizeof(copy), read(ends[0], copy, sizeof(copy)));
	EXPECT_TRUE(has_pattern(copy, sizeof(copy), 13));
	close(ends[0]);
	close(ends[1]);
}

/*
 * If a device could only be reached through bounce buffers, the allocation must
 * fail.
 */
TEST_F(device, never_bounced)
{
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->edu.adapter.id, 1, &self->block);

	if (!ndshm_bounces_all())
		SKIP(return, "the machine has not only bounce buffers");
	test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH);
	alloc.provider = self->provider;
	test_err_block_alloc(EINVAL, NDSHM_REASON_PROVIDER_INVALID, self->fd,
			     &alloc);
}

#define TOUCHERS	2
#define ENDS		40	/* rounds: an unbind during accesses, later in each round */

struct toucher {
	pthread_t thread;
	unsigned char *map;
	size_t length;
	atomic_bool *stop;
	unsigned int gone;
};

/* Touch the mapping, which makes faults map it again, until it is revoked. */
static void *touch(void *argument)
{
	struct toucher *toucher = argument;
	size_t at;

	while (!atomic_load(toucher->stop) && !toucher->gone) {
		madvise(toucher->map, toucher->length, MADV_DONTNEED);
		for (at = 0; at < toucher->length; at += 1 << 16)
			if (!ndshm_readable(toucher->map + at))
				toucher->gone++;
	}
	return NULL;
}

/* Page faults race with the revocation of the memory. */
TEST_F_TIMEOUT(device, revoked_while_touched, 300)
{
	unsigned int round, rounds = ndshm_rounds(ENDS, 4), i;
	struct toucher touchers[TOUCHERS];
	struct ndshm_segment segments[64];
	const struct ndshm_cases before = *ndshm_cases;
	atomic_bool stop;

	for (round = 0; round < rounds; round++) {
		take(_metadata, self, 2 * PART, segments, ARRAY_SIZE(segments));
		atomic_init(&stop, false);
		for (i = 0; i < TOUCHERS; i++) {
			touchers[i] = (struct toucher){
				.map = self->map, .length = self->block.length,
				.stop = &stop,
			};
			ASSERT_EQ(0, pthread_create(&touchers[i].thread, NULL,
						    touch, &touchers[i]));
		}
		if (round % 2)
			usleep(1000 * (round % 8));
		ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
		for (i = 0; i < self->block.length; i += PART / 4)
			EXPECT_FALSE(ndshm_readable(self->map + i));
		atomic_store(&stop, true);
		for (i = 0; i < TOUCHERS; i++)
			ASSERT_EQ(0, pthread_join(touchers[i].thread, NULL));
		munmap(self->map, self->block.length);
		close(self->fd);
		ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
		self->fd = ndshm_open();
		ASSERT_LE(0, self->fd);
	}
	ndshm_one_case(&before, false);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
