/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tests of one program: TAP on stdout, and a last line "N passed, N failed".
 */
#ifndef NDSHM_TEST_H
#define NDSHM_TEST_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ndshm/section.h>

/* C++ 17 has neither designated initialisers nor C's atomic types. */
#ifndef __cplusplus
#include <stdatomic.h>

#include "../../selftests/lib/ndshm_reasons.h"
#endif

struct test_case {
	const char *name;
	void (*body)(void);
	int line;
	struct test_case *next;
};

static struct test_case *test_cases;
static int test_passed, test_failed;
static bool test_bad;

#define CHECK(condition) test_check((condition), __FILE__, __LINE__, #condition)

/* Ends the test if the condition is false. */
#define REQUIRE(condition) do { \
	if (!CHECK(condition)) \
		return; \
} while (0)

/* Expect this reason, with the status and the errno that the contract gives it. */
#define CHECK_REASON(ndshm, call, reason) \
	test_check_reason(ndshm, call, NDSHM_REASON_##reason, __FILE__, __LINE__, #call)

/* Expect this errno, without a reason. */
#define CHECK_ERRNO(ndshm, call, error) \
	test_check_call(ndshm, call, error, NDSHM_REASON_NONE, NDSHM_STATUS_SUCCESS, \
			__FILE__, __LINE__, #call)

#define CHECK_DONE(ndshm, call)	CHECK_ERRNO(ndshm, call, 0)

/* Define a test, which test_run_all() runs. Its body follows. */
#define TEST(name) \
	static void name(void); \
	static struct test_case name##_case = { #name, name, __LINE__, NULL }; \
	static __attribute__((constructor)) void name##_add(void) \
	{ \
		test_add(&name##_case); \
	} \
	static void name(void)

/* A test that is one call. */
#define CALL_TEST(name, call) \
	TEST(name) \
	{ \
		call; \
	}

/* A test after @begin, which must be true, and before @end, which ends it in any case. */
#define TEST_WITHIN(name, begin, end) \
	static void name##_within(void); \
	TEST(name) \
	{ \
		REQUIRE(begin); \
		name##_within(); \
		end; \
	} \
	static void name##_within(void)

/* A test of one object of a type, which @begin returns and @end frees. */
#define TEST_WITH(name, type, object, begin, end) \
	static void name##_with(type object); \
	TEST(name) \
	{ \
		type object = begin; \
		\
		REQUIRE(object); \
		name##_with(object); \
		end; \
	} \
	static void name##_with(type object)

/* For a test that only some runs of the program have. */
#define RUN(test) test_run(#test, test)

static inline bool test_check(bool good, const char *file, int line, const char *condition)
{
	if (!good) {
		printf("# %s:%d: %s\n", file, line, condition);
		test_bad = true;
	}
	return good;
}

static inline void test_check_call(const struct ndshm *ndshm, int ret, int error, uint32_t reason,
				   uint32_t status, const char *file, int line, const char *call)
{
	const uint32_t got = ndshm_last_reason(ndshm), got_status = ndshm_last_status(ndshm);

	if (!test_check(ret == -error && got == reason && got_status == status, file, line, call))
		printf("# got %d, %s, %s\n", ret, ndshm_reason_name(got),
		       ndshm_status_name(got_status));
}

#ifndef __cplusplus
/* Reasons of the library, from 0x10000 on: above all numbers of the module. */
static const struct ndshm_expected test_reasons[] = {
	{ "POINTER_FOREIGN", NDSHM_STATUS_INVALID_PARAMETER, EINVAL },
	{ "POINTER_INTERIOR", NDSHM_STATUS_INVALID_PARAMETER, EINVAL },
	{ "POINTER_FREED", NDSHM_STATUS_INVALID_PARAMETER, EINVAL },
	{ "POINTER_LENT", NDSHM_STATUS_INVALID_STATE, EBUSY },
	{ "NETLINK_REFUSED", NDSHM_STATUS_OPEN_FAILED, EAFNOSUPPORT },
	{ "MAPPINGS", NDSHM_STATUS_RESOURCES, ENOMEM },
	{ "MLOCKALL", NDSHM_STATUS_RESOURCES, EAGAIN },
	{ "ADDRESS_SPACE", NDSHM_STATUS_RESOURCES, ENOMEM },
};

static inline void test_check_reason(const struct ndshm *ndshm, int ret, uint32_t reason,
				     const char *file, int line, const char *call)
{
	const struct ndshm_expected *expected = reason < NDSHM_REASON_COUNT_KNOWN ?
		&ndshm_expected[reason] : &test_reasons[reason - 0x10000];

	test_check_call(ndshm, ret, expected->error, reason, expected->status, file, line, call);
}
#endif

/* Number of open descriptors: a test must close those it opens. */
static inline int test_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

static inline void test_run(const char *name, void (*test)(void))
{
	int before = test_descriptors();

	test_bad = false;
	test();
	CHECK(test_descriptors() == before);
	if (test_bad)
		test_failed++;
	else
		test_passed++;
	printf("%sok %d - %s\n", test_bad ? "not " : "", test_passed + test_failed, name);
	fflush(stdout);
}

/* The order of constructors depends on the compiler, that of tests is the file's. */
static inline void test_add(struct test_case *added)
{
	struct test_case **at = &test_cases;

	while (*at && (*at)->line < added->line)
		at = &(*at)->next;
	added->next = *at;
	*at = added;
}

static inline void test_run_all(void)
{
	for (const struct test_case *test = test_cases; test; test = test->next)
		test_run(test->name, test->body);
}

static inline int test_end(void)
{
	printf("1..%d\n%d passed, %d failed\n", test_passed + test_failed, test_passed,
	       test_failed);
	return test_failed != 0;
}

/* For a program whose tests need nothing before. */
#define TEST_MAIN \
	int main(void) \
	{ \
		test_run_all(); \
		return test_end(); \
	}

/* Run all tests, and close the context that has been opened for them unless that has failed. */
static inline int test_main(int error, struct ndshm **ndshm)
{
	if (error)
		return 1;
	test_run_all();
	ndshm_close(*ndshm);
	return test_end();
}

/* For a program whose tests have the context @ndshm, which @open opens, and need nothing else. */
#define CONTEXT_MAIN(open) \
	int main(void) \
	{ \
		return test_main(open, &ndshm); \
	}

/* Wait for the end of a child. Return: its status, or -1. */
static inline int test_wait(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* Run @body in a child, whose failed checks are its result. Return: true if there was none. */
static inline bool test_child(void (*body)(void))
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		alarm(250);
		test_bad = false;
		body();
		/* exit() instead of _exit(), so that leaks are reported. */
		exit(test_bad);
	}
	return !test_wait(pid);
}

/* Start @count threads, each with its own part of @arguments, of @step bytes. */
static inline void test_start(pthread_t *threads, int count, void *(*body)(void *),
			      void *arguments, size_t step)
{
	for (int i = 0; i < count; i++)
		if (!CHECK(!pthread_create(&threads[i], NULL, body,
					   step ? (char *)arguments + i * step : arguments)))
			exit(1);
}

static inline void test_join(const pthread_t *threads, int count)
{
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

static inline void test_run_threads(int count, void *(*body)(void *), void *arguments, size_t step)
{
	pthread_t threads[16];

	test_start(threads, count, body, arguments, step);
	test_join(threads, count);
}

static inline void *test_cancel_and_call(void *body)
{
	pthread_cancel(pthread_self());
	(*(void (**)(void))body)();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	return NULL;
}

/* Call @body in a thread with a pending cancellation. Return: true if it has not acted there. */
static inline bool test_cancelled(void (*body)(void))
{
	pthread_t thread;
	void *end;

	return !pthread_create(&thread, NULL, test_cancel_and_call, &body) &&
	       !pthread_join(thread, &end) && !end;
}

/* Set the soft limit of a resource. Return: true on success, with the limit before. */
static inline bool test_limit(int resource, rlim_t value, struct rlimit *before)
{
	struct rlimit limit;

	if (getrlimit(resource, before))
		return false;
	limit = *before;
	limit.rlim_cur = value;
	return !setrlimit(resource, &limit);
}

static inline uint64_t test_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline bool test_is_mapped(volatile void *start)
{
	return !msync((void *)start, 4096, MS_ASYNC);
}

#ifndef __cplusplus
static inline struct ndshm_request test_request(uint64_t length)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;

	request.length = length;
	return request;
}

static inline struct ndshm_section_request test_section_request(uint64_t max_size,
								uint64_t initial_size)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;

	request.max_size = max_size;
	request.initial_size = initial_size;
	return request;
}
#endif

#endif /* NDSHM_TEST_H */
