// SPDX-License-Identifier: GPL-2.0
/*
 * heap ALLOCATOR ROW PAIRS [THREADS [LIVE]]
 *
 * Runs PAIRS pairs of an allocation and a free in each thread. Rows that replace a random
 * block have LIVE blocks (1,000) per thread. ALLOCATOR is ndshm (a section without the
 * kernel), module (a section of the module) or malloc (which LD_PRELOAD can replace). Run
 * it under callgrind with two numbers of pairs: the difference gives the cost of a pair.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static const struct {
	const char *name;
	void (*run)(void);
} rows[] = {
	{ "at-once", at_once },
	{ "in-order", in_order },
	{ "mixed", replace_mixed },
	{ "same", replace_same },
};

static void *run(void *row)
{
	rows[(long)row].run();
	return NULL;
}

int main(int count, char **arguments)
{
	unsigned int threads = count > 4 ? atoi(arguments[4]) : 0;
	pthread_t ids[THREADS];
	long row = 0;

	if (count > 5)
		live = atoi(arguments[5]);
	if (count < 4 || threads > THREADS || !live || live > LIVE_MOST)
		return 2;
	while (row < 4 && strcmp(rows[row].name, arguments[2]))
		row++;
	if (row == 4)
		return 2;
	pairs = strtoul(arguments[3], NULL, 0);
	allocator = allocator_find(arguments[1]);
	if (!allocator || allocator->open())
		return 1;
	make_sizes();
	if (!threads)
		rows[row].run();
	for (unsigned int i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, run, (void *)row))
			return 1;
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	allocator->close();
	return 0;
}
