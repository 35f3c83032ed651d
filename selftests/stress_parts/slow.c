// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ndshm_proc.h"
#include "slow.h"
#include "stress.h"

#define CGROUPS	"/sys/fs/cgroup"
#define CGROUP	CGROUPS "/ndshm-stress-slow"
/* Microseconds, of so many. */
#define LITTLE	"1000 100000"
/* Not "max": the kernel patches its scheduler when the last limit goes. */
#define MUCH	"10000000 100000"

#define DYING	200000	/* microseconds */

static bool there;

void stress_slow_begin(void)
{
	ndshm_write_file(CGROUPS "/cgroup.subtree_control", "+cpu");
	there = !mkdir(CGROUP, 0755) &&
		!ndshm_write_file(CGROUP "/cpu.max", LITTLE);
	if (!there) {
		rmdir(CGROUP);
		stress_say("nobody is throttled: no processor control of cgroup v2");
	}
}

bool stress_slow_end(void)
{
	return !there || ndshm_soon(!rmdir(CGROUP)) ||
	       stress_error("the slow cgroup stays: %s", strerror(errno));
}

bool stress_has_slow(void)
{
	return there;
}

bool stress_slow_enter(void)
{
	return !ndshm_write_file(CGROUP "/cgroup.procs", "0") ||
	       stress_error("the slow cgroup cannot be entered");
}

void stress_slow_release(bool free)
{
	if (there)
		ndshm_write_file(CGROUP "/cpu.max", free ? MUCH : LITTLE);
}

void stress_slow_dies(void)
{
	stress_sleep(DYING);
	stress_slow_release(true);
}

void stress_slow_died(void)
{
	stress_slow_release(false);
}
