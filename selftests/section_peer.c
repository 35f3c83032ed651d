// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks of a peer on the creator of a section: the peer is a process of
 * another user that received a descriptor.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <linux/capability.h>

#include "ndshm_clock.h"
#include "ndshm_nl.h"
#include "ndshm_probe.h"
#include "ndshm_section.h"

#define CGROUPS	"/sys/fs/cgroup"
#define HUGE	(2UL << 20)
#define MAX	(96 * HUGE)
#define LONG	(32 * HUGE)	/* length of an extent that takes a while to zero */

FIXTURE(peer) {
	int client;
	__u32 adapter;
	size_t page;
	int fd;
	int holder;
	unsigned char *map;
	char cgroup[64];
};

FIXTURE_SETUP(peer)
{
	struct ndshm_get_info_args info = get_info_request();

	if (geteuid())
		SKIP(return, "only root becomes somebody else");
	self->client = ndshm_open();
	ASSERT_LE(0, self->client);
	test_get_info(self->client, &info);
	self->adapter = info.out_default_adapter;
	self->page = page_size();
	self->fd = test_new_section(self->client, self->adapter, MAX, 0);
	self->holder = test_attach(self->fd);
	self->map = test_map_section(self->fd, MAX);
	snprintf(self->cgroup, sizeof(self->cgroup), CGROUPS "/ndshm-peer-%d",
		 getpid());
}

FIXTURE_TEARDOWN(peer)
{
	if (geteuid())
		return;
	munmap(self->map, MAX);
	close(self->holder);
	close(self->fd);
	close(self->client);
	if (!access(self->cgroup, F_OK))
		EXPECT_TRUE(ndshm_soon(!rmdir(self->cgroup)));
}

/* Make a cgroup whose processes get a hundredth of the CPU time. */
static bool make_slow_cgroup(const char *path)
{
	char file[128];

	ndshm_write_file(CGROUPS "/cgroup.subtree_control", "+cpu");
	if (mkdir(path, 0755))
		return false;
	snprintf(file, sizeof(file), "%s/cpu.max", path);
	return !ndshm_write_file(file, "1000 100000");
}

static bool enter_cgroup(const char *path)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	return !ndshm_write_file(file, "0");
}

static double now(void)
{
	return ndshm_clock_now().now / 1e9;
}

/* Allocate and free extents and touch them through mappings, in a loop. */
static void peer_work(struct _test_data_peer *self, int peer)
{
	struct ndshm_section_attach_args attach = section_attach_request(0);
	struct ndshm_extent_alloc_args more;
	struct ndshm_extent_free_args request;
	__u64 at;

	if (!enter_cgroup(self->cgroup) || !ndshm_become(NDSHM_USER_A) ||
	    _test_section_attach(self->fd, &attach))
		_exit(1);
	ndshm_signal_peer(peer);
	for (;;) {
		more = extent_alloc_request(LONG, 0);
		if (_test_extent_alloc(attach.out_holder, &more))
			continue;
		for (at = 0; at < LONG; at += HUGE)
			self->map[more.out_offset + at] = 1;
		madvise(self->map + more.out_offset, LONG, MADV_DONTNEED);
		request = extent_free_request(more.out_offset);
		_test_extent_free(attach.out_holder, &request);
	}
}

struct delays {
	double fault;
	double alloc;
	double grow;
};

static void longer(double *longest, struct ndshm_clock start)
{
	double took = (ndshm_clock_now().now - start.now) / 1e9;

	/* This takes longer than most of what is measured. */
	if (took > *longest)
		took = ndshm_clock_ran(start);
	if (took > *longest)
		*longest = took;
}

/*
 * Measure the creator's waits: for a page fault, for committed memory, and with
 * @grow for more memory.
 */
static void measure(struct __test_metadata *_metadata,
		    struct _test_data_peer *self, double seconds, bool grow,
		    struct delays *delays)
{
	__u64 mine = test_extent(self->holder, self->page), place;
	const double end = now() + seconds;
	struct ndshm_clock start;

	while (now() < end) {
		madvise(self->map + mine, self->page, MADV_DONTNEED);
		start = ndshm_clock_now();
		self->map[mine] = 1;
		longer(&delays->fault, start);
		start = ndshm_clock_now();
		place = test_extent(self->holder, self->page);
		longer(&delays->alloc, start);
		test_free_extent(self->holder, place);
		usleep(1000);
		if (!grow)
			continue;
		start = ndshm_clock_now();
		place = test_extent(self->holder, 8 * HUGE);
		longer(&delays->grow, start);
		test_free_extent(self->holder, place);
	}
	test_free_extent(self->holder, mine);
}

static void test_throttled(struct __test_metadata *_metadata,
			   struct _test_data_peer *self, bool grow)
{
	struct delays delays = {};
	pid_t children[2];
	int peers[2], i;

	for (i = 0; i < 2; i++) {
		children[i] = ndshm_fork(&peers[i]);
		ASSERT_LE(0, children[i]);
		if (!children[i])
			peer_work(self, peers[i]);
		EXPECT_TRUE(ndshm_hear(peers[i]));
	}
	measure(_metadata, self, 10, grow, &delays);
	TH_LOG("longest: fault %.1f ms, alloc %.1f ms, growth %.1f ms",
	       delays.fault * 1e3, delays.alloc * 1e3, delays.grow * 1e3);
	EXPECT_GT(0.5, delays.fault);
	EXPECT_GT(0.5, delays.alloc);
	EXPECT_GT(1.0, delays.grow);
	ndshm_case(true);
	for (i = 0; i < 2; i++) {
		EXPECT_TRUE(ndshm_end(children[i], peers[i], SIGKILL));
		EXPECT_FALSE(ndshm_reap(children[i]));
		close(peers[i]);
	}
}

/*
 * A peer that hardly ever runs must not hold anything that the creator waits
 * for. The bounds leave room for busy machines; with a lock held the peer's 64
 * MiB would take seconds. First during a growth for the peer,
 */
TEST_F_TIMEOUT(peer, throttled_growth, 240)
{
	if (!make_slow_cgroup(self->cgroup))
		SKIP(return, "no cgroup v2 with a cpu controller");
	test_throttled(_metadata, self, true);
}

/* then while the peer's extent is zeroed. */
TEST_F_TIMEOUT(peer, throttled_zeroing, 240)
{
	__u64 used;

	if (!make_slow_cgroup(self->cgroup))
		SKIP(return, "no cgroup v2 with a cpu controller");
	munmap(self->map, MAX);
	close(self->holder);
	close(self->fd);
	self->fd = test_new_section(self->client, self->adapter, MAX, MAX);
	self->holder = test_attach(self->fd);
	self->map = test_map_section(self->fd, MAX);
	/* Only memory that an extent had before is zeroed. */
	used = test_extent(self->holder, MAX);
	test_free_extent(self->holder, used);
	test_throttled(_metadata, self, false);
}

/*
 * Charges
 */

/*
 * Allocate some pages in each 2 MiB, so that none of these can be freed. Return
 * -1 if refused.
 */
static int take_single_pages(int fd, size_t page, unsigned int count)
{
	struct ndshm_section_attach_args attach = section_attach_request(0);

	if (_test_section_attach(fd, &attach))
		return -1;
	while (count--) {
		struct ndshm_extent_alloc_args more = extent_alloc_request(page, HUGE);

		if (_test_extent_alloc(attach.out_holder, &more))
			return -1;
	}
	return attach.out_holder;
}

/* Memory that a peer leaves or keeps in a section is charged to the creator. */
TEST_F(peer, creator_is_charged)
{
	__u64 before = ndshm_locked(self->client);
	pid_t children[2];
	int peers[2], i;

	for (i = 0; i < 2; i++) {
		children[i] = ndshm_fork(&peers[i]);
		ASSERT_LE(0, children[i]);
		if (!children[i]) {
			struct ndshm_section_attach_args attach =
				section_attach_request(0);
			struct ndshm_extent_alloc_args more;
			const struct rlimit none = {};
			bool good;

			/* The peer's own limits do not matter, only the creator's. */
			good = ndshm_hear(peers[i]) &&
			       !setrlimit(RLIMIT_MEMLOCK, &none) &&
			       ndshm_become(i ? NDSHM_USER_B : NDSHM_USER_A) &&
			       !_test_section_attach(self->fd, &attach);
			/*
			 * The first peer grows the section; the second
			 * allocates pages in it.
			 */
			more = extent_alloc_request(4 * HUGE - 8 * self->page, 0);
			good = good && (i ? take_single_pages(self->fd, self->page, 4) >= 0 :
					    !_test_extent_alloc(attach.out_holder, &more));
			good = good && !ndshm_locked(self->client) &&
			       ndshm_signal_peer(peers[i]) && ndshm_hear(peers[i]);
			_exit(!good);
		}
	}
	for (i = 0; i < 2; i++) {
		EXPECT_TRUE(ndshm_signal_peer(peers[i]));
		EXPECT_TRUE(ndshm_hear(peers[i]));
	}
	EXPECT_EQ(before + ndshm_committed(self->fd), ndshm_locked(self->client));
	EXPECT_LE(4 * HUGE, ndshm_committed(self->fd));
	for (i = 0; i < 2; i++) {
		EXPECT_TRUE(ndshm_signal_peer(peers[i]));
		EXPECT_TRUE(ndshm_reap(children[i]));
		close(peers[i]);
	}
	EXPECT_TRUE(ndshm_soon(ndshm_locked(self->client) <= before + HUGE));
}

/* The limits of the opener of the creator's client apply to peers, whatever their own are. */
TEST_F(peer, limits_of_the_creator)
{
	struct ndshm_extent_alloc_args more;
	pid_t child;
	int fd, peer;

	test_reopen_limited(self->client, ndshm_locked(self->client) + 2 * HUGE);
	fd = test_new_section(self->client, self->adapter, MAX, 0);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		struct ndshm_section_attach_args attach = section_attach_request(0);
		bool good;

		/* Also if the peer has CAP_IPC_LOCK. */
		good = ndshm_set_capability(CAP_IPC_LOCK, true) &&
		       !_test_section_attach(fd, &attach);
		more = extent_alloc_request(3 * HUGE, 0);
		good = good && _test_extent_alloc(attach.out_holder, &more) &&
		       more.reason == NDSHM_REASON_MEMLOCK;
		more = extent_alloc_request(2 * HUGE, 0);
		_exit(!(good && !_test_extent_alloc(attach.out_holder, &more)));
	}
	EXPECT_TRUE(ndshm_reap(child));
	ndshm_case(false);
	close(peer);
	close(fd);
}

/*
 * Memory that was pinned when its extent was freed is not charged to the creator any more, so a
 * peer that pins uses up neither the creator's limit nor the section.
 */
TEST_F(peer, pins)
{
	const __u64 most = 2 * HUGE, before = ndshm_locked(self->client);
	struct ndshm_extent_alloc_args more;
	struct ndshm_extent_free_args request;
	int ends[2], fd, holder, round;
	unsigned char *map;

	fd = test_new_section(self->client, self->adapter, most, 0);
	holder = test_attach(fd);
	map = test_map_section(fd, most);
	ASSERT_EQ(0, pipe(ends));
	ASSERT_LE(0, fcntl(ends[1], F_SETPIPE_SZ, (int)(4 * most)));
	for (round = 0; round < 4; round++) {
		more = extent_alloc_request(most, 0);
		test_extent_alloc(holder, &more);
		EXPECT_EQ(before + most, ndshm_locked(self->client));
		ASSERT_TRUE(ndshm_put_into_pipe(ends[1], map, most));
		request = extent_free_request(0);
		test_extent_free(holder, &request);
		test_renew(holder, fd);
		EXPECT_TRUE(ndshm_soon(ndshm_locked(self->client) == before));
	}
	close(ends[0]);
	close(ends[1]);
	munmap(map, most);
	close(holder);
	close(fd);
	EXPECT_EQ(before, ndshm_locked(self->client));
}

/* The creator can end the section at any time, whatever extents and mappings exist. */
TEST_F(peer, delete_revoke)
{
	struct ndshm_section_delete_args request =
		section_delete_request(NDSHM_DELETE_REVOKE, -1);
	__u64 before = ndshm_locked(self->client);
	struct ndshm_section_query_args query;
	pid_t child;
	int peer;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		struct ndshm_extent_alloc_args more = extent_alloc_request(8 * HUGE, 0);
		struct ndshm_section_attach_args attach = section_attach_request(0);
		struct ndshm_section_delete_args theirs = request;
		struct ndshm_extent_free_args back;
		bool good;

		good = ndshm_become(NDSHM_USER_A) &&
		       !_test_section_attach(self->fd, &attach) &&
		       !_test_extent_alloc(attach.out_holder, &more);
		self->map[more.out_offset] = 1;
		good = good && _test_section_delete(self->fd, &theirs) &&
		       theirs.reason == NDSHM_REASON_NOT_CREATOR &&
		       self->map[more.out_offset] == 1 &&
		       ndshm_signal_peer(peer) && ndshm_hear(peer) &&
		       !ndshm_readable(self->map + more.out_offset);
		back = extent_free_request(more.out_offset);
		good = good && !_test_extent_free(attach.out_holder, &back) &&
		       _test_extent_alloc(attach.out_holder, &more) &&
		       errno == EIDRM;
		_exit(!good);
	}
	EXPECT_TRUE(ndshm_hear(peer));
	EXPECT_EQ(before + 8 * HUGE, ndshm_locked(self->client));
	test_section_delete(self->fd, &request);
	EXPECT_EQ(before, ndshm_locked(self->client));
	query = test_look(self->fd);
	EXPECT_EQ(NDSHM_SECTION_DELETED | NDSHM_SECTION_REVOKED,
		  query.out_flags & ~NDSHM_SECTION_NEEDS_SYNC);
	EXPECT_EQ(0, query.out_committed);
	test_err_section_delete(EIDRM, NDSHM_REASON_SECTION_DELETED,
				self->client, self->fd, &request);
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

/* Also after the deletion, when only mappings are left. */
TEST_F(peer, delete_then_revoke)
{
	struct ndshm_section_delete_args request =
		section_delete_request(NDSHM_DELETE_FORCE, -1);
	__u64 before = ndshm_locked(self->client), place;

	place = test_extent(self->holder, HUGE);
	test_section_delete(self->fd, &request);
	self->map[place] = 1;
	EXPECT_EQ(before + HUGE, ndshm_locked(self->client));
	request = section_delete_request(NDSHM_DELETE_REVOKE, -1);
	test_section_delete(self->fd, &request);
	EXPECT_EQ(before, ndshm_locked(self->client));
	test_sigbus(self->map + place);
}

/*
 * Deletion without a descriptor
 */

#define INITIAL	(2 * HUGE)

/* What the peer has of the section of a creator that was killed. */
enum kept { KEPT_MAPPING, KEPT_HOLDER, KEPT_DMABUF };

/* Return: a new dma-buf of the start of the section, or -1. */
static int export_start(int fd)
{
	struct ndshm_section_export_args export = section_export_request(0, HUGE, O_RDONLY);
	struct ndshm_section_attach_args attach = section_attach_request(0);
	struct ndshm_extent_alloc_args more = extent_alloc_request(HUGE, 0);

	if (_test_section_attach(fd, &attach) || _test_extent_alloc(attach.out_holder, &more) ||
	    _test_section_export(fd, &export))
		return -1;
	return export.out_dmabuf;
}

/* Create a section as NDSHM_USER_A, and send a descriptor of it or of its dma-buf. */
static void creator_work(struct _test_data_peer *self, int peer, enum kept kept)
{
	struct ndshm_section_create_args create =
		section_create_request(self->adapter, MAX, INITIAL);
	struct ndshm_section_share_args share = section_share_request(NDSHM_SHARE_READONLY);
	int client = ndshm_open_as(NDSHM_USER_A, RLIM_INFINITY), fd;

	if (!ndshm_become(NDSHM_USER_A) || _test_section_create(client, &create) ||
	    _test_section_share(create.out_section, &share))
		_exit(1);
	fd = kept == KEPT_MAPPING ? share.out_section :
	     kept == KEPT_HOLDER ? create.out_section : export_start(create.out_section);
	if (ndshm_send_fd(peer, fd))
		ndshm_hear(peer);
	_exit(2);
}

/* Tell that the section is in use, and wait for its end. */
static bool peer_waits(int peer)
{
	return ndshm_signal_peer(peer) && ndshm_hear(peer);
}

static bool peer_keeps_mapping(int peer, int fd)
{
	const unsigned char *map = mmap(NULL, INITIAL, PROT_READ, MAP_SHARED, fd, 0);

	close(fd);
	return map != MAP_FAILED && ndshm_readable(map) && peer_waits(peer) &&
	       !ndshm_readable(map) && !ndshm_readable(map + HUGE);
}

/* The section grows by HUGE, on the creator's account. */
static bool peer_keeps_holder(int peer, int fd)
{
	struct ndshm_section_attach_args attach = section_attach_request(0);
	struct ndshm_extent_alloc_args more = extent_alloc_request(INITIAL + HUGE, 0);

	return !_test_section_attach(fd, &attach) &&
	       !_test_extent_alloc(attach.out_holder, &more) && peer_waits(peer) &&
	       _test_extent_alloc(attach.out_holder, &more) && errno == EIDRM;
}

static bool peer_keeps_dmabuf(int peer, int fd)
{
	return peer_waits(peer) &&
	       mmap(NULL, HUGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV;
}

/* Another user cannot delete the section, nor learn that it exists. */
static bool peer_cannot_delete(int client, __u32 id)
{
	return ndshm_revoke_section(client, id) == -ENOENT;
}

static void peer_work_of(enum kept kept, int client, int peer, int fd, __u32 id)
{
	static bool (*const keeps[])(int peer, int fd) = {
		[KEPT_MAPPING] = peer_keeps_mapping,
		[KEPT_HOLDER] = peer_keeps_holder,
		[KEPT_DMABUF] = peer_keeps_dmabuf,
	};

	_exit(!(ndshm_become(NDSHM_USER_B) && peer_cannot_delete(client, id) &&
		keeps[kept](peer, fd)));
}

/* As a new process of the creator, which has no descriptor: find the section, and delete it. */
static void creator_again(struct _test_data_peer *self, __u64 charge)
{
	struct ndshm_nl_section section;
	struct ndshm_nl nl;

	if (!ndshm_become(NDSHM_USER_A) || ndshm_nl_open(&nl) ||
	    ndshm_nl_sections(&nl, &section, 1) != 1 || section.deleted)
		_exit(1);
	if (ndshm_locked(self->client) != charge ||
	    ndshm_revoke_section(self->client, section.id))
		_exit(2);
	if (ndshm_locked(self->client) || ndshm_nl_section_by_id(&nl, section.id, &section) ||
	    !section.deleted || !section.revoked || section.committed)
		_exit(3);
	_exit(ndshm_revoke_section(self->client, section.id) == -EIDRM ? 0 : 4);
}

/* Return: the id of the section of @uid, or 0. */
static __u32 section_of_user(struct ndshm_nl *nl, uid_t uid)
{
	struct ndshm_nl_section sections[16];
	int i, count = ndshm_nl_sections(nl, sections, ARRAY_SIZE(sections));

	for (i = 0; i < count && i < (int)ARRAY_SIZE(sections); i++)
		if (sections[i].uid == uid)
			return sections[i].id;
	return 0;
}

/*
 * A creator that was killed is charged as long as a peer keeps the section. Another process of the
 * same user can end that.
 */
static void test_delete_by_id(struct __test_metadata *_metadata, struct _test_data_peer *self,
			      enum kept kept)
{
	const __u64 charge = INITIAL + (kept == KEPT_HOLDER ? HUGE : 0);
	int ends[2], fd, status;
	pid_t creator, peer, again;
	struct ndshm_nl nl;
	__u32 id;

	ASSERT_EQ(0, ndshm_nl_open(&nl));
	creator = ndshm_fork(&ends[0]);
	ASSERT_LE(0, creator);
	if (!creator)
		creator_work(self, ends[0], kept);
	fd = ndshm_receive_fd(ends[0]);
	ASSERT_LE(0, fd);
	id = section_of_user(&nl, NDSHM_USER_A);
	ASSERT_NE(0, id);
	peer = ndshm_fork(&ends[1]);
	ASSERT_LE(0, peer);
	if (!peer)
		peer_work_of(kept, self->client, ends[1], fd, id);
	close(fd);
	EXPECT_TRUE(ndshm_hear(ends[1]));
	EXPECT_TRUE(ndshm_end(creator, ends[0], SIGKILL));
	EXPECT_EQ(creator, waitpid(creator, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	again = fork();
	ASSERT_LE(0, again);
	if (!again)
		creator_again(self, charge);
	EXPECT_EQ(again, waitpid(again, &status, 0));
	EXPECT_EQ(0, status);
	ndshm_case(true);
	EXPECT_EQ(0, ndshm_locked_of(self->client, NDSHM_USER_A));
	EXPECT_TRUE(ndshm_signal_peer(ends[1]));
	EXPECT_TRUE(ndshm_reap(peer));
	/* The peer was the last to have it. */
	EXPECT_TRUE(ndshm_soon(ndshm_revoke_section(self->client, id) == -ENOENT));
	close(ends[0]);
	close(ends[1]);
	ndshm_nl_close(&nl);
}

TEST_F(peer, delete_what_a_mapping_keeps)
{
	test_delete_by_id(_metadata, self, KEPT_MAPPING);
}

TEST_F(peer, delete_what_a_holder_keeps)
{
	test_delete_by_id(_metadata, self, KEPT_HOLDER);
}

TEST_F(peer, delete_what_a_dmabuf_keeps)
{
	struct ndshm_get_info_args info = get_info_request();

	test_get_info(self->client, &info);
	if (!(info.out_features & NDSHM_FEATURE_SECTION_EXPORT))
		SKIP(return, "the kernel has no dma-bufs");
	test_delete_by_id(_metadata, self, KEPT_DMABUF);
}

/* An administrator can, too, also after DELETE has left the mappings, and while it has a holder. */
TEST_F(peer, delete_by_administrator)
{
	struct ndshm_section_delete_args request = section_delete_request(NDSHM_DELETE_FORCE, -1);
	const __u64 place = test_extent(self->holder, HUGE);
	struct ndshm_extent_alloc_args more = extent_alloc_request(self->page, 0);

	self->map[place] = 1;
	test_section_delete(self->fd, &request);
	EXPECT_TRUE(ndshm_readable(self->map + place));
	EXPECT_EQ(0, ndshm_revoke_section(self->client, test_look(self->fd).out_id));
	test_sigbus(self->map + place);
	EXPECT_EQ(NDSHM_SECTION_DELETED | NDSHM_SECTION_REVOKED, test_look_flags(self->fd));
	EXPECT_EQ(0, test_look(self->fd).out_committed);
	test_err_extent_alloc(EIDRM, NDSHM_REASON_SECTION_DELETED, self->client, self->holder,
			      &more);
}

struct ending {
	pthread_t thread;
	pthread_barrier_t *barrier;
	void (*end)(const struct ending *ending);
	int fd;
	int client;
	__u32 id;
	void *map;
};

static void end_by_id(const struct ending *ending)
{
	ndshm_revoke_section(ending->client, ending->id);
}

static void end_by_descriptor(const struct ending *ending)
{
	struct ndshm_section_delete_args request = section_delete_request(NDSHM_DELETE_REVOKE, -1);

	_test_section_delete(ending->fd, &request);
}

static void end_by_close(const struct ending *ending)
{
	close(ending->fd);
}

static void end_by_unmap(const struct ending *ending)
{
	munmap(ending->map, INITIAL);
}

static void *end_section(void *argument)
{
	const struct ending *ending = argument;

	pthread_barrier_wait(ending->barrier);
	ending->end(ending);
	return NULL;
}

/* A deletion by id beside all else that ends a section. */
TEST_F(peer, delete_races)
{
	static void (*const ends[])(const struct ending *ending) = {
		end_by_id, end_by_descriptor, end_by_close, end_by_unmap,
	};
	const __u64 before = ndshm_locked(self->client);
	unsigned int round, rounds = ndshm_rounds(300, 30), i;
	struct ending endings[ARRAY_SIZE(ends)];
	pthread_barrier_t barrier;

	ASSERT_EQ(0, pthread_barrier_init(&barrier, NULL, ARRAY_SIZE(ends)));
	for (round = 0; round < rounds; round++) {
		const int fd = test_new_section(self->client, self->adapter, INITIAL, INITIAL);
		unsigned char *map = test_map_section(fd, INITIAL);
		const __u32 id = test_look(fd).out_id;

		map[HUGE] = 1;
		for (i = 0; i < ARRAY_SIZE(ends); i++) {
			endings[i] = (struct ending){
				.barrier = &barrier, .end = ends[i], .fd = fd,
				.client = self->client, .id = id, .map = map,
			};
			/* The descriptor of DELETE stays open. */
			if (ends[i] == end_by_descriptor)
				endings[i].fd = dup(fd);
			ASSERT_EQ(0, pthread_create(&endings[i].thread, NULL, end_section,
						    &endings[i]));
		}
		for (i = 0; i < ARRAY_SIZE(ends); i++) {
			pthread_join(endings[i].thread, NULL);
			if (ends[i] == end_by_descriptor)
				close(endings[i].fd);
		}
	}
	EXPECT_TRUE(ndshm_soon(ndshm_locked(self->client) == before));
	pthread_barrier_destroy(&barrier);
}

/* A peer that maps the section as often as it may leaves mappings to the creator and to others. */
TEST_F(peer, mappings_of_a_peer)
{
	int fd = test_share(self->fd, NDSHM_SHARE_READONLY), peer;
	pid_t child;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		unsigned int count = 0;
		bool good = ndshm_become(NDSHM_USER_A);

		while (mmap(NULL, self->page, PROT_READ, MAP_SHARED, fd, 0) !=
		       MAP_FAILED)
			count++;
		_exit(!(good && errno == EMFILE && count == 2048 &&
			ndshm_signal_peer(peer) && ndshm_hear(peer)));
	}
	EXPECT_TRUE(ndshm_hear(peer));
	munmap(test_map_section(self->fd, MAX), MAX);
	/* Of 20, some have the same share as the peer: one of 8. */
	EXPECT_LE(8, ndshm_mapping_users(fd, 20));
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	close(fd);
}

/*
 * At the limit
 */

struct grower {
	pthread_t thread;
	pthread_barrier_t *barrier;
	int holder;
	size_t page;
	bool refused;
};

static void *grow_once(void *argument)
{
	struct grower *grower = argument;
	struct ndshm_extent_alloc_args more = extent_alloc_request(grower->page, 0);

	pthread_barrier_wait(grower->barrier);
	grower->refused = _test_extent_alloc(grower->holder, &more);
	return NULL;
}

/* Concurrent growth for the same memory must not make any caller fail. */
TEST_F(peer, growing_together)
{
	unsigned int round, rounds = ndshm_rounds(100, 20), refused = 0, i;
	struct grower growers[4];
	pthread_barrier_t barrier;
	int fd, holder;

	test_reopen_limited(self->client, ndshm_locked(self->client) + HUGE);
	ASSERT_EQ(0, pthread_barrier_init(&barrier, NULL, 4));
	for (round = 0; round < rounds; round++) {
		fd = test_new_section(self->client, self->adapter, 4 * HUGE, 0);
		holder = test_attach(fd);
		for (i = 0; i < 4; i++) {
			growers[i] = (struct grower){
				.barrier = &barrier, .holder = holder,
				.page = self->page,
			};
			ASSERT_EQ(0, pthread_create(&growers[i].thread, NULL,
						    grow_once, &growers[i]));
		}
		for (i = 0; i < 4; i++) {
			pthread_join(growers[i].thread, NULL);
			refused += growers[i].refused;
		}
		close(holder);
		close(fd);
	}
	EXPECT_EQ(0, refused);
	ndshm_case(!refused);
	pthread_barrier_destroy(&barrier);
}

struct taker {
	pthread_t thread;
	pthread_mutex_t *turn;
	int holder;
	unsigned int rounds;
	unsigned int refused;
};

static void *take_turns(void *argument)
{
	struct taker *taker = argument;
	struct ndshm_extent_free_args request;
	struct ndshm_extent_alloc_args more;
	unsigned int round;

	for (round = 0; round < taker->rounds; round++) {
		pthread_mutex_lock(taker->turn);
		more = extent_alloc_request(4 * HUGE, 0);
		if (_test_extent_alloc(taker->holder, &more)) {
			taker->refused++;
		} else {
			request = extent_free_request(more.out_offset);
			_test_extent_free(taker->holder, &request);
		}
		pthread_mutex_unlock(taker->turn);
		usleep(round % 7 * 300);
	}
	return NULL;
}

/*
 * All memory that the limit permits is idle in one section, or being freed,
 * whenever the other section needs memory.
 */
TEST_F(peer, idle_elsewhere)
{
	pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
	struct taker takers[3];
	int fds[3], i;

	test_reopen_limited(self->client, ndshm_locked(self->client) + 4 * HUGE);
	for (i = 0; i < 3; i++) {
		fds[i] = test_new_section(self->client, self->adapter, MAX, 0);
		takers[i] = (struct taker){
			.turn = &turn, .holder = test_attach(fds[i]),
			.rounds = ndshm_rounds(500, 100),
		};
	}
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&takers[i].thread, NULL, take_turns,
					    &takers[i]));
	for (i = 0; i < 3; i++) {
		pthread_join(takers[i].thread, NULL);
		EXPECT_EQ(0, takers[i].refused);
		ndshm_case(!takers[i].refused);
		close(takers[i].holder);
		close(fds[i]);
	}
}

/*
 * Peers with requests that exceed the limit must not keep the creator from
 * using idle memory.
 */
TEST_F(peer, idle_in_a_crowd)
{
	unsigned int round, rounds = ndshm_rounds(100, 20), refused = 0;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;
	pid_t children[4];
	int peers[4], i;

	test_reopen_limited(self->client, ndshm_locked(self->client) + 4 * HUGE);
	close(self->holder);
	munmap(self->map, MAX);
	close(self->fd);
	self->fd = test_new_section(self->client, self->adapter, MAX, 0);
	self->holder = test_attach(self->fd);
	self->map = test_map_section(self->fd, MAX);
	test_extent(self->holder, self->page);
	for (i = 0; i < 4; i++) {
		children[i] = ndshm_fork(&peers[i]);
		ASSERT_LE(0, children[i]);
		if (!children[i]) {
			struct ndshm_section_attach_args attach =
				section_attach_request(0);

			if (!ndshm_become(NDSHM_USER_A) ||
			    _test_section_attach(self->fd, &attach))
				_exit(1);
			ndshm_signal_peer(peers[i]);
			for (;;) {
				struct ndshm_extent_alloc_args more =
					extent_alloc_request(MAX, 0);

				if (!_test_extent_alloc(attach.out_holder, &more))
					_exit(2);
			}
		}
		EXPECT_TRUE(ndshm_hear(peers[i]));
	}
	for (round = 0; round < rounds; round++) {
		test_free_extent(self->holder, test_extent(self->holder, 3 * HUGE));
		alloc = block_alloc_request(self->adapter, 2 * HUGE, &block);
		if (_test_block_alloc(self->client, &alloc)) {
			refused++;
		} else {
			struct ndshm_block_free_args request =
				block_free_request(block.handle);

			test_block_free(self->client, &request);
		}
	}
	EXPECT_EQ(0, refused);
	ndshm_case(!refused);
	for (i = 0; i < 4; i++) {
		EXPECT_TRUE(ndshm_end(children[i], peers[i], SIGKILL));
		EXPECT_FALSE(ndshm_reap(children[i]));
		close(peers[i]);
	}
}

int main(int argc, char **argv)
{
	return ndshm_clock_start() ? ndshm_main(argc, argv) : KSFT_FAIL;
}
