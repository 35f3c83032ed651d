// SPDX-License-Identifier: GPL-2.0
/*
 * The reason of a thread's last failure when threads, contexts and memory end in an
 * unusual order.
 */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "wrap.h"

/* Results of the thread library's functions, if not 0. */
static int key_error, fork_error, value_error;

int __real_pthread_key_create(pthread_key_t *key, void (*end)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*end)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*end)(void *))
{
	return key_error ?: __real_pthread_key_create(key, end);
}

int __real_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void));
int __wrap_pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void))
{
	return fork_error ?: __real_pthread_atfork(before, parent, child);
}

int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
	return value_error ?: __real_pthread_setspecific(key, value);
}

/* In a process that has not used the library yet. */
static void check_first_open_fails(int error)
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		struct ndshm *ndshm = (void *)1;
		bool good = ndshm_open("memfd:", &ndshm) == -error && !ndshm;

		/* The program may delete a key of its own meanwhile. */
		if (key_error) {
			key_error = 0;
			good = good && !ndshm_open("memfd:", &ndshm);
			ndshm_close(ndshm);
		}
		/* exit() instead of _exit(), so that leaks are reported. */
		exit(good ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* Initialisation of the process is done by the first call. */
static void the_set_up_can_fail(void)
{
	key_error = EAGAIN;
	check_first_open_fails(EAGAIN);
	key_error = 0;
	fork_error = ENOMEM;
	check_first_open_fails(ENOMEM);
	fork_error = 0;
}

static void in_a_thread(void *(*body)(void *), void *argument)
{
	pthread_t thread;

	REQUIRE(!pthread_create(&thread, NULL, body, argument));
	pthread_join(thread, NULL);
}

/* Refused by the library, without another allocation. */
static int refuse(struct ndshm *ndshm)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *none;

	return ndshm_alloc_many(ndshm, &request, &none, 0);
}

static void *open_without_room(void *argument)
{
	struct ndshm *ndshm = (void *)1;

	(void)argument;
	value_error = ENOMEM;
	CHECK(ndshm_open("memfd:", &ndshm) == -ENOMEM && !ndshm);
	value_error = 0;
	CHECK(ndshm_open("memfd:", &ndshm) == 0);
	CHECK(refuse(ndshm) == -EINVAL);
	CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_COUNT);
	ndshm_close(ndshm);
	return NULL;
}

static void a_new_thread_needs_room_to_open(void)
{
	in_a_thread(open_without_room, NULL);
}

static void *fail_without_room(void *ndshm)
{
	value_error = ENOMEM;
	CHECK(refuse(ndshm) == -EINVAL);
	CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_NONE);
	CHECK(ndshm_last_status(ndshm) == NDSHM_STATUS_SUCCESS);
	value_error = 0;
	CHECK_FAILS(ndshm, refuse(ndshm), EINVAL, COUNT, INVALID_PARAMETER);
	return NULL;
}

static void *fail_without_memory(void *ndshm)
{
	wrap_fail_nth(1);
	CHECK(refuse(ndshm) == -EINVAL);
	CHECK(wrap_has_failed());
	wrap_fail_nth(0);
	CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_NONE);
	CHECK_FAILS(ndshm, refuse(ndshm), EINVAL, COUNT, INVALID_PARAMETER);
	return NULL;
}

/* Without memory the reason may be lost, but not the errno. */
static void without_memory_the_errno_arrives(void)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *block;
	struct ndshm *ndshm;

	REQUIRE(!ndshm_open("memfd:", &ndshm));
	CHECK(ndshm_alloc(ndshm, &request, &block) == -EINVAL);
	in_a_thread(fail_without_room, ndshm);
	in_a_thread(fail_without_memory, ndshm);
	/* Failures in other threads do not change this thread's reason. */
	CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_LENGTH_ZERO);
	ndshm_close(ndshm);
}

#define THREADS	3

static pthread_barrier_t barrier;

static void *fail_and_outlive(void *ndshm)
{
	CHECK_FAILS(ndshm, refuse(ndshm), EINVAL, COUNT, INVALID_PARAMETER);
	pthread_barrier_wait(&barrier);
	/* Meanwhile the context is closed, with its state of this thread. */
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void a_context_ends_before_its_threads(void)
{
	pthread_t threads[THREADS];
	struct ndshm *ndshm, *other;

	REQUIRE(!ndshm_open("memfd:", &ndshm) && !ndshm_open("memfd:", &other));
	REQUIRE(!pthread_barrier_init(&barrier, NULL, THREADS + 1));
	for (int i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, fail_and_outlive, ndshm));
	pthread_barrier_wait(&barrier);
	ndshm_close(ndshm);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	CHECK_FAILS(other, refuse(other), EINVAL, COUNT, INVALID_PARAMETER);
	ndshm_close(other);
}

int main(void)
{
	RUN(the_set_up_can_fail);
	RUN(a_new_thread_needs_room_to_open);
	RUN(without_memory_the_errno_arrives);
	RUN(a_context_ends_before_its_threads);
	return test_end();
}
