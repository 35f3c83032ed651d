// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks that other processes free, on the backend without a module or on NDSHM_TEST_BACKEND.
 * LONG=1: 10 million blocks instead of 100,000.
 */
#include <sched.h>
#include <signal.h>

#include <ndshm/loan.h>

#include "test_section.h"

#define MAX	(16ul << 20)

static struct ndshm *ndshm;
static struct ndshm_section *section;
static struct ndshm_loans *loans;
static struct ndshm_ring *ring;

static bool make(uint32_t capacity)
{
	section = test_make_section(ndshm, MAX, 0);
	return CHECK(section) && CHECK(!ndshm_loans_create(section, capacity, &loans)) &&
	       CHECK(!ndshm_ring_adopt(ndshm_loans_fd(loans), &ring));
}

static void end(void)
{
	struct ndshm_heap_stats stats;

	ndshm_ring_close(ring);
	ndshm_loans_close(loans);
	CHECK(!ndshm_section_stats(section, &stats) && !stats.live_blocks);
	ndshm_section_close(section);
}

#define LOANS_TEST(name, capacity)	TEST_WITHIN(name, make(capacity), end())

static uint64_t lend(size_t size)
{
	uint64_t offset = ~0ull;
	void *block;

	CHECK(!ndshm_section_alloc(section, size, &block));
	CHECK(!ndshm_loans_lend(loans, block, &offset));
	return offset;
}

static struct ndshm_loans_info info(void)
{
	struct ndshm_loans_info info;

	CHECK(!ndshm_loans_query(loans, &info));
	return info;
}

static void *at(uint64_t offset)
{
	return (char *)ndshm_section_base(section) + offset;
}

LOANS_TEST(blocks_are_returned_once, 5)
{
	static const size_t sizes[] = { 1, 100, 3000, 60000, 100000, 1000000 };
	uint64_t offsets[6];
	uint32_t count;

	for (int i = 0; i < 6; i++)
		offsets[i] = lend(sizes[i]);
	CHECK(info().lent == 6 && info().capacity == 8);
	for (int i = 0; i < 6; i++) {
		CHECK(ndshm_section_usable_size(section, at(offsets[i])) >= sizes[i]);
		CHECK(!ndshm_loans_return(ring, offsets[i], 0));
		/* The second return has no effect, nor have others that are invalid. */
		CHECK(!ndshm_loans_collect(loans, &count) && count == 1);
		CHECK(!ndshm_loans_return(ring, offsets[i], 0));
		CHECK(!ndshm_loans_return(ring, offsets[i] + 16, 0));
		CHECK(!ndshm_loans_return(ring, offsets[i] + 1, 0));
		CHECK(!ndshm_loans_return(ring, MAX, 0));
		CHECK(!ndshm_loans_return(ring, UINT64_MAX, 0));
		CHECK(!ndshm_ring_send(ring, "1234567", 7, 0));
		CHECK(!ndshm_loans_collect(loans, &count) && !count);
		CHECK(!ndshm_section_usable_size(section, at(offsets[i])));
	}
	CHECK(info().lent == 0 && info().returned == 6 && info().invalid == 36);
}

/* 40 blocks are three messages. */
LOANS_TEST(many_blocks_are_returned_at_once, 64)
{
	uint64_t offsets[41];
	uint32_t count;

	for (int i = 0; i < 40; i++)
		offsets[i] = lend(100);
	offsets[40] = offsets[0];
	CHECK(!ndshm_loans_return_many(ring, offsets, 0, 0, &count) && !count);
	CHECK(!ndshm_loans_collect(loans, &count) && !count);
	CHECK(!ndshm_loans_return_many(ring, offsets, 41, 0, &count) && count == 41);
	CHECK(!ndshm_loans_collect(loans, &count) && count == 40);
	CHECK(!info().lent && info().returned == 40 && info().invalid == 1);
	for (int i = 0; i < 40; i++)
		CHECK(!ndshm_section_usable_size(section, at(offsets[i])));
	CHECK(!ndshm_ring_send(ring, NULL, 0, 0) && !ndshm_loans_collect(loans, &count) && !count);
	CHECK(info().invalid == 2);
	offsets[0] = lend(100);
	CHECK(!ndshm_ring_send(ring, offsets, 12, 0) && !ndshm_loans_collect(loans, &count) && !count);
	CHECK(info().invalid == 3 && info().lent == 1);
}

/* The lender may be of an older library, or another borrower have overwritten the size. */
TEST(messages_are_as_long_as_the_ring_permits)
{
	static const size_t sizes[] = { 8, 15, 128, 176 };
	uint64_t offsets[22] = { 0 }, got[22];
	struct ndshm_ring *other;
	size_t length;

	for (int i = 0; i < 4; i++) {
		size_t most = sizes[i] > 128 ? 128 : sizes[i] / 8 * 8;

		REQUIRE(!ndshm_ring_create(32, sizes[i], &other));
		CHECK(!ndshm_loans_return_many(other, offsets, 22, 0, NULL));
		for (size_t left = sizeof(offsets); left; left -= length) {
			CHECK(!ndshm_ring_receive(other, got, sizeof(got), &length, 0));
			REQUIRE(length == (left < most ? left : most));
		}
		ndshm_ring_close(other);
	}
}

/* A full ring, for which another borrower is to blame: the first ones are returned. */
LOANS_TEST(a_full_ring_takes_some, 32)
{
	uint64_t offsets[32];
	uint32_t count;

	for (int i = 0; i < 32; i++)
		offsets[i] = lend(100);
	for (int i = 0; i < 31; i++)
		CHECK(!ndshm_loans_return(ring, MAX, 0));
	CHECK(ndshm_loans_return_many(ring, offsets, 32, 0, &count) == -EAGAIN && count == 16);
	CHECK(!ndshm_loans_collect(loans, &count) && count == 16);
	CHECK(!ndshm_loans_return_many(ring, offsets + 16, 16, 0, NULL));
	CHECK(!ndshm_loans_collect(loans, &count) && count == 16);
	CHECK(!info().lent && info().invalid == 31);
}

/* A ring whose messages are too short for an offset. */
TEST(other_rings_are_refused)
{
	struct ndshm_ring *other;
	uint64_t offset = 0;
	uint32_t count = 9;

	REQUIRE(!ndshm_ring_create(4, sizeof(offset) - 1, &other));
	CHECK(ndshm_loans_return_many(other, &offset, 1, 0, &count) == -EMSGSIZE && !count);
	CHECK(ndshm_loans_return(other, offset, 0) == -EMSGSIZE);
	ndshm_ring_close(other);
}

LOANS_TEST(lent_blocks_are_not_freed, 4)
{
	uint64_t offset, again;
	void *block, *other;

	for (size_t size = 100; size < 4000000; size *= 10) {
		offset = lend(size);
		block = at(offset);
		CHECK_REASON(ndshm, ndshm_section_free(section, block), POINTER_LENT);
		/* Whether it is moved or not, and with memory for it or not. */
		CHECK_REASON(ndshm, ndshm_section_realloc(section, block, 10 * size, &other),
			     POINTER_LENT);
		CHECK_REASON(ndshm, ndshm_section_realloc(section, block, size, &other),
			     POINTER_LENT);
		CHECK_REASON(ndshm, ndshm_section_realloc(section, block, 2 * MAX, &other),
			     POINTER_LENT);
		CHECK_REASON(ndshm, ndshm_loans_lend(loans, block, &again), POINTER_LENT);
		CHECK_REASON(ndshm, ndshm_section_free(section, (char *)block + 16),
			     POINTER_INTERIOR);
		CHECK(!ndshm_loans_recall(loans, block));
		CHECK(ndshm_loans_recall(loans, block) == -ENOENT);
		CHECK(!ndshm_loans_return(ring, offset, 0) && !ndshm_loans_collect(loans, NULL));
		CHECK(!ndshm_section_free(section, block));
		CHECK(ndshm_loans_lend(loans, block, &again) == -EINVAL);
	}
	CHECK(info().invalid && !info().lent);
	CHECK_REASON(ndshm, ndshm_loans_lend(loans, &offset, &again), POINTER_FOREIGN);
	CHECK(ndshm_loans_recall(loans, &offset) == -ENOENT);
	CHECK(ndshm_loans_recall(loans, NULL) == -ENOENT);
}

static _Atomic(void *) target;
static atomic_ulong laps;
static atomic_bool done;

/* Try to free a block, whether it is lent or not. */
static void *free_target(void *none)
{
	while (!done) {
		void *block = target;

		laps += block ? ndshm_section_free(section, block) != 1 : 1;
	}
	return none;
}

static void take_target_back(void)
{
	unsigned long before;

	target = NULL;
	before = laps;
	while (laps < before + 2)
		sched_yield();
}

/* A free that is refused changes nothing, also beside the return or the recall of the block. */
LOANS_TEST(refused_frees_change_nothing, 4)
{
	pthread_t thread;
	uint64_t offset;
	uint32_t count;
	int error;

	done = false;
	REQUIRE(!pthread_create(&thread, NULL, free_target, NULL));
	for (int i = 0; i < 20000; i++) {
		offset = lend(100);
		target = at(offset);
		if (i % 2) {
			CHECK(!ndshm_loans_return(ring, offset, 0));
			CHECK(!ndshm_loans_collect(loans, &count) && count == 1);
			take_target_back();
			CHECK(!ndshm_section_usable_size(section, at(offset)));
		} else {
			/* The other thread may free it then. */
			CHECK(!ndshm_loans_recall(loans, at(offset)));
			take_target_back();
			error = ndshm_section_free(section, at(offset));
			CHECK(!error || error == -EINVAL);
		}
	}
	done = true;
	pthread_join(thread, NULL);
}

/* Beside a free that is refused, the block is as live as without one. */
LOANS_TEST(refused_frees_hide_nothing, 4)
{
	pthread_t thread;
	uint64_t offset;
	void *block;

	offset = lend(100);
	block = at(offset);
	target = block;
	laps = 0;
	done = false;
	REQUIRE(!pthread_create(&thread, NULL, free_target, NULL));
	while (laps < 300000 && !test_bad)
		CHECK(ndshm_section_usable_size(section, block));
	done = true;
	pthread_join(thread, NULL);
	target = NULL;
	CHECK(!ndshm_loans_recall(loans, block) && !ndshm_section_free(section, block));
}

LOANS_TEST(loans_are_limited, 4)
{
	uint64_t offset, last = 0;
	void *block;

	for (int i = 0; i < 4; i++)
		last = lend(64);
	REQUIRE(!ndshm_section_alloc(section, 64, &block));
	CHECK(ndshm_loans_lend(loans, block, &offset) == -EAGAIN);
	CHECK(!ndshm_loans_return(ring, last, 0));
	/* Collects what was returned. */
	CHECK(!ndshm_loans_lend(loans, block, &offset));
	CHECK(info().lent == 4 && info().returned == 1);
	/* The blocks of a borrower that has ended are freed with the loans. */
}

LOANS_TEST(a_struct_can_grow, 4)
{
	struct ndshm_loans_info small = { .lent = 77 };

	CHECK(!ndshm_loans_query_sized(loans, &small, 4) && small.capacity == 4 &&
	      small.lent == 77);
	CHECK(ndshm_loans_query_sized(loans, &small, sizeof(small) + 1) == -EINVAL);
}

LOANS_TEST(a_child_can_close, 4)
{
	pid_t pid;

	lend(100);
	pid = fork();
	if (!pid) {
		ndshm_loans_close(loans);
		_exit(0);
	}
	CHECK(!test_wait(pid) && info().lent == 1);
}

/*
 * Two lenders, whose borrowers are killed, and processes that overwrite the section
 */

#define LENDERS		2
#define GRANULE		16
#define PENDING		64
#define SIZE_MOST	3000

/**
 * struct borrower - a process that returns what it receives; replaced when it is killed
 * @loans: of the lender
 * @blocks: messages to it
 * @pid: process
 * @number: differs for each process
 */
struct borrower {
	struct ndshm_loans *loans;
	struct ndshm_ring *blocks;
	pid_t pid;
	unsigned int number;
};

struct lent {
	uint64_t offset;
	uint64_t size;
};

/**
 * struct shadow - shared by the processes that are not hostile
 * @overlaps: blocks that were lent while another borrower had memory of theirs
 * @borrowers: last number of a borrower
 * @returns: blocks that were returned
 * @owner: by section and granule, number of the borrower of a block there
 */
struct shadow {
	atomic_uint overlaps;
	atomic_uint borrowers;
	atomic_ulong returns;
	atomic_uint owner[LENDERS][MAX / GRANULE];
};

static struct shadow *shadow;
static atomic_uint *owner;	/* of the section of this process */

static void set_owner(const struct lent *block, unsigned int from, unsigned int to)
{
	for (uint64_t i = 0; i < block->size; i += GRANULE)
		if (atomic_exchange(&owner[(block->offset + i) / GRANULE], to) != from)
			shadow->overlaps++;
}

static void borrow(struct ndshm_ring *blocks, struct ndshm_ring *back, unsigned int number)
{
	alarm(600);
	for (;;) {
		struct lent block;
		size_t length;

		if (ndshm_ring_receive(blocks, &block, sizeof(block), &length, -1))
			_exit(1);
		set_owner(&block, number, 0);
		if (ndshm_loans_return(back, block.offset, -1))
			_exit(1);
		shadow->returns++;
	}
}

/* Its rings are not those of the section: a process that has the section has no part in them. */
static bool start_borrower(struct borrower *borrower)
{
	struct ndshm_ring *back;

	borrower->number = ++shadow->borrowers;
	if (ndshm_loans_create(section, PENDING, &borrower->loans) ||
	    ndshm_ring_create(PENDING, sizeof(struct lent), &borrower->blocks))
		return false;
	borrower->pid = fork();
	if (!borrower->pid) {
		if (ndshm_ring_adopt(ndshm_loans_fd(borrower->loans), &back))
			_exit(1);
		borrow(borrower->blocks, back, borrower->number);
	}
	return borrower->pid > 0;
}

static void end_borrower(struct borrower *borrower)
{
	int status;

	kill(borrower->pid, SIGKILL);
	waitpid(borrower->pid, &status, 0);
	/* Before the blocks are freed, after which another borrower can have them. */
	for (uint64_t i = 0; i < MAX / GRANULE; i++)
		if (owner[i] == borrower->number)
			owner[i] = 0;
	ndshm_loans_close(borrower->loans);
	ndshm_ring_close(borrower->blocks);
}

static bool lend_one(struct borrower *borrower, uint64_t random)
{
	struct lent block = { .size = random % SIZE_MOST + 1 };
	void *memory;
	int error;

	if (ndshm_section_alloc(section, block.size, &memory))
		return false;
	do {
		error = ndshm_loans_lend(borrower->loans, memory, &block.offset);
		if (error == -EAGAIN)
			sched_yield();
	} while (error == -EAGAIN);
	if (error)
		return false;
	set_owner(&block, 0, borrower->number);
	return !ndshm_ring_send(borrower->blocks, &block, sizeof(block), 60000);
}

static void overwrite_for_ever(void)
{
	uint64_t state = 1234567;

	alarm(600);
	for (;;) {
		uint64_t garbage;

		test_random(&state);
		garbage = state % 8 ? state : (state >> 30) % MAX & ~15ull;
		/* Not all of it has memory. */
		if (ndshm_section_write(section, (state >> 10) % (MAX - 8), &garbage, 8))
			continue;
	}
}

/* Only the module has several processes that allocate in one section. */
static int lend_many(unsigned int number, unsigned long rounds)
{
	const bool shared = getenv("NDSHM_TEST_BACKEND");
	uint64_t state = 88172645463325252 + number;
	struct borrower borrower;
	pid_t hostile;

	owner = shadow->owner[shared ? 0 : number];
	if (!shared)
		section = test_make_section(ndshm, MAX, 0);
	hostile = section ? fork() : -1;
	if (!hostile)
		overwrite_for_ever();
	if (hostile < 0 || !start_borrower(&borrower))
		return 1;
	for (unsigned long i = 0; i < rounds; i++) {
		test_random(&state);
		if (!lend_one(&borrower, state >> 20))
			return 2;
		if (state % 2048 == 0) {
			end_borrower(&borrower);
			if (!start_borrower(&borrower))
				return 3;
		}
	}
	end_borrower(&borrower);
	kill(hostile, SIGKILL);
	waitpid(hostile, NULL, 0);
	return 0;
}

LOANS_TEST(lenders_and_hostile_peers, 4)
{
	const unsigned long rounds = (getenv("LONG") ? 10000000 : 100000) / LENDERS;
	int status;

	shadow = mmap(NULL, sizeof(*shadow), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	REQUIRE(shadow != MAP_FAILED);
	for (unsigned int i = 0; i < LENDERS; i++)
		if (!fork())
			_exit(lend_many(i, rounds));
	for (unsigned int i = 0; i < LENDERS; i++)
		CHECK(wait(&status) > 0 && !status);
	printf("# %lu blocks lent, %lu returned, %u borrowers\n", LENDERS * rounds,
	       (unsigned long)shadow->returns, (unsigned int)shadow->borrowers);
	CHECK(!shadow->overlaps && shadow->returns > rounds && shadow->borrowers > LENDERS);
	munmap(shadow, sizeof(*shadow));
}

int main(void)
{
	const char *backend = getenv("NDSHM_TEST_BACKEND");

	return test_main(ndshm_open(backend ? backend : "memfd:", &ndshm), &ndshm);
}
