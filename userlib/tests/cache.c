// SPDX-License-Identifier: GPL-2.0
/*
 * The cache of blocks on a real backend, NDSHM_TEST_BACKEND ("memfd:" by default): with children of
 * fork(), and on the module at RLIMIT_MEMLOCK.
 */
#include <linux/capability.h>
#include <sys/syscall.h>

#include "test.h"

#define LENGTH	(64UL << 10)	/* of a block */
#define LIMIT	(4UL << 20)	/* of locked memory */
#define KEPT	(LIMIT / LENGTH)
#define LARGE	(1UL << 20)
#define ROUNDS	50

static const char *backend;
static struct ndshm *ndshm;

static int make(uint64_t length, struct ndshm_block **block, void **memory)
{
	struct ndshm_request request = test_request(length);
	int error;

	error = ndshm_alloc(ndshm, &request, block);
	return error ? error : ndshm_map(*block, memory);
}

/* Bytes of all blocks, also of those that are kept. */
static uint64_t bytes(void)
{
	struct ndshm_info info;

	return ndshm_get_info(ndshm, &info) ? UINT64_MAX : info.bytes;
}

static void fill_cache(void)
{
	struct ndshm_block *blocks[KEPT];
	void *memory;

	ndshm_trim(ndshm);
	for (size_t i = 0; i < KEPT; i++)
		REQUIRE(!make(LENGTH, &blocks[i], &memory));
	for (size_t i = 0; i < KEPT; i++)
		ndshm_free(blocks[i]);
	CHECK(bytes() == LIMIT);
}

static void open_context(void)
{
	REQUIRE(!ndshm_open(backend, &ndshm));
	CHECK(!ndshm_set_cache(ndshm, 2 * LIMIT));
}

/* Has memory of its own, and keeps none of it. */
static void child(const char *kept, const char *shared)
{
	struct ndshm_block *block;
	char *memory;

	CHECK(!strcmp(shared, "shared"));
	for (int i = 0; i < 2; i++) {
		CHECK(!make(LENGTH, &block, (void **)&memory));
		CHECK(memory != kept && !*memory);
		strcpy(memory, "child");
		ndshm_free(block);
	}
	ndshm_close(ndshm);
	exit(test_bad);
}

TEST(children_have_none_of_it)
{
	struct ndshm_block *shared, *block;
	char *inherited, *memory, *again;
	pid_t pid;

	open_context();
	for (int i = 0; i < ROUNDS; i++) {
		REQUIRE(!make(LENGTH, &shared, (void **)&inherited));
		strcpy(inherited, "shared");
		REQUIRE(!make(LENGTH, &block, (void **)&memory));
		strcpy(memory, "parent");
		ndshm_free(block);
		fflush(NULL);
		pid = fork();
		if (!pid)
			child(memory, inherited);
		CHECK(!test_wait(pid));
		CHECK(bytes() == 2 * LENGTH);
		/* A child may still use both. */
		ndshm_free(shared);
		CHECK(bytes() == LENGTH);
		REQUIRE(!make(LENGTH, &block, (void **)&again));
		CHECK(bytes() == LENGTH && !*again);
		strcpy(again, "parent");
		ndshm_free(block);
		REQUIRE(!make(LENGTH, &block, (void **)&memory));
		CHECK(memory == again && !strcmp(memory, "parent"));
		ndshm_free(block);
	}
	ndshm_trim(ndshm);
	CHECK(!bytes());
	ndshm_close(ndshm);
}

/* As another user than root: the limit does not hold with CAP_IPC_LOCK. */
static void become_limited(void)
{
	const struct rlimit limit = { LIMIT, LIMIT };
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	REQUIRE(!syscall(SYS_capget, &header, sets));
	sets[CAP_TO_INDEX(CAP_IPC_LOCK)].effective &= ~CAP_TO_MASK(CAP_IPC_LOCK);
	REQUIRE(!syscall(SYS_capset, &header, sets));
	REQUIRE(!setrlimit(RLIMIT_MEMLOCK, &limit));
}

static pthread_barrier_t barrier;

/* Both need most of what is kept, at the same time. */
static void *alloc_large(void *wrong)
{
	struct ndshm_request request = test_request(2 * LARGE - LENGTH);
	struct ndshm_block *block;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&barrier);
		if (ndshm_alloc(ndshm, &request, &block))
			__atomic_add_fetch((int *)wrong, 1, __ATOMIC_SEQ_CST);
		pthread_barrier_wait(&barrier);
		ndshm_free(block);
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static void no_thread_is_refused(void)
{
	pthread_t threads[2];
	int wrong = 0;

	REQUIRE(!pthread_barrier_init(&barrier, NULL, 3));
	test_start(threads, 2, alloc_large, &wrong, 0);
	for (int i = 0; i < ROUNDS; i++) {
		fill_cache();
		for (int step = 0; step < 3; step++)
			pthread_barrier_wait(&barrier);
	}
	test_join(threads, 2);
	CHECK(!wrong);
	pthread_barrier_destroy(&barrier);
}

static void limited(void)
{
	struct ndshm_section_request request = test_section_request(LARGE, LARGE);
	struct ndshm_section *section;
	struct ndshm_block *block;
	void *memory;

	become_limited();
	open_context();
	fill_cache();
	CHECK(!make(LARGE, &block, &memory));
	ndshm_unmap(block);
	ndshm_free(block);
	fill_cache();
	CHECK_DONE(ndshm, ndshm_section_create(ndshm, &request, &section));
	ndshm_section_close(section);
	no_thread_is_refused();
	/* Without the cache it would be the same. */
	fill_cache();
	CHECK_REASON(ndshm, make(LIMIT + 1, &block, &memory), MEMLOCK);
	ndshm_close(ndshm);
}

static void the_limit_is_that_of_blocks_in_use(void)
{
	CHECK(test_child(limited));
}

int main(void)
{
	backend = getenv("NDSHM_TEST_BACKEND");
	backend = backend ? backend : "memfd:";
	test_run_all();
	if (strcmp(backend, "memfd:"))
		RUN(the_limit_is_that_of_blocks_in_use);
	return test_end();
}
