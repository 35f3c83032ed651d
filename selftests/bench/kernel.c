// SPDX-License-Identifier: GPL-2.0
/*
 * Access to ndshm_bench.ko.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

#define DIRECTORY "/sys/kernel/debug/ndshm_bench/"

static int run = -1;
static double overhead;

static int ask(const char *request, size_t size, __u64 *samples,
	       size_t samples_size)
{
	ssize_t got = pwrite(run, request, size, 0);

	if (got < 0)
		return errno;
	got = pread(run, samples, samples_size, 0);
	if (got < 0)
		return errno;
	return (size_t)got == samples_size ? 0 : EIO;
}

struct figure kernel_measure(const char *name, size_t length,
			     unsigned int rounds)
{
	unsigned int warm_up = rounds / 4 + 2, all = rounds + warm_up;
	struct figure figure = { 0 };
	__u64 *samples;
	char request[64];
	int size;

	samples = calloc(all, sizeof(*samples));
	if (!samples)
		return (struct figure){ .error = ENOMEM };
	size = snprintf(request, sizeof(request), "%s %zu %u", name, length, all);
	figure.error = ask(request, size, samples, all * sizeof(*samples));
	if (!figure.error)
		figure = figure_of(samples + warm_up, rounds, overhead);
	free(samples);
	return figure;
}

bool kernel_init_on_alloc(void)
{
	char answer = '0';
	int fd = open(DIRECTORY "init_on_alloc", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (read(fd, &answer, 1) != 1)
		answer = '0';
	close(fd);
	return answer == '1';
}

int kernel_live(unsigned int count)
{
	char text[16];
	int size = snprintf(text, sizeof(text), "%u", count), error = 0;
	int fd = open(DIRECTORY "live", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, text, size) != size)
		error = -errno;
	close(fd);
	return error;
}

int kernel_open(void)
{
	struct figure nothing;

	run = open(DIRECTORY "run", O_RDWR | O_CLOEXEC);
	if (run < 0)
		return -errno;
	overhead = 0;
	nothing = kernel_measure("nothing", 4 * KIB, 1000);
	overhead = nothing.median;
	return -nothing.error;
}

void kernel_close(void)
{
	close(run);
}
