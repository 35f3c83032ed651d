// SPDX-License-Identifier: GPL-2.0
/*
 * dma-bufs of sections: SECTION_EXPORT, mappings, and extents that are freed while a dma-buf keeps
 * or only shows them.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include <linux/dma-buf.h>

#include "ndshm_dmabuf.h"
#include "ndshm_nl.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

#define RW	(PROT_READ | PROT_WRITE)
#define HUGE	(2UL << 20)
#define MAX	(4 * HUGE)

FIXTURE(export) {
	int client;
	__u32 adapter;
	size_t page;
	int fd;
	int readonly;
	int holder;
	char *map;
};

FIXTURE_SETUP(export)
{
	struct ndshm_get_info_args info = get_info_request();

	self->client = ndshm_open();
	ASSERT_LE(0, self->client);
	test_get_info(self->client, &info);
	if (!(info.out_features & NDSHM_FEATURE_SECTION_EXPORT))
		SKIP(return, "the kernel has no dma-bufs");
	self->adapter = info.out_default_adapter;
	self->page = page_size();
	self->fd = test_new_section(self->client, self->adapter, MAX, 0);
	self->readonly = test_share(self->fd, NDSHM_SHARE_READONLY);
	self->holder = test_attach(self->fd);
	self->map = (char *)test_map_section(self->fd, MAX);
}

FIXTURE_TEARDOWN(export)
{
	close(self->holder);
	close(self->readonly);
	close(self->fd);
	close(self->client);
}

static int test_export_at(struct __test_metadata *_metadata, int line, int fd, __u64 offset,
			  __u64 length, __u32 flags)
{
	struct ndshm_section_export_args export = section_export_request(offset, length, flags);

	ndshm_pass(_metadata, line, fd, NDSHM_SECTION_EXPORT, &export);
	EXPECT_LE(0, export.out_dmabuf);
	return export.out_dmabuf;
}

#define test_export(fd, offset, length, flags) \
	test_export_at(_metadata, __LINE__, fd, offset, length, flags)

#define test_map_dmabuf(dmabuf, length, protection) ({ \
	void *map_ = mmap(NULL, length, protection, MAP_SHARED, dmabuf, 0); \
	ASSERT_NE(MAP_FAILED, map_) \
		TH_LOG("mmap: %s", strerror(errno)); \
	ndshm_case(true); \
	map_; \
})

#define test_err_map_dmabuf(error, client, dmabuf, length, protection) \
	test_errno(error, client, mmap(NULL, length, protection, MAP_SHARED, dmabuf, 0))

static void export_fails(struct __test_metadata *_metadata, int line, int error, __u32 reason,
			 int client, int fd, __u64 offset, __u64 length, __u32 flags)
{
	struct ndshm_section_export_args export = section_export_request(offset, length, flags);

	ndshm_fail_on(_metadata, line, error, reason, client, fd, NDSHM_SECTION_EXPORT, &export);
	EXPECT_EQ(-1, export.out_dmabuf)
		TH_LOG("line %d", line);
}

#define test_err_export(error, reason, fd, offset, length, flags) \
	export_fails(_metadata, __LINE__, error, reason, self->client, fd, offset, length, flags)

TEST_F(export, descriptor)
{
	const __u64 place = test_extent(self->holder, 3 * self->page);
	const int dmabuf = test_export(self->fd, place + self->page, 2 * self->page,
				       O_RDWR | O_CLOEXEC);
	const int other = test_export(self->readonly, place, self->page, O_RDONLY);
	char name[64];

	EXPECT_EQ(FD_CLOEXEC, fcntl(dmabuf, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(dmabuf, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(0, fcntl(other, F_GETFD));
	EXPECT_EQ(O_RDONLY, fcntl(other, F_GETFL) & O_ACCMODE);
	EXPECT_EQ((off_t)(2 * self->page), lseek(dmabuf, 0, SEEK_END));
	EXPECT_STREQ("ndshm", ndshm_dmabuf_fdinfo(dmabuf, "exp_name"));
	snprintf(name, sizeof(name), "ndshm:section:%u", test_look(self->fd).out_id);
	EXPECT_STREQ(name, ndshm_dmabuf_fdinfo(dmabuf, "name"));
	EXPECT_STREQ(name, ndshm_dmabuf_fdinfo(other, "name"));
	close(other);
	close(dmabuf);
}

TEST_F(export, bad_requests)
{
	const size_t page = self->page;
	const __u64 place = test_extent(self->holder, page);
	const struct {
		__u64 offset, length;
		__u32 flags;
		int error;
		__u32 reason;
	} bad[] = {
		{ place, page, O_WRONLY, EOPNOTSUPP, NDSHM_REASON_FLAGS },
		{ place, page, O_ACCMODE, EOPNOTSUPP, NDSHM_REASON_FLAGS },
		{ place, page, O_RDWR | O_NONBLOCK, EOPNOTSUPP, NDSHM_REASON_FLAGS },
		{ place, page, ~0U, EOPNOTSUPP, NDSHM_REASON_FLAGS },
		{ place, 0, O_RDWR, EINVAL, NDSHM_REASON_LENGTH_ZERO },
		{ place + 1, page, O_RDWR, EINVAL, NDSHM_REASON_ALIGNMENT },
		{ place, page - 1, O_RDWR, EINVAL, NDSHM_REASON_ALIGNMENT },
		{ place, 1, O_RDWR, EINVAL, NDSHM_REASON_ALIGNMENT },
		{ MAX, page, O_RDWR, EINVAL, NDSHM_REASON_RANGE },
		{ page, MAX, O_RDWR, EINVAL, NDSHM_REASON_RANGE },
		{ -(__u64)page, 2 * page, O_RDWR, EINVAL, NDSHM_REASON_RANGE },
		{ page, -(__u64)page, O_RDWR, EINVAL, NDSHM_REASON_RANGE },
		{ 1ULL << 44, page, O_RDWR, EINVAL, NDSHM_REASON_RANGE },
		/* Memory that no extent has, with an extent before or behind it, and none. */
		{ place + page, page, O_RDWR, ENXIO, NDSHM_REASON_EXPORT_RANGE },
		{ place, 2 * page, O_RDONLY, ENXIO, NDSHM_REASON_EXPORT_RANGE },
		{ 0, MAX, O_RDWR, ENXIO, NDSHM_REASON_EXPORT_RANGE },
		{ MAX - page, page, O_RDWR, ENXIO, NDSHM_REASON_EXPORT_RANGE },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		test_err_export(bad[i].error, bad[i].reason, self->fd, bad[i].offset,
				bad[i].length, bad[i].flags);
	test_err_export(EROFS, NDSHM_REASON_SECTION_READONLY, self->readonly, place, page, O_RDWR);
	test_err_export(ENXIO, NDSHM_REASON_EXPORT_RANGE, self->readonly, place + page, page,
			O_RDONLY);
	EXPECT_EQ(self->page, test_look(self->fd).out_taken);
}

TEST_F(export, contents)
{
	const size_t length = HUGE + 2 * self->page;
	const __u64 first = test_extent(self->holder, self->page);
	const __u64 place = test_extent(self->holder, length);
	const int dmabuf = test_export(self->fd, place, length, O_RDWR);
	const int all = test_export(self->fd, first, self->page + length, O_RDONLY);
	char *map = test_map_dmabuf(dmabuf, length, RW);
	char *both = test_map_dmabuf(all, self->page + length, PROT_READ);
	char *tail;

	ASSERT_EQ(first + self->page, place);
	EXPECT_TRUE(all_bytes(map, length, 0));
	fill_pattern(self->map + place, length, 1);
	EXPECT_TRUE(has_pattern(map, length, 1));
	fill_pattern(map, length, 2);
	EXPECT_TRUE(has_pattern(self->map + place, length, 2));
	/* A range may have extents of several holders. */
	memset(self->map + first, 9, self->page);
	EXPECT_TRUE(all_bytes(both, self->page, 9));
	EXPECT_EQ(0, memcmp(both + self->page, map, length));
	tail = mmap(NULL, self->page, RW, MAP_SHARED, dmabuf, length - self->page);
	ASSERT_NE(MAP_FAILED, tail);
	EXPECT_EQ(0, memcmp(tail, map + length - self->page, self->page));
	/* Nothing beside the range. */
	test_err_map_dmabuf(EINVAL, self->client, dmabuf, length + self->page, RW);
	test_errno(EINVAL, self->client,
		   mmap(NULL, self->page, RW, MAP_SHARED, dmabuf, length));
	test_errno(EFAULT, self->client, mremap(map, length, length + self->page, MREMAP_MAYMOVE));
	EXPECT_EQ(0, ndshm_dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	EXPECT_EQ(0, ndshm_dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	close(all);
	close(dmabuf);
}

/* A dma-buf with O_RDONLY cannot be written through, whoever created it. */
TEST_F(export, readonly)
{
	const __u64 place = test_extent(self->holder, self->page);
	const int dmabufs[] = {
		test_export(self->fd, place, self->page, O_RDONLY),
		test_export(self->readonly, place, self->page, O_RDONLY),
	};
	unsigned int i;
	char *map;

	fill_pattern(self->map + place, self->page, 3);
	for (i = 0; i < ARRAY_SIZE(dmabufs); i++) {
		test_err_map_dmabuf(EACCES, self->client, dmabufs[i], self->page, RW);
		map = test_map_dmabuf(dmabufs[i], self->page, PROT_READ);
		EXPECT_TRUE(has_pattern(map, self->page, 3));
		test_errno(EACCES, self->client, mprotect(map, self->page, RW));
		munmap(map, self->page);
		close(dmabufs[i]);
	}
}

/* Who was given the dma-buf of an extent never sees another one there. */
TEST_F(export, keeps_freed_extents)
{
	const size_t page = self->page;
	const __u64 place = test_extent(self->holder, 2 * page), last = place + 2 * page;
	const int dmabuf = test_export(self->fd, place + page, page, O_RDWR);
	const int other = test_export(self->fd, place, page, O_RDWR);
	char *map = test_map_dmabuf(dmabuf, page, RW);
	struct ndshm_section_query_args now;
	struct ndshm_extent_free_args again;

	fill_pattern(map, page, 4);
	test_free_extent(self->holder, place);
	now = test_look(self->fd);
	EXPECT_EQ(0, now.out_extents);
	EXPECT_EQ(2 * page, now.out_taken);
	/* The holder does not have it any more. */
	again = extent_free_request(place);
	test_err_extent_free(ENOENT, NDSHM_REASON_EXTENT_UNKNOWN, self->client, self->holder,
			     &again);
	/* It cannot be exported any more. */
	test_err_export(ENXIO, NDSHM_REASON_EXPORT_RANGE, self->fd, place, page, O_RDWR);
	test_err_export(ENXIO, NDSHM_REASON_EXPORT_RANGE, self->readonly, place, page, O_RDONLY);
	EXPECT_EQ(last, test_extent(self->holder, 2 * page));
	fill_pattern(self->map + last, 2 * page, 5);
	EXPECT_TRUE(has_pattern(map, page, 4));
	/* The dma-bufs and a mapping of one: the last one counts. */
	close(dmabuf);
	EXPECT_EQ(4 * page, test_look(self->fd).out_taken);
	close(other);
	EXPECT_EQ(4 * page, test_look(self->fd).out_taken);
	EXPECT_EQ(last + 2 * page, test_extent(self->holder, page));
	EXPECT_TRUE(has_pattern(map, page, 4));
	munmap(map, page);
	EXPECT_EQ(3 * page, test_look(self->fd).out_taken);
	EXPECT_EQ(place, test_extent(self->holder, 2 * page));
	EXPECT_TRUE(all_bytes(self->map + place, 2 * page, 0));
}

/* A pin outlives the dma-buf and its mappings: its page goes to no other extent meanwhile. */
TEST_F(export, pinned_page_is_not_reused)
{
	/* Initial memory is not freed while it is idle, which would end the wait for the pin. */
	const int fd = test_new_section(self->client, self->adapter, MAX, MAX);
	const __u32 modes[] = { O_RDWR, O_RDONLY };
	const int holder = test_attach(fd);
	char *map = (char *)test_map_section(fd, MAX);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		const __u64 place = test_extent(holder, self->page);
		const int dmabuf = test_export(fd, place, self->page, modes[i]);
		struct iovec what = { .iov_len = self->page };
		struct ndshm_extent_alloc_args all;
		char *seen = malloc(self->page);
		int ends[2];
		__u64 other;

		ASSERT_NE(NULL, seen);
		ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
		fill_pattern(map + place, self->page, 4);
		what.iov_base = test_map_dmabuf(dmabuf, self->page, PROT_READ);
		EXPECT_EQ((ssize_t)self->page, vmsplice(ends[1], &what, 1, 0));
		munmap(what.iov_base, self->page);
		/* Before and after the free. */
		if (i)
			close(dmabuf);
		test_free_extent(holder, place);
		if (!i)
			close(dmabuf);
		other = test_extent(holder, self->page);
		EXPECT_NE(place, other);
		fill_pattern(map + other, self->page, 5);
		test_free_extent(holder, other);
		/* All places but the pinned one are free. */
		all = extent_alloc_request(MAX, 0);
		EXPECT_NE(0, _test_extent_alloc(holder, &all));
		EXPECT_EQ(NDSHM_REASON_SECTION_FULL, all.reason);
		EXPECT_EQ((ssize_t)self->page, read(ends[0], seen, self->page));
		EXPECT_TRUE(has_pattern(seen, self->page, 4));
		all = extent_alloc_request(MAX, 0);
		test_extent_alloc(holder, &all);
		EXPECT_TRUE(all_bytes(map, MAX, 0));
		test_free_extent(holder, all.out_offset);
		close(ends[0]);
		close(ends[1]);
		free(seen);
	}
	close(holder);
	close(fd);
}

/* A place that was pinned is used again after the pin, also if a limit refuses new memory. */
TEST_F(export, pinned_place_returns_at_a_limit)
{
	struct ndshm_extent_alloc_args more;
	struct iovec what = { .iov_len = self->page };
	int fd, holder, dmabuf, ends[2];
	__u64 place;
	char byte;

	test_reopen_limited(self->client, test_user_locked() + HUGE);
	fd = test_new_section(self->client, self->adapter, MAX, 0);
	holder = test_attach(fd);
	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	place = test_extent(holder, HUGE);
	dmabuf = test_export(fd, place, HUGE, O_RDWR);
	what.iov_base = test_map_dmabuf(dmabuf, HUGE, RW);
	EXPECT_EQ((ssize_t)self->page, vmsplice(ends[1], &what, 1, 0));
	munmap(what.iov_base, HUGE);
	close(dmabuf);
	test_free_extent(holder, place);
	more = extent_alloc_request(HUGE, 0);
	EXPECT_NE(0, _test_extent_alloc(holder, &more));
	EXPECT_EQ(NDSHM_REASON_MEMLOCK, more.reason);
	for (place = 0; place < self->page; place++)
		EXPECT_EQ(1, read(ends[0], &byte, 1));
	test_free_extent(holder, test_extent(holder, HUGE));
	close(ends[0]);
	close(ends[1]);
	close(holder);
	close(fd);
}

/* Memory that was kept for a pin goes with the last holder, without another allocation. */
TEST_F(export, pinned_memory_goes_with_the_last_holder)
{
	const __u64 place = test_extent(self->holder, self->page);
	const int dmabuf = test_export(self->fd, place, self->page, O_RDWR);
	struct iovec what = { .iov_len = self->page };
	int ends[2];

	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	what.iov_base = test_map_dmabuf(dmabuf, self->page, RW);
	EXPECT_EQ((ssize_t)self->page, vmsplice(ends[1], &what, 1, 0));
	munmap(what.iov_base, self->page);
	close(dmabuf);
	test_free_extent(self->holder, place);
	test_free_extent(self->holder, test_extent(self->holder, self->page));
	EXPECT_EQ(self->page, test_look(self->fd).out_taken);
	close(ends[0]);
	close(ends[1]);
	test_renew(self->holder, self->fd);
	EXPECT_EQ(0, test_look(self->fd).out_taken);
	EXPECT_EQ(0, ndshm_committed(self->fd));
}

/* A child's copy of a mapping keeps the extent as well. */
TEST_F(export, forked_mapping)
{
	const __u64 place = test_extent(self->holder, self->page);
	const int dmabuf = test_export(self->fd, place, self->page, O_RDWR);
	char *map = test_map_dmabuf(dmabuf, self->page, RW);
	int peer;
	pid_t pid;

	fill_pattern(map, self->page, 11);
	pid = ndshm_fork(&peer);
	ASSERT_LE(0, pid);
	if (!pid) {
		close(dmabuf);
		if (!ndshm_hear(peer))
			_exit(1);
		_exit(!has_pattern(map, self->page, 11));
	}
	munmap(map, self->page);
	close(dmabuf);
	test_free_extent(self->holder, place);
	EXPECT_NE(place, test_extent(self->holder, self->page));
	ASSERT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(pid));
	close(peer);
	EXPECT_TRUE(ndshm_soon(test_look(self->fd).out_taken == self->page));
}

/* Neighbours of a range are not kept. */
TEST_F(export, keeps_no_neighbours)
{
	const size_t page = self->page;
	__u64 places[5];
	unsigned int i;
	int dmabuf;

	for (i = 0; i < ARRAY_SIZE(places); i++)
		places[i] = test_extent(self->holder, page);
	ASSERT_EQ(places[0] + 4 * page, places[4]);
	dmabuf = test_export(self->fd, places[1], 3 * page, O_RDWR);
	for (i = 0; i < ARRAY_SIZE(places); i++)
		test_free_extent(self->holder, places[i]);
	EXPECT_EQ(3 * page, test_look(self->fd).out_taken);
	EXPECT_EQ(places[0], test_extent(self->holder, page));
	EXPECT_EQ(places[4], test_extent(self->holder, page));
	close(dmabuf);
	EXPECT_EQ(places[1], test_extent(self->holder, 3 * page));
}

/* The end of a holder gives the memory to nobody either, and it is freed after the dma-buf. */
TEST_F(export, holder_ends)
{
	const __u64 place = test_extent(self->holder, HUGE);
	const int dmabuf = test_export(self->fd, place, self->page, O_RDWR);
	char *map = test_map_dmabuf(dmabuf, self->page, RW);

	fill_pattern(map, self->page, 6);
	close(self->holder);
	self->holder = test_attach(self->fd);
	EXPECT_EQ(HUGE, test_look(self->fd).out_taken);
	EXPECT_EQ(0, test_look(self->fd).out_extents);
	/* It does not make the section busy. */
	EXPECT_NE(place, test_extent(self->holder, HUGE));
	EXPECT_TRUE(has_pattern(map, self->page, 6));
	munmap(map, self->page);
	close(dmabuf);
	EXPECT_EQ(HUGE, test_look(self->fd).out_taken);
	EXPECT_GE(2 * HUGE, ndshm_committed(self->fd));
}

/* A reader cannot take memory from those that allocate. */
TEST_F(export, reader_keeps_nothing)
{
	const __u64 place = test_extent(self->holder, HUGE);
	const int dmabuf = test_export(self->readonly, place, HUGE, O_RDONLY);
	char *map = test_map_dmabuf(dmabuf, HUGE, PROT_READ);

	fill_pattern(self->map + place, HUGE, 7);
	EXPECT_TRUE(has_pattern(map, HUGE, 7));
	test_free_extent(self->holder, place);
	EXPECT_EQ(0, test_look(self->fd).out_taken);
	EXPECT_EQ(place, test_extent(self->holder, HUGE));
	fill_pattern(self->map + place, HUGE, 8);
	EXPECT_TRUE(has_pattern(map, HUGE, 8));
	test_free_extent(self->holder, place);
	test_renew(self->holder, self->fd);
	EXPECT_EQ(0, ndshm_committed(self->fd));
	test_sigbus(map);
	test_sigbus(map + HUGE - 1);
	/* A mapping is still possible, and shows what comes next. */
	EXPECT_EQ(place, test_extent(self->holder, HUGE));
	EXPECT_TRUE(all_bytes(map, HUGE, 0));
	close(dmabuf);
}

/* DELETE leaves dma-bufs alone, as it does mappings. */
TEST_F(export, deleted)
{
	const __u64 place = test_extent(self->holder, HUGE);
	const int dmabuf = test_export(self->fd, place, HUGE, O_RDWR);
	struct ndshm_section_delete_args delete = section_delete_request(0, self->holder);
	char *map;

	fill_pattern(self->map + place, HUGE, 9);
	test_section_delete(self->fd, &delete);
	test_err_export(EIDRM, NDSHM_REASON_SECTION_DELETED, self->fd, place, HUGE, O_RDWR);
	munmap(self->map, MAX);
	close(self->holder);
	close(self->readonly);
	close(self->fd);
	map = test_map_dmabuf(dmabuf, HUGE, RW);
	EXPECT_TRUE(has_pattern(map, HUGE, 9));
	EXPECT_EQ(0, ndshm_dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	EXPECT_LE(HUGE, test_user_locked());
	close(dmabuf);
	EXPECT_TRUE(has_pattern(map, HUGE, 9));
	munmap(map, HUGE);
	EXPECT_TRUE(ndshm_soon(!test_user_locked()));
	self->holder = -1;
	self->readonly = -1;
	self->fd = -1;
}

TEST_F(export, revoked)
{
	const __u64 place = test_extent(self->holder, HUGE + self->page);
	const int dmabuf = test_export(self->fd, place, HUGE + self->page, O_RDWR);
	const int reader = test_export(self->readonly, place, self->page, O_RDONLY);
	struct ndshm_section_delete_args delete = section_delete_request(NDSHM_DELETE_REVOKE, -1);
	char *map = test_map_dmabuf(dmabuf, HUGE + self->page, RW);
	char *seen = test_map_dmabuf(reader, self->page, PROT_READ);
	const bool needs_sync = test_look(self->fd).out_flags & NDSHM_SECTION_NEEDS_SYNC;

	fill_pattern(map, HUGE + self->page, 10);
	EXPECT_TRUE(has_pattern(seen, self->page, 10));
	test_section_delete(self->fd, &delete);
	/* The memory is freed although there are dma-bufs. */
	EXPECT_EQ(0, test_user_locked());
	test_sigbus(map);
	test_sigbus(map + HUGE);
	test_sigbus(seen);
	test_err_map_dmabuf(ENODEV, self->client, dmabuf, self->page, RW);
	test_err_map_dmabuf(ENODEV, self->client, reader, self->page, PROT_READ);
	EXPECT_EQ(-ENODEV, ndshm_dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	/* Nothing that can only be read is ever synced. */
	EXPECT_EQ(needs_sync ? -EACCES : -ENODEV,
		  ndshm_dmabuf_sync(reader, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	close(self->holder);
	close(reader);
	close(dmabuf);
	self->holder = -1;
}

/* Peers that have the dma-bufs cannot use up the mappings of the section. */
TEST_F(export, mappings_apart)
{
	const __u64 place = test_extent(self->holder, 16 * self->page);
	const int dmabuf = test_export(self->fd, place, 16 * self->page, O_RDONLY);
	unsigned int count = 0;
	void *map;

	while ((map = mmap(NULL, self->page, PROT_READ, MAP_SHARED, dmabuf,
			   count % 2 * 5 * self->page)) != MAP_FAILED)
		count++;
	EXPECT_EQ(EMFILE, errno);
	EXPECT_EQ(2048, count);
	map = test_map_section(self->fd, MAX);
	munmap(map, MAX);
	close(dmabuf);
}

/* Number of dma-bufs that netlink reports. */
static unsigned int reported(struct __test_metadata *_metadata, __u32 id)
{
	struct ndshm_nl_section section;
	struct ndshm_nl nl;

	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_section_by_id(&nl, id, &section));
	ndshm_nl_close(&nl);
	return section.exports;
}

TEST_F(export, counted)
{
	const __u64 place = test_extent(self->holder, self->page);
	const __u32 id = test_look(self->fd).out_id;
	int first, second;

	EXPECT_EQ(0, reported(_metadata, id));
	first = test_export(self->fd, place, self->page, O_RDWR);
	EXPECT_EQ(1, reported(_metadata, id));
	second = test_export(self->readonly, place, self->page, O_RDONLY);
	EXPECT_EQ(2, reported(_metadata, id));
	close(first);
	EXPECT_EQ(1, reported(_metadata, id));
	close(second);
	EXPECT_EQ(0, reported(_metadata, id));
}

TEST_F(export, no_descriptor_left)
{
	const __u64 place = test_extent(self->holder, self->page);
	struct ndshm_section_export_args export =
		section_export_request(place, self->page, O_RDWR);
	struct rlimit limit, few;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	few = limit;
	few.rlim_cur = dup(self->fd);
	close(few.rlim_cur);
	/* The check of the state after the failure needs a descriptor. */
	ndshm_case(false);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
	EXPECT_EQ(-1, _test_section_export(self->fd, &export));
	EXPECT_EQ(EMFILE, errno);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(NDSHM_REASON_DESCRIPTORS, export.reason);
	EXPECT_EQ(-1, export.out_dmabuf);
	/* Nothing keeps the extent. */
	test_free_extent(self->holder, place);
	EXPECT_EQ(0, test_look(self->fd).out_taken);
}

/* Memory that was found to be pinned is looked at again when there is no other room. */
static bool all_is_free(int holder)
{
	struct ndshm_extent_alloc_args all = extent_alloc_request(MAX, 0);
	struct ndshm_extent_free_args free;

	if (_test_extent_alloc(holder, &all))
		return false;
	free = extent_free_request(all.out_offset);
	return !_test_extent_free(holder, &free);
}

/*
 * Processes that allocate, export, write, free and check, and are killed at any moment. No contents
 * of another extent appear in a dma-buf, and nothing is kept in the end.
 */
static int use_extents(int fd, size_t page, char *map, unsigned int seed)
{
	const int own = seed & 0x7f;
	struct ndshm_section_attach_args attach = section_attach_request(0);

	if (_test_section_attach(fd, &attach))
		return 2;
	for (;;) {
		struct ndshm_extent_alloc_args alloc =
			extent_alloc_request((rand_r(&seed) % 5 + 1) * page, 0);
		struct ndshm_extent_free_args free;
		struct ndshm_section_export_args export;
		char *shown;

		if (_test_extent_alloc(attach.out_holder, &alloc))
			continue;
		memset(map + alloc.out_offset, own, alloc.out_length);
		export = section_export_request(alloc.out_offset, alloc.out_length,
						O_RDWR | O_CLOEXEC);
		if (_test_section_export(fd, &export))
			return 3;
		free = extent_free_request(alloc.out_offset);
		if (_test_extent_free(attach.out_holder, &free))
			return 4;
		shown = mmap(NULL, alloc.out_length, RW, MAP_SHARED, export.out_dmabuf, 0);
		if (shown == MAP_FAILED)
			return 5;
		sched_yield();
		if (!all_bytes(shown, alloc.out_length, own))
			return 6;
		munmap(shown, alloc.out_length);
		close(export.out_dmabuf);
	}
}

#define PEERS	4

TEST_F(export, kills)
{
	const unsigned int rounds = ndshm_rounds(40, 8) * (getenv("LONG") ? 25 : 1);
	unsigned int i, peer;
	pid_t pids[PEERS];
	int status, unused;

	for (i = 0; i < rounds; i++) {
		for (peer = 0; peer < PEERS; peer++) {
			pids[peer] = ndshm_fork(&unused);
			ASSERT_LE(0, pids[peer]);
			if (!pids[peer])
				_exit(use_extents(self->fd, self->page, self->map,
						  i * PEERS + peer + 1));
			close(unused);
		}
		usleep(1000 + i * 997 % 20000);
		for (peer = 0; peer < PEERS; peer++) {
			kill(pids[peer], SIGKILL);
			ASSERT_EQ(pids[peer], waitpid(pids[peer], &status, 0));
			EXPECT_TRUE(WIFSIGNALED(status))
				TH_LOG("exit code %d", WEXITSTATUS(status));
		}
		ASSERT_TRUE(ndshm_soon(all_is_free(self->holder)));
	}
	EXPECT_EQ(0, test_look(self->fd).out_taken);
	EXPECT_EQ(0, test_look(self->fd).out_extents);
	test_renew(self->holder, self->fd);
	EXPECT_EQ(0, ndshm_committed(self->fd));
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
