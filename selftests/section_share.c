// SPDX-License-Identifier: GPL-2.0
/*
 * Sections shared between processes: passed on, shared read-only, deleted. A
 * test whose name begins with lsa_ checks a rule that the documentation of the
 * LSA calls states; the other rules are ndshm's own.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "ndshm_nl.h"
#include "ndshm_section.h"

#define HUGE	(2UL << 20)
#define MAX	(8 * HUGE)

#ifndef __NR_pidfd_open
#define __NR_pidfd_open		434
#define __NR_pidfd_getfd	438
#endif

FIXTURE(share) {
	int client;
	__u32 adapter;
	size_t page;
	int fd;
	int holder;
	unsigned char *map;
};

FIXTURE_SETUP(share)
{
	struct ndshm_get_info_args info = get_info_request();

	self->client = ndshm_open();
	ASSERT_LE(0, self->client);
	test_get_info(self->client, &info);
	self->adapter = info.out_default_adapter;
	self->page = page_size();
	self->fd = test_new_section(self->client, self->adapter, MAX, HUGE);
	self->holder = test_attach(self->fd);
	self->map = test_map_section(self->fd, MAX);
}

FIXTURE_TEARDOWN(share)
{
	close(self->holder);
	close(self->fd);
	close(self->client);
}

/*
 * Passing descriptors
 */

/*
 * Another user, who cannot open the device, must be able to use a received
 * section fully.
 */
static bool use(int fd)
{
	struct ndshm_section_attach_args attach = section_attach_request(0);
	struct ndshm_section_query_args query = section_query_request();
	struct ndshm_extent_alloc_args more = extent_alloc_request(4096, 0);
	struct ndshm_extent_free_args request;
	unsigned char *map = ndshm_map_section(fd, MAX);

	if (map == MAP_FAILED || map[0] != 1 ||
	    _test_section_query(fd, &query) ||
	    _test_section_attach(fd, &attach) ||
	    _test_extent_alloc(attach.out_holder, &more))
		return false;
	map[more.out_offset] = 2;
	request = extent_free_request(more.out_offset);
	return !_test_extent_free(attach.out_holder, &request);
}

TEST_F(share, lsa_shared_with_clients)
{
	pid_t child;
	int peer;

	EXPECT_EQ(0, test_extent(self->holder, self->page));
	self->map[0] = 1;
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		bool stranger = geteuid() || (ndshm_become(NDSHM_USER_A) &&
					      ndshm_open() < 0);
		int fd;

		close(self->fd);
		close(self->holder);
		fd = ndshm_receive_fd(peer);
		_exit(!(stranger && fd >= 0 && use(fd)));
	}
	EXPECT_TRUE(ndshm_send_fd(peer, self->fd));
	EXPECT_TRUE(ndshm_reap(child));
	ndshm_case(true);
	close(peer);
	EXPECT_EQ(2, self->map[self->page]);
	EXPECT_EQ(1, test_look(self->fd).out_holders);
}

TEST_F(share, pidfd)
{
	pid_t child;
	int peer;

	EXPECT_EQ(0, test_extent(self->holder, self->page));
	self->map[0] = 1;
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		int pidfd = syscall(__NR_pidfd_open, getppid(), 0), fd;

		fd = syscall(__NR_pidfd_getfd, pidfd, self->fd, 0);
		_exit(!(fd >= 0 && fd != self->fd && use(fd)));
	}
	EXPECT_TRUE(ndshm_reap(child));
	ndshm_case(true);
	close(peer);
}

/* The section must survive its creator being killed. */
TEST_F(share, creator_killed)
{
	int peer, fd, holder;
	unsigned char *map;
	pid_t child;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		struct ndshm_section_create_args create =
			section_create_request(self->adapter, MAX, HUGE);

		if (_test_section_create(self->client, &create) ||
		    !ndshm_send_fd(peer, create.out_section))
			_exit(1);
		pause();
	}
	fd = ndshm_receive_fd(peer);
	ASSERT_LE(0, fd);
	EXPECT_TRUE(ndshm_end(child, peer, SIGKILL));
	EXPECT_FALSE(ndshm_reap(child));
	close(peer);
	map = test_map_section(fd, MAX);
	holder = test_attach(fd);
	EXPECT_EQ(0, test_extent(holder, 2 * HUGE));
	EXPECT_TRUE(all_bytes(map, 2 * HUGE, 0));
	munmap(map, MAX);
	close(holder);
	close(fd);
}

/* A child inherits the mapping at the same address. */
TEST_F(share, fork)
{
	pid_t child;
	int peer;

	self->map[0] = 1;
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		bool good = self->map[0] == 1 && ndshm_hear(peer) &&
			    self->map[MAX - 1] == 3;

		self->map[1] = 2;
		_exit(!good);
	}
	/* Memory that is committed later must appear in both mappings. */
	EXPECT_EQ(0, test_extent(self->holder, MAX));
	self->map[MAX - 1] = 3;
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	EXPECT_EQ(2, self->map[1]);
}

/*
 * Visibility
 */

TEST_F(share, seen)
{
	struct ndshm_section_query_args query = test_look(self->fd);
	struct ndshm_nl_section one, all[64];
	struct ndshm_section_delete_args request;
	int count, i, found = 0, peer;
	struct ndshm_nl nl;
	pid_t child;

	ASSERT_EQ(0, ndshm_nl_open(&nl));
	test_extent(self->holder, 3 * self->page);
	test_extent(self->holder, self->page);
	ASSERT_EQ(0, ndshm_nl_section_by_id(&nl, query.out_id, &one));
	EXPECT_EQ(query.out_id, one.id);
	EXPECT_EQ(self->adapter, one.adapter);
	EXPECT_EQ(query.out_provider, one.provider);
	EXPECT_EQ(geteuid(), one.uid);
	EXPECT_EQ(MAX, one.max_size);
	EXPECT_EQ(HUGE, one.initial_size);
	EXPECT_EQ(HUGE, one.committed);
	EXPECT_EQ(4 * self->page, one.taken);
	EXPECT_EQ(2, one.extents);
	EXPECT_EQ(1, one.holders);
	EXPECT_FALSE(one.deleted);
	EXPECT_FALSE(one.revoked);
	count = ndshm_nl_sections(&nl, all, ARRAY_SIZE(all));
	ASSERT_LE(1, count);
	for (i = 0; i < count && i < 64; i++)
		found += all[i].id == one.id &&
			 !memcmp(&all[i], &one, sizeof(one));
	EXPECT_EQ(1, found);
	/*
	 * Other users must not see the section in netlink, even with a
	 * descriptor of it.
	 */
	if (!geteuid()) {
		child = ndshm_fork(&peer);
		ASSERT_LE(0, child);
		if (!child) {
			struct ndshm_nl own;
			bool hidden = ndshm_become(NDSHM_USER_A) &&
				      !ndshm_nl_open(&own) &&
				      ndshm_nl_section_by_id(&own, one.id,
							     &one) == -ENOENT &&
				      !ndshm_nl_sections(&own, all, 1);

			_exit(!hidden);
		}
		EXPECT_TRUE(ndshm_reap(child));
		close(peer);
	}
	request = section_delete_request(0, self->holder);
	test_section_delete(self->fd, &request);
	ASSERT_EQ(0, ndshm_nl_section_by_id(&nl, query.out_id, &one));
	EXPECT_TRUE(one.deleted);
	munmap(self->map, MAX);
	close(self->holder);
	close(self->fd);
	self->holder = -1;
	self->fd = -1;
	EXPECT_TRUE(ndshm_soon(ndshm_nl_section_by_id(&nl, query.out_id,
						      &one) == -ENOENT));
	ndshm_nl_close(&nl);
}

/*
 * Read-only descriptors
 */

#define test_not_written(call) do { \
	test_errno(EFAULT, self->client, call); \
	EXPECT_EQ(7, self->map[0]); \
} while (0)

/* Memory mapped from a read-only descriptor must not be writable in any way: */
TEST_F(share, readonly_memory)
{
	int fd = test_share(self->fd, NDSHM_SHARE_READONLY), zero, pipes[2];
	struct iovec from, to;
	unsigned char *map, bytes[16] = {};
	char path[64];

	self->map[0] = 7;
	test_errno(EACCES, self->client,
		   mmap(NULL, MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	test_errno(EACCES, self->client,
		   mmap(NULL, MAX, PROT_WRITE, MAP_SHARED, fd, 0));
	map = mmap(NULL, MAX, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	ndshm_case(true);
	EXPECT_EQ(7, map[0]);
	test_errno(EACCES, self->client,
		   mprotect(map, self->page, PROT_READ | PROT_WRITE));
	test_errno(EACCES, self->client,
		   mprotect(map, MAX, PROT_WRITE));
	/* by a system call, */
	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, zero);
	test_not_written(read(zero, map, 16));
	close(zero);
	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(16, write(pipes[1], bytes, 16));
	test_not_written(read(pipes[0], map, 16));
	/* by another process, */
	from = (struct iovec){ bytes, 16 };
	to = (struct iovec){ map, 16 };
	test_not_written(process_vm_writev(getpid(), &from, 1, &to, 1, 0));
	/* through /proc/self/mem, which ignores page protection, */
	snprintf(path, sizeof(path), "/proc/self/mem");
	zero = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, zero);
	test_errno(EIO, self->client,
		   pwrite(zero, bytes, 16, (off_t)(uintptr_t)map));
	EXPECT_EQ(7, self->map[0]);
	EXPECT_EQ(16, pread(zero, bytes, 16, (off_t)(uintptr_t)map));
	EXPECT_EQ(7, bytes[0]);
	close(zero);
	/* or after mremap(). */
	to.iov_base = mremap(map, MAX, MAX, MREMAP_MAYMOVE | MREMAP_FIXED,
			     map + 4 * MAX);
	ASSERT_NE(MAP_FAILED, to.iov_base);
	map = to.iov_base;
	test_errno(EACCES, self->client,
		   mprotect(map, self->page, PROT_READ | PROT_WRITE));
	close(fd);
	test_errno(EACCES, self->client,
		   mprotect(map, self->page, PROT_READ | PROT_WRITE));
	EXPECT_EQ(7, map[0]);
	munmap(map, MAX);
	close(pipes[0]);
	close(pipes[1]);
}

/* ptrace must not be able to write either. */
TEST_F(share, readonly_ptrace)
{
	int fd = test_share(self->fd, NDSHM_SHARE_READONLY), status, peer;
	unsigned char *map;
	pid_t child;
	long word;

	self->map[0] = 7;
	map = mmap(NULL, MAX, PROT_READ, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(7, map[0]);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ndshm_hear(peer);
		_exit(map[0] != 7);
	}
	ASSERT_EQ(0, ptrace(PTRACE_ATTACH, child, NULL, NULL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, child, map, NULL);
	EXPECT_EQ(7, word & 0xff);
	test_errno(EIO, self->client,
		   ptrace(PTRACE_POKEDATA, child, map, 0x0101010101010101));
	EXPECT_EQ(0, ptrace(PTRACE_DETACH, child, NULL, NULL));
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	EXPECT_EQ(7, self->map[0]);
	munmap(map, MAX);
	close(fd);
}

/* Commands on a read-only descriptor, and on descriptors derived from it. */
TEST_F(share, readonly_descriptor)
{
	int fd = test_share(self->fd, NDSHM_SHARE_READONLY), again, holder;
	struct ndshm_section_share_args share = section_share_request(0);
	struct ndshm_section_delete_args request = section_delete_request(0, -1);
	struct ndshm_section_sync_args sync = section_sync_request(2, 0, 1);
	struct ndshm_extent_alloc_args more = extent_alloc_request(1, 0);
	struct ndshm_section_query_args query;
	char path[64];

	query = test_look(fd);
	EXPECT_EQ(NDSHM_SECTION_READONLY, query.out_flags & ~NDSHM_SECTION_NEEDS_SYNC);
	EXPECT_EQ(MAX, query.out_max_size);
	test_err_section_share(EROFS, NDSHM_REASON_SECTION_READONLY,
			       self->client, fd, &share);
	test_err_section_delete(EROFS, NDSHM_REASON_SECTION_READONLY,
				self->client, fd, &request);
	request = section_delete_request(NDSHM_DELETE_FORCE, -1);
	test_err_section_delete(EROFS, NDSHM_REASON_SECTION_READONLY,
				self->client, fd, &request);
	test_err_section_sync(EROFS, NDSHM_REASON_SECTION_READONLY,
			      self->client, fd, &sync);
	holder = test_attach(fd);
	test_err_extent_alloc(EROFS, NDSHM_REASON_SECTION_READONLY,
			      self->client, holder, &more);
	again = test_share(fd, NDSHM_SHARE_READONLY);
	test_errno(EACCES, self->client,
		   mmap(NULL, MAX, PROT_WRITE, MAP_SHARED, again, 0));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	test_errno(ENXIO, self->client, open(path, O_RDWR));
	EXPECT_EQ(O_RDONLY, fcntl(fd, F_GETFL) & O_ACCMODE);
	/* F_SETFL must not add write access. */
	fcntl(fd, F_SETFL, O_RDWR);
	test_errno(EACCES, self->client,
		   mmap(NULL, MAX, PROT_WRITE, MAP_SHARED, fd, 0));
	close(again);
	close(holder);
	close(fd);
}

TEST_F(share, more)
{
	int fd = test_share(self->fd, 0);
	unsigned char *map = test_map_section(fd, MAX);

	EXPECT_EQ(0, test_look_flags(fd));
	map[1] = 9;
	EXPECT_EQ(9, self->map[1]);
	EXPECT_EQ(0, close(self->fd));
	self->fd = fd;
	EXPECT_EQ(0, test_extent(self->holder, self->page));
	munmap(map, MAX);
}

/*
 * Deletion
 */

/* Deletion succeeds once; afterwards the section refuses new holders and extents. */
TEST_F(share, lsa_delete)
{
	struct ndshm_section_delete_args request =
		section_delete_request(0, self->holder);
	struct ndshm_section_attach_args attach = section_attach_request(0);
	struct ndshm_section_share_args share = section_share_request(0);
	struct ndshm_extent_alloc_args more = extent_alloc_request(1, 0);
	struct ndshm_section_sync_args sync = section_sync_request(1, 0, 1);
	__u64 place = test_extent(self->holder, self->page);
	struct ndshm_extent_query_args where = extent_query_request(place);

	self->map[place] = 1;
	test_section_delete(self->fd, &request);
	test_err_section_delete(EIDRM, NDSHM_REASON_SECTION_DELETED,
				self->client, self->fd, &request);
	test_err_section_attach(EIDRM, NDSHM_REASON_SECTION_DELETED,
				self->client, self->fd, &attach);
	EXPECT_EQ(-1, attach.out_holder);
	test_err_section_share(EIDRM, NDSHM_REASON_SECTION_DELETED,
			       self->client, self->fd, &share);
	test_err_section_sync(EIDRM, NDSHM_REASON_SECTION_DELETED,
			      self->client, self->fd, &sync);
	test_err_extent_alloc(EIDRM, NDSHM_REASON_SECTION_DELETED,
			      self->client, self->holder, &more);
	test_err_extent_query(EIDRM, NDSHM_REASON_SECTION_DELETED,
			      self->client, self->holder, &where);
	test_errno(EIDRM, self->client,
		   mmap(NULL, MAX, PROT_READ, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(NDSHM_SECTION_DELETED, test_look_flags(self->fd));
	/* Existing mappings remain usable. */
	EXPECT_EQ(1, self->map[place]);
	self->map[place + 1] = 2;
	test_free_extent(self->holder, place);
	EXPECT_EQ(2, self->map[place + 1]);
}

/* The memory is freed with the last mapping, even if descriptors remain. */
TEST_F(share, delete_frees)
{
	struct ndshm_section_delete_args request = section_delete_request(0, -1);
	__u64 before = ndshm_locked(self->client);
	int peer;
	pid_t child;

	self->map[0] = 1;
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		bool good = ndshm_hear(peer) && self->map[0] == 1;

		_exit(!good);
	}
	test_section_delete(self->fd, &request);
	EXPECT_EQ(before, ndshm_locked(self->client));
	EXPECT_EQ(0, munmap(self->map, MAX));
	EXPECT_EQ(before, ndshm_locked(self->client));
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	EXPECT_TRUE(ndshm_soon(ndshm_locked(self->client) == before - HUGE));
	EXPECT_EQ(0, test_look(self->fd).out_committed);
}

/* At once if the section was never mapped. */
TEST_F(share, delete_unmapped)
{
	struct ndshm_section_delete_args request = section_delete_request(0, -1);
	__u64 before = ndshm_locked(self->client);
	int fd = test_new_section(self->client, self->adapter, MAX, HUGE);

	EXPECT_EQ(before + HUGE, ndshm_locked(self->client));
	test_section_delete(fd, &request);
	EXPECT_EQ(before, ndshm_locked(self->client));
	EXPECT_EQ(0, test_look(fd).out_committed);
	close(fd);
}

TEST_F(share, delete_busy)
{
	int other = test_attach(self->fd), foreign, fd;
	struct ndshm_section_delete_args request;
	__u64 mine = test_extent(self->holder, self->page);
	__u64 theirs = test_extent(other, self->page);

	(void)mine;
	/*
	 * Extents of other holders prevent deletion; so do the caller's own
	 * unless its holder is named.
	 */
	request = section_delete_request(0, self->holder);
	test_err_section_delete(EBUSY, NDSHM_REASON_SECTION_BUSY, self->client,
				self->fd, &request);
	request = section_delete_request(0, -1);
	test_err_section_delete(EBUSY, NDSHM_REASON_SECTION_BUSY, self->client,
				self->fd, &request);
	test_free_extent(other, theirs);
	test_err_section_delete(EBUSY, NDSHM_REASON_SECTION_BUSY, self->client,
				self->fd, &request);
	/* The descriptor must be a holder of this section. */
	fd = test_new_section(self->client, self->adapter, MAX, 0);
	foreign = test_attach(fd);
	request = section_delete_request(0, foreign);
	test_err_section_delete(EBADF, NDSHM_REASON_DESCRIPTOR, self->client,
				self->fd, &request);
	request = section_delete_request(0, self->fd);
	test_err_section_delete(EBADF, NDSHM_REASON_DESCRIPTOR, self->client,
				self->fd, &request);
	request = section_delete_request(0, self->client);
	test_err_section_delete(EBADF, NDSHM_REASON_DESCRIPTOR, self->client,
				self->fd, &request);
	request = section_delete_request(0, 12345);
	test_err_section_delete(EBADF, NDSHM_REASON_DESCRIPTOR, self->client,
				self->fd, &request);
	request = section_delete_request(0, -2);
	test_err_section_delete(EBADF, NDSHM_REASON_DESCRIPTOR, self->client,
				self->fd, &request);
	close(foreign);
	close(fd);
	request = section_delete_request(0, self->holder);
	test_section_delete(self->fd, &request);
	close(other);
}

static bool is_not_theirs(int fd, __u32 flags)
{
	struct ndshm_section_delete_args request = section_delete_request(flags, -1);

	return _test_section_delete(fd, &request) && errno == EPERM &&
	       request.reason == NDSHM_REASON_NOT_CREATOR;
}

/* Only the creator of a section, or a user with the capability, may delete it. */
TEST_F(share, delete_foreign)
{
	pid_t child;
	int peer;

	if (geteuid())
		SKIP(return, "only root becomes somebody else");
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child)
		_exit(!(ndshm_become(NDSHM_USER_A) &&
			is_not_theirs(self->fd, 0) &&
			is_not_theirs(self->fd, NDSHM_DELETE_FORCE)));
	EXPECT_TRUE(ndshm_reap(child));
	ndshm_case(false);
	close(peer);
	EXPECT_EQ(0, test_look_flags(self->fd));
}

TEST_F(share, delete_forced)
{
	int other = test_attach(self->fd);
	struct ndshm_section_delete_args request =
		section_delete_request(NDSHM_DELETE_FORCE, -1);
	__u64 place = test_extent(other, self->page);

	self->map[place] = 5;
	test_section_delete(self->fd, &request);
	EXPECT_EQ(NDSHM_SECTION_DELETED, test_look_flags(self->fd));
	EXPECT_EQ(5, self->map[place]);
	test_free_extent(other, place);
	close(other);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
