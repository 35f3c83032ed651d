// SPDX-License-Identifier: GPL-2.0
/*
 * States of the machine in which allocations take long.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/* Prepared by guest.sh: more than the memory of the machine, and a cgroup with a limit. */
#define MUCH		"/dev/loop0"
#define NEIGHBOUR	"/sys/fs/cgroup/neighbour/cgroup.procs"

#define STEP		MIB

void scenario_ready(int ready)
{
	if (write(ready, "", 1) != 1)
		_exit(1);
}

static size_t free_bytes(void)
{
	char line[128];
	size_t kib = 0;
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file) &&
	       sscanf(line, "MemFree: %zu", &kib) != 1)
		;
	if (file)
		fclose(file);
	return kib * KIB;
}

/* Use nearly all memory, and give each second page back. */
static void run_single(int ready)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	const size_t bytes = free_bytes() / 10 * 9 / page * page;
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	size_t at;

	if (memory == MAP_FAILED || madvise(memory, bytes, MADV_NOHUGEPAGE))
		_exit(1);
	for (at = 0; at < bytes; at += page)
		memory[at] = 1;
	for (at = 0; at < bytes; at += 2 * page)
		if (madvise(memory + at, page, MADV_DONTNEED))
			_exit(1);
	scenario_ready(ready);
	for (;;)
		pause();
}

/* Read for ever, and report after @bytes. Each read evicts what was read before. */
static void read_much(int ready, size_t bytes)
{
	const int fd = open(MUCH, O_RDONLY | O_CLOEXEC);
	const off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	size_t done = 0;
	off_t at = 0;

	if (end < (off_t)STEP)
		_exit(1);
	for (;; at = (at + STEP) % end) {
		if (readahead(fd, at, STEP))
			_exit(1);
		done += STEP;
		if (done - STEP < bytes && done >= bytes)
			scenario_ready(ready);
	}
}

static void run_reclaim(int ready)
{
	read_much(ready, sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
}

static void run_neighbour(int ready)
{
	const int fd = open(NEIGHBOUR, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		_exit(1);
	read_much(ready, 128 * MIB);
}

const struct scenario scenarios[] = {
	{ TAIL_FRESH, HOARD_FRESH, NULL },
	{ TAIL_SINGLE, HOARD_SINGLE, run_single },
	{ TAIL_RECLAIM, HOARD_RECLAIM, run_reclaim },
	{ TAIL_NEIGHBOUR, HOARD_NEIGHBOUR, run_neighbour },
};

const unsigned int scenario_count = ARRAY_SIZE(scenarios);

int scenario_start(const struct scenario *scenario)
{
	int ready[2], error;
	char byte;
	pid_t pid;

	if (!scenario->run)
		return 0;
	if (pipe2(ready, O_CLOEXEC))
		return -errno;
	pid = fork();
	error = -errno;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		scenario->run(ready[1]);
		_exit(1);
	}
	close(ready[1]);
	if (pid > 0 && read(ready[0], &byte, 1) != 1) {
		scenario_end(pid);
		error = -ENODEV;
		pid = -1;
	}
	close(ready[0]);
	return pid < 0 ? error : pid;
}

void scenario_end(int pid)
{
	if (!pid)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
