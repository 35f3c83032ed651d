// SPDX-License-Identifier: GPL-2.0
/*
 * heap ALLOCATOR ROW PAIRS [THREADS [LIVE]]
 *
 * Runs PAIRS pairs of an allocation and a free in each thread, and prints the nanoseconds of all.
 * Rows that replace a random block have LIVE blocks (1,000) per thread. ALLOCATOR is ndshm (a
 * section without the module), module (a section of the module) or malloc (which LD_PRELOAD can
 * replace). Run it with two numbers of pairs: the difference of the instructions, which callgrind
 * counts, or of the nanoseconds, gives the cost of a pair. With QEMU's icount a nanosecond is one
 * instruction of user space or kernel.
 *
 * The rows handover-* have a thread that frees what another has allocated, and the rows lend-* a
 * process that returns what this one has lent. grow enlarges one block in steps of 4 KiB to PAIRS
 * times 4 KiB.
 */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ndshm/loan.h>

#include "allocator.h"

#define LIVE	1000
#define LIVE_MOST	4000
#define SIZES	65536
#define THREADS	16

static const struct allocator *allocator;
static unsigned long pairs;
static unsigned long live = LIVE;

/* Log-uniform; computed before, so that logarithms are not part of the measurement. */
static unsigned int sizes[SIZES];

static unsigned long next_random(unsigned long *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void make_sizes(void)
{
	unsigned long state = 88172645463325252;

	for (int i = 0; i < SIZES; i++)
		sizes[i] = 16 * exp2(12.0 * (next_random(&state) >> 11) / (1ul << 53));
}

static void at_once(void)
{
	for (unsigned long i = 0; i < pairs; i++)
		allocator->free(allocator->alloc(64));
}

static void in_order(void)
{
	void *blocks[LIVE];

	for (unsigned long i = 0; i < pairs; i += LIVE) {
		for (int j = 0; j < LIVE; j++)
			blocks[j] = allocator->alloc(64);
		for (int j = 0; j < LIVE; j++)
			allocator->free(blocks[j]);
	}
}

static void replace_mixed(void)
{
	unsigned long state = 1234567891011;
	void *blocks[LIVE_MOST];

	for (unsigned long j = 0; j < live; j++)
		blocks[j] = allocator->alloc(sizes[j]);
	for (unsigned long i = 0; i < pairs; i++) {
		unsigned long number = next_random(&state);
		void **block = &blocks[(number >> 32) * live >> 32];

		allocator->free(*block);
		*block = allocator->alloc(sizes[number % SIZES]);
	}
	for (unsigned long j = 0; j < live; j++)
		allocator->free(blocks[j]);
}

static void replace_same(void)
{
	unsigned long state = 1234567891011;
	void *blocks[LIVE_MOST];

	for (unsigned long j = 0; j < live; j++)
		blocks[j] = allocator->alloc(2048);
	for (unsigned long i = 0; i < pairs; i++) {
		void **block = &blocks[(next_random(&state) >> 32) * live >> 32];

		allocator->free(*block);
		*block = allocator->alloc(2048);
	}
	for (unsigned long j = 0; j < live; j++)
		allocator->free(blocks[j]);
}

static void large_at_once(size_t size)
{
	for (unsigned long i = 0; i < pairs; i++) {
		char *block = allocator->alloc(size);

		*block = 1;
		allocator->free(block);
	}
}

static void at_once_300k(void)
{
	large_at_once(300000);
}

static void at_once_1m(void)
{
	large_at_once(1 << 20);
}

/* Blocks on the way from the thread that allocates to the one that frees. */
static _Atomic(char *) places[64];
static bool one_processor;

/* On one processor the other thread would wait for the end of a time slice. */
static void wait_for_other(void)
{
	if (one_processor)
		sched_yield();
}

static void *free_all(void *argument)
{
	for (unsigned long i = 0; i < pairs; i++) {
		char *block;

		while (!(block = atomic_exchange(&places[i % 64], NULL)))
			wait_for_other();
		allocator->free(block);
	}
	return argument;
}

static void hand_over(size_t size)
{
	pthread_t thread;

	one_processor = sysconf(_SC_NPROCESSORS_ONLN) == 1;
	if (pthread_create(&thread, NULL, free_all, NULL))
		abort();
	for (unsigned long i = 0; i < pairs; i++) {
		char *block = allocator->alloc(size);

		*block = 1;
		while (atomic_load(&places[i % 64]))
			wait_for_other();
		atomic_store(&places[i % 64], block);
	}
	pthread_join(thread, NULL);
}

static void hand_over_4k(void)
{
	hand_over(4096);
}

static void hand_over_64k(void)
{
	hand_over(65536);
}

/* Of blocks on the way to the process that returns them: their offsets + 1. */
static _Atomic uint64_t *offsets;

/* Return what there is, in groups. */
static void return_all(int fd)
{
	struct ndshm_ring *ring;
	uint64_t group[16];
	unsigned int count = 0;

	if (ndshm_ring_adopt(fd, &ring))
		_exit(1);
	for (unsigned long i = 0; i < pairs || count;) {
		uint64_t offset = i < pairs ? atomic_exchange(&offsets[i % 64], 0) : 0;

		if (offset) {
			group[count++] = offset - 1;
			i++;
		}
		if (count == 16 || (count && !offset)) {
			if (ndshm_loans_return_many(ring, group, count, -1, NULL))
				_exit(1);
			count = 0;
		} else if (!offset) {
			wait_for_other();
		}
	}
	_exit(0);
}

static void lend(size_t size)
{
	int fd = allocator->start_loans(), status;
	uint64_t offset;
	pid_t pid;

	offsets = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	one_processor = sysconf(_SC_NPROCESSORS_ONLN) == 1;
	if (fd < 0 || offsets == MAP_FAILED || (pid = fork()) < 0)
		abort();
	if (!pid)
		return_all(fd);
	for (unsigned long i = 0; i < pairs; i++) {
		char *block = allocator->alloc(size);

		*block = 1;
		if (allocator->lend(block, &offset))
			abort();
		while (atomic_load(&offsets[i % 64]))
			wait_for_other();
		atomic_store(&offsets[i % 64], offset + 1);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		abort();
	close(fd);
}

static void lend_4k(void)
{
	lend(4096);
}

static void lend_64k(void)
{
	lend(65536);
}

static void grow(void)
{
	char *block = NULL;

	for (unsigned long i = 1; i <= pairs; i++) {
		block = allocator->realloc(block, i * 4096);
		block[i * 4096 - 1] = 1;
	}
	allocator->free(block);
}

static const struct {
	const char *name;
	void (*run)(void);
} rows[] = {
	{ "at-once", at_once },
	{ "at-once-300k", at_once_300k },
	{ "at-once-1m", at_once_1m },
	{ "handover-4k", hand_over_4k },
	{ "handover-64k", hand_over_64k },
	{ "grow", grow },
	{ "in-order", in_order },
	{ "lend-4k", lend_4k },
	{ "lend-64k", lend_64k },
	{ "mixed", replace_mixed },
	{ "same", replace_same },
};

#define ROWS	((long)(sizeof(rows) / sizeof(rows[0])))

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC_RAW, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static void *run(void *row)
{
	rows[(long)row].run();
	return NULL;
}

int main(int count, char **arguments)
{
	unsigned int threads = count > 4 ? atoi(arguments[4]) : 0;
	pthread_t ids[THREADS];
	double begin;
	long row = 0;

	if (count > 5)
		live = atoi(arguments[5]);
	if (count < 4 || threads > THREADS || !live || live > LIVE_MOST)
		return 2;
	while (row < ROWS && strcmp(rows[row].name, arguments[2]))
		row++;
	if (row == ROWS)
		return 2;
	pairs = strtoul(arguments[3], NULL, 0);
	allocator = allocator_find(arguments[1]);
	if (!allocator || allocator->open())
		return 1;
	make_sizes();
	begin = now();
	if (!threads)
		rows[row].run();
	for (unsigned int i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, run, (void *)row))
			return 1;
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	printf("%.0f\n", now() - begin);
	allocator->close();
	return 0;
}
