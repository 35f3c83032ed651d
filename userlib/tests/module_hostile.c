// SPDX-License-Identifier: GPL-2.0
/*
 * module_hostile [OPERATIONS]: two processes allocate and free in a section of the
 * module, while a third one, which only has the section, repeatedly overwrites all of it.
 * Requires the module.
 */
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>

#include "module_test.h"

#define SECTION		(256ul << 20)
#define SLOT		(2ul << 20)
#define HOLDERS		2
#define BLOCKS		3000
/* Number of cycles from no live block to many and back. */
#define TIDES		8

atomic_uint *module_wrong;

/**
 * struct report - Results, in memory shared by all processes
 * @wrong: number of errors
 * @passes: passes of the hostile peer over the section
 * @written: bytes that it wrote
 * @missed: slots (SLOT bytes) without memory that it met
 * @operations: of the holders
 * @refused: refused misuses, by kind
 * @spoiled: blocks whose contents the peer changed
 */
static struct report {
	atomic_uint wrong;
	atomic_ulong passes;
	atomic_ulong written;
	atomic_ulong missed;
	atomic_ulong operations;
	atomic_ulong refused[3];
	atomic_ulong spoiled;
} *report;

static unsigned long operations = 200000;
static unsigned long seed;
static struct ndshm *ndshm;
static struct ndshm_section *section;

/*
 * The peer
 */

static sigjmp_buf without_memory;

static void no_memory(int signal)
{
	(void)signal;
	siglongjmp(without_memory, 1);
}

/* Plausible values: lengths, offsets, addresses, zero and random ones. */
static uint64_t word(unsigned long pass, uint64_t *place, uint64_t offset, uint64_t *state)
{
	switch (pass % 6) {
	case 0:
		return test_random(state);
	case 1:
		return UINT64_MAX;
	case 2:
		return offset + 16;
	case 3:
		return (uintptr_t)(place + 2);
	case 4:
		return 0;
	default:
		return offset / LEDGER_GRANULE % 64;
	}
}

static void overwrite(char *memory, uint64_t slot, unsigned long pass, uint64_t *state)
{
	for (uint64_t at = slot; at < slot + SLOT; at += LEDGER_PAGE) {
		uint64_t *page = (uint64_t *)(memory + at);

		for (unsigned int i = 0; i < LEDGER_PAGE / sizeof(*page); i++) {
			uint64_t lie = word(pass, &page[i], at + i * sizeof(*page), state);

			__atomic_store_n(&page[i], lie, __ATOMIC_RELAXED);
		}
		report->written += LEDGER_PAGE;
	}
}

/* Continues after SIGBUS. */
static void be_hostile(int fd)
{
	const struct sigaction action = { .sa_handler = no_memory, .sa_flags = SA_NODEFER };
	char *memory = mmap(NULL, SECTION, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	static volatile unsigned long pass;
	static volatile uint64_t slot;
	static uint64_t state = 4101842887655102017;

	if (memory == MAP_FAILED || sigaction(SIGBUS, &action, NULL))
		_exit(1);
	for (pass = 0;; pass++) {
		for (slot = 0; slot < SECTION; slot += SLOT) {
			if (!sigsetjmp(without_memory, 0))
				overwrite(memory, slot, pass, &state);
			else
				report->missed++;
		}
		report->passes++;
	}
}

/*
 * A holder
 */

static struct block {
	char *memory;
	size_t usable;
	unsigned long mark;
} blocks[BLOCKS];

static unsigned int count;
static size_t live;

/* For each granule: a block of this process starts there. In private memory. */
static unsigned char *starts;

static uint64_t offset_of(const void *memory)
{
	uint64_t offset = UINT64_MAX;

	EXPECT(!ndshm_section_offset(section, memory, &offset));
	return offset;
}

/* Check a new block, without reading its contents. */
static bool enter(struct block *block, void *memory, size_t size, size_t alignment)
{
	uint64_t offset = offset_of(memory);

	block->memory = memory;
	block->usable = ndshm_section_usable_size(section, memory);
	if (!EXPECT((uintptr_t)memory % alignment == 0) || !EXPECT(block->usable >= size) ||
	    !EXPECT(ledger_take(offset, block->usable)))
		return false;
	starts[offset / LEDGER_GRANULE] = 1;
	live += block->usable;
	block->mark = offset ^ seed;
	if (block->usable >= sizeof(block->mark))
		memcpy(memory, &block->mark, sizeof(block->mark));
	return true;
}

static void leave(const struct block *block)
{
	uint64_t offset = offset_of(block->memory);

	EXPECT(ndshm_section_usable_size(section, block->memory) == block->usable);
	if (memcmp(block->memory, &block->mark, sizeof(block->mark)))
		report->spoiled++;
	EXPECT(ledger_give(offset, block->usable));
	starts[offset / LEDGER_GRANULE] = 0;
	live -= block->usable;
}

static void allocate(unsigned long random)
{
	size_t size = module_size(random), alignment = 16;
	struct block *block = &blocks[count];
	void *memory = NULL;
	int error;

	switch (random >> 28 & 15) {
	case 0:
		alignment = 16ul << (random >> 20) % 18;
		error = ndshm_section_alloc_aligned(section, alignment, size, &memory);
		break;
	case 1:
		error = ndshm_section_calloc(section, size % 7 + 1, size / 7 + 1, &memory);
		size = (size % 7 + 1) * (size / 7 + 1);
		break;
	default:
		error = ndshm_section_alloc(section, size, &memory);
	}
	if (EXPECT(!error) && enter(block, memory, size, alignment))
		count++;
}

static void reallocate(struct block *block, unsigned long random)
{
	size_t size = module_size(random);
	void *memory;

	leave(block);
	if (!EXPECT(!ndshm_section_realloc(section, block->memory, size, &memory)) ||
	    !enter(block, memory, size, 16))
		*block = blocks[--count];
}

/* Get the expected reason for a pointer that is not the start of a live block. */
static uint32_t error_of(const char *pointer)
{
	uint64_t offset = pointer - (char *)ndshm_section_base(section);

	if (!ledger_has_page(offset))
		return NDSHM_REASON_POINTER_FOREIGN;
	return ledger_has_block(offset) ? NDSHM_REASON_POINTER_INTERIOR : NDSHM_REASON_POINTER_FREED;
}

/* Misuse @pointer in one of several ways; it must be refused without effect. */
static void error(void *pointer, unsigned long random)
{
	uint32_t reason = error_of(pointer);
	void *out = report;

	switch (random % 4) {
	case 0:
		EXPECT(!ndshm_section_usable_size(section, pointer));
		break;
	case 1:
		EXPECT(ndshm_section_realloc(section, pointer, 100, &out) == -EINVAL && !out);
		break;
	default:
		EXPECT(ndshm_section_free(section, pointer) == -EINVAL);
	}
	EXPECT(ndshm_last_reason(ndshm) == reason);
	report->refused[reason - NDSHM_REASON_POINTER_FOREIGN]++;
}

static void release(struct block *block, unsigned long random)
{
	char *memory = block->memory;

	leave(block);
	EXPECT(!ndshm_section_free(section, memory));
	*block = blocks[--count];
	if (random % 8 == 0)
		error(memory, random / 8);
}

static void break_some(unsigned long random)
{
	char *base = ndshm_section_base(section), *pointer;
	const struct block *block = &blocks[count ? (random >> 32) % count : 0];
	uint64_t offset = (random >> 16) % SECTION;

	switch (random % 8) {
	case 0:
		pointer = random & 8 ? base + SECTION + (random >> 60) : base - 1 - (random >> 60);
		break;
	case 1:
		pointer = random & 8 ? (char *)&seed : (char *)(random | 1);
		break;
	case 2:
	case 3:
	case 4:
		/* Both holders have extents in the low part. */
		pointer = base + offset % (SECTION / 8);
		break;
	default:
		if (!count)
			return;
		pointer = block->memory + 1 + (random >> 8) % (block->usable - 1);
	}
	offset = pointer - base;
	if (offset % LEDGER_GRANULE || offset >= SECTION || !starts[offset / LEDGER_GRANULE])
		error(pointer, random >> 4);
}

static void check_statistics(void)
{
	struct ndshm_heap_stats stats;

	EXPECT(!ndshm_section_stats(section, &stats));
	EXPECT(stats.live_blocks == count && stats.live_bytes == live);
	EXPECT(stats.extents == ledger_extents() && stats.held_bytes == ledger_bytes());
	EXPECT(stats.held_bytes >= stats.live_bytes + stats.cached_bytes);
}

static void all_goes_back(void)
{
	while (count)
		release(&blocks[count - 1], 1);
	ndshm_section_trim(section);
	check_statistics();
	EXPECT(!ledger_extents() && !ledger_bytes() && !live);
}

/* Get the intended number of live blocks, which rises in the first half of a cycle. */
static unsigned int goal(unsigned long operation, unsigned long all)
{
	unsigned long tide = all / TIDES ? all / TIDES : 1, at = operation % tide;

	return BLOCKS * (at < tide / 2 ? at : tide - at) / (tide / 2 + 1);
}

static void hold(unsigned int number, int fd)
{
	uint64_t state = seed + number, all = operations / HOLDERS;

	ledger_be(number);
	starts = calloc(SECTION / LEDGER_GRANULE, 1);
	if (!EXPECT(starts) || !EXPECT(!ndshm_open("section:", &ndshm)) ||
	    !EXPECT(!ndshm_section_adopt(ndshm, fd, &section)))
		return;
	for (unsigned long i = 0; i < all && !*module_wrong; i++) {
		unsigned long random = test_random(&state);
		struct block *block = &blocks[count ? (random >> 32) % count : 0];

		if (count && random % 8 == 0)
			reallocate(block, test_random(&state));
		else if (count < goal(i, all) || !count)
			allocate(test_random(&state));
		else
			release(block, test_random(&state));
		if (random % 64 < 4)
			break_some(test_random(&state));
		if (i % 4096 == 0)
			check_statistics();
		if (i % (all / TIDES + 1) == 0)
			all_goes_back();
		report->operations++;
	}
	all_goes_back();
	EXPECT(ledger_attached() == 1);
	ndshm_section_close(section);
	ndshm_close(ndshm);
}

/*
 * All processes
 */

static pid_t start(unsigned int number, int fd)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (number)
		hold(number, fd);
	else
		be_hostile(fd);
	_exit(*module_wrong != 0);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* Start the peer before the ledger exists, so that it does not share the ledger. */
TEST(holders_keep_their_books)
{
	int fd = ndshm_section_fd(section), status;
	double began = now();
	pid_t peer, pids[HOLDERS];

	peer = start(0, fd);
	REQUIRE(peer > 0 && ledger_open(SECTION));
	for (unsigned int i = 0; i < HOLDERS; i++)
		REQUIRE((pids[i] = start(i + 1, fd)) > 0);
	for (unsigned int i = 0; i < HOLDERS; i++)
		CHECK(!test_wait(pids[i]));
	CHECK(!kill(peer, SIGKILL) && waitpid(peer, &status, 0) == peer);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(!*module_wrong && !ledger_wrong());
	CHECK(report->operations == operations / HOLDERS * HOLDERS);
	printf("# %lu operations in %.1f s\n", report->operations, now() - began);
	ledger_close();
}

TEST(the_peer_was_hostile)
{
	printf("# %lu passes, %lu MiB written, %lu slots without memory, %lu blocks spoiled\n",
	       report->passes, report->written >> 20, report->missed, report->spoiled);
	CHECK(report->passes && report->written && report->missed && report->spoiled);
}

TEST(errors_were_refused)
{
	printf("# refused: %lu foreign, %lu interior, %lu not live\n",
	       report->refused[0], report->refused[1], report->refused[2]);
	for (int i = 0; i < 3; i++)
		CHECK(report->refused[i]);
}

TEST(everything_has_gone_back)
{
	struct ndshm_section_info info;

	CHECK(SOON(!ndshm_section_query(section, &info) && !info.holders));
	CHECK(!info.extents && !info.taken);
	/* Unused memory is freed after about a second. */
	CHECK(SOON(!ndshm_section_query(section, &info) && !info.committed));
}

int main(int arguments, char **argument)
{
	struct ndshm_section_request request = test_section_request(SECTION, 0);

	if (arguments > 1)
		operations = strtoul(argument[1], NULL, 0);
	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (report == MAP_FAILED || ndshm_open(NULL, &ndshm) ||
	    ndshm_section_create(ndshm, &request, &section)) {
		fprintf(stderr, "no section: is the module loaded?\n");
		return 1;
	}
	module_wrong = &report->wrong;
	seed = module_seed();
	test_run_all();
	ndshm_section_close(section);
	ndshm_close(ndshm);
	return test_end();
}
