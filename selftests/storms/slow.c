// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ndshm_proc.h"
#include "slow.h"
#include "storm.h"

#define CGROUPS	"/sys/fs/cgroup"
#define CGROUP	CGROUPS "/ndshm-storm-slow"
/* Microseconds, of so many. */
#define LITTLE	"1000 100000"
/* Not "max": the kernel patches its scheduler when the last limit goes. */
#define MUCH	"10000000 100000"

#define DYING	200000	/* microseconds */

static bool there;

void storm_slow_begin(void)
{
	ndshm_write_file(CGROUPS "/cgroup.subtree_control", "+cpu");
	there = !mkdir(CGROUP, 0755) &&
		!ndshm_write_file(CGROUP "/cpu.max", LITTLE);
	if (!there) {
		rmdir(CGROUP);
		storm_say("nobody is throttled: no processor control of cgroup v2");
	}
}

bool storm_slow_end(void)
{
	return !there || ndshm_soon(!rmdir(CGROUP)) ||
	       storm_complain("the slow cgroup stays: %s", strerror(errno));
}

bool storm_has_slow(void)
{
	return there;
}

bool storm_slow_enter(void)
{
	return !ndshm_write_file(CGROUP "/cgroup.procs", "0") ||
	       storm_complain("the slow cgroup cannot be entered");
}

void storm_slow_release(bool free)
{
	if (there)
		ndshm_write_file(CGROUP "/cpu.max", free ? MUCH : LITTLE);
}

void storm_slow_dies(void)
{
	storm_sleep(DYING);
	storm_slow_release(true);
}

void storm_slow_died(void)
{
	storm_slow_release(false);
}
