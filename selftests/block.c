// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a block: handles, mappings, processes, and the ways in which each
 * of them can end.
 */
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "ndshm_edu.h"
#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

FIXTURE(block) {
	int fd;
	__u32 adapter;
	size_t page;
	struct ndshm_get_info_args info;
	struct ndshm_block_info block;
	struct ndshm_nl nl;
};

FIXTURE_SETUP(block)
{
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	self->info = get_info_request();
	test_get_info(self->fd, &self->info);
	self->adapter = self->info.out_default_adapter;
	self->page = page_size();
	test_charged(self->fd, self->adapter);
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
}

#define MANY	1024

/* Count the live blocks of this process in the administrator's list. */
static int my_blocks(struct ndshm_nl *nl)
{
	static struct ndshm_nl_block blocks[MANY];
	int count = ndshm_nl_blocks(nl, blocks, MANY), mine = 0, i;

	if (count < 0)
		return count;
	for (i = 0; i < count && i < MANY; i++)
		mine += blocks[i].pid == (__u32)getpid();
	return mine;
}

/* No test may leave a block behind. */
FIXTURE_TEARDOWN(block)
{
	close(self->fd);
	EXPECT_TRUE(ndshm_soon(my_blocks(&self->nl) == 0))
		TH_LOG("%d blocks are left", my_blocks(&self->nl));
	ndshm_nl_close(&self->nl);
}

#define lives(block) ndshm_nl_block_lives(&self->nl, \
					  (block)->shared_memory_handle)

#define test_lives(block) do { \
	ndshm_case(true); \
	EXPECT_TRUE(lives(block)); \
} while (0)
#define test_gone(block) do { \
	ndshm_case(true); \
	EXPECT_TRUE(ndshm_soon(!lives(block))); \
} while (0)

TEST_F(block, zeroed)
{
	const size_t lengths[] = {
		1, self->page, self->page + 1, 3 * self->page - 1, 1 << 16,
		(2 << 20) + 1,
	};
	unsigned int i;
	void *map;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		self->block = test_new_block(self->fd, self->adapter,
					     lengths[i]);
		map = test_map_block(self->fd, &self->block);
		/* Up to the end of the last page. */
		EXPECT_TRUE(all_bytes(map, self->block.length, 0));
		memset(map, 0x5a, self->block.length);
		EXPECT_EQ(0, munmap(map, self->block.length));
		test_free_handle(self->fd, self->block.handle);
	}
}

/* A program may keep memory of a node's adapter for its next use, if it is of this provider. */
TEST_F(block, reusable)
{
	struct ndshm_block_query_args query;
	struct ndshm_block_alloc_args alloc;

	alloc = block_alloc_request(self->adapter, self->page, &self->block);
	ASSERT_EQ(0, ndshm_nl_provider_id("pages", &alloc.provider));
	if (ndshm_bounces_all()) {
		test_err_block_alloc(EINVAL, NDSHM_REASON_PROVIDER_INVALID, self->fd, &alloc);
	} else {
		test_block_alloc(self->fd, &alloc);
		query = block_query_request(self->block.handle);
		test_block_query(self->fd, &query);
		EXPECT_EQ(self->block.flags, query.out_block.flags);
		EXPECT_EQ(test_sees_caches(self->fd, self->adapter),
			  !!(self->block.flags & NDSHM_BLOCK_REUSABLE));
		test_free_handle(self->fd, self->block.handle);
	}

	ASSERT_EQ(0, ndshm_nl_provider_id("coherent", &alloc.provider));
	test_block_alloc(self->fd, &alloc);
	EXPECT_FALSE(self->block.flags & NDSHM_BLOCK_REUSABLE);
	test_free_handle(self->fd, self->block.handle);
}

TEST_F(block, reused_is_zeroed)
{
	struct ndshm_block_info blocks[8];
	void *map;
	int round;
	size_t i;

	for (round = 0; round < 40; round++) {
		for (i = 0; i < ARRAY_SIZE(blocks); i++) {
			blocks[i] = test_new_block(self->fd, self->adapter,
						   (i + 1) * self->page);
			map = test_map_block(self->fd, &blocks[i]);
			EXPECT_TRUE(all_bytes(map, blocks[i].length, 0));
			memset(map, 0xa5, blocks[i].length);
			EXPECT_EQ(0, munmap(map, blocks[i].length));
		}
		for (i = 0; i < ARRAY_SIZE(blocks); i++)
			test_free_handle(self->fd, blocks[i].handle);
	}
}

TEST_F(block, two_mappings)
{
	void *one, *two;

	self->block = test_new_block(self->fd, self->adapter, 5 * self->page);
	one = test_map_block(self->fd, &self->block);
	two = test_map_block(self->fd, &self->block);
	EXPECT_NE(one, two);
	fill_pattern(one, self->block.length, 1);
	EXPECT_TRUE(has_pattern(two, self->block.length, 1));
	EXPECT_EQ(0, munmap(one, self->block.length));
	fill_pattern(two, self->block.length, 2);
	one = test_map_block(self->fd, &self->block);
	EXPECT_TRUE(has_pattern(one, self->block.length, 2));
	EXPECT_EQ(0, munmap(one, self->block.length));
	EXPECT_EQ(0, munmap(two, self->block.length));
}

/* The handle ends at once, the memory with its last mapping. */
TEST_F(block, free_while_mapped)
{
	void *one, *two;

	self->block = test_new_block(self->fd, self->adapter, 2 * self->page);
	one = test_map_block(self->fd, &self->block);
	two = test_map_block(self->fd, &self->block);
	fill_pattern(one, self->block.length, 1);
	test_free_handle(self->fd, self->block.handle);
	test_no_handle(self->fd, self->block.handle);
	test_errno(ENXIO, self->fd, ndshm_map(self->fd, &self->block));
	EXPECT_TRUE(has_pattern(two, self->block.length, 1));
	fill_pattern(two, self->block.length, 2);
	EXPECT_TRUE(has_pattern(one, self->block.length, 2));
	test_lives(&self->block);
	EXPECT_EQ(0, munmap(one, self->block.length));
	EXPECT_TRUE(has_pattern(two, self->block.length, 2));
	test_lives(&self->block);
	EXPECT_EQ(0, munmap(two, self->block.length));
	test_gone(&self->block);
}

TEST_F(block, free_after_unmap)
{
	void *map;

	self->block = test_new_block(self->fd, self->adapter, self->page);
	map = test_map_block(self->fd, &self->block);
	fill_pattern(map, self->block.length, 3);
	EXPECT_EQ(0, munmap(map, self->block.length));
	test_lives(&self->block);
	map = test_map_block(self->fd, &self->block);
	EXPECT_TRUE(has_pattern(map, self->block.length, 3));
	EXPECT_EQ(0, munmap(map, self->block.length));
	test_free_handle(self->fd, self->block.handle);
	test_gone(&self->block);
}

TEST_F(block, close_while_mapped)
{
	struct ndshm_block_info other;
	void *map;

	self->block = test_new_block(self->fd, self->adapter, self->page);
	other = test_new_block(self->fd, self->adapter, self->page);
	map = test_map_block(self->fd, &self->block);
	fill_pattern(map, self->block.length, 4);
	close(self->fd);
	/* A mapping keeps its own block, but no other block of the client. */
	test_gone(&other);
	test_lives(&self->block);
	EXPECT_TRUE(has_pattern(map, self->block.length, 4));
	fill_pattern(map, self->block.length, 5);
	EXPECT_EQ(0, munmap(map, self->block.length));
	test_gone(&self->block);
	self->fd = ndshm_open();
}

/* Return: true if slab objects and locks have their usual sizes, not those of debugging. */
static bool slab_usual(void)
{
	return access("/proc/lockdep", F_OK) &&
	       ndshm_read_number("/sys/kernel/slab/kmalloc-512/slab_size") == 512;
}

/* Return: true if the block is of the provider "pages". */
static bool of_pages(struct ndshm_nl *nl, const struct ndshm_block_info *block)
{
	struct ndshm_nl_provider provider;
	struct ndshm_nl_block seen;

	return !ndshm_nl_block_by_id(nl, block->shared_memory_handle, &seen) &&
	       !ndshm_nl_provider_by_id(nl, seen.provider, &provider) &&
	       !strcmp(provider.name, "pages");
}

/*
 * The limit is for a block of a page of the default provider, its slot in the handle table
 * included. It is "pages", or "coherent", whose context is allocated apart, where devices reach a
 * bounce buffer only or do not see the caches: then the DMA API has a kernel mapping of each.
 */
TEST_F(block, slab)
{
	const unsigned int count = 8192;
	const long long apart = test_sees_caches(self->fd, self->adapter) ? 640 : 768;
	long long limit = slab_usual() ? 384 : 4096;
	__u32 *handles = calloc(count, sizeof(*handles));
	long long before, each, least = LLONG_MAX;
	unsigned int i, turn, measured = 0;

	ASSERT_NE(NULL, handles);
	/*
	 * Other slab memory of the machine comes and goes: the minimum counts. A turn in which more
	 * of it was freed than the blocks have measures nothing.
	 */
	for (turn = 0; turn < 15 && (measured < 2 || (measured < 5 && least > limit)); turn++) {
		before = ndshm_slab_bytes();
		ASSERT_LT(0, before);
		for (i = 0; i < count; i++) {
			struct ndshm_block_info block = {};
			struct ndshm_block_alloc_args alloc =
				block_alloc_request(self->adapter, self->page, &block);

			alloc.provider = 0;
			ASSERT_EQ(0, _test_block_alloc(self->fd, &alloc));
			handles[i] = block.handle;
			if (!turn && !i && slab_usual() && !of_pages(&self->nl, &block))
				limit = apart;
		}
		each = (ndshm_slab_bytes() - before) / count;
		if (each > 0) {
			measured++;
			if (each < least)
				least = each;
		}
		for (i = 0; i < count; i++) {
			struct ndshm_block_free_args release = block_free_request(handles[i]);

			ASSERT_EQ(0, _test_block_free(self->fd, &release));
		}
		close(self->fd);
		self->fd = ndshm_open();
		ASSERT_LE(0, self->fd);
	}
	free(handles);
	TH_LOG("%lld bytes of slab a block", least);
	EXPECT_LE(2, measured);
	EXPECT_LE(least, limit);
	EXPECT_LT(0, least);
	ndshm_case(true);
}

TEST_F(block, close_with_many)
{
	struct ndshm_block_info blocks[300];
	void *maps[75];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		blocks[i] = test_new_block(self->fd, self->adapter,
					   (i % 3 + 1) * self->page);
		if (i % 4 == 0)
			maps[i / 4] = test_map_block(self->fd, &blocks[i]);
	}
	EXPECT_EQ(300, my_blocks(&self->nl));
	close(self->fd);
	EXPECT_TRUE(ndshm_soon(my_blocks(&self->nl) == 75));
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		EXPECT_EQ(i % 4 == 0, lives(&blocks[i]));
	for (i = 0; i < ARRAY_SIZE(blocks); i += 4)
		EXPECT_EQ(0, munmap(maps[i / 4], blocks[i].length));
	self->fd = ndshm_open();
}

/*
 * Processes
 */

/* A child inherits a mapping. Parent and child may end in either order. */
FIXTURE(forked) {
	int fd;
	__u32 adapter;
	struct ndshm_block_info block;
	struct ndshm_nl nl;
};

FIXTURE_VARIANT(forked) {
	bool child_first;
	bool freed;		/* the handle is freed before the fork */
	int signal;		/* that ends the process; 0: it exits */
};

FIXTURE_VARIANT_ADD(forked, parent_first) { .child_first = false };
FIXTURE_VARIANT_ADD(forked, child_first) { .child_first = true };
FIXTURE_VARIANT_ADD(forked, parent_first_freed) { .freed = true };
FIXTURE_VARIANT_ADD(forked, child_first_freed) {
	.child_first = true, .freed = true,
};

FIXTURE_VARIANT_ADD(forked, parent_first_killed) { .signal = SIGKILL };
FIXTURE_VARIANT_ADD(forked, child_first_killed) {
	.child_first = true, .signal = SIGKILL,
};

FIXTURE_SETUP(forked)
{
	struct ndshm_get_info_args info = get_info_request();

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	/* Become the parent of a child whose own parent has ended. */
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
}

FIXTURE_TEARDOWN(forked)
{
	close(self->fd);
	ndshm_nl_close(&self->nl);
}

/* The child of the allocating process: it has the mapping but not the client. */
static void be_child(struct _test_data_forked *self, int peer, unsigned char *map)
{
	size_t length = self->block.length;
	bool good;

	/* The inherited descriptor would keep the client open. */
	close(self->fd);
	/* Do not die when the parent does. */
	prctl(PR_SET_PDEATHSIG, 0);
	good = has_pattern(map, length, 1);
	fill_pattern(map, length, 2);
	good &= ndshm_signal_peer(peer);
	good &= ndshm_hear(peer);
	good &= has_pattern(map, length, 3);
	_exit(!good);
}

/* The process that allocates the block and forks once more. */
static void be_parent(struct __test_metadata *_metadata,
		      struct _test_data_forked *self, bool freed, int peer)
{
	unsigned char *map;
	int child_peer;
	pid_t child;

	self->block = test_new_block(self->fd, self->adapter, 1 << 16);
	map = test_map_block(self->fd, &self->block);
	fill_pattern(map, self->block.length, 1);
	if (freed)
		test_free_handle(self->fd, self->block.handle);
	child = ndshm_fork(&child_peer);
	ASSERT_LE(0, child);
	if (!child)
		be_child(self, child_peer, map);
	EXPECT_TRUE(ndshm_hear(child_peer));
	EXPECT_TRUE(has_pattern(map, self->block.length, 2));
	fill_pattern(map, self->block.length, 3);
	/* From here on the test communicates with the child directly. */
	EXPECT_EQ(sizeof(child), send(peer, &child, sizeof(child), 0));
	EXPECT_EQ(sizeof(self->block),
		  send(peer, &self->block, sizeof(self->block), 0));
	EXPECT_TRUE(ndshm_send_fd(peer, child_peer));
	close(child_peer);
	EXPECT_TRUE(ndshm_hear(peer));
	EXPECT_TRUE(has_pattern(map, self->block.length, 3));
	_exit(0);
}

/* End a process and wait for it. */
static void end_process(struct __test_metadata *_metadata, pid_t pid, int peer,
			int signal)
{
	int status;

	EXPECT_TRUE(ndshm_end(pid, peer, signal));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(signal, status);
}

TEST_F(forked, ends)
{
	int peer, child_peer;
	pid_t parent, child;

	parent = ndshm_fork(&peer);
	ASSERT_LE(0, parent);
	if (!parent)
		be_parent(_metadata, self, variant->freed, peer);
	/* Only the parent may have the client open. */
	close(self->fd);
	ASSERT_EQ(sizeof(child), recv(peer, &child, sizeof(child),
				      MSG_WAITALL));
	ASSERT_EQ(sizeof(self->block), recv(peer, &self->block,
					    sizeof(self->block), MSG_WAITALL));
	child_peer = ndshm_receive_fd(peer);
	ASSERT_LE(0, child_peer);
	test_lives(&self->block);

	if (variant->child_first) {
		/*
		 * The child is reaped by its parent, or by this process after
		 * the parent has ended.
		 */
		EXPECT_TRUE(ndshm_end(child, child_peer, variant->signal));
		/* The socket closes when the child has ended. */
		EXPECT_FALSE(ndshm_hear(child_peer));
		test_lives(&self->block);
		end_process(_metadata, parent, peer, variant->signal);
		EXPECT_EQ(child, waitpid(child, NULL, 0));
	} else {
		end_process(_metadata, parent, peer, variant->signal);
		test_lives(&self->block);
		end_process(_metadata, child, child_peer, variant->signal);
	}
	test_gone(&self->block);
	self->fd = ndshm_open();
}

/*
 * Start a process that maps the block twice, writes a mark and checks the marks
 * of all others before it ends.
 */
static pid_t start_mapper(struct __test_metadata *_metadata,
			  struct _test_data_block *self, int number, int *peer)
{
	unsigned char *one, *other;
	pid_t child = ndshm_fork(peer);
	bool seen = true;
	int last;

	ASSERT_LE(0, child);
	if (child) {
		ASSERT_TRUE(ndshm_hear(*peer));
		return child;
	}
	one = test_map_block(self->fd, &self->block);
	other = test_map_block(self->fd, &self->block);
	one[number] = number;
	ndshm_signal_peer(*peer);
	ndshm_hear(*peer);
	for (last = other[0]; last; last--)
		seen = seen && other[last] == last;
	_exit(!seen);
}

/*
 * Processes that map the block end and start in different orders, which removes
 * mappings from any position in the block's list.
 */
TEST_F(block, mapped_by_ending_processes)
{
	const int comes[] = { 1, 2, 3, 4, -1, -3, 5, 6, -5, 7 };
	int peers[ARRAY_SIZE(comes)] = {};
	pid_t pids[ARRAY_SIZE(comes)] = {};
	unsigned char *map;
	unsigned int i;
	int number;

	self->block = test_new_block(self->fd, self->adapter, self->page);
	for (i = 0; i < ARRAY_SIZE(comes); i++) {
		number = abs(comes[i]);
		if (comes[i] > 0) {
			pids[number] = start_mapper(_metadata, self, number,
						    &peers[number]);
			continue;
		}
		EXPECT_TRUE(ndshm_signal_peer(peers[number]));
		EXPECT_TRUE(ndshm_reap(pids[number]));
		close(peers[number]);
		pids[number] = 0;
	}
	map = test_map_block(self->fd, &self->block);
	map[0] = 7;
	test_free_handle(self->fd, self->block.handle);
	munmap(map, self->page);
	for (number = 1; number < (int)ARRAY_SIZE(pids); number++) {
		if (!pids[number])
			continue;
		test_lives(&self->block);
		EXPECT_TRUE(ndshm_signal_peer(peers[number]));
		EXPECT_TRUE(ndshm_reap(pids[number]));
		close(peers[number]);
	}
	test_gone(&self->block);
}

/*
 * Map and free more blocks than the file cache holds, then allocate blocks that
 * reuse files.
 */
TEST_F(block, many_mapped_and_freed)
{
	struct ndshm_block_info blocks[20];
	unsigned char *map;
	unsigned int i, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < ARRAY_SIZE(blocks); i++) {
			blocks[i] = test_new_block(self->fd, self->adapter,
						   self->page);
			map = test_map_block(self->fd, &blocks[i]);
			EXPECT_TRUE(all_bytes(map, self->page, 0));
			fill_pattern(map, self->page, i);
			munmap(map, self->page);
		}
		for (i = 0; i < ARRAY_SIZE(blocks); i++) {
			map = test_map_block(self->fd, &blocks[i]);
			EXPECT_TRUE(has_pattern(map, self->page, i));
			munmap(map, self->page);
			test_free_handle(self->fd, blocks[i].handle);
			test_gone(&blocks[i]);
		}
	}
}

/*
 * A mapping in a child must not keep the client alive: the client's unmapped
 * blocks are freed at its last close.
 */
TEST_F(block, child_keeps_no_client)
{
	struct ndshm_block_info other;
	unsigned char *map;
	int peer;
	pid_t child;

	self->block = test_new_block(self->fd, self->adapter, self->page);
	other = test_new_block(self->fd, self->adapter, self->page);
	map = test_map_block(self->fd, &self->block);
	fill_pattern(map, self->page, 7);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		close(self->fd);
		ndshm_signal_peer(peer);
		ndshm_hear(peer);
		_exit(!has_pattern(map, self->page, 7));
	}
	EXPECT_TRUE(ndshm_hear(peer));
	EXPECT_EQ(0, munmap(map, self->page));
	test_lives(&other);
	close(self->fd);
	test_gone(&other);
	test_lives(&self->block);
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	test_gone(&self->block);
	close(peer);
	self->fd = ndshm_open();
}

TEST_F(block, dup)
{
	int other = dup(self->fd);
	void *map;

	ASSERT_LE(0, other);
	self->block = test_new_block(self->fd, self->adapter, self->page);
	close(self->fd);
	/* A duplicate descriptor refers to the same client. */
	test_lives(&self->block);
	map = test_map_block(other, &self->block);
	test_free_handle(other, self->block.handle);
	EXPECT_EQ(0, test_state(other).blocks);
	EXPECT_EQ(0, munmap(map, self->page));
	test_gone(&self->block);
	self->fd = other;
}

/* A process that receives the descriptor over a socket uses the same client. */
TEST_F(block, passed_descriptor)
{
	struct ndshm_block_info theirs;
	unsigned char *map;
	int peer;
	pid_t child;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		int fd;

		close(self->fd);
		fd = ndshm_receive_fd(peer);
		ASSERT_LE(0, fd);
		ASSERT_EQ(sizeof(self->block),
			  recv(peer, &self->block, sizeof(self->block),
			       MSG_WAITALL));
		map = test_map_block(fd, &self->block);
		EXPECT_TRUE(has_pattern(map, self->block.length, 1));
		fill_pattern(map, self->block.length, 2);
		theirs = test_new_block(fd, self->adapter, self->page);
		EXPECT_EQ(2, test_state(fd).blocks);
		send(peer, &theirs, sizeof(theirs), 0);
		_exit(0);
	}
	self->block = test_new_block(self->fd, self->adapter, 1 << 16);
	map = test_map_block(self->fd, &self->block);
	fill_pattern(map, self->block.length, 1);
	EXPECT_TRUE(ndshm_send_fd(peer, self->fd));
	EXPECT_EQ(sizeof(self->block),
		  send(peer, &self->block, sizeof(self->block), 0));
	ASSERT_EQ(sizeof(theirs), recv(peer, &theirs, sizeof(theirs),
				       MSG_WAITALL));
	EXPECT_TRUE(ndshm_reap(child));
	EXPECT_TRUE(has_pattern(map, self->block.length, 2));
	/*
	 * A block that the other process allocated belongs to the client, which
	 * is still open.
	 */
	test_lives(&theirs);
	test_free_handle(self->fd, theirs.handle);
	test_gone(&theirs);
	EXPECT_EQ(0, munmap(map, self->block.length));
	close(peer);
}

/*
 * A descriptor in flight in a socket that is closed without being read must
 * still be released.
 */
TEST_F(block, descriptor_in_flight)
{
	int ends[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	self->block = test_new_block(self->fd, self->adapter, self->page);
	EXPECT_TRUE(ndshm_send_fd(ends[0], self->fd));
	close(self->fd);
	test_lives(&self->block);
	close(ends[0]);
	close(ends[1]);
	test_gone(&self->block);
	self->fd = ndshm_open();
}

FIXTURE(ending) {
	__u32 adapter;
	struct ndshm_nl nl;
};

FIXTURE_VARIANT(ending) {
	int signal;		/* 0: exit */
};

FIXTURE_VARIANT_ADD(ending, exit) { .signal = 0 };
FIXTURE_VARIANT_ADD(ending, sigkill) { .signal = SIGKILL };
FIXTURE_VARIANT_ADD(ending, sigsegv) { .signal = SIGSEGV };

FIXTURE_SETUP(ending)
{
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
}

FIXTURE_TEARDOWN(ending)
{
	ndshm_nl_close(&self->nl);
}

TEST_F(ending, while_mapped)
{
	struct ndshm_block_info blocks[20];
	struct ndshm_get_info_args info;
	int peer, fd, status;
	unsigned int i;
	pid_t child;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		fd = ndshm_open();
		ASSERT_LE(0, fd);
		info = get_info_request();
		test_get_info(fd, &info);
		for (i = 0; i < ARRAY_SIZE(blocks); i++) {
			blocks[i] = test_new_block(fd, info.out_default_adapter,
						   i + 1);
			fill_pattern(test_map_block(fd, &blocks[i]), 64, i);
			if (i % 2)
				test_free_handle(fd, blocks[i].handle);
		}
		send(peer, blocks, sizeof(blocks), 0);
		ndshm_hear(peer);
		_exit(0);
	}
	ASSERT_EQ(sizeof(blocks), recv(peer, blocks, sizeof(blocks),
				       MSG_WAITALL));
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		test_lives(&blocks[i]);
	EXPECT_TRUE(ndshm_end(child, peer, variant->signal));
	EXPECT_EQ(child, waitpid(child, &status, 0));
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		test_gone(&blocks[i]);
	close(peer);
}

/* exec() ends mappings, and also the client if its descriptor is close-on-exec. */
TEST_F(block, exec)
{
	struct ndshm_block_info mapped, plain;
	bool kept;
	int peer, fd;
	pid_t child;

	for (kept = false;; kept = true) {
		child = ndshm_fork(&peer);
		ASSERT_LE(0, child);
		if (!child) {
			fd = ndshm_open();
			plain = test_new_block(fd, self->adapter, 1);
			mapped = test_new_block(fd, self->adapter, 1);
			test_map_block(fd, &mapped);
			test_free_handle(fd, mapped.handle);
			if (kept)
				fcntl(fd, F_SETFD, 0);
			send(peer, &plain, sizeof(plain), 0);
			send(peer, &mapped, sizeof(mapped), 0);
			/* cat runs until this side closes the socket. */
			dup2(peer, 0);
			dup2(peer, 1);
			execlp("cat", "cat", NULL);
			_exit(1);
		}
		ASSERT_EQ(sizeof(plain), recv(peer, &plain, sizeof(plain),
					      MSG_WAITALL));
		ASSERT_EQ(sizeof(mapped), recv(peer, &mapped, sizeof(mapped),
					       MSG_WAITALL));
		/* An echo proves that exec() has happened and cat runs. */
		EXPECT_TRUE(ndshm_signal_peer(peer));
		EXPECT_TRUE(ndshm_hear(peer));
		test_gone(&mapped);
		if (kept)
			test_lives(&plain);
		else
			test_gone(&plain);
		shutdown(peer, SHUT_WR);
		EXPECT_TRUE(ndshm_reap(child));
		test_gone(&plain);
		close(peer);
		if (kept)
			break;
	}
}

/*
 * Partial unmapping, moving and resizing of mappings
 */

TEST_F(block, partial_munmap)
{
	unsigned char *map;
	unsigned int i;

	self->block = test_new_block(self->fd, self->adapter, 8 * self->page);
	map = test_map_block(self->fd, &self->block);
	for (i = 0; i < 8; i++)
		memset(map + i * self->page, i + 1, self->page);
	test_free_handle(self->fd, self->block.handle);
	/* Unmap the middle, the beginning, the end and then the rest. */
	EXPECT_EQ(0, munmap(map + 3 * self->page, 2 * self->page));
	for (i = 0; i < 8; i++)
		if (i != 3 && i != 4)
			EXPECT_TRUE(all_bytes(map + i * self->page, self->page,
					      i + 1));
	EXPECT_EQ(0, munmap(map, self->page));
	EXPECT_EQ(0, munmap(map + 7 * self->page, self->page));
	EXPECT_TRUE(all_bytes(map + 2 * self->page, self->page, 3));
	EXPECT_TRUE(all_bytes(map + 6 * self->page, self->page, 7));
	test_lives(&self->block);
	EXPECT_EQ(0, munmap(map, 8 * self->page));
	test_gone(&self->block);
}

TEST_F(block, partial_mprotect)
{
	unsigned char *map;

	self->block = test_new_block(self->fd, self->adapter, 6 * self->page);
	map = test_map_block(self->fd, &self->block);
	fill_pattern(map, self->block.length, 1);
	EXPECT_EQ(0, mprotect(map + 2 * self->page, self->page, PROT_READ));
	EXPECT_EQ(0, mprotect(map + 4 * self->page, self->page, PROT_NONE));
	EXPECT_TRUE(has_pattern(map, 4 * self->page, 1));
	EXPECT_EQ(0, mprotect(map, self->block.length,
			      PROT_READ | PROT_WRITE));
	EXPECT_TRUE(has_pattern(map, self->block.length, 1));
	fill_pattern(map, self->block.length, 2);
	EXPECT_TRUE(has_pattern(map, self->block.length, 2));
	test_free_handle(self->fd, self->block.handle);
	EXPECT_EQ(0, munmap(map, self->block.length));
	test_gone(&self->block);
}

TEST_F(block, mremap_move)
{
	unsigned char *map, *place, *moved;
	size_t length;

	self->block = test_new_block(self->fd, self->adapter, 4 * self->page);
	length = self->block.length;
	map = test_map_block(self->fd, &self->block);
	fill_pattern(map, length, 1);
	place = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	ASSERT_NE(MAP_FAILED, place);
	moved = mremap(map, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
		       place);
	ASSERT_EQ(place, moved);
	EXPECT_TRUE(has_pattern(moved, length, 1));
	fill_pattern(moved, length, 2);
	/* The old range is unmapped. */
	EXPECT_EQ(-1, msync(map, length, MS_ASYNC));
	EXPECT_EQ(ENOMEM, errno);
	test_free_handle(self->fd, self->block.handle);
	EXPECT_TRUE(has_pattern(moved, length, 2));
	test_lives(&self->block);
	EXPECT_EQ(0, munmap(moved, length));
	test_gone(&self->block);
}

TEST_F(block, mremap_move_a_part)
{
	unsigned char *map, *place;

	self->block = test_new_block(self->fd, self->adapter, 4 * self->page);
	map = test_map_block(self->fd, &self->block);
	memset(map, 1, self->page);
	memset(map + self->page, 2, self->page);
	place = mmap(NULL, self->page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	ASSERT_NE(MAP_FAILED, place);
	ASSERT_EQ(place, mremap(map + self->page, self->page, self->page,
				MREMAP_MAYMOVE | MREMAP_FIXED, place));
	EXPECT_TRUE(all_bytes(place, self->page, 2));
	EXPECT_TRUE(all_bytes(map, self->page, 1));
	test_free_handle(self->fd, self->block.handle);
	EXPECT_EQ(0, munmap(map, 4 * self->page));
	test_lives(&self->block);
	EXPECT_TRUE(all_bytes(place, self->page, 2));
	EXPECT_EQ(0, munmap(place, self->page));
	test_gone(&self->block);
}

TEST_F(block, mremap_size)
{
	unsigned char *map;
	size_t length;

	self->block = test_new_block(self->fd, self->adapter, 4 * self->page);
	length = self->block.length;
	map = test_map_block(self->fd, &self->block);
	fill_pattern(map, length, 1);
	test_errno(EFAULT, self->fd,
		   mremap(map, length, length + self->page, 0));
	test_errno(EFAULT, self->fd,
		   mremap(map, length, length + self->page, MREMAP_MAYMOVE));
	test_errno(EFAULT, self->fd,
		   mremap(map, length, 2 * length, MREMAP_MAYMOVE));
	/*
	 * An old size of 0 asks mremap() for a second mapping, which is refused
	 * like growth.
	 */
	test_errno(EFAULT, self->fd, mremap(map, 0, length, MREMAP_MAYMOVE));
	test_errno(EFAULT, self->fd,
		   mremap(map, 0, 2 * length, MREMAP_MAYMOVE));
	EXPECT_TRUE(has_pattern(map, length, 1));
	/* A mapping that was shrunk must not grow back. */
	EXPECT_EQ(map, mremap(map, length, self->page, 0));
	test_errno(EFAULT, self->fd, mremap(map, self->page, length, 0));
	EXPECT_TRUE(has_pattern(map, self->page, 1));
	EXPECT_EQ(0, munmap(map, self->page));
}

/*
 * Limits and races
 */

#define RACERS	8
#define ROUNDS	200

/* The distance between two consecutive uses of one slot of the handle table. */
#define NEXT_HANDLE	0x10000

struct race {
	int fd;
	pthread_barrier_t barrier;
	__u32 handle;
	unsigned int won;
	unsigned int lost;
};

static void *race_to_free(void *context)
{
	struct race *race = context;
	struct ndshm_block_free_args request;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&race->barrier);
		request = block_free_request(race->handle);
		if (!_test_block_free(race->fd, &request))
			__atomic_add_fetch(&race->won, 1, __ATOMIC_SEQ_CST);
		else if (errno == ENOENT)
			__atomic_add_fetch(&race->lost, 1, __ATOMIC_SEQ_CST);
		pthread_barrier_wait(&race->barrier);
	}
	return NULL;
}

TEST_F(block, racing_double_free)
{
	struct race race = { .fd = self->fd };
	pthread_t threads[RACERS];
	unsigned int i, round;

	ASSERT_EQ(0, pthread_barrier_init(&race.barrier, NULL, RACERS + 1));
	for (i = 0; i < RACERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, race_to_free,
					    &race));
	for (round = 1; round <= ROUNDS; round++) {
		self->block = test_new_block(self->fd, self->adapter, 1);
		race.handle = self->block.handle;
		pthread_barrier_wait(&race.barrier);
		pthread_barrier_wait(&race.barrier);
		EXPECT_EQ(round, race.won);
		EXPECT_EQ(round * (RACERS - 1), race.lost);
	}
	for (i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, test_state(self->fd).blocks);
}

/*
 * Arrays of handles
 */

#define FREED	8

/* Allocate @count blocks in one call. */
static void new_blocks(struct __test_metadata *_metadata, struct _test_data_block *self,
		       struct ndshm_block_info *blocks, __u32 *handles, __u32 count)
{
	struct ndshm_block_alloc_args alloc;
	__u32 i;

	alloc = block_alloc_request(self->adapter, 1, blocks);
	alloc.count = count;
	test_block_alloc(self->fd, &alloc);
	for (i = 0; i < count; i++)
		handles[i] = blocks[i].handle;
}

#define test_new_blocks(blocks, handles, count) \
	new_blocks(_metadata, self, blocks, handles, count)

/* The array must be refused for its entry @index. */
#define test_err_free_many(index, handles, count) do { \
	struct ndshm_block_free_args free_ = blocks_free_request(handles, count); \
	test_err_block_free(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, self->fd, &free_); \
	EXPECT_EQ(index, free_.out_index); \
} while (0)

#define test_free_many(handles, count) do { \
	struct ndshm_block_free_args free_ = blocks_free_request(handles, count); \
	test_block_free(self->fd, &free_); \
	EXPECT_EQ(0, free_.out_index); \
} while (0)

TEST_F(block, free_many)
{
	const __u32 most = self->info.out_max_batch;
	const __u32 counts[] = { 1, 2, most };
	struct ndshm_block_info *blocks = calloc(most, sizeof(*blocks));
	__u32 *handles = calloc(most, sizeof(*handles));
	struct ndshm_state before = test_state(self->fd);
	unsigned int i, j;

	ASSERT_NE(NULL, blocks);
	ASSERT_NE(NULL, handles);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		test_new_blocks(blocks, handles, counts[i]);
		EXPECT_EQ(before.blocks + counts[i], test_state(self->fd).blocks);
		test_free_many(handles, counts[i]);
		ndshm_same_state(_metadata, __LINE__, self->fd, &before);
		for (j = 0; j < counts[i]; j++)
			test_gone(&blocks[j]);
		test_err_free_many(0, handles, counts[i]);
	}
	/* An array can be at an odd address. */
	test_new_blocks(blocks, handles, 2);
	memmove((char *)(handles + 2) + 1, handles, 2 * sizeof(*handles));
	test_free_many((void *)((char *)(handles + 2) + 1), 2);
	ndshm_same_state(_metadata, __LINE__, self->fd, &before);
	free(blocks);
	free(handles);
}

TEST_F(block, free_many_counts)
{
	const __u32 bad[] = { 0, self->info.out_max_batch + 1, INT_MAX, UINT_MAX };
	struct ndshm_block_free_args request;
	__u32 *handles = calloc(bad[1], sizeof(*handles));
	unsigned int i;

	ASSERT_NE(NULL, handles);
	self->block = test_new_block(self->fd, self->adapter, 1);
	handles[0] = self->block.handle;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		request = blocks_free_request(handles, bad[i]);
		test_err_block_free(EINVAL, NDSHM_REASON_COUNT, self->fd, &request);
		EXPECT_EQ(0, request.out_index);
	}
	/* An array excludes the other handle. */
	request = blocks_free_request(handles, 1);
	request.handle = self->block.handle;
	test_err_block_free(EINVAL, NDSHM_REASON_RESERVED, self->fd, &request);
	request = blocks_free_request(handles, 1);
	request.__reserved = 1;
	test_err_block_free(EINVAL, NDSHM_REASON_RESERVED, self->fd, &request);
	/* Without the count, the structure is the first version. */
	request = blocks_free_request(handles, 1);
	request.size = offsetof(struct ndshm_block_free_args, handles);
	test_err_block_free(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, self->fd, &request);
	test_free_handle(self->fd, self->block.handle);
	free(handles);
}

/* Each bad entry, at each place, must keep all blocks of the array. */
TEST_F(block, free_many_is_all_or_none)
{
	const __u32 most = self->info.out_max_batch;
	struct ndshm_block_info *blocks = calloc(most, sizeof(*blocks));
	struct ndshm_block_query_args query;
	__u32 *handles = calloc(most, sizeof(*handles));
	int other = ndshm_open();
	struct ndshm_block_info foreign;
	__u32 at, i, stale;

	ASSERT_NE(NULL, blocks);
	ASSERT_NE(NULL, handles);
	ASSERT_LE(0, other);
	stale = test_new_block(self->fd, self->adapter, 1).handle;
	test_free_handle(self->fd, stale);
	/* More blocks than here, so that the last one's handle is unknown here. */
	for (i = 0; i <= most; i++)
		foreign = test_new_block(other, self->adapter, 1);
	test_new_blocks(blocks, handles, most);
	for (at = 0; at < most; at = at ? 2 * at + 1 : 1) {
		const __u32 bad[] = {
			0, UINT_MAX, stale, foreign.handle,
			handles[at] + NEXT_HANDLE, handles[at] ^ 0x8000,
		};
		const __u32 good = handles[at];

		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			handles[at] = bad[i];
			test_err_free_many(at, handles, most);
		}
		/* The later one of two equal handles is the bad one. */
		if (at) {
			handles[at] = handles[at / 2];
			test_err_free_many(at, handles, most);
			test_err_free_many(at, handles, at + 1);
		}
		handles[at] = good;
	}
	for (i = 0; i < most; i++) {
		query = block_query_request(handles[i]);
		test_block_query(self->fd, &query);
		EXPECT_EQ(blocks[i].shared_memory_handle,
			  query.out_block.shared_memory_handle);
	}
	/* No handle of a refused array may have become available. */
	self->block = test_new_block(self->fd, self->adapter, 1);
	for (i = 0; i < most; i++)
		EXPECT_NE(handles[i] & 0xffff, self->block.handle & 0xffff);
	test_free_handle(self->fd, self->block.handle);
	test_free_many(handles, most);
	close(other);
	free(blocks);
	free(handles);
}

TEST_F(block, free_many_addresses)
{
	struct ndshm_block_info blocks[2];
	struct ndshm_block_free_args request, *readonly;
	__u32 handles[2], *half;
	__u64 bad[] = { 0, 1, -4096ULL, 1ULL << 63, 0, 0 };
	unsigned int i;
	char *pages;

	pages = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, mprotect(pages + self->page, self->page, PROT_NONE));
	test_new_blocks(blocks, handles, 2);
	/* The first handle can be read, the second one cannot, or only in part. */
	half = (__u32 *)(pages + self->page) - 1;
	half[0] = handles[0];
	bad[4] = to_u64(half);
	bad[5] = to_u64(half) - 1;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		request = blocks_free_request(NULL, 2);
		request.handles = bad[i];
		test_err_block_free(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &request);
		EXPECT_EQ(0, request.out_index);
	}
	/* A reply that cannot be written frees nothing. */
	readonly = (void *)pages;
	*readonly = blocks_free_request(handles, 2);
	ASSERT_EQ(0, mprotect(pages, self->page, PROT_READ));
	test_errno_ioctl(EFAULT, self->fd, NDSHM_BLOCK_FREE, readonly);
	/* The array itself is not written, and can be read-only. */
	ASSERT_EQ(0, mprotect(pages, self->page, PROT_READ | PROT_WRITE));
	memcpy(pages, handles, sizeof(handles));
	ASSERT_EQ(0, mprotect(pages, self->page, PROT_READ));
	test_free_many((void *)pages, 2);
	munmap(pages, 2 * self->page);
}

/* The reply overwrites the array, which must have been copied before, and only once. */
TEST_F(block, free_many_is_copied_once)
{
	struct ndshm_block_info blocks[2];
	struct ndshm_block_free_args request;
	__u32 handles[2];

	test_new_blocks(blocks, handles, 2);
	request = blocks_free_request(&request.status, 2);
	request.status = handles[0];
	request.reason = handles[1];
	test_block_free(self->fd, &request);
	EXPECT_EQ(0, test_state(self->fd).blocks);
}

TEST_F(block, free_many_mapped)
{
	struct ndshm_block_info blocks[FREED];
	__u32 handles[FREED];
	void *maps[FREED];
	unsigned int i;

	test_new_blocks(blocks, handles, FREED);
	/* Every third block stays mapped; others were, or never were. */
	for (i = 0; i < FREED; i++) {
		if (i % 3 == 2)
			continue;
		maps[i] = test_map_block(self->fd, &blocks[i]);
		fill_pattern(maps[i], self->page, i);
		if (i % 3)
			EXPECT_EQ(0, munmap(maps[i], self->page));
	}
	test_free_many(handles, FREED);
	EXPECT_EQ(0, test_state(self->fd).blocks);
	for (i = 0; i < FREED; i++) {
		if (i % 3) {
			test_gone(&blocks[i]);
			continue;
		}
		test_lives(&blocks[i]);
		EXPECT_TRUE(has_pattern(maps[i], self->page, i));
		EXPECT_EQ(0, munmap(maps[i], self->page));
		test_gone(&blocks[i]);
	}
}

/* Two arrays of the same handles in opposite order, and one of these handles alone. */
enum { FORWARDS, BACKWARDS, SINGLE, FREERS };

struct freers {
	int fd;
	pthread_barrier_t barrier;
	__u32 handles[2][FREED];
	__u32 single;
	bool won[FREERS];
	int error[FREERS];
	__u32 index[FREERS];
};

struct freer {
	struct freers *race;
	unsigned int number;
};

static void *race_to_free_many(void *context)
{
	const struct freer *freer = context;
	const unsigned int number = freer->number;
	struct freers *race = freer->race;
	struct ndshm_block_free_args request;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&race->barrier);
		request = number == SINGLE ? block_free_request(race->single) :
			  blocks_free_request(race->handles[number], FREED);
		race->won[number] = !_test_block_free(race->fd, &request);
		race->error[number] = errno;
		race->index[number] = request.out_index;
		pthread_barrier_wait(&race->barrier);
	}
	return NULL;
}

TEST_F(block, racing_free_many)
{
	struct freers race = { .fd = self->fd };
	struct ndshm_block_info blocks[FREED];
	unsigned int i, round, wins, single;
	struct freer freers[FREERS];
	pthread_t threads[FREERS];

	ASSERT_EQ(0, pthread_barrier_init(&race.barrier, NULL, FREERS + 1));
	for (i = 0; i < FREERS; i++) {
		freers[i] = (struct freer){ &race, i };
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, race_to_free_many,
					    &freers[i]));
	}
	for (round = 0; round < ROUNDS; round++) {
		test_new_blocks(blocks, race.handles[FORWARDS], FREED);
		for (i = 0; i < FREED; i++)
			race.handles[BACKWARDS][i] = race.handles[FORWARDS][FREED - 1 - i];
		single = round % FREED;
		race.single = race.handles[FORWARDS][single];
		pthread_barrier_wait(&race.barrier);
		pthread_barrier_wait(&race.barrier);
		wins = 0;
		for (i = 0; i < FREERS; i++) {
			wins += race.won[i];
			EXPECT_TRUE(race.won[i] || race.error[i] == ENOENT);
		}
		/* One call freed its handles; the others found some of them unknown. */
		EXPECT_EQ(1, wins);
		if (!race.won[SINGLE]) {
			EXPECT_EQ(0, test_state(self->fd).blocks);
			continue;
		}
		EXPECT_EQ(single, race.index[FORWARDS]);
		EXPECT_EQ(FREED - 1 - single, race.index[BACKWARDS]);
		EXPECT_EQ(FREED - 1, test_state(self->fd).blocks);
		race.handles[FORWARDS][single] = race.handles[FORWARDS][FREED - 1];
		test_free_many(race.handles[FORWARDS], FREED - 1);
	}
	for (i = 0; i < FREERS; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, test_state(self->fd).blocks);
}

struct mapper {
	int fd;
	pthread_barrier_t barrier;
	struct ndshm_block_info block;
	bool failed;
};

/* A concurrent mmap() either fails or maps the whole block. */
static void *race_to_map(void *context)
{
	struct mapper *mapper = context;
	unsigned int *map;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&mapper->barrier);
		map = ndshm_map(mapper->fd, &mapper->block);
		if (map == MAP_FAILED) {
			mapper->failed |= errno != ENXIO;
		} else {
			mapper->failed |= map[0] != 0;
			map[0] = 0xdead;
			munmap(map, mapper->block.length);
		}
		pthread_barrier_wait(&mapper->barrier);
	}
	return NULL;
}

TEST_F(block, racing_map_and_free)
{
	struct mapper mapper = { .fd = self->fd };
	struct ndshm_block_free_args request;
	pthread_t thread;
	int round;

	ASSERT_EQ(0, pthread_barrier_init(&mapper.barrier, NULL, 2));
	ASSERT_EQ(0, pthread_create(&thread, NULL, race_to_map, &mapper));
	for (round = 0; round < ROUNDS; round++) {
		mapper.block = test_new_block(self->fd, self->adapter, 1);
		request = block_free_request(mapper.block.handle);
		pthread_barrier_wait(&mapper.barrier);
		test_block_free(self->fd, &request);
		pthread_barrier_wait(&mapper.barrier);
	}
	pthread_join(thread, NULL);
	EXPECT_FALSE(mapper.failed);
	EXPECT_EQ(0, test_state(self->fd).blocks);
}

#define GUESS_ROUNDS	500
#define GUESS_MOST	100000
#define GUESS_LENGTH	3

struct guesser {
	int fd;
	size_t length;
	__u32 handle;		/* the latest handle that was allocated */
	bool stop;
	unsigned int found;
	unsigned int wrong;
};

/* Query and map the handle that will be allocated next. */
static void *guess(void *context)
{
	struct guesser *guesser = context;
	struct ndshm_block_query_args query;
	__u32 handle;

	while (!__atomic_load_n(&guesser->stop, __ATOMIC_RELAXED)) {
		handle = __atomic_load_n(&guesser->handle, __ATOMIC_RELAXED) +
			 NEXT_HANDLE;
		query = block_query_request(handle);
		if (_test_block_query(guesser->fd, &query)) {
			guesser->wrong += errno != ENOENT;
			continue;
		}
		guesser->found++;
		guesser->wrong += query.out_block.handle != handle ||
				  query.out_block.length != guesser->length ||
				  query.out_block.consumed < guesser->length ||
				  !query.out_block.segments ||
				  query.out_block.segments > GUESS_LENGTH ||
				  !query.out_block.shared_memory_handle;
	}
	return NULL;
}

/* A handle must be unknown until its block is complete. */
TEST_F_TIMEOUT(block, racing_for_a_new_handle, 300)
{
	struct guesser guesser = {
		.fd = self->fd, .length = GUESS_LENGTH * self->page,
	};
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_free_args request;
	unsigned int round, found = 0;
	pthread_t thread;

	self->block = test_new_block(self->fd, self->adapter, guesser.length);
	guesser.handle = self->block.handle;
	test_free_handle(self->fd, self->block.handle);
	ASSERT_EQ(0, pthread_create(&thread, NULL, guess, &guesser));
	/*
	 * All rounds count as one case; their number depends on how soon a
	 * guess succeeds.
	 */
	for (round = 0; round < GUESS_MOST; round++) {
		found = __atomic_load_n(&guesser.found, __ATOMIC_RELAXED);
		if (found && round >= GUESS_ROUNDS)
			break;
		alloc = block_alloc_request(self->adapter, guesser.length,
					    &self->block);
		ASSERT_EQ(0, _test_block_alloc(self->fd, &alloc));
		request = block_free_request(self->block.handle);
		ASSERT_EQ(0, _test_block_free(self->fd, &request));
		__atomic_store_n(&guesser.handle, self->block.handle,
				 __ATOMIC_RELAXED);
	}
	ndshm_case(true);
	__atomic_store_n(&guesser.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, guesser.wrong);
	/*
	 * Otherwise the guesses did not match the handles that are allocated,
	 * and the test proved nothing.
	 */
	EXPECT_LT(0, found);
}

/* Allocate up to the limit of handles, then a batch that exceeds it by one. */
TEST_F_TIMEOUT(block, handle_limit, 300)
{
	__u32 limit = self->info.out_max_blocks;
	__u32 batch = self->info.out_max_batch, count, left;
	struct ndshm_block_info *blocks = calloc(limit, sizeof(*blocks));
	struct ndshm_block_info extra[2];
	struct ndshm_block_alloc_args alloc;

	ASSERT_NE(NULL, blocks);
	/* Skip in shortened runs: the limit cannot be reached with fewer blocks. */
	if (ndshm_rounds(100, 1) < 100)
		SKIP(return, "much is done of nothing here");
	for (count = 0; count < limit - 1; count += alloc.count) {
		left = limit - 1 - count;
		alloc = block_alloc_request(self->adapter, 1, blocks + count);
		alloc.count = left < batch ? left : batch;
		test_block_alloc(self->fd, &alloc);
	}
	EXPECT_EQ(limit - 1, test_state(self->fd).blocks);
	/* One handle is left: a batch of two must fail as a whole. */
	alloc = block_alloc_request(self->adapter, 1, extra);
	alloc.count = 2;
	test_err_block_alloc(EDQUOT, NDSHM_REASON_HANDLES, self->fd, &alloc);
	blocks[limit - 1] = test_new_block(self->fd, self->adapter, 1);
	alloc.count = 1;
	test_err_block_alloc(EDQUOT, NDSHM_REASON_HANDLES, self->fd, &alloc);
	/* A freed handle makes room for one new block. */
	test_free_handle(self->fd, blocks[limit / 2].handle);
	test_new_block(self->fd, self->adapter, 1);
	test_err_block_alloc(EDQUOT, NDSHM_REASON_HANDLES, self->fd, &alloc);
	free(blocks);
}

/* Blocks need no file descriptors, so a full descriptor table must not matter. */
TEST_F(block, full_descriptor_table)
{
	struct rlimit limit = { .rlim_cur = 3, .rlim_max = 3 };

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	ASSERT_EQ(-1, dup(self->fd));
	ASSERT_EQ(EMFILE, errno);
	self->block = test_new_block(self->fd, self->adapter, self->page);
	EXPECT_EQ(0, munmap(test_map_block(self->fd, &self->block),
			    self->page));
	test_free_handle(self->fd, self->block.handle);
	test_gone(&self->block);
}

#define CGROUPS		"/sys/fs/cgroup"
#define BATCH_GROUP	CGROUPS "/ndshm-batch"
#define BATCH_MOST	(64ULL << 20)

/* Limit the memory of this process, so that no other one lacks it. Return: true on success. */
static bool enter_batch_group(void)
{
	ndshm_write_file(CGROUPS "/cgroup.subtree_control", "+memory");
	if (mkdir(BATCH_GROUP, 0755))
		return false;
	return !ndshm_write_file(BATCH_GROUP "/memory.max", "67108864") &&
	       !ndshm_write_file(BATCH_GROUP "/cgroup.procs", "0");
}

static void leave_batch_group(void)
{
	ndshm_write_file(CGROUPS "/cgroup.procs", "0");
	rmdir(BATCH_GROUP);
}

/*
 * A batch that fails half way must free all of its memory. Blocks of "pages" are charged to the
 * cgroup; for others, or without one, a batch is larger than the machine's memory.
 */
TEST_F(block, batch_all_or_none)
{
	const bool limited = !ndshm_provider_wanted() && enter_batch_group();
	struct ndshm_block_info *blocks;
	struct ndshm_block_alloc_args alloc;
	__u32 batch = self->info.out_max_batch;
	__u64 most = limited ? BATCH_MOST : (__u64)sysconf(_SC_PHYS_PAGES) * self->page;
	__u64 length = most / batch * 2;

	if (length > self->info.out_max_length)
		length = self->info.out_max_length;
	if (batch * length <= most) {
		leave_batch_group();
		SKIP(return, "one batch cannot ask for more than there is");
	}
	blocks = calloc(batch, sizeof(*blocks));
	ASSERT_NE(NULL, blocks);
	alloc = block_alloc_request(self->adapter, length, blocks);
	alloc.count = batch;
	test_err_block_alloc(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES, self->fd,
			     &alloc);
	EXPECT_TRUE(all_bytes(blocks, batch * sizeof(*blocks), 0));
	EXPECT_TRUE(ndshm_soon(my_blocks(&self->nl) == 0));
	free(blocks);
	leave_batch_group();
}

/*
 * Pages that a system call has pinned when the block ends: with a node's
 * adapter, and behind an IOMMU if the machine has one.
 */
FIXTURE(pinned) {
	int fd;
	__u32 adapter;
	size_t page;
	struct ndshm_edu edu;
	bool bound;
	struct ndshm_nl nl;
};

FIXTURE_VARIANT(pinned) {
	bool function;
};

FIXTURE_VARIANT_ADD(pinned, node) { .function = false };
FIXTURE_VARIANT_ADD(pinned, function) { .function = true };

FIXTURE_SETUP(pinned)
{
	struct ndshm_get_info_args info = get_info_request();

	if (variant->function) {
		if (geteuid())
			SKIP(return, "only root can bind functions");
		if (ndshm_edu_find(&self->edu))
			SKIP(return, "no edu device");
		ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
		self->bound = true;
	}
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	self->page = page_size();
	if (variant->function) {
		test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH);
		self->adapter = self->edu.adapter.id;
	}
}

FIXTURE_TEARDOWN(pinned)
{
	close(self->fd);
	ndshm_nl_close(&self->nl);
	if (self->bound)
		EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

#define OTHERS_LENGTH	(16 << 20)
#define OTHERS_BLOCKS	64

/*
 * Allocate the memory that became free and write to it. Return the bytes that
 * stay allocated.
 */
static __u64 use_memory(struct __test_metadata *_metadata, size_t page)
{
	__u64 kept = 0;
	struct ndshm_get_info_args info = get_info_request();
	struct ndshm_block_info block;
	int fd = ndshm_open(), i;
	void *map;

	ASSERT_LE(0, fd);
	test_get_info(fd, &info);
	for (i = 0; i < OTHERS_BLOCKS; i++) {
		block = test_new_block(fd, info.out_default_adapter,
				       (i % 4 + 1) * page);
		map = test_map_block(fd, &block);
		memset(map, 0xee, block.length);
		kept += block.consumed;
	}
	map = mmap(NULL, OTHERS_LENGTH, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	memset(map, 0xee, OTHERS_LENGTH);
	munmap(map, OTHERS_LENGTH);
	close(fd);
	return kept;
}

/*
 * The system call must either fail to pin the pages, or keep their content
 * until it unpins them.
 */
TEST_F_TIMEOUT(pinned, outlives_the_block, 300)
{
	__u64 locked = test_state(self->fd).user_locked;
	struct ndshm_block_info block = test_new_block(self->fd, self->adapter,
						       4 * self->page);
	unsigned char *map = test_map_block(self->fd, &block), *seen;
	struct iovec held = { .iov_base = map, .iov_len = block.length };
	ssize_t length;
	int ends[2];

	fill_pattern(map, block.length, 1);
	seen = malloc(block.length);
	ASSERT_NE(NULL, seen);
	ASSERT_EQ(0, pipe(ends));
	length = vmsplice(ends[1], &held, 1, 0);
	if (length < 0) {
		EXPECT_EQ(EFAULT, errno);
		/*
		 * The pipe must be empty: a partial transfer would have pinned
		 * pages.
		 */
		ASSERT_EQ(0, fcntl(ends[0], F_SETFL, O_NONBLOCK));
		EXPECT_EQ(-1, read(ends[0], seen, block.length));
		EXPECT_EQ(EAGAIN, errno);
	} else {
		EXPECT_EQ((ssize_t)block.length, length);
	}
	test_free_handle(self->fd, block.handle);
	EXPECT_EQ(0, munmap(map, block.length));
	/* Also ends the claim, if there is one. */
	close(self->fd);
	test_gone(&block);
	locked += use_memory(_metadata, self->page);
	if (length > 0) {
		EXPECT_EQ(length, read(ends[0], seen, length));
		EXPECT_TRUE(has_pattern(seen, length, 1));
	}
	close(ends[0]);
	close(ends[1]);
	free(seen);
	self->fd = ndshm_open();
	EXPECT_EQ(locked, test_state(self->fd).user_locked);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
