// SPDX-License-Identifier: GPL-2.0
/*
 * What a peer can do to the creator of a section: a process that was passed a descriptor,
 * is another user's, and does not wish the creator well.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "ndshm_probe.h"
#include "ndshm_section.h"

#define CGROUPS	"/sys/fs/cgroup"
#define HUGE	(2UL << 20)
#define MAX	(96 * HUGE)
#define LONG	(32 * HUGE)	/* an extent that takes a while to zero */

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
	struct ndshm_get_info info = get_info_request();

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

/* A cgroup in which processes run for a hundredth of the time. */
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
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* Extents are allocated and freed, and touched through mappings, over and over. */
static void peer_work(struct _test_data_peer *self, int peer)
{
	struct ndshm_section_attach attach = section_attach_request(0);
	struct ndshm_extent_alloc more;
	struct ndshm_extent_free request;
	__u64 at;

	if (!enter_cgroup(self->cgroup) || !ndshm_become(NDSHM_USER_A) ||
	    _test_section_attach(self->fd, &attach))
		_exit(1);
	ndshm_tell(peer);
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

static void longer(double *longest, double start)
{
	double took = now() - start;

	if (took > *longest)
		*longest = took;
}

/* What the creator waits for: a page fault, memory that is there, and more memory. */
static void measure(struct __test_metadata *_metadata,
		    struct _test_data_peer *self, double seconds, bool grow,
		    struct delays *delays)
{
	__u64 mine = test_extent(self->holder, self->page), place;
	const double end = now() + seconds;
	double start;

	while (now() < end) {
		madvise(self->map + mine, self->page, MADV_DONTNEED);
		start = now();
		self->map[mine] = 1;
		longer(&delays->fault, start);
		start = now();
		place = test_extent(self->holder, self->page);
		longer(&delays->alloc, start);
		test_free_extent(self->holder, place);
		usleep(1000);
		if (!grow)
			continue;
		start = now();
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
 * A peer that hardly ever runs has nothing in hand that the creator waits for. The bounds
 * are for machines that are busy; with a lock held the peer's 64 MiB take seconds: when
 * it gets memory for them,
 */
TEST_F_TIMEOUT(peer, throttled_growth, 240)
{
	if (!make_slow_cgroup(self->cgroup))
		SKIP(return, "no cgroup v2 with a cpu controller");
	test_throttled(_metadata, self, true);
}

/* and when it has them zeroed. */
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

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
