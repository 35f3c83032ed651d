// SPDX-License-Identifier: GPL-2.0
/*
 * The reason of a thread's last failure with several threads and contexts.
 */
#include "test.h"
#include "wrap.h"

/* Result of pthread_atfork(), if not 0. */
static int fork_error;

WRAP(int, pthread_atfork, void (*before)(void), void (*parent)(void), void (*child)(void))
{
	return fork_error ?: __real_pthread_atfork(before, parent, child);
}

/* Initialisation is done by the first call of a process. */
TEST(the_set_up_can_fail)
{
	pid_t pid;

	fork_error = ENOMEM;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		struct ndshm *ndshm = (void *)1;

		/* exit() instead of _exit(), so that leaks are reported. */
		exit(ndshm_open("memfd:", &ndshm) != -ENOMEM || ndshm);
	}
	CHECK(!test_wait(pid));
	fork_error = 0;
}

/* Refused by the library, without another allocation. */
static int refuse(struct ndshm *ndshm)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *none;

	return ndshm_alloc_many(ndshm, &request, &none, 0);
}

static void *fail_beside(void *ndshm)
{
	CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_NONE);
	CHECK(ndshm_last_status(ndshm) == NDSHM_STATUS_SUCCESS);
	CHECK_REASON(ndshm, refuse(ndshm), COUNT);
	return NULL;
}

TEST(threads_have_reasons_of_their_own)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *block;
	struct ndshm *ndshm;

	REQUIRE(!ndshm_open("memfd:", &ndshm));
	CHECK(ndshm_alloc(ndshm, &request, &block) == -EINVAL);
	test_run_threads(1, fail_beside, ndshm, 0);
	CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_LENGTH_ZERO);
	ndshm_close(ndshm);
}

/* The success of a call does not hide the failure of another context, which a failure does. */
TEST(a_thread_keeps_its_last_failure)
{
	struct ndshm *one, *other;
	struct ndshm_info info;

	REQUIRE(!ndshm_open("memfd:", &one));
	CHECK_REASON(one, refuse(one), COUNT);
	REQUIRE(!ndshm_open("memfd:", &other));
	CHECK_DONE(other, ndshm_get_info(other, &info));
	CHECK(ndshm_last_reason(one) == NDSHM_REASON_COUNT);
	CHECK_REASON(other, refuse(other), COUNT);
	CHECK(ndshm_last_reason(one) == NDSHM_REASON_NONE);
	CHECK(ndshm_last_status(one) == NDSHM_STATUS_SUCCESS);
	CHECK_DONE(other, ndshm_get_info(other, &info));
	ndshm_close(one);
	ndshm_close(other);
}

#define THREADS	3

static pthread_barrier_t barrier;

static struct ndshm *next;

static void *fail_and_outlive(void *ndshm)
{
	CHECK_REASON(ndshm, refuse(ndshm), COUNT);
	pthread_barrier_wait(&barrier);
	/* Meanwhile the context is closed, and another one opened, perhaps at its address. */
	pthread_barrier_wait(&barrier);
	CHECK(ndshm_last_reason(next) == NDSHM_REASON_NONE);
	return NULL;
}

TEST(a_context_ends_before_its_threads)
{
	pthread_t threads[THREADS];
	struct ndshm *ndshm;

	REQUIRE(!ndshm_open("memfd:", &ndshm));
	REQUIRE(!pthread_barrier_init(&barrier, NULL, THREADS + 1));
	test_start(threads, THREADS, fail_and_outlive, ndshm, 0);
	pthread_barrier_wait(&barrier);
	ndshm_close(ndshm);
	REQUIRE(!ndshm_open("memfd:", &next));
	pthread_barrier_wait(&barrier);
	test_join(threads, THREADS);
	pthread_barrier_destroy(&barrier);
	ndshm_close(next);
}

TEST_MAIN
