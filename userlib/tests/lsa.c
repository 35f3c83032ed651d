// SPDX-License-Identifier: GPL-2.0
/*
 * The four LSA calls, on the backend without a module or on NDSHM_TEST_BACKEND. Functions
 * lsa_* check documented behaviour, all others behaviour specific to ndshm.
 */
#include <time.h>

#include <ndshm/lsa.h>

#include "test_section.h"
#include "wrap.h"

static const char *backend;
static bool has_module;
static struct ndshm *ndshm;
static const LSA_SECPKG_FUNCTION_TABLE *lsa;

/* Expect NULL, FALSE or 0, with this errno. */
#define REFUSED(call, error) do { \
	errno = 0; \
	CHECK(!(call)); \
	CHECK(errno == (error)); \
} while (0)

/* The same of a call that returns nothing; 0: none. */
#define CHECK_FREE(call, error) do { \
	errno = 0; \
	call; \
	CHECK(errno == (error)); \
} while (0)

/* With a section, which is deleted afterwards. */
#define BASE_TEST(name, max, initial) \
	TEST_WITH(name, char *, base, lsa->CreateSharedMemory(max, initial), \
		  CHECK(lsa->DeleteSharedMemory(base) == TRUE))

/* Map the section once more, with a holder of its own. */
static char *adopt(char *base, uint32_t flags)
{
	char *theirs;
	int fd;

	if (ndshm_section_share(ndshm_lsa_section(base), flags, &fd))
		return NULL;
	theirs = ndshm_lsa_adopt(fd);
	close(fd);
	return theirs;
}

TEST(lsa_types)
{
	CHECK(sizeof(ULONG) == 4 && (ULONG)-1 > 0 && sizeof(BOOLEAN) == 1);
	CHECK(sizeof(PVOID) == sizeof(void *) && TRUE == 1 && FALSE == 0);
}

/* The members, and the types they point to. */
TEST(lsa_table)
{
	LSA_CREATE_SHARED_MEMORY *create = lsa->CreateSharedMemory;
	LSA_ALLOCATE_SHARED_MEMORY *allocate = lsa->AllocateSharedMemory;
	LSA_FREE_SHARED_MEMORY *release = lsa->FreeSharedMemory;
	LSA_DELETE_SHARED_MEMORY *delete = lsa->DeleteSharedMemory;
	PVOID base = create(1 << 16, 0), block;

	REQUIRE(base);
	block = allocate(base, 16);
	CHECK(block);
	release(base, block);
	CHECK(delete(base) == TRUE);
}

/* CreateSharedMemory() returns the base of the memory; allocations lie inside it. */
TEST(lsa_create)
{
	char *base = lsa->CreateSharedMemory(1 << 20, 1 << 16), *block;
	ULONG size;

	REQUIRE(base);
	memset(base, 1, 1 << 16);
	CHECK(!test_can_read(base + (1 << 16)));
	for (size = 1; size < 1 << 19; size *= 2) {
		block = lsa->AllocateSharedMemory(base, size);
		REQUIRE(block);
		CHECK(block >= base && block + size <= base + (1 << 20));
		CHECK((uintptr_t)block % 16 == 0);
		memset(block, 2, size);
		lsa->FreeSharedMemory(base, block);
	}
	CHECK(lsa->DeleteSharedMemory(base) == TRUE);
	CHECK(!test_is_mapped(base));
}

TEST(lsa_failure_is_null)
{
	PVOID base, block = NULL, other;

	REFUSED(lsa->CreateSharedMemory(0, 0), EINVAL);
	REFUSED(lsa->CreateSharedMemory(0, 1), EINVAL);
	REFUSED(lsa->CreateSharedMemory(4096, 4097), EINVAL);
	base = lsa->CreateSharedMemory(1 << 20, 0);
	REQUIRE(base);
	REFUSED(lsa->CreateSharedMemory(4096, 4097), EINVAL);
	REFUSED(lsa->AllocateSharedMemory(base, 0), EINVAL);
	CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_LENGTH_ZERO);
	REFUSED(lsa->AllocateSharedMemory(base, (1 << 20) + 1), ENOMEM);
	CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_MEMORY);
	REFUSED(lsa->AllocateSharedMemory(base, UINT32_MAX), ENOMEM);
	/* Allocate until the section is full. */
	while ((other = lsa->AllocateSharedMemory(base, 1 << 16)))
		block = other;
	CHECK(errno == ENOSPC && block);
	CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_SECTION_FULL);
	lsa->FreeSharedMemory(base, block);
	CHECK(lsa->AllocateSharedMemory(base, 1 << 16));
	CHECK(lsa->DeleteSharedMemory(base) == TRUE);
}

TEST(lsa_memory_to_free_is_optional)
{
	char *base = CreateSharedMemory(1 << 20, 0), *block;

	REQUIRE(base);
	errno = 4711;
	FreeSharedMemory(base, NULL);
	FreeSharedMemory(NULL, NULL);
	CHECK(errno == 4711);
	block = AllocateSharedMemory(base, 100);
	REQUIRE(block);
	errno = 4711;
	FreeSharedMemory(base, block);
	CHECK(errno == 4711);
	/*
	 * A double free, an interior pointer, a foreign pointer, another section: no
	 * effect.
	 */
	for (int i = 0; i < 4; i++) {
		char *wrong[] = { block, block + 16, (char *)&block, base - 4096 };

		CHECK_FREE(FreeSharedMemory(base, wrong[i]), EINVAL);
		CHECK(ndshm_last_reason(ndshm) == (i < 2 ? NDSHM_REASON_POINTER_FREED :
							   NDSHM_REASON_POINTER_FOREIGN));
	}
	CHECK_FREE(FreeSharedMemory(block, block), EINVAL);
	CHECK(DeleteSharedMemory(base));
}

TEST(lsa_delete)
{
	char *base = lsa->CreateSharedMemory(1 << 20, 0);

	REQUIRE(base);
	/* Deletion includes live blocks. */
	CHECK(lsa->AllocateSharedMemory(base, 1000) && lsa->AllocateSharedMemory(base, 1 << 18));
	CHECK(lsa->DeleteSharedMemory(base) == TRUE);
	REFUSED(lsa->DeleteSharedMemory(base), EINVAL);
	REFUSED(lsa->AllocateSharedMemory(base, 1), EINVAL);
	REFUSED(ndshm_lsa_section(base), EINVAL);
}

/* The other calls accept only the pointer that CreateSharedMemory() returned. */
TEST(lsa_the_pointer_is_required)
{
	char *base = lsa->CreateSharedMemory(1 << 20, 1 << 16), *block;
	PVOID wrong[] = { NULL, &base, base + 1, base + 4096, base + (1 << 20), base - 4096 };

	REQUIRE(base);
	block = lsa->AllocateSharedMemory(base, 100);
	REQUIRE(block);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		REFUSED(lsa->AllocateSharedMemory(wrong[i], 1), EINVAL);
		REFUSED(lsa->DeleteSharedMemory(wrong[i]), EINVAL);
		CHECK_FREE(lsa->FreeSharedMemory(wrong[i], block), EINVAL);
	}
	errno = 0;
	lsa->FreeSharedMemory(base, block);
	CHECK(!errno && lsa->DeleteSharedMemory(base) == TRUE);
}

/* Run @body in a process that has only a descriptor of the section. */
static bool as_client(PVOID base, bool (*body)(char *base))
{
	int fd;
	pid_t pid;

	if (ndshm_section_share(ndshm_lsa_section(base), 0, &fd))
		return false;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		char *mine = ndshm_lsa_adopt(fd);

		_exit(!mine || mine == base || !body(mine));
	}
	close(fd);
	return !test_wait(pid);
}

static bool answer(char *base)
{
	bool requested = !strcmp(base, "from the package");

	strcpy(base + 4096, "from a client");
	return requested;
}

BASE_TEST(lsa_clients_share_it, 1 << 20, 1 << 16)
{
	strcpy(base, "from the package");
	CHECK(as_client(base, answer));
	CHECK(!strcmp(base + 4096, "from a client"));
}

static bool overwrite(char *base)
{
	memset(base, 0xff, 1 << 20);
	return true;
}

/* Contents that clients write cannot affect the four calls. */
BASE_TEST(lsa_contents_are_not_trusted, 1 << 20, 1 << 20)
{
	char *blocks[64];

	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 64; i++) {
			blocks[i] = lsa->AllocateSharedMemory(base, 1 + 100 * i);
			REQUIRE(blocks[i] >= base && blocks[i] + 1 + 100 * i <= base + (1 << 20));
			memset(blocks[i], i, 1 + 100 * i);
		}
		for (int i = 0; i < 64; i++)
			for (int j = 0; j < 1 + 100 * i; j++)
				REQUIRE(blocks[i][j] == i);
		CHECK(as_client(base, overwrite));
		for (int i = 0; i < 64; i++) {
			CHECK_FREE(lsa->FreeSharedMemory(base, blocks[i]), 0);
			lsa->FreeSharedMemory(base, blocks[i]);
			CHECK(errno == EINVAL);
		}
	}
}

TEST(sections_are_distinguished)
{
	char *bases[8], *blocks[8];

	for (int i = 0; i < 8; i++) {
		bases[i] = lsa->CreateSharedMemory(1 << 18, 0);
		REQUIRE(bases[i]);
		blocks[i] = lsa->AllocateSharedMemory(bases[i], 64);
		CHECK(blocks[i] >= bases[i] && blocks[i] < bases[i] + (1 << 18));
		CHECK(ndshm_section_base(ndshm_lsa_section(bases[i])) == bases[i]);
	}
	CHECK_FREE(lsa->FreeSharedMemory(bases[0], blocks[1]), EINVAL);
	for (int i = 0; i < 8; i += 2)
		CHECK(lsa->DeleteSharedMemory(bases[i]));
	for (int i = 1; i < 8; i += 2) {
		lsa->FreeSharedMemory(bases[i], blocks[i]);
		CHECK(lsa->DeleteSharedMemory(bases[i]));
	}
}

/* CPU time of this thread for calls on one section, by its base or with the section itself. */
static double time_of_run(char *base, struct ndshm_section *section)
{
	struct timespec from, to;
	void *block;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	for (int i = 0; i < 5000; i++) {
		if (!section)
			lsa->FreeSharedMemory(base, lsa->AllocateSharedMemory(base, 64));
		else if (!ndshm_section_alloc(section, 64, &block))
			ndshm_section_free(section, block);
	}
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	return (to.tv_sec - from.tv_sec) * 1e9 + to.tv_nsec - from.tv_nsec;
}

/*
 * Time of calls in relation to that without the lookup of the section, the least of some runs of
 * each: the speed of the machine changes.
 */
static double time_of_calls(char *base)
{
	struct ndshm_section *section = ndshm_lsa_section(base);
	double least = 1e9, direct = 1e9, took;

	for (int run = 0; run < 5; run++) {
		took = time_of_run(base, NULL);
		if (took < least)
			least = took;
		took = time_of_run(base, section);
		if (took < direct)
			direct = took;
	}
	return least / direct;
}

/* The time of a call does not depend on the number of sections. */
TEST(many_sections_are_as_fast)
{
	static char *bases[400];
	const int count = sizeof(bases) / sizeof(bases[0]);
	double first, last, alone = 0;

	for (int i = 0; i < count; i++) {
		bases[i] = lsa->CreateSharedMemory(1 << 16, 0);
		REQUIRE(bases[i]);
		if (!i)
			alone = time_of_calls(bases[0]);
	}
	first = time_of_calls(bases[0]);
	last = time_of_calls(bases[count - 1]);
	CHECK(first < 3 * alone && last < 3 * alone);
	for (int i = 0; i < count; i++) {
		CHECK(ndshm_section_base(ndshm_lsa_section(bases[i])) == bases[i]);
		CHECK(lsa->DeleteSharedMemory(bases[i]) == TRUE);
		CHECK(!ndshm_lsa_section(bases[i]));
	}
}

/* One process in both roles: the second mapping has its own holder. */
TEST(a_section_is_adopted)
{
	char *base = lsa->CreateSharedMemory(1 << 20, 4096), *theirs, *block, *reader;
	struct ndshm_section_info info;

	REQUIRE(base);
	theirs = adopt(base, 0);
	REQUIRE(theirs && theirs != base);
	block = lsa->AllocateSharedMemory(theirs, 100);
	REQUIRE(block);
	strcpy(block, "a message");
	CHECK(!strcmp(base + (block - theirs), "a message"));
	/* The other holder has memory. */
	REFUSED(lsa->DeleteSharedMemory(base), EBUSY);
	CHECK(test_is_mapped(base) && lsa->AllocateSharedMemory(base, 1));
	reader = adopt(base, NDSHM_SHARE_READONLY);
	REQUIRE(reader);
	CHECK(!strcmp(reader + (block - theirs), "a message") && !test_can_write(reader));
	REFUSED(lsa->AllocateSharedMemory(reader, 1), EROFS);
	REFUSED(lsa->DeleteSharedMemory(reader), EROFS);
	ndshm_lsa_close(reader);
	ndshm_lsa_close(theirs);
	CHECK(!test_is_mapped(theirs) && test_is_mapped(base));
	CHECK(!ndshm_section_query(ndshm_lsa_section(base), &info) && info.holders == 1);
	/* After another holder deletes the section, each process must close it itself. */
	CHECK(!ndshm_section_delete(ndshm_lsa_section(base), NDSHM_DELETE_FORCE));
	REFUSED(lsa->DeleteSharedMemory(base), EIDRM);
	CHECK(test_is_mapped(base));
	ndshm_lsa_close(base);
	ndshm_lsa_close(base);
	CHECK(!test_is_mapped(base));
	REFUSED(ndshm_lsa_adopt(-1), EBADF);
}

static pthread_barrier_t barrier;

/* A client with full caches, whose last block is freed by another thread. */
static void *fill_caches(void *theirs)
{
	static PVOID blocks[64];

	for (int i = 0; i < 64; i++)
		blocks[i] = AllocateSharedMemory(theirs, 16 + 1000 * i);
	for (int i = 0; i < 64; i++)
		FreeSharedMemory(theirs, blocks[i]);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

/* Memory that a client holds without a live block is available to others. */
BASE_TEST(caches_of_other_clients_are_used, 4 << 20, 0)
{
	char *theirs = adopt(base, 0), *all;
	pthread_t thread;

	REQUIRE(theirs && !pthread_barrier_init(&barrier, NULL, 2));
	for (int i = 0; i < 2; i++) {
		REQUIRE(!pthread_create(&thread, NULL, fill_caches, theirs));
		pthread_barrier_wait(&barrier);
		if (i) {
			void *out;

			CHECK(!ndshm_section_alloc(ndshm_lsa_section(base), 4 << 20, &out));
			all = out;
		} else {
			all = lsa->AllocateSharedMemory(base, 4 << 20);
		}
		CHECK(all == base);
		lsa->FreeSharedMemory(base, all);
		pthread_barrier_wait(&barrier);
		pthread_join(thread, NULL);
	}
	pthread_barrier_destroy(&barrier);
	ndshm_lsa_close(theirs);
}

/* Memory that a client holds without a live block is no obstacle. */
TEST(caches_do_not_prevent_the_deletion)
{
	char *base = lsa->CreateSharedMemory(4 << 20, 0), *theirs, *block, *own;
	struct ndshm_section_info info;
	pthread_t thread;

	REQUIRE(base);
	theirs = adopt(base, 0);
	REQUIRE(theirs);
	block = lsa->AllocateSharedMemory(theirs, 100);
	own = lsa->AllocateSharedMemory(base, 100);
	REQUIRE(block && own && !pthread_barrier_init(&barrier, NULL, 2));
	strcpy(block, "is live");
	REFUSED(lsa->DeleteSharedMemory(base), EBUSY);
	CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_SECTION_BUSY);
	CHECK(!strcmp(block, "is live"));
	lsa->FreeSharedMemory(theirs, block);
	REQUIRE(!pthread_create(&thread, NULL, fill_caches, theirs));
	pthread_barrier_wait(&barrier);
	CHECK(!ndshm_section_query(ndshm_lsa_section(base), &info) && info.extents > 1);
	CHECK(lsa->DeleteSharedMemory(base) == TRUE);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
	REFUSED(lsa->AllocateSharedMemory(theirs, 100), EIDRM);
	ndshm_lsa_close(theirs);
}

TEST(a_process_has_one_context)
{
	struct ndshm *other;
	PVOID base;

	REQUIRE(!ndshm_open(backend, &other));
	REFUSED(ndshm_lsa_table(other), EBUSY);
	CHECK(ndshm_lsa_table(ndshm) == lsa && ndshm_lsa_table(NULL) == lsa);
	base = lsa->CreateSharedMemory(4096, 0);
	REQUIRE(base);
	ndshm_lsa_release();
	CHECK(ndshm_lsa_table(other) == lsa);
	REFUSED(ndshm_lsa_table(ndshm), EBUSY);
	ndshm_lsa_release();
	ndshm_close(other);
	/* Sections of before are unaffected. */
	CHECK(lsa->AllocateSharedMemory(base, 16) && lsa->DeleteSharedMemory(base));

	setenv("NDSHM_BACKEND", "/nowhere/ndshm", 1);
	REFUSED(ndshm_lsa_table(NULL), ENOENT);
	REFUSED(lsa->CreateSharedMemory(4096, 0), ENOENT);
	setenv("NDSHM_BACKEND", backend, 1);
	base = lsa->CreateSharedMemory(4096, 0);
	CHECK(base && ndshm_lsa_table(NULL) == lsa);
	REFUSED(ndshm_lsa_table(ndshm), EBUSY);
	ndshm_lsa_release();
	CHECK(lsa->DeleteSharedMemory(base));
	ndshm_lsa_release();
	CHECK(ndshm_lsa_table(ndshm) == lsa);
}

/* Adopting needs neither a context nor a device. */
TEST(adopting_needs_no_context)
{
	char *base = lsa->CreateSharedMemory(4096, 0), *theirs, *more;
	int fd;

	REQUIRE(base && !ndshm_section_share(ndshm_lsa_section(base), 0, &fd));
	ndshm_lsa_release();
	setenv("NDSHM_BACKEND", "/nowhere/ndshm", 1);
	theirs = ndshm_lsa_adopt(fd);
	more = ndshm_lsa_adopt(fd);
	close(fd);
	CHECK(theirs && more);
	ndshm_lsa_close(more);
	ndshm_lsa_release();
	more = lsa->AllocateSharedMemory(theirs, 1);
	CHECK(more >= theirs && more < theirs + 4096);
	ndshm_lsa_close(theirs);
	CHECK(lsa->DeleteSharedMemory(base));
	setenv("NDSHM_BACKEND", backend, 1);
	CHECK(ndshm_lsa_table(ndshm) == lsa);
}

TEST(a_child_has_what_was_allocated)
{
	char *base = lsa->CreateSharedMemory(1 << 20, 4096), *block;
	pid_t pid;

	REQUIRE(base);
	block = lsa->AllocateSharedMemory(base, 100);
	REQUIRE(block);
	strcpy(block, "parent");
	pid = fork();
	if (!pid) {
		test_bad = false;
		CHECK(!strcmp(block, "parent"));
		strcpy(block, "child");
		CHECK_FREE(lsa->FreeSharedMemory(base, block), EINVAL);
		/* Without the module other processes can neither allocate nor delete. */
		if (has_module) {
			CHECK(lsa->AllocateSharedMemory(base, 100));
			REFUSED(lsa->DeleteSharedMemory(base), EBUSY);
		} else {
			REFUSED(lsa->AllocateSharedMemory(base, 100), EPERM);
			REFUSED(lsa->DeleteSharedMemory(base), EPERM);
		}
		_exit(test_bad);
	}
	CHECK(!test_wait(pid));
	CHECK(!strcmp(block, "child"));
	lsa->FreeSharedMemory(base, block);
	CHECK(lsa->AllocateSharedMemory(base, 100) && lsa->DeleteSharedMemory(base));
}

/* Use a new section at the address of one that was not inherited. */
static void use_again(char *before)
{
	char *base = lsa->CreateSharedMemory(1 << 20, 0), *block;

	REQUIRE(base);
	CHECK(base == before);
	block = lsa->AllocateSharedMemory(base, 100);
	CHECK(block > base - 1 && block < base + (1 << 20));
	CHECK_FREE(lsa->FreeSharedMemory(base, block), 0);
	ndshm_lsa_close(base);
	CHECK(!test_is_mapped(base) && !ndshm_lsa_section(base));
}

/* An entry of the parent, for an address that is free here, does not hide a section. */
TEST(a_child_reuses_addresses)
{
	char *base[2];
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		base[i] = lsa->CreateSharedMemory(1 << 20, 4096);
		REQUIRE(base[i]);
		CHECK(!ndshm_section_dont_fork(ndshm_lsa_section(base[i])));
	}
	pid = fork();
	if (!pid) {
		test_bad = false;
		CHECK(!test_is_mapped(base[0]) && !test_is_mapped(base[1]));
		for (int i = 0; i < 3; i++)
			use_again(base[0]);
		_exit(test_bad);
	}
	CHECK(!test_wait(pid));
	CHECK(lsa->DeleteSharedMemory(base[0]) && lsa->DeleteSharedMemory(base[1]));
}

#define THREADS	4
#define ROUNDS	50

static PVOID shared;
static atomic_int wrong, deleted;

static void *make_and_delete(void *argument)
{
	for (int i = 0; i < ROUNDS; i++) {
		char *base = CreateSharedMemory(1 << 16, 0);
		char *block = base ? AllocateSharedMemory(base, 100) : NULL;

		wrong += !block || block < base || block >= base + (1 << 16);
		FreeSharedMemory(base, block);
		wrong += DeleteSharedMemory(base) != TRUE;
	}
	return argument;
}

static void *delete_at_once(void *argument)
{
	pthread_barrier_wait(&barrier);
	deleted += DeleteSharedMemory(shared);
	return argument;
}

TEST(threads_make_and_delete)
{
	wrong = 0;
	test_run_threads(THREADS, make_and_delete, NULL, 0);
	CHECK(!wrong);
	REQUIRE(!pthread_barrier_init(&barrier, NULL, THREADS));
	for (int i = 0; i < ROUNDS; i++) {
		shared = CreateSharedMemory(1 << 16, 0);
		REQUIRE(shared);
		deleted = 0;
		test_run_threads(THREADS, delete_at_once, NULL, 0);
		CHECK(deleted == 1);
	}
	pthread_barrier_destroy(&barrier);
}

/* Each allocation fails in turn: nothing is left of the section. */
static void without_memory_there_is_none(void)
{
	int before = test_descriptors();
	unsigned int nth;
	PVOID base = NULL;

	for (nth = 1; nth < 100 && !base; nth++) {
		wrap_fail_nth(nth);
		errno = 0;
		base = lsa->CreateSharedMemory(1 << 20, 4096);
		wrap_fail_nth(0);
		CHECK(base || (errno == ENOMEM && test_descriptors() == before));
	}
	CHECK(base && nth > (has_module ? 2 : 8) && !wrap_has_failed());
	CHECK(lsa->DeleteSharedMemory(base));
}

int main(void)
{
	backend = getenv("NDSHM_TEST_BACKEND");
	has_module = backend;
	if (!backend)
		backend = "memfd:";
	unsetenv("NDSHM_BACKEND");
	if (ndshm_open(backend, &ndshm))
		return 1;
	lsa = ndshm_lsa_table(ndshm);
	if (!lsa)
		return 1;
	/* First: later, entries may be reused instead of allocated. */
	RUN(without_memory_there_is_none);
	test_run_all();
	ndshm_lsa_release();
	ndshm_close(ndshm);
	return test_end();
}
