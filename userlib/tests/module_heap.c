// SPDX-License-Identifier: GPL-2.0
/*
 * module_heap [OPERATIONS [FORKS]]: the library's allocator on a section of the module, in threads
 * of a process that forks, and in its children, which end at any moment; also beside a process that
 * overwrites all of the section.
 *
 * A ledger outside the section has the owners of its pages, recorded at the ioctl() calls, and of
 * its blocks, recorded by the test. Double ownership is detected when the second owner is recorded.
 * Requires the module, and --wrap of ioctl.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>

#include "test.h"
#include "wrap.h"

#define SECTION		(256ul << 20)
#define SLOT		(2ul << 20)
#define PAGE		4096u
#define GRANULE		16u
/* Processes are numbered from 1. */
#define PROCESSES	65535u
#define BLOCKS		3000

/**
 * struct shared - Memory of all processes of a test; the owner of a place is a process, 0 if free
 * @wrong: number of failed expectations
 * @pages: owner of each page of the section
 * @blocks: owner of each granule
 * @length: length of the extent that starts at a page
 * @gone: by process: it may be killed with extents
 * @passes: passes of the hostile peer over the section
 * @missed: slots (SLOT bytes) without memory that it met
 * @refused: refused misuses, by kind
 * @spoiled: blocks whose contents another process changed
 */
static struct shared {
	atomic_uint wrong;
	_Atomic uint16_t pages[SECTION / PAGE];
	_Atomic uint16_t blocks[SECTION / GRANULE];
	_Atomic uint64_t length[SECTION / PAGE];
	atomic_uchar gone[PROCESSES + 1];
	atomic_ulong passes;
	atomic_ulong missed;
	atomic_ulong refused[3];
	atomic_ulong spoiled;
} *shared;

static unsigned long operations = 200000, forks = 100, seed;
static struct ndshm *ndshm;
static struct ndshm_section *section;

/* For any process and thread: counts all failures, and prints the first ones. */
#define EXPECT(condition) expect((condition), __LINE__, #condition)

static bool expect(bool good, int line, const char *condition)
{
	if (!good && shared->wrong++ < 20)
		dprintf(STDOUT_FILENO, "# process %d, line %d: %s\n", getpid(), line, condition);
	return good;
}

/* Poll for up to ten seconds. The value is false on a timeout. */
#define SOON(condition) ({ \
	bool held_ = false; \
	for (int tries_ = 0; !held_ && tries_ < 1000; tries_++) { \
		held_ = (condition); \
		if (!held_) \
			usleep(10000); \
	} \
	held_; \
})

/*
 * The ledger
 */

/* Number of this process, 0 if it records nothing; number and bytes of its extents; attaches. */
static uint16_t me;
static atomic_ullong extents, bytes;
static atomic_uint attached;

static void ledger_be(unsigned int number)
{
	me = number;
	extents = 0;
	bytes = 0;
	attached = 0;
}

/* Return: true if the place was free, or its owner may have been killed. */
static bool take(_Atomic uint16_t *place)
{
	uint16_t before = atomic_exchange(place, me);

	return !before || (before != me && shared->gone[before]);
}

/* A process that may be killed may find a new owner. */
static bool give(_Atomic uint16_t *place)
{
	return atomic_exchange(place, 0) == me || shared->gone[me];
}

static bool is_within(uint64_t offset, uint64_t length)
{
	return length && offset < SECTION && length <= SECTION - offset;
}

/* Record a block that this process got. Return: false on a conflict. */
static bool ledger_take(uint64_t offset, uint64_t length)
{
	bool good = true;

	if (!is_within(offset, length) || offset % GRANULE)
		return false;
	for (uint64_t at = offset / PAGE; at <= (offset + length - 1) / PAGE; at++)
		good &= shared->pages[at] == me || shared->gone[me];
	for (uint64_t at = offset; at < offset + length; at += GRANULE)
		good &= take(&shared->blocks[at / GRANULE]);
	return good;
}

/* The same of a block that it is about to free. */
static bool ledger_give(uint64_t offset, uint64_t length)
{
	bool good = is_within(offset, length);

	for (uint64_t at = offset; good && at < offset + length; at += GRANULE)
		good = give(&shared->blocks[at / GRANULE]);
	return good;
}

static bool is_own(const _Atomic uint16_t *places, uint64_t offset, uint64_t size)
{
	return offset < SECTION && places[offset / size] == me;
}

static void note_alloc(const struct ndshm_extent_alloc_args *argument)
{
	uint64_t offset = argument->out_offset, length = argument->out_length;
	bool good = true;

	if (!EXPECT(is_within(offset, length) && offset % PAGE == 0 && length % PAGE == 0))
		return;
	for (uint64_t at = offset; at < offset + length; at += PAGE)
		good &= take(&shared->pages[at / PAGE]);
	EXPECT(good);
	shared->length[offset / PAGE] = length;
	extents++;
	bytes += length;
}

int __real_ioctl(int fd, unsigned long number, ...);

/* Clear the entries before the free: afterwards another process may own the pages. */
static int note_free(int fd, struct ndshm_extent_free_args *argument)
{
	uint64_t offset = argument->offset, length = 0;
	bool good = true;
	int ret, error;

	if (is_own(shared->pages, offset, PAGE))
		length = shared->length[offset / PAGE];
	for (uint64_t at = offset; at < offset + length; at += PAGE)
		good &= give(&shared->pages[at / PAGE]);
	EXPECT(good);
	ret = __real_ioctl(fd, NDSHM_EXTENT_FREE, argument);
	error = errno;
	/* The extent of another is not freed. */
	EXPECT(ret || length);
	if (!ret && length) {
		extents--;
		bytes -= length;
	}
	for (uint64_t at = offset; ret && at < offset + length; at += PAGE)
		shared->pages[at / PAGE] = me;
	errno = error;
	return ret;
}

/* Calls of the library to the kernel. */
WRAP(int, ioctl, int fd, unsigned long number, ...)
{
	void *argument;
	va_list list;
	int ret;

	va_start(list, number);
	argument = va_arg(list, void *);
	va_end(list);
	if (me && number == NDSHM_EXTENT_FREE)
		return note_free(fd, argument);
	ret = __real_ioctl(fd, number, argument);
	if (!ret && me && number == NDSHM_EXTENT_ALLOC)
		note_alloc(argument);
	attached += !ret && number == NDSHM_SECTION_ATTACH;
	return ret;
}

/*
 * Random operations
 */

struct block {
	char *memory;
	size_t usable;
	uint64_t mark;
};

/**
 * struct worker - Blocks of one thread
 * @state: of the random numbers
 * @count: number of @blocks
 * @live: their usable bytes
 */
struct worker {
	uint64_t state;
	unsigned int count;
	size_t live;
	struct block blocks[BLOCKS];
};

/* For each granule: a block of this process starts there. */
static unsigned char starts[SECTION / GRANULE];

static uint64_t offset_of(const void *memory)
{
	uint64_t offset = UINT64_MAX;

	EXPECT(!ndshm_section_offset(section, memory, &offset));
	return offset;
}

/* Check a new block, without reading its contents. */
static void enter(struct worker *worker, void *memory, size_t size, size_t alignment)
{
	struct block *block = &worker->blocks[worker->count];
	uint64_t offset = offset_of(memory);

	block->memory = memory;
	block->usable = ndshm_section_usable_size(section, memory);
	if (!EXPECT((uintptr_t)memory % alignment == 0) || !EXPECT(block->usable >= size) ||
	    !EXPECT(ledger_take(offset, block->usable)))
		return;
	starts[offset / GRANULE] = 1;
	worker->live += block->usable;
	block->mark = offset ^ seed ^ me;
	memcpy(memory, &block->mark, sizeof(block->mark));
	worker->count++;
}

/* Remove a block that is about to be freed or moved. Return: its memory. */
static char *leave(struct worker *worker, struct block *block)
{
	char *memory = block->memory;
	uint64_t offset = offset_of(memory);

	EXPECT(ndshm_section_usable_size(section, memory) == block->usable);
	shared->spoiled += !!memcmp(memory, &block->mark, sizeof(block->mark));
	EXPECT(ledger_give(offset, block->usable));
	starts[offset / GRANULE] = 0;
	worker->live -= block->usable;
	*block = worker->blocks[--worker->count];
	return memory;
}

/* Mostly small; one of 64 may have an extent of its own. */
static size_t random_size(uint64_t random)
{
	unsigned int most = random % 64 ? random % 16 ? 8 : 12 : 16;

	return (random >> 32) % (16ul << ((random >> 8) % most + 1)) + 1;
}

static void allocate(struct worker *worker)
{
	uint64_t random = test_random(&worker->state);
	size_t size = random_size(random), alignment = 16;
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
	if (EXPECT(!error))
		enter(worker, memory, size, alignment);
}

/* Towards @goal live blocks. Return: memory that was freed, or NULL. */
static char *step(struct worker *worker, unsigned int goal)
{
	uint64_t random = test_random(&worker->state);
	struct block *block = &worker->blocks[worker->count ? (random >> 32) % worker->count : 0];
	void *memory = NULL;

	if (worker->count && random % 8 == 0) {
		size_t size = random_size(test_random(&worker->state));

		if (EXPECT(!ndshm_section_realloc(section, leave(worker, block), size, &memory)))
			enter(worker, memory, size, 16);
		return NULL;
	}
	if (worker->count < goal || !worker->count) {
		allocate(worker);
		return NULL;
	}
	memory = leave(worker, block);
	EXPECT(!ndshm_section_free(section, memory));
	return memory;
}

static void free_all(struct worker *worker)
{
	while (worker->count)
		EXPECT(!ndshm_section_free(section, leave(worker, &worker->blocks[0])));
}

/*
 * The hostile peer, which only has the section
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
		return offset / GRANULE % 64;
	}
}

static void overwrite(char *memory, uint64_t slot, unsigned long pass, uint64_t *state)
{
	for (uint64_t at = slot; at < slot + SLOT; at += sizeof(uint64_t)) {
		uint64_t *place = (uint64_t *)(memory + at);

		__atomic_store_n(place, word(pass, place, at, state), __ATOMIC_RELAXED);
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
				shared->missed++;
		}
		shared->passes++;
	}
}

/* Get the expected reason for a pointer that is not the start of a live block. */
static uint32_t reason_of(const char *pointer)
{
	uint64_t offset = pointer - (char *)ndshm_section_base(section);

	if (!is_own(shared->pages, offset, PAGE))
		return NDSHM_REASON_POINTER_FOREIGN;
	return is_own(shared->blocks, offset, GRANULE) ? NDSHM_REASON_POINTER_INTERIOR :
							 NDSHM_REASON_POINTER_FREED;
}

/* Misuse @pointer in one of several ways; it must be refused without effect. */
static void bad_call(void *pointer, uint64_t random)
{
	uint32_t reason = reason_of(pointer);
	void *out = pointer;

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
	shared->refused[reason - NDSHM_REASON_POINTER_FOREIGN]++;
}

static void bad_calls(struct worker *worker)
{
	uint64_t random = test_random(&worker->state), offset = (random >> 16) % SECTION;
	char *base = ndshm_section_base(section), *pointer;
	const struct block *block = worker->blocks;

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
		if (!worker->count)
			return;
		block += (random >> 32) % worker->count;
		pointer = block->memory + 1 + (random >> 8) % (block->usable - 1);
	}
	offset = pointer - base;
	if (offset % GRANULE || offset >= SECTION || !starts[offset / GRANULE])
		bad_call(pointer, random >> 4);
}

/*
 * A child: it allocates at once in the inherited section, with one or several threads, until it
 * exits or is killed with live blocks.
 */

#define CHILD_THREADS	2
/* Number of cycles from no live block to many and back. */
#define TIDES		8

enum { ENDS_CLEAN, ENDS_WITH_BLOCKS, IS_KILLED, ENDS };

/**
 * struct child - What a child does
 * @number: of its process
 * @end: its end
 * @threads: in threads, instead of one that also misuses pointers and looks at the statistics
 * @steps: operations of the one thread
 * @tide: operations of a cycle
 * @ready: pipe: written once the child is running
 */
struct child {
	unsigned int number;
	unsigned int end;
	bool threads;
	unsigned long steps, tide;
	int ready;
};

/* Blocks of the parent before the first fork; the last one is an extent of its own. */
static const size_t sizes[] = { 64, 30000, 1000000 };
#define INHERITED	(sizeof(sizes) / sizeof(sizes[0]))
static char *inherited[INHERITED];

static bool has_peer;

static void check_statistics(const struct worker *worker)
{
	struct ndshm_heap_stats stats;

	EXPECT(!ndshm_section_stats(section, &stats));
	EXPECT(stats.live_blocks == worker->count && stats.live_bytes == worker->live);
	EXPECT(stats.extents == extents && stats.held_bytes == bytes);
	EXPECT(stats.held_bytes >= stats.live_bytes + stats.cached_bytes);
}

static void all_goes_back(struct worker *worker)
{
	free_all(worker);
	ndshm_section_trim(section);
	check_statistics(worker);
	EXPECT(!extents && !bytes && !worker->live);
}

/* Get the intended number of live blocks, which rises in the first half of a cycle. */
static unsigned int goal(unsigned long at, unsigned long tide)
{
	unsigned long most = tide / 2 < BLOCKS ? tide / 2 : BLOCKS;

	return most * (at < tide / 2 ? at : tide - at) / (tide / 2 + 1);
}

static void work(const struct child *child)
{
	struct worker worker = { .state = seed + child->number };

	for (unsigned long i = 0; i < child->steps && !shared->wrong; i++) {
		char *freed = step(&worker, goal(i % child->tide, child->tide));

		if (freed && worker.state % 8 == 0)
			bad_call(freed, worker.state / 8);
		if (test_random(&worker.state) % 64 < 4)
			bad_calls(&worker);
		if (i % 4096 == 0)
			check_statistics(&worker);
		if (i % child->tide == 0)
			all_goes_back(&worker);
	}
	if (child->end != ENDS_WITH_BLOCKS)
		all_goes_back(&worker);
}

/* @rounds random operations; then free all blocks. */
static void come_and_go(uint64_t state, unsigned int rounds)
{
	struct worker worker = { .state = state };

	for (unsigned int i = 0; i < rounds && !shared->wrong; i++)
		step(&worker, worker.state % 100);
	free_all(&worker);
}

static void *work_in_thread(void *argument)
{
	struct child *child = argument;

	come_and_go(seed + child->number * 64 + (pthread_self() >> 12) % 64, child->steps);
	return NULL;
}

/* Inherited blocks can be read, but not freed. */
static void look_at_inherited(void)
{
	for (unsigned int i = 0; i < INHERITED; i++) {
		EXPECT(has_peer || !strcmp(inherited[i], "parent"));
		EXPECT(ndshm_section_free(section, inherited[i]) == -EINVAL);
		EXPECT(!ndshm_section_usable_size(section, inherited[i]));
	}
	check_statistics(&(struct worker){ 0 });
	EXPECT(!attached);
}

static void be_child(struct child *child)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ledger_be(child->number);
	if (child->end != IS_KILLED)
		look_at_inherited();
	else
		EXPECT(write(child->ready, "", 1) == 1);
	do {
		if (child->threads)
			test_run_threads(CHILD_THREADS, work_in_thread, child, 0);
		else
			work(child);
		/* The first calls of several threads may each attach. */
		EXPECT(attached >= 1 && attached <= (child->threads ? CHILD_THREADS : 1));
	} while (child->end == IS_KILLED && !shared->wrong);

	EXPECT(ndshm_extent_free(section, offset_of(inherited[INHERITED - 1])) == -ENOENT);
	if (child->end == ENDS_CLEAN) {
		ndshm_section_trim(section);
		EXPECT(!extents);
	} else {
		shared->gone[child->number] = 1;
	}
	_exit(shared->wrong != 0);
}

/*
 * The parent
 */

#define PARENT		1
#define PARENT_THREADS	2
/* Children that work long, beside the others. */
#define HOLDERS		2
#define AT_ONCE		4

static atomic_bool stop;

static void *allocate_until_stopped(void *argument)
{
	uint64_t state = seed + (uintptr_t)argument;

	while (!stop && !shared->wrong)
		come_and_go(test_random(&state), 1000);
	return NULL;
}

static unsigned int running;
static unsigned long ended[ENDS];

static void reap(void)
{
	int status = -1;

	CHECK(wait(&status) > 0);
	running--;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		ended[IS_KILLED]++;
	else
		CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* Kill the child a random time after its start, given by the parent's operations. */
static void kill_amid(pid_t pid, const struct child *child, int ready, uint64_t random)
{
	char byte;

	CHECK(read(ready, &byte, 1) == 1);
	come_and_go(random, random % 256);
	/* Its extents may soon belong to another process. */
	shared->gone[child->number] = 1;
	CHECK(!kill(pid, SIGKILL));
}

static bool fork_one(unsigned int number, uint64_t random)
{
	struct child child = {
		.number = PARENT + number,
		.end = number % ENDS,
		.threads = number / ENDS % 2,
		.steps = number % ENDS == ENDS_WITH_BLOCKS ? 150 : 200,
		.tide = 200,
	};
	int ready[2];
	pid_t pid;

	if (number <= HOLDERS && has_peer) {
		child.end = ENDS_CLEAN;
		child.threads = false;
		child.steps = operations / HOLDERS;
		child.tide = child.steps / TIDES + 1;
	}
	if (!CHECK(!pipe2(ready, O_CLOEXEC)))
		return false;
	child.ready = ready[1];
	pid = fork();
	if (!pid)
		be_child(&child);
	/* Only the child has the write end now: its exit ends the read. */
	close(ready[1]);
	if (CHECK(pid > 0)) {
		running++;
		ended[child.end] += child.end != IS_KILLED;
		if (child.end == IS_KILLED)
			kill_amid(pid, &child, ready[0], random);
	}
	close(ready[0]);
	return pid > 0;
}

/* The parent attaches first. */
static void fork_all(void)
{
	struct worker own = { .state = seed };
	pthread_t threads[PARENT_THREADS];
	struct ndshm_section_info info;

	ledger_be(PARENT);
	for (unsigned int i = 0; i < INHERITED; i++) {
		void *memory;

		REQUIRE(!ndshm_section_alloc(section, sizes[i], &memory));
		enter(&own, memory, sizes[i], 16);
		inherited[i] = strcpy(memory, "parent");
		memcpy(&own.blocks[i].mark, memory, sizeof(own.blocks[i].mark));
	}
	stop = false;
	memset(ended, 0, sizeof(ended));
	test_start(threads, PARENT_THREADS, allocate_until_stopped, (void *)1, 1);
	for (unsigned int i = 1; i <= forks && !shared->wrong && !test_bad; i++) {
		if (!fork_one(i, test_random(&own.state)))
			break;
		while (running >= AT_ONCE)
			reap();
	}
	while (running)
		reap();
	stop = true;
	test_join(threads, PARENT_THREADS);
	CHECK(attached == 1);
	printf("# of %lu children %lu ended with nothing, %lu with blocks, %lu were killed\n"
	       "# refused: %lu foreign, %lu interior, %lu not live\n",
	       forks, ended[ENDS_CLEAN], ended[ENDS_WITH_BLOCKS], ended[IS_KILLED],
	       shared->refused[0], shared->refused[1], shared->refused[2]);
	CHECK(ended[ENDS_CLEAN] + ended[ENDS_WITH_BLOCKS] + ended[IS_KILLED] == forks);
	for (int i = 0; i < ENDS; i++)
		CHECK(ended[i] && shared->refused[i]);
	/* The extents of ended children are freed. */
	all_goes_back(&own);
	CHECK(!ndshm_section_query(section, &info));
	CHECK(!info.extents && !info.taken && info.holders == 1);
}

static bool set_up(bool with_peer)
{
	struct ndshm_section_request request = test_section_request(SECTION, 0);

	has_peer = with_peer;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return CHECK(shared != MAP_FAILED) &&
	       CHECK(!ndshm_section_create(ndshm, &request, &section));
}

static void tear_down(void)
{
	struct ndshm_section_info info = { 0 };

	CHECK(!shared->wrong);
	ledger_be(0);
	/* The module keeps little of the unused memory while there is a holder. */
	CHECK(SOON(!ndshm_section_query(section, &info) && info.committed <= SLOT));
	ndshm_section_close(section);
	munmap(shared, sizeof(*shared));
}

TEST_WITHIN(children_end_at_any_moment, set_up(false), tear_down())
{
	fork_all();
	CHECK(!shared->spoiled);
}

TEST_WITHIN(a_hostile_peer_spoils_contents_only, set_up(true), tear_down())
{
	pid_t peer = fork();
	int status;

	if (!peer) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		be_hostile(ndshm_section_fd(section));
	}
	REQUIRE(peer > 0);
	fork_all();
	CHECK(!kill(peer, SIGKILL));
	status = test_wait(peer);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	printf("# %lu passes, %lu slots without memory, %lu blocks spoiled\n", shared->passes,
	       shared->missed, shared->spoiled);
	CHECK(shared->passes && shared->missed && shared->spoiled);
}

int main(int arguments, char **argument)
{
	const char *given = getenv("NDSHM_SEED");
	struct timespec now;

	if (arguments > 1)
		operations = strtoul(argument[1], NULL, 0);
	if (arguments > 2)
		forks = strtoul(argument[2], NULL, 0);
	if (forks >= PROCESSES || ndshm_open(NULL, &ndshm)) {
		fprintf(stderr, "no section: is the module loaded?\n");
		return 1;
	}
	/* Do not use the process ID: it repeats in a machine that has just booted. */
	clock_gettime(CLOCK_REALTIME, &now);
	seed = given ? strtoul(given, NULL, 0) : (unsigned long)now.tv_nsec;
	printf("# NDSHM_SEED=%lu\n", seed);
	fflush(stdout);
	/* Never 0. */
	seed = seed * 0x9e3779b97f4a7c15 | 1;
	test_run_all();
	ndshm_close(ndshm);
	return test_end();
}
