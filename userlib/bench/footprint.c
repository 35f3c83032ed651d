// SPDX-License-Identifier: GPL-2.0
/*
 * footprint [OPERATIONS]: four threads allocate and free blocks of 16 B to 64 KiB, log-uniform,
 * so that what lives rises and falls between 128 and 256 MiB, in a triangle of five million
 * operations. At every 100,000th: what the section holds of memory, in slots of 2 MiB, in
 * relation to what lives. A quarter of the blocks are freed by another thread. Fails above
 * 1.25, or if something stays when all is over.
 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "heap.h"
#include "section.h"

#define THREADS		4
#define LOW		(128ul << 20)
#define PERIOD		5000000ul
#define STEP		100000ul
#define BLOCKS		65536
#define SIZES		65536
#define SHELVES		1024
#define SLOT		(2ul << 20)
#define LIMIT		1.25

struct block {
	void *memory;
	unsigned int size;
};

static struct section section;
static struct ndshm_heap *heap;
static unsigned int sizes[SIZES];
static unsigned long operations = 10000000;
static pthread_barrier_t barrier;
static atomic_bool bad;
static double worst, sum;
static unsigned int samples;

/* What one thread leaves here, another takes. */
static _Atomic(struct block *) shelves[SHELVES];

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

/* What should live by then. */
static unsigned long target(unsigned long operation)
{
	unsigned long at = operation % PERIOD, half = PERIOD / 2;

	return LOW + LOW * (at < half ? at : PERIOD - at) / half;
}

static void sample(unsigned long operation, unsigned long live)
{
	double ratio = (double)(section.slots * SLOT) / live;
	struct ndshm_heap_stats stats;

	ndshm__heap_stats(heap, &stats);
	if (getenv("VERBOSE"))
		printf("%lu live %.1f usable %.1f cached %.1f extents %.1f slots %.1f MiB: %.3f\n",
		       operation, live / 1048576.0, stats.live_bytes / 1048576.0,
		       stats.cached_bytes / 1048576.0, stats.held_bytes / 1048576.0,
		       section.slots * 2.0, ratio);
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
	int error;

	if (!block || thread->count == BLOCKS) {
		bad = true;
		free(block);
		return;
	}
	block->size = sizes[number % SIZES];
	block->memory = ndshm__heap_alloc(heap, block->size, &error);
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
	if (ndshm__heap_free(heap, block->memory))
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

/* One operation: what brings what lives nearer to what should. */
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
	unsigned long sum = 0;

	for (int i = 0; i < THREADS; i++)
		sum += threads[i].live;
	for (int i = 0; i < SHELVES; i++)
		sum += shelves[i] ? shelves[i]->size : 0;
	return sum;
}

/* The threads go side by side: none is left behind with what it has. */
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

	if (count > 1)
		operations = strtoul(arguments[1], NULL, 0);
	make_sizes();
	if (section_open(&section, 1 << 30) ||
	    ndshm__heap_open(section.base, section.size, &section_source, &section, &heap))
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
	ndshm__heap_trim(heap);
	ndshm__heap_stats(heap, &stats);
	printf("held / live: mean %.3f, worst %.3f of %u; limit %.2f\n", sum / samples, worst,
	       samples, LIMIT);
	printf("left: %lu extents, %lu slots, %lu blocks\n", (unsigned long)stats.extents,
	       (unsigned long)section.slots, (unsigned long)stats.live_blocks);
	ndshm__heap_close(heap);
	return bad || worst > LIMIT || stats.extents || section.slots || stats.live_blocks;
}
