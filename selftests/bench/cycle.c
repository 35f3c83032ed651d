// SPDX-License-Identifier: GPL-2.0
/*
 * The cycles that every peer runs.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cycle.h"

int map_fd(struct buffer *buffer, int fd)
{
	buffer->address = mmap(NULL, buffer->length, PROT_READ | PROT_WRITE,
			       MAP_SHARED, fd, buffer->offset);
	return buffer->address == MAP_FAILED ? -errno : 0;
}

int unmap(struct buffer *buffer)
{
	return munmap(buffer->address, buffer->length) ? -errno : 0;
}

static void touch(struct buffer *buffer)
{
	char *at = buffer->address, *end = at + buffer->length;
	long page = sysconf(_SC_PAGESIZE);

	for (; at < end; at += page) {
		*at = 1;
		/* Keeps the compiler from removing the store. */
		asm volatile("" : : "r"(at) : "memory");
	}
}

const char *const step_names[STEPS] = {
	[STEP_ALLOCATE] = "allocate",
	[STEP_MAP] = "map",
	[STEP_TOUCH] = "touch every page",
	[STEP_UNMAP] = "unmap",
	[STEP_FREE] = "free",
};

/* Try every step even after a failure, so that nothing is leaked. */
static int go_through(const struct peer *peer, size_t length, __u64 *marks)
{
	struct buffer buffer = { .length = length };
	int ret = 0;

	if (marks)
		marks[STEP_ALLOCATE] = now();
	if (peer->allocate)
		ret = peer->allocate(&buffer);
	if (ret)
		return ret;
	if (marks)
		marks[STEP_MAP] = now();
	ret = peer->map(&buffer);
	if (!ret) {
		if (marks)
			marks[STEP_TOUCH] = now();
		touch(&buffer);
		if (marks)
			marks[STEP_UNMAP] = now();
		ret = peer->unmap(&buffer);
	}
	if (marks)
		marks[STEP_FREE] = now();
	if (peer->free)
		ret = peer->free(&buffer) ?: ret;
	if (marks)
		marks[STEPS] = now();
	return ret;
}

int cycle_mapped(void *argument)
{
	const struct cycle *cycle = argument;

	return go_through(cycle->peer, cycle->length, NULL);
}

int cycle_shown(void *argument)
{
	const struct cycle *cycle = argument;
	int ret = cycle->peer->map(cycle->buffer);

	if (ret)
		return ret;
	touch(cycle->buffer);
	return cycle->peer->unmap(cycle->buffer);
}

int cycle_unmapped(void *argument)
{
	const struct cycle *cycle = argument;
	struct buffer buffer = { .length = cycle->length };

	return cycle->peer->allocate(&buffer) ?: cycle->peer->free(&buffer);
}

int cycle_batch(void *argument)
{
	const struct cycle *cycle = argument;

	return cycle->peer->batch(cycle->length, BATCH);
}

int cycle_steps(const struct cycle *cycle, unsigned int rounds,
		struct figure *figures)
{
	unsigned int i, j, warm_up = rounds / 4 + 2;
	__u64 *samples, marks[STEPS + 1];
	int ret = 0;

	samples = calloc(STEPS * rounds, sizeof(*samples));
	if (!samples)
		return -ENOMEM;
	for (i = 0; i < warm_up + rounds && !ret; i++) {
		ret = go_through(cycle->peer, cycle->length, marks);
		for (j = 0; j < STEPS && i >= warm_up; j++)
			samples[j * rounds + i - warm_up] = marks[j + 1] - marks[j];
	}
	for (j = 0; j < STEPS && !ret; j++)
		figures[j] = figure_of(samples + j * rounds, rounds,
				       clock_overhead());
	free(samples);
	return ret;
}
