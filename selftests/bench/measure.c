// SPDX-License-Identifier: GPL-2.0
/*
 * Read the clock and evaluate the readings. Under QEMU's icount one nanosecond
 * is one instruction. Interrupts hit only some rounds, so the median is used.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

#define CHECK_ROUNDS	21
#define CHECK_LOOPS	20000UL

static clockid_t clock_id = CLOCK_MONOTONIC_RAW;
static double overhead;

double clock_overhead(void)
{
	return overhead;
}

__u64 now(void)
{
	struct timespec ts;

	clock_gettime(clock_id, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Two instructions per iteration, in assembly on machines where this is known. */
static int spin(void *argument)
{
	unsigned long loops = CHECK_LOOPS;

	(void)argument;
#if defined(__x86_64__)
	asm volatile("1: dec %0; jnz 1b" : "+r"(loops) : : "cc");
#elif defined(__aarch64__)
	asm volatile("1: subs %0, %0, #1; b.ne 1b" : "+r"(loops) : : "cc");
#else
#error "How is a loop of two instructions written here?"
#endif
	return 0;
}

static int nothing(void *argument)
{
	(void)argument;
	return 0;
}

bool clock_counts_instructions(void)
{
	double ratio;

	overhead = measure(nothing, NULL, 1000).median;
	ratio = measure(spin, NULL, CHECK_ROUNDS).median / (2 * CHECK_LOOPS);
	return ratio > 0.99 && ratio < 1.01;
}

void clock_count_own(void)
{
	clock_id = CLOCK_THREAD_CPUTIME_ID;
	overhead = 0;
	overhead = measure(nothing, NULL, 1000).median;
}

static int compare(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

struct figure figure_of(__u64 *samples, unsigned int rounds, double over)
{
	struct figure figure = { .rounds = rounds };
	double sum = 0;
	unsigned int i;

	qsort(samples, rounds, sizeof(*samples), compare);
	for (i = 0; i < rounds; i++)
		sum += samples[i];
	figure.median = (samples[(rounds - 1) / 2] + samples[rounds / 2]) / 2.0 - over;
	figure.p99 = samples[rounds - 1 - rounds / 100] - over;
	figure.p999 = samples[rounds - 1 - rounds / 1000] - over;
	figure.mean = sum / rounds - over;
	figure.min = samples[0] - over;
	figure.max = samples[rounds - 1] - over;
	return figure;
}

struct figure figure_each(struct figure figure, unsigned int count)
{
	figure.median /= count;
	figure.p99 /= count;
	figure.p999 /= count;
	figure.mean /= count;
	figure.min /= count;
	figure.max /= count;
	return figure;
}

struct figure measure(int (*once)(void *argument), void *argument,
		      unsigned int rounds)
{
	unsigned int i, warm_up = rounds / 4 + 2;
	struct figure figure = { 0 };
	__u64 *samples, start;
	int ret;

	samples = calloc(rounds, sizeof(*samples));
	if (!samples)
		return (struct figure){ .error = ENOMEM };
	for (i = 0; i < warm_up + rounds; i++) {
		start = now();
		ret = once(argument);
		samples[i < warm_up ? 0 : i - warm_up] = now() - start;
		if (ret) {
			figure.error = -ret;
			goto out;
		}
	}
	figure = figure_of(samples, rounds, overhead);
out:
	free(samples);
	return figure;
}
