// SPDX-License-Identifier: GPL-2.0
/*
 * BLOCK_FREE with NDSHM_FREE_REVOKE, and BLOCK_FREE_ID: revocation of blocks that other processes
 * map, import or have pinned.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "ndshm_edu.h"
#include "ndshm_nl.h"
#include "ndshm_probe.h"
#include "ndshm_section.h"

#define LIMIT	(8UL << 20)	/* of user A */
#define LENGTH	(6UL << 20)
#define BATCH	3

FIXTURE(block) {
	int client;		/* user A's, with LIMIT */
	int root;
	__u32 adapter;
	struct ndshm_block_info info;
	unsigned char *map;
};

FIXTURE_SETUP(block)
{
	struct ndshm_get_info_args info = get_info_request();

	if (geteuid())
		SKIP(return, "only root becomes somebody else");
	self->root = ndshm_open();
	ASSERT_LE(0, self->root);
	self->client = ndshm_open_as(NDSHM_USER_A, LIMIT);
	ASSERT_LE(0, self->client);
	test_get_info(self->client, &info);
	self->adapter = info.out_default_adapter;
	self->info = test_new_block(self->client, self->adapter, LENGTH);
	self->map = test_map_block(self->client, &self->info);
	self->map[0] = 1;
}

FIXTURE_TEARDOWN(block)
{
	if (geteuid())
		return;
	munmap(self->map, LENGTH);
	close(self->client);
	close(self->root);
}

/* Return: a child of user B that maps the block until test_peer_ends(). */
static pid_t fork_peer(struct _test_data_block *self, int *end)
{
	pid_t peer = ndshm_fork(end);

	if (peer)
		return peer;
	close(self->client);
	if (!ndshm_become(NDSHM_USER_B) || self->map[0] != 1 || !ndshm_signal_peer(*end) ||
	    !ndshm_hear(*end))
		_exit(1);
	_exit(ndshm_readable(self->map) || ndshm_readable(self->map + LENGTH - 1) ? 2 : 0);
}

#define test_fork_peer(end) ({ \
	pid_t peer_ = fork_peer(self, end); \
	ASSERT_LE(0, peer_); \
	EXPECT_TRUE(ndshm_hear(*(end))); \
	peer_; \
})

static void test_peer_ends(struct __test_metadata *_metadata, pid_t peer, int end)
{
	EXPECT_TRUE(ndshm_signal_peer(end));
	EXPECT_TRUE(ndshm_reap(peer));
	close(end);
}

static int free_id(int client, __u32 id)
{
	struct ndshm_block_free_id_args request = block_free_id_request(id);

	return _test_block_free_id(client, &request) ? -errno : 0;
}

TEST_F(block, by_handle)
{
	struct ndshm_block_free_args request = block_free_request(self->info.handle);
	int end;
	pid_t peer = test_fork_peer(&end);

	EXPECT_EQ(LENGTH, ndshm_locked_of(self->root, NDSHM_USER_A));
	request.flags = NDSHM_FREE_REVOKE;
	test_block_free(self->client, &request);
	EXPECT_EQ(0, ndshm_locked_of(self->root, NDSHM_USER_A));
	EXPECT_FALSE(ndshm_readable(self->map));
	test_no_handle(self->client, self->info.handle);
	test_peer_ends(_metadata, peer, end);
}

/* Without the flag a mapping of the peer keeps the memory and the charge. */
TEST_F(block, without_revoke)
{
	struct ndshm_block_free_args request = block_free_request(self->info.handle);
	int end;
	pid_t peer = test_fork_peer(&end);

	test_block_free(self->client, &request);
	munmap(self->map, LENGTH);
	EXPECT_EQ(LENGTH, ndshm_locked_of(self->root, NDSHM_USER_A));
	EXPECT_TRUE(ndshm_end(peer, end, SIGKILL));
	EXPECT_EQ(peer, waitpid(peer, NULL, 0));
	EXPECT_TRUE(ndshm_soon(!ndshm_locked_of(self->root, NDSHM_USER_A)));
	close(end);
}

TEST_F(block, batch)
{
	__u32 handles[BATCH] = { self->info.handle };
	struct ndshm_block_info more[BATCH];
	struct ndshm_block_free_args request;
	unsigned char *maps[BATCH] = { self->map };
	int i;

	for (i = 1; i < BATCH; i++) {
		more[i] = test_new_block(self->client, self->adapter, 1);
		maps[i] = test_map_block(self->client, &more[i]);
		maps[i][0] = i;
		handles[i] = more[i].handle;
	}
	/* All or none. */
	request = blocks_free_request(handles, BATCH);
	handles[BATCH - 1] = NDSHM_NO_HANDLE;
	request.flags = NDSHM_FREE_REVOKE;
	test_err_block_free(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, self->client, &request);
	for (i = 0; i < BATCH; i++)
		EXPECT_TRUE(ndshm_readable(maps[i]));
	handles[BATCH - 1] = more[BATCH - 1].handle;
	request = blocks_free_request(handles, BATCH);
	request.flags = NDSHM_FREE_REVOKE;
	test_block_free(self->client, &request);
	EXPECT_EQ(0, ndshm_locked_of(self->root, NDSHM_USER_A));
	for (i = 0; i < BATCH; i++)
		EXPECT_FALSE(ndshm_readable(maps[i]));
}

/* A pin keeps a page and its contents, but not the charge. */
TEST_F(block, pinned)
{
	struct ndshm_block_free_args request = block_free_request(self->info.handle);
	unsigned char byte = 0;
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	self->map[7] = 42;
	ASSERT_TRUE(ndshm_put_into_pipe(ends[1], self->map + 7, 1));
	request.flags = NDSHM_FREE_REVOKE;
	test_block_free(self->client, &request);
	EXPECT_EQ(0, ndshm_locked_of(self->root, NDSHM_USER_A));
	EXPECT_EQ(1, read(ends[0], &byte, 1));
	EXPECT_EQ(42, byte);
	close(ends[0]);
	close(ends[1]);
}

TEST_F(block, exported)
{
	struct ndshm_block_export_args export =
		block_export_request(self->info.handle, O_RDWR | O_CLOEXEC);
	struct ndshm_get_info_args info = get_info_request();
	unsigned char *map;

	test_get_info(self->client, &info);
	if (!(info.out_features & NDSHM_FEATURE_EXPORT))
		SKIP(return, "the kernel has no dma-bufs");
	test_block_export(self->client, &export);
	map = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, export.out_dmabuf, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(1, map[0]);
	EXPECT_EQ(0, free_id(self->root, self->info.shared_memory_handle));
	EXPECT_EQ(0, ndshm_locked_of(self->root, NDSHM_USER_A));
	EXPECT_FALSE(ndshm_readable(map));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 1, PROT_READ, MAP_SHARED, export.out_dmabuf, 0));
	EXPECT_EQ(ENODEV, errno);
	munmap(map, LENGTH);
	close(export.out_dmabuf);
}

/* The handle remains, of a revoked block. */
TEST_F(block, by_id)
{
	struct ndshm_block_query_args query = block_query_request(self->info.handle);
	int end;
	pid_t peer = test_fork_peer(&end);

	EXPECT_EQ(0, free_id(self->root, self->info.shared_memory_handle));
	EXPECT_EQ(0, ndshm_locked_of(self->root, NDSHM_USER_A));
	EXPECT_FALSE(ndshm_readable(self->map));
	test_err_block_query(ENODEV, NDSHM_REASON_BLOCK_REVOKED, self->client, &query);
	/* Again, with the same result. */
	EXPECT_EQ(0, free_id(self->root, self->info.shared_memory_handle));
	test_free_handle(self->client, self->info.handle);
	test_peer_ends(_metadata, peer, end);
}

/*
 * A mapping of another user keeps 6 MiB charged after the close of the client. BLOCK_FREE_ID by
 * another process of the user ends the charge, and the limit is free again.
 */
TEST_F(block, of_a_dead_program)
{
	struct ndshm_block_info info;
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, LIMIT, &info);
	struct ndshm_nl_block block;
	int end, client, status;
	pid_t peer = test_fork_peer(&end), again;
	struct ndshm_nl nl;

	munmap(self->map, LENGTH);
	close(self->client);
	client = ndshm_open_as(NDSHM_USER_A, LIMIT);
	ASSERT_LE(0, client);
	EXPECT_EQ(LENGTH, ndshm_locked_of(self->root, NDSHM_USER_A));
	test_err_block_alloc(ENOMEM, NDSHM_REASON_MEMLOCK, client, &alloc);
	again = fork();
	ASSERT_LE(0, again);
	if (!again) {
		if (!ndshm_become(NDSHM_USER_A) || ndshm_nl_open(&nl) ||
		    ndshm_nl_blocks(&nl, &block, 1) != 1)
			_exit(1);
		_exit(free_id(client, block.id) ? 2 : 0);
	}
	EXPECT_EQ(again, waitpid(again, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, ndshm_locked_of(self->root, NDSHM_USER_A));
	alloc = block_alloc_request(self->adapter, LIMIT, &info);
	test_block_alloc(client, &alloc);
	test_peer_ends(_metadata, peer, end);
	self->map = NULL;
	self->client = client;
}

/* ENOENT for a block of another user, and for one of a section. */
TEST_F(block, not_ones_own)
{
	const int section = test_new_section(self->root, self->adapter, LENGTH, LENGTH);
	struct ndshm_nl_block blocks[8];
	int i, count, found = 0;
	struct ndshm_nl nl;
	pid_t other = fork();

	ASSERT_LE(0, other);
	if (!other) {
		if (!ndshm_become(NDSHM_USER_B))
			_exit(1);
		_exit(free_id(self->client, self->info.shared_memory_handle) == -ENOENT ? 0 : 2);
	}
	EXPECT_TRUE(ndshm_reap(other));
	EXPECT_TRUE(ndshm_readable(self->map));
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	count = ndshm_nl_blocks(&nl, blocks, ARRAY_SIZE(blocks));
	for (i = 0; i < count && i < (int)ARRAY_SIZE(blocks); i++) {
		if (blocks[i].id == self->info.shared_memory_handle)
			continue;
		found++;
		EXPECT_EQ(-ENOENT, free_id(self->root, blocks[i].id));
	}
	EXPECT_LT(0, found);
	EXPECT_EQ(-ENOENT, free_id(self->root, 0));
	ndshm_nl_close(&nl);
	close(section);
}

/* Memory under a claim, which the device may still use, is freed with the claim. */
TEST_F(block, under_a_claim)
{
	struct ndshm_block_info info;
	struct ndshm_edu edu;
	unsigned char *map;
	__u32 adapter;

	if (ndshm_edu_find(&edu) || ndshm_edu_bind(&edu))
		SKIP(return, "needs the device edu of QEMU");
	adapter = test_adapter_claim(self->root, edu.pci.name, 28).out_adapter;
	info = test_new_block(self->root, adapter, 1);
	map = test_map_block(self->root, &info);
	map[0] = 1;
	EXPECT_EQ(0, free_id(self->root, info.shared_memory_handle));
	EXPECT_FALSE(ndshm_readable(map));
	EXPECT_EQ(page_size(), ndshm_locked(self->client));
	close(self->root);
	EXPECT_TRUE(ndshm_soon(!ndshm_locked(self->client)));
	munmap(map, info.length);
	self->root = ndshm_open();
	EXPECT_EQ(0, ndshm_edu_restore(&edu));
}

/* Concurrent ends of a block. */
struct ending {
	pthread_t thread;
	pthread_barrier_t *barrier;
	void (*end)(const struct ending *ending);
	int client;
	struct ndshm_block_info *info;
	void *map;
};

static void end_by_id(const struct ending *ending)
{
	free_id(ending->client, ending->info->shared_memory_handle);
}

static void end_by_handle(const struct ending *ending)
{
	struct ndshm_block_free_args request = block_free_request(ending->info->handle);

	request.flags = NDSHM_FREE_REVOKE;
	_test_block_free(ending->client, &request);
}

static void end_by_unmap(const struct ending *ending)
{
	munmap(ending->map, ending->info->length);
}

static void *end_block(void *argument)
{
	const struct ending *ending = argument;

	pthread_barrier_wait(ending->barrier);
	ending->end(ending);
	return NULL;
}

TEST_F(block, races)
{
	static void (*const ends[])(const struct ending *ending) = {
		end_by_id, end_by_id, end_by_handle, end_by_unmap,
	};
	const __u64 before = ndshm_locked(self->root);
	unsigned int round, rounds = ndshm_rounds(1000, 100), i;
	struct ending endings[ARRAY_SIZE(ends)];
	struct ndshm_block_info info;
	pthread_barrier_t barrier;
	unsigned char *map;

	ASSERT_EQ(0, pthread_barrier_init(&barrier, NULL, ARRAY_SIZE(ends)));
	for (round = 0; round < rounds; round++) {
		info = test_new_block(self->root, self->adapter, page_size());
		map = test_map_block(self->root, &info);
		map[0] = 1;
		for (i = 0; i < ARRAY_SIZE(ends); i++) {
			endings[i] = (struct ending){
				.barrier = &barrier, .end = ends[i], .client = self->root,
				.info = &info, .map = map,
			};
			ASSERT_EQ(0, pthread_create(&endings[i].thread, NULL, end_block,
						    &endings[i]));
		}
		for (i = 0; i < ARRAY_SIZE(ends); i++)
			pthread_join(endings[i].thread, NULL);
		EXPECT_EQ(before, ndshm_locked(self->root));
	}
	pthread_barrier_destroy(&barrier);
}

#define PARAMETERS	"/sys/module/ndshm/parameters/"
#define FAULT_DELAY	PARAMETERS "test_fault_delay_ms"
#define DELAYING	PARAMETERS "test_fault_delaying"
#define LONG_BLOCK	(12UL << 20)	/* several pieces of memory, in one list */

static void *touch(void *address)
{
	ndshm_readable(address);
	return NULL;
}

/* Calls that wait for the same fault: the first to go on frees the memory, which others look at. */
TEST_F(block, wait_for_a_fault)
{
	struct ending endings[8];
	struct ndshm_block_info info;
	pthread_barrier_t barrier;
	unsigned int round, i;
	pthread_t toucher;
	char *map;

	if (ndshm_read_number(DELAYING) < 0)
		SKIP(return, "the module is not a test build");
	ASSERT_EQ(0, pthread_barrier_init(&barrier, NULL, ARRAY_SIZE(endings)));
	for (round = 0; round < 10; round++) {
		info = test_new_block(self->root, self->adapter, LONG_BLOCK);
		map = test_map_block(self->root, &info);
		ASSERT_EQ(0, ndshm_write_file(FAULT_DELAY, "60"));
		ASSERT_EQ(0, pthread_create(&toucher, NULL, touch, map + LONG_BLOCK / 2));
		ASSERT_TRUE(ndshm_soon(ndshm_read_number(DELAYING) == 1));
		for (i = 0; i < ARRAY_SIZE(endings); i++) {
			endings[i] = (struct ending){
				.barrier = &barrier, .end = end_by_id, .client = self->root,
				.info = &info,
			};
			ASSERT_EQ(0, pthread_create(&endings[i].thread, NULL, end_block,
						    &endings[i]));
		}
		for (i = 0; i < ARRAY_SIZE(endings); i++)
			pthread_join(endings[i].thread, NULL);
		pthread_join(toucher, NULL);
		ASSERT_EQ(0, ndshm_write_file(FAULT_DELAY, "0"));
		EXPECT_FALSE(ndshm_readable(map));
		munmap(map, LONG_BLOCK);
	}
	pthread_barrier_destroy(&barrier);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
