// SPDX-License-Identifier: GPL-2.0
/*
 * Reasons of mappings that fail at a limit of the process. NDSHM_TEST_BACKEND is the backend,
 * "memfd:" by default. Without sanitizers, which need memory at these limits and ignore mlockall().
 */

#include "test.h"

/* Of the block and the section that cannot be mapped. */
#define LARGE	(16UL << 20)

static struct ndshm *ndshm;
static struct ndshm_block *block;
static size_t page;

/* The next block and section cannot be mapped, for this reason. */
#define CHECK_NOT_MAPPED(reason) do { \
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT; \
	struct ndshm_section *none = (void *)1; \
	void *memory = (void *)1; \
\
	request.max_size = LARGE; \
	CHECK_REASON(ndshm, ndshm_section_create(ndshm, &request, &none), reason); \
	CHECK(!none); \
	CHECK_REASON(ndshm, ndshm_map(block, &memory), reason); \
	CHECK(!memory); \
} while (0)

/* Half of the range, every second page, is a mapping of its own. */
static void fill_up_mappings(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	unsigned long limit = 0;
	char *start, *at;
	void *mapped;

	REQUIRE(file && fscanf(file, "%lu", &limit) == 1);
	fclose(file);
	start = mmap(NULL, limit * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		     -1, 0);
	REQUIRE(start != MAP_FAILED);
	for (at = start; at < start + limit * page && !mprotect(at, page, PROT_READ);
	     at += 2 * page)
		;
	CHECK(at < start + limit * page && errno == ENOMEM);
	/* An odd last one. */
	while (mmap(NULL, page, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		;
	CHECK_NOT_MAPPED(MAPPINGS);
	munmap(start, limit * page);
	CHECK_DONE(ndshm, ndshm_map(block, &mapped));
}

static void lock_all_mappings(void)
{
	const struct rlimit limit = { LARGE / 2, LARGE / 2 };
	struct ndshm_section_request half = test_section_request(LARGE / 4 + LARGE / 16, 0);
	struct ndshm_section *section;
	void *mapped;

	REQUIRE(!setrlimit(RLIMIT_MEMLOCK, &limit));
	/* CAP_IPC_LOCK would ignore the limit. */
	REQUIRE(geteuid() || !setresuid(65534, 65534, 65534));
	REQUIRE(!mlockall(MCL_FUTURE));
	CHECK_NOT_MAPPED(MLOCKALL);
	/* More than half of what is permitted: its reservation does not count twice. */
	REQUIRE(!ndshm_section_create(ndshm, &half, &section));
	ndshm_section_close(section);
	munlockall();
	CHECK_DONE(ndshm, ndshm_map(block, &mapped));
}

static void leave_no_address_space(void)
{
	struct rlimit limit;
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;
	void *mapped;

	REQUIRE(file && fscanf(file, "%lu", &pages) == 1 && !getrlimit(RLIMIT_AS, &limit));
	fclose(file);
	limit.rlim_cur = pages * page + LARGE / 2;
	REQUIRE(!setrlimit(RLIMIT_AS, &limit));
	CHECK_NOT_MAPPED(ADDRESS_SPACE);
	limit.rlim_cur = limit.rlim_max;
	REQUIRE(!setrlimit(RLIMIT_AS, &limit));
	CHECK_DONE(ndshm, ndshm_map(block, &mapped));
}

/* In children, whose limits end with them. */
CALL_TEST(at_the_limit_of_mappings, CHECK(test_child(fill_up_mappings)))
CALL_TEST(when_mappings_are_locked, CHECK(test_child(lock_all_mappings)))
CALL_TEST(without_address_space, CHECK(test_child(leave_no_address_space)))

int main(void)
{
	const char *backend = getenv("NDSHM_TEST_BACKEND");
	struct ndshm_request request = test_request(LARGE);

	page = sysconf(_SC_PAGESIZE);
	if (ndshm_open(backend ? backend : "memfd:", &ndshm) || ndshm_alloc(ndshm, &request, &block))
		return 1;
	test_run_all();
	ndshm_free(block);
	ndshm_close(ndshm);
	return test_end();
}
