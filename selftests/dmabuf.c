// SPDX-License-Identifier: GPL-2.0
/*
 * dma-bufs of blocks: BLOCK_EXPORT, mappings, lifetime and charge, and the kernel's own importers.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <linux/dma-buf.h>

#include "ndshm_dmabuf.h"
#include "ndshm_edu.h"
#include "ndshm_nl.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define RW	(PROT_READ | PROT_WRITE)

static int test_export_at(struct __test_metadata *_metadata, int line, int fd, __u32 handle,
			  __u32 flags)
{
	struct ndshm_block_export_args export = block_export_request(handle, flags);

	ndshm_pass(_metadata, line, fd, NDSHM_BLOCK_EXPORT, &export);
	EXPECT_LE(0, export.out_dmabuf);
	return export.out_dmabuf;
}

#define test_export(fd, handle, flags) \
	test_export_at(_metadata, __LINE__, fd, handle, flags)

static void *map_dmabuf(int dmabuf, size_t length, int protection, size_t offset)
{
	return mmap(NULL, length, protection, MAP_SHARED, dmabuf, offset);
}

#define test_map_dmabuf(dmabuf, length, protection) ({ \
	void *map_ = map_dmabuf(dmabuf, length, protection, 0); \
	ASSERT_NE(MAP_FAILED, map_) \
		TH_LOG("mmap: %s", strerror(errno)); \
	ndshm_case(true); \
	map_; \
})

/* Number of open descriptors. */
static int descriptors(void)
{
	int fd, count = 0;

	for (fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

FIXTURE(dmabuf) {
	int fd;
	__u32 adapter;
	size_t page;
	size_t length;
	struct ndshm_block_info block;
};

FIXTURE_SETUP(dmabuf)
{
	struct ndshm_get_info_args info = get_info_request();

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	if (!(info.out_features & NDSHM_FEATURE_EXPORT))
		SKIP(return, "the kernel has no dma-bufs");
	self->adapter = info.out_default_adapter;
	self->page = page_size();
	test_charged(self->fd, self->adapter);
	/* Several folios, and pages at the end that are not a power of two. */
	self->length = (1 << 20) + 3 * self->page;
	self->block = test_new_block(self->fd, self->adapter, self->length);
}

FIXTURE_TEARDOWN(dmabuf)
{
	close(self->fd);
}

TEST_F(dmabuf, descriptor)
{
	const int dmabuf = test_export(self->fd, self->block.handle, O_RDWR | O_CLOEXEC);
	const int other = test_export(self->fd, self->block.handle, O_RDONLY);
	char name[64];

	EXPECT_EQ(FD_CLOEXEC, fcntl(dmabuf, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(dmabuf, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(0, fcntl(other, F_GETFD));
	EXPECT_EQ(O_RDONLY, fcntl(other, F_GETFL) & O_ACCMODE);
	EXPECT_EQ((off_t)self->length, lseek(dmabuf, 0, SEEK_END));
	snprintf(name, sizeof(name), "%zu", self->length);
	EXPECT_STREQ(name, ndshm_dmabuf_fdinfo(dmabuf, "size"));
	EXPECT_STREQ("ndshm", ndshm_dmabuf_fdinfo(dmabuf, "exp_name"));
	snprintf(name, sizeof(name), "ndshm:block:%u", self->block.shared_memory_handle);
	EXPECT_STREQ(name, ndshm_dmabuf_fdinfo(dmabuf, "name"));
	EXPECT_STREQ(name, ndshm_dmabuf_fdinfo(other, "name"));
	close(other);
	close(dmabuf);
}

TEST_F(dmabuf, bad_flags)
{
	const __u32 bad[] = {
		O_WRONLY, O_ACCMODE, O_RDWR | O_NONBLOCK, O_RDWR | O_TRUNC, O_CREAT, 1U << 31, ~0U,
	};
	const int before = descriptors();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct ndshm_block_export_args export =
			block_export_request(self->block.handle, bad[i]);

		test_err_block_export(EOPNOTSUPP, NDSHM_REASON_FLAGS, self->fd, &export);
		EXPECT_EQ(-1, export.out_dmabuf);
	}
	EXPECT_EQ(before, descriptors());
}

TEST_F(dmabuf, unknown_handles)
{
	const struct ndshm_block_info freed = test_new_block(self->fd, self->adapter, 1);
	const int other = ndshm_open();
	struct ndshm_block_export_args export;
	unsigned int i;

	ASSERT_LE(0, other);
	test_free_handle(self->fd, freed.handle);
	for (i = 0; i < 4; i++) {
		const __u32 handles[] = {
			0, NDSHM_NO_HANDLE, freed.handle, self->block.handle ^ 0x10000
		};

		export = block_export_request(handles[i], O_RDWR);
		test_err_block_export(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, self->fd, &export);
	}
	export = block_export_request(self->block.handle, O_RDWR);
	test_err_block_export(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, other, &export);
	close(other);
}

TEST_F(dmabuf, no_descriptor_left)
{
	struct ndshm_block_export_args export =
		block_export_request(self->block.handle, O_RDWR);
	struct rlimit limit, few;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	few = limit;
	few.rlim_cur = dup(self->fd);
	close(few.rlim_cur);
	/* The check of the state after the failure needs a descriptor. */
	ndshm_case(false);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
	EXPECT_EQ(-1, _test_block_export(self->fd, &export));
	EXPECT_EQ(EMFILE, errno);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(NDSHM_REASON_DESCRIPTORS, export.reason);
	EXPECT_EQ(-1, export.out_dmabuf);
	close(test_export(self->fd, self->block.handle, O_RDWR));
}

/* A reply that cannot be delivered leaves no descriptor. */
TEST_F(dmabuf, reply_fails)
{
	const struct ndshm_block_export_args export =
		block_export_request(self->block.handle, O_RDWR);
	void *argument = mmap(NULL, self->page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const int before = descriptors();

	ASSERT_NE(MAP_FAILED, argument);
	memcpy(argument, &export, sizeof(export));
	ASSERT_EQ(0, mprotect(argument, self->page, PROT_READ));
	test_errno_ioctl(EFAULT, self->fd, NDSHM_BLOCK_EXPORT, argument);
	EXPECT_EQ(before, descriptors());
	munmap(argument, self->page);
}

TEST_F(dmabuf, contents)
{
	const int dmabuf = test_export(self->fd, self->block.handle, O_RDWR);
	char *block = test_map_block(self->fd, &self->block);
	char *map = test_map_dmabuf(dmabuf, self->length, RW);
	char *tail;

	EXPECT_TRUE(all_bytes(map, self->length, 0));
	fill_pattern(block, self->length, 1);
	EXPECT_TRUE(has_pattern(map, self->length, 1));
	fill_pattern(map, self->length, 2);
	EXPECT_TRUE(has_pattern(block, self->length, 2));
	tail = map_dmabuf(dmabuf, 2 * self->page, RW, self->length - 2 * self->page);
	ASSERT_NE(MAP_FAILED, tail);
	EXPECT_EQ(0, memcmp(tail, block + self->length - 2 * self->page, 2 * self->page));
	tail[0] = 77;
	EXPECT_EQ(77, block[self->length - 2 * self->page]);
	/* Moved mappings and parts of them show the same pages. */
	tail = mremap(tail + self->page, self->page, self->page, MREMAP_MAYMOVE);
	ASSERT_NE(MAP_FAILED, tail);
	EXPECT_EQ(0, memcmp(tail, block + self->length - self->page, self->page));
	close(dmabuf);
}

TEST_F(dmabuf, mapping_rules)
{
	const int dmabuf = test_export(self->fd, self->block.handle, O_RDWR);
	const size_t length = self->length;
	void *map = test_map_dmabuf(dmabuf, length, RW);

	test_errno(EINVAL, self->fd, map_dmabuf(dmabuf, length + self->page, RW, 0));
	test_errno(EINVAL, self->fd, map_dmabuf(dmabuf, length, RW, self->page));
	test_errno(EINVAL, self->fd, map_dmabuf(dmabuf, self->page, RW, length));
	test_errno(EINVAL, self->fd, map_dmabuf(dmabuf, self->page, RW, 1ULL << 40));
	test_errno(EINVAL, self->fd,
		   mmap(NULL, length, RW, MAP_PRIVATE, dmabuf, 0));
	test_errno(EPERM, self->fd, map_dmabuf(dmabuf, length, RW | PROT_EXEC, 0));
	test_errno(EACCES, self->fd, mprotect(map, length, RW | PROT_EXEC));
	test_errno(EFAULT, self->fd, mremap(map, length, length + self->page, MREMAP_MAYMOVE));
	munmap(map, length);
	close(dmabuf);
}

/* Whether a mapping at @map has the flag @flag in smaps. */
static bool has_flag(const void *map, const char *flag)
{
	char line[512], start[32];
	bool found = false, here = false;
	FILE *file = fopen("/proc/self/smaps", "re");

	snprintf(start, sizeof(start), "%lx-", (unsigned long)map);
	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, start, strlen(start)))
			here = true;
		if (here && !strncmp(line, "VmFlags:", 8)) {
			found = strstr(line, flag);
			break;
		}
	}
	if (file)
		fclose(file);
	return found;
}

TEST_F(dmabuf, mapping_flags)
{
	const int dmabuf = test_export(self->fd, self->block.handle, O_RDWR);
	void *map = test_map_dmabuf(dmabuf, self->length, RW);

	EXPECT_TRUE(has_flag(map, " dd"));
	EXPECT_TRUE(has_flag(map, " de"));
	EXPECT_TRUE(has_flag(map, " sh"));
	EXPECT_FALSE(has_flag(map, " me"));
	close(dmabuf);
}

/* A user's mappings of all dma-bufs of a block have one limit. */
TEST_F(dmabuf, mapping_limit)
{
	const int dmabuf = test_export(self->fd, self->block.handle, O_RDWR);
	const int other = test_export(self->fd, self->block.handle, O_RDONLY);
	void *maps[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		/* At an odd page of a large range, so that they are not merged. */
		maps[i] = map_dmabuf(i % 3 ? dmabuf : other, self->page, PROT_READ,
				     i % 2 * 5 * self->page);
		ASSERT_NE(MAP_FAILED, maps[i])
			TH_LOG("%u: %s", i, strerror(errno));
	}
	test_errno(EMFILE, self->fd, map_dmabuf(dmabuf, self->page, RW, 0));
	test_errno(EMFILE, self->fd, map_dmabuf(other, self->page, PROT_READ, 0));
	munmap(maps[0], self->page);
	maps[0] = test_map_dmabuf(dmabuf, self->page, RW);
	for (i = 0; i < ARRAY_SIZE(maps); i++)
		munmap(maps[i], self->page);
	close(other);
	close(dmabuf);
}

/*
 * Map a dma-buf, split the mapping, and fork, until there are as many VMAs as possible. Return: an
 * exit code.
 */
static int use_up_mappings(int dmabuf, size_t length, size_t page, int peer)
{
	char *map = map_dmabuf(dmabuf, length, PROT_READ, 0);
	unsigned int count = 1;
	int unused;
	size_t at;

	if (map == MAP_FAILED)
		return 2;
	for (at = page; at + page < length && !mprotect(map + at, page, PROT_NONE); at += 2 * page)
		count += 2;
	while (map_dmabuf(dmabuf, page, PROT_READ, count % 2 * 5 * page) != MAP_FAILED)
		count++;
	/* The last change of protection may have split the mapping once of two times. */
	if (errno != EMFILE || count < 127 || count > 128)
		return 3;
	/* The child has as many again, beyond the limit. */
	if (!ndshm_fork(&unused)) {
		ndshm_signal_peer(peer);
		pause();
	}
	pause();
	return 4;
}

/* Who was given a dma-buf cannot use up the mappings of the block's owner, nor those of others. */
TEST_F(dmabuf, recipient_limit)
{
	const int dmabuf = test_export(self->fd, self->block.handle, O_RDONLY);
	char *map, *first;
	void *maps[1020];
	unsigned int i;
	pid_t pid;
	int peer;

	/* The child of the child has mappings that end when it does. */
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	pid = ndshm_fork(&peer);
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(ndshm_become(NDSHM_USER_A) ?
		      use_up_mappings(dmabuf, self->length, self->page, peer) : 5);
	ASSERT_TRUE(ndshm_hear(peer));
	/* Of 20, some have the same share as the child: one of 8. */
	EXPECT_LE(8, ndshm_mapping_users(dmabuf, 20));
	first = test_map_block(self->fd, &self->block);
	map = test_map_block(self->fd, &self->block);
	EXPECT_EQ(0, mprotect(map + self->page, self->page, PROT_READ));
	/* These four, and all that the limit of the block leaves. */
	for (i = 0; i < ARRAY_SIZE(maps); i++) {
		maps[i] = ndshm_map(self->fd, &self->block);
		ASSERT_NE(MAP_FAILED, maps[i])
			TH_LOG("%u: %s", i, strerror(errno));
	}
	test_errno(EMFILE, self->fd, ndshm_map(self->fd, &self->block));
	for (i = 0; i < ARRAY_SIZE(maps); i++)
		munmap(maps[i], self->length);
	munmap(map, self->length);
	munmap(first, self->length);
	EXPECT_TRUE(ndshm_end(pid, peer, SIGKILL));
	EXPECT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_LT(0, waitpid(-1, NULL, 0));
	close(peer);
	close(dmabuf);
}

TEST_F(dmabuf, readonly)
{
	const int dmabuf = test_export(self->fd, self->block.handle, O_RDONLY | O_CLOEXEC);
	char *block = test_map_block(self->fd, &self->block), path[64];
	void *map;

	test_errno(EACCES, self->fd, map_dmabuf(dmabuf, self->length, RW, 0));
	test_errno(EACCES, self->fd, map_dmabuf(dmabuf, self->length, PROT_WRITE, 0));
	map = test_map_dmabuf(dmabuf, self->length, PROT_READ);
	fill_pattern(block, self->length, 3);
	EXPECT_TRUE(has_pattern(map, self->length, 3));
	test_errno(EACCES, self->fd, mprotect(map, self->length, RW));
	/* Nobody can get a writable descriptor from it. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dmabuf);
	EXPECT_EQ(-1, open(path, O_RDWR));
	fcntl(dmabuf, F_SETFL, O_RDWR);
	EXPECT_EQ(O_RDONLY, fcntl(dmabuf, F_GETFL) & O_ACCMODE);
	close(dmabuf);
}

TEST_F(dmabuf, sync)
{
	const int dmabuf = test_export(self->fd, self->block.handle, O_RDWR);
	const int readonly = test_export(self->fd, self->block.handle, O_RDONLY);
	static const __u64 directions[] = {
		DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(directions); i++) {
		EXPECT_EQ(0, ndshm_dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | directions[i]));
		EXPECT_EQ(0, ndshm_dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | directions[i]));
		EXPECT_EQ(0, ndshm_dmabuf_sync(readonly, DMA_BUF_SYNC_START | directions[i]));
		ndshm_case(true);
	}
	EXPECT_EQ(-EINVAL, ndshm_dmabuf_sync(dmabuf, 0));
	EXPECT_EQ(-EINVAL, ndshm_dmabuf_sync(dmabuf, 1 << 10));
	ndshm_case(false);
	close(readonly);
	close(dmabuf);
}

/* Number of dma-bufs that netlink reports for a block. */
static unsigned int reported(struct __test_metadata *_metadata, __u32 id)
{
	struct ndshm_nl_block block;
	struct ndshm_nl nl;

	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_block_by_id(&nl, id, &block));
	ndshm_nl_close(&nl);
	return block.exports;
}

TEST_F(dmabuf, counted)
{
	const __u32 id = self->block.shared_memory_handle;
	int first, second;

	EXPECT_EQ(0, reported(_metadata, id));
	first = test_export(self->fd, self->block.handle, O_RDWR);
	EXPECT_EQ(1, reported(_metadata, id));
	second = test_export(self->fd, self->block.handle, O_RDONLY);
	EXPECT_EQ(2, reported(_metadata, id));
	close(first);
	EXPECT_EQ(1, reported(_metadata, id));
	/* A block whose handle was freed is listed as long as the dma-buf keeps it. */
	test_free_handle(self->fd, self->block.handle);
	EXPECT_EQ(1, reported(_metadata, id));
	close(second);
}

/* The steps that end a block with a dma-buf. */
enum { END_HANDLE, END_MAPPING, END_DMABUF, END_IMPORT, END_STEPS };

/* The steps in the order of the permutation @number. */
static void permute(unsigned int number, unsigned int order[END_STEPS])
{
	unsigned int i, j, left[END_STEPS];

	for (i = 0; i < END_STEPS; i++)
		left[i] = i;
	for (i = END_STEPS; i; i--) {
		j = number % i;
		number /= i;
		order[END_STEPS - i] = left[j];
		memmove(left + j, left + j + 1, (i - j - 1) * sizeof(*left));
	}
}

/* The charge stays until the last of handle, mappings and dma-buf has ended. */
static void end_in_order(struct __test_metadata *_metadata, struct _test_data_dmabuf *self,
			 const unsigned int *order, bool close_client)
{
	const __u64 before = test_user_locked();
	const int client = ndshm_open();
	struct ndshm_block_info block;
	int dmabuf, i;
	char *map, *shown;

	ASSERT_LE(0, client);
	block = test_new_block(client, self->adapter, 3 * self->page);
	dmabuf = test_export(client, block.handle, O_RDWR);
	map = test_map_block(client, &block);
	shown = test_map_dmabuf(dmabuf, block.length, RW);
	fill_pattern(map, block.length, 4);
	for (i = 0; i < END_STEPS; i++) {
		EXPECT_EQ(before + block.consumed, test_user_locked());
		switch (order[i]) {
		case END_HANDLE:
			if (close_client)
				close(client);
			else
				test_free_handle(client, block.handle);
			break;
		case END_MAPPING:
			munmap(map, block.length);
			map = NULL;
			break;
		case END_DMABUF:
			close(dmabuf);
			dmabuf = -1;
			break;
		case END_IMPORT:
			munmap(shown, block.length);
			shown = NULL;
			break;
		}
		if (map)
			EXPECT_TRUE(has_pattern(map, block.length, 4));
		if (shown)
			EXPECT_TRUE(has_pattern(shown, block.length, 4));
		if (dmabuf >= 0) {
			void *again = test_map_dmabuf(dmabuf, block.length, PROT_READ);

			EXPECT_TRUE(has_pattern(again, block.length, 4));
			munmap(again, block.length);
		}
	}
	if (!close_client)
		close(client);
	EXPECT_TRUE(ndshm_soon(test_user_locked() == before));
}

TEST_F(dmabuf, order_of_ends)
{
	unsigned int order[END_STEPS], number;

	for (number = 0; number < 24; number++) {
		permute(number, order);
		end_in_order(_metadata, self, order, false);
		end_in_order(_metadata, self, order, true);
	}
}

TEST_F(dmabuf, duplicates_and_fork)
{
	const int dmabuf = test_export(self->fd, self->block.handle, O_RDWR);
	const int duplicate = dup(dmabuf);
	char *map = test_map_dmabuf(dmabuf, self->length, RW);
	int peer;
	pid_t pid;

	close(dmabuf);
	fill_pattern(map, self->length, 5);
	pid = ndshm_fork(&peer);
	ASSERT_LE(0, pid);
	if (!pid) {
		char *own = map_dmabuf(duplicate, self->length, RW, 0);

		/* The parent has closed and unmapped everything. */
		if (!ndshm_hear(peer) || own == MAP_FAILED)
			_exit(1);
		_exit(!has_pattern(map, self->length, 5) || !has_pattern(own, self->length, 5));
	}
	munmap(map, self->length);
	close(duplicate);
	test_free_handle(self->fd, self->block.handle);
	ASSERT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(pid));
	close(peer);
	self->block = test_new_block(self->fd, self->adapter, 1);
}

/* The user that allocated pays while anyone has the dma-buf. */
TEST_F(dmabuf, passed_to_another_user)
{
	__u64 before;
	int peer, dmabuf, kill_it;
	char *map;
	pid_t pid;

	if (geteuid())
		SKIP(return, "only root can become another user");
	for (kill_it = 0; kill_it < 2; kill_it++) {
		before = ndshm_locked_of(self->fd, NDSHM_USER_A);
		pid = ndshm_fork(&peer);
		ASSERT_LE(0, pid);
		if (!pid) {
			struct ndshm_block_export_args export;
			struct ndshm_block_info block;
			struct ndshm_block_alloc_args alloc =
				block_alloc_request(self->adapter, 2 * self->page, &block);
			int fd = ndshm_open_as(NDSHM_USER_A, RLIM_INFINITY);

			if (!ndshm_become(NDSHM_USER_A))
				_exit(1);
			if (_test_block_alloc(fd, &alloc))
				_exit(2);
			export = block_export_request(block.handle, O_RDWR);
			if (_test_block_export(fd, &export) ||
			    !ndshm_send_fd(peer, export.out_dmabuf))
				_exit(3);
			ndshm_hear(peer);
			_exit(0);
		}
		dmabuf = ndshm_receive_fd(peer);
		ASSERT_LE(0, dmabuf);
		EXPECT_TRUE(ndshm_end(pid, peer, kill_it ? SIGKILL : 0));
		EXPECT_EQ(pid, waitpid(pid, NULL, 0));
		close(peer);
		map = test_map_dmabuf(dmabuf, 2 * self->page, RW);
		fill_pattern(map, 2 * self->page, 6);
		EXPECT_EQ(before + 2 * self->page, ndshm_locked_of(self->fd, NDSHM_USER_A));
		close(dmabuf);
		EXPECT_TRUE(has_pattern(map, 2 * self->page, 6));
		EXPECT_EQ(before + 2 * self->page, ndshm_locked_of(self->fd, NDSHM_USER_A));
		munmap(map, 2 * self->page);
		EXPECT_TRUE(ndshm_soon(ndshm_locked_of(self->fd, NDSHM_USER_A) == before));
	}
}

/* A freed block with a dma-buf is not reused, and its next user does not see it. */
TEST_F(dmabuf, not_reused)
{
	struct ndshm_block_info first, second;
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, self->page,
								  &first);
	char *map;
	int dmabuf;

	test_block_alloc(self->fd, &alloc);
	dmabuf = test_export(self->fd, first.handle, O_RDWR);
	test_free_handle(self->fd, first.handle);
	alloc = block_alloc_request(self->adapter, self->page, &second);
	test_block_alloc(self->fd, &alloc);
	map = test_map_block(self->fd, &second);
	fill_pattern(map, self->page, 7);
	EXPECT_FALSE(has_pattern(test_map_dmabuf(dmabuf, self->page, RW), self->page, 7));
	close(dmabuf);
}

/*
 * The kernel's own importers
 */

FIXTURE(stock) {
	int fd;
	int vgem;
	size_t length;
	struct ndshm_block_info block;
	int dmabuf;
	char *map;
};

FIXTURE_VARIANT(stock) {
	const char *provider;
	int error;	/* of an attachment for another device */
};

FIXTURE_VARIANT_ADD(stock, pages) {
	.provider = "pages",
};

FIXTURE_VARIANT_ADD(stock, coherent) {
	.provider = "coherent",
	.error = -EOPNOTSUPP,
};

FIXTURE_SETUP(stock)
{
	struct ndshm_get_info_args info = get_info_request();
	struct ndshm_nl_provider provider;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_nl nl;

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	if (!(info.out_features & NDSHM_FEATURE_EXPORT))
		SKIP(return, "the kernel has no dma-bufs");
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&nl, variant->provider, &provider));
	ndshm_nl_close(&nl);
	self->length = (3 << 18) + page_size();
	alloc = block_alloc_request(info.out_default_adapter, self->length, &self->block);
	alloc.provider = provider.id;
	test_block_alloc(self->fd, &alloc);
	self->dmabuf = test_export(self->fd, self->block.handle, O_RDWR | O_CLOEXEC);
	self->map = test_map_block(self->fd, &self->block);
}

FIXTURE_TEARDOWN(stock)
{
	close(self->fd);
}

TEST_F(stock, vgem)
{
	const int vgem = ndshm_vgem_open();
	__u32 handle;
	int back;
	char *map;

	if (vgem < 0)
		SKIP(return, "the kernel has no vgem");
	fill_pattern(self->map, self->length, 8);
	ASSERT_EQ(variant->error, ndshm_vgem_import(vgem, self->dmabuf, &handle));
	if (variant->error)
		return;
	/* The importer alone keeps the memory. */
	munmap(self->map, self->length);
	close(self->dmabuf);
	test_free_handle(self->fd, self->block.handle);
	back = ndshm_vgem_export(vgem, handle);
	ASSERT_LE(0, back);
	EXPECT_STREQ("ndshm", ndshm_dmabuf_fdinfo(back, "exp_name"));
	map = test_map_dmabuf(back, self->length, RW);
	EXPECT_TRUE(has_pattern(map, self->length, 8));
	EXPECT_EQ(0, ndshm_vgem_close(vgem, handle));
	EXPECT_TRUE(has_pattern(map, self->length, 8));
	close(back);
	close(vgem);
}

TEST_F(stock, vgem_readonly)
{
	const int vgem = ndshm_vgem_open();
	int dmabuf;
	__u32 handle;

	if (vgem < 0)
		SKIP(return, "the kernel has no vgem");
	dmabuf = test_export(self->fd, self->block.handle, O_RDONLY);
	EXPECT_EQ(variant->error ?: -EACCES, ndshm_vgem_import(vgem, dmabuf, &handle));
	close(dmabuf);
	close(vgem);
}

TEST_F(stock, vivid)
{
	const int vivid = ndshm_vivid_open();
	size_t i, written = 0;
	int readonly;

	if (vivid < 0)
		SKIP(return, "the kernel has no vivid");
	/* The kernel cannot map frames, which end while it writes. The error is vivid's. */
	if (variant->error) {
		EXPECT_EQ(-EFAULT, ndshm_vivid_capture(vivid, self->dmabuf, self->length));
		close(vivid);
		return;
	}
	memset(self->map, 0, self->length);
	ASSERT_EQ(NDSHM_VIVID_FRAME, ndshm_vivid_capture(vivid, self->dmabuf, self->length));
	for (i = 0; i < NDSHM_VIVID_FRAME; i++)
		written += self->map[i] != 0;
	/* A picture has no byte 0 in YUYV. */
	EXPECT_EQ(NDSHM_VIVID_FRAME, written);
	EXPECT_TRUE(all_bytes(self->map + NDSHM_VIVID_FRAME, self->length - NDSHM_VIVID_FRAME, 0));
	/* A camera cannot write into a read-only one. */
	memset(self->map, 0, self->length);
	readonly = test_export(self->fd, self->block.handle, O_RDONLY);
	EXPECT_EQ(-EFAULT, ndshm_vivid_capture(vivid, readonly, self->length));
	EXPECT_TRUE(all_bytes(self->map, self->length, 0));
	close(readonly);
	close(vivid);
}

/*
 * The end of a claim
 */

FIXTURE(claimed) {
	int fd;
	__u32 pages;		/* memory of "coherent" cannot be attached to another device */
	struct ndshm_edu edu;
};

FIXTURE_SETUP(claimed)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ndshm_nl_provider_id("pages", &self->pages));
}

FIXTURE_TEARDOWN(claimed)
{
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

/* A block of the provider "pages" for edu. */
static struct ndshm_block_info new_edu_block(struct __test_metadata *_metadata,
					     struct _test_data_claimed *self, size_t length,
					     __u32 flags)
{
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->edu.adapter.id, length,
								  &block);

	alloc.provider = self->pages;
	alloc.flags = flags;
	test_block_alloc(self->fd, &alloc);
	return block;
}

TEST_F(claimed, end)
{
	struct ndshm_get_info_args info = get_info_request();
	const __u64 before = test_user_locked();
	struct ndshm_block_export_args export;
	struct ndshm_adapter_map_bar_args bar;
	struct ndshm_block_info block;
	const int vgem = ndshm_vgem_open();
	const size_t page = page_size();
	__u32 handle = 0;
	int dmabuf;
	char *map;

	test_get_info(self->fd, &info);
	if (!(info.out_features & NDSHM_FEATURE_EXPORT))
		SKIP(return, "the kernel has no dma-bufs");
	test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH);
	/* The handle of a BAR is not one of a block. */
	bar = adapter_map_bar_request(self->edu.adapter.id, 0);
	test_adapter_map_bar(self->fd, &bar);
	export = block_export_request(bar.out_mmap_offset / (2 << 20), O_RDWR);
	test_err_block_export(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, self->fd, &export);

	block = new_edu_block(_metadata, self, 5 * page, 0);
	dmabuf = test_export(self->fd, block.handle, O_RDWR);
	map = test_map_dmabuf(dmabuf, block.length, RW);
	fill_pattern(map, block.length, 9);
	/* A freed handle does not end it, but the end of the claim does. */
	test_free_handle(self->fd, block.handle);
	EXPECT_TRUE(has_pattern(map, block.length, 9));
	if (vgem >= 0)
		EXPECT_EQ(0, ndshm_vgem_import(vgem, dmabuf, &handle));
	close(self->fd);
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);

	test_sigbus(map);
	test_sigbus(map + 4 * page);
	test_errno(ENODEV, self->fd, map_dmabuf(dmabuf, block.length, RW, 0));
	EXPECT_EQ(-ENODEV, ndshm_dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	/* The charge ends with the block, also if an importer has pages of it. */
	EXPECT_EQ(before, test_user_locked());
	munmap(map, block.length);
	close(dmabuf);
	if (vgem >= 0)
		EXPECT_EQ(0, ndshm_vgem_close(vgem, handle));
	close(vgem);
}

/* A camera without DMA writes a frame into a block, which the program and a device read. */
TEST_F(claimed, camera_to_device)
{
	struct ndshm_adapter_map_bar_args map_bar =
		adapter_map_bar_request(self->edu.adapter.id, 0);
	struct ndshm_adapter_start_args start = adapter_start_request(self->edu.adapter.id);
	static const size_t places[] = { 0, 99999, NDSHM_VIVID_FRAME - EDU_MOST };
	struct ndshm_block_info frame, copy;
	const int vivid = ndshm_vivid_open();
	char *picture, *copied;
	unsigned int i;
	int dmabuf;
	void *bar;

	if (vivid < 0)
		SKIP(return, "the kernel has no vivid");
	test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH);
	test_adapter_map_bar(self->fd, &map_bar);
	bar = mmap(NULL, map_bar.out_length, RW, MAP_SHARED, self->fd, map_bar.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, bar);
	test_adapter_start(self->fd, &start);
	frame = new_edu_block(_metadata, self, NDSHM_VIVID_FRAME, NDSHM_ALLOC_CONTIGUOUS);
	copy = new_edu_block(_metadata, self, EDU_MOST, NDSHM_ALLOC_CONTIGUOUS);
	picture = test_map_block(self->fd, &frame);
	copied = test_map_block(self->fd, &copy);
	dmabuf = test_export(self->fd, frame.handle, O_RDWR | O_CLOEXEC);
	ASSERT_EQ(NDSHM_VIVID_FRAME, ndshm_vivid_capture(vivid, dmabuf, frame.length));
	EXPECT_EQ(0, ndshm_dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	/* A picture has no byte 0 in YUYV, and is not of one colour. */
	EXPECT_EQ(NULL, memchr(picture, 0, NDSHM_VIVID_FRAME));
	EXPECT_FALSE(all_bytes(picture, NDSHM_VIVID_FRAME, picture[0]));
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		memset(copied, 0, EDU_MOST);
		ASSERT_TRUE(ndshm_edu_to_device(bar, frame.address + places[i], EDU_MOST));
		ASSERT_TRUE(ndshm_edu_from_device(bar, copy.address, EDU_MOST));
		EXPECT_EQ(0, memcmp(copied, picture + places[i], EDU_MOST));
		ndshm_case(true);
	}
	EXPECT_EQ(0, ndshm_dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	close(dmabuf);
	close(vivid);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
