// SPDX-License-Identifier: GPL-2.0
/*
 * footprint ALLOCATOR [OPERATIONS]
 *
 * Measures the memory of a section in relation to live bytes. Four threads allocate and
 * free blocks of 16 B to 64 KiB, log-uniformly distributed; the live bytes rise and fall
 * between 128 and 256 MiB with a period of five million operations, and are sampled every
 * 100,000 operations. A quarter of the blocks are freed by another thread. Fails if the
 * ratio exceeds 1.25 at a sample, or if memory remains after all blocks are freed, but for what
 * the module keeps for a holder.
 * ALLOCATOR is ndshm (a section without the module) or module (a section of the module).
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"

#define THREADS		4
#define LOW		(128ul << 20)
#define PERIOD		5000000ul
#define STEP		100000ul
#define BLOCKS		65536
#define SIZES		65536
#define SHELVES		1024
#define LIMIT		1.25
#define IDLE		(2ul << 20)

struct block {
	void *memory;
	unsigned int size;
};

static const struct allocator *allocator;
static unsigned int sizes[SIZES];
static unsigned long operations = 10000000;
static pthread_barrier_t barrier;
static atomic_bool bad;
static double worst, sum;
static unsigned int samples;

/* Blocks that one thread has allocated and another will free. */
static _Atomic(struct block *) shelves[SHELVES];

/* Live bytes to reach at this operation. */
static unsigned long target(unsigned long operation)
{
	unsigned long at = operation % PERIOD, half = PERIOD / 2;

	return LOW + LOW * (at < half ? at : PERIOD - at) / half;
}

static void sample(unsigned long operation, unsigned long live)
{
	uint64_t committed = allocator->committed();
	double ratio = (double)committed / live;
	struct ndshm_heap_stats stats;

	allocator->stats(&stats);
	if (getenv("VERBOSE"))
		printf("%lu live %.1f usable %.1f cached %.1f extents %.1f committed %.1f MiB: "
		       "%.3f\n", operation, live / 1048576.0, stats.live_bytes / 1048576.0,
		       stats.cached_bytes / 1048576.0, stats.held_bytes / 1048576.0,
		       committed / 1048576.0, ratio);
	if (ratio > worst)
		worst = ratio;
	sum += ratio;
	samples++;
}

struct thread {
	pthread_t id;
	unsigned long state;
	struct block **blocks;
	unsigned int count;
	unsigned long live;
};

static struct thread threads[THREADS];

static void allocate(struct thread *thread, unsigned long number)
{
	struct block *block = malloc(sizeof(*block));

	if (!block || thread->count == BLOCKS) {
		bad = true;
		free(block);
		return;
	}
	block->size = sizes[number % SIZES];
	block->memory = allocator->alloc(block->size);
	if (!block->memory) {
		bad = true;
		free(block);
		return;
	}
	thread->live += block->size;
	if (number >> 62 == 0) {
		thread->live -= block->size;
		block = atomic_exchange(&shelves[(number >> 32) % SHELVES], block);
		thread->live += block ? block->size : 0;
	}
	if (block)
		thread->blocks[thread->count++] = block;
}

static void release(struct block *block)
{
	if (!block)
		return;
	if (allocator->free(block->memory))
		bad = true;
	free(block);
}

static void release_one(struct thread *thread, unsigned int which)
{
	struct block *block = thread->blocks[which];

	thread->live -= block->size;
	thread->blocks[which] = thread->blocks[--thread->count];
	release(block);
}

/* One operation: allocate or free, to approach @goal live bytes. */
static void operate(struct thread *thread, unsigned long goal)
{
	unsigned long number = next_random(&thread->state);

	if (thread->live < goal || !thread->count)
		allocate(thread, number);
	else
		release_one(thread, (number >> 32) % thread->count);
}

static unsigned long all_live(void)
{
	unsigned long all = 0;

	for (int i = 0; i < THREADS; i++)
		all += threads[i].live;
	for (int i = 0; i < SHELVES; i++)
		all += shelves[i] ? shelves[i]->size : 0;
	return all;
}

/* The barriers keep the threads at the same operation, within STEP. */
static void *run(void *argument)
{
	struct thread *thread = argument;

	while (thread->live < LOW / THREADS && !bad)
		operate(thread, LOW / THREADS);
	for (unsigned long i = 0; i < operations; i += STEP) {
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			sample(i, all_live());
		pthread_barrier_wait(&barrier);
		for (unsigned long j = 0; j < STEP && !bad; j += THREADS)
			operate(thread, target(i + j) / THREADS);
	}
	while (thread->count)
		release_one(thread, 0);
	return NULL;
}

int main(int count, char **arguments)
{
	struct ndshm_heap_stats stats;
	uint64_t committed, idle;

	if (count < 2)
		return 2;
	if (count > 2)
		operations = strtoul(arguments[2], NULL, 0);
	make_sizes(sizes, SIZES);
	idle = strcmp(arguments[1], "module") ? 0 : IDLE;
	allocator = allocator_find(arguments[1]);
	if (!allocator || !allocator->committed || allocator->open())
		return 1;
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		threads[i].state = 1234567 + i;
		threads[i].blocks = calloc(BLOCKS, sizeof(struct block *));
		if (!threads[i].blocks || pthread_create(&threads[i].id, NULL, run, &threads[i]))
			return 1;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i].id, NULL);
	for (int i = 0; i < SHELVES; i++)
		release(shelves[i]);
	allocator->trim();
	allocator->stats(&stats);
	committed = allocator->committed();
	printf("committed / live: mean %.3f, worst %.3f of %u; limit %.2f\n", sum / samples, worst,
	       samples, LIMIT);
	printf("left: %lu extents, %lu bytes of memory, %lu blocks\n",
	       (unsigned long)stats.extents, (unsigned long)committed,
	       (unsigned long)stats.live_blocks);
	allocator->close();
	return bad || worst > LIMIT || stats.extents || committed > idle || stats.live_blocks;
}
