// SPDX-License-Identifier: GPL-2.0
/*
 * Extents: allocation, ownership and lifetime. A test whose name begins with
 * lsa_ checks a rule that the documentation of the LSA calls states; the other
 * rules are ndshm's own.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "ndshm_probe.h"
#include "ndshm_section.h"

#define HUGE	(2UL << 20)
#define MAX	(64 * HUGE)

FIXTURE(extent) {
	int client;
	__u32 adapter;
	size_t page;
	int fd;
	int holder;
	unsigned char *map;
};

FIXTURE_SETUP(extent)
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

FIXTURE_TEARDOWN(extent)
{
	munmap(self->map, MAX);
	close(self->holder);
	close(self->fd);
	close(self->client);
}

/* The call must not change the section. */
#define test_same_section(fd, call) do { \
	struct ndshm_section_query_args before_ = test_look(fd), after_; \
	call; \
	after_ = test_look(fd); \
	EXPECT_EQ(0, memcmp(&before_, &after_, sizeof(before_))); \
} while (0)

/*
 * Allocating and freeing
 */

/* An extent lies within the section and overlaps no other extent. */
TEST_F(extent, lsa_allocate)
{
	const size_t lengths[] = {
		1, self->page, self->page + 1, 5 * self->page, HUGE - 1, HUGE,
		HUGE + self->page,
	};
	__u64 places[2 * ARRAY_SIZE(lengths)], total = 0;
	struct ndshm_section_query_args query;
	struct ndshm_extent_alloc_args more;
	size_t i, j, length;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		length = lengths[i % ARRAY_SIZE(lengths)];
		more = extent_alloc_request(length, 0);
		test_extent_alloc(self->holder, &more);
		places[i] = more.out_offset;
		length = (length + self->page - 1) / self->page * self->page;
		EXPECT_EQ(length, more.out_length);
		EXPECT_EQ(0, places[i] % self->page);
		EXPECT_GE(MAX, places[i] + length);
		EXPECT_TRUE(all_bytes(self->map + places[i], length, 0));
		fill_pattern(self->map + places[i], length, i);
		total += length;
	}
	for (i = 0; i < ARRAY_SIZE(places); i++)
		EXPECT_TRUE(has_pattern(self->map + places[i],
					(lengths[i % ARRAY_SIZE(lengths)] +
					 self->page - 1) / self->page *
					self->page, i));
	query = test_look(self->fd);
	EXPECT_EQ(total, query.out_taken);
	EXPECT_EQ(ARRAY_SIZE(places), query.out_extents);
	EXPECT_EQ(1, query.out_holders);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		j = (i * 5) % ARRAY_SIZE(places);
		test_free_extent(self->holder, places[j]);
	}
	query = test_look(self->fd);
	EXPECT_EQ(0, query.out_taken);
	EXPECT_EQ(0, query.out_extents);
}

/* A freed extent is allocated again, and its content is zeroed. */
TEST_F(extent, lsa_free)
{
	__u64 first = test_extent(self->holder, 8 * self->page), second;

	memset(self->map + first, 0xa5, 8 * self->page);
	test_free_extent(self->holder, first);
	second = test_extent(self->holder, 8 * self->page);
	EXPECT_EQ(first, second);
	EXPECT_TRUE(all_bytes(self->map + second, 8 * self->page, 0));
}

/*
 * Zeroing must cover all that was used before, although the new extents have
 * other boundaries.
 */
TEST_F(extent, zeroed)
{
	__u64 places[64], place;
	unsigned int round, i, count;
	size_t length;

	srand(1);
	for (round = 0; round < 40; round++) {
		count = 1 + rand() % ARRAY_SIZE(places);
		for (i = 0; i < count; i++) {
			length = (1 + rand() % 40) * self->page;
			place = test_extent(self->holder, length);
			EXPECT_TRUE(all_bytes(self->map + place, length, 0));
			memset(self->map + place, 1 + i, length);
			places[i] = place;
		}
		for (i = 0; i < count; i++)
			test_free_extent(self->holder, places[i]);
	}
}

/* The lowest place that fits is used. */
TEST_F(extent, lowest)
{
	__u64 places[8];
	int i;

	for (i = 0; i < 8; i++) {
		places[i] = test_extent(self->holder, 4 * self->page);
		EXPECT_EQ(i * 4 * self->page, places[i]);
	}
	test_free_extent(self->holder, places[5]);
	test_free_extent(self->holder, places[1]);
	test_free_extent(self->holder, places[2]);
	EXPECT_EQ(places[1], test_extent(self->holder, 5 * self->page));
	EXPECT_EQ(places[1] + 5 * self->page,
		  test_extent(self->holder, 3 * self->page));
	EXPECT_EQ(places[5], test_extent(self->holder, 4 * self->page));
	EXPECT_EQ(8 * 4 * self->page, test_extent(self->holder, 1));
}

TEST_F(extent, alignment)
{
	const __u64 wrong[] = {
		1, self->page - 1, self->page / 2, 3 * self->page,
		self->page + 1, 2 * HUGE, 1ULL << 63, ~0ULL,
	};
	struct ndshm_extent_alloc_args more;
	__u64 alignment, place;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		more = extent_alloc_request(self->page, wrong[i]);
		test_err_extent_alloc(EINVAL, NDSHM_REASON_ALIGNMENT,
				      self->client, self->holder, &more);
	}
	more = extent_alloc_request(0, 0);
	test_err_extent_alloc(EINVAL, NDSHM_REASON_LENGTH_ZERO, self->client,
			      self->holder, &more);
	for (alignment = self->page; alignment <= HUGE; alignment *= 2) {
		test_extent(self->holder, self->page);
		place = test_aligned_extent(self->holder, self->page,
					    alignment);
		EXPECT_EQ(0, place % alignment);
		place = test_aligned_extent(self->holder, 3 * self->page,
					    alignment);
		EXPECT_EQ(0, place % alignment);
	}
}

/*
 * The search for an aligned range gives up after 4,096 misaligned ones. The section has to grow
 * then, and the extent is in the memory that was added.
 */
TEST_F(extent, aligned_among_many)
{
	const unsigned int pages = HUGE / self->page;
	const unsigned int count = (3 * 4300 / pages + 1) * pages;
	int fd = test_new_section(self->client, self->adapter, (__u64)count * self->page + MAX, 0);
	int holder = test_attach(fd);
	unsigned int i, runs = 0;

	for (i = 0; i < count; i++)
		ASSERT_EQ((__u64)i * self->page, test_extent(holder, self->page));
	/* Pairs of pages, and none of them begins or ends with an aligned one. */
	for (i = 1; i + 1 < count; i += 3) {
		if (i % pages < 2 || (i + 1) % pages < 2)
			continue;
		test_free_extent(holder, (__u64)i * self->page);
		test_free_extent(holder, (__u64)(i + 1) * self->page);
		runs++;
	}
	EXPECT_LT(4096, runs);
	EXPECT_EQ((__u64)count * self->page, test_aligned_extent(holder, 2 * self->page, HUGE));
	close(holder);
	close(fd);
}

/* A holder can free its own extents only, each as a whole and only once. */
TEST_F(extent, attribution)
{
	int other = test_attach(self->fd);
	__u64 mine = test_extent(self->holder, 2 * self->page);
	__u64 theirs = test_extent(other, 2 * self->page);
	const __u64 unknown[] = {
		theirs, mine + self->page, theirs + self->page,
		theirs + 2 * self->page, MAX - self->page, MAX,
		MAX + self->page, ~0ULL - self->page + 1, 1ULL << 44,
	};
	const __u64 nowhere[] = { mine + 1, mine + 16, 1, MAX - 1, ~0ULL };
	struct ndshm_extent_query_args query;
	struct ndshm_extent_free_args request;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++)
		test_same_section(self->fd, {
			request = extent_free_request(unknown[i]);
			test_err_extent_free(ENOENT,
					     NDSHM_REASON_EXTENT_UNKNOWN,
					     self->client, self->holder,
					     &request);
			query = extent_query_request(unknown[i]);
			test_err_extent_query(ENOENT,
					      NDSHM_REASON_EXTENT_UNKNOWN,
					      self->client, self->holder,
					      &query);
		});
	for (i = 0; i < ARRAY_SIZE(nowhere); i++)
		test_same_section(self->fd, {
			request = extent_free_request(nowhere[i]);
			test_err_extent_free(EINVAL, NDSHM_REASON_ALIGNMENT,
					     self->client, self->holder,
					     &request);
			query = extent_query_request(nowhere[i]);
			test_err_extent_query(EINVAL, NDSHM_REASON_ALIGNMENT,
					      self->client, self->holder,
					      &query);
		});
	test_free_extent(self->holder, mine);
	request = extent_free_request(mine);
	test_err_extent_free(ENOENT, NDSHM_REASON_EXTENT_UNKNOWN, self->client,
			     self->holder, &request);
	test_free_extent(other, theirs);
	close(other);
}

/*
 * Holders
 */

/* Closing a holder frees its extents, and those of no other holder. */
TEST_F(extent, death)
{
	int brief = test_attach(self->fd);
	__u64 lost = test_extent(brief, self->page);
	__u64 kept = test_extent(self->holder, self->page);
	struct ndshm_section_query_args query;

	memset(self->map + lost, 1, self->page);
	memset(self->map + kept, 2, self->page);
	EXPECT_EQ(0, close(brief));
	query = test_look(self->fd);
	EXPECT_EQ(1, query.out_holders);
	EXPECT_EQ(1, query.out_extents);
	EXPECT_EQ(self->page, query.out_taken);
	EXPECT_EQ(2, self->map[kept]);
	EXPECT_EQ(lost, test_extent(self->holder, self->page));
	EXPECT_EQ(0, self->map[lost]);
	EXPECT_NE(kept, test_extent(self->holder, self->page));
}

/* A holder lives until the last copy of its descriptor is closed. */
TEST_F(extent, inherited)
{
	int holder = test_attach(self->fd), copy = dup(holder), peer;
	__u64 place = test_extent(holder, self->page);
	pid_t child;

	close(holder);
	EXPECT_EQ(1, test_look(self->fd).out_extents);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		struct ndshm_extent_free_args request = extent_free_request(place);
		struct ndshm_extent_alloc_args more =
			extent_alloc_request(self->page, 0);
		bool good = ndshm_hear(peer) &&
			    !_test_extent_free(copy, &request) &&
			    !_test_extent_alloc(copy, &more);

		_exit(!good);
	}
	close(copy);
	EXPECT_EQ(1, test_look(self->fd).out_extents);
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	EXPECT_TRUE(ndshm_soon(!test_look(self->fd).out_extents));
	EXPECT_EQ(1, test_look(self->fd).out_holders);
}

/* Killing a process that has a thousand extents must free them all. */
TEST_F(extent, killed)
{
	/* At most half of the section. */
	const __u32 count = MAX / self->page / 2 < 3000 ? MAX / self->page / 2 : 3000;
	struct ndshm_section_query_args query;
	pid_t child;
	__u32 i;
	int peer;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		struct ndshm_section_attach_args attach = section_attach_request(0);
		struct ndshm_extent_alloc_args more;

		if (_test_section_attach(self->fd, &attach))
			_exit(1);
		for (i = 0; i < count; i++) {
			more = extent_alloc_request(self->page, 0);
			if (_test_extent_alloc(attach.out_holder, &more))
				_exit(2);
			self->map[more.out_offset] = 1;
		}
		ndshm_signal_peer(peer);
		pause();
	}
	EXPECT_TRUE(ndshm_hear(peer));
	query = test_look(self->fd);
	EXPECT_EQ(count, query.out_extents);
	EXPECT_EQ(2, query.out_holders);
	EXPECT_TRUE(ndshm_end(child, peer, SIGKILL));
	EXPECT_FALSE(ndshm_reap(child));
	close(peer);
	query = test_look(self->fd);
	EXPECT_EQ(0, query.out_extents);
	EXPECT_EQ(0, query.out_taken);
	EXPECT_EQ(1, query.out_holders);
	EXPECT_GE(2 * HUGE, ndshm_committed(self->fd));
	EXPECT_EQ(0, test_extent(self->holder, HUGE));
	EXPECT_TRUE(all_bytes(self->map, HUGE, 0));
}

/*
 * All memory is charged to the creator of the section, including the memory
 * that other users' extents need.
 */
TEST_F(extent, charged_user)
{
	__u64 before = ndshm_locked(self->client), theirs;
	pid_t child;
	int peer;

	if (geteuid())
		SKIP(return, "only root becomes somebody else");
	EXPECT_EQ(0, test_extent(self->holder, HUGE));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		struct ndshm_section_attach_args attach = section_attach_request(0);
		struct ndshm_extent_alloc_args more =
			extent_alloc_request(3 * HUGE, 0);
		bool good;

		/*
		 * User A cannot open the device, but can use the section
		 * descriptor that it inherited.
		 */
		good = ndshm_become(NDSHM_USER_A) && ndshm_open() < 0 &&
		       !_test_section_attach(self->fd, &attach) &&
		       !_test_extent_alloc(attach.out_holder, &more) &&
		       more.out_offset == HUGE;
		theirs = ndshm_locked(self->client);
		good = good && !theirs && ndshm_signal_peer(peer) &&
		       ndshm_hear(peer);
		close(attach.out_holder);
		_exit(!good);
	}
	EXPECT_TRUE(ndshm_hear(peer));
	EXPECT_EQ(before + 3 * HUGE, ndshm_locked(self->client));
	EXPECT_EQ(4 * HUGE, ndshm_committed(self->fd));
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	EXPECT_TRUE(ndshm_soon(ndshm_locked(self->client) <= before + HUGE));
}

/*
 * Concurrency
 */

#define SLOTS	64

struct worker {
	pthread_t thread;
	struct _test_data_extent *test;
	int holder;
	unsigned int seed;
	unsigned int wrong;
	atomic_bool *stop;
};

/* Allocate extents, write a pattern to each and check later that it is unchanged. */
static void *work(void *argument)
{
	struct worker *worker = argument;
	struct _test_data_extent *self = worker->test;
	unsigned int seed = worker->seed, i, round;
	struct {
		__u64 place;
		size_t length;
		unsigned int pattern;
	} slots[SLOTS] = {};

	for (round = 0; !atomic_load(worker->stop); round++) {
		i = rand_r(&seed) % SLOTS;
		if (slots[i].length) {
			struct ndshm_extent_free_args request =
				extent_free_request(slots[i].place);

			worker->wrong +=
				!has_pattern(self->map + slots[i].place,
					     slots[i].length,
					     slots[i].pattern) ||
				_test_extent_free(worker->holder, &request);
			slots[i].length = 0;
		} else {
			size_t length = (1 + rand_r(&seed) % 32) * self->page;
			struct ndshm_extent_alloc_args more =
				extent_alloc_request(length, 0);

			if (_test_extent_alloc(worker->holder, &more)) {
				worker->wrong += errno != ENOSPC;
				continue;
			}
			worker->wrong += !all_bytes(self->map + more.out_offset,
						    length, 0);
			slots[i].place = more.out_offset;
			slots[i].length = length;
			slots[i].pattern = worker->seed + round;
			fill_pattern(self->map + slots[i].place, length,
				     slots[i].pattern);
		}
	}
	for (i = 0; i < SLOTS; i++)
		worker->wrong += slots[i].length &&
				 !has_pattern(self->map + slots[i].place,
					      slots[i].length,
					      slots[i].pattern);
	return NULL;
}

static void work_together(struct __test_metadata *_metadata,
			  struct _test_data_extent *self, const int *holders,
			  unsigned int count)
{
	struct worker workers[8];
	atomic_bool stop = false;
	unsigned int i;

	for (i = 0; i < count; i++) {
		workers[i] = (struct worker){
			.test = self, .holder = holders[i],
			.seed = 1000 * (i + 1), .stop = &stop,
		};
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, work,
					    &workers[i]));
	}
	usleep(ndshm_rounds(2000, 200) * 1000);
	atomic_store(&stop, true);
	for (i = 0; i < count; i++) {
		pthread_join(workers[i].thread, NULL);
		EXPECT_EQ(0, workers[i].wrong);
		ndshm_case(!workers[i].wrong);
	}
}

/* What a full section is about to free counts as free. */
TEST_F(extent, while_memory_is_freed)
{
	const int fd = test_new_section(self->client, self->adapter, 2 * HUGE, 0);
	const unsigned int rounds = ndshm_rounds(1000, 100);
	const int holder = test_attach(fd);
	char *map = (char *)test_map_section(fd, 2 * HUGE);
	unsigned int i;

	for (i = 0; i < rounds; i++) {
		const __u64 place = test_extent(holder, 2 * HUGE);

		map[0] = 1;
		map[HUGE] = 1;
		test_free_extent(holder, place);
		/* Let the kernel begin. */
		sched_yield();
	}
	munmap(map, 2 * HUGE);
	close(holder);
	close(fd);
}

/* No two live extents may overlap, with several threads of one holder, */
TEST_F(extent, threads)
{
	const int holders[] = { self->holder, self->holder, self->holder };

	work_together(_metadata, self, holders, ARRAY_SIZE(holders));
}

/* with several holders, */
TEST_F(extent, holders)
{
	int holders[4], i;

	for (i = 0; i < 4; i++)
		holders[i] = test_attach(self->fd);
	work_together(_metadata, self, holders, 4);
	for (i = 0; i < 4; i++)
		close(holders[i]);
	EXPECT_EQ(0, test_look(self->fd).out_extents);
}

/* and with several processes, some of which are killed. */
TEST_F(extent, processes)
{
	unsigned int round, rounds = ndshm_rounds(40, 8);
	pid_t children[3];
	int peers[3], i;

	for (round = 0; round < rounds; round++) {
		for (i = 0; i < 3; i++) {
			children[i] = ndshm_fork(&peers[i]);
			ASSERT_LE(0, children[i]);
			if (!children[i]) {
				struct ndshm_section_attach_args attach =
					section_attach_request(0);
				atomic_bool stop = false;
				struct worker worker = {
					.test = self, .seed = 10 * round + i,
					.stop = &stop,
				};

				if (_test_section_attach(self->fd, &attach))
					_exit(1);
				worker.holder = attach.out_holder;
				ndshm_signal_peer(peers[i]);
				work(&worker);
				_exit(0);
			}
		}
		for (i = 0; i < 3; i++)
			EXPECT_TRUE(ndshm_hear(peers[i]));
		usleep(1000 * (1 + round % 20));
		for (i = 0; i < 3; i++) {
			EXPECT_TRUE(ndshm_end(children[i], peers[i], SIGKILL));
			EXPECT_FALSE(ndshm_reap(children[i]));
			close(peers[i]);
		}
		EXPECT_EQ(0, test_look(self->fd).out_extents);
	}
	EXPECT_EQ(1, test_look(self->fd).out_holders);
	EXPECT_GE(2 * HUGE, ndshm_committed(self->fd));
}

/*
 * Two holders allocate and free in turn. No page may belong to both, whatever
 * is written to the section.
 */
static void take_turns(struct __test_metadata *_metadata, const int *holders,
		       __u64 max, size_t page, unsigned int rounds)
{
	__u64 places[2][SLOTS] = {}, lengths[2][SLOTS] = {}, at;
	unsigned char *owner = calloc(max / page, 1);
	unsigned int i, number, wrong = 0, seed = 5;

	ASSERT_NE(NULL, owner);
	while (rounds--) {
		number = rand_r(&seed) % 2;
		i = rand_r(&seed) % SLOTS;
		if (lengths[number][i]) {
			struct ndshm_extent_free_args request =
				extent_free_request(places[number][i]);

			wrong += _test_extent_free(holders[number], &request) != 0;
			for (at = 0; at < lengths[number][i]; at += page)
				owner[(places[number][i] + at) / page] = 0;
			lengths[number][i] = 0;
			continue;
		}
		struct ndshm_extent_alloc_args more =
			extent_alloc_request((1 + rand_r(&seed) % 20) * page, 0);

		if (_test_extent_alloc(holders[number], &more)) {
			wrong += errno != ENOSPC;
			continue;
		}
		wrong += more.out_offset % page || more.out_offset >= max ||
			 more.out_length > max - more.out_offset;
		for (at = 0; at < more.out_length && !wrong; at += page) {
			wrong += owner[(more.out_offset + at) / page];
			owner[(more.out_offset + at) / page] = number + 1;
		}
		places[number][i] = more.out_offset;
		lengths[number][i] = more.out_length;
	}
	EXPECT_EQ(0, wrong);
	ndshm_case(!wrong);
	free(owner);
}

/*
 * Another process overwrites the whole section. That may change only the
 * contents, not the allocation.
 */
TEST_F(extent, lsa_contents_are_not_trusted)
{
	const __u64 max = 2 * HUGE;
	int fd = test_new_section(self->client, self->adapter, max, max);
	int holders[2] = { test_attach(fd), test_attach(fd) }, peer;
	unsigned char *map = test_map_section(fd, max);
	unsigned int byte = 0;
	pid_t child;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ndshm_signal_peer(peer);
		for (;;)
			memset(map, ++byte * 37, max);
	}
	EXPECT_TRUE(ndshm_hear(peer));
	take_turns(_metadata, holders, max, self->page,
		   ndshm_rounds(20000, 2000));
	EXPECT_TRUE(ndshm_end(child, peer, SIGKILL));
	EXPECT_FALSE(ndshm_reap(child));
	close(peer);
	close(holders[0]);
	close(holders[1]);
	EXPECT_EQ(0, test_look(fd).out_extents);
	munmap(map, max);
	close(fd);
}

/*
 * DMA segments
 */

/*
 * The segments must add up to the extent, and successive queries must agree
 * page by page.
 */
TEST_F(extent, segments)
{
	struct ndshm_segment all[1024], part[1024];
	struct ndshm_extent_query_args query;
	__u64 places[4], total;
	__u32 i, j;
	int holder;

	if (!ndshm_set_capability(CAP_SYS_RAWIO, true))
		SKIP(return, "addresses are shown to root only");
	holder = test_attach(self->fd);
	places[0] = test_extent(holder, self->page);
	places[1] = test_extent(holder, 3 * HUGE);
	places[2] = test_extent(holder, 3 * self->page);
	places[3] = test_extent(holder, HUGE);
	for (i = 0; i < 4; i++) {
		query = extent_query_request(places[i]);
		test_extent_query(holder, &query);
		ASSERT_LE(1, query.out_segments);
		ASSERT_GE(ARRAY_SIZE(all), query.out_segments);
		query.segments = to_u64(all);
		query.segment_capacity = query.out_segments;
		test_extent_query(holder, &query);
		for (j = 0, total = 0; j < query.out_segments; j++) {
			EXPECT_NE(NDSHM_ADDRESS_HIDDEN, all[j].address);
			EXPECT_EQ(0, all[j].address % self->page);
			total += all[j].length;
		}
		EXPECT_EQ(query.out_length, total);
		query.segments = to_u64(part);
		query.segment_capacity = ARRAY_SIZE(part);
		test_extent_query(holder, &query);
		EXPECT_EQ(0, memcmp(all, part,
				    query.out_segments * sizeof(all[0])));
		if (query.out_segments < 2)
			continue;
		query.segment_capacity = query.out_segments - 1;
		memset(part, 0x5a, sizeof(part));
		test_err_extent_query(ENOSPC, NDSHM_REASON_LIST_SHORT,
				      self->client, holder, &query);
		EXPECT_LT(query.segment_capacity, query.out_segments);
		EXPECT_TRUE(all_bytes(part, sizeof(part), 0x5a));
	}
	query = extent_query_request(places[0]);
	query.segment_capacity = 1;
	test_err_extent_query(EINVAL, NDSHM_REASON_LIST, self->client, holder,
			      &query);
	query = extent_query_request(places[0]);
	query.segments = to_u64(all);
	test_err_extent_query(EINVAL, NDSHM_REASON_LIST, self->client, holder,
			      &query);
	query.segments = 1;
	query.segment_capacity = 1;
	test_err_extent_query(EFAULT, NDSHM_REASON_ADDRESS, self->client,
			      holder, &query);
	close(holder);
	/* The capability at attach decides, and this holder is attached without it. */
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RAWIO, false));
	holder = test_attach(self->fd);
	places[0] = test_extent(holder, self->page);
	query = extent_query_request(places[0]);
	query.segments = to_u64(all);
	query.segment_capacity = 1;
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RAWIO, true));
	test_extent_query(holder, &query);
	EXPECT_EQ(1, query.out_segments);
	EXPECT_EQ(self->page, all[0].length);
	close(holder);
}

TEST_F(extent, sync)
{
	struct ndshm_section_sync_args sync;
	size_t i;
	const struct {
		__u32 direction;
		__u64 offset, length;
		__u32 reason;
	} wrong[] = {
		{ 0, 0, 1, NDSHM_REASON_DIRECTION },
		{ 3, 0, 1, NDSHM_REASON_DIRECTION },
		{ 1, 0, 0, NDSHM_REASON_LENGTH_ZERO },
		{ 1, MAX, 1, NDSHM_REASON_RANGE },
		{ 1, 0, MAX + 1, NDSHM_REASON_RANGE },
		{ 1, MAX - 1, 2, NDSHM_REASON_RANGE },
		{ 1, ~0ULL, ~0ULL, NDSHM_REASON_RANGE },
		{ 1, 1, ~0ULL, NDSHM_REASON_RANGE },
	}, right[] = {
		{ 1, 0, 1, 0 }, { 2, 0, MAX, 0 }, { 1, 3, MAX - 3, 0 },
		{ 2, HUGE - 1, 2, 0 }, { 2, MAX - 1, 1, 0 },
	};

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		sync = section_sync_request(wrong[i].direction,
					    wrong[i].offset, wrong[i].length);
		test_err_section_sync(EINVAL, wrong[i].reason, self->client,
				      self->fd, &sync);
	}
	test_extent(self->holder, 5 * HUGE);
	for (i = 0; i < ARRAY_SIZE(right); i++) {
		sync = section_sync_request(right[i].direction,
					    right[i].offset, right[i].length);
		test_section_sync(self->fd, &sync);
	}
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
