// SPDX-License-Identifier: GPL-2.0
/*
 * Quotas of users: permission to read and set them, exact enforcement, and
 * events about refusals.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <sched.h>
#include <sys/wait.h>

#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

enum {
	SECTIONS = 1, HOLDERS = 2, RESERVED = 4, BYTES = 8, REQUESTS = 16,
	CLIENTS = 32, ALL = 63,
};

#define KINDS	NDSHM_NL_KINDS

#define HUGE	(2UL << 20)

FIXTURE(quota) {
	int fd;
	__u32 adapter;
	size_t page;
	struct ndshm_nl nl;
};

static int reset_all(struct ndshm_nl *nl, __u32 uid)
{
	struct ndshm_nl_quota_change change = { .reset = ALL };

	return ndshm_nl_set_quota(nl, uid, &change);
}

FIXTURE_SETUP(quota)
{
	struct ndshm_get_info_args info = get_info_request();

	if (geteuid())
		SKIP(return, "only root sets limits");
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	self->page = page_size();
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	/* Memory of earlier programs may be freed later. */
	ndshm_wait_uncharged(self->fd);
	EXPECT_TRUE(ndshm_soon(ndshm_nl_uncharged(&self->nl, NDSHM_USER_A)));
	EXPECT_TRUE(ndshm_soon(ndshm_nl_uncharged(&self->nl, NDSHM_USER_B)));
}

FIXTURE_TEARDOWN(quota)
{
	if (geteuid())
		return;
	EXPECT_EQ(0, reset_all(&self->nl, getuid()));
	EXPECT_EQ(0, reset_all(&self->nl, NDSHM_USER_A));
	ndshm_nl_close(&self->nl);
	close(self->fd);
}

static int set_limit(struct ndshm_nl *nl, __u32 uid, __u32 kind, __u64 limit)
{
	struct ndshm_nl_quota_change change = {
		.set = kind,
	};
	int i;

	for (i = 0; i < KINDS; i++)
		change.limits[i] = limit;
	return ndshm_nl_set_quota(nl, uid, &change);
}

/* Limits with different values must be shown and reset one by one. */
TEST_F(quota, set_and_get)
{
	struct ndshm_nl_quota_change change = {
		.set = ALL, .limits = { 11, 12, 13 << 20, 14ULL << 40,
					15, 16 },
	};
	struct ndshm_nl_quota before, now;
	unsigned int i, j;

	ASSERT_EQ(0, ndshm_nl_quota(&self->nl, NDSHM_USER_A, &before));
	EXPECT_EQ(NDSHM_USER_A, before.uid);
	EXPECT_EQ(0, before.set);
	for (i = 0; i < KINDS; i++) {
		EXPECT_EQ(0, before.amounts[i]);
		EXPECT_NE(0, before.limits[i]);
	}
	ASSERT_EQ(0, ndshm_nl_set_quota(&self->nl, NDSHM_USER_A, &change));
	for (i = 0; i <= KINDS; i++) {
		ASSERT_EQ(0, ndshm_nl_quota(&self->nl, NDSHM_USER_A, &now));
		EXPECT_EQ(ALL & ~((1U << i) - 1), now.set);
		for (j = 0; j < KINDS; j++)
			EXPECT_EQ(j < i ? before.limits[j] : change.limits[j],
				  now.limits[j]);
		if (i < KINDS) {
			struct ndshm_nl_quota_change reset = {
				.reset = 1U << i,
			};

			ASSERT_EQ(0, ndshm_nl_set_quota(&self->nl, NDSHM_USER_A,
							&reset));
		}
	}
	/* Every 64-bit number is a valid limit. */
	ASSERT_EQ(0, set_limit(&self->nl, NDSHM_USER_A, ALL, UINT64_MAX));
	ASSERT_EQ(0, ndshm_nl_quota(&self->nl, NDSHM_USER_A, &now));
	for (i = 0; i < KINDS; i++)
		EXPECT_EQ(UINT64_MAX, now.limits[i]);
	ASSERT_EQ(0, set_limit(&self->nl, NDSHM_USER_A, ALL, 0));
	ASSERT_EQ(0, ndshm_nl_quota(&self->nl, NDSHM_USER_A, &now));
	for (i = 0; i < KINDS; i++)
		EXPECT_EQ(0, now.limits[i]);
}

/* The dump lists users with limits or charges, in order, and no others. */
TEST_F(quota, dump)
{
	struct ndshm_nl_quota rows[64];
	int i, count, found = 0;
	__u32 uid;

	for (uid = NDSHM_USER_A; uid < NDSHM_USER_A + 20; uid++)
		ASSERT_EQ(0, set_limit(&self->nl, uid, HOLDERS, uid));
	count = ndshm_nl_quotas(&self->nl, rows, ARRAY_SIZE(rows));
	ASSERT_LE(20, count);
	ASSERT_GE((int)ARRAY_SIZE(rows), count);
	for (i = 0; i < count; i++) {
		if (i)
			EXPECT_LT(rows[i - 1].uid, rows[i].uid);
		if (rows[i].uid < NDSHM_USER_A ||
		    rows[i].uid >= NDSHM_USER_A + 20)
			continue;
		found++;
		EXPECT_EQ(HOLDERS, rows[i].set);
		EXPECT_EQ(rows[i].uid, rows[i].limits[1]);
	}
	EXPECT_EQ(20, found);
	for (uid = NDSHM_USER_A; uid < NDSHM_USER_A + 20; uid++)
		ASSERT_EQ(0, reset_all(&self->nl, uid));
	EXPECT_EQ(count - 20, ndshm_nl_quotas(&self->nl, rows,
					      ARRAY_SIZE(rows)));
}

TEST_F(quota, refused)
{
	struct ndshm_nl_quota_change both = {
		.set = BYTES | HOLDERS, .reset = HOLDERS,
	};
	struct ndshm_nl_quota_change nothing = {};
	struct ndshm_nl_quota_change unknown = { .reset = 64 };
	struct ndshm_nl_request request;
	struct ndshm_nl_quota now;
	__u64 limit = 1;
	__u32 uid = NDSHM_USER_A;

	ndshm_case(false);
	EXPECT_EQ(-EINVAL, ndshm_nl_set_quota(&self->nl, uid, &both));
	EXPECT_STREQ("limit: both set and reset; do one of them", self->nl.extack);
	ndshm_case(false);
	EXPECT_EQ(-EINVAL, ndshm_nl_set_quota(&self->nl, uid, &nothing));
	EXPECT_STREQ("request: no limit to set or reset; give one", self->nl.extack);
	ndshm_case(false);
	EXPECT_EQ(-ERANGE, ndshm_nl_set_quota(&self->nl, uid, &unknown));
	/* The invalid uid. */
	ndshm_case(false);
	EXPECT_EQ(-EINVAL, set_limit(&self->nl, UINT32_MAX, BYTES, 1));
	EXPECT_STREQ("no such user in the namespace of the socket", self->nl.extack);
	ndshm_case(false);
	EXPECT_EQ(-EINVAL, ndshm_nl_quota(&self->nl, UINT32_MAX, &now));
	/*
	 * No uid; a limit that is not 64 bits long; attributes that can only be
	 * read.
	 */
	ndshm_nl_begin(&request, self->nl.family, NDSHM_CMD_QUOTA_SET, 0);
	ndshm_nl_put(&request, NDSHM_A_QUOTA_BYTES_LIMIT, &limit,
		     sizeof(limit));
	ndshm_case(false);
	EXPECT_EQ(-EINVAL, ndshm_nl_talk(&self->nl, &request, NULL, NULL));
	EXPECT_STREQ("request: user missing", self->nl.extack);
	ndshm_nl_begin(&request, self->nl.family, NDSHM_CMD_QUOTA_SET, 0);
	ndshm_nl_put(&request, NDSHM_A_QUOTA_UID, &uid, sizeof(uid));
	ndshm_nl_put(&request, NDSHM_A_QUOTA_BYTES_LIMIT, &limit, 4);
	ndshm_case(false);
	EXPECT_EQ(-EINVAL, ndshm_nl_talk(&self->nl, &request, NULL, NULL));
	ndshm_nl_begin(&request, self->nl.family, NDSHM_CMD_QUOTA_SET, 0);
	ndshm_nl_put(&request, NDSHM_A_QUOTA_UID, &uid, sizeof(uid));
	ndshm_nl_put(&request, NDSHM_A_QUOTA_BYTES_LIMIT, &limit,
		     sizeof(limit));
	ndshm_nl_put(&request, NDSHM_A_QUOTA_BYTES, &limit, sizeof(limit));
	ndshm_case(false);
	EXPECT_EQ(-EINVAL, ndshm_nl_talk(&self->nl, &request, NULL, NULL));
	/* None of these requests may have had an effect. */
	ASSERT_EQ(0, ndshm_nl_quota(&self->nl, uid, &now));
	EXPECT_EQ(0, now.set);
}

/* Permission to read and to set; a socket opened by root does not give permission. */
TEST_F(quota, users)
{
	struct ndshm_nl_quota rows[4], now;
	struct ndshm_nl nl;
	pid_t child;
	int peer;

	ASSERT_EQ(0, set_limit(&self->nl, getuid(), BYTES, 1ULL << 40));
	ASSERT_EQ(0, set_limit(&self->nl, NDSHM_USER_A, SECTIONS, 5));
	/* CAP_NET_ADMIN is not sufficient. */
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_ADMIN, false));
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	EXPECT_EQ(0, ndshm_nl_quota(&nl, getuid(), &now));
	EXPECT_EQ(-EPERM, ndshm_nl_quota(&nl, NDSHM_USER_A, &now));
	EXPECT_EQ(-EPERM, set_limit(&nl, getuid(), BYTES, 1));
	EXPECT_LT(0, strlen(nl.extack));
	EXPECT_EQ(-EPERM, set_limit(&self->nl, getuid(), BYTES, 1));
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_ADMIN, true));
	ndshm_nl_close(&nl);

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
		ASSERT_EQ(0, ndshm_nl_open(&nl));
		EXPECT_EQ(0, ndshm_nl_own_quota(&nl, &now));
		EXPECT_EQ(NDSHM_USER_A, now.uid);
		EXPECT_EQ(5, now.limits[0]);
		EXPECT_EQ(0, ndshm_nl_quota(&nl, NDSHM_USER_A, &now));
		EXPECT_EQ(-EPERM, ndshm_nl_quota(&nl, 0, &now));
		EXPECT_EQ(-EPERM, ndshm_nl_quota(&nl, NDSHM_USER_B, &now));
		EXPECT_EQ(-EPERM, ndshm_nl_quota(&self->nl, 0, &now));
		EXPECT_EQ(1, ndshm_nl_quotas(&nl, rows, ARRAY_SIZE(rows)));
		EXPECT_EQ(NDSHM_USER_A, rows[0].uid);
		EXPECT_EQ(-EPERM, set_limit(&nl, NDSHM_USER_A, SECTIONS, 6));
		EXPECT_EQ(-EPERM, set_limit(&self->nl, NDSHM_USER_A, SECTIONS,
					    6));
		EXPECT_EQ(-EPERM, reset_all(&nl, NDSHM_USER_A));
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	ASSERT_EQ(0, ndshm_nl_quota(&self->nl, NDSHM_USER_A, &now));
	EXPECT_EQ(5, now.limits[0]);
}

/*
 * Root of a user namespace is an ordinary user, and cannot name users that are
 * not mapped.
 */
TEST_F(quota, user_namespace)
{
	struct ndshm_nl_quota now;
	struct ndshm_nl nl;
	pid_t child;
	int status;

	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		int bad = 0;

		if (unshare(CLONE_NEWUSER))
			_exit(KSFT_SKIP);
		if (ndshm_nl_open(&nl))
			_exit(1);
		bad |= ndshm_nl_own_quota(&nl, &now) != 0;
		bad |= ndshm_nl_quota(&nl, 0, &now) != -EINVAL;
		bad |= set_limit(&nl, 0, BYTES, 1) != -EPERM;
		_exit(bad);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	if (WEXITSTATUS(status) == KSFT_SKIP)
		SKIP(return, "no user namespaces");
	EXPECT_EQ(0, WEXITSTATUS(status));
}

static __u64 used(struct _test_data_quota *self, unsigned int kind)
{
	struct ndshm_nl_quota now;

	return ndshm_nl_own_quota(&self->nl, &now) ? 0 : now.amounts[kind];
}

/*
 * Bytes: exact to a page, for blocks and sections together, uncharged with the
 * last of them.
 */
TEST_F(quota, bytes)
{
	struct ndshm_section_create_args create;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info first, second;
	__u64 before = used(self, 3);

	test_charged(self->fd, self->adapter);
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RESOURCE, false));
	ASSERT_EQ(0, set_limit(&self->nl, getuid(), BYTES,
			       before + 8 * self->page));
	first = test_new_block(self->fd, self->adapter, 4 * self->page);
	EXPECT_EQ(before + first.consumed, used(self, 3));
	alloc = block_alloc_request(self->adapter, 8 * self->page, &second);
	test_err_block_alloc(EDQUOT, NDSHM_REASON_BYTE_QUOTA, self->fd, &alloc);
	EXPECT_EQ(before + first.consumed, used(self, 3));
	second = test_new_block(self->fd, self->adapter, 4 * self->page);
	alloc = block_alloc_request(self->adapter, 1, &second);
	test_err_block_alloc(EDQUOT, NDSHM_REASON_BYTE_QUOTA, self->fd, &alloc);
	create = section_create_request(self->adapter, HUGE, self->page);
	test_err_section_create(EDQUOT, NDSHM_REASON_BYTE_QUOTA, self->fd,
				&create);
	test_free_handle(self->fd, first.handle);
	create = section_create_request(self->adapter, HUGE, 4 * self->page);
	test_section_create(self->fd, &create);
	EXPECT_EQ(before + 8 * self->page, used(self, 3));
	/* A limit below the charge refuses allocations but does not free anything. */
	ASSERT_EQ(0, set_limit(&self->nl, getuid(), BYTES, 0));
	test_err_block_alloc(EDQUOT, NDSHM_REASON_BYTE_QUOTA, self->fd, &alloc);
	EXPECT_EQ(before + 8 * self->page, used(self, 3));
	ASSERT_EQ(0, close(create.out_section));
	close(self->fd);
	self->fd = ndshm_open();
	EXPECT_TRUE(ndshm_soon(used(self, 3) == before));
	/* CAP_SYS_RESOURCE exempts from quotas. */
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RESOURCE, true));
	test_new_block(self->fd, self->adapter, self->page);
	EXPECT_EQ(before + self->page, used(self, 3));
}

/* Sections, holders and reserved range: one more than the limit must be refused. */
TEST_F(quota, of_sections)
{
	struct ndshm_section_create_args create =
		section_create_request(self->adapter, HUGE, 0);
	struct ndshm_section_attach_args attach;
	int section, holder;

	ASSERT_EQ(0, used(self, 0));
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RESOURCE, false));
	ASSERT_EQ(0, set_limit(&self->nl, getuid(), SECTIONS | HOLDERS, 1));
	ASSERT_EQ(0, set_limit(&self->nl, getuid(), RESERVED, 2 * HUGE));
	test_section_create(self->fd, &create);
	section = create.out_section;
	holder = test_attach(section);
	EXPECT_EQ(1, used(self, 0));
	EXPECT_EQ(1, used(self, 1));
	EXPECT_EQ(HUGE, used(self, 2));
	create = section_create_request(self->adapter, HUGE, 0);
	test_err_section_create(EDQUOT, NDSHM_REASON_SECTION_QUOTA, self->fd,
				&create);
	attach = section_attach_request(0);
	test_err_section_attach(EDQUOT, NDSHM_REASON_HOLDER_QUOTA, self->fd,
				section, &attach);
	ASSERT_EQ(0, set_limit(&self->nl, getuid(), SECTIONS, 2));
	create = section_create_request(self->adapter, HUGE + 1, 0);
	test_err_section_create(EDQUOT, NDSHM_REASON_RESERVE_QUOTA, self->fd,
				&create);
	create = section_create_request(self->adapter, HUGE, 0);
	test_section_create(self->fd, &create);
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RESOURCE, true));
	close(create.out_section);
	close(holder);
	close(section);
	EXPECT_EQ(0, used(self, 0));
	EXPECT_EQ(0, used(self, 1));
	EXPECT_EQ(0, used(self, 2));
}

/* Whoever keeps a section that was deleted keeps it out of its creator's quotas. */
TEST_F(quota, of_deleted_sections)
{
	struct ndshm_section_delete_args request = section_delete_request(NDSHM_DELETE_REVOKE, -1);
	int section = test_new_section(self->fd, self->adapter, HUGE, HUGE), other;
	int holder = test_attach(section);
	void *map = test_map_section(section, HUGE);

	EXPECT_EQ(1, used(self, 0));
	EXPECT_EQ(HUGE, used(self, 2));
	test_section_delete(section, &request);
	EXPECT_EQ(0, used(self, 0));
	EXPECT_EQ(0, used(self, 2));
	/* One that is mapped counts as long as its memory exists. */
	other = test_new_section(self->fd, self->adapter, HUGE, HUGE);
	munmap(map, HUGE);
	map = test_map_section(other, HUGE);
	request = section_delete_request(0, -1);
	test_section_delete(other, &request);
	EXPECT_EQ(1, used(self, 0));
	munmap(map, HUGE);
	EXPECT_TRUE(ndshm_soon(!used(self, 0)));
	EXPECT_EQ(0, used(self, 2));
	close(other);
	close(holder);
	close(section);
	EXPECT_EQ(0, used(self, 0));
	EXPECT_EQ(0, used(self, 2));
}

/* A user's limit must not affect other users. */
TEST_F(quota, users_apart)
{
	pid_t child;
	int peer;

	ASSERT_EQ(0, set_limit(&self->nl, NDSHM_USER_A, BYTES, self->page));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		struct ndshm_block_info block;
		struct ndshm_block_alloc_args alloc =
			block_alloc_request(self->adapter, 1, &block);

		ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
		test_new_block(self->fd, self->adapter, 1);
		test_err_block_alloc(EDQUOT, NDSHM_REASON_BYTE_QUOTA, self->fd,
				     &alloc);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	test_new_block(self->fd, self->adapter, 16 * self->page);
}

/* Operations with a descriptor also count for its opener, independent of the caller. */
TEST_F(quota, of_the_opener)
{
	struct ndshm_section_create_args create[3];
	struct ndshm_nl_quota opener, user;
	int fd, i;

	ASSERT_EQ(0, set_limit(&self->nl, NDSHM_USER_A, SECTIONS, 2));
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RESOURCE, false));
	ASSERT_EQ(0, setresuid(NDSHM_USER_A, 0, 0));
	fd = ndshm_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, setresuid(NDSHM_USER_B, 0, 0));
	for (i = 0; i < 3; i++)
		create[i] = section_create_request(self->adapter, HUGE, 0);
	test_section_create(fd, &create[0]);
	test_section_create(fd, &create[1]);
	test_err_section_create(EDQUOT, NDSHM_REASON_SECTION_QUOTA, fd,
				&create[2]);
	ASSERT_EQ(0, setresuid(0, 0, 0));
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RESOURCE, true));
	ASSERT_EQ(0, ndshm_nl_quota(&self->nl, NDSHM_USER_A, &opener));
	ASSERT_EQ(0, ndshm_nl_quota(&self->nl, NDSHM_USER_B, &user));
	EXPECT_EQ(2, opener.amounts[0]);
	EXPECT_EQ(2, user.amounts[0]);
	EXPECT_EQ(2 * HUGE, opener.amounts[2]);
	close(create[0].out_section);
	close(create[1].out_section);
	close(fd);
	ASSERT_EQ(0, ndshm_nl_quota(&self->nl, NDSHM_USER_A, &opener));
	ASSERT_EQ(0, ndshm_nl_quota(&self->nl, NDSHM_USER_B, &user));
	EXPECT_EQ(0, opener.amounts[0]);
	EXPECT_EQ(0, user.amounts[0]);
}

TEST_F(quota, of_clients)
{
	struct ndshm_nl_quota now;
	int more;

	ASSERT_EQ(0, ndshm_nl_quota(&self->nl, getuid(), &now));
	EXPECT_LE(1, now.amounts[5]);
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RESOURCE, false));
	ASSERT_EQ(0, set_limit(&self->nl, getuid(), CLIENTS,
			       now.amounts[5] + 1));
	more = ndshm_open();
	ASSERT_LE(0, more);
	EXPECT_EQ(-1, open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC));
	EXPECT_EQ(EDQUOT, errno);
	close(more);
	more = ndshm_open();
	EXPECT_LE(0, more);
	close(more);
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RESOURCE, true));
}

/* Results of the processes, in shared memory. */
struct takes {
	unsigned int good;
	unsigned int refused;
};

/* Allocate and free until killed; return at any other answer. */
static void take(struct _test_data_quota *self, struct takes *takes)
{
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_free_args request;
	struct ndshm_block_info block;

	for (;;) {
		alloc = block_alloc_request(self->adapter, 2 * self->page,
					    &block);
		if (_test_block_alloc(self->fd, &alloc)) {
			if (alloc.reason != NDSHM_REASON_BYTE_QUOTA)
				return;
			__atomic_add_fetch(&takes->refused, 1, __ATOMIC_RELAXED);
			continue;
		}
		__atomic_add_fetch(&takes->good, 1, __ATOMIC_RELAXED);
		request = block_free_request(block.handle);
		if (_test_block_free(self->fd, &request))
			return;
	}
}

static bool takes_seen(const struct takes *takes)
{
	return __atomic_load_n(&takes->good, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&takes->refused, __ATOMIC_RELAXED);
}

/*
 * Several processes allocate as much as possible while the limit changes. The
 * charge must never exceed the highest limit, and must be 0 in the end.
 */
TEST_F(quota, race)
{
	enum { TAKERS = 3 };
	struct takes *takes = mmap(NULL, sizeof(*takes), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int round, i, rounds = ndshm_rounds(2000, 200);
	pid_t children[TAKERS];
	struct ndshm_nl_quota now;
	int peers[TAKERS];

	ASSERT_NE(MAP_FAILED, takes);
	ASSERT_EQ(0, set_limit(&self->nl, NDSHM_USER_A, BYTES, 4 * self->page));
	for (i = 0; i < TAKERS; i++) {
		children[i] = ndshm_fork(&peers[i]);
		ASSERT_LE(0, children[i]);
		if (!children[i]) {
			if (!ndshm_become(NDSHM_USER_A))
				_exit(1);
			ndshm_signal_peer(peers[i]);
			take(self, takes);
			_exit(1);
		}
		EXPECT_TRUE(ndshm_hear(peers[i]));
	}
	for (round = 0; round < rounds || (!takes_seen(takes) && round < 100 * rounds); round++) {
		ASSERT_EQ(0, set_limit(&self->nl, NDSHM_USER_A, BYTES,
				       round % 5 * self->page));
		ASSERT_EQ(0, ndshm_nl_quota(&self->nl, NDSHM_USER_A, &now));
		EXPECT_GE(4 * self->page, now.amounts[3]);
	}
	for (i = 0; i < TAKERS; i++) {
		EXPECT_EQ(0, waitpid(children[i], NULL, WNOHANG));
		EXPECT_EQ(0, kill(children[i], SIGKILL));
		EXPECT_EQ(children[i], waitpid(children[i], NULL, 0));
		close(peers[i]);
	}
	EXPECT_LT(0, takes->good);
	EXPECT_LT(0, takes->refused);
	munmap(takes, sizeof(*takes));
	close(self->fd);
	self->fd = ndshm_open();
	ASSERT_EQ(0, ndshm_nl_quota(&self->nl, NDSHM_USER_A, &now));
	EXPECT_EQ(0, now.amounts[3]);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
