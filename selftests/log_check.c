// SPDX-License-Identifier: GPL-2.0
/*
 * No mistake of a client may cause a line in the kernel log, because
 * unprivileged users could flood it.
 */
#include <limits.h>
#include <stdlib.h>

#include "ndshm_proc.h"
#include "ndshm_test.h"

#define LOG		"/dev/kmsg"
#define DEFERRED	"/sys/kernel/debug/devices_deferred"
#define MARK		"selftest of ndshm: a line that has to be found"
#define ROUNDS		100

FIXTURE(log_check) {
	int fd;
	int log;
	__u32 adapter;
	size_t page;
	struct ndshm_get_info_args info;
	struct ndshm_block_info block;
};

/*
 * Return: true if the kernel is going to probe an adapter of the device tree which waits for its
 * supplies. It stops waiting seconds after the module was loaded, and the probe is logged.
 */
static bool probe_is_deferred(void)
{
	char text[4096];

	return !ndshm_read_file(DEFERRED, text, sizeof(text)) && strstr(text, ".supplied");
}

FIXTURE_SETUP(log_check)
{
	self->log = open(LOG, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (self->log < 0)
		SKIP(return, LOG ": %s", strerror(errno));
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	self->info = get_info_request();
	test_get_info(self->fd, &self->info);
	self->adapter = self->info.out_default_adapter;
	self->page = page_size();
	self->block = test_new_block(self->fd, self->adapter, 1);
	/* The kernel itself waits for up to ten seconds. */
	EXPECT_TRUE(ndshm_soon(!probe_is_deferred()) || ndshm_soon(!probe_is_deferred()));
	ASSERT_EQ(0, lseek(self->log, 0, SEEK_END));
}

FIXTURE_TEARDOWN(log_check)
{
	close(self->fd);
	close(self->log);
}

/*
 * Count the new lines that mention ndshm or this program; warnings with a stack
 * name the latter.
 */
static int lines(struct __test_metadata *_metadata,
		 struct _test_data_log_check *self)
{
	char line[8192];
	int count = 0;
	ssize_t got;

	for (;;) {
		got = read(self->log, line, sizeof(line) - 1);
		if (got < 0 && errno == EAGAIN)
			return count;
		/* EPIPE: lines were lost, so the count is useless. */
		ASSERT_LT(0, got)
			TH_LOG(LOG ": %s", strerror(errno));
		line[got] = '\0';
		if (!strstr(line, "ndshm") &&
		    !strstr(line, program_invocation_short_name))
			continue;
		TH_LOG("%s", line);
		count++;
	}
}

/* Self check: a line written to the log must be counted. */
TEST_F(log_check, is_heard)
{
	if (ndshm_write_file(LOG, MARK "\n"))
		SKIP(return, "nothing can be written to " LOG);
	EXPECT_EQ(1, lines(_metadata, self));
	EXPECT_EQ(0, lines(_metadata, self));
}

TEST_F(log_check, commands)
{
	struct ndshm_adapter_map_bar_args map;
	struct ndshm_adapter_claim_args claim;
	struct ndshm_adapter_start_args start;
	struct ndshm_block_query_args query;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_free_args release;
	struct ndshm_get_info_args info;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		info = get_info_request();
		info.flags = 1;
		test_err_get_info(EOPNOTSUPP, NDSHM_REASON_FLAGS, self->fd,
				  &info);
		claim = adapter_claim_request(self->fd, 64);
		ndshm_fail(_metadata, __LINE__, EBADF, NDSHM_REASON_DESCRIPTOR, self->fd,
			   NDSHM_ADAPTER_CLAIM, &claim);
		start = adapter_start_request(self->adapter);
		test_err_adapter_start(EOPNOTSUPP,
				       NDSHM_REASON_CLAIM_UNSUPPORTED, self->fd,
				       &start);
		map = adapter_map_bar_request(self->adapter, 0);
		test_err_adapter_map_bar(EOPNOTSUPP,
					 NDSHM_REASON_CLAIM_UNSUPPORTED,
					 self->fd, &map);
		alloc = block_alloc_request(self->adapter, 0, &self->block);
		test_err_block_alloc(EINVAL, NDSHM_REASON_LENGTH_ZERO, self->fd,
				     &alloc);
		/* The result cannot be written, so the block is undone. */
		alloc = block_alloc_request(self->adapter, 1, NULL);
		test_err_block_alloc(EFAULT, NDSHM_REASON_ADDRESS, self->fd,
				     &alloc);
		release = block_free_request(NDSHM_NO_HANDLE);
		test_err_block_free(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN,
				    self->fd, &release);
		query = block_query_request(NDSHM_NO_HANDLE);
		test_err_block_query(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN,
				     self->fd, &query);
		test_errno_ioctl(EFAULT, self->fd, NDSHM_BLOCK_ALLOC, NULL);
		test_errno_ioctl(ENOTTY, self->fd, _IO(NDSHM_IOC, 0xff), NULL);
	}
	EXPECT_EQ(0, lines(_metadata, self));
}

TEST_F(log_check, mappings)
{
	const __u64 offset = self->block.mmap_offset;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		test_errno(ENXIO, self->fd,
			   mmap(NULL, self->page, PROT_READ, MAP_SHARED,
				self->fd, 0));
		test_errno(ENXIO, self->fd,
			   mmap(NULL, 2 * self->page, PROT_READ, MAP_SHARED,
				self->fd, offset));
		test_errno(EINVAL, self->fd,
			   mmap(NULL, self->page, PROT_READ, MAP_PRIVATE,
				self->fd, offset));
		test_errno(EPERM, self->fd,
			   mmap(NULL, self->page, PROT_READ | PROT_EXEC,
				MAP_SHARED, self->fd, offset));
	}
	EXPECT_EQ(0, lines(_metadata, self));
}

/*
 * A shortage of memory must not cause a warning of the page allocator. Only its longest pieces
 * are used up: without shorter ones other processes would be killed.
 */
TEST_F(log_check, memory)
{
	const __u64 length = self->page << 10;
	const __u64 most = (__u64)sysconf(_SC_PHYS_PAGES) * self->page / length;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;
	int fd = ndshm_open();
	__u64 count = 0;

	ASSERT_LE(0, fd);
	do {
		alloc = block_alloc_request(self->adapter, length, &block);
		alloc.flags = NDSHM_ALLOC_CONTIGUOUS;
	} while (!ioctl(fd, NDSHM_BLOCK_ALLOC, &alloc) && ++count < most);
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(NDSHM_REASON_PROVIDER_RESOURCES, alloc.reason);
	EXPECT_LT(0, count);
	close(fd);
	EXPECT_EQ(0, lines(_metadata, self));
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
