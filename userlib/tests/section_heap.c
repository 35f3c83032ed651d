// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks of any size in a section, on the backend without a module. heap*.c test the
 * heap; this file tests its integration.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "test_section.h"

#define MAX	(16ul << 20)

static struct ndshm *ndshm;
static struct ndshm_section *section;

static bool make(void)
{
	section = test_make_section(ndshm, MAX, 0, 0);
	return CHECK(section);
}

static uint64_t taken(void)
{
	struct ndshm_section_info info = { .taken = ~0ull };

	CHECK_DONE(ndshm, ndshm_section_query(section, &info));
	return info.taken;
}

static void memory_is_within_the_section(void)
{
	char *base, *memory, *more;
	void *out;

	REQUIRE(make());
	base = ndshm_section_base(section);
	REQUIRE(!ndshm_section_alloc(section, 100, &out));
	memory = out;
	CHECK(memory >= base && memory + 100 <= base + MAX);
	CHECK((uintptr_t)memory % 16 == 0);
	CHECK(ndshm_section_usable_size(section, memory) >= 100);
	memset(memory, 1, 100);
	REQUIRE(!ndshm_section_realloc(section, memory, 100000, &out));
	memory = out;
	CHECK(memory[0] == 1 && memory[99] == 1);
	REQUIRE(!ndshm_section_alloc_aligned(section, 65536, 10, &out));
	more = out;
	CHECK((uintptr_t)more % 65536 == 0);
	CHECK(!ndshm_section_free(section, memory));
	CHECK(!ndshm_section_free(section, more));
	REQUIRE(!ndshm_section_calloc(section, 1000, 100, &out));
	memory = out;
	for (int i = 0; i < 100000; i++)
		CHECK(!memory[i]);
	CHECK(!ndshm_section_free(section, memory));
	CHECK(!ndshm_section_free(section, NULL));
	ndshm_section_trim(section);
	CHECK(!taken());
	ndshm_section_close(section);
}

static void what_is_wrong_is_refused(void)
{
	void *out = section, *memory;
	char outside[64];

	REQUIRE(make());
	CHECK(ndshm_section_free(section, outside) == -EINVAL);
	CHECK(ndshm_section_usable_size(section, outside) == 0);
	ndshm_section_trim(section);
	CHECK(ndshm_section_alloc(section, 0, &out) == -EINVAL && !out);
	CHECK(ndshm_section_alloc_aligned(section, 48, 1, &out) == -EINVAL);
	CHECK(ndshm_section_alloc_aligned(section, 4ul << 20, 1, &out) == -EINVAL);
	CHECK(ndshm_section_calloc(section, SIZE_MAX, 2, &out) == -EOVERFLOW);
	CHECK(ndshm_section_alloc(section, 2 * MAX, &out) == -ENOMEM && !out);
	REQUIRE(!ndshm_section_alloc(section, 64, &memory));
	CHECK(ndshm_section_alloc(section, MAX, &out) == -ENOSPC && !out);
	CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_SECTION_FULL);
	CHECK(ndshm_section_free(section, (char *)memory + 16) == -EINVAL);
	CHECK(ndshm_section_free(section, outside) == -EINVAL);
	CHECK(!ndshm_section_free(section, memory));
	CHECK(ndshm_section_free(section, memory) == -EINVAL);
	ndshm_section_close(section);
}

/* Expect this failure after another call has failed with another reason. */
#define REFUSED(call, error, reason, status) do { \
	CHECK_FAILS(ndshm, ndshm_section_sync(section, 0, 0, 1), EINVAL, DIRECTION, \
		    INVALID_PARAMETER); \
	CHECK_FAILS(ndshm, call, error, reason, status); \
} while (0)

static void the_reason_is_not_of_another_call(void)
{
	void *out, *memory;

	REQUIRE(make());
	REQUIRE(!ndshm_section_alloc(section, 64, &memory));
	REFUSED(ndshm_section_alloc(section, 0, &out), EINVAL, NONE, SUCCESS);
	REFUSED(ndshm_section_alloc_aligned(section, 48, 1, &out), EINVAL, NONE, SUCCESS);
	REFUSED(ndshm_section_free(section, &out), EINVAL, NONE, SUCCESS);
	REFUSED(ndshm_section_realloc(section, &out, 1, &out), EINVAL, NONE, SUCCESS);
	REFUSED(ndshm_section_calloc(section, SIZE_MAX, 2, &out), EOVERFLOW, NONE, SUCCESS);
	REFUSED(ndshm_section_alloc(section, MAX + 1, &out), ENOMEM, MEMORY, RESOURCES);
	REFUSED(ndshm_section_alloc(section, SIZE_MAX, &out), ENOMEM, MEMORY, RESOURCES);
	REFUSED(ndshm_section_alloc_aligned(section, 4096, SIZE_MAX, &out), ENOMEM, MEMORY,
		RESOURCES);
	REFUSED(ndshm_section_calloc(section, 2, MAX, &out), ENOMEM, MEMORY, RESOURCES);
	REFUSED(ndshm_section_realloc(section, memory, 2 * MAX, &out), ENOMEM, MEMORY, RESOURCES);
	REFUSED(ndshm_section_alloc(section, MAX, &out), ENOSPC, SECTION_FULL, RESOURCES);
	CHECK(!ndshm_section_free(section, memory));
	ndshm_section_close(section);
}

static void places_are_offsets(void)
{
	char *base;
	uint64_t offset = 7;
	void *out;

	REQUIRE(make());
	base = ndshm_section_base(section);
	CHECK(!ndshm_section_offset(section, base, &offset) && !offset);
	CHECK(!ndshm_section_offset(section, base + MAX - 1, &offset) && offset == MAX - 1);
	CHECK(ndshm_section_offset(section, base - 1, &offset) == -ERANGE);
	CHECK(ndshm_section_offset(section, base + MAX, &offset) == -ERANGE);
	CHECK(ndshm_section_offset(section, NULL, &offset) == -ERANGE);
	CHECK(offset == MAX - 1);
	CHECK(!ndshm_section_pointer(section, 0, MAX, &out) && out == base);
	CHECK(!ndshm_section_pointer(section, MAX - 1, 1, &out) && out == base + MAX - 1);
	CHECK(ndshm_section_pointer(section, MAX, 0, &out) == -ERANGE && !out);
	CHECK(ndshm_section_pointer(section, 1, MAX, &out) == -ERANGE);
	CHECK(ndshm_section_pointer(section, MAX - 1, 2, &out) == -ERANGE);
	CHECK(ndshm_section_pointer(section, UINT64_MAX, 1, &out) == -ERANGE);
	CHECK(ndshm_section_pointer(section, 1, UINT64_MAX, &out) == -ERANGE);
	ndshm_section_close(section);
}

static int reported[3];

static void count_error(void *context, enum ndshm_heap_error error, void *pointer)
{
	(void)pointer;
	CHECK(context == reported);
	reported[error]++;
}

static void error_is_reported(void)
{
	struct ndshm_heap_stats stats;
	char outside[64], *memory;
	void *out;

	REQUIRE(make());
	CHECK(!ndshm_section_set_error_handler(section, count_error, reported));
	REQUIRE(!ndshm_section_alloc(section, 64, &out));
	memory = out;
	CHECK(!ndshm_section_stats(section, &stats));
	CHECK(stats.live_blocks == 1 && stats.live_bytes >= 64 && stats.extents >= 1);
	CHECK(stats.held_bytes == taken());
	ndshm_section_free(section, outside);
	ndshm_section_free(section, memory + 16);
	CHECK(!ndshm_section_free(section, memory));
	ndshm_section_free(section, memory);
	CHECK(reported[NDSHM_HEAP_FOREIGN] == 1);
	CHECK(reported[NDSHM_HEAP_INTERIOR] == 1);
	CHECK(reported[NDSHM_HEAP_NOT_LIVE] == 1);
	CHECK(!ndshm_section_stats(section, &stats) && !stats.live_blocks);
	ndshm_section_close(section);
}

#define THREADS	4

static void *allocate(void *argument)
{
	void *out;

	for (int i = 0; i < 2000; i++) {
		if (ndshm_section_alloc(section, 1 + i * 7 % 5000, &out) ||
		    ndshm_section_free(section, out))
			atomic_store((atomic_bool *)argument, false);
	}
	return NULL;
}

/* Concurrent first allocations create one heap. */
static void threads_share_it(void)
{
	pthread_t threads[THREADS];
	atomic_bool good = true;

	for (int round = 0; round < 10; round++) {
		REQUIRE(make());
		for (int i = 0; i < THREADS; i++)
			CHECK(!pthread_create(&threads[i], NULL, allocate, &good));
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		CHECK(good);
		ndshm_section_trim(section);
		CHECK(!taken());
		ndshm_section_close(section);
	}
}

/* Without the module no kernel cleans up extents, so only the creator may allocate. */
static void a_child_is_refused(void)
{
	int status = -1;
	void *out;
	pid_t pid;

	REQUIRE(make());
	REQUIRE(!ndshm_section_alloc(section, 64, &out));
	strcpy(out, "parent");
	pid = fork();
	if (!pid) {
		void *mine;
		bool good = !strcmp(out, "parent") && ndshm_section_free(section, out) == -EINVAL &&
			    ndshm_section_alloc(section, 64, &mine) == -EPERM &&
			    ndshm_last_reason(ndshm) == NDSHM_REASON_NOT_CREATOR;

		_exit(!good);
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	CHECK(!ndshm_section_free(section, out));
	ndshm_section_close(section);
}

int main(void)
{
	if (ndshm_open("memfd:", &ndshm))
		return 1;
	RUN(memory_is_within_the_section);
	RUN(what_is_wrong_is_refused);
	RUN(the_reason_is_not_of_another_call);
	RUN(places_are_offsets);
	RUN(error_is_reported);
	RUN(threads_share_it);
	RUN(a_child_is_refused);
	ndshm_close(ndshm);
	return test_end();
}
