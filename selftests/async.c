// SPDX-License-Identifier: GPL-2.0
/*
 * Asynchronous allocation: requests, their records, and how both end. With the
 * mock module also with a slow provider.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <linux/capability.h>
#include <linux/mempolicy.h>

#include "ndshm_edu.h"
#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define COUNTS	"/sys/kernel/debug/ndshm/requests"

/* Machine-wide counters, independent of the clients' lifetime. */
struct counts {
	long long accepted, granted, failed, aborted;
};

static struct counts counts(void)
{
	struct counts now = { -1, -1, -1, -1 };
	char text[256];

	if (!ndshm_read_file(COUNTS, text, sizeof(text)))
		sscanf(text,
		       "requests accepted=%lld granted=%lld failed=%lld aborted=%lld",
		       &now.accepted, &now.granted, &now.failed, &now.aborted);
	return now;
}

static void expect_counts(struct __test_metadata *_metadata, int line,
			  const struct counts *before, int granted, int failed,
			  int aborted)
{
	struct counts after = counts();

	EXPECT_EQ(before->accepted + granted + failed + aborted, after.accepted)
		TH_LOG("line %d", line);
	EXPECT_EQ(before->granted + granted, after.granted)
		TH_LOG("line %d", line);
	EXPECT_EQ(before->failed + failed, after.failed)
		TH_LOG("line %d", line);
	EXPECT_EQ(before->aborted + aborted, after.aborted)
		TH_LOG("line %d", line);
}

#define test_counts(before, granted, failed, aborted) \
	expect_counts(_metadata, __LINE__, before, granted, failed, aborted)

/* Return: true if a record can be read within @timeout milliseconds. */
static bool is_ready(int fd, int timeout)
{
	struct pollfd wanted = { .fd = fd, .events = POLLIN };

	return poll(&wanted, 1, timeout) == 1 && wanted.revents == POLLIN;
}

#define LONG	60000

/* Number of the client's blocks, which grows as requests complete. */
static __u32 blocks_of(int fd)
{
	struct ndshm_state state;

	return _test_state(fd, &state) ? state.blocks : ~0U;
}

static struct ndshm_completion
read_one(struct __test_metadata *_metadata, int line, int fd)
{
	struct ndshm_completion record;

	memset(&record, NDSHM_POISON, sizeof(record));
	ndshm_case(true);
	ASSERT_TRUE(is_ready(fd, LONG))
		TH_LOG("line %d: no record comes", line);
	ASSERT_EQ((long)sizeof(record), read(fd, &record, sizeof(record)))
		TH_LOG("line %d: %s", line, strerror(errno));
	return record;
}

#define test_read(fd)	read_one(_metadata, __LINE__, fd)

/* The record of a failure must contain nothing of a block. */
static void expect_record(struct __test_metadata *_metadata, int line,
			  const struct ndshm_completion *record, __u64 cookie,
			  __u32 reason)
{
	EXPECT_EQ(cookie, record->cookie)
		TH_LOG("line %d", line);
	EXPECT_EQ(reason, record->reason)
		TH_LOG("line %d", line);
	EXPECT_EQ(ndshm_expected[reason].status, record->status)
		TH_LOG("line %d", line);
	if (reason != NDSHM_REASON_NONE)
		EXPECT_TRUE(all_bytes(&record->block, sizeof(record->block), 0))
			TH_LOG("line %d", line);
}

#define test_record(record, cookie, reason) \
	expect_record(_metadata, __LINE__, record, cookie, reason)

#define test_ends(fd, cookie, reason) do { \
	struct ndshm_completion record_ = test_read(fd); \
	test_record(&record_, cookie, reason); \
} while (0)

FIXTURE(async) {
	int fd;
	struct ndshm_get_info_args info;
	__u32 adapter;
	size_t page;
	struct counts before;
};

FIXTURE_SETUP(async)
{
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	self->info = get_info_request();
	test_get_info(self->fd, &self->info);
	self->adapter = self->info.out_default_adapter;
	self->page = page_size();
	test_charged(self->fd, self->adapter);
	self->before = counts();
	ASSERT_LE(0, self->before.accepted)
		TH_LOG(COUNTS " cannot be read");
}

FIXTURE_TEARDOWN(async)
{
	close(self->fd);
}

static __u32 requests_of(struct __test_metadata *_metadata, int fd)
{
	struct ndshm_get_info_args info = get_info_request();

	test_get_info(fd, &info);
	return info.out_requests;
}

static void ask(struct __test_metadata *_metadata, struct _test_data_async *self,
		__u64 length, __u64 cookie)
{
	struct ndshm_block_alloc_args alloc =
		block_later_request(self->adapter, length, cookie);

	test_pending(self->fd, &alloc);
}

/* The resulting block is like any other. */
TEST_F(async, block)
{
	const __u64 cookie = 0xfedcba9876543210ULL;
	struct ndshm_state state = test_state(self->fd);
	struct ndshm_block_query_args query;
	struct ndshm_completion record;
	char *map;

	EXPECT_EQ(1024, self->info.out_max_requests);
	EXPECT_EQ(0, self->info.out_requests);
	ask(_metadata, self, 3 * self->page - 5, cookie);
	EXPECT_EQ(1, requests_of(_metadata, self->fd));
	record = test_read(self->fd);
	test_record(&record, cookie, NDSHM_REASON_NONE);
	EXPECT_EQ(0, requests_of(_metadata, self->fd));
	EXPECT_FALSE(is_ready(self->fd, 0));
	EXPECT_EQ(3 * self->page, record.block.length);
	EXPECT_EQ(NDSHM_BLOCK_MAPPABLE | NDSHM_BLOCK_CHARGED,
		  record.block.flags);
	EXPECT_NE(0, record.block.handle);
	EXPECT_EQ(state.user_locked + record.block.consumed,
		  test_state(self->fd).user_locked);
	EXPECT_EQ(record.block.consumed, test_state(self->fd).bytes);

	query = block_query_request(record.block.handle);
	test_block_query(self->fd, &query);
	EXPECT_EQ(0, memcmp(&query.out_block, &record.block,
			    sizeof(record.block)));
	EXPECT_EQ(self->adapter, query.out_adapter);
	EXPECT_EQ(NDSHM_USAGE_OTHER, query.out_usage);
	map = test_map_block(self->fd, &record.block);
	EXPECT_TRUE(all_bytes(map, record.block.length, 0));
	memset(map, 1, record.block.length);
	munmap(map, record.block.length);
	test_free_handle(self->fd, record.block.handle);
	ndshm_same_state(_metadata, __LINE__, self->fd, &state);
	test_counts(&self->before, 1, 0, 0);
}

/* A record must hide addresses from the client's opener as other answers do. */
TEST_F(async, hidden_addresses)
{
	struct ndshm_block_alloc_args alloc =
		block_later_request(self->adapter, 1, 1);
	struct ndshm_nl_adapter adapter;
	struct ndshm_completion record;
	struct ndshm_nl nl;
	int fd;

	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&nl, self->adapter, &adapter));
	ndshm_nl_close(&nl);
	test_pending(self->fd, &alloc);
	record = test_read(self->fd);
	EXPECT_NE(NDSHM_ADDRESS_HIDDEN, record.block.address);

	fd = test_open_without(CAP_SYS_RAWIO);
	test_pending(fd, &alloc);
	record = test_read(fd);
	test_record(&record, 1, NDSHM_REASON_NONE);
	EXPECT_EQ(!!adapter.isolation,
		  record.block.address == NDSHM_ADDRESS_HIDDEN);
	/* A failure has no address, which differs from a hidden one. */
	alloc.length = self->info.out_max_length;
	alloc.flags |= NDSHM_ALLOC_CONTIGUOUS;
	test_pending(fd, &alloc);
	test_ends(fd, 1, NDSHM_REASON_PROVIDER_RESOURCES);
	close(fd);
}

/* Invalid requests must fail at once, without a record. */
TEST_F(async, refused)
{
	const struct ndshm_block_alloc_args good =
		block_later_request(self->adapter, self->page, 1);
	struct ndshm_block_info block;
	struct ndshm_segment segment;
	struct ndshm_block_alloc_args alloc;

#define REFUSED(error, reason, member, value) do { \
	alloc = good; \
	alloc.member = (value); \
	test_err_block_alloc(error, NDSHM_REASON_##reason, self->fd, &alloc); \
} while (0)
	REFUSED(EINVAL, COUNT, count, 2);
	REFUSED(EINVAL, COUNT, count, 0);
	REFUSED(EINVAL, LIST, blocks, to_u64(&block));
	REFUSED(EINVAL, LIST, segments, to_u64(&segment));
	REFUSED(EINVAL, LIST, segment_capacity, 1);
	REFUSED(EINVAL, RESERVED, flags, NDSHM_ALLOC_CONTIGUOUS);
	REFUSED(EOPNOTSUPP, FLAGS, flags, NDSHM_ALLOC_ASYNC | 1U << 3);
	REFUSED(EINVAL, LENGTH_ZERO, length, 0);
	REFUSED(EINVAL, LENGTH_LIMIT, length, 1ULL << 60);
	REFUSED(EINVAL, USAGE, usage, 0);
	REFUSED(EINVAL, NODE, preferred_node, 12345);
	REFUSED(EOPNOTSUPP, QUEUE_UNSUPPORTED, queue_id, 1);
	REFUSED(ENOENT, ADAPTER_UNKNOWN, adapter, UINT32_MAX);
	REFUSED(ENOENT, PROVIDER_UNKNOWN, provider, UINT32_MAX);
#undef REFUSED
	EXPECT_EQ(0, requests_of(_metadata, self->fd));
	EXPECT_FALSE(is_ready(self->fd, 0));
	test_counts(&self->before, 0, 0, 0);
	/* An older program's argument has no cookie; it is taken as 0. */
	alloc = good;
	alloc.size = offsetof(struct ndshm_block_alloc_args, cookie);
	test_pending(self->fd, &alloc);
	test_ends(self->fd, 0, NDSHM_REASON_NONE);
}

/* If the result cannot be written, the request must not start. */
TEST_F(async, first_reported)
{
	char *pages = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ndshm_block_alloc_args *alloc = (void *)pages;
	struct ndshm_block_cancel_args *cancel = (void *)pages;

	ASSERT_NE(MAP_FAILED, pages);
	*alloc = block_later_request(self->adapter, self->page, 1);
	ASSERT_EQ(0, mprotect(pages, self->page, PROT_READ));
	test_errno_ioctl(EFAULT, self->fd, NDSHM_BLOCK_ALLOC, alloc);
	EXPECT_EQ(0, requests_of(_metadata, self->fd));
	test_counts(&self->before, 0, 0, 0);

	ASSERT_EQ(0, mprotect(pages, self->page, PROT_READ | PROT_WRITE));
	*cancel = block_cancel_request(1);
	ASSERT_EQ(0, mprotect(pages, self->page, PROT_READ));
	test_errno_ioctl(EFAULT, self->fd, NDSHM_BLOCK_CANCEL, cancel);
	munmap(pages, self->page);
}

/* A later failure is reported in the record, and nothing is left of the request. */
TEST_F(async, failed)
{
	struct ndshm_state state = test_state(self->fd);
	struct ndshm_completion record;
	struct ndshm_block_alloc_args alloc =
		block_later_request(self->adapter, self->info.out_max_length,
				    7);

	alloc.flags |= NDSHM_ALLOC_CONTIGUOUS;
	test_pending(self->fd, &alloc);
	record = test_read(self->fd);
	test_record(&record, 7, NDSHM_REASON_PROVIDER_RESOURCES);
	ndshm_same_state(_metadata, __LINE__, self->fd, &state);
	test_counts(&self->before, 0, 1, 0);
}

TEST_F(async, reading)
{
	struct ndshm_completion records[6];
	const size_t one = sizeof(records[0]);
	unsigned int i;
	long got;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	test_errno(EAGAIN, self->fd, read(self->fd, records, one));
	test_errno(EINVAL, self->fd, read(self->fd, records, one - 1));
	test_errno(EINVAL, self->fd, read(self->fd, records, 0));
	for (i = 0; i < 5; i++)
		ask(_metadata, self, 1, i);
	ASSERT_TRUE(ndshm_soon(blocks_of(self->fd) == 5));
	EXPECT_TRUE(is_ready(self->fd, 0));
	test_errno(EINVAL, self->fd, read(self->fd, records, one - 1));

	/*
	 * A read returns as many records as fit, in order, and leaves the rest
	 * of the buffer.
	 */
	memset(records, NDSHM_POISON, sizeof(records));
	EXPECT_EQ(2 * (long)one, read(self->fd, records, 3 * one - 1));
	test_record(&records[0], 0, NDSHM_REASON_NONE);
	test_record(&records[1], 1, NDSHM_REASON_NONE);
	EXPECT_TRUE(all_bytes(&records[2], one, NDSHM_POISON));
	EXPECT_TRUE(is_ready(self->fd, 0));
	EXPECT_EQ(3, requests_of(_metadata, self->fd));

	/* It returns no more than there are. */
	for (i = 2; i < 5; i += got / one) {
		ASSERT_TRUE(is_ready(self->fd, LONG));
		got = read(self->fd, records, sizeof(records));
		ASSERT_LT(0, got);
		EXPECT_EQ(0, got % (long)one);
		test_record(&records[0], i, NDSHM_REASON_NONE);
	}
	EXPECT_EQ(5, i);
	EXPECT_FALSE(is_ready(self->fd, 0));
	test_errno(EAGAIN, self->fd, read(self->fd, records, one));
	EXPECT_EQ(5, test_state(self->fd).blocks);
	EXPECT_EQ(0, requests_of(_metadata, self->fd));
}

/* The parts of an iovec are one buffer: readv() must not wait for a second record. */
TEST_F(async, parts)
{
	char buffer[2 * sizeof(struct ndshm_completion)];
	struct ndshm_completion record;
	const long one = sizeof(record);
	struct iovec whole[] = {
		{ buffer, one }, { buffer + one, one },
	};
	struct iovec odd[] = {
		{ buffer, 3 }, { NULL, 0 }, { buffer + 3, one - 5 },
		{ buffer + one - 2, one + 1 },
	};
	unsigned int i;

	ask(_metadata, self, 1, 7);
	ASSERT_TRUE(is_ready(self->fd, LONG));
	/* If readv() waits, SIGALRM interrupts it. */
	ASSERT_TRUE(ndshm_set_alarms(1000000));
	EXPECT_EQ(one, readv(self->fd, whole, ARRAY_SIZE(whole)));
	ASSERT_TRUE(ndshm_set_alarms(0));
	memcpy(&record, buffer, one);
	test_record(&record, 7, NDSHM_REASON_NONE);

	for (i = 0; i < 2; i++)
		ask(_metadata, self, 1, i);
	ASSERT_TRUE(ndshm_soon(blocks_of(self->fd) == 3));
	memset(buffer, NDSHM_POISON, sizeof(buffer));
	EXPECT_EQ(one, readv(self->fd, odd, ARRAY_SIZE(odd)));
	memcpy(&record, buffer, one);
	test_record(&record, 0, NDSHM_REASON_NONE);
	EXPECT_TRUE(all_bytes(buffer + one, one, NDSHM_POISON));
	/* If the first record cannot be written completely, it must not be consumed. */
	odd[2].iov_base = NULL;
	test_errno(EFAULT, self->fd, readv(self->fd, odd, ARRAY_SIZE(odd)));
	test_ends(self->fd, 1, NDSHM_REASON_NONE);
	odd[2].iov_len = 4;
	odd[3].iov_len = one - 8;
	test_errno(EINVAL, self->fd, readv(self->fd, odd, ARRAY_SIZE(odd)));
}

/* pread() is not possible; RWF_NOWAIT makes a single read nonblocking. */
TEST_F(async, places)
{
	struct ndshm_completion record;
	struct iovec whole = { &record, sizeof(record) };

	test_errno(EAGAIN, self->fd,
		   preadv2(self->fd, &whole, 1, -1, RWF_NOWAIT));
	ask(_metadata, self, 1, 7);
	ASSERT_TRUE(is_ready(self->fd, LONG));
	test_errno(ESPIPE, self->fd,
		   pread(self->fd, &record, sizeof(record), 0));
	test_errno(ESPIPE, self->fd, preadv(self->fd, &whole, 1, 64));
	test_errno(ESPIPE, self->fd, lseek(self->fd, 0, SEEK_SET));
	ASSERT_EQ((long)sizeof(record),
		  preadv2(self->fd, &whole, 1, -1, RWF_NOWAIT));
	test_record(&record, 7, NDSHM_REASON_NONE);
}

/* A record that could not be written must not be lost. */
TEST_F(async, unreadable)
{
	const size_t one = sizeof(struct ndshm_completion);
	char *pages = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, munmap(pages + self->page, self->page));
	for (i = 0; i < 3; i++)
		ask(_metadata, self, 1, i);
	ASSERT_TRUE(ndshm_soon(blocks_of(self->fd) == 3));
	test_errno(EFAULT, self->fd, read(self->fd, pages + self->page - 8,
					  one));
	EXPECT_EQ(3, requests_of(_metadata, self->fd));
	/* The first record can be written, the second cannot. */
	EXPECT_EQ((long)one, read(self->fd, pages + self->page - one - 8,
				  3 * one));
	test_record((struct ndshm_completion *)(pages + self->page - one - 8),
		    0, NDSHM_REASON_NONE);
	test_ends(self->fd, 1, NDSHM_REASON_NONE);
	test_ends(self->fd, 2, NDSHM_REASON_NONE);
	munmap(pages, self->page);
}

/* A read blocks; a signal interrupts it, and it can be repeated. */
TEST_F(async, waiting)
{
	struct ndshm_completion record;
	int peer;
	pid_t child;

	ASSERT_TRUE(ndshm_set_alarms(50000));
	errno = 0;
	EXPECT_EQ(-1, read(self->fd, &record, sizeof(record)));
	EXPECT_EQ(EINTR, errno);
	ASSERT_TRUE(ndshm_set_alarms(0));

	/* Another process, with the same open file. */
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		if (!ndshm_signal_peer(peer) ||
		    read(self->fd, &record, sizeof(record)) != sizeof(record))
			_exit(1);
		_exit(record.cookie != 9 || record.reason ||
		      !record.block.handle);
	}
	ASSERT_TRUE(ndshm_hear(peer));
	ask(_metadata, self, 1, 9);
	EXPECT_TRUE(ndshm_reap(child));
	EXPECT_FALSE(is_ready(self->fd, 0));
	EXPECT_EQ(1, test_state(self->fd).blocks);
	close(peer);
}

#define READERS	4
#define EACH	64

struct reader {
	int fd;
	unsigned int *seen;
	unsigned int wrong;
	pthread_t thread;
};

static void *read_each(void *context)
{
	struct reader *reader = context;
	struct ndshm_completion record;
	unsigned int i;

	for (i = 0; i < EACH; i++) {
		if (read(reader->fd, &record, sizeof(record)) !=
		    sizeof(record) || record.cookie >= READERS * EACH ||
		    record.reason) {
			reader->wrong++;
			continue;
		}
		__atomic_add_fetch(&reader->seen[record.cookie], 1,
				   __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Each record must be delivered to exactly one reader. */
TEST_F(async, readers)
{
	unsigned int seen[READERS * EACH] = { 0 };
	struct reader readers[READERS] = { 0 };
	unsigned int i;

	for (i = 0; i < READERS; i++) {
		readers[i].fd = self->fd;
		readers[i].seen = seen;
		ASSERT_EQ(0, pthread_create(&readers[i].thread, NULL, read_each,
					    &readers[i]));
	}
	for (i = 0; i < READERS * EACH; i++)
		ask(_metadata, self, 1, i);
	for (i = 0; i < READERS; i++) {
		EXPECT_EQ(0, pthread_join(readers[i].thread, NULL));
		EXPECT_EQ(0, readers[i].wrong);
	}
	for (i = 0; i < READERS * EACH; i++)
		EXPECT_EQ(1, seen[i])
			TH_LOG("request %u", i);
	EXPECT_FALSE(is_ready(self->fd, 0));
}

/* epoll must report each record. */
TEST_F(async, epoll)
{
	struct epoll_event wanted = { .events = EPOLLIN | EPOLLET }, event;
	int all = epoll_create1(0), edges = epoll_create1(0);

	ASSERT_LE(0, all);
	ASSERT_LE(0, edges);
	ASSERT_EQ(0, epoll_ctl(edges, EPOLL_CTL_ADD, self->fd, &wanted));
	wanted.events = EPOLLIN | EPOLLRDNORM;
	ASSERT_EQ(0, epoll_ctl(all, EPOLL_CTL_ADD, self->fd, &wanted));
	EXPECT_EQ(0, epoll_wait(all, &event, 1, 0));
	ask(_metadata, self, 1, 1);
	EXPECT_EQ(1, epoll_wait(all, &event, 1, LONG));
	EXPECT_EQ((__u32)(EPOLLIN | EPOLLRDNORM), event.events);
	EXPECT_EQ(1, epoll_wait(edges, &event, 1, LONG));
	EXPECT_EQ(0, epoll_wait(edges, &event, 1, 0));
	EXPECT_EQ(1, epoll_wait(all, &event, 1, 0));
	ask(_metadata, self, 1, 2);
	EXPECT_EQ(1, epoll_wait(edges, &event, 1, LONG));
	test_ends(self->fd, 1, NDSHM_REASON_NONE);
	test_ends(self->fd, 2, NDSHM_REASON_NONE);
	EXPECT_EQ(0, epoll_wait(all, &event, 1, 0));
	EXPECT_EQ(0, epoll_wait(edges, &event, 1, 0));
	close(edges);
	close(all);
}

/* At the limit of unread records, each read makes room for one request. */
TEST_F(async, full)
{
	const __u32 most = self->info.out_max_requests;
	struct ndshm_block_alloc_args alloc;
	unsigned int i;

	for (i = 0; i < most; i++) {
		alloc = block_later_request(self->adapter, 1, i);
		ASSERT_EQ(0, _test_block_alloc(self->fd, &alloc));
	}
	EXPECT_EQ(most, requests_of(_metadata, self->fd));
	/* Twice the time, because there are many. */
	ASSERT_TRUE(ndshm_soon(blocks_of(self->fd) == most) ||
		    ndshm_soon(blocks_of(self->fd) == most));
	alloc = block_later_request(self->adapter, 1, most);
	test_err_block_alloc(EAGAIN, NDSHM_REASON_REQUESTS, self->fd, &alloc);
	test_ends(self->fd, 0, NDSHM_REASON_NONE);
	test_pending(self->fd, &alloc);
	ASSERT_TRUE(ndshm_soon(blocks_of(self->fd) == most + 1));
	alloc = block_later_request(self->adapter, 1, most + 1);
	test_err_block_alloc(EAGAIN, NDSHM_REASON_REQUESTS, self->fd, &alloc);
	close(self->fd);
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	/* Unread records and their blocks end with the client. */
	EXPECT_EQ(0, requests_of(_metadata, self->fd));
	test_counts(&self->before, most + 1, 0, 0);
}

/* A cookie is in use until its request has ended, and no longer. */
TEST_F(async, cookies)
{
	struct ndshm_block_cancel_args cancel = block_cancel_request(3);

	test_err_block_cancel(ENOENT, NDSHM_REASON_REQUEST_UNKNOWN, self->fd,
			      &cancel);
	ask(_metadata, self, 1, 3);
	ASSERT_TRUE(is_ready(self->fd, LONG));
	/* The request has ended, whether or not its record was read. */
	test_err_block_cancel(ENOENT, NDSHM_REASON_REQUEST_UNKNOWN, self->fd,
			      &cancel);
	ask(_metadata, self, 1, 3);
	test_ends(self->fd, 3, NDSHM_REASON_NONE);
	test_ends(self->fd, 3, NDSHM_REASON_NONE);
	test_err_block_cancel(ENOENT, NDSHM_REASON_REQUEST_UNKNOWN, self->fd,
			      &cancel);
}

/*
 * Charges
 */

#define LIMIT_PAGES	16

/*
 * The charge is made when the request is accepted; a request beyond the limit
 * is refused.
 */
TEST_F(async, limit)
{
	const struct rlimit limit = {
		.rlim_cur = LIMIT_PAGES * self->page,
		.rlim_max = LIMIT_PAGES * self->page,
	};
	struct ndshm_completion record;
	struct ndshm_block_alloc_args alloc;

	if (geteuid())
		SKIP(return, "only root can become other users");
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
	EXPECT_TRUE(ndshm_soon(!ndshm_locked(self->fd)));
	ask(_metadata, self, LIMIT_PAGES * self->page, 1);
	EXPECT_EQ(LIMIT_PAGES * self->page, ndshm_locked(self->fd));
	/*
	 * Wait for the first block, which is charged when the next request is
	 * refused.
	 */
	ASSERT_TRUE(is_ready(self->fd, LONG));
	alloc = block_later_request(self->adapter, 1, 2);
	test_err_block_alloc(ENOMEM, NDSHM_REASON_MEMLOCK, self->fd, &alloc);
	record = test_read(self->fd);
	test_record(&record, 1, NDSHM_REASON_NONE);
	EXPECT_TRUE(record.block.flags & NDSHM_BLOCK_CHARGED);
	test_free_handle(self->fd, record.block.handle);
	EXPECT_EQ(0, ndshm_locked(self->fd));
	test_pending(self->fd, &alloc);
	close(self->fd);
	self->fd = ndshm_open();
}

/* Wait for the event @cmd, which must come once. Count other events by command. */
static void hear(struct __test_metadata *_metadata, struct ndshm_nl *listener,
		 unsigned int *heard, __u8 cmd, __u64 *buffer, size_t size)
{
	int got;

	do {
		got = ndshm_nl_event(listener, 10000, buffer, size);
		ASSERT_LE(0, got)
			TH_LOG("event %u does not come", cmd);
		heard[got]++;
	} while (got != cmd);
}

/*
 * The quota applies exactly when the request is made: a request beyond it is
 * refused and causes an event. Each granted block causes one event when added
 * and one when freed.
 */
TEST_F(async, quota)
{
	struct ndshm_nl_quota_change change = { .set = 1U << 3 };
	const struct ndshm_nl_quota_change reset = { .reset = 1U << 3 };
	static __u64 buffer[512];
	unsigned int heard[256] = {};
	struct ndshm_nl_quota before, now, reported;
	struct ndshm_completion record;
	struct ndshm_nl_block added, freed;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_nl nl, listener;

	if (geteuid())
		SKIP(return, "only root sets limits");
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RESOURCE, false));
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_own_quota(&nl, &before));
	change.limits[3] = before.amounts[3] + 4 * self->page;
	ASSERT_EQ(0, ndshm_nl_set_quota(&nl, getuid(), &change));
	ASSERT_EQ(0, ndshm_nl_open(&listener));
	ASSERT_EQ(0, ndshm_nl_join_events(&listener));

	alloc = block_later_request(self->adapter, 5 * self->page, 1);
	test_err_block_alloc(EDQUOT, NDSHM_REASON_BYTE_QUOTA, self->fd, &alloc);
	hear(_metadata, &listener, heard, NDSHM_CMD_QUOTA_EXCEEDED_NTF, buffer,
	     sizeof(buffer));
	ndshm_nl_to_quota((const void *)buffer, &reported);
	EXPECT_EQ(getuid(), reported.uid);
	EXPECT_EQ(1U << 3, reported.exceeded);
	/* The maximum that the request could consume: rounded up to a power of two. */
	EXPECT_EQ(8 * self->page, reported.wanted);
	EXPECT_EQ(before.amounts[3], reported.amounts[3]);
	EXPECT_EQ(0, requests_of(_metadata, self->fd));
	EXPECT_FALSE(is_ready(self->fd, 0));
	test_counts(&self->before, 0, 0, 0);

	ask(_metadata, self, 4 * self->page, 2);
	ASSERT_EQ(0, ndshm_nl_own_quota(&nl, &now));
	EXPECT_EQ(before.amounts[3] + 4 * self->page, now.amounts[3]);
	record = test_read(self->fd);
	test_record(&record, 2, NDSHM_REASON_NONE);
	hear(_metadata, &listener, heard, NDSHM_CMD_BLOCK_ADDED_NTF, buffer,
	     sizeof(buffer));
	ndshm_nl_to_block((const void *)buffer, &added);
	EXPECT_EQ(record.block.shared_memory_handle, added.id);
	test_free_handle(self->fd, record.block.handle);
	hear(_metadata, &listener, heard, NDSHM_CMD_BLOCK_FREED_NTF, buffer,
	     sizeof(buffer));
	ndshm_nl_to_block((const void *)buffer, &freed);
	EXPECT_EQ(added.id, freed.id);
	ASSERT_EQ(0, ndshm_nl_own_quota(&nl, &now));
	EXPECT_EQ(before.amounts[3], now.amounts[3]);

	/* The event marks the end: earlier requests must not cause events after it. */
	alloc = block_later_request(self->adapter, 5 * self->page, 3);
	test_err_block_alloc(EDQUOT, NDSHM_REASON_BYTE_QUOTA, self->fd, &alloc);
	hear(_metadata, &listener, heard, NDSHM_CMD_QUOTA_EXCEEDED_NTF, buffer,
	     sizeof(buffer));
	EXPECT_EQ(-ETIMEDOUT,
		  ndshm_nl_event(&listener, 0, buffer, sizeof(buffer)));
	EXPECT_EQ(1, heard[NDSHM_CMD_BLOCK_ADDED_NTF]);
	EXPECT_EQ(1, heard[NDSHM_CMD_BLOCK_FREED_NTF]);
	EXPECT_EQ(2, heard[NDSHM_CMD_QUOTA_EXCEEDED_NTF]);
	EXPECT_EQ(0, ndshm_nl_set_quota(&nl, getuid(), &reset));
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RESOURCE, true));
	ndshm_nl_close(&listener);
	ndshm_nl_close(&nl);
	test_counts(&self->before, 1, 0, 0);
}

/* The block belongs to the requester, not to the opener or reader of the client. */
TEST_F(async, owner)
{
	struct ndshm_completion record;
	struct ndshm_nl_block block;
	struct ndshm_nl nl;
	int peer;
	pid_t child;

	if (geteuid())
		SKIP(return, "only root can become other users");
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		struct ndshm_block_alloc_args alloc =
			block_later_request(self->adapter, 1, 1);

		if (!ndshm_become(NDSHM_USER_A) ||
		    _test_block_alloc(self->fd, &alloc) || !ndshm_signal_peer(peer))
			_exit(1);
		/* Stay alive until the pid has been checked. */
		_exit(!ndshm_hear(peer));
	}
	ASSERT_TRUE(ndshm_hear(peer));
	record = test_read(self->fd);
	test_record(&record, 1, NDSHM_REASON_NONE);
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_block_by_id(&nl,
					  record.block.shared_memory_handle,
					  &block));
	EXPECT_EQ(NDSHM_USER_A, block.uid);
	EXPECT_EQ((__u32)child, block.pid);
	ndshm_nl_close(&nl);
	ASSERT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP_LIMIT	(32 << 20)
#define CHUNK		0x100000
#define CHUNKS		(2 * CGROUP_LIMIT / CHUNK)

/* Make a memory cgroup. Return NULL, or why that is not possible. */
static const char *make_cgroup(char *path, size_t size)
{
	char file[256];

	snprintf(path, size, CGROUPS "/ndshm-async-%d", getpid());
	snprintf(file, sizeof(file), "%s/memory.max", path);
	ndshm_write_file(CGROUPS "/cgroup.subtree_control", "+memory");
	if (geteuid() || mkdir(path, 0755))
		return "no cgroup v2 at " CGROUPS;
	if (!ndshm_write_file(file, "max"))
		return NULL;
	rmdir(path);
	return "no memory controller";
}

static int enter_cgroup(const char *path)
{
	char file[256];

	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	return ndshm_write_file(file, "0");
}

/* A request to the provider "pages". */
static struct ndshm_block_alloc_args
pages_request(struct __test_metadata *_metadata, struct _test_data_async *self,
	      __u64 length, __u64 cookie)
{
	struct ndshm_block_alloc_args alloc =
		block_later_request(self->adapter, length, cookie);

	EXPECT_EQ(0, ndshm_nl_provider_id("pages", &alloc.provider));
	return alloc;
}

/*
 * The memory is charged to the requester's cgroup, whose limit must not cause
 * an OOM kill.
 */
TEST_F(async, cgroup)
{
	struct ndshm_block_alloc_args alloc;
	unsigned int i, granted = 0;
	char path[128], file[256], number[32], events[1024];
	const char *missing = make_cgroup(path, sizeof(path));
	__u32 pages;
	int peer;
	pid_t child;

	if (missing)
		SKIP(return, "%s", missing);
	snprintf(file, sizeof(file), "%s/memory.max", path);
	snprintf(number, sizeof(number), "%d", CGROUP_LIMIT);
	ASSERT_EQ(0, ndshm_write_file(file, number));
	/* Here, because at its limit the cgroup may have no memory for a socket. */
	pages = pages_request(_metadata, self, CHUNK, 0).provider;
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		if (enter_cgroup(path))
			_exit(1);
		for (i = 0; i < CHUNKS; i++) {
			alloc = block_later_request(self->adapter, CHUNK, i);
			alloc.provider = pages;
			if (_test_block_alloc(self->fd, &alloc))
				_exit(2);
		}
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	/* This process is not in the cgroup. */
	for (i = 0; i < CHUNKS; i++) {
		struct ndshm_completion record = test_read(self->fd);

		granted += record.reason == NDSHM_REASON_NONE;
		EXPECT_TRUE(record.reason == NDSHM_REASON_NONE ||
			    record.reason == NDSHM_REASON_PROVIDER_RESOURCES ||
			    record.reason == NDSHM_REASON_MEMORY);
	}
	EXPECT_GE(CGROUP_LIMIT / CHUNK, granted);
	EXPECT_LT(CGROUP_LIMIT / CHUNK / 2, granted);
	snprintf(file, sizeof(file), "%s/memory.current", path);
	EXPECT_LE((long long)granted * CHUNK, ndshm_read_number(file));
	snprintf(file, sizeof(file), "%s/memory.events", path);
	EXPECT_EQ(0, ndshm_read_file(file, events, sizeof(events)));
	EXPECT_NE(NULL, strstr(events, "oom_kill 0"));
	close(self->fd);
	self->fd = ndshm_open();
	close(peer);
	EXPECT_TRUE(ndshm_soon(!rmdir(path)));
}

/*
 * Make a cgroup with one setting of one controller. Return NULL, or why that is
 * not possible.
 */
static const char *make_limited(char *path, size_t size, const char *controller,
				const char *name, const char *value)
{
	char file[256], enable[32];

	snprintf(path, size, CGROUPS "/ndshm-async-%d", getpid());
	snprintf(file, sizeof(file), "%s/%s", path, name);
	snprintf(enable, sizeof(enable), "+%s", controller);
	ndshm_write_file(CGROUPS "/cgroup.subtree_control", enable);
	if (geteuid() || mkdir(path, 0755))
		return "no cgroup v2 at " CGROUPS;
	if (!ndshm_write_file(file, value))
		return NULL;
	rmdir(path);
	return "no such controller";
}

/* The node of a mapped page, or -1. */
static int node_of(void *page)
{
	int node = -1;

	*(char *)page = 1;
	return syscall(SYS_get_mempolicy, &node, NULL, 0, page,
		       MPOL_F_NODE | MPOL_F_ADDR) ? -1 : node;
}

/* Allocate and free blocks that prefer node 1. Return how many were on it. */
static int on_node_1(struct __test_metadata *_metadata,
		     struct _test_data_async *self)
{
	struct ndshm_block_alloc_args alloc;
	int found = 0, i;

	for (i = 0; i < 16; i++) {
		struct ndshm_completion record;
		void *map;

		alloc = pages_request(_metadata, self, CHUNK, i);
		alloc.preferred_node = 1;
		test_pending(self->fd, &alloc);
		record = test_read(self->fd);
		test_record(&record, i, NDSHM_REASON_NONE);
		map = test_map_block(self->fd, &record.block);
		found += node_of(map) == 1;
		EXPECT_EQ(0, munmap(map, record.block.length));
		test_free_handle(self->fd, record.block.handle);
	}
	return found;
}

/*
 * A node that the requester's cpuset forbids must not be used, whatever earlier
 * requesters may use.
 */
TEST_F(async, cpuset)
{
	const char *missing;
	char path[128];
	int peer, found;
	pid_t child;

	if (access("/sys/devices/system/node/node1", F_OK))
		SKIP(return, "no second node");
	missing = make_limited(path, sizeof(path), "cpuset", "cpuset.mems", "0");
	if (missing)
		SKIP(return, "%s", missing);
	EXPECT_LT(8, on_node_1(_metadata, self));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		found = enter_cgroup(path) ? -1 : on_node_1(_metadata, self);
		_exit(found);
	}
	EXPECT_TRUE(ndshm_reap(child));
	/* The worker must then use the next requester's cpuset. */
	EXPECT_LT(8, on_node_1(_metadata, self));
	close(peer);
	close(self->fd);
	self->fd = ndshm_open();
	EXPECT_TRUE(ndshm_soon(!rmdir(path)));
}

#define WORK_BLOCKS	4
#define WORK_LENGTH	(32 << 20)

static void work_later(struct __test_metadata *_metadata,
		       struct _test_data_async *self)
{
	struct ndshm_block_alloc_args alloc;
	int i;

	for (i = 0; i < WORK_BLOCKS; i++) {
		struct ndshm_completion record;

		alloc = pages_request(_metadata, self, WORK_LENGTH, i);
		test_pending(self->fd, &alloc);
		record = test_read(self->fd);
		test_record(&record, i, NDSHM_REASON_NONE);
		test_free_handle(self->fd, record.block.handle);
	}
}

/* Microseconds of CPU time for the same allocations without NDSHM_ALLOC_ASYNC. */
static long long work_now(struct __test_metadata *_metadata,
			  struct _test_data_async *self)
{
	struct rusage before, after;
	int i;

	getrusage(RUSAGE_SELF, &before);
	for (i = 0; i < WORK_BLOCKS; i++) {
		struct ndshm_block_info block;
		struct ndshm_block_alloc_args alloc =
			pages_request(_metadata, self, WORK_LENGTH, 0);

		alloc.flags = 0;
		alloc.blocks = (__u64)(uintptr_t)&block;
		test_block_alloc(self->fd, &alloc);
		test_free_handle(self->fd, block.handle);
	}
	getrusage(RUSAGE_SELF, &after);
	return (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000LL +
	       after.ru_stime.tv_usec - before.ru_stime.tv_usec;
}

static long long cpu_stat(const char *path, const char *key)
{
	char file[256], text[1024], *at;

	snprintf(file, sizeof(file), "%s/cpu.stat", path);
	if (ndshm_read_file(file, text, sizeof(text)))
		return -1;
	at = strstr(text, key);
	return at ? atoll(at + strlen(key)) : -1;
}

/* The CPU time of a request is charged to the requester's cgroup. */
TEST_F(async, cpu)
{
	long long needed, again;
	const char *missing;
	char path[128];
	int peer, i;
	pid_t child;

	missing = make_limited(path, sizeof(path), "cpu", "cpu.max",
			       "5000 100000");
	if (missing)
		SKIP(return, "%s", missing);
	needed = work_now(_metadata, self);
	/* The least of three, because a busy machine needs more at times. */
	for (i = 0; i < 2; i++) {
		again = work_now(_metadata, self);
		needed = again < needed ? again : needed;
	}
	/* The client's first requester is not in the cgroup. */
	work_later(_metadata, self);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_EQ(0, enter_cgroup(path));
		work_later(_metadata, self);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	/* The machine may have been busier before. */
	again = work_now(_metadata, self);
	needed = again < needed ? again : needed;
	EXPECT_LT(needed / 2, cpu_stat(path, "usage_usec "))
		TH_LOG("%lld us needed", needed);
	EXPECT_LT(0, cpu_stat(path, "nr_throttled "));
	close(peer);
	close(self->fd);
	self->fd = ndshm_open();
	EXPECT_TRUE(ndshm_soon(!rmdir(path)));
}

/*
 * A slow provider
 */

FIXTURE(slow) {
	bool loaded;
	int fd;
	__u32 adapter;
	__u32 id;
	size_t page;
	struct ndshm_nl nl;
	struct counts before;
};

FIXTURE_SETUP(slow)
{
	int error = ndshm_mock_load("quarantine=8");

	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	test_mock_begin(self, "provider add p");
	self->page = page_size();
	self->before = counts();
	test_charged(self->fd, self->adapter);
}

FIXTURE_TEARDOWN(slow)
{
	struct ndshm_mock_counts counted;

	if (!self->loaded)
		return;
	/* Release all held requests, on which closing would wait. */
	ndshm_mock("script p reset");
	close(self->fd);
	ndshm_nl_close(&self->nl);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_counts("p").live));
	counted = ndshm_mock_counts("p");
	EXPECT_TRUE(ndshm_mock_sound(&counted));
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
}

static void ask_slow(struct __test_metadata *_metadata,
		     struct _test_data_slow *self, __u64 cookie)
{
	struct ndshm_block_alloc_args alloc =
		block_later_request(self->adapter, self->page, cookie);

	alloc.provider = self->id;
	test_pending(self->fd, &alloc);
}

/* One running request and @others that wait for it. */
static void ask_held(struct __test_metadata *_metadata,
		     struct _test_data_slow *self, unsigned int others)
{
	unsigned int i;

	test_mock("script p hold=1 nth=1");
	for (i = 0; i <= others; i++)
		ask_slow(_metadata, self, i);
	ASSERT_TRUE(ndshm_soon(ndshm_mock_counts("p").inside == 1));
	EXPECT_FALSE(is_ready(self->fd, 0));
}

static void cancel(struct __test_metadata *_metadata,
		   struct _test_data_slow *self, __u64 cookie)
{
	struct ndshm_block_cancel_args request = block_cancel_request(cookie);

	test_block_cancel(self->fd, &request);
}

/* The requester exits before its request runs; its cgroup can be removed. */
TEST_F(slow, requester_goes)
{
	struct ndshm_state state = test_state(self->fd);
	struct ndshm_completion record;
	struct ndshm_block_alloc_args alloc =
		block_later_request(self->adapter, CHUNK, 1);
	char path[128];
	const char *missing = make_cgroup(path, sizeof(path));
	int peer;
	pid_t child;

	if (missing)
		SKIP(return, "%s", missing);
	ask_held(_metadata, self, 0);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child)
		_exit(enter_cgroup(path) || _test_block_alloc(self->fd, &alloc));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	test_mock("script p hold=0");
	record = test_read(self->fd);
	test_record(&record, 0, NDSHM_REASON_NONE);
	test_free_handle(self->fd, record.block.handle);
	record = test_read(self->fd);
	test_record(&record, 1, NDSHM_REASON_NONE);
	EXPECT_EQ(CHUNK, record.block.length);
	test_free_handle(self->fd, record.block.handle);
	ndshm_same_state(_metadata, __LINE__, self->fd, &state);
	EXPECT_TRUE(ndshm_soon(!rmdir(path)));
}

/*
 * Exit with 0 if neither a close nor a refused allocation waits for another
 * user's free.
 */
static void be_bystander(struct _test_data_slow *self)
{
	const struct rlimit none = {};
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;
	int fd = ndshm_open();

	alloc = block_alloc_request(self->adapter, self->page, &block);
	if (fd < 0 || setrlimit(RLIMIT_MEMLOCK, &none) ||
	    !ndshm_become(NDSHM_USER_B) || !_test_block_alloc(fd, &alloc) ||
	    alloc.reason != NDSHM_REASON_MEMLOCK)
		_exit(1);
	close(fd);
	_exit(0);
}

/*
 * A deferred free of another user is held by its provider: other callers must
 * not wait for it.
 */
TEST_F(slow, deferred_free)
{
	int peer, status = -1;
	pid_t bystander;

	test_mock("block alloc 0 a p %zu", self->page);
	test_mock("block get 0");
	test_mock("block free 0");
	test_mock("script p hold_free=1");
	/* The last reference is dropped in atomic context. */
	test_mock("block put 0");
	bystander = ndshm_fork(&peer);
	ASSERT_LE(0, bystander);
	if (!bystander)
		be_bystander(self);
	EXPECT_TRUE(ndshm_soon(waitpid(bystander, &status, WNOHANG) ==
			       bystander));
	EXPECT_EQ(0, status);
	test_mock("script p hold_free=0");
	if (status == -1)
		ndshm_reap(bystander);
	close(peer);
}

/* Each reply must have the same result as for a synchronous request. */
TEST_F(slow, answers)
{
	static const struct {
		const char *script;
		__u32 reason;
	} rows[] = {
		{ "status=resources", NDSHM_REASON_PROVIDER_RESOURCES },
		{ "status=invalid", NDSHM_REASON_PROVIDER_INVALID },
		{ "status=failure", NDSHM_REASON_PROVIDER_FAILURE },
		{ "status=0x103", NDSHM_REASON_PROVIDER_UNDOCUMENTED },
		{ "status=success list=short", NDSHM_REASON_PROVIDER_BAD_REPLY },
		{ "list=good delay_ms=100", NDSHM_REASON_NONE },
	};
	struct ndshm_state state = test_state(self->fd);
	struct ndshm_completion record;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		test_mock("script p %s", rows[i].script);
		ask_slow(_metadata, self, i);
		record = test_read(self->fd);
		test_record(&record, i, rows[i].reason);
	}
	test_free_handle(self->fd, record.block.handle);
	ndshm_same_state(_metadata, __LINE__, self->fd, &state);
}

/* The segments of a block can be queried when it is there. */
TEST_F(slow, chunks)
{
	struct ndshm_segment segments[4];
	struct ndshm_block_query_args query;
	struct ndshm_completion record;
	struct ndshm_block_alloc_args alloc =
		block_later_request(self->adapter, 3 * self->page, 1);

	test_mock("script p list=multi");
	alloc.provider = self->id;
	test_pending(self->fd, &alloc);
	record = test_read(self->fd);
	test_record(&record, 1, NDSHM_REASON_NONE);
	EXPECT_EQ(3, record.block.segments);
	query = block_query_request(record.block.handle);
	query.segments = to_u64(segments);
	query.segment_capacity = ARRAY_SIZE(segments);
	test_block_query(self->fd, &query);
	EXPECT_EQ(3, query.out_block.segments);
	EXPECT_EQ(segments[0].address, record.block.address);
}

/*
 * A block that consumes more than the user's quota must be refused, also when a
 * worker allocates it.
 */
TEST_F(slow, quota)
{
	struct ndshm_nl_quota_change change = {
		.set = 1U << 3, .limits = { [3] = 4 * self->page },
	};
	struct ndshm_nl_quota_change reset = { .reset = 1U << 3 };
	struct ndshm_nl_quota used;
	int peer;
	pid_t child;

	if (geteuid())
		SKIP(return, "only root sets limits");
	test_mock("script p consumed=%#zx", 64 * self->page);
	ASSERT_EQ(0, ndshm_nl_set_quota(&self->nl, NDSHM_USER_A, &change));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		const struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
		struct ndshm_block_alloc_args alloc;
		struct ndshm_block_info block;

		ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
		ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
		alloc = block_alloc_request(self->adapter, 1, &block);
		alloc.provider = self->id;
		test_err_block_alloc(EDQUOT, NDSHM_REASON_BYTE_QUOTA, self->fd,
				     &alloc);
		ask_slow(_metadata, self, 1);
		test_ends(self->fd, 1, NDSHM_REASON_BYTE_QUOTA);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	EXPECT_EQ(0, ndshm_nl_quota(&self->nl, NDSHM_USER_A, &used));
	EXPECT_EQ(0, used.amounts[3]);
	EXPECT_EQ(0, ndshm_nl_set_quota(&self->nl, NDSHM_USER_A, &reset));
	test_counts(&self->before, 0, 1, 0);
}

/*
 * Waiting requests must end at once when cancelled, even if the provider does
 * not reply; the running one ends with its reply.
 */
TEST_F(slow, cancelled)
{
	struct ndshm_block_cancel_args again = block_cancel_request(2);
	struct ndshm_state state = test_state(self->fd);
	struct ndshm_block_alloc_args alloc =
		block_later_request(self->adapter, self->page, 1);

	ask_held(_metadata, self, 3);
	test_err_block_alloc(EEXIST, NDSHM_REASON_COOKIE, self->fd, &alloc);
	alloc.cookie = 0;
	test_err_block_alloc(EEXIST, NDSHM_REASON_COOKIE, self->fd, &alloc);
	cancel(_metadata, self, 2);
	test_ends(self->fd, 2, NDSHM_REASON_REQUEST_ABORTED);
	test_err_block_cancel(ENOENT, NDSHM_REASON_REQUEST_UNKNOWN, self->fd,
			      &again);
	cancel(_metadata, self, 0);
	EXPECT_FALSE(is_ready(self->fd, 200));
	/* A cancelled request's cookie is free, even before the request has ended. */
	ask_slow(_metadata, self, 0);
	cancel(_metadata, self, 0);
	test_ends(self->fd, 0, NDSHM_REASON_REQUEST_ABORTED);
	cancel(_metadata, self, 1);
	cancel(_metadata, self, 3);
	test_ends(self->fd, 1, NDSHM_REASON_REQUEST_ABORTED);
	test_ends(self->fd, 3, NDSHM_REASON_REQUEST_ABORTED);
	/* All requests are uncharged except the running one. */
	EXPECT_EQ(state.user_locked + self->page,
		  test_state(self->fd).user_locked);
	test_mock("script p hold=0");
	test_ends(self->fd, 0, NDSHM_REASON_REQUEST_ABORTED);
	ndshm_same_state(_metadata, __LINE__, self->fd, &state);
	EXPECT_EQ(0, ndshm_mock_counts("p").live);
	test_counts(&self->before, 0, 0, 5);
}

/*
 * At the last close waiting requests end at once, the running one with the
 * provider's reply.
 */
TEST_F(slow, closed)
{
	struct ndshm_state state = test_state(self->fd);
	int status, peer;
	pid_t child;

	ask_held(_metadata, self, 5);
	/* The child has the last descriptor. */
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child)
		_exit(!ndshm_hear(peer) || close(self->fd));
	close(self->fd);
	ASSERT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_soon(counts().aborted == self->before.aborted + 5));
	EXPECT_EQ(0, waitpid(child, &status, WNOHANG));
	test_mock("script p hold=0");
	EXPECT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	close(peer);
	test_counts(&self->before, 0, 0, 6);
	EXPECT_EQ(0, ndshm_mock_counts("p").live);
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	ndshm_same_state(_metadata, __LINE__, self->fd, &state);
}

/* Make synchronous requests of the same kind until one is refused. */
static bool refused_soon(struct _test_data_slow *self, __u32 reason)
{
	struct ndshm_block_free_args request;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		alloc = block_alloc_request(self->adapter, 1, &block);
		alloc.provider = self->id;
		if (_test_block_alloc(self->fd, &alloc))
			return alloc.reason == reason;
		request = block_free_request(block.handle);
		_test_block_free(self->fd, &request);
		usleep(10000);
	}
	return false;
}

/* Retry: a block that refused_soon() has for a moment keeps the provider busy. */
static int make_go(const char *command)
{
	int error;

	do
		error = ndshm_mock("%s", command);
	while (error == -EBUSY);
	return error;
}

/*
 * The provider, adapter or claim ends before the reply: each requester must be
 * notified once.
 */
static void expect_gone(struct __test_metadata *_metadata,
			struct _test_data_slow *self, const char *command,
			__u32 reason)
{
	unsigned int i;
	int status;
	pid_t child;

	ask_held(_metadata, self, 2);
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(!!make_go(command));
	EXPECT_TRUE(refused_soon(self, reason));
	EXPECT_EQ(0, waitpid(child, &status, WNOHANG));
	EXPECT_FALSE(is_ready(self->fd, 0));
	test_mock("script p hold=0");
	for (i = 0; i < 3; i++)
		test_ends(self->fd, i, reason);
	EXPECT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	test_counts(&self->before, 0, 3, 0);
	EXPECT_EQ(0, ndshm_mock_counts("p").live);
}

TEST_F(slow, adapter_goes)
{
	expect_gone(_metadata, self, "adapter del a",
		    NDSHM_REASON_ADAPTER_REMOVED);
}

TEST_F(slow, provider_is_revoked)
{
	expect_gone(_metadata, self, "provider revoke p",
		    NDSHM_REASON_PROVIDER_CLOSING);
}

TEST_F(slow, provider_is_unregistered)
{
	expect_gone(_metadata, self, "provider del p",
		    NDSHM_REASON_PROVIDER_CLOSING);
}

/* A block whose record is unread is revoked like any other. */
TEST_F(slow, gone_before_read)
{
	struct ndshm_block_query_args query;
	struct ndshm_completion record;

	ask_slow(_metadata, self, 1);
	ASSERT_TRUE(ndshm_soon(counts().granted == self->before.granted + 1));
	test_mock("adapter del a");
	record = test_read(self->fd);
	test_record(&record, 1, NDSHM_REASON_NONE);
	query = block_query_request(record.block.handle);
	test_err_block_query(ENODEV, NDSHM_REASON_BLOCK_REVOKED, self->fd,
			     &query);
	test_free_handle(self->fd, record.block.handle);
}

/*
 * Under a claim: the removal of the function must not wait for requests that
 * have not started.
 */
TEST_F(slow, claimed)
{
	struct ndshm_adapter_claim_args claim;
	struct ndshm_completion record;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_edu edu;
	unsigned int i;
	int status;
	pid_t child;

	if (ndshm_edu_find(&edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&edu));
	self->adapter = edu.adapter.id;
	alloc = block_later_request(self->adapter, 1, 100);
	test_err_block_alloc(EBADFD, NDSHM_REASON_CLAIM_MISSING, self->fd,
			     &alloc);
	claim = adapter_claim_request(self->adapter, EDU_WIDTH);
	test_adapter_claim(self->fd, &claim);
	/* From the adapter's own provider, and from a slow one. */
	test_pending(self->fd, &alloc);
	record = test_read(self->fd);
	test_record(&record, 100, NDSHM_REASON_NONE);
	EXPECT_EQ(0, record.block.address >> EDU_WIDTH);
	ask_held(_metadata, self, 2);
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(!!ndshm_pci_unbind(&edu.pci));
	EXPECT_TRUE(refused_soon(self, NDSHM_REASON_ADAPTER_REMOVED));
	EXPECT_EQ(0, waitpid(child, &status, WNOHANG));
	test_mock("script p hold=0");
	for (i = 0; i < 3; i++)
		test_ends(self->fd, i, NDSHM_REASON_ADAPTER_REMOVED);
	EXPECT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&edu));
	self->fd = ndshm_open();
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
