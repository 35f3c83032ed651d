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
static unsigned int sizes[SIZES];

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
	void (*run_size)(size_t size);
	size_t size;
} rows[] = {
	{ "at-once", at_once, NULL, 0 },
	{ "at-once-300k", NULL, large_at_once, 300000 },
	{ "at-once-1m", NULL, large_at_once, 1 << 20 },
	{ "handover-4k", NULL, hand_over, 4096 },
	{ "handover-64k", NULL, hand_over, 65536 },
	{ "grow", grow, NULL, 0 },
	{ "in-order", in_order, NULL, 0 },
	{ "lend-4k", NULL, lend, 4096 },
	{ "lend-64k", NULL, lend, 65536 },
	{ "mixed", replace_mixed, NULL, 0 },
	{ "same", replace_same, NULL, 0 },
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
	if (rows[(long)row].run)
		rows[(long)row].run();
	else
		rows[(long)row].run_size(rows[(long)row].size);
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
	make_sizes(sizes, SIZES);
	begin = now();
	if (!threads)
		run((void *)row);
	for (unsigned int i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, run, (void *)row))
			return 1;
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	printf("%.0f\n", now() - begin);
	allocator->close();
	return 0;
}
