// SPDX-License-Identifier: GPL-2.0
/*
 * The heap in many threads. LONG=1: ten times as many operations.
 */
#include <sched.h>
#include <semaphore.h>
#include <time.h>

#include "fake_section.h"
#include "heap_internal.h"
#include "test.h"

#define SECTION		(64ul << 20)
#define GRANULE		16
#define THREADS		4
#define SHELVES		512
#define OWN		256

static struct fake_section section;
static struct ndshm_heap *heap;
static atomic_int wrong;
static unsigned int rounds;

/* For each granule: it is in a live block. */
static atomic_uchar *shadow;

/* Blocks that one thread leaves for another to free. */
static _Atomic(char *) shelves[SHELVES];

static void expect(bool good)
{
	if (!good)
		wrong++;
}

static bool open_heap(void)
{
	wrong = 0;
	return CHECK(!fake_section_open(&section, SECTION)) &&
	       CHECK(!ndshm__heap_open(section.base, SECTION, &fake_source, &section, &heap));
}

/* Without live blocks and other threads: all memory must be given back. */
static void close_heap(void)
{
	struct ndshm_heap_stats stats;

	ndshm__heap_trim(heap);
	ndshm__heap_stats(heap, &stats);
	CHECK(!stats.live_blocks && !stats.cached_blocks && !stats.extents && !stats.held_bytes);
	CHECK(!fake_section_extents(&section, 0));
	CHECK(!wrong);
	ndshm__heap_close(heap);
	fake_section_close(&section);
}

#define HEAP_TEST(name)	TEST_WITHIN(name, open_heap(), close_heap())

static size_t random_size(unsigned long number)
{
	/* Mostly small, up to sizes that have an extent of their own. */
	return (number >> 20) % (16ul << (number >> 8) % (number % 64 ? 13 : 16)) + 1;
}

/* Change the shadow of a block, and expect that no other block shares a granule. */
static void mark(const char *block, unsigned int from, unsigned int to)
{
	size_t size = ndshm__heap_usable_size(heap, block);
	size_t first = (block - section.base) / GRANULE;

	expect(size && block >= section.base && block + size <= section.base + SECTION);
	if (!size)
		return;
	/* Both ends and some in between, to limit the time. */
	for (size_t i = 0; i < size; i += size > 4096 ? 1024 : GRANULE)
		expect(atomic_exchange(&shadow[first + i / GRANULE], to) == from);
	if (size > 4096)
		expect(atomic_exchange(&shadow[first + size / GRANULE - 1], to) == from);
}

static char *take(size_t size)
{
	int error = 0;
	char *block = ndshm__heap_alloc(heap, size, &error);

	expect(block != NULL || error == -ENOSPC);
	if (block)
		mark(block, 0, 1);
	return block;
}

static void drop(char *block)
{
	if (!block)
		return;
	mark(block, 1, 0);
	expect(!ndshm__heap_free(heap, block));
}

static void *come_and_go(void *argument)
{
	static atomic_ulong number;
	uint64_t state = 88172645463325252 + 7919 * ++number;
	char *own[OWN] = { NULL };

	for (unsigned int i = 0; i < rounds; i++) {
		unsigned long random = test_random(&state);
		char **block = &own[random % OWN];

		if (random >> 60 == 0) {
			/* Another thread will free it. */
			*block = atomic_exchange(&shelves[(random >> 32) % SHELVES], *block);
			continue;
		}
		drop(*block);
		*block = take(random_size(test_random(&state)));
		if (random >> 60 == 1) {
			/* A misuse must have no effect. */
			expect(ndshm__heap_free(heap, &own[0]) == -EINVAL);
			if (*block)
				expect(ndshm__heap_free(heap, *block + 16 * (random % 2) + 1) ==
				       -EINVAL);
		}
	}
	for (int i = 0; i < OWN; i++)
		drop(own[i]);
	return argument;
}

static atomic_bool stop;

/*
 * Run threads that allocate, and that free each other's blocks, while another one runs @beside, if
 * any: a block belongs to one thread at a time. The rounds are the usual ones by @share.
 */
static void come_and_go_beside(void *(*beside)(void *argument), unsigned int share)
{
	unsigned int all = rounds;
	pthread_t thread;

	REQUIRE(open_heap());
	shadow = calloc(SECTION / GRANULE, 1);
	REQUIRE(shadow);
	stop = false;
	rounds /= share;
	REQUIRE(!beside || !pthread_create(&thread, NULL, beside, NULL));
	test_run_threads(THREADS, come_and_go, NULL, 0);
	stop = true;
	rounds = all;
	if (beside)
		pthread_join(thread, NULL);
	for (int i = 0; i < SHELVES; i++)
		drop(atomic_exchange(&shelves[i], NULL));
	free(shadow);
	close_heap();
}

CALL_TEST(threads_free_each_others, come_and_go_beside(NULL, 1))

/* A peer that overwrites the section's contents. */
static void *overwrite(void *argument)
{
	uint64_t state = 4101842887655102017;

	while (!stop) {
		/* The lower part is in use. */
		unsigned long at = test_random(&state) % (8ul << 20) / 4096 * 4096;

		for (unsigned int i = 0; i < 4096; i += 8)
			__atomic_store_n((unsigned long *)(section.base + at + i), state + i,
					 __ATOMIC_RELAXED);
	}
	return argument;
}

CALL_TEST(a_hostile_peer_spoils_contents_only, come_and_go_beside(overwrite, 1))

enum { RACES = 3000 };

static char *contested[RACES];
static atomic_int arrived[RACES], won[RACES];

static void *free_the_same(void *argument)
{
	for (int i = 0; i < RACES; i++) {
		arrived[i]++;
		while (arrived[i] < THREADS)
			sched_yield();
		if (!ndshm__heap_free(heap, contested[i]))
			won[i]++;
	}
	return argument;
}

/* Of concurrent frees of a block exactly one succeeds. */
HEAP_TEST(one_of_many_frees)
{
	static const size_t sizes[] = { 64, 3000, 20000, 100000, 300000 };
	int error;

	for (int i = 0; i < RACES; i++) {
		size_t size = i % 100 ? sizes[i % 2] : sizes[2 + i / 100 % 3];

		REQUIRE((contested[i] = ndshm__heap_alloc(heap, size, &error)));
	}
	test_run_threads(THREADS, free_the_same, NULL, 0);
	for (int i = 0; i < RACES; i++)
		CHECK(won[i] == 1);
}

static void *leave_some(void *argument)
{
	char **blocks = argument;
	int error;

	for (int i = 0; i < 500; i++) {
		blocks[i] = ndshm__heap_alloc(heap, 200, &error);
		expect(blocks[i]);
	}
	for (int i = 0; i < 400; i++)
		expect(!ndshm__heap_free(heap, blocks[i]));
	return NULL;
}

HEAP_TEST(a_thread_leaves_its_cache)
{
	struct ndshm_heap_stats stats;
	static char *blocks[500];

	for (int i = 0; i < 20; i++) {
		test_run_threads(1, leave_some, blocks, 0);
		ndshm__heap_stats(heap, &stats);
		CHECK(stats.live_blocks == 100 && stats.live_bytes == 100 * 208);
		CHECK(!stats.cached_blocks);
		/* A double free is detected in each state. */
		for (int j = 0; j < 400; j++)
			CHECK(ndshm__heap_free(heap, blocks[j]) == -EINVAL);
		for (int j = 400; j < 500; j++)
			CHECK(!ndshm__heap_free(heap, blocks[j]));
		ndshm__heap_trim(heap);
	}
}

static pthread_barrier_t barrier;

/* Uses the next heap with a cache of a closed one. */
static void *outlive_heaps(void *argument)
{
	int error;

	for (int i = 0; i < 5; i++) {
		pthread_barrier_wait(&barrier);
		for (int j = 0; j < 50; j++)
			expect(!ndshm__heap_free(heap, ndshm__heap_alloc(heap, 64 + j, &error)));
		pthread_barrier_wait(&barrier);
	}
	return argument;
}

TEST(heaps_end_before_threads)
{
	pthread_t threads[THREADS];

	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	test_start(threads, THREADS, outlive_heaps, NULL, 0);
	for (int i = 0; i < 5; i++) {
		CHECK(open_heap());
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		CHECK(!wrong);
		ndshm__heap_close(heap);
		CHECK(!fake_section_extents(&section, 0));
		fake_section_close(&section);
	}
	test_join(threads, THREADS);
	pthread_barrier_destroy(&barrier);
}

static struct ndshm_heap *other;
static sem_t alternated;

static void alternate(unsigned int times)
{
	int error;

	for (unsigned int i = 0; i < times; i++) {
		expect(!ndshm__heap_free(heap, ndshm__heap_alloc(heap, 64, &error)));
		expect(!ndshm__heap_free(other, ndshm__heap_alloc(other, 64, &error)));
	}
}

static void *alternate_twice(void *argument)
{
	alternate(1);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	alternate(1000);
	sem_post(&alternated);
	return argument;
}

/* A thread that uses two heaps in turn has a cache of each, and takes no lock for a block. */
HEAP_TEST(heaps_are_used_in_turn)
{
	struct timespec until;
	struct fake_section second;
	pthread_t thread;

	REQUIRE(!fake_section_open(&second, SECTION));
	REQUIRE(!ndshm__heap_open(second.base, SECTION, &fake_source, &second, &other));
	pthread_barrier_init(&barrier, NULL, 2);
	sem_init(&alternated, 0, 0);
	REQUIRE(!pthread_create(&thread, NULL, alternate_twice, NULL));
	pthread_barrier_wait(&barrier);
	ndshm__heap_lock(heap);
	ndshm__heap_lock(other);
	pthread_barrier_wait(&barrier);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 30;
	CHECK(!sem_timedwait(&alternated, &until));
	ndshm__heap_unlock(other);
	ndshm__heap_unlock(heap);
	pthread_join(thread, NULL);
	sem_destroy(&alternated);
	ndshm__heap_close(other);
	CHECK(!fake_section_extents(&second, 0));
	fake_section_close(&second);
	pthread_barrier_destroy(&barrier);
}

/* Fills its cache, and is idle until the second barrier. */
static void *idle(void *argument)
{
	char *blocks[OWN];
	int error;

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < OWN; i++)
			expect((blocks[i] = ndshm__heap_alloc(heap, 16 + i * 200, &error)));
		for (int i = 0; i < OWN; i++)
			expect(!ndshm__heap_free(heap, blocks[i]));
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
	}
	return argument;
}

/* Memory in the cache of a thread that makes no call is available to all others. */
HEAP_TEST(caches_of_idle_threads_are_emptied)
{
	pthread_t threads[THREADS];
	struct ndshm_heap_stats stats;
	int error = 0;
	char *all;

	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	test_start(threads, THREADS, idle, NULL, 0);
	pthread_barrier_wait(&barrier);
	ndshm__heap_stats(heap, &stats);
	CHECK(!stats.live_blocks && stats.cached_blocks && stats.held_bytes);
	ndshm__heap_trim(heap);
	ndshm__heap_stats(heap, &stats);
	CHECK(!stats.cached_blocks && !stats.extents && !stats.held_bytes);
	pthread_barrier_wait(&barrier);
	/* The threads can go on, and have full caches again. */
	pthread_barrier_wait(&barrier);
	ndshm__heap_stats(heap, &stats);
	CHECK(stats.cached_blocks);
	all = ndshm__heap_alloc(heap, SECTION, &error);
	CHECK(all && !ndshm__heap_free(heap, all));
	pthread_barrier_wait(&barrier);
	test_join(threads, THREADS);
	pthread_barrier_destroy(&barrier);
}

/* Stops between two instructions of an allocation. */
static void *stop_while_busy(void *argument)
{
	int error;

	expect(!ndshm__heap_free(heap, ndshm__heap_alloc(heap, 64, &error)));
	expect(ndshm__cache_begin(ndshm__cache, heap));
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	ndshm__cache_end(ndshm__cache);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return argument;
}

/* A purge neither changes a cache that is in use nor waits for its thread. */
HEAP_TEST(busy_caches_are_left_alone)
{
	struct ndshm_heap_stats stats;
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	REQUIRE(!pthread_create(&thread, NULL, stop_while_busy, NULL));
	pthread_barrier_wait(&barrier);
	ndshm__heap_trim(heap);
	ndshm__heap_stats(heap, &stats);
	CHECK(stats.cached_blocks);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	ndshm__heap_trim(heap);
	ndshm__heap_stats(heap, &stats);
	CHECK(!stats.cached_blocks);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
}

static void *trim(void *argument)
{
	while (!stop)
		ndshm__heap_trim(heap);
	return argument;
}

CALL_TEST(caches_are_emptied_amid_threads, come_and_go_beside(trim, 20))

static pthread_key_t late_key;

static void free_late(void *block)
{
	expect(!ndshm__heap_free(heap, block));
}

static void *end_with_a_block(void *argument)
{
	int error;

	expect(!pthread_setspecific(late_key, ndshm__heap_alloc(heap, 64, &error)));
	return argument;
}

/* The destructor of another key may run after the cache's. */
HEAP_TEST(a_thread_frees_at_its_end)
{
	REQUIRE(!pthread_key_create(&late_key, free_late));
	test_run_threads(THREADS, end_with_a_block, NULL, 0);
	pthread_key_delete(late_key);
}

static void *look(void *argument)
{
	struct ndshm_heap_stats stats;

	while (!stop) {
		ndshm__heap_stats(heap, &stats);
		expect(stats.live_bytes <= stats.held_bytes);
	}
	return argument;
}

static unsigned int source_calls;

static void *need_the_lock(void *argument)
{
	struct ndshm_heap_stats stats;

	ndshm__heap_stats(heap, &stats);
	return argument;
}

static void run_beside(void)
{
	struct timespec deadline;
	pthread_t thread;

	source_calls++;
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += 30;
	expect(!pthread_create(&thread, NULL, need_the_lock, NULL));
	if (pthread_timedjoin_np(thread, NULL, &deadline)) {
		fprintf(stderr, "a thread waits for a call of the source by another\n");
		abort();
	}
}

/* System calls take long, in particular those that zero memory. */
HEAP_TEST(the_source_blocks_no_other_thread)
{
	static const size_t sizes[] = { 16, 3000, 64 << 10, 200 << 10, 300 << 10, 1 << 20 };
	char *blocks[60];
	int error;

	section.during = run_beside;
	source_calls = 0;
	for (size_t i = 0; i < 60; i++)
		expect((blocks[i] = ndshm__heap_alloc(heap, sizes[i % 6], &error)));
	CHECK(source_calls >= 20 + 2);
	source_calls = 0;
	/* One extent of 300 KiB is kept at a time: each one replaces the one before. */
	for (size_t i = 0; i < 60; i++)
		expect(!ndshm__heap_free(heap, blocks[i]));
	CHECK(source_calls >= 10 + 9);
	source_calls = 0;
	ndshm__heap_trim(heap);
	CHECK(source_calls >= 1);
	section.during = NULL;
}

static sem_t returning, refused;
static _Atomic uint64_t gated_offset;

static int alloc_gated(void *context, uint64_t length, uint64_t alignment, uint64_t *offset)
{
	int error = fake_source.alloc(context, length, alignment, offset);

	if (error)
		sem_post(&refused);
	return error;
}

/* That of @gated_offset ends some time after the source has refused an allocation. */
static int free_gated(void *context, uint64_t offset)
{
	uint64_t gated = offset;

	if (!atomic_compare_exchange_strong(&gated_offset, &gated, UINT64_MAX))
		return fake_source.free(context, offset);
	sem_post(&returning);
	while (sem_wait(&refused))
		;
	for (int i = 0; i < 1000; i++)
		sched_yield();
	return fake_source.free(context, offset);
}

static void *free_one(void *block)
{
	expect(!ndshm__heap_free(heap, block));
	return NULL;
}

/* Blocks of which each is an extent that is not kept. */
static void *come_and_go_large(void *argument)
{
	int error;

	while (!stop)
		expect(!ndshm__heap_free(heap, ndshm__heap_alloc(heap, SECTION / 64, &error)));
	return argument;
}

/*
 * An allocation waits for the memory that another thread returns to the source meanwhile, not only
 * for what a third one has returned since.
 */
TEST(what_leaves_comes_back)
{
	static const struct ndshm_extent_source gated = {
		.alloc = alloc_gated,
		.free = free_gated,
	};
	pthread_t thread, beside;
	char *block;
	int error;

	wrong = 0;
	stop = false;
	REQUIRE(!fake_section_open(&section, SECTION) && !sem_init(&returning, 0, 0) &&
		!sem_init(&refused, 0, 0) &&
		!ndshm__heap_open(section.base, SECTION, &gated, &section, &heap));
	block = ndshm__heap_alloc(heap, SECTION / 4 * 3, &error);
	REQUIRE(block && !pthread_create(&beside, NULL, come_and_go_large, NULL));
	for (int i = 0; i < 20 && CHECK(block); i++) {
		gated_offset = block - section.base;
		REQUIRE(!pthread_create(&thread, NULL, free_one, block));
		sem_wait(&returning);
		block = ndshm__heap_alloc(heap, SECTION / 4 * 3, &error);
		pthread_join(thread, NULL);
		while (!sem_trywait(&refused))
			;
	}
	stop = true;
	pthread_join(beside, NULL);
	CHECK(!block || !ndshm__heap_free(heap, block));
	close_heap();
	sem_destroy(&returning);
	sem_destroy(&refused);
}

CALL_TEST(statistics_amid_threads, come_and_go_beside(look, 20))

int main(void)
{
	rounds = getenv("LONG") ? 3000000 : 300000;
#ifdef __SANITIZE_THREAD__
	rounds /= 15;
#endif
	test_run_all();
	return test_end();
}
