// SPDX-License-Identifier: GPL-2.0
/*
 * parallel LENGTH [map]: rounds a second of two processes on two processors, beside the sum of
 * one process on each of them. The first row shows what the machine loses without ndshm: a loop
 * without system calls, or, with map, memory of its own that each process maps. Exit: 0, 1 if the
 * ratio is below LEAST, 4 if that of the first row is below LEAST_BARE.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "../trace/round.h"

#define TURNS		15
#define TURN_MS		500
#define LEAST		1.8	/* of 2 */
#define LEAST_BARE	1.9
#define LOOPS		20000	/* without system calls, a round */

/* What the processes share; each counts in a cache line of its own. */
struct shared {
	int go;
	struct {
		unsigned long rounds;
		int ready;
		char others[64];
	} process[2];
};

static struct shared *shared;
static size_t length;
static int mapped;

static void set(int *flag, int value)
{
	__atomic_store_n(flag, value, __ATOMIC_RELEASE);
}

static int get(const int *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static double seconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* A round without ndshm. */
static void go_bare_round(void)
{
	int i;

	if (mapped) {
		touch(-1, length, 0);
		return;
	}
	for (i = 0; i < LOOPS; i++)
		asm volatile("" : : "r"(i));
}

static void run_process(int cpu, int bare)
{
	unsigned long rounds = 0;
	cpu_set_t cpus;
	__u32 adapter;
	int client, i;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		end("sched_setaffinity");
	client = open_client(&adapter);
	for (i = 0; i < WARM && !bare; i++)
		go_round(client, adapter, length, mapped);
	set(&shared->process[cpu].ready, 1);
	while (!get(&shared->go))
		;
	for (;;) {
		if (bare)
			go_bare_round();
		else
			go_round(client, adapter, length, mapped);
		__atomic_store_n(&shared->process[cpu].rounds, ++rounds, __ATOMIC_RELAXED);
	}
}

/* Return: rounds a second of one process on each of the processors in @cpus, a bit mask. */
static double measure(unsigned int cpus, int bare)
{
	const struct timespec turn = { .tv_nsec = TURN_MS * 1000000L };
	double before, after, rounds = 0;
	pid_t pids[2] = { 0 };
	int cpu;

	shared->go = 0;
	for (cpu = 0; cpu < 2; cpu++) {
		shared->process[cpu].rounds = 0;
		shared->process[cpu].ready = 0;
		if (!(cpus & 1 << cpu))
			continue;
		pids[cpu] = fork();
		if (pids[cpu] < 0)
			end("fork");
		if (!pids[cpu])
			run_process(cpu, bare);
		while (!get(&shared->process[cpu].ready))
			if (waitpid(pids[cpu], NULL, WNOHANG))
				exit(1);
	}
	before = seconds();
	set(&shared->go, 1);
	nanosleep(&turn, NULL);
	for (cpu = 0; cpu < 2; cpu++)
		rounds += __atomic_load_n(&shared->process[cpu].rounds, __ATOMIC_RELAXED);
	after = seconds();
	for (cpu = 0; cpu < 2; cpu++) {
		if (!pids[cpu])
			continue;
		kill(pids[cpu], SIGKILL);
		waitpid(pids[cpu], NULL, 0);
	}
	return rounds / (after - before);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Return: the median of the ratios, each of three measurements that follow each other. */
static double measure_ratio(const char *name, int bare)
{
	double ratios[TURNS], first, second, both;
	int i;

	for (i = 0; i < TURNS; i++) {
		first = measure(1, bare);
		both = measure(3, bare);
		second = measure(2, bare);
		ratios[i] = 2 * both / (first + second);
	}
	qsort(ratios, TURNS, sizeof(*ratios), compare);
	printf("%-28s %9.0f %9.0f %9.0f  ratio %.3f (%.3f to %.3f)\n", name, first, second, both,
	       ratios[TURNS / 2], ratios[0], ratios[TURNS - 1]);
	fflush(stdout);
	return ratios[TURNS / 2];
}

int main(int argc, char **argv)
{
	char name[64];
	double ratio;

	length = argc > 1 ? strtoul(argv[1], NULL, 0) : 4096;
	mapped = argc > 2;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		end("mmap");
	printf("rounds a second on           cpu 0     cpu 1      both\n");
	if (measure_ratio(mapped ? "memory of its own" : "no system calls", 1) < LEAST_BARE) {
		printf("SKIP  this machine does not have two processors for itself now\n");
		return 4;
	}
	snprintf(name, sizeof(name), "%zu KiB%s", length >> 10,
		 mapped ? ", mapped, touched" : ", allocated, freed");
	ratio = measure_ratio(name, 0);
	printf("%s  two processes, %s: ratio %.3f, at least %.1f, margin %.1f %%\n",
	       ratio < LEAST ? "FAIL" : "PASS", name, ratio, LEAST, (ratio / LEAST - 1) * 100);
	return ratio < LEAST;
}
