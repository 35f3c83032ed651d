// SPDX-License-Identifier: GPL-2.0
/*
 * The provider "reserve": its size, and that its chunks are zeroed, are there after memory was
 * fragmented, and leave it when they are broken or pinned. NDSHM_KO is the module's file, to load
 * it again.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <linux/kernel-page-flags.h>

#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

FIXTURE(reserve) {
	int fd;
	__u32 adapter;
	__u32 provider;
	size_t page;
	__u64 chunk;
	struct ndshm_nl nl;
	struct ndshm_block_info block;
	unsigned char *map;
};

#define PARAMETERS	"/sys/module/ndshm/parameters/"
#define SIZE		PARAMETERS "reserve"	/* bytes: there, or to be there */
#define FREE		PARAMETERS "reserve_free"

/* More than the tests need, except the last ones, which know the memory. */
#define MOST_CHUNKS	16

static __u64 free_bytes(void)
{
	struct sysinfo machine;

	return sysinfo(&machine) ? 0 : (__u64)machine.freeram * machine.mem_unit;
}

/* Return: 0 or a negative errno. */
static int set_size(__u64 bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", bytes);
	return ndshm_write_file(SIZE, text);
}

FIXTURE_SETUP(reserve)
{
	struct ndshm_get_info_args info = get_info_request();
	struct ndshm_nl_provider provider;

	if (geteuid())
		SKIP(return, "only root sets the size");
	/* The longer a huge page is, the sooner earlier tests leave no free memory for it. */
	if (huge_size() > 2 << 20) {
		ndshm_write_file("/proc/sys/vm/drop_caches", "3");
		ndshm_write_file("/proc/sys/vm/compact_memory", "1");
	}
	if (free_bytes() < MOST_CHUNKS * huge_size())
		SKIP(return, "the machine has too little memory for huge pages of its size");
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	self->page = page_size();
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "reserve", &provider));
	EXPECT_TRUE(provider.mappable);
	EXPECT_TRUE(provider.open);
	self->provider = provider.id;
	self->chunk = huge_size();
}

FIXTURE_TEARDOWN(reserve)
{
	if (!self->chunk)
		return;
	close(self->fd);
	EXPECT_EQ(0, set_size(0));
	EXPECT_TRUE(ndshm_soon(!ndshm_read_number(SIZE)));
	ndshm_nl_close(&self->nl);
}

/* Expect so many chunks, and so many of them in use. */
#define test_chunks(expected, in_use) do { \
	const long long all_ = (expected), chunk_ = self->chunk; \
	EXPECT_EQ(all_ * chunk_, ndshm_read_number(SIZE)); \
	EXPECT_EQ((all_ - (in_use)) * chunk_, ndshm_read_number(FREE)); \
} while (0)

#define test_resize(count) ASSERT_EQ(0, set_size((count) * self->chunk))

static struct ndshm_block_alloc_args request(struct _test_data_reserve *self, __u64 length)
{
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, length, &self->block);

	alloc.provider = self->provider;
	return alloc;
}

static void make(struct __test_metadata *_metadata, struct _test_data_reserve *self,
		 __u64 length)
{
	struct ndshm_block_alloc_args alloc = request(self, length);

	test_block_alloc(self->fd, &alloc);
	EXPECT_FALSE(self->block.flags & NDSHM_BLOCK_REUSABLE);
	self->map = test_map_block(self->fd, &self->block);
}

/* The memory has gone on return. */
static void unmake(struct __test_metadata *_metadata, struct _test_data_reserve *self)
{
	EXPECT_EQ(0, munmap(self->map, self->block.length));
	test_free_handle(self->fd, self->block.handle);
	EXPECT_TRUE(ndshm_soon(!ndshm_nl_block_lives(&self->nl,
						     self->block.shared_memory_handle)));
}

/*
 * Size
 */

TEST_F(reserve, set_and_get)
{
	const __u64 sizes[] = {
		4 * self->chunk, 3 * self->chunk + 1, 1, 0, 7 * self->chunk - 1, self->chunk,
	};
	const __u32 chunks[] = { 4, 4, 1, 0, 7, 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(0, set_size(sizes[i]));
		test_chunks(chunks[i], 0);
	}
}

/* None of these has an effect. */
TEST_F(reserve, refused)
{
	pid_t child;
	int peer;

	test_resize(2);
	ndshm_case(false);
	EXPECT_EQ(-ERANGE, set_size(UINT64_MAX));
	EXPECT_EQ(-EINVAL, ndshm_write_file(SIZE, "much"));
	EXPECT_EQ(-EACCES, ndshm_write_file(FREE, "0"));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
		EXPECT_EQ(-EACCES, set_size(self->chunk));
		/* The size is public, but not what others do. */
		EXPECT_EQ(2 * (long long)self->chunk, ndshm_read_number(SIZE));
		EXPECT_EQ(-1, ndshm_read_number(FREE));
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	test_chunks(2, 0);
}

/* More than there is: what was allocated stays, and the kernel kills no process for it. */
TEST_F(reserve, falls_short)
{
	int log = ndshm_log_open();
	struct sysinfo machine;
	__u64 most;

	ASSERT_LE(0, log);
	ASSERT_EQ(0, sysinfo(&machine));
	most = (__u64)machine.totalram * machine.mem_unit;
	ndshm_case(false);
	EXPECT_EQ(-ENOMEM, set_size(most));
	EXPECT_LT(0, ndshm_read_number(SIZE));
	EXPECT_GT((long long)most, ndshm_read_number(SIZE));
	EXPECT_EQ(ndshm_read_number(SIZE), ndshm_read_number(FREE));
	test_resize(0);
	test_chunks(0, 0);
	EXPECT_FALSE(ndshm_logged(log, "Out of memory", ""));
	close(log);
}

/*
 * Blocks
 */

/* The reason for which the client @fd gets no block, or 0. */
static int ask(struct _test_data_reserve *self, int fd)
{
	struct ndshm_block_alloc_args alloc = request(self, 1);

	return ioctl(fd, NDSHM_BLOCK_ALLOC, &alloc) ? alloc.reason : 0;
}

/* As huge pages of a memfd: any user may have the chunks, within the user's limit. */
TEST_F(reserve, users)
{
	int few = ndshm_open_as(NDSHM_USER_A, self->chunk - self->page);
	int enough = ndshm_open_as(NDSHM_USER_A, self->chunk);

	test_resize(2);
	/* One page is asked for, but a chunk is charged. */
	ndshm_case(false);
	EXPECT_EQ(NDSHM_REASON_MEMLOCK, ask(self, few));
	test_chunks(2, 0);
	ndshm_case(true);
	EXPECT_EQ(0, ask(self, enough));
	test_chunks(2, 1);
	close(enough);
	close(few);
}

/* A block has whole chunks, and its user is charged for all of them. */
TEST_F(reserve, lengths)
{
	const __u64 lengths[] = {
		1, self->page, self->chunk - 1, self->chunk, self->chunk + 1,
		3 * self->chunk, 3 * self->chunk + self->page,
	};
	const __u32 chunks[] = { 1, 1, 1, 1, 2, 3, 4 };
	struct ndshm_state before = test_state(self->fd), now;
	struct ndshm_nl_block shown;
	unsigned int i;
	__u64 length;

	test_resize(4);
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		make(_metadata, self, lengths[i]);
		length = (lengths[i] + self->page - 1) / self->page * self->page;
		EXPECT_EQ(length, self->block.length);
		EXPECT_EQ(chunks[i] * self->chunk, self->block.consumed);
		test_chunks(4, chunks[i]);
		now = test_state(self->fd);
		EXPECT_EQ(before.user_locked + self->block.consumed, now.user_locked);
		ASSERT_EQ(0, ndshm_nl_block_by_id(&self->nl, self->block.shared_memory_handle,
						  &shown));
		EXPECT_EQ(self->block.consumed, shown.consumed);
		EXPECT_TRUE(all_bytes(self->map, length, 0));
		fill_pattern(self->map, length, i);
		EXPECT_TRUE(has_pattern(self->map, length, i));
		unmake(_metadata, self);
		test_chunks(4, 0);
		now = test_state(self->fd);
		EXPECT_EQ(before.user_locked, now.user_locked);
	}
}

/* The chunks are spread over the nodes, and blocks have those of their node. */
TEST_F(reserve, nodes)
{
	const int nodes = access("/sys/devices/system/node/node1", F_OK) ? 1 : 2;
	struct ndshm_block_alloc_args alloc;
	int status, node;
	void *page;

	test_resize(4);
	for (node = 0; node < nodes; node++) {
		alloc = request(self, 4 / nodes * self->chunk);
		alloc.preferred_node = node;
		test_block_alloc(self->fd, &alloc);
		self->map = test_map_block(self->fd, &self->block);
		memset(self->map, 1, self->block.length);
		page = self->map + self->block.length - self->chunk;
		ASSERT_EQ(0, syscall(__NR_move_pages, 0, 1UL, &page, NULL, &status, 0));
		EXPECT_EQ(node, status);
		unmake(_metadata, self);
	}
	/* Those of other nodes serve as well. */
	alloc = request(self, 4 * self->chunk);
	alloc.preferred_node = 0;
	test_block_alloc(self->fd, &alloc);
	test_free_handle(self->fd, self->block.handle);
}

/* Each chunk is mapped by one entry, and as a dma-buf as well. */
TEST_F(reserve, mapped)
{
	struct ndshm_block_export_args export;
	unsigned char *map;

	test_resize(3);
	make(_metadata, self, 3 * self->chunk);
	fill_pattern(self->map, self->block.length, 1);
	EXPECT_EQ((long)self->block.length, ndshm_huge_bytes(self->map));
	export = block_export_request(self->block.handle, O_RDWR | O_CLOEXEC);
	test_block_export(self->fd, &export);
	map = mmap(NULL, self->block.length, PROT_READ | PROT_WRITE, MAP_SHARED, export.out_dmabuf,
		   0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_TRUE(has_pattern(map, self->block.length, 1));
	/* The dma-buf has the memory after its block was freed. */
	EXPECT_EQ(0, munmap(self->map, self->block.length));
	test_free_handle(self->fd, self->block.handle);
	fill_pattern(map, self->block.length, 2);
	EXPECT_TRUE(has_pattern(map, self->block.length, 2));
	test_chunks(3, 3);
	EXPECT_EQ(0, munmap(map, self->block.length));
	close(export.out_dmabuf);
	EXPECT_TRUE(ndshm_soon(!ndshm_nl_block_lives(&self->nl,
						     self->block.shared_memory_handle)));
	test_chunks(3, 0);
}

/* Without enough free chunks a request takes none. */
TEST_F(reserve, exhausted)
{
	struct ndshm_block_alloc_args alloc = request(self, 1);

	test_err_block_alloc(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES, self->fd, &alloc);
	test_resize(3);
	alloc = request(self, 3 * self->chunk + 1);
	test_err_block_alloc(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES, self->fd, &alloc);
	test_chunks(3, 0);
	make(_metadata, self, 2 * self->chunk);
	alloc = request(self, 2 * self->chunk);
	test_err_block_alloc(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES, self->fd, &alloc);
	test_chunks(3, 2);
	unmake(_metadata, self);
}

/* mm maps each chunk as a whole, so that all of it must belong to one chunk of the section. */
TEST_F(reserve, sections)
{
	struct ndshm_section_create_args section;

	test_resize(4);
	section = section_create_request(self->adapter, 4 * self->chunk, self->page);
	section.provider = self->provider;
	test_err_section_create(EOPNOTSUPP, NDSHM_REASON_PROVIDER_PAGELESS, self->fd, &section);
	section = section_create_request(self->adapter, 4 * self->chunk,
					 2 * self->chunk - self->page);
	section.provider = self->provider;
	test_err_section_create(EOPNOTSUPP, NDSHM_REASON_PROVIDER_PAGELESS, self->fd, &section);
	test_chunks(4, 0);
	section = section_create_request(self->adapter, 4 * self->chunk, 2 * self->chunk);
	section.provider = self->provider;
	/* A chunk of a section is at most as long as a huge page with pages of 4 KiB. */
	if (self->chunk > 2 << 20) {
		test_err_section_create(EOPNOTSUPP, NDSHM_REASON_PROVIDER_PAGELESS, self->fd,
					&section);
		return;
	}
	test_section_create(self->fd, &section);
	test_chunks(4, 2);
	close(section.out_section);
}

/* The adapter has no IOMMU. */
TEST_F(reserve, contiguous)
{
	struct ndshm_block_alloc_args alloc;

	test_resize(4);
	alloc = request(self, self->chunk);
	alloc.flags = NDSHM_ALLOC_CONTIGUOUS;
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(1, alloc.out_segments);
	test_free_handle(self->fd, self->block.handle);
	alloc = request(self, self->chunk + 1);
	alloc.flags = NDSHM_ALLOC_CONTIGUOUS;
	test_err_block_alloc(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES, self->fd, &alloc);
	test_chunks(4, 0);
}

/* A child of @user that fills its block of all chunks, and waits. */
static pid_t fill_as(struct _test_data_reserve *self, uid_t user, __u64 length, int *peer)
{
	pid_t child = ndshm_fork(peer);
	struct ndshm_block_alloc_args alloc;
	unsigned char *map;
	int fd;

	if (child)
		return child;
	/* A client of its own, which ends with it. */
	fd = ndshm_open();
	close(self->fd);
	alloc = request(self, length);
	if (fd < 0 || !ndshm_become(user) || ioctl(fd, NDSHM_BLOCK_ALLOC, &alloc))
		_exit(1);
	map = ndshm_map(fd, &self->block);
	if (map == MAP_FAILED || !all_bytes(map, length, 0))
		_exit(2);
	memset(map, 0xa5, length);
	ndshm_signal_peer(*peer);
	ndshm_hear(*peer);
	_exit(0);
}

/* The only chunks go from user to user, also if a user is killed: they must be zeroed. */
TEST_F(reserve, zeroed)
{
	const uid_t users[] = { NDSHM_USER_A, NDSHM_USER_B, NDSHM_USER_A, NDSHM_USER_B };
	const long long all = 2 * self->chunk;
	unsigned int i;
	pid_t child;
	int peer;

	test_resize(2);
	for (i = 0; i < ARRAY_SIZE(users); i++) {
		child = fill_as(self, users[i], 2 * self->chunk, &peer);
		ASSERT_LT(0, child);
		ASSERT_TRUE(ndshm_hear(peer))
			TH_LOG("round %u", i);
		test_chunks(2, 2);
		EXPECT_TRUE(i % 2 ? !kill(child, SIGKILL) : ndshm_signal_peer(peer));
		waitpid(child, NULL, 0);
		close(peer);
		EXPECT_TRUE(ndshm_soon(ndshm_read_number(FREE) == all));
	}
}

/*
 * Pins
 */

#define PINNED	8192

/* Pin the first pages of the block by the pipe @ends, and free the block. */
static void unmake_pinned(struct __test_metadata *_metadata, struct _test_data_reserve *self,
			  const int *ends, unsigned int seed)
{
	struct iovec what = { self->map, PINNED };

	fill_pattern(self->map, self->block.length, seed);
	ASSERT_EQ(PINNED, vmsplice(ends[1], &what, 1, 0));
	unmake(_metadata, self);
}

/* Unpin them, and compare what they have with what they had. */
static void unpin(struct __test_metadata *_metadata, const int *ends, unsigned int seed)
{
	unsigned char copy[PINNED];

	ASSERT_EQ(PINNED, read(ends[0], copy, sizeof(copy)));
	EXPECT_TRUE(has_pattern(copy, sizeof(copy), seed));
	close(ends[0]);
	close(ends[1]);
}

/*
 * A pin outlives the block, but not the charge: the chunk leaves the reserve, and setting the size
 * adds another one.
 */
TEST_F(reserve, pinned)
{
	const __u64 before = ndshm_locked(self->fd);
	int log = ndshm_log_open(), ends[2];

	ASSERT_LE(0, log);
	ASSERT_EQ(0, pipe(ends));
	test_resize(2);
	make(_metadata, self, 2 * self->chunk);
	unmake_pinned(_metadata, self, ends, 12);
	test_chunks(1, 0);
	EXPECT_EQ(before, ndshm_locked(self->fd));
	EXPECT_TRUE(ndshm_logged(log, "ndshm: reserve: ", " bytes lost, pinned "));
	test_resize(2);
	test_chunks(2, 0);
	make(_metadata, self, 2 * self->chunk);
	EXPECT_TRUE(all_bytes(self->map, self->block.length, 0));
	memset(self->map, 0xee, self->block.length);
	unpin(_metadata, ends, 12);
	unmake(_metadata, self);
	test_chunks(2, 0);
	close(log);
}

#define HARD_OFFLINE	"/sys/devices/system/memory/hard_offline_page"

/* Let a page fail. Return: true if it failed. */
static bool break_page(struct _test_data_reserve *self, unsigned long long address)
{
	char text[32];

	snprintf(text, sizeof(text), "%#llx", address);
	ndshm_write_file(HARD_OFFLINE, text);
	return ndshm_frame_has(address / self->page, KPF_HWPOISON);
}

/* A chunk with a page that failed leaves the reserve, and goes to no user. */
TEST_F(reserve, failed)
{
	unsigned long long frame;

	test_resize(2);
	make(_metadata, self, 2 * self->chunk);
	memset(self->map, 1, self->block.length);
	frame = ndshm_physical(self->map + 5 * self->page) / self->page;
	ASSERT_NE(0, frame);
	/* The kernel logs it as an error. */
	ndshm_fail_page(self->map + 5 * self->page, self->page);
	if (!ndshm_frame_has(frame, KPF_HWPOISON))
		SKIP(return, "the kernel does not have memory fail");
	unmake(_metadata, self);
	test_chunks(1, 0);
}

/*
 * The same for a page behind the end of a block, and for a chunk that is free. Only kernels that
 * can take memory offline let such pages fail.
 */
TEST_F(reserve, failed_unmapped)
{
	struct ndshm_block_alloc_args alloc;
	unsigned long long address;

	if (access(HARD_OFFLINE, W_OK))
		SKIP(return, "the kernel cannot take memory offline");
	test_resize(2);
	make(_metadata, self, self->page);
	self->map[0] = 1;
	address = ndshm_physical(self->map);
	ASSERT_NE(0, address);
	ASSERT_TRUE(break_page(self, address + 5 * self->page));
	unmake(_metadata, self);
	test_chunks(1, 0);
	make(_metadata, self, self->chunk);
	self->map[0] = 1;
	address = ndshm_physical(self->map);
	unmake(_metadata, self);
	test_chunks(1, 0);
	ASSERT_TRUE(break_page(self, address + 7 * self->page));
	alloc = request(self, 1);
	test_err_block_alloc(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES, self->fd, &alloc);
	test_chunks(0, 0);
}

/* Below what is in use the reserve shrinks as blocks are freed. */
TEST_F(reserve, shrinks_later)
{
	test_resize(4);
	make(_metadata, self, 3 * self->chunk);
	fill_pattern(self->map, self->block.length, 1);
	test_resize(1);
	test_chunks(3, 3);
	EXPECT_TRUE(has_pattern(self->map, self->block.length, 1));
	unmake(_metadata, self);
	test_chunks(1, 0);
	/* Growing meanwhile needs no new chunk. */
	test_resize(2);
	make(_metadata, self, 2 * self->chunk);
	test_resize(0);
	test_chunks(2, 2);
	test_resize(2);
	test_chunks(2, 2);
	unmake(_metadata, self);
	test_chunks(2, 0);
}

/* Allocate, check, fill and free until told to end; some blocks end with their killed process. */
static void load(struct _test_data_reserve *self, unsigned int number, int peer)
{
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_free_args free;
	unsigned char *map;
	int fd = ndshm_open();

	close(self->fd);
	for (;;) {
		if (recv(peer, &(char){ 0 }, 1, MSG_DONTWAIT) >= 0)
			_exit(0);
		alloc = request(self, (1 + number % 3) * self->chunk);
		if (ioctl(fd, NDSHM_BLOCK_ALLOC, &alloc)) {
			if (alloc.reason != NDSHM_REASON_PROVIDER_RESOURCES)
				_exit(1);
			continue;
		}
		map = ndshm_map(fd, &self->block);
		if (map == MAP_FAILED || !all_bytes(map, self->page, 0) ||
		    !all_bytes(map + self->block.length - self->page, self->page, 0))
			_exit(2);
		memset(map, 0xa5, self->page);
		memset(map + self->block.length - self->page, 0xa5, self->page);
		munmap(map, self->block.length);
		free = block_free_request(self->block.handle);
		if (ioctl(fd, NDSHM_BLOCK_FREE, &free))
			_exit(3);
	}
}

#define LOADS	4

TEST_F(reserve, resized_under_load)
{
	const unsigned int rounds = ndshm_rounds(400, 40);
	const long long left = 5 * self->chunk;
	pid_t children[LOADS];
	int peers[LOADS], status;
	unsigned int i;

	for (i = 0; i < LOADS; i++) {
		children[i] = ndshm_fork(&peers[i]);
		ASSERT_LE(0, children[i]);
		if (!children[i])
			load(self, i, peers[i]);
	}
	for (i = 0; i < rounds; i++)
		test_resize((i * 7) % 12);
	test_resize(5);
	for (i = 0; i < LOADS; i++)
		EXPECT_TRUE(ndshm_end(children[i], peers[i], i ? 0 : SIGKILL));
	/* Another status is that of an error in load(). */
	for (i = 0; i < LOADS; i++) {
		EXPECT_EQ(children[i], waitpid(children[i], &status, 0));
		EXPECT_EQ(i ? 0 : SIGKILL, status);
		close(peers[i]);
	}
	EXPECT_TRUE(ndshm_soon(ndshm_read_number(FREE) == left));
	test_chunks(5, 0);
}

/*
 * Fragmented memory
 */

#define CHUNKS		400
#define SMALL		(64 << 10)
/* Small blocks for each of which a chunk's length of memory is occupied. */
#define SMALL_IN_CHUNK	(self->chunk / SMALL)
/* Memory that the machine keeps. */
#define KEPT		(128ULL << 20)
/* Less than the handles of a client. */
#define MOST_SMALL	((2ULL << 30) / SMALL - 1)

/* Return: how many blocks of a chunk the provider has, at most @most. They are freed again. */
static unsigned int count_chunks(struct _test_data_reserve *self, __u32 provider, unsigned int most)
{
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_free_args free;
	__u32 handles[CHUNKS];
	unsigned int count, i;

	for (count = 0; count < most; count++) {
		alloc = request(self, self->chunk);
		alloc.provider = provider;
		alloc.flags = NDSHM_ALLOC_CONTIGUOUS;
		if (ioctl(self->fd, NDSHM_BLOCK_ALLOC, &alloc))
			break;
		handles[count] = self->block.handle;
	}
	for (i = 0; i < count; i++) {
		free = block_free_request(handles[i]);
		if (ioctl(self->fd, NDSHM_BLOCK_FREE, &free))
			return 0;
	}
	return count;
}

/* Occupy all memory with small blocks, and free all but one of each chunk's length. */
static unsigned int fragment(struct _test_data_reserve *self, __u32 provider, __u32 *handles)
{
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_free_args free;
	unsigned int count, i, kept = 0;

	for (count = 0; count < MOST_SMALL; count++) {
		if (count % 64 == 0 && free_bytes() < KEPT)
			break;
		alloc = request(self, SMALL);
		alloc.provider = provider;
		if (ioctl(self->fd, NDSHM_BLOCK_ALLOC, &alloc))
			break;
		handles[count] = self->block.handle;
	}
	for (i = 0; i < count; i++) {
		if (i % SMALL_IN_CHUNK == SMALL_IN_CHUNK / 2) {
			kept++;
			continue;
		}
		free = block_free_request(handles[i]);
		if (ioctl(self->fd, NDSHM_BLOCK_FREE, &free))
			return 0;
	}
	return kept;
}

/* Small blocks all over the memory leave few chunks to "pages", and all of them to "reserve". */
/* With the checks of a debug kernel an emulated machine needs minutes. */
TEST_F_TIMEOUT(reserve, fragmented, 600)
{
	unsigned int most, pages, kept, after, reserved;
	struct ndshm_nl_provider provider;
	__u32 *handles;

	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "pages", &provider));
	/* At most half of the memory, so that "pages" can have as much before. */
	most = free_bytes() > KEPT ? (free_bytes() - KEPT) / 2 / self->chunk : 0;
	most = most < CHUNKS ? most : CHUNKS;
	if (most < 16)
		SKIP(return, "the machine has too little memory");
	if (free_bytes() - most * self->chunk > MOST_SMALL * SMALL)
		SKIP(return, "the machine has too much memory");
	handles = malloc(MOST_SMALL * sizeof(*handles));
	ASSERT_NE(NULL, handles);
	test_resize(most);
	pages = count_chunks(self, provider.id, most);
	kept = fragment(self, provider.id, handles);
	ASSERT_LT(0, kept);
	after = count_chunks(self, provider.id, most);
	reserved = count_chunks(self, self->provider, most);
	TH_LOG("%u small blocks; pages: %u of %u before, %u after; reserve: %u of %u",
	       kept, pages, most, after, reserved, most);
	/* Else memory was not fragmented, and nothing is shown. */
	EXPECT_GT(most / 2, after);
	EXPECT_LE(most * 95 / 100, reserved);
	free(handles);
}

/*
 * Load and unload
 */

#define AT_LOAD	(256 << 20)
#define RELOADS	6

/* The module has the reserve at load, and leaves nothing of it when it is unloaded. */
TEST_F(reserve, at_load)
{
	const unsigned int chunks = (AT_LOAD + self->chunk - 1) / self->chunk;
	const char *module = getenv("NDSHM_KO");
	__u64 free_then[RELOADS], kept;
	char parameters[64];
	int i;

	if (!module)
		SKIP(return, "NDSHM_KO does not name the module");
	snprintf(parameters, sizeof(parameters), "reserve=%llu", chunks * self->chunk - 1);
	ndshm_nl_close(&self->nl);
	close(self->fd);
	for (i = 0; i < RELOADS; i++) {
		ASSERT_TRUE(ndshm_soon(!ndshm_unload_module("ndshm")));
		free_then[i] = free_bytes();
		ASSERT_EQ(0, ndshm_load_module(module, i < RELOADS - 1 ? parameters : ""));
		test_chunks(i < RELOADS - 1 ? chunks : 0, 0);
	}
	/*
	 * Processors keep some of the freed pages, which are not counted as free, but not more each
	 * time: at most one each of huge pages of 512 MiB.
	 */
	kept = AT_LOAD / 2;
	if (self->chunk > AT_LOAD)
		kept += sysconf(_SC_NPROCESSORS_ONLN) * self->chunk;
	EXPECT_LT(free_then[1], free_then[RELOADS - 1] + kept)
		TH_LOG("%llu, %llu, %llu, %llu", free_then[0], free_then[1], free_then[2],
		       free_then[RELOADS - 1]);
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	self->fd = ndshm_open();
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
