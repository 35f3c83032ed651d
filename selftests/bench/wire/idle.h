/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Instructions that tasks execute, on a machine with one CPU whose clock counts
 * instructions. A child counts those that are left over.
 */
#ifndef _NDSHM_BENCH_IDLE_H
#define _NDSHM_BENCH_IDLE_H

#include <linux/types.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define TURN		500UL

static __u64 *turns;

static inline __u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static inline void die(const char *what)
{
	perror(what);
	exit(1);
}

static inline void turn(void)
{
	unsigned long loops = TURN;

	asm volatile("1: dec %0; jnz 1b" : "+r"(loops) : : "cc");
	__atomic_store_n(turns, *turns + 1, __ATOMIC_RELAXED);
}

static inline __u64 turns_now(void)
{
	return __atomic_load_n(turns, __ATOMIC_RELAXED);
}

/* Measure a turn. To be called before the other functions. */
static inline double instructions_per_turn(void)
{
	const unsigned int count = 2000;
	__u64 begin;

	turns = mmap(NULL, sizeof(*turns), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (turns == MAP_FAILED)
		die("mmap");
	begin = now();
	for (unsigned int i = 0; i < count; i++)
		turn();
	return (double)(now() - begin) / count;
}

/*
 * Start a child that takes turns with a scheduling policy. With SCHED_IDLE it
 * runs whenever no other task does, and so measures idle time.
 */
static inline pid_t start_turns(int policy)
{
	struct sched_param parameter = { };
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setscheduler(0, policy, &parameter))
		die("sched_setscheduler");
	for (;;)
		turn();
}

#endif /* _NDSHM_BENCH_IDLE_H */
