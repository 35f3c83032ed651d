// SPDX-License-Identifier: GPL-2.0
/*
 * Charges against RLIMIT_MEMLOCK of the user and against the memory cgroup.
 *
 * A test's user has opened the client with a small limit, and has no capability.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <linux/capability.h>

#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

#define LIMIT_PAGES	16

FIXTURE(account) {
	int fd;
	__u32 adapter;
	size_t page;
	struct ndshm_get_info_args info;
	struct ndshm_block_info block;
};

FIXTURE_SETUP(account)
{
	if (geteuid())
		SKIP(return, "only root can become other users");
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	self->info = get_info_request();
	test_get_info(self->fd, &self->info);
	self->adapter = self->info.out_default_adapter;
	self->page = page_size();
}

FIXTURE_TEARDOWN(account)
{
	close(self->fd);
}

/* Become user A, with a client under a small limit; irreversible for this process. */
static bool become_limited(struct _test_data_account *self)
{
	close(self->fd);
	self->fd = ndshm_open_as(NDSHM_USER_A, LIMIT_PAGES * self->page);
	return self->fd >= 0 && ndshm_become(NDSHM_USER_A);
}

TEST_F(account, exact)
{
	static const unsigned int pages[] = { 1, 2, 3, 5 };
	__u64 before, charged = 0;
	unsigned int i;

	ASSERT_TRUE(become_limited(self));
	before = ndshm_locked(self->fd);
	EXPECT_EQ(0, before);
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		self->block = test_new_block(self->fd, self->adapter,
					     pages[i] * self->page);
		EXPECT_TRUE(self->block.flags & NDSHM_BLOCK_CHARGED);
		/* The charge must be exactly the size that the block consumes. */
		charged += self->block.consumed;
		EXPECT_EQ(before + charged, ndshm_locked(self->fd));
	}
	test_free_handle(self->fd, self->block.handle);
	charged -= self->block.consumed;
	EXPECT_EQ(before + charged, ndshm_locked(self->fd));
	close(self->fd);
	self->fd = -1;
}

/* A mapping keeps the memory, and so the charge, after the handle is freed. */
TEST_F(account, until_unmapped)
{
	void *map;

	ASSERT_TRUE(become_limited(self));
	self->block = test_new_block(self->fd, self->adapter, 2 * self->page);
	map = test_map_block(self->fd, &self->block);
	test_free_handle(self->fd, self->block.handle);
	EXPECT_EQ(self->block.consumed, ndshm_locked(self->fd));
	EXPECT_EQ(0, munmap(map, self->block.length));
	EXPECT_TRUE(ndshm_soon(ndshm_locked(self->fd) == 0));
}

TEST_F(account, limit)
{
	struct ndshm_block_info blocks[LIMIT_PAGES], extra[4];
	struct ndshm_block_alloc_args alloc;
	unsigned int i;

	ASSERT_TRUE(become_limited(self));
	for (i = 0; i < LIMIT_PAGES; i++)
		blocks[i] = test_new_block(self->fd, self->adapter, 1);
	EXPECT_EQ(LIMIT_PAGES * self->page, ndshm_locked(self->fd));
	alloc = block_alloc_request(self->adapter, 1, extra);
	test_err_block_alloc(ENOMEM, NDSHM_REASON_MEMLOCK, self->fd, &alloc);

	/* Three blocks fit, four do not: a batch must not allocate only a part. */
	for (i = 0; i < 3; i++)
		test_free_handle(self->fd, blocks[i].handle);
	alloc.count = 4;
	test_err_block_alloc(ENOMEM, NDSHM_REASON_MEMLOCK, self->fd, &alloc);
	alloc.count = 3;
	test_block_alloc(self->fd, &alloc);
	alloc.count = 1;
	test_err_block_alloc(ENOMEM, NDSHM_REASON_MEMLOCK, self->fd, &alloc);
}

/* Only whole pages of the limit count. */
TEST_F(account, nothing_allowed)
{
	const size_t limits[] = { 0, 1, self->page - 1, 2 * self->page - 1, RLIM_INFINITY };
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, 1,
							     &self->block);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		close(self->fd);
		self->fd = ndshm_open_as(NDSHM_USER_A, limits[i]);
		ASSERT_LE(0, self->fd);
		alloc.length = 1;
		if (i >= 3)
			test_block_alloc(self->fd, &alloc);
		else
			test_err_block_alloc(ENOMEM, NDSHM_REASON_MEMLOCK, self->fd, &alloc);
		alloc.length = 1 << 20;
		if (i == 4)
			test_block_alloc(self->fd, &alloc);
		else
			test_err_block_alloc(ENOMEM, NDSHM_REASON_MEMLOCK, self->fd, &alloc);
	}
}

/* A limit below the current charge refuses all further allocations. */
TEST_F(account, lower_limit)
{
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, 1,
							     &self->block);
	int lower = ndshm_open_as(NDSHM_USER_A, 4 * self->page);

	ASSERT_LE(0, lower);
	ASSERT_TRUE(become_limited(self));
	test_new_block(self->fd, self->adapter, 8 * self->page);
	test_err_block_alloc(ENOMEM, NDSHM_REASON_MEMLOCK, lower, &alloc);
	test_block_alloc(self->fd, &alloc);
	close(lower);
}

TEST_F(account, undone)
{
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, 1,
							     NULL);
	int i;

	ASSERT_TRUE(become_limited(self));
	for (i = 0; i < 2 * LIMIT_PAGES; i++)
		test_err_block_alloc(EFAULT, NDSHM_REASON_ADDRESS, self->fd,
				     &alloc);
	EXPECT_EQ(0, ndshm_locked(self->fd));
}

/* The charge is per user, not per client or process. */
TEST_F(account, of_the_user)
{
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, 1,
							     &self->block);
	int other = ndshm_open_as(NDSHM_USER_A, LIMIT_PAGES * self->page), peer;
	pid_t child;

	ASSERT_LE(0, other);
	ASSERT_TRUE(become_limited(self));
	test_new_block(self->fd, self->adapter, 8 * self->page);
	test_new_block(other, self->adapter, 4 * self->page);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		test_new_block(other, self->adapter, 4 * self->page);
		test_err_block_alloc(ENOMEM, NDSHM_REASON_MEMLOCK, other,
				     &alloc);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	test_err_block_alloc(ENOMEM, NDSHM_REASON_MEMLOCK, self->fd, &alloc);
	close(other);
	test_block_alloc(self->fd, &alloc);
}

/*
 * Start a process of user A, with a client and a block. Return it, with the block and a copy of the
 * client's descriptor in @self.
 */
static pid_t start_owner(struct __test_metadata *_metadata, struct _test_data_account *self,
			 int *peer)
{
	pid_t child = ndshm_fork(peer);

	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_TRUE(become_limited(self));
		self->block = test_new_block(self->fd, self->adapter, 4 * self->page);
		ASSERT_TRUE(ndshm_send_fd(*peer, self->fd));
		send(*peer, &self->block, sizeof(self->block), 0);
		ndshm_hear(*peer);
		_exit(0);
	}
	close(self->fd);
	self->fd = ndshm_receive_fd(*peer);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(sizeof(self->block), recv(*peer, &self->block, sizeof(self->block),
					    MSG_WAITALL));
	EXPECT_EQ(self->block.consumed, ndshm_locked_of(self->fd, NDSHM_USER_A));
	return child;
}

/* Freeing returns the charge to the opener of the client, not to the caller. */
TEST_F(account, freed_by_another)
{
	pid_t child;
	int peer;

	ASSERT_TRUE(ndshm_set_capability(CAP_IPC_LOCK, false));
	child = start_owner(_metadata, self, &peer);
	EXPECT_EQ(0, ndshm_locked(self->fd));
	test_free_handle(self->fd, self->block.handle);
	EXPECT_EQ(0, ndshm_locked(self->fd));
	EXPECT_EQ(0, ndshm_locked_of(self->fd, NDSHM_USER_A));
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

/* The charge outlives the user's last process. */
TEST_F(account, outlives_the_process)
{
	pid_t child;
	int peer;

	child = start_owner(_metadata, self, &peer);
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	EXPECT_EQ(self->block.consumed, ndshm_locked_of(self->fd, NDSHM_USER_A));
	test_free_handle(self->fd, self->block.handle);
	EXPECT_EQ(0, ndshm_locked_of(self->fd, NDSHM_USER_A));
	close(peer);
}

/* The opener is charged, under its limit, for what any other user does with the client. */
TEST_F(account, passed_client)
{
	struct ndshm_block_alloc_args alloc;
	pid_t child;
	int peer;

	child = start_owner(_metadata, self, &peer);
	ASSERT_TRUE(ndshm_become(NDSHM_USER_B));
	alloc = block_alloc_request(self->adapter, 16 * self->page, &self->block);
	test_err_block_alloc(ENOMEM, NDSHM_REASON_MEMLOCK, self->fd, &alloc);
	self->block = test_new_block(self->fd, self->adapter, 8 * self->page);
	EXPECT_TRUE(self->block.flags & NDSHM_BLOCK_CHARGED);
	test_new_block(self->fd, self->adapter, 4 * self->page);
	EXPECT_EQ(0, ndshm_locked(self->fd));
	alloc = block_alloc_request(self->adapter, 1, &self->block);
	test_err_block_alloc(ENOMEM, NDSHM_REASON_MEMLOCK, self->fd, &alloc);
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

/* exec() must not change charges while the descriptor stays open. */
TEST_F(account, exec)
{
	pid_t child;
	int peer;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_TRUE(become_limited(self));
		self->block = test_new_block(self->fd, self->adapter, self->page);
		fcntl(self->fd, F_SETFD, 0);
		dup2(peer, 0);
		dup2(peer, 1);
		execlp("cat", "cat", NULL);
		_exit(1);
	}
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_hear(peer));
	EXPECT_EQ(self->page, ndshm_locked_of(self->fd, NDSHM_USER_A));
	shutdown(peer, SHUT_WR);
	EXPECT_TRUE(ndshm_reap(child));
	EXPECT_EQ(0, ndshm_locked_of(self->fd, NDSHM_USER_A));
	close(peer);
}

TEST_F(account, killed)
{
	pid_t child;
	int peer;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_TRUE(become_limited(self));
		self->block = test_new_block(self->fd, self->adapter, self->page);
		test_map_block(self->fd, &self->block);
		test_new_block(self->fd, self->adapter, self->page);
		ndshm_signal_peer(peer);
		ndshm_hear(peer);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_hear(peer));
	EXPECT_EQ(2 * self->page, ndshm_locked_of(self->fd, NDSHM_USER_A));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	EXPECT_TRUE(ndshm_soon(ndshm_locked_of(self->fd, NDSHM_USER_A) == 0));
	close(peer);
}

/* CAP_IPC_LOCK of the opener exempts a block, whatever the caller has. */
TEST_F(account, exempt)
{
	struct ndshm_block_info free_of_charge, charged;
	__u64 before = ndshm_locked(self->fd);
	int without = ndshm_open_limited(before + self->page);

	ASSERT_LE(0, without);
	ASSERT_TRUE(ndshm_set_capability(CAP_IPC_LOCK, true));
	test_reopen_limited(self->fd, self->page);
	ASSERT_TRUE(ndshm_set_capability(CAP_IPC_LOCK, false));
	free_of_charge = test_new_block(self->fd, self->adapter, 8 * self->page);
	EXPECT_FALSE(free_of_charge.flags & NDSHM_BLOCK_CHARGED);
	EXPECT_EQ(before, ndshm_locked(self->fd));

	ASSERT_TRUE(ndshm_set_capability(CAP_IPC_LOCK, true));
	charged = test_new_block(without, self->adapter, 1);
	EXPECT_TRUE(charged.flags & NDSHM_BLOCK_CHARGED);
	EXPECT_EQ(before + self->page, ndshm_locked(self->fd));
	/* Freeing an exempt block must not reduce the charge. */
	test_free_handle(self->fd, free_of_charge.handle);
	EXPECT_EQ(before + self->page, ndshm_locked(self->fd));
	test_free_handle(without, charged.handle);
	EXPECT_EQ(before, ndshm_locked(self->fd));
	close(without);
}

/* What another user does with the client in a user namespace is charged to the opener, too. */
TEST_F(account, user_namespace)
{
	struct ndshm_block_alloc_args alloc;
	int peer, child_peer, status;
	pid_t child, owner;

	owner = start_owner(_metadata, self, &peer);
	child = ndshm_fork(&child_peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_TRUE(ndshm_become(NDSHM_USER_B));
		if (unshare(CLONE_NEWUSER))
			_exit(KSFT_SKIP);
		self->block = test_new_block(self->fd, self->adapter, 8 * self->page);
		EXPECT_TRUE(self->block.flags & NDSHM_BLOCK_CHARGED);
		EXPECT_EQ(0, ndshm_locked(self->fd));
		alloc = block_alloc_request(self->adapter, 8 * self->page, &self->block);
		test_err_block_alloc(ENOMEM, NDSHM_REASON_MEMLOCK, self->fd, &alloc);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == KSFT_SKIP)
		SKIP(return, "users may not make user namespaces");
	EXPECT_EQ(0, status);
	EXPECT_EQ(12 * self->page, ndshm_locked_of(self->fd, NDSHM_USER_A));
	test_free_handle(self->fd, self->block.handle);
	EXPECT_EQ(8 * self->page, ndshm_locked_of(self->fd, NDSHM_USER_A));
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(owner));
	close(child_peer);
	close(peer);
}

#define SUBORDINATES	20
#define FIRST_SUBORDINATE	1000000

/*
 * Allocate on one descriptor as one subordinate user after the other, and keep
 * the blocks. Return how many were allocated.
 */
static int take_under_many(struct _test_data_account *self, int fd)
{
	struct ndshm_block_alloc_args alloc;
	int taken = 0, i;

	for (i = 1; i <= SUBORDINATES; i++) {
		if (setresuid(i, 0, 0))
			return -1;
		alloc = block_alloc_request(self->adapter, self->page,
					    &self->block);
		while (taken < SUBORDINATES * LIMIT_PAGES &&
		       !_test_block_alloc(fd, &alloc))
			taken++;
	}
	return taken;
}

/*
 * Subordinate users of a user namespace must not have more budget in total than
 * the opener.
 */
TEST_F(account, subordinate_users)
{
	char path[64], map[64];
	int peer, taken = -1;
	pid_t child = ndshm_fork(&peer);

	ASSERT_LE(0, child);
	if (!child) {
		if (!become_limited(self) || unshare(CLONE_NEWUSER) ||
		    !ndshm_signal_peer(peer) || !ndshm_hear(peer))
			_exit(1);
		taken = take_under_many(self, self->fd);
		send(peer, &taken, sizeof(taken), 0);
		_exit(0);
	}
	ASSERT_TRUE(ndshm_hear(peer));
	snprintf(path, sizeof(path), "/proc/%d/uid_map", child);
	snprintf(map, sizeof(map), "0 %d 1\n1 %d %d", NDSHM_USER_A,
		 FIRST_SUBORDINATE, SUBORDINATES);
	ASSERT_EQ(0, ndshm_write_file(path, map));
	ASSERT_TRUE(ndshm_signal_peer(peer));
	ASSERT_EQ(sizeof(taken), recv(peer, &taken, sizeof(taken), MSG_WAITALL));
	EXPECT_EQ(LIMIT_PAGES, taken);
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

/*
 * Direct mapped memory is allocated in powers of two: 3 MiB consume 4 MiB, and
 * that is charged.
 */
TEST_F(account, consumed)
{
	close(self->fd);
	self->fd = ndshm_open_as(NDSHM_USER_A, 64 << 20);
	ASSERT_TRUE(self->fd >= 0 && ndshm_become(NDSHM_USER_A));
	self->block = test_new_block(self->fd, self->adapter, 3 << 20);
	EXPECT_TRUE(self->block.consumed == 3 << 20 ||
		    self->block.consumed == 4 << 20);
	EXPECT_EQ(self->block.consumed, ndshm_locked(self->fd));
	EXPECT_EQ(self->block.consumed, test_state(self->fd).bytes);
}

/*
 * Threads at the limit
 */

#define RACERS	8
#define ROUNDS	300

struct race {
	struct _test_data_account *self;
	pthread_barrier_t barrier;
	unsigned int made;
	bool exceeded;
	bool failed;
};

static void *take_and_give(void *context)
{
	struct race *race = context;
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_free_args request;
	int fd = race->self->fd, round;

	for (round = 0; round < ROUNDS; round++) {
		alloc = block_alloc_request(race->self->adapter,
					    3 * race->self->page, &block);
		if (_test_block_alloc(fd, &alloc)) {
			race->failed |= alloc.reason != NDSHM_REASON_MEMLOCK;
			continue;
		}
		__atomic_add_fetch(&race->made, 1, __ATOMIC_RELAXED);
		race->exceeded |= ndshm_locked(fd) > LIMIT_PAGES * race->self->page;
		request = block_free_request(block.handle);
		race->failed |= _test_block_free(fd, &request) != 0;
	}
	return NULL;
}

static void *take_all(void *context)
{
	struct race *race = context;
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc;

	pthread_barrier_wait(&race->barrier);
	for (;;) {
		alloc = block_alloc_request(race->self->adapter, 1, &block);
		if (_test_block_alloc(race->self->fd, &alloc))
			break;
		__atomic_add_fetch(&race->made, 1, __ATOMIC_RELAXED);
	}
	race->failed |= alloc.reason != NDSHM_REASON_MEMLOCK;
	return NULL;
}

static bool run_race(struct race *race, void *(*racer)(void *))
{
	pthread_t threads[RACERS];
	int i;

	if (pthread_barrier_init(&race->barrier, NULL, RACERS))
		return false;
	for (i = 0; i < RACERS; i++)
		if (pthread_create(&threads[i], NULL, racer, race))
			return false;
	for (i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	return true;
}

TEST_F(account, racing_for_the_last_page)
{
	struct race race = { .self = self };

	ASSERT_TRUE(become_limited(self));
	ASSERT_TRUE(run_race(&race, take_all));
	EXPECT_FALSE(race.failed);
	/* Together the threads must reach the limit exactly. */
	EXPECT_EQ(LIMIT_PAGES, race.made);
	EXPECT_EQ(LIMIT_PAGES * self->page, ndshm_locked(self->fd));
}

TEST_F(account, racing_at_the_limit)
{
	struct race race = { .self = self };

	ASSERT_TRUE(become_limited(self));
	ASSERT_TRUE(run_race(&race, take_and_give));
	EXPECT_FALSE(race.failed);
	EXPECT_FALSE(race.exceeded);
	EXPECT_LT(0, race.made);
	EXPECT_EQ(0, ndshm_locked(self->fd));
	EXPECT_EQ(0, test_state(self->fd).bytes);
}

/*
 * Information shown to unprivileged users
 */

/* By default only root can open the device node. */
TEST_F(account, node_mode)
{
	struct stat node;
	int peer;
	pid_t child;

	ASSERT_EQ(0, stat(NDSHM_DEVICE, &node));
	EXPECT_EQ(0, node.st_mode & 0007);
	EXPECT_EQ(0, node.st_uid);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
		test_errno(EACCES, self->fd, ndshm_open());
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
}

/*
 * DMA addresses are shown to clients that were opened with CAP_SYS_RAWIO, and
 * for isolated adapters.
 */
TEST_F(account, hidden_addresses)
{
	struct ndshm_segment segment = { .address = 1 };
	struct ndshm_nl_adapter adapter;
	struct ndshm_block_query_args query;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_nl nl;
	int fd;

	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&nl, self->adapter, &adapter));
	ndshm_nl_close(&nl);
	/*
	 * The opener's capability decides, not the caller's: root opened this
	 * client.
	 */
	self->block = test_new_block(self->fd, self->adapter, 1);
	EXPECT_NE(NDSHM_ADDRESS_HIDDEN, self->block.address);

	/*
	 * A capability gained later must not change a client that was opened
	 * without it.
	 */
	fd = test_open_without(CAP_SYS_RAWIO);
	alloc = block_alloc_request(self->adapter, 1, &self->block);
	alloc.segment_capacity = 1;
	alloc.segments = to_u64(&segment);
	test_block_alloc(fd, &alloc);
	query = block_query_request(self->block.handle);
	test_block_query(fd, &query);
	EXPECT_EQ(!!adapter.isolation,
		  self->block.address == NDSHM_ADDRESS_HIDDEN);
	EXPECT_EQ(!!adapter.isolation, segment.address == NDSHM_ADDRESS_HIDDEN);
	EXPECT_EQ(self->block.address, query.out_block.address);

	close(fd);
}

/*
 * The memory cgroup
 */

#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP_LIMIT	(32 << 20)
#define CHUNK		(1024 * 1024)

FIXTURE(cgroup) {
	int fd;
	__u32 adapter;
	__u32 pages;		/* memory of others may be of an area that is not charged */
	char path[64];
};

static int cgroup_write(struct _test_data_cgroup *self, const char *file,
			const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", self->path, file);
	return ndshm_write_file(path, text);
}

static long long cgroup_number(struct _test_data_cgroup *self, const char *file,
			       const char *key)
{
	char path[128], text[1024], *at;

	snprintf(path, sizeof(path), "%s/%s", self->path, file);
	if (ndshm_read_file(path, text, sizeof(text)))
		return -1;
	at = key ? strstr(text, key) : text;
	return at ? atoll(at + (key ? strlen(key) : 0)) : -1;
}

FIXTURE_SETUP(cgroup)
{
	struct ndshm_get_info_args info = get_info_request();
	char number[32];

	if (geteuid())
		SKIP(return, "only root can make a cgroup");
	snprintf(self->path, sizeof(self->path), CGROUPS "/ndshm-test-%d",
		 getpid());
	ndshm_write_file(CGROUPS "/cgroup.subtree_control", "+memory");
	if (mkdir(self->path, 0755))
		SKIP(return, "no cgroup v2 at " CGROUPS);
	snprintf(number, sizeof(number), "%d", CGROUP_LIMIT);
	if (cgroup_write(self, "memory.max", number)) {
		rmdir(self->path);
		SKIP(return, "no memory controller");
	}
	cgroup_write(self, "memory.swap.max", "0");

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	ASSERT_EQ(0, ndshm_nl_provider_id("pages", &self->pages));
}

FIXTURE_TEARDOWN(cgroup)
{
	close(self->fd);
	/*
	 * The child has been reaped, but its zombie may keep the cgroup busy
	 * for a moment.
	 */
	EXPECT_TRUE(ndshm_soon(!rmdir(self->path)));
}

/* Allocate in the cgroup until an allocation fails. Return the number of blocks. */
static unsigned int take_chunks(struct _test_data_cgroup *self,
				struct ndshm_block_alloc_args *alloc)
{
	struct ndshm_block_info block;
	unsigned int count;

	for (count = 0; count < 4 * CGROUP_LIMIT / CHUNK; count++) {
		*alloc = block_alloc_request(self->adapter, CHUNK, &block);
		alloc->provider = self->pages;
		if (_test_block_alloc(self->fd, alloc))
			break;
	}
	return count;
}

/*
 * Reaching the limit must be an error and not an OOM kill. The memory is
 * charged to the cgroup.
 */
TEST_F(cgroup, limit)
{
	struct ndshm_block_alloc_args alloc;
	unsigned int count;
	long long before;
	int peer, error;
	pid_t child;

	before = cgroup_number(self, "memory.current", NULL);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_EQ(0, cgroup_write(self, "cgroup.procs", "0"));
		count = take_chunks(self, &alloc);
		error = errno;
		EXPECT_GE(CGROUP_LIMIT / CHUNK, count);
		EXPECT_LT(CGROUP_LIMIT / CHUNK / 2, count);
		EXPECT_EQ(ENOMEM, error);
		EXPECT_EQ(NDSHM_STATUS_RESOURCES, alloc.status);
		EXPECT_TRUE(alloc.reason == NDSHM_REASON_PROVIDER_RESOURCES ||
			    alloc.reason == NDSHM_REASON_MEMORY);
		EXPECT_LE((long long)count * CHUNK,
			  cgroup_number(self, "memory.current", NULL));
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	EXPECT_EQ(0, cgroup_number(self, "memory.events", "oom_kill "));
	/* The parent still has the client open, so the memory must stay charged. */
	EXPECT_LT(CGROUP_LIMIT / 2,
		  cgroup_number(self, "memory.current", NULL));
	close(self->fd);
	EXPECT_TRUE(ndshm_soon(cgroup_number(self, "memory.current", NULL) <
			       before + CHUNK))
		TH_LOG("%lld before, %lld after", before,
		       cgroup_number(self, "memory.current", NULL));
	self->fd = ndshm_open();
	close(peer);
}

/* Pages that are pinned when their block is freed are charged to the cgroup, not to the user. */
TEST_F(cgroup, pinned)
{
	const long long most = 2 * CHUNK;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;
	long long before;
	int ends[2], peer;
	__u64 locked;
	pid_t child;
	void *map;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_EQ(0, cgroup_write(self, "cgroup.procs", "0"));
		ASSERT_EQ(0, pipe(ends));
		locked = ndshm_locked(self->fd);
		before = cgroup_number(self, "memory.current", NULL);
		alloc = block_alloc_request(self->adapter, most, &block);
		alloc.provider = self->pages;
		/* One piece, which the pin keeps as a whole. */
		alloc.flags = NDSHM_ALLOC_CONTIGUOUS;
		test_block_alloc(self->fd, &alloc);
		map = test_map_block(self->fd, &block);
		ASSERT_TRUE(ndshm_put_into_pipe(ends[1], map, 1));
		EXPECT_EQ(0, munmap(map, block.length));
		test_free_handle(self->fd, block.handle);
		EXPECT_EQ(locked, ndshm_locked(self->fd));
		EXPECT_LT(before + most / 2, cgroup_number(self, "memory.current", NULL));
		close(ends[0]);
		close(ends[1]);
		EXPECT_TRUE(ndshm_soon(cgroup_number(self, "memory.current", NULL) <
				       before + most / 2));
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

/* A process that makes the section of another one grow is charged in its own cgroup. */
TEST_F(cgroup, growth)
{
	struct ndshm_section_attach_args attach = section_attach_request(0);
	const long long most = 4 * CHUNK;
	long long before;
	int peer, section;
	pid_t child;

	section = test_new_section(self->fd, self->adapter, 2 * most, 0);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ASSERT_EQ(0, cgroup_write(self, "cgroup.procs", "0"));
		before = cgroup_number(self, "memory.current", NULL);
		test_section_attach(section, &attach);
		test_extent(attach.out_holder, most);
		EXPECT_LE(before + most, cgroup_number(self, "memory.current", NULL));
		_exit(0);
	}
	EXPECT_TRUE(ndshm_reap(child));
	close(section);
	close(peer);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
