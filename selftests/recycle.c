// SPDX-License-Identifier: GPL-2.0
/*
 * NDSHM_ALLOC_RECYCLE: freed blocks that their client keeps for its next allocations. A block that
 * is kept stays charged, so the account tells whether an allocation reused one.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "ndshm_edu.h"
#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

/* Blocks that a client keeps, and bytes of the longest one and of all of them. */
#define MOST	128
#define LONGEST	(64UL << 20)
#define BYTES	(2 * LONGEST)

/* A longer block is kept if its chunks have at least this length. */
#define CHUNK	(2UL << 20)
#define SHORT	"memory is in short chunks"

#define HARD_OFFLINE	"/sys/devices/system/memory/hard_offline_page"

FIXTURE(recycle) {
	int fd;
	__u32 adapter;
	size_t page;
	__u64 before;	/* charged to this user before the test */
	struct ndshm_nl nl;
};

static struct ndshm_block_alloc_args recycle_request(__u32 adapter, __u64 length,
						     struct ndshm_block_info *block)
{
	struct ndshm_block_alloc_args alloc = block_alloc_request(adapter, length, block);

	alloc.flags = NDSHM_ALLOC_RECYCLE;
	alloc.provider = 0;
	return alloc;
}

static struct ndshm_block_info recycle_new(struct __test_metadata *_metadata, int line,
					   int fd, __u32 adapter, __u64 length)
{
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;

	alloc = recycle_request(adapter, length, &block);
	ndshm_pass(_metadata, line, fd, NDSHM_BLOCK_ALLOC, &alloc);
	return block;
}

#define test_new_recycled(fd, length) \
	recycle_new(_metadata, __LINE__, fd, self->adapter, length)

/* Expect that so many bytes are charged to this user beyond those of before the test. */
#define test_charge(bytes) do { \
	__u64 bytes_ = (bytes), seen_ = test_state(self->fd).user_locked - self->before; \
	EXPECT_EQ(bytes_, seen_) \
		TH_LOG("line %d: %llu bytes are charged", __LINE__, \
		       (unsigned long long)seen_); \
} while (0)

/* Leave a block of @length bytes in the cache of a new client. */
#define test_keep(length) do { \
	struct ndshm_block_info kept_ = test_new_recycled(self->fd, length); \
	test_free_handle(self->fd, kept_.handle); \
	test_charge(kept_.consumed); \
} while (0)

FIXTURE_SETUP(recycle)
{
	struct ndshm_get_info_args info = get_info_request();
	struct ndshm_block_query_args query = { .size = sizeof(query) };
	struct ndshm_nl_provider pages;

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	self->page = page_size();
	/* The charge of memory that the program before has pinned can end during this one. */
	if (!ndshm_soon(!test_user_locked()))
		TH_LOG("other memory is charged to this user");
	self->before = test_state(self->fd).user_locked;
	query.handle = test_new_recycled(self->fd, 1).handle;
	EXPECT_EQ(0, ioctl(self->fd, NDSHM_BLOCK_QUERY, &query));
	close(self->fd);
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "pages", &pages));
	if (query.out_provider != pages.id)
		SKIP(return, "memory that is not coherent is not recycled");
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
}

/* No test may leave a charge behind. */
FIXTURE_TEARDOWN(recycle)
{
	int fd;

	close(self->fd);
	ndshm_nl_close(&self->nl);
	fd = ndshm_open();
	EXPECT_TRUE(ndshm_soon(test_state(fd).user_locked == self->before))
		TH_LOG("%llu bytes are still charged",
		       (unsigned long long)(test_state(fd).user_locked - self->before));
	close(fd);
}

TEST_F(recycle, kept_and_reused)
{
	struct ndshm_block_info first, second;
	size_t length;

	for (length = self->page; length <= CHUNK; length *= 2) {
		first = test_new_recycled(self->fd, length);
		test_charge(first.consumed);
		test_free_handle(self->fd, first.handle);
		test_charge(first.consumed);
		EXPECT_EQ(0, test_state(self->fd).blocks);
		EXPECT_EQ(0, test_state(self->fd).bytes);
		/* A length that takes the same pages. */
		second = test_new_recycled(self->fd, length - 1);
		test_charge(first.consumed);
		EXPECT_EQ(first.length, second.length);
		EXPECT_EQ(first.consumed, second.consumed);
		EXPECT_EQ(first.flags, second.flags);
		EXPECT_EQ(first.address, second.address);
		close(self->fd);
		self->fd = ndshm_open();
		ASSERT_LE(0, self->fd);
	}
}

/*
 * Allocate a block of several chunks and free it. Return: true if it is kept, and what is kept is
 * what was allocated; false if memory was in shorter chunks.
 */
static bool keep_long(struct __test_metadata *_metadata, struct _test_data_recycle *self,
		      size_t length)
{
	const __u64 before = test_state(self->fd).user_locked - self->before;
	struct ndshm_segment segments[LONGEST / CHUNK];
	struct ndshm_block_query_args query;
	struct ndshm_block_info block;
	bool chunks = true;
	unsigned int i;

	block = test_new_recycled(self->fd, length);
	EXPECT_EQ(length, block.consumed);
	query = block_query_request(block.handle);
	query.segments = to_u64(segments);
	query.segment_capacity = ARRAY_SIZE(segments);
	if (ioctl(self->fd, NDSHM_BLOCK_QUERY, &query))
		chunks = false;
	for (i = 0; chunks && i < block.segments; i++)
		chunks = !(segments[i].length % CHUNK) &&
			 (segments[i].address == NDSHM_ADDRESS_HIDDEN ||
			  !(segments[i].address % CHUNK));
	test_free_handle(self->fd, block.handle);
	test_charge(chunks ? before + length : before);
	return chunks;
}

/* Blocks of several chunks, also in steps of which each is zeroed. */
TEST_F(recycle, long)
{
	struct ndshm_block_info block;
	size_t length;
	char *map;

	for (length = 2 * CHUNK; length <= 8 * CHUNK; length *= 2) {
		if (!keep_long(_metadata, self, length))
			SKIP(return, SHORT);
		block = test_new_recycled(self->fd, length);
		test_charge(length);
		map = test_map_block(self->fd, &block);
		memset(map, 0x5a, length);
		EXPECT_EQ(0, munmap(map, length));
		test_free_handle(self->fd, block.handle);
		block = test_new_recycled(self->fd, length);
		test_charge(length);
		map = test_map_block(self->fd, &block);
		EXPECT_TRUE(all_bytes(map, length, 0));
		EXPECT_EQ(0, munmap(map, length));
		close(self->fd);
		self->fd = ndshm_open();
		ASSERT_LE(0, self->fd);
	}
	if (!keep_long(_metadata, self, LONGEST))
		SKIP(return, SHORT);
}

/* A page that fails while it waits, of the last chunk. */
TEST_F(recycle, failed)
{
	struct ndshm_segment segments[2];
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;
	char text[32];
	__u64 failed;
	char *map;

	if (geteuid())
		SKIP(return, "only root can have memory fail");
	if (access(HARD_OFFLINE, W_OK))
		SKIP(return, "the kernel cannot take memory offline");
	if (!keep_long(_metadata, self, 2 * CHUNK))
		SKIP(return, SHORT);
	alloc = recycle_request(self->adapter, 2 * CHUNK, &block);
	alloc.segments = to_u64(segments);
	alloc.segment_capacity = 2;
	test_block_alloc(self->fd, &alloc);
	test_charge(2 * CHUNK);
	/* The node's adapter has no IOMMU. */
	failed = block.segments == 1 ? block.address + CHUNK : segments[1].address;
	test_free_handle(self->fd, block.handle);
	/* The kernel cannot recover such a page, and logs that. */
	snprintf(text, sizeof(text), "%#llx", (unsigned long long)failed);
	ndshm_write_file(HARD_OFFLINE, text);
	test_block_alloc(self->fd, &alloc);
	EXPECT_NE(failed, block.segments == 1 ? block.address + CHUNK : segments[1].address);
	EXPECT_TRUE(ndshm_soon(test_state(self->fd).user_locked - self->before == 2 * CHUNK));
	map = test_map_block(self->fd, &block);
	EXPECT_TRUE(all_bytes(map, 2 * CHUNK, 0));
	EXPECT_EQ(0, munmap(map, 2 * CHUNK));
}

/* What is kept in several segments is not for a caller with room for one. */
TEST_F(recycle, few_segments)
{
	struct ndshm_block_info separate[16], block;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_segment segments[2];
	unsigned int i;
	int error;

	/* Every second chunk is free. */
	for (i = 0; i < ARRAY_SIZE(separate); i++) {
		alloc = block_alloc_request(self->adapter, CHUNK, &separate[i]);
		alloc.provider = 0;
		test_block_alloc(self->fd, &alloc);
	}
	for (i = 0; i < ARRAY_SIZE(separate); i += 2)
		test_free_handle(self->fd, separate[i].handle);
	alloc = recycle_request(self->adapter, 2 * CHUNK, &block);
	alloc.segments = to_u64(segments);
	alloc.segment_capacity = 2;
	test_block_alloc(self->fd, &alloc);
	test_free_handle(self->fd, block.handle);
	if (alloc.out_segments == 1)
		SKIP(return, "the chunks are one segment");
	/* A new block, if memory has one of one segment. */
	alloc.segment_capacity = 1;
	error = _test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(error ? NDSHM_REASON_LIST_SHORT : NDSHM_REASON_NONE, alloc.reason);
	test_charge((ARRAY_SIZE(separate) / 2 + (error ? 2 : 4)) * CHUNK);
}

/* Of lengths that an allocation rounds up, or too long. */
TEST_F(recycle, not_kept)
{
	const size_t pages[] = { 3, 5, 15, 17, 511, 513, BYTES / self->page };
	struct ndshm_block_info block;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		block = test_new_recycled(self->fd, pages[i] * self->page);
		test_charge(block.consumed);
		test_free_handle(self->fd, block.handle);
		test_charge(0);
	}
}

/* Without the flag blocks are neither kept nor taken from those that are. */
TEST_F(recycle, without_the_flag)
{
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc;

	test_keep(1);
	alloc = recycle_request(self->adapter, 1, &block);
	alloc.flags = 0;
	test_block_alloc(self->fd, &alloc);
	test_charge(2 * self->page);
	test_free_handle(self->fd, block.handle);
	test_charge(self->page);
}

/* A block with other properties is a new one. */
TEST_F(recycle, only_if_equal)
{
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		test_keep(1);
		alloc = recycle_request(self->adapter, 1, &block);
		if (i == 0)
			alloc.usage = NDSHM_USAGE_XMIT;
		else if (i == 1)
			alloc.preferred_node = 0;
		else if (i == 2)
			alloc.flags |= NDSHM_ALLOC_CONTIGUOUS;
		else
			alloc.length = 2 * self->page;
		test_block_alloc(self->fd, &alloc);
		test_charge(self->page + block.consumed);
		test_free_handle(self->fd, block.handle);
		/* Both are found again. */
		test_block_alloc(self->fd, &alloc);
		test_new_recycled(self->fd, 1);
		test_charge(self->page + block.consumed);
		close(self->fd);
		self->fd = ndshm_open();
		ASSERT_LE(0, self->fd);
	}
}

/* A block is reused for any tag, and has the new one. */
TEST_F(recycle, tag_is_new)
{
	static const __u32 tags[] = { NDSHM_TAG('a', 'b', 'c', 'd'), 0, 1 };
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;
	struct ndshm_nl_block seen;
	unsigned int i;

	test_keep(1);
	for (i = 0; i < ARRAY_SIZE(tags); i++) {
		alloc = recycle_request(self->adapter, 1, &block);
		alloc.tag = tags[i];
		test_block_alloc(self->fd, &alloc);
		test_charge(self->page);
		ASSERT_EQ(0, ndshm_nl_block_by_id(&self->nl, block.shared_memory_handle, &seen));
		EXPECT_EQ(tags[i], seen.tag);
		EXPECT_EQ(!!tags[i], !!(seen.present & 1U << NDSHM_A_BLOCK_TAG));
		test_free_handle(self->fd, block.handle);
	}
}

TEST_F(recycle, zeroed)
{
	struct ndshm_block_info block;
	size_t length;
	void *map;
	int round;

	for (length = self->page; length <= CHUNK; length *= 2)
		for (round = 0; round < 3; round++) {
			block = test_new_recycled(self->fd, length);
			map = test_map_block(self->fd, &block);
			EXPECT_TRUE(all_bytes(map, block.length, 0));
			memset(map, 0x5a, block.length);
			EXPECT_EQ(0, munmap(map, block.length));
			test_free_handle(self->fd, block.handle);
			test_charge(2 * length - self->page);
		}
}

/* Handle, id and list are those of a block that ended. */
TEST_F(recycle, ends)
{
	struct ndshm_block_info first = test_new_recycled(self->fd, 1), second;

	EXPECT_TRUE(ndshm_nl_block_lives(&self->nl, first.shared_memory_handle));
	test_free_handle(self->fd, first.handle);
	EXPECT_FALSE(ndshm_nl_block_lives(&self->nl, first.shared_memory_handle));
	test_no_handle(self->fd, first.handle);
	test_errno(ENXIO, self->fd, ndshm_map(self->fd, &first));
	second = test_new_recycled(self->fd, 1);
	test_charge(self->page);
	EXPECT_NE(first.handle, second.handle);
	EXPECT_NE(first.shared_memory_handle, second.shared_memory_handle);
	EXPECT_TRUE(ndshm_nl_block_lives(&self->nl, second.shared_memory_handle));
	EXPECT_FALSE(ndshm_nl_block_lives(&self->nl, first.shared_memory_handle));
	test_no_handle(self->fd, first.handle);
}

/* A call reuses all its blocks, or none. */
TEST_F(recycle, batch)
{
	struct ndshm_block_info blocks[16];
	__u32 handles[ARRAY_SIZE(blocks)];
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_free_args request;
	unsigned int count, round, i;

	for (count = 1; count <= ARRAY_SIZE(blocks); count++) {
		alloc = recycle_request(self->adapter, 1, blocks);
		alloc.count = count;
		for (round = 0; round < 3; round++) {
			test_block_alloc(self->fd, &alloc);
			test_charge(count * self->page);
			for (i = 0; i < count; i++)
				handles[i] = blocks[i].handle;
			request = blocks_free_request(handles, count);
			test_block_free(self->fd, &request);
			test_charge(count * self->page);
		}
		/* One is missing. */
		test_new_recycled(self->fd, 1);
		test_charge(count * self->page);
		test_block_alloc(self->fd, &alloc);
		test_charge(2 * count * self->page);
		/* The others were put back. */
		for (i = 1; i < count; i++)
			test_new_recycled(self->fd, 1);
		test_charge(2 * count * self->page);
		test_new_recycled(self->fd, 1);
		test_charge((2 * count + 1) * self->page);
		close(self->fd);
		self->fd = ndshm_open();
		ASSERT_LE(0, self->fd);
	}
}

/* Free more blocks than a client keeps. */
static void free_too_many(struct __test_metadata *_metadata, struct _test_data_recycle *self)
{
	struct ndshm_block_info blocks[MOST + 8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		blocks[i] = test_new_recycled(self->fd, self->page);
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		test_free_handle(self->fd, blocks[i].handle);
	test_charge(MOST * self->page < BYTES ? MOST * self->page : BYTES);
}

TEST_F(recycle, limit)
{
	struct ndshm_block_info blocks[BYTES / CHUNK + 1];
	unsigned int i;

	free_too_many(_metadata, self);
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		blocks[i] = test_new_recycled(self->fd, CHUNK);
		if (blocks[i].segments != 1)
			SKIP(return, SHORT);
	}
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		test_free_handle(self->fd, blocks[i].handle);
	test_charge(BYTES);
}

struct release {
	int fd;
	__u32 handle;
	int error;
};

static void *release_block(void *context)
{
	struct release *release = context;
	struct ndshm_block_free_args request = block_free_request(release->handle);

	release->error = _test_block_free(release->fd, &request);
	return NULL;
}

/* Blocks that are freed at the same time. */
TEST_F(recycle, limit_of_threads)
{
	struct release releases[BYTES / LONGEST + 2];
	pthread_t threads[ARRAY_SIZE(releases)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(releases); i++)
		releases[i] = (struct release){
			.fd = self->fd,
			.handle = test_new_recycled(self->fd, LONGEST).handle,
		};
	for (i = 0; i < ARRAY_SIZE(releases); i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, release_block, &releases[i]));
	for (i = 0; i < ARRAY_SIZE(releases); i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, releases[i].error);
	}
	EXPECT_GE(BYTES, test_state(self->fd).user_locked - self->before);
}

/* A cache full of blocks of one kind makes room for others. */
TEST_F(recycle, other_kinds_make_room)
{
	struct ndshm_block_info block;

	free_too_many(_metadata, self);
	block = test_new_recycled(self->fd, 2 * self->page);
	test_charge(2 * self->page);
	test_free_handle(self->fd, block.handle);
	test_charge(2 * self->page);
}

/* A mapping still shows the memory, so it is not reused. */
TEST_F(recycle, mapped)
{
	struct ndshm_block_info block = test_new_recycled(self->fd, 1);
	char *map = test_map_block(self->fd, &block);

	test_free_handle(self->fd, block.handle);
	test_charge(self->page);
	test_new_recycled(self->fd, 1);
	test_charge(2 * self->page);
	*map = 1;
	EXPECT_EQ(0, munmap(map, block.length));
	EXPECT_TRUE(ndshm_soon(test_state(self->fd).user_locked - self->before == self->page));
}

/* A pipe references the last page after the block is freed. */
static void test_pinned(struct __test_metadata *_metadata, struct _test_data_recycle *self,
			size_t length)
{
	struct ndshm_block_info block = test_new_recycled(self->fd, length), other;
	char *map = test_map_block(self->fd, &block), *other_map;
	struct iovec what = {
		.iov_base = map + block.length - self->page,
		.iov_len = self->page,
	};
	unsigned char copy[4096];
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	memset(map, 0x5a, block.length);
	ASSERT_EQ((ssize_t)self->page, vmsplice(ends[1], &what, 1, 0));
	EXPECT_EQ(0, munmap(map, block.length));
	test_free_handle(self->fd, block.handle);
	other = test_new_recycled(self->fd, length);
	other_map = test_map_block(self->fd, &other);
	EXPECT_TRUE(all_bytes(other_map, other.length, 0));
	memset(other_map, 0xee, other.length);
	ASSERT_EQ((ssize_t)sizeof(copy), read(ends[0], copy, sizeof(copy)));
	EXPECT_TRUE(all_bytes(copy, sizeof(copy), 0x5a));
	EXPECT_TRUE(all_bytes(other_map, other.length, 0xee));
	close(ends[0]);
	close(ends[1]);
	EXPECT_EQ(0, munmap(other_map, other.length));
	EXPECT_TRUE(ndshm_soon(test_state(self->fd).user_locked - self->before ==
			       other.consumed));
}

TEST_F(recycle, pinned)
{
	test_pinned(_metadata, self, self->page);
}

TEST_F(recycle, pinned_long)
{
	test_pinned(_metadata, self, CHUNK);
}

/* Not the first chunk, but the last one. */
TEST_F(recycle, pinned_chunk)
{
	test_pinned(_metadata, self, 2 * CHUNK);
}

/* Memory that was mapped and pinned before is reused like any other. */
TEST_F(recycle, mapped_before)
{
	struct ndshm_block_info block;
	int round, ends[2];
	unsigned char byte;
	struct iovec what;
	void *map;

	ASSERT_EQ(0, pipe(ends));
	for (round = 0; round < 3; round++) {
		block = test_new_recycled(self->fd, 1);
		map = test_map_block(self->fd, &block);
		memset(map, 1, block.length);
		what = (struct iovec){ .iov_base = map, .iov_len = 1 };
		ASSERT_EQ(1, vmsplice(ends[1], &what, 1, 0));
		ASSERT_EQ(1, read(ends[0], &byte, 1));
		EXPECT_EQ(0, munmap(map, block.length));
		test_free_handle(self->fd, block.handle);
		test_charge(self->page);
	}
	close(ends[0]);
	close(ends[1]);
}

/* A child allocates for itself: it may have another user, cgroup and lifetime. */
TEST_F(recycle, other_process)
{
	struct ndshm_block_info block;
	pid_t child;
	int peer;

	test_keep(1);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		block = test_new_recycled(self->fd, 1);
		test_charge(2 * self->page);
		test_free_handle(self->fd, block.handle);
		test_charge(self->page);
		ASSERT_TRUE(ndshm_signal_peer(peer) && ndshm_hear(peer));
		_exit(0);
	}
	EXPECT_TRUE(ndshm_hear(peer));
	test_new_recycled(self->fd, 1);
	test_charge(self->page);
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

/* Nor does it make the parent pay for what it frees. */
TEST_F(recycle, freed_by_other_process)
{
	struct ndshm_block_info block = test_new_recycled(self->fd, 1);
	pid_t child;
	int peer;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		test_free_handle(self->fd, block.handle);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	test_charge(0);
}

/* A block that is charged to the child is not kept when the parent frees it. */
TEST_F(recycle, allocated_by_other_process)
{
	struct ndshm_block_info block;
	pid_t child;
	int peer;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		block = test_new_recycled(self->fd, 1);
		_exit(send(peer, &block.handle, sizeof(block.handle), 0) != sizeof(block.handle));
	}
	EXPECT_EQ(sizeof(block.handle), recv(peer, &block.handle, sizeof(block.handle), 0));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	test_charge(self->page);
	test_free_handle(self->fd, block.handle);
	test_charge(0);
}

/* A user that lost the permission for the adapter gets no kept block. */
TEST_F(recycle, permission)
{
	struct ndshm_nl_access access = {
		.set = NDSHM_NL_OWNER | NDSHM_NL_GROUP | NDSHM_NL_MODE,
		.owner = NDSHM_USER_B, .group = NDSHM_USER_B, .mode = 0600,
	};
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;
	pid_t child;
	int peer;

	if (geteuid())
		SKIP(return, "only root can change permissions");
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_TRUE(ndshm_set_capability(CAP_DAC_OVERRIDE, false));
		ASSERT_TRUE(ndshm_set_capability(CAP_SYS_ADMIN, false));
		self->fd = ndshm_open();
		ASSERT_LE(0, self->fd);
		test_keep(1);
		ASSERT_TRUE(ndshm_signal_peer(peer) && ndshm_hear(peer));
		alloc = recycle_request(self->adapter, 1, &block);
		test_err_block_alloc(EACCES, NDSHM_REASON_ADAPTER_PERMISSION, self->fd, &alloc);
		test_charge(self->page);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_hear(peer));
	EXPECT_EQ(0, ndshm_nl_set_adapter(&self->nl, self->adapter, &access));
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	access.owner = 0;
	access.group = 0;
	access.mode = 0666;
	EXPECT_EQ(0, ndshm_nl_set_adapter(&self->nl, self->adapter, &access));
	close(peer);
}

/* Kept blocks equal the request in all that a new block would be checked for. */
TEST_F(recycle, no_queue)
{
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;

	test_keep(1);
	alloc = recycle_request(self->adapter, 1, &block);
	alloc.queue_id = 1;
	test_err_block_alloc(EOPNOTSUPP, NDSHM_REASON_QUEUE_UNSUPPORTED, self->fd, &alloc);
	alloc = recycle_request(self->adapter, 1, &block);
	alloc.vport_id = 1;
	test_err_block_alloc(EOPNOTSUPP, NDSHM_REASON_PORT_UNSUPPORTED, self->fd, &alloc);
	alloc = recycle_request(self->adapter, 0, &block);
	test_err_block_alloc(EINVAL, NDSHM_REASON_LENGTH_ZERO, self->fd, &alloc);
	test_charge(self->page);
}

/* A reply that cannot be written changes nothing. */
TEST_F(recycle, no_reply)
{
	struct ndshm_block_alloc_args alloc;
	struct ndshm_segment segment;

	test_keep(1);
	alloc = recycle_request(self->adapter, 1, NULL);
	alloc.blocks = 1;
	test_err_block_alloc(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &alloc);
	alloc.segments = to_u64(&segment);
	alloc.segment_capacity = 1;
	test_err_block_alloc(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &alloc);
	test_new_recycled(self->fd, 1);
	test_charge(self->page);
}

/* Each client has its own. */
TEST_F(recycle, other_client)
{
	int other = ndshm_open();

	ASSERT_LE(0, other);
	test_keep(1);
	test_new_recycled(other, 1);
	test_charge(2 * self->page);
	close(other);
	test_charge(self->page);
}

/* The memory that any client of the user keeps must not cause a refusal. */
TEST_F(recycle, given_back_before_a_refusal)
{
	struct rlimit limit = { .rlim_cur = self->before + CHUNK + 8 * self->page,
				.rlim_max = RLIM_INFINITY };
	struct ndshm_block_info block;
	int other;

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	close(self->fd);
	self->fd = ndshm_open();
	other = ndshm_open();
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, other);
	test_keep(CHUNK);
	block = test_new_recycled(other, CHUNK);
	test_charge(CHUNK);
	test_free_handle(other, block.handle);
	test_charge(CHUNK);
	test_new_recycled(self->fd, 16 * self->page);
	test_charge(16 * self->page);
	close(other);
}

static bool reclaim(void)
{
	return !ndshm_write_file("/proc/sys/vm/drop_caches", "2");
}

TEST_F(recycle, shrinker)
{
	struct ndshm_block_info block;

	if (geteuid())
		SKIP(return, "only root can drop caches");
	test_keep(1);
	ASSERT_TRUE(reclaim());
	test_charge(0);
	/* The cache is still of use. */
	block = test_new_recycled(self->fd, 1);
	test_free_handle(self->fd, block.handle);
	test_charge(self->page);
	block = test_new_recycled(self->fd, 1);
	test_charge(self->page);
	ASSERT_TRUE(reclaim());
	test_charge(self->page);
	test_free_handle(self->fd, block.handle);
	test_charge(self->page);
}

/* What a worker frees elsewhere. */
TEST_F(recycle, shrinker_long)
{
	if (geteuid())
		SKIP(return, "only root can drop caches");
	if (!keep_long(_metadata, self, 8 * CHUNK))
		SKIP(return, SHORT);
	ASSERT_TRUE(reclaim());
	test_charge(0);
}

/* Caches that became empty do not hide one behind them. */
TEST_F(recycle, shrinker_behind_empty_caches)
{
	struct ndshm_block_info block;
	int fds[64];
	size_t i;

	if (geteuid())
		SKIP(return, "only root can drop caches");
	ASSERT_TRUE(reclaim());
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = ndshm_open();
		ASSERT_LE(0, fds[i]);
		block = test_new_recycled(fds[i], 1);
		test_free_handle(fds[i], block.handle);
		test_new_recycled(fds[i], 1);
	}
	test_charge(ARRAY_SIZE(fds) * self->page);
	block = test_new_recycled(self->fd, 1);
	test_free_handle(self->fd, block.handle);
	test_charge((ARRAY_SIZE(fds) + 1) * self->page);
	/* A pass need not look at all caches. */
	for (i = 0; i < 8; i++)
		ASSERT_TRUE(reclaim());
	test_charge(ARRAY_SIZE(fds) * self->page);
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

/*
 * A memory cgroup at its limit: kept blocks must be freed before an allocation fails, and
 * before a process is killed.
 */
#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP_BYTES	(32 * CHUNK)

static bool cgroup_enter(char *path, size_t size, const char *limit)
{
	char file[160];

	snprintf(path, size, CGROUPS "/ndshm-recycle-%d", getpid());
	ndshm_write_file(CGROUPS "/cgroup.subtree_control", "+memory");
	if (mkdir(path, 0755))
		return false;
	snprintf(file, sizeof(file), "%s/memory.max", path);
	if (ndshm_write_file(file, limit))
		return false;
	snprintf(file, sizeof(file), "%s/memory.swap.max", path);
	ndshm_write_file(file, "0");
	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	return !ndshm_write_file(file, "0");
}

/* @kept: bytes that each client keeps */
static void test_cgroup(struct __test_metadata *_metadata, struct _test_data_recycle *self,
			size_t kept)
{
	const size_t clients = CGROUP_BYTES / kept, limit = 2 * CGROUP_BYTES;
	struct ndshm_block_info block;
	int peer, fds[CGROUP_BYTES / CHUNK];
	char path[128], number[32];
	unsigned int i;
	pid_t child;
	char *map;

	snprintf(number, sizeof(number), "%zu", limit);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_TRUE(cgroup_enter(path, sizeof(path), number));
		for (i = 0; i < clients; i++) {
			fds[i] = ndshm_open();
			ASSERT_LE(0, fds[i]);
			block = test_new_recycled(fds[i], kept);
			test_free_handle(fds[i], block.handle);
		}
		/* Fragmented memory is not kept in long blocks. */
		if (kept == CHUNK)
			test_charge(CGROUP_BYTES);
		/* Half the limit is kept; use three quarters. */
		map = mmap(NULL, limit / 4 * 3, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		ASSERT_NE(MAP_FAILED, map);
		memset(map, 1, limit / 4 * 3);
		EXPECT_GT(CGROUP_BYTES,
			  test_state(fds[0]).user_locked - self->before);
		munmap(map, limit / 4 * 3);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child))
		TH_LOG("killed in its cgroup");
	close(peer);
	snprintf(path, sizeof(path), CGROUPS "/ndshm-recycle-%d", (int)child);
	EXPECT_TRUE(ndshm_soon(!rmdir(path)));
}

TEST_F(recycle, cgroup)
{
	if (geteuid())
		SKIP(return, "only root can make a cgroup");
	test_cgroup(_metadata, self, CHUNK);
}

TEST_F(recycle, cgroup_long)
{
	if (geteuid())
		SKIP(return, "only root can make a cgroup");
	test_cgroup(_metadata, self, 8 * CHUNK);
}

/*
 * Threads that reuse each other's memory while it is reclaimed and its client's user is refused
 * memory: none sees the data of another one.
 */
#define THREADS	4

struct cyclers {
	int fd;
	__u32 adapter;
	unsigned int rounds;
	unsigned int errors;
};

static bool cycle(struct cyclers *cyclers, unsigned int round)
{
	/* Some take several steps to zero. */
	const size_t length = round % 50 ? page_size() << round % 5 : CHUNK << round / 50 % 3;
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc = recycle_request(cyclers->adapter, length, &block);
	struct ndshm_block_free_args request;
	bool good;
	void *map;

	if (_test_block_alloc(cyclers->fd, &alloc))
		return false;
	map = ndshm_map(cyclers->fd, &block);
	if (map == MAP_FAILED)
		return false;
	good = all_bytes(map, length, 0);
	memset(map, 0xa5, length);
	good = good && all_bytes(map, length, 0xa5);
	/* Also free while it is mapped. */
	if (round % 7)
		munmap(map, length);
	request = block_free_request(block.handle);
	good = !_test_block_free(cyclers->fd, &request) && good;
	if (!(round % 7))
		munmap(map, length);
	return good;
}

static void *cycle_many(void *context)
{
	struct cyclers *cyclers = context;
	unsigned int round;

	for (round = 0; round < cyclers->rounds; round++)
		if (!cycle(cyclers, round))
			__atomic_add_fetch(&cyclers->errors, 1, __ATOMIC_RELAXED);
	return NULL;
}

TEST_F(recycle, racing)
{
	struct cyclers cyclers = {
		.fd = self->fd,
		.adapter = self->adapter,
		.rounds = ndshm_rounds(1000, 100),
	};
	pthread_t threads[THREADS];
	unsigned int i, round;

	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, cycle_many, &cyclers));
	for (round = 0; round < ndshm_rounds(200, 20) && !geteuid(); round++) {
		reclaim();
		usleep(1000);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ndshm_case(true);
	EXPECT_EQ(0, cyclers.errors);
	EXPECT_GE(BYTES, test_state(self->fd).user_locked - self->before);
}

/* Adapters that go while their memory waits for reuse. */
FIXTURE(recycle_going) {
	bool loaded;
	int fd;
	__u32 adapter;
	__u32 id;
	struct ndshm_nl nl;
	__u64 before;
};

FIXTURE_SETUP(recycle_going)
{
	int error = ndshm_mock_load("");

	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	test_mock_begin(self, "provider add p adapter=a");
	self->before = test_state(self->fd).user_locked;
}

FIXTURE_TEARDOWN(recycle_going)
{
	if (!self->loaded)
		return;
	close(self->fd);
	ndshm_nl_close(&self->nl);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
}

/* Only the built-in provider's: another one would be called later, or not be unloadable. */
TEST_F(recycle_going, other_provider)
{
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc = recycle_request(self->adapter, 1, &block);

	alloc.provider = self->id;
	test_block_alloc(self->fd, &alloc);
	test_free_handle(self->fd, block.handle);
	test_charge(0);
	EXPECT_EQ(1, ndshm_mock_counts("p").freed);
}

/*
 * The memory is freed at once, the rest of the block with the client. Memory that needs syncs is
 * not kept: where the caches matter, that of the mock's adapter.
 */
TEST_F(recycle_going, adapter)
{
	struct ndshm_block_alloc_args alloc;
	struct ndshm_nl_provider pages;
	struct ndshm_block_info block;

	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "pages", &pages));
	alloc = recycle_request(self->adapter, 1, &block);
	alloc.provider = pages.id;
	test_block_alloc(self->fd, &alloc);
	test_free_handle(self->fd, block.handle);
	test_charge(block.flags & NDSHM_BLOCK_NEEDS_SYNC ? 0 : block.consumed);
	test_mock("adapter del a");
	test_charge(0);
	test_err_block_alloc(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, self->fd, &alloc);
	test_mock("adapter add a");
}

/* The memory has gone when the removal returns, also while it is zeroed in steps. */
TEST_F(recycle_going, adapter_while_zeroed)
{
	struct ndshm_block_alloc_args alloc;
	struct ndshm_nl_provider pages;
	struct ndshm_nl_adapter adapter;
	struct ndshm_block_info block;
	struct release release;
	pthread_t thread;
	unsigned int i;

	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "pages", &pages));
	for (i = 0; i < ndshm_rounds(100, 20); i++) {
		ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, "a", &adapter));
		alloc = recycle_request(adapter.id, 2 * CHUNK, &block);
		alloc.provider = pages.id;
		test_block_alloc(self->fd, &alloc);
		release = (struct release){ .fd = self->fd, .handle = block.handle };
		ASSERT_EQ(0, pthread_create(&thread, NULL, release_block, &release));
		/* From before the free to after it. */
		usleep(i % 20 * 500);
		test_mock("adapter del a");
		test_charge(0);
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(0, release.error);
		test_mock("adapter add a");
	}
}

/* A kept block is reused only for its adapter and its provider. */
TEST_F(recycle_going, others)
{
	struct ndshm_block_query_args query;
	struct ndshm_get_info_args info = get_info_request();
	struct ndshm_nl_provider provider;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;
	static const char * const name[] = { "pages", "pages", "coherent" };
	unsigned int i;

	test_get_info(self->fd, &info);
	ASSERT_NE(self->adapter, info.out_default_adapter);
	for (i = 0; i < ARRAY_SIZE(name); i++) {
		ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, name[i], &provider));
		alloc = recycle_request(i ? info.out_default_adapter : self->adapter, 1, &block);
		alloc.provider = provider.id;
		test_block_alloc(self->fd, &alloc);
		query = block_query_request(block.handle);
		test_block_query(self->fd, &query);
		EXPECT_EQ(alloc.adapter, query.out_adapter);
		EXPECT_EQ(alloc.provider, query.out_provider);
		test_free_handle(self->fd, block.handle);
	}
}

/* Blocks of a claim are for that claim, and end with it. */
FIXTURE(recycle_claimed) {
	struct ndshm_edu edu;
	int fd;
	__u32 pages;
	__u64 before;
};

FIXTURE_SETUP(recycle_claimed)
{
	struct ndshm_nl_provider pages;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->edu.nl, "pages", &pages));
	self->pages = pages.id;
	self->fd = test_open_claimed(&self->edu);
	self->before = test_state(self->fd).user_locked;
}

FIXTURE_TEARDOWN(recycle_claimed)
{
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

static struct ndshm_block_info claimed_new(struct __test_metadata *_metadata,
					   struct _test_data_recycle_claimed *self, size_t length)
{
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;

	alloc = recycle_request(self->edu.adapter.id, length, &block);
	alloc.provider = self->pages;
	test_block_alloc(self->fd, &alloc);
	return block;
}

/* Memory that needs syncs is not kept. */
static bool claimed_keeps(const struct ndshm_block_info *block)
{
	return !(block->flags & NDSHM_BLOCK_NEEDS_SYNC);
}

TEST_F(recycle_claimed, kept_and_reused)
{
	const size_t lengths[] = { page_size(), CHUNK };
	struct ndshm_block_info first, second;
	size_t i;
	char *map;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		first = claimed_new(_metadata, self, lengths[i]);
		if (!claimed_keeps(&first))
			SKIP(return, "memory that is not coherent is not recycled");
		map = test_map_block(self->fd, &first);
		memset(map, 0x5a, lengths[i]);
		EXPECT_EQ(0, munmap(map, lengths[i]));
		test_free_handle(self->fd, first.handle);
		test_charge(lengths[i]);
		second = claimed_new(_metadata, self, lengths[i]);
		test_charge(lengths[i]);
		EXPECT_EQ(first.address, second.address);
		EXPECT_NE(first.shared_memory_handle, second.shared_memory_handle);
		map = test_map_block(self->fd, &second);
		EXPECT_TRUE(all_bytes(map, lengths[i], 0));
		EXPECT_EQ(0, munmap(map, lengths[i]));
		test_free_handle(self->fd, second.handle);
		close(self->fd);
		self->fd = test_open_claimed(&self->edu);
		test_charge(0);
	}
}

/* The device can use memory that was kept. */
TEST_F(recycle_claimed, dma)
{
	struct ndshm_adapter_map_bar_args bar = adapter_map_bar_request(self->edu.adapter.id, 0);
	struct ndshm_adapter_start_args start = adapter_start_request(self->edu.adapter.id);
	struct ndshm_block_info block;
	void *registers;
	char *map;
	int round;

	test_adapter_map_bar(self->fd, &bar);
	registers = mmap(NULL, bar.out_length, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
			 bar.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, registers);
	test_adapter_start(self->fd, &start);
	for (round = 0; round < 3; round++) {
		block = claimed_new(_metadata, self, 1);
		if (!claimed_keeps(&block))
			break;
		map = test_map_block(self->fd, &block);
		fill_pattern((unsigned char *)map, EDU_MOST, round);
		ASSERT_TRUE(ndshm_edu_to_device(registers, block.address, EDU_MOST));
		memset(map, 0, EDU_MOST);
		ASSERT_TRUE(ndshm_edu_from_device(registers, block.address, EDU_MOST));
		EXPECT_TRUE(has_pattern((unsigned char *)map, EDU_MOST, round));
		EXPECT_EQ(0, munmap(map, block.length));
		test_free_handle(self->fd, block.handle);
		test_charge(block.consumed);
	}
	EXPECT_EQ(0, munmap(registers, bar.out_length));
}

/* The memory goes with the adapter. */
TEST_F(recycle_claimed, adapter_goes)
{
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_adapter_claim_args claim;
	int round;

	for (round = 0; round < 3; round++) {
		block = claimed_new(_metadata, self, 1);
		test_free_handle(self->fd, block.handle);
		test_charge(claimed_keeps(&block) ? block.consumed : 0);
		ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
		test_charge(0);
		alloc = recycle_request(self->edu.adapter.id, 1, &block);
		alloc.provider = self->pages;
		test_err_block_alloc(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, self->fd, &alloc);
		ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
		claim = adapter_claim_request(self->edu.adapter.id, EDU_WIDTH);
		test_adapter_claim(self->fd, &claim);
	}
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
