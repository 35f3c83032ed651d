// SPDX-License-Identifier: GPL-2.0
/*
 * Revocation during page faults: an access must end in SIGBUS and never reach
 * freed memory. Revocation waits a limited time for a fault that holds its page
 * locked; the test build of the module delays the fault at that point. Other
 * races are left to chance.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "ndshm_clock.h"
#include "ndshm_edu.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"

#define PARAMETERS	"/sys/module/ndshm/parameters/"
#define DELAY		PARAMETERS "test_fault_delay_ms"
#define CHUNK_DELAY	PARAMETERS "test_chunk_delay_ms"
#define REFUSED_DELAY	PARAMETERS "test_refused_delay_ms"
#define DELAYING	PARAMETERS "test_fault_delaying"
#define RELEASE_DELAY	PARAMETERS "test_release_delay_ms"
#define LONG		"8000"	/* milliseconds of delay */
#define BOUND		2000	/* milliseconds for the unbind */
#define TIMEOUT		120	/* seconds */
#define ROUNDS		20
#define LENGTH		0x40000UL
#define HUGE		(2UL << 20)

FIXTURE(race) {
	int fd;
	struct ndshm_edu edu;
};

FIXTURE_SETUP(race)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_read_number(DELAYING) < 0)
		SKIP(return, "the module is not a test build");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(race)
{
	ndshm_write_file(DELAY, "0");
	ndshm_write_file(RELEASE_DELAY, "0");
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

/* The mapped object: a block of this provider and length, or a BAR if NULL. */
FIXTURE_VARIANT(race) {
	const char *provider;
	size_t length;
};

FIXTURE_VARIANT_ADD(race, block) { .provider = "coherent", .length = LENGTH };
FIXTURE_VARIANT_ADD(race, pages) { .provider = "pages", .length = LENGTH };
/* Of some page sizes, a huge page, which one entry maps. */
FIXTURE_VARIANT_ADD(race, huge) { .provider = "pages", .length = 2 << 20 };
FIXTURE_VARIANT_ADD(race, bar) { .provider = NULL };

struct mapped {
	int fd;
	__u64 offset;
	size_t length;
};

/* Map an object under a claim. Runs repeatedly, so it is not counted as a case. */
static struct mapped make(struct __test_metadata *_metadata,
			  struct _test_data_race *self, const char *name, size_t length)
{
	struct ndshm_nl_provider provider;
	struct ndshm_adapter_claim_args claim;
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(self->edu.adapter.id, 0);
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->edu.adapter.id, length, &block);

	ASSERT_EQ(0, _test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH, &claim));
	if (!name) {
		ASSERT_EQ(0, _test_adapter_map_bar(self->fd, &map));
		return (struct mapped){ self->fd, map.out_mmap_offset,
					map.out_length };
	}
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->edu.nl, name, &provider));
	alloc.provider = provider.id;
	ASSERT_EQ(0, _test_block_alloc(self->fd, &alloc));
	return (struct mapped){ self->fd, block.mmap_offset, block.length };
}

static void *map_all(const struct mapped *mapped)
{
	return mmap(NULL, mapped->length, PROT_READ | PROT_WRITE, MAP_SHARED,
		    mapped->fd, mapped->offset);
}

/*
 * The fault lasts longer than an unbind may. The unbind must not wait for it,
 * and the page that the fault maps in the end must not stay mapped.
 */
TEST_F_TIMEOUT(race, unbind_during_fault, TIMEOUT)
{
	struct mapped mapped = make(_metadata, self, variant->provider, variant->length);
	const bool held = variant->provider &&
			  !strcmp(variant->provider, "pages");
	struct ndshm_clock begin;
	long long took;
	pid_t child;
	void *map;
	int peer;

	ndshm_case(false);
	map = map_all(&mapped);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, ndshm_write_file(DELAY, LONG));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ndshm_readable(map);
		ndshm_signal_peer(peer);
		ndshm_hear(peer);
		_exit(ndshm_readable(map));
	}
	ASSERT_TRUE(held ? ndshm_soon(ndshm_read_number(DELAYING) == 1) :
			   ndshm_hear(peer));
	begin = ndshm_clock_now();
	EXPECT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	took = ndshm_clock_ran_ms(begin);
	EXPECT_GE(BOUND, took)
		TH_LOG("%lld ms", took);
	if (held) {
		/* Otherwise the fault was not delayed and the test proved nothing. */
		EXPECT_EQ(1, ndshm_read_number(DELAYING));
		EXPECT_TRUE(ndshm_hear(peer));
		/* The page is unmapped as soon as the late fault is noticed. */
		sleep(5);
	}
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child))
		TH_LOG("readable still");
	close(peer);
	munmap(map, mapped.length);
}

/* Map, write and unmap in a loop until SIGBUS or until mmap() fails. */
static void *write_on(void *argument)
{
	const struct mapped *mapped = argument;
	unsigned char *map;
	size_t at;

	for (;;) {
		map = map_all(mapped);
		if (map == MAP_FAILED)
			return NULL;
		for (at = 0; at < mapped->length; at += page_size()) {
			if (!ndshm_readable(map + at))
				break;
			/* edu ends accesses of other sizes with an abort. */
			__atomic_store_n((__u32 *)(map + at), 1, __ATOMIC_RELAXED);
		}
		munmap(map, mapped->length);
	}
}

/*
 * Processes that keep mapping and touching must end with SIGBUS or an error and
 * nothing else.
 */
TEST_F_TIMEOUT(race, unbind_while_touched, TIMEOUT)
{
	struct mapped mapped;
	pthread_t thread[2];
	unsigned int round;
	pid_t child;
	int peer;

	ndshm_case(false);
	for (round = 0; round < ndshm_rounds(ROUNDS, 4); round++) {
		mapped = make(_metadata, self, variant->provider, variant->length);
		child = ndshm_fork(&peer);
		ASSERT_LE(0, child);
		if (!child) {
			/*
			 * The process is killed by SIGBUS if a write is first
			 * to meet the revocation.
			 */
			pthread_create(&thread[0], NULL, write_on, &mapped);
			pthread_create(&thread[1], NULL, write_on, &mapped);
			ndshm_signal_peer(peer);
			pthread_join(thread[0], NULL);
			pthread_join(thread[1], NULL);
			_exit(0);
		}
		ASSERT_TRUE(ndshm_hear(peer));
		usleep(1000 * (round % 7));
		ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
		EXPECT_EQ(child, waitpid(child, NULL, 0));
		close(peer);
		close(self->fd);
		ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
		self->fd = ndshm_open();
		ASSERT_LE(0, self->fd);
	}
}

/*
 * A client that gets SIGBUS may free its memory at once: the device must not access it any more.
 */
TEST_F(race, device_stops_first)
{
	struct mapped mapped = make(_metadata, self, variant->provider, variant->length);
	struct ndshm_adapter_start_args start = adapter_start_request(self->edu.adapter.id);
	pid_t child;
	void *map;
	int peer;

	ndshm_case(false);
	map = map_all(&mapped);
	ASSERT_NE(MAP_FAILED, map);
	test_adapter_start(self->fd, &start);
	ASSERT_TRUE(ndshm_pci_is_master(&self->edu.pci));
	ASSERT_EQ(0, ndshm_write_file(RELEASE_DELAY, "500"));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		EXPECT_TRUE(ndshm_readable(map));
		ndshm_signal_peer(peer);
		while (ndshm_readable(map))
			;
		_exit(ndshm_pci_is_master(&self->edu.pci));
	}
	EXPECT_TRUE(ndshm_hear(peer));
	EXPECT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

/* After the revocation the same mmap() must fail. */
TEST_F(race, mapping_after_unbind)
{
	struct mapped mapped = make(_metadata, self, variant->provider, variant->length);

	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	test_errno(ENODEV, mapped.fd, map_all(&mapped));
}

/*
 * A full section whose memory is idle
 */

#define HUGE		(2UL << 20)

FIXTURE(idle_race) {
	int fd;
	int section;
	int holder;
	__u32 adapter;
};

FIXTURE_SETUP(idle_race)
{
	struct ndshm_get_info_args info = get_info_request();

	if (geteuid())
		SKIP(return, "only root can delay allocations");
	if (ndshm_read_number(DELAYING) < 0)
		SKIP(return, "the module is not a test build");
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	test_reopen_limited(self->fd, ndshm_locked(self->fd) + 2 * HUGE);
	self->section = test_new_section(self->fd, self->adapter, 2 * HUGE, 0);
	self->holder = test_attach(self->section);
}

FIXTURE_TEARDOWN(idle_race)
{
	ndshm_write_file(REFUSED_DELAY, "0");
	close(self->holder);
	close(self->section);
	close(self->fd);
}

/*
 * Another task frees idle memory of the section, before its own allocation is refused at the limit.
 * An allocation that finds no place meanwhile must look again, although the memory is free before
 * it begins to wait for it.
 */
TEST_F_TIMEOUT(idle_race, free_before_the_wait, TIMEOUT)
{
	const long long begin = ndshm_ms();
	struct ndshm_block_alloc_args alloc;
	unsigned int waited = 0;
	long long before;
	pid_t child;
	int peer;

	ASSERT_EQ(0, ndshm_write_file(REFUSED_DELAY, "200"));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		do {
			alloc = block_alloc_request(self->adapter, 3 * HUGE, NULL);
		} while (_test_block_alloc(self->fd, &alloc));
		_exit(1);
	}
	while (waited < 10 && ndshm_ms() < begin + 60000) {
		before = ndshm_ms();
		test_free_extent(self->holder, test_extent(self->holder, 2 * HUGE));
		waited += ndshm_ms() >= before + 200;
	}
	EXPECT_LT(0, waited);
	EXPECT_TRUE(ndshm_end(child, peer, SIGKILL));
	EXPECT_FALSE(ndshm_reap(child));
	close(peer);
}

/*
 * Sections whose memory is idle and cannot be freed, since a fault holds a page of each
 */

#define MOST_STUCK	512	/* sections */
#define VERY_LONG	"20000"	/* milliseconds of delay */

FIXTURE(stuck_race) {
	struct ndshm_edu edu;
	int fd;
	__u32 provider;
	size_t page;
};

FIXTURE_SETUP(stuck_race)
{
	struct ndshm_nl_provider provider;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_read_number(DELAYING) < 0)
		SKIP(return, "the module is not a test build");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->edu.nl, "pages",
					       &provider));
	self->provider = provider.id;
	self->page = page_size();
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH);
}

FIXTURE_TEARDOWN(stuck_race)
{
	ndshm_write_file(DELAY, "0");
	ndshm_write_file(CHUNK_DELAY, "0");
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

/*
 * The end of the claim frees memory that another process has just allocated for the section, in
 * several chunks. The allocation must not look at it any more, which KASAN would notice.
 */
TEST_F(stuck_race, claim_end_during_allocation)
{
	struct ndshm_section_create_args create =
		section_create_request(self->edu.adapter.id, 3 * self->page, 0);
	struct ndshm_section_attach_args attach = section_attach_request(0);
	struct ndshm_extent_alloc_args more = extent_alloc_request(3 * self->page, 0);
	pid_t child;
	int peer;

	create.provider = self->provider;
	create.flags = 0;
	test_section_create(self->fd, &create);
	test_section_attach(create.out_section, &attach);
	ASSERT_EQ(0, ndshm_write_file(CHUNK_DELAY, "4000"));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		/* The parent closes the last descriptor of the client. */
		close(self->fd);
		_exit(!_test_extent_alloc(attach.out_holder, &more) ||
		      more.reason != NDSHM_REASON_SECTION_REVOKED);
	}
	EXPECT_TRUE(ndshm_soon(ndshm_read_number(DELAYING) == 1));
	EXPECT_EQ(0, close(self->fd));
	/* Otherwise the allocation was over before. */
	EXPECT_EQ(1, ndshm_read_number(DELAYING));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	close(attach.out_holder);
	close(create.out_section);
	self->fd = ndshm_open();
}

/* An allocation of many chunks ends with the chunk in which the section is deleted. */
TEST_F(stuck_race, deletion_during_allocation)
{
	const int section = test_new_section(self->fd, self->edu.adapter.id, 8 * HUGE, 0);
	const int holder = test_attach(section);
	struct ndshm_section_delete_args end = section_delete_request(NDSHM_DELETE_REVOKE, -1);
	struct ndshm_extent_alloc_args more = extent_alloc_request(8 * HUGE, 0);
	struct ndshm_clock begin;
	pid_t child;
	int peer;

	ASSERT_EQ(0, ndshm_write_file(CHUNK_DELAY, "2000"));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child)
		_exit(!_test_extent_alloc(holder, &more) ||
		      more.reason != NDSHM_REASON_SECTION_DELETED);
	EXPECT_TRUE(ndshm_soon(ndshm_read_number(DELAYING) == 1));
	begin = ndshm_clock_now();
	test_section_delete(section, &end);
	EXPECT_TRUE(ndshm_reap(child));
	/* Seven further chunks would take 14 s. */
	EXPECT_GE(7000, ndshm_clock_ran_ms(begin));
	close(peer);
	close(holder);
	close(section);
}

struct stuck_section {
	int holder;
	__u64 place;
	unsigned char *map;
};

static bool make_stuck(struct _test_data_stuck_race *self, struct stuck_section *one)
{
	struct ndshm_section_create_args create =
		section_create_request(self->edu.adapter.id, self->page, 0);
	struct ndshm_section_attach_args attach = section_attach_request(0);
	struct ndshm_extent_alloc_args more = extent_alloc_request(self->page, 0);

	create.provider = self->provider;
	create.flags = 0;
	if (_test_section_create(self->fd, &create) ||
	    _test_section_attach(create.out_section, &attach) ||
	    _test_extent_alloc(attach.out_holder, &more))
		return false;
	one->holder = attach.out_holder;
	one->place = more.out_offset;
	one->map = mmap(NULL, self->page, PROT_READ, MAP_SHARED,
			create.out_section, 0);
	close(create.out_section);
	return one->map != MAP_FAILED;
}

/* Kernels before 6.4 make no thread while another stands still in a fault. */
static pthread_barrier_t all_made;

static void *touch(void *map)
{
	pthread_barrier_wait(&all_made);
	ndshm_readable(map);
	return NULL;
}

/* A debug kernel takes ten times as long to revoke one. */
static unsigned int stuck_count(void)
{
	unsigned int count = ndshm_rounds(MOST_STUCK, MOST_STUCK / 8);

	return count < MOST_STUCK ? count : MOST_STUCK;
}

/* Map many sections, have a thread stand still in a fault of each, and free all. */
static void stand_still(struct _test_data_stuck_race *self, int peer)
{
	const unsigned int stuck = stuck_count();
	struct stuck_section *all = calloc(stuck, sizeof(*all));
	struct ndshm_extent_free_args request;
	pthread_attr_t small;
	pthread_t thread;
	unsigned int i;

	for (i = 0; i < stuck; i++)
		if (!make_stuck(self, &all[i])) {
			perror("section");
			_exit(1);
		}
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 << 10);
	pthread_barrier_init(&all_made, NULL, stuck + 1);
	ndshm_readable(&small);
	for (i = 0; i < stuck; i++)
		if (pthread_create(&thread, &small, touch, all[i].map)) {
			perror("thread");
			_exit(1);
		}
	ndshm_signal_peer(peer);
	ndshm_hear(peer);
	pthread_barrier_wait(&all_made);
	ndshm_hear(peer);
	for (i = 0; i < stuck; i++) {
		request = extent_free_request(all[i].place);
		_test_extent_free(all[i].holder, &request);
		/* This cannot free the idle memory. */
		close(all[i].holder);
	}
	ndshm_signal_peer(peer);
	ndshm_hear(peer);
	_exit(0);
}

/* They must delay neither the memory of another section nor the removal. */
TEST_F_TIMEOUT(stuck_race, trims, TIMEOUT)
{
	const unsigned int stuck = stuck_count();
	struct ndshm_clock begin;
	struct rlimit files;
	long long idle, took;
	int section, holder, peer;
	__u64 place, locked;
	pid_t child;

	ndshm_wait_uncharged(self->fd);
	locked = ndshm_locked(self->fd);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &files));
	files.rlim_cur = files.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	section = test_new_section(self->fd, self->edu.adapter.id, 8UL << 20, 0);
	holder = test_attach(section);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child)
		stand_still(self, peer);
	ASSERT_TRUE(ndshm_hear(peer));
	ASSERT_EQ(0, ndshm_write_file(DELAY, VERY_LONG));
	ASSERT_TRUE(ndshm_signal_peer(peer));
	/* Twice the time, because there are many threads. */
	ASSERT_TRUE(ndshm_soon(ndshm_read_number(DELAYING) == stuck) ||
		    ndshm_soon(ndshm_read_number(DELAYING) == stuck));
	ASSERT_TRUE(ndshm_signal_peer(peer));
	ASSERT_TRUE(ndshm_hear(peer));
	begin = ndshm_clock_now();
	place = test_extent(holder, 8UL << 20);
	test_free_extent(holder, place);
	EXPECT_GE(HUGE, ndshm_committed(section));
	idle = ndshm_clock_ran_ms(begin);
	EXPECT_GE(BOUND, idle);
	EXPECT_EQ(stuck, ndshm_read_number(DELAYING));
	begin = ndshm_clock_now();
	EXPECT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	took = ndshm_clock_ran_ms(begin);
	EXPECT_GE(BOUND, took);
	EXPECT_EQ(stuck, ndshm_read_number(DELAYING));
	TH_LOG("%u sections: freed in %lld ms, unbound in %lld ms", stuck,
	       idle, took);
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	close(holder);
	close(section);
	EXPECT_TRUE(ndshm_soon(ndshm_locked(self->fd) == locked));
}

int main(int argc, char **argv)
{
	return ndshm_clock_start() ? ndshm_main(argc, argv) : KSFT_FAIL;
}
