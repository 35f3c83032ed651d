// SPDX-License-Identifier: GPL-2.0
/*
 * The heap and fork(): a child can read its parent's blocks and allocates its own,
 * whatever other threads of the parent do during the fork.
 */
#include <signal.h>

#include "fake_section.h"
#include "test.h"

#define SECTION	(64ul << 20)
#define ROUNDS	4
#define GRANULE	16
#define THREADS	3
#define IDLE_PROCESSES	4
#define IDLE_THREADS	4
#define BLOCKS	3000

static struct fake_section section;
static struct ndshm_heap *heap;

/* For each granule: it is in a block of some process. */
static atomic_uchar *shadow;

static bool open_heap(void)
{
	return CHECK(!fake_section_open(&section, SECTION)) &&
	       CHECK(!ndshm__heap_open(section.base, SECTION, &fake_source, &section, &heap));
}

static void close_heap(void)
{
	ndshm__heap_close(heap);
	CHECK(!fake_section_extents(&section, 0));
	fake_section_close(&section);
}

#define HEAP_TEST(name)	TEST_WITHIN(name, open_heap(), close_heap())

/* Run @body in a child. Return: true if it succeeded. */
static bool in_child(bool (*body)(void))
{
	pid_t pid = fork();

	if (!pid) {
		alarm(60);
		_exit(!body());
	}
	return !test_wait(pid);
}

static char *parents[3];
static const size_t sizes[3] = { 64, 30000, 1000000 };

static bool child_has_its_own(void)
{
	struct ndshm_heap_stats stats;
	char *mine[3];
	int error = 0;

	ndshm__heap_stats(heap, &stats);
	CHECK(!stats.live_blocks && !stats.extents && section.holder == 1);
	for (int i = 0; i < 3; i++) {
		CHECK(!strcmp(parents[i], "parent"));
		CHECK(ndshm__heap_free(heap, parents[i]) == -EINVAL);
		CHECK(!ndshm__heap_usable_size(heap, parents[i]));
		mine[i] = ndshm__heap_alloc(heap, sizes[i], &error);
		if (!CHECK(mine[i] && mine[i] != parents[i]))
			return false;
		strcpy(mine[i], "child");
	}
	/* The parent sees this write: the memory is shared. */
	strcpy(parents[0], "child");
	CHECK(section.holder != 1 && !strcmp(parents[1], "parent"));
	for (int i = 0; i < 3; i++)
		CHECK(ndshm__heap_free(heap, parents[i]) == -EINVAL &&
		      !ndshm__heap_free(heap, mine[i]));
	ndshm__heap_trim(heap);
	CHECK(!fake_section_extents(&section, section.holder));
	ndshm__heap_close(heap);
	return !test_bad;
}

HEAP_TEST(a_child_has_its_own)
{
	int error;

	for (int i = 0; i < 3; i++) {
		parents[i] = ndshm__heap_alloc(heap, sizes[i], &error);
		REQUIRE(parents[i]);
		strcpy(parents[i], "parent");
	}
	CHECK(in_child(child_has_its_own));
	CHECK(!strcmp(parents[0], "child"));
	CHECK(section.holder == 1);
	for (int i = 0; i < 3; i++)
		CHECK(!ndshm__heap_free(heap, parents[i]));
}

static bool grandchild(void)
{
	int error;
	char *block = ndshm__heap_alloc(heap, 64, &error);

	return block && section.holder == 3 && !ndshm__heap_free(heap, block);
}

static bool child_with_child(void)
{
	int error;
	char *block = ndshm__heap_alloc(heap, 64, &error);

	return block && section.holder == 2 && in_child(grandchild) &&
	       !ndshm__heap_free(heap, block);
}

HEAP_TEST(a_child_of_a_child)
{
	int error;
	char *block;

	block = ndshm__heap_alloc(heap, 64, &error);
	CHECK(in_child(child_with_child));
	CHECK(!ndshm__heap_free(heap, block));
	/* The parent must not free extents of the children. */
	fake_section_reap(&section, 2);
	fake_section_reap(&section, 3);
}

static bool child_is_kept_out(void)
{
	static const size_t tried[] = { 64, 100000, 1000000 };
	int error;

	section.fail_attach = -EPERM;
	for (int i = 0; i < 3; i++) {
		error = 0;
		if (ndshm__heap_alloc(heap, tried[i], &error) || error != -EPERM)
			return false;
	}
	section.fail_attach = 0;
	for (int i = 0; i < 3; i++)
		if (!ndshm__heap_alloc(heap, tried[i], &error))
			return false;
	return section.holder == 2;
}

HEAP_TEST(a_child_may_be_kept_out)
{
	CHECK(in_child(child_is_kept_out));
	fake_section_reap(&section, 2);
}

static void mark(const char *block, bool *good, int from, int to)
{
	size_t size = ndshm__heap_usable_size(heap, block);
	size_t first = (block - section.base) / GRANULE;

	if (!size)
		*good = false;
	for (size_t i = 0; i < size; i += GRANULE)
		if (atomic_exchange(&shadow[first + i / GRANULE], to) != from)
			*good = false;
}

static bool allocate_many(void)
{
	static _Thread_local char *blocks[BLOCKS];
	bool good = true;
	int error;

	for (int i = 0; i < BLOCKS; i++) {
		size_t size = 16 + i * 37 % 900 + (i % 200 ? 0 : 40000);

		blocks[i] = ndshm__heap_alloc(heap, size, &error);
		if (!blocks[i])
			return false;
		mark(blocks[i], &good, 0, 1);
	}
	for (int i = 0; i < BLOCKS; i++) {
		mark(blocks[i], &good, 1, 0);
		good &= !ndshm__heap_free(heap, blocks[i]);
	}
	return good;
}

static void *allocate_in_thread(void *argument)
{
	atomic_bool *good = argument;

	if (!allocate_many())
		*good = false;
	return NULL;
}

/* All threads of the child may be the first to use the heap. */
static bool child_with_threads(void)
{
	atomic_bool good = true;

	test_run_threads(THREADS, allocate_in_thread, &good, 0);
	ndshm__heap_trim(heap);
	return good && section.holder != 1 && !fake_section_extents(&section, section.holder);
}

static bool child_allocates(void)
{
	bool good = allocate_many();

	ndshm__heap_trim(heap);
	return good && !fake_section_extents(&section, section.holder);
}

static atomic_bool stop;

static void *allocate_until_stopped(void *argument)
{
	while (!stop)
		allocate_in_thread(argument);
	return NULL;
}

static void *free_and_end(void *argument)
{
	int error;

	ndshm__heap_free(heap, ndshm__heap_alloc(heap, 64, &error));
	return argument;
}

/*
 * The sanitizer's locks may be held across a fork among threads: with it, children create
 * no threads.
 */
#ifdef __SANITIZE_ADDRESS__
#define OBSERVED true
#else
#define OBSERVED false
#endif

/* Thread creation and exit take a lock, too. */
static void *come_and_go(void *argument)
{
	pthread_t thread;

	while (!stop) {
		if (pthread_create(&thread, NULL, free_and_end, NULL))
			*(atomic_bool *)argument = false;
		else
			pthread_join(thread, NULL);
	}
	return NULL;
}

/* A fork at any moment leaves a working heap in the child. */
HEAP_TEST(a_child_amid_threads)
{
	pthread_t threads[THREADS + 1];
	atomic_bool good = true;

	shadow = mmap(NULL, SECTION / GRANULE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	REQUIRE(shadow != MAP_FAILED);
	stop = false;
	for (int i = 0; i <= THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL,
				      i || OBSERVED ? allocate_until_stopped : come_and_go,
				      &good));
	for (int i = 0; i < (getenv("LONG") ? 500 : 40); i++)
		if (!CHECK(in_child(i % 2 && !OBSERVED ? child_with_threads : child_allocates)))
			break;
	stop = true;
	test_join(threads, THREADS + 1);
	CHECK(good);
	munmap(shadow, SECTION / GRANULE);
}

/* Allocates and frees so many blocks of each size that no cache has room for more. */
static void *fill_cache(void *argument)
{
	static _Thread_local void *some[1024];
	int error;

	for (size_t size = 16; size <= 65536; size += size < 128 ? 16 : size / 8) {
		unsigned int count = size < 256 ? 1024 : (256 << 10) / size;

		for (int round = 0; round < 10; round++) {
			for (unsigned int i = 0; i < count; i++)
				some[i] = ndshm__heap_alloc(heap, size, &error);
			for (unsigned int i = 0; i < count; i++)
				ndshm__heap_free(heap, some[i]);
		}
	}
	pthread_barrier_wait(argument);
	pause();
	return NULL;
}

/* A process with idle threads, until it is killed. */
static pid_t idle_process(int report)
{
	pthread_t threads[IDLE_THREADS];
	pthread_barrier_t barrier;
	pid_t pid = fork();

	if (pid)
		return pid;
	alarm(60);
	pthread_barrier_init(&barrier, NULL, IDLE_THREADS + 1);
	for (int i = 0; i < IDLE_THREADS; i++)
		if (pthread_create(&threads[i], NULL, fill_cache, &barrier))
			_exit(1);
	pthread_barrier_wait(&barrier);
	if (write(report, "", 1) != 1)
		_exit(1);
	pause();
	_exit(1);
}

/*
 * What idle processes have in their caches is a small part of the section, and almost all of the
 * rest is free in blocks of 1 MiB, as few gaps are too short for them.
 */
static double beside_idle_processes(void)
{
	static char *blocks[SECTION >> 20];
	pid_t pids[IDLE_PROCESSES];
	unsigned int count = 0;
	int pipes[2], error, status;
	double taken;
	char byte;

	if (!open_heap() || !CHECK(!pipe2(pipes, O_CLOEXEC)))
		return 0;
	for (int i = 0; i < IDLE_PROCESSES; i++)
		pids[i] = idle_process(pipes[1]);
	for (int i = 0; i < IDLE_PROCESSES; i++)
		CHECK(read(pipes[0], &byte, 1) == 1);
	while (count < SECTION >> 20 &&
	       (blocks[count] = ndshm__heap_alloc(heap, 1 << 20, &error)))
		count++;
	taken = 100.0 * fake_section_taken(&section) / SECTION;
	printf("# %u blocks of 1 MiB beside idle processes, %.1f %% of the section taken\n", count,
	       taken);
	CHECK(count >= (SECTION >> 20) * 7 / 8);
	CHECK(fake_section_taken(&section) <= ((size_t)count << 20) + SECTION / 8);
	while (count)
		CHECK(!ndshm__heap_free(heap, blocks[--count]));
	for (int i = 0; i < IDLE_PROCESSES; i++) {
		kill(pids[i], SIGKILL);
		CHECK(waitpid(pids[i], &status, 0) == pids[i] && WIFSIGNALED(status));
		fake_section_reap(&section, 2 + i);
	}
	close(pipes[0]);
	close(pipes[1]);
	close_heap();
	return taken;
}

/* The extents of a single round are where the order of the threads has put them. */
TEST(idle_processes_leave_room)
{
	double sum = 0;

	for (int i = 0; i < ROUNDS; i++)
		sum += beside_idle_processes();
	CHECK(sum / ROUNDS >= 95);
}

TEST_MAIN
