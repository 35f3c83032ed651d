// SPDX-License-Identifier: GPL-2.0
/*
 * module_fork [FORKS]: a process whose threads allocate in a section of the module forks
 * repeatedly. Each child allocates at once in the inherited section, with one or several
 * threads, until it exits or is killed with live blocks. Requires the module.
 */
#include <signal.h>
#include <sys/prctl.h>

#include "module_test.h"

#define SECTION		(128ul << 20)
#define PARENT		1
#define PARENT_THREADS	2
#define CHILD_THREADS	2
#define AT_ONCE		3	/* concurrent children */
#define BLOCKS		100

atomic_uint *module_wrong;

static unsigned long forks = 100, seed;
static struct ndshm *ndshm;
static struct ndshm_section *section;

/* Blocks of the parent before the first fork; the last one is an extent of its own. */
static const size_t sizes[] = { 64, 30000, 1000000 };
#define INHERITED	(sizeof(sizes) / sizeof(sizes[0]))
static char *inherited[INHERITED];

static uint64_t offset_of(const void *memory)
{
	uint64_t offset = UINT64_MAX;

	EXPECT(!ndshm_section_offset(section, memory, &offset));
	return offset;
}

static void *allocate(size_t size)
{
	void *memory;

	if (!EXPECT(!ndshm_section_alloc(section, size, &memory)))
		return NULL;
	EXPECT(ledger_take(offset_of(memory), ndshm_section_usable_size(section, memory)));
	/* The block has memory of its own: its contents stay. */
	memcpy(memory, &memory, sizeof(memory));
	return memory;
}

static void release(void *memory)
{
	EXPECT(!memcmp(memory, &memory, sizeof(memory)));
	EXPECT(ledger_give(offset_of(memory), ndshm_section_usable_size(section, memory)));
	EXPECT(!ndshm_section_free(section, memory));
}

/* @rounds random operations; then free all blocks unless @leave is set. */
static void come_and_go(uint64_t state, unsigned int rounds, bool leave)
{
	void *blocks[BLOCKS] = { NULL };

	for (unsigned int i = 0; i < rounds && !*module_wrong; i++) {
		void **block = &blocks[test_random(&state) % BLOCKS];

		if (*block)
			release(*block);
		*block = allocate(module_size(test_random(&state)));
	}
	for (unsigned int i = 0; i < BLOCKS && !leave; i++)
		if (blocks[i])
			release(blocks[i]);
}

static atomic_bool stop;

static void *allocate_until_stopped(void *argument)
{
	uint64_t state = seed + (uintptr_t)argument;

	while (!stop && !*module_wrong)
		come_and_go(test_random(&state), 1000, false);
	return NULL;
}

/*
 * A child
 */

enum { ENDS_CLEAN, ENDS_WITH_BLOCKS, IS_KILLED, ENDS };

struct child {
	unsigned int number;
	unsigned int end;
	bool threads;
	int ready;		/* pipe: written once the child is running */
};

/* Inherited blocks can be read, but not freed. */
static void look_at_inherited(void)
{
	struct ndshm_heap_stats stats;

	for (unsigned int i = 0; i < INHERITED; i++) {
		EXPECT(!strcmp(inherited[i], "parent"));
		EXPECT(ndshm_section_free(section, inherited[i]) == -EINVAL);
		EXPECT(!ndshm_section_usable_size(section, inherited[i]));
	}
	EXPECT(!ndshm_section_stats(section, &stats));
	EXPECT(!stats.live_blocks && !stats.cached_blocks && !stats.extents);
	EXPECT(!ledger_attached());
}

static void *in_thread(void *argument)
{
	struct child *child = argument;

	come_and_go(seed + child->number * 64 + (pthread_self() >> 12) % 64, 200, false);
	return NULL;
}

static void allocate_in_threads(struct child *child)
{
	pthread_t threads[CHILD_THREADS];

	for (int i = 0; i < CHILD_THREADS; i++)
		if (!EXPECT(!pthread_create(&threads[i], NULL, in_thread, child)))
			return;
	test_join(threads, CHILD_THREADS);
	/* The first calls of several threads may each attach. */
	EXPECT(ledger_attached() >= 1 && ledger_attached() <= CHILD_THREADS);
}

static void allocate_by_itself(const struct child *child)
{
	come_and_go(seed + child->number, 200, child->end != ENDS_CLEAN);
	EXPECT(ledger_attached() == 1);
}

static void be_child(struct child *child)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(300);
	ledger_be(child->number);
	if (child->end != IS_KILLED)
		look_at_inherited();
	else
		EXPECT(write(child->ready, "", 1) == 1);
	do {
		if (child->threads)
			allocate_in_threads(child);
		else
			allocate_by_itself(child);
	} while (child->end == IS_KILLED && !*module_wrong);

	EXPECT(ndshm_extent_free(section, offset_of(inherited[INHERITED - 1])) == -ENOENT);
	if (child->end == ENDS_CLEAN) {
		ndshm_section_trim(section);
		EXPECT(!ledger_extents());
	} else {
		ledger_leave(child->number);
	}
	_exit(*module_wrong != 0);
}

/*
 * The parent
 */

static unsigned int running;
static atomic_ulong ended[ENDS];

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
static void kill_amid(pid_t pid, const struct child *child, int ready, unsigned long random)
{
	char byte;

	CHECK(read(ready, &byte, 1) == 1);
	come_and_go(random, random % 256, false);
	/* Its extents may soon belong to another process. */
	ledger_leave(child->number);
	CHECK(!kill(pid, SIGKILL));
}

static bool fork_one(unsigned int number, unsigned long random)
{
	struct child child = {
		.number = PARENT + number,
		.end = number % ENDS,
		.threads = number / ENDS % 2,
	};
	int ready[2];
	pid_t pid;

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

/* Allocate the parent's blocks. The parent attaches first. */
static bool set_up(void)
{
	struct ndshm_section_request request = test_section_request(SECTION, 0);

	module_wrong = mmap(NULL, sizeof(*module_wrong), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (forks >= LEDGER_MOST || module_wrong == MAP_FAILED || !ledger_open(SECTION) ||
	    ndshm_open(NULL, &ndshm) || ndshm_section_create(ndshm, &request, &section))
		return false;
	ledger_be(PARENT);
	for (unsigned int i = 0; i < INHERITED; i++) {
		inherited[i] = allocate(sizes[i]);
		if (!inherited[i])
			return false;
		strcpy(inherited[i], "parent");
	}
	return true;
}

TEST(never_the_same_block)
{
	pthread_t threads[PARENT_THREADS];
	uint64_t state = seed;

	test_start(threads, PARENT_THREADS, allocate_until_stopped, (void *)1, 1);
	for (unsigned int i = 1; i <= forks && !*module_wrong && !test_bad; i++) {
		if (!fork_one(i, test_random(&state)))
			break;
		while (running >= AT_ONCE)
			reap();
	}
	while (running)
		reap();
	stop = true;
	test_join(threads, PARENT_THREADS);
	CHECK(ledger_attached() == 1);
	CHECK(!*module_wrong && !ledger_wrong());
}

TEST(all_kinds_of_children)
{
	printf("# of %lu children %lu ended with nothing, %lu with blocks, %lu were killed\n",
	       forks, ended[ENDS_CLEAN], ended[ENDS_WITH_BLOCKS], ended[IS_KILLED]);
	CHECK(ended[ENDS_CLEAN] + ended[ENDS_WITH_BLOCKS] + ended[IS_KILLED] == forks);
	for (int i = 0; i < ENDS; i++)
		CHECK(ended[i]);
}

TEST(everything_has_gone_back)
{
	struct ndshm_heap_stats stats;
	struct ndshm_section_info info;

	for (unsigned int i = 0; i < INHERITED; i++) {
		CHECK(!strcmp(inherited[i], "parent"));
		CHECK(!ndshm_section_free(section, inherited[i]));
	}
	ndshm_section_trim(section);
	CHECK(!ndshm_section_stats(section, &stats));
	CHECK(!stats.live_blocks && !stats.cached_blocks && !stats.extents && !stats.held_bytes);
	CHECK(!ledger_extents());
	/* The extents of ended children are freed. */
	CHECK(!ndshm_section_query(section, &info));
	CHECK(!info.extents && !info.taken && info.holders == 1);
	/* Unused memory is freed after about a second. */
	CHECK(SOON(!ndshm_section_query(section, &info) && !info.committed));
}

int main(int arguments, char **argument)
{
	if (arguments > 1)
		forks = strtoul(argument[1], NULL, 0);
	if (!set_up()) {
		fprintf(stderr, "no section: is the module loaded?\n");
		return 1;
	}
	seed = module_seed();
	test_run_all();
	ndshm_section_close(section);
	ndshm_close(ndshm);
	ledger_close();
	return test_end();
}
