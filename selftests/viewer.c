// SPDX-License-Identifier: GPL-2.0
/*
 * Information about other users: the objects that a dump shows depend on its
 * requester, and neither ids nor counters reveal activity of other users.
 */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

#define DUMP_SEQ	0xd00d
#define ROUNDS		256
#define ROUNDS_KILLED	7

FIXTURE(viewer) {
	int fd;
	__u32 adapter;
	struct ndshm_block_info block;
	struct ndshm_nl nl;
};

FIXTURE_SETUP(viewer)
{
	struct ndshm_get_info_args info = get_info_request();

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	self->block = test_new_block(self->fd, self->adapter, 1);
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
}

FIXTURE_TEARDOWN(viewer)
{
	ndshm_nl_close(&self->nl);
	close(self->fd);
}

/* Like a set-user-ID program: the saved uid stays 0. */
static bool act_as(uid_t uid)
{
	return !setresuid(uid, uid, 0);
}

/* As a program does that changes only one of its user ids. */
static bool act_as_two(uid_t real, uid_t effective)
{
	return act_as(0) && !setresuid(real, effective, 0);
}

/* With an address, which keeps netlink_capable() from asking the opener. */
static bool send_to_kernel(const struct ndshm_nl *nl,
			   const struct ndshm_nl_request *request)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	return sendto(nl->fd, request, request->header.nlmsg_len, 0,
		      (const void *)&kernel, sizeof(kernel)) > 0;
}

/*
 * Request a dump whose first part is made at the first read: the receive buffer
 * is full of unread answers at the request.
 */
static bool request_dump(struct ndshm_nl *nl, __u8 cmd)
{
	struct ndshm_nl_request request;
	int i, size = 1;

	setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	ndshm_nl_begin(&request, nl->family, 255, NLM_F_ACK);
	for (i = 0; i < 100; i++)
		if (!send_to_kernel(nl, &request))
			return false;
	ndshm_nl_begin(&request, nl->family, cmd, NLM_F_DUMP);
	request.header.nlmsg_seq = DUMP_SEQ;
	return send_to_kernel(nl, &request);
}

/*
 * Return the number of objects in the dump, and the last one in @block.
 * Negative: the dump did not end.
 */
static int read_dump(struct ndshm_nl *nl, struct ndshm_nl_block *block)
{
	const struct timeval limit = { .tv_sec = 10 };
	static __u64 buffer[8192];
	const struct nlmsghdr *message;
	int count = 0;
	size_t left;
	ssize_t got;

	setsockopt(nl->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	for (;;) {
		got = recv(nl->fd, buffer, sizeof(buffer), 0);
		/* ENOBUFS: some of the answers did not fit. */
		if (got < 0 && errno == ENOBUFS)
			continue;
		if (got <= 0)
			return -1;
		left = got;
		for (message = (void *)buffer; NLMSG_OK(message, left);
		     message = NLMSG_NEXT(message, left)) {
			if (message->nlmsg_seq != DUMP_SEQ ||
			    message->nlmsg_type == NLMSG_ERROR)
				continue;
			if (message->nlmsg_type == NLMSG_DONE)
				return count;
			count++;
			ndshm_nl_decode(message, NDSHM_NL_BLOCK, block);
		}
	}
}

/*
 * A set-user-ID program that reads from its caller's socket gets the caller's
 * objects only.
 */
TEST_F(viewer, dump_read_by_root)
{
	struct ndshm_nl_block shown = {};
	struct ndshm_block_info own;
	struct ndshm_nl nl;
	int fd;

	if (geteuid())
		SKIP(return, "only root can become other users");
	fd = ndshm_open_as(NDSHM_USER_A, RLIM_INFINITY);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(act_as(NDSHM_USER_A));
	own = test_new_block(fd, self->adapter, 1);
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_TRUE(request_dump(&nl, NDSHM_CMD_BLOCK_GET));
	ASSERT_TRUE(act_as(0));
	EXPECT_EQ(1, read_dump(&nl, &shown));
	EXPECT_EQ(own.shared_memory_handle, shown.id);
	EXPECT_EQ(NDSHM_USER_A, shown.uid);
	ndshm_nl_close(&nl);
	close(fd);
}

/*
 * A privileged sender must not raise the permissions of a socket that an
 * unprivileged user opened.
 */
TEST_F(viewer, request_sent_by_root)
{
	struct ndshm_nl_block one;
	struct ndshm_nl nl;

	if (geteuid())
		SKIP(return, "only root can become other users");
	ASSERT_TRUE(act_as(NDSHM_USER_A));
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_TRUE(act_as(0));
	EXPECT_EQ(-ENOENT,
		  ndshm_nl_block_by_id(&nl, self->block.shared_memory_handle,
				       &one));
	EXPECT_EQ(0, ndshm_nl_blocks(&nl, &one, 1));
	/* Likewise with an address. */
	ASSERT_TRUE(request_dump(&nl, NDSHM_CMD_BLOCK_GET));
	EXPECT_EQ(0, read_dump(&nl, &one));
	ndshm_nl_close(&nl);
}

/* Objects are those of the effective user, and so are dumps. */
TEST_F(viewer, effective_user)
{
	struct ndshm_nl_block shown = {};
	struct ndshm_section_create_args create;
	struct ndshm_block_info own;
	struct ndshm_nl nl;
	int fd;

	if (geteuid())
		SKIP(return, "only root can become other users");
	fd = ndshm_open_as_two(NDSHM_USER_A, NDSHM_USER_B, RLIM_INFINITY);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(act_as_two(NDSHM_USER_A, NDSHM_USER_B));
	own = test_new_block(fd, self->adapter, 1);
	create = section_create_request(self->adapter, 1, 0);
	test_section_create(fd, &create);
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_TRUE(request_dump(&nl, NDSHM_CMD_BLOCK_GET));
	EXPECT_EQ(1, read_dump(&nl, &shown));
	EXPECT_EQ(own.shared_memory_handle, shown.id);
	EXPECT_EQ(NDSHM_USER_B, shown.uid);
	ASSERT_TRUE(request_dump(&nl, NDSHM_CMD_SECTION_GET));
	EXPECT_EQ(1, read_dump(&nl, &shown));
	ndshm_nl_close(&nl);
	/* The other way round it is another user. */
	ASSERT_TRUE(act_as_two(NDSHM_USER_B, NDSHM_USER_A));
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_TRUE(request_dump(&nl, NDSHM_CMD_BLOCK_GET));
	EXPECT_EQ(0, read_dump(&nl, &shown));
	ASSERT_TRUE(request_dump(&nl, NDSHM_CMD_SECTION_GET));
	EXPECT_EQ(0, read_dump(&nl, &shown));
	ndshm_nl_close(&nl);
	ASSERT_TRUE(act_as(0));
	close(create.out_section);
	close(fd);
}

/* Processes have the numbers that the requester knows them by. */
TEST_F(viewer, dump_read_in_another_pid_namespace)
{
	struct ndshm_nl_block shown = {};
	pid_t child;
	int peer;

	if (geteuid())
		SKIP(return, "only root can make a process namespace");
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		if (unshare(CLONE_NEWPID))
			_exit(1);
		child = fork();
		if (child)
			_exit(!ndshm_reap(child));
		_exit(!request_dump(&self->nl, NDSHM_CMD_BLOCK_GET));
	}
	ASSERT_TRUE(ndshm_reap(child));
	EXPECT_EQ(1, read_dump(&self->nl, &shown));
	EXPECT_EQ(self->block.shared_memory_handle, shown.id);
	EXPECT_EQ(0, shown.pid);
	close(peer);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static int compare_double(const void *left, const void *right)
{
	const double a = *(const double *)left, b = *(const double *)right;

	return a < b ? -1 : a > b;
}

/*
 * A dump that visits many objects without showing any must end when its reader
 * is killed.
 */
TEST_F_TIMEOUT(viewer, dump_is_killed, 300)
{
	static struct ndshm_block_info batch[64];
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, 1, batch);
	unsigned int blocks = ndshm_rounds(30000, 20000);
	double start, whole, wholes[ROUNDS_KILLED], ends[ROUNDS_KILLED];
	int round, peer;
	pid_t child;

	if (geteuid())
		SKIP(return, "only root can become other users");
	alloc.count = ARRAY_SIZE(batch);
	for (; blocks >= ARRAY_SIZE(batch); blocks -= ARRAY_SIZE(batch))
		test_block_alloc(self->fd, &alloc);
	for (round = 0; round < ROUNDS_KILLED; round++) {
		child = ndshm_fork(&peer);
		ASSERT_LE(0, child);
		if (!child) {
			struct ndshm_nl nl;

			if (!ndshm_become(NDSHM_USER_A) || ndshm_nl_open(&nl))
				_exit(1);
			start = now();
			if (ndshm_nl_blocks(&nl, NULL, 0))
				_exit(1);
			whole = now() - start;
			send(peer, &whole, sizeof(whole), 0);
			for (;;)
				ndshm_nl_blocks(&nl, NULL, 0);
		}
		ASSERT_EQ(sizeof(whole), recv(peer, &whole, sizeof(whole),
					      MSG_WAITALL));
		wholes[round] = whole;
		/* Kill at a different point of the dump each time. */
		usleep(whole * 1e6 * round / ROUNDS_KILLED);
		start = now();
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, NULL, 0));
		ends[round] = now() - start;
		close(peer);
	}
	qsort(ends, ROUNDS_KILLED, sizeof(*ends), compare_double);
	qsort(wholes, ROUNDS_KILLED, sizeof(*wholes), compare_double);
	whole = wholes[ROUNDS_KILLED / 2];
	TH_LOG("a dump takes %.1f ms, the end of a killed reader %.1f ms",
	       whole * 1e3, ends[ROUNDS_KILLED / 2] * 1e3);
	/* With a reader that ends after its dump, the median is four sevenths of a dump. */
	EXPECT_GT(whole * 1e6 / 2, ends[ROUNDS_KILLED / 2] * 1e6);
}

/* The number of others' blocks is visible to administrators only. */
TEST_F(viewer, provider_blocks)
{
	const __u32 counted = 1U << NDSHM_A_PROVIDER_BLOCKS;
	struct ndshm_nl_provider all[16], one;
	struct ndshm_nl nl;
	int i, count;

	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "coherent", &one));
	if (geteuid())
		SKIP(return, "only root can become other users");
	EXPECT_NE(0, one.present & counted);
	ASSERT_TRUE(act_as(NDSHM_USER_A));
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&nl, "coherent", &one));
	EXPECT_EQ(0, one.present & counted);
	count = ndshm_nl_providers(&nl, all, ARRAY_SIZE(all));
	ASSERT_LT(0, count);
	for (i = 0; i < count && i < (int)ARRAY_SIZE(all); i++)
		EXPECT_EQ(0, all[i].present & counted);
	ASSERT_TRUE(act_as(0));
	ndshm_nl_close(&nl);
}

/* Create an object, return its id, and end it. */
typedef __u32 (*make_fn)(struct __test_metadata *_metadata, int fd,
			 __u32 adapter);

static __u32 make_block(struct __test_metadata *_metadata, int fd,
			__u32 adapter)
{
	struct ndshm_block_info block = test_new_block(fd, adapter, 1);

	test_free_handle(fd, block.handle);
	return block.shared_memory_handle;
}

static __u32 make_section(struct __test_metadata *_metadata, int fd,
			  __u32 adapter)
{
	const int section = test_new_section(fd, adapter, page_size(), 0);
	struct ndshm_section_query_args query = section_query_request();

	EXPECT_EQ(0, _test_section_query(section, &query));
	close(section);
	return query.out_id;
}

static int compare_u32(const void *left, const void *right)
{
	const __u32 a = *(const __u32 *)left, b = *(const __u32 *)right;

	return a < b ? -1 : a > b;
}

/* The number of different values. */
static int distinct(__u32 *values, int count)
{
	int i, found = 1;

	qsort(values, count, sizeof(*values), compare_u32);
	for (i = 1; i < count; i++)
		found += values[i] != values[i - 1];
	return found;
}

/*
 * Between two objects of this client another client creates none or three. If
 * ids came from a counter, or from a linear function of one, the difference of
 * the two ids would have one of two values. Here all differences must differ,
 * and only few may be small.
 */
static void ids_reveal_nothing(struct __test_metadata *_metadata, int fd,
			       __u32 adapter, make_fn make)
{
	__u32 first, second, difference[ROUNDS], exclusive[ROUNDS];
	int i, j, near = 0, rising = 0, other = ndshm_open();

	ASSERT_LE(0, other);
	for (i = 0; i < ROUNDS; i++) {
		first = make(_metadata, fd, adapter);
		for (j = 0; j < 3 * (i & 1); j++)
			make(_metadata, other, adapter);
		second = make(_metadata, fd, adapter);
		EXPECT_NE(0, first);
		EXPECT_NE(0, second);
		difference[i] = second - first;
		exclusive[i] = second ^ first;
		near += difference[i] < 1U << 24 || -difference[i] < 1U << 24;
		rising += second > first;
	}
	close(other);
	EXPECT_LT(ROUNDS - 3, distinct(difference, ROUNDS));
	EXPECT_LT(ROUNDS - 3, distinct(exclusive, ROUNDS));
	/*
	 * Of 256 values two are expected to be near. Half are expected to rise,
	 * with a deviation of eight.
	 */
	EXPECT_GT(20, near);
	EXPECT_LT(ROUNDS / 2 - 64, rising);
	EXPECT_GT(ROUNDS / 2 + 64, rising);
}

TEST_F(viewer, block_ids)
{
	ids_reveal_nothing(_metadata, self->fd, self->adapter, make_block);
}

TEST_F(viewer, section_ids)
{
	ids_reveal_nothing(_metadata, self->fd, self->adapter, make_section);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
