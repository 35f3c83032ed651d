// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ndshm_clock.h"

#define TICK	10000000ULL	/* nanoseconds */
#define LATE	50000000ULL	/* that a tick may take */
#define STALLS	4096		/* for minutes: each is longer than LATE */
#define TRIES	1000		/* ticks until each watcher has run */

struct clock_stall {
	unsigned long long begin;
	unsigned long long end;
};

/*
 * Of one processor, in memory shared with the watching process.
 *
 * @seen: end of the last tick
 * @count: of stalls so far; @stalls has the last ones
 */
struct clock_watch {
	int cpu;
	unsigned long long seen;
	unsigned int count;
	struct clock_stall stalls[STALLS];
};

static struct clock_watch *watches;
static unsigned int watch_count;
static pid_t watcher;

static unsigned long long clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void clock_tick(unsigned int ticks)
{
	struct timespec time = { .tv_nsec = ticks * TICK };

	while (nanosleep(&time, &time))
		;
}

/*
 * Return: nanoseconds for which this thread could have run, but another one did. Its timer has
 * expired by then, so that the processor does not stand still.
 */
static unsigned long long clock_waited(int file)
{
	unsigned long long waited;
	char text[128];
	ssize_t length = pread(file, text, sizeof(text) - 1, 0);

	if (length <= 0)
		return 0;
	text[length] = '\0';
	return sscanf(text, "%*u %llu", &waited) == 1 ? waited : 0;
}

static void *clock_watch(void *argument)
{
	struct clock_watch *watch = argument;
	unsigned long long before, now, waited, end;
	cpu_set_t set;
	int file;

	CPU_ZERO(&set);
	CPU_SET(watch->cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	setpriority(PRIO_PROCESS, 0, -20);
	file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	for (;;) {
		waited = clock_waited(file);
		before = clock_now();
		clock_tick(1);
		now = clock_now();
		end = now - (clock_waited(file) - waited);
		if (end > before + LATE && end <= now) {
			watch->stalls[watch->count % STALLS] = (struct clock_stall){ before, end };
			__atomic_add_fetch(&watch->count, 1, __ATOMIC_RELEASE);
		}
		__atomic_store_n(&watch->seen, now, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void clock_watch_all(void)
{
	pthread_t thread;
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (i = 1; i < watch_count; i++)
		if (pthread_create(&thread, NULL, clock_watch, &watches[i]))
			_exit(1);
	clock_watch(watches);
}

/* Wait until each watcher has completed a tick that ended after @end. */
static bool clock_seen(unsigned long long end)
{
	unsigned int i, tries;

	for (i = 0, tries = 0; i < watch_count; i++)
		for (; __atomic_load_n(&watches[i].seen, __ATOMIC_ACQUIRE) < end; tries++) {
			if (tries == TRIES)
				return false;
			clock_tick(1);
		}
	return true;
}

bool ndshm_clock_start(void)
{
	cpu_set_t set;
	int i;

	if (sched_getaffinity(0, sizeof(set), &set))
		return false;
	watches = mmap(NULL, CPU_COUNT(&set) * sizeof(*watches), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (watches == MAP_FAILED)
		return false;
	watch_count = 0;
	for (i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			watches[watch_count++].cpu = i;
	watcher = fork();
	if (!watcher)
		clock_watch_all();
	return watcher > 0 && clock_seen(clock_now());
}

void ndshm_clock_stop(void)
{
	if (watcher > 0) {
		kill(watcher, SIGKILL);
		waitpid(watcher, NULL, 0);
	}
	munmap(watches, watch_count * sizeof(*watches));
}

struct ndshm_clock ndshm_clock_now(void)
{
	return (struct ndshm_clock){ .now = clock_now() };
}

/* Return: the stall of @watch that ends after @at and begins first, or one that never begins. */
static struct clock_stall clock_next(const struct clock_watch *watch, unsigned long long at)
{
	const unsigned int count = __atomic_load_n(&watch->count, __ATOMIC_ACQUIRE);
	struct clock_stall next = { ULLONG_MAX, ULLONG_MAX }, stall;
	unsigned int i;

	for (i = count > STALLS ? count - STALLS : 0; i != count; i++) {
		stall = watch->stalls[i % STALLS];
		if (stall.end > at)
			return stall;
	}
	return next;
}

double ndshm_clock_ran(struct ndshm_clock since)
{
	const unsigned long long end = clock_now();
	struct clock_stall next, stall;
	unsigned long long at, ran = 0;
	unsigned int i;

	/* The tick that was late may not have ended. */
	clock_seen(end);
	for (at = since.now; at < end; at = next.end) {
		next = (struct clock_stall){ end, end };
		for (i = 0; i < watch_count; i++) {
			stall = clock_next(&watches[i], at);
			if (stall.begin < next.begin)
				next = stall;
		}
		if (next.begin > at)
			ran += next.begin - at;
	}
	return ran / 1e9;
}

long long ndshm_clock_ran_ms(struct ndshm_clock since)
{
	return ndshm_clock_ran(since) * 1e3;
}
