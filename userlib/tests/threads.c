// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that share a context, and forks among them.
 */
#include <sched.h>

#include "test.h"

#define THREADS	4
#define ROUNDS	400

static struct ndshm *ndshm;
static atomic_int wrong;

static void expect(bool good)
{
	if (!good)
		wrong++;
}

static void run_threads(void *(*body)(void *), void *argument)
{
	wrong = 0;
	test_run_threads(THREADS, body, argument, 0);
	CHECK(!wrong);
}

static void *allocate(void *argument)
{
	struct ndshm_request request = test_request(8192);

	(void)argument;
	for (int i = 0; i < ROUNDS; i++) {
		struct ndshm_block *block;
		unsigned int *memory;

		if (ndshm_alloc(ndshm, &request, &block)) {
			wrong++;
			return NULL;
		}
		expect(!ndshm_map(block, (void **)&memory));
		expect(memory[0] == 0);
		memory[0] = ndshm_block_handle(block);
		expect(memory[0] == ndshm_block_handle(block));
		ndshm_free(block);
	}
	return NULL;
}

TEST(threads_allocate)
{
	struct ndshm_info info;

	run_threads(allocate, NULL);
	CHECK(!ndshm_get_info(ndshm, &info) && info.blocks == 0 && info.bytes == 0);
}

/* A thread of many has each block for itself, and they are given back meanwhile. */
static void *use_cache(void *argument)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;

	(void)argument;
	for (int i = 0; i < ROUNDS; i++) {
		struct ndshm_block *block;
		void **memory;

		request.length = 4096ul << i % 3;
		if (ndshm_alloc(ndshm, &request, &block)) {
			wrong++;
			return NULL;
		}
		expect(!ndshm_map(block, (void **)&memory));
		*memory = &block;
		sched_yield();
		expect(*memory == &block);
		ndshm_free(block);
		if (!(i % 64))
			ndshm_trim(ndshm);
	}
	return NULL;
}

TEST(threads_share_a_cache)
{
	struct ndshm_info info;

	CHECK(!ndshm_set_cache(ndshm, 1 << 20));
	run_threads(use_cache, NULL);
	CHECK(!ndshm_get_info(ndshm, &info) && info.blocks);
	ndshm_trim(ndshm);
	CHECK(!ndshm_get_info(ndshm, &info) && info.blocks == 0 && info.bytes == 0);
	/* Not enough for all of them. */
	CHECK(!ndshm_set_cache(ndshm, 20480));
	run_threads(use_cache, NULL);
	CHECK(!ndshm_set_cache(ndshm, 0));
	CHECK(!ndshm_get_info(ndshm, &info) && info.blocks == 0 && info.bytes == 0);
}

/* Mappings that one thread of threads_map_one_block() got, by round. */
struct mapper {
	pthread_t thread;
	void *memory[ROUNDS];
};

static struct ndshm_block *fresh[ROUNDS];
static atomic_int arrived[ROUNDS];

static void *map(void *argument)
{
	struct mapper *mapper = argument;

	for (int i = 0; i < ROUNDS; i++) {
		/* Spin: a thread that sleeps would start too late. */
		arrived[i]++;
		while (arrived[i] < THREADS)
			sched_yield();
		expect(!ndshm_map(fresh[i], &mapper->memory[i]));
	}
	return NULL;
}

/* Concurrent first mappings of a block share one mapping. */
TEST(threads_map_one_block)
{
	struct ndshm_request request = test_request(1);
	static struct mapper mappers[THREADS];

	for (int i = 0; i < ROUNDS; i++)
		REQUIRE(!ndshm_alloc(ndshm, &request, &fresh[i]));
	wrong = 0;
	for (int i = 0; i < THREADS; i++)
		REQUIRE(!pthread_create(&mappers[i].thread, NULL, map, &mappers[i]));
	for (int i = 0; i < THREADS; i++)
		pthread_join(mappers[i].thread, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		for (int j = 1; j < THREADS; j++)
			expect(mappers[j].memory[i] == mappers[0].memory[i]);
		ndshm_free(fresh[i]);
	}
	CHECK(!wrong);
}

static void *look(void *argument)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_block_row *rows;
	struct ndshm_block *block;
	size_t count;

	for (int i = 0; i < ROUNDS; i++) {
		expect(!ndshm_alloc(ndshm, &request, &block));
		expect(!ndshm_list_blocks(ndshm, &rows, &count) && count >= 1);
		free(rows);
		ndshm_free(block);
	}
	return argument;
}

CALL_TEST(threads_list, run_threads(look, NULL))

/* Each thread fails differently, and must not see another thread's reason. */
static void *fail(void *argument)
{
	static atomic_int number;
	bool zero = number++ % 2;
	struct ndshm_request request = test_request(zero ? 0 : UINT64_MAX);
	struct ndshm_block *block;

	expect(ndshm_last_reason(ndshm) == NDSHM_REASON_NONE);
	for (int i = 0; i < ROUNDS; i++) {
		expect(ndshm_alloc(ndshm, &request, &block) == (zero ? -EINVAL : -EOVERFLOW));
		expect(ndshm_last_reason(ndshm) == (zero ? NDSHM_REASON_LENGTH_ZERO :
							   NDSHM_REASON_LENGTH_OVERFLOW));
	}
	return argument;
}

TEST(the_reason_is_the_threads)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_block *block;

	request.usage = NDSHM_USAGE_MAX;
	CHECK(ndshm_alloc(ndshm, &request, &block) == -EINVAL);
	/* Twice: the second threads may reuse the places of the first. */
	run_threads(fail, NULL);
	run_threads(fail, NULL);
	CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_USAGE);
}

static void *fail_once(void *argument)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *block;

	expect(ndshm_alloc(argument, &request, &block) == -EINVAL);
	return NULL;
}

static void *open_for_others(void *argument)
{
	expect(!ndshm_open("memfd:", argument));
	return NULL;
}

/* A context whose opening thread has ended, and threads that outlive their contexts. */
TEST(contexts_and_threads_end_in_any_order)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *block;
	struct ndshm *other;

	wrong = 0;
	test_run_threads(1, open_for_others, &other, 0);
	REQUIRE(!wrong && other);
	CHECK(ndshm_last_reason(other) == NDSHM_REASON_NONE);
	CHECK(ndshm_alloc(other, &request, &block) == -EINVAL);
	CHECK(ndshm_last_reason(other) == NDSHM_REASON_LENGTH_ZERO);
	run_threads(fail_once, other);
	CHECK(ndshm_last_reason(other) == NDSHM_REASON_LENGTH_ZERO);
	ndshm_close(other);
}

static atomic_bool stop;

/* Takes the lock of the lists nearly all the time. */
static void *look_until_stopped(void *argument)
{
	fail_once(argument);
	while (!stop)
		expect(ndshm_last_reason(argument) == NDSHM_REASON_LENGTH_ZERO);
	return NULL;
}

static void *use_cache_until_stopped(void *argument)
{
	while (!stop)
		use_cache(argument);
	return NULL;
}

/* A fork at any moment leaves a context that the child can close. */
static void close_in_children(void *(*body)(void *))
{
	pthread_t threads[THREADS];

	wrong = 0;
	stop = false;
	test_start(threads, THREADS, body, ndshm, 0);
	for (int i = 0; i < 50; i++) {
		pid_t pid = fork();

		if (!pid) {
			alarm(20);
			ndshm_close(ndshm);
			_exit(0);
		}
		if (!CHECK(!test_wait(pid)))
			break;
	}
	stop = true;
	test_join(threads, THREADS);
	CHECK(!wrong);
}

CALL_TEST(a_child_can_close_amid_threads, close_in_children(look_until_stopped))

/* Some find its lock taken. */
TEST(a_child_can_close_amid_a_cache)
{
	CHECK(!ndshm_set_cache(ndshm, 1 << 20));
	close_in_children(use_cache_until_stopped);
	CHECK(!ndshm_set_cache(ndshm, 0));
}

CONTEXT_MAIN(ndshm_open("memfd:", &ndshm))
