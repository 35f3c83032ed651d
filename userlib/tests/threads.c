// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that share a context, the reason of a thread's last failure, and forks among threads.
 */
#include <sched.h>

#include "test.h"
#include "wrap.h"

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

/* A thread of many has each block for itself, and they are given back meanwhile. */
static void *use_blocks(void *kept)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;

	for (int i = 0; i < ROUNDS; i++) {
		struct ndshm_block_row *rows;
		struct ndshm_block *block;
		void **memory;
		size_t count;

		request.length = 4096ul << i % 3;
		if (ndshm_alloc(ndshm, &request, &block)) {
			wrong++;
			return NULL;
		}
		expect(!ndshm_map(block, (void **)&memory));
		expect(kept || !*memory);
		*memory = &block;
		sched_yield();
		expect(*memory == &block);
		if (!(i % 16)) {
			expect(!ndshm_list_blocks(ndshm, &rows, &count) && count >= 1);
			free(rows);
		}
		ndshm_free(block);
		if (!(i % 64))
			ndshm_trim(ndshm);
	}
	return NULL;
}

/* Without a cache, with one, and with one that is not enough for all of them. */
TEST(threads_use_blocks)
{
	static const uint64_t caches[] = { 0, 1 << 20, 20480 };
	struct ndshm_info info;

	for (size_t i = 0; i < sizeof(caches) / sizeof(caches[0]); i++) {
		CHECK(!ndshm_set_cache(ndshm, caches[i]));
		run_threads(use_blocks, caches[i] ? ndshm : NULL);
		CHECK(!ndshm_get_info(ndshm, &info) && !info.blocks == !caches[i]);
		ndshm_trim(ndshm);
		CHECK(!ndshm_get_info(ndshm, &info) && !info.blocks && !info.bytes);
	}
	CHECK(!ndshm_set_cache(ndshm, 0));
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

/* Each thread fails differently, and must not see another thread's reason. */
static void *fail(void *argument)
{
	static atomic_int number;
	bool zero = number++ % 2;
	struct ndshm_request request = test_request(zero ? 0 : UINT64_MAX);
	struct ndshm_block *block;

	expect(ndshm_last_reason(ndshm) == NDSHM_REASON_NONE &&
	       ndshm_last_status(ndshm) == NDSHM_STATUS_SUCCESS);
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

static int refuse(struct ndshm *on)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *block;

	return ndshm_alloc(on, &request, &block);
}

/* The success of a call does not hide the failure of another context, which a failure does. */
TEST(a_thread_keeps_its_last_failure)
{
	struct ndshm *one, *other;
	struct ndshm_info info;

	REQUIRE(!ndshm_open("memfd:", &one));
	CHECK_REASON(one, refuse(one), LENGTH_ZERO);
	REQUIRE(!ndshm_open("memfd:", &other));
	CHECK_DONE(other, ndshm_get_info(other, &info));
	CHECK(ndshm_last_reason(one) == NDSHM_REASON_LENGTH_ZERO);
	CHECK_REASON(other, refuse(other), LENGTH_ZERO);
	CHECK(ndshm_last_reason(one) == NDSHM_REASON_NONE);
	CHECK(ndshm_last_status(one) == NDSHM_STATUS_SUCCESS);
	CHECK_DONE(other, ndshm_get_info(other, &info));
	ndshm_close(one);
	ndshm_close(other);
}

static pthread_barrier_t barrier;

static struct ndshm *next;

static void *open_next(void *argument)
{
	expect(!ndshm_open("memfd:", &next));
	return argument;
}

static void *fail_and_outlive(void *on)
{
	CHECK_REASON(on, refuse(on), LENGTH_ZERO);
	pthread_barrier_wait(&barrier);
	/* Meanwhile the context is closed, and another one opened, perhaps at its address. */
	pthread_barrier_wait(&barrier);
	CHECK(ndshm_last_reason(next) == NDSHM_REASON_NONE);
	return NULL;
}

/* A context whose opening thread has ended, and which ends before threads that used it. */
TEST(contexts_and_threads_end_in_any_order)
{
	pthread_t threads[THREADS];
	struct ndshm *other;

	wrong = 0;
	test_run_threads(1, open_next, NULL, 0);
	REQUIRE(!wrong);
	other = next;
	CHECK(ndshm_last_reason(other) == NDSHM_REASON_NONE);
	CHECK_REASON(other, refuse(other), LENGTH_ZERO);
	REQUIRE(!pthread_barrier_init(&barrier, NULL, THREADS + 1));
	test_start(threads, THREADS, fail_and_outlive, other, 0);
	pthread_barrier_wait(&barrier);
	CHECK(ndshm_last_reason(other) == NDSHM_REASON_LENGTH_ZERO);
	ndshm_close(other);
	REQUIRE(!ndshm_open("memfd:", &next));
	pthread_barrier_wait(&barrier);
	test_join(threads, THREADS);
	pthread_barrier_destroy(&barrier);
	ndshm_close(next);
}

static atomic_bool stop;

/* Takes the lock of the lists nearly all the time. */
static void *look_until_stopped(void *argument)
{
	refuse(argument);
	while (!stop)
		expect(ndshm_last_reason(argument) == NDSHM_REASON_LENGTH_ZERO);
	return NULL;
}

static void *use_blocks_until_stopped(void *argument)
{
	while (!stop)
		use_blocks(argument);
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
	close_in_children(use_blocks_until_stopped);
	CHECK(!ndshm_set_cache(ndshm, 0));
}

/* Result of pthread_atfork(), if not 0. */
static int fork_error;

WRAP(int, pthread_atfork, void (*before)(void), void (*parent)(void), void (*child)(void))
{
	return fork_error ?: __real_pthread_atfork(before, parent, child);
}

static void open_without_set_up(void)
{
	struct ndshm *none = (void *)1;

	fork_error = ENOMEM;
	CHECK(ndshm_open("memfd:", &none) == -ENOMEM && !none);
}

/* Initialisation is done by the first call of a process. */
static void the_set_up_can_fail(void)
{
	CHECK(test_child(open_without_set_up));
}

int main(void)
{
	RUN(the_set_up_can_fail);
	return test_main(ndshm_open("memfd:", &ndshm), &ndshm);
}
