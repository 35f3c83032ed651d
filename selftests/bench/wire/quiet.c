// SPDX-License-Identifier: GPL-2.0
/*
 * ndshm-quiet SECONDS: print the instructions of a second in which no task runs. For a machine with
 * one CPU whose clock counts instructions.
 */
#define _GNU_SOURCE
#include "idle.h"

int main(int arguments, char **argument)
{
	struct timespec duration = { };
	__u64 begin, idle;
	double each;

	if (arguments != 2) {
		fprintf(stderr, "usage: ndshm-quiet SECONDS\n");
		return 2;
	}
	duration.tv_sec = strtoul(argument[1], NULL, 0);
	each = instructions_per_turn();
	start_turns(SCHED_IDLE);
	begin = now();
	idle = turns_now();
	if (nanosleep(&duration, NULL))
		die("nanosleep");
	idle = turns_now() - idle;
	printf("%.0f\n", (now() - begin - idle * each) / duration.tv_sec);
	return 0;
}
