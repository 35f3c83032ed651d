// SPDX-License-Identifier: GPL-2.0
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ndshm_clock.h"

#define TICK	10000000ULL	/* nanoseconds */
#define LATE	50000000ULL	/* that a tick may take */

static unsigned long long *stood;	/* shared with the process that looks */
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

static void clock_watch(void)
{
	unsigned long long before, took;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpriority(PRIO_PROCESS, 0, -20);
	for (;;) {
		before = clock_now();
		clock_tick(1);
		took = clock_now() - before;
		if (took > LATE)
			__atomic_add_fetch(stood, took, __ATOMIC_RELAXED);
	}
}

bool ndshm_clock_start(void)
{
	stood = mmap(NULL, sizeof(*stood), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	if (stood == MAP_FAILED)
		return false;
	watcher = fork();
	if (!watcher)
		clock_watch();
	return watcher > 0;
}

void ndshm_clock_stop(void)
{
	if (watcher > 0) {
		kill(watcher, SIGKILL);
		waitpid(watcher, NULL, 0);
	}
	munmap(stood, sizeof(*stood));
}

struct ndshm_clock ndshm_clock_now(void)
{
	return (struct ndshm_clock){
		.now = clock_now(),
		.stood = __atomic_load_n(stood, __ATOMIC_RELAXED),
	};
}

double ndshm_clock_ran(struct ndshm_clock since)
{
	const unsigned long long took = clock_now() - since.now;
	unsigned long long late;

	/* The tick that was late may not have ended. */
	clock_tick(2);
	late = ndshm_clock_now().stood - since.stood;
	return took > late ? (took - late) / 1e9 : 0;
}

long long ndshm_clock_ran_ms(struct ndshm_clock since)
{
	return ndshm_clock_ran(since) * 1e3;
}
