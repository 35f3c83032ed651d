// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A bar on standard error for transfers that take longer than a second.
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "remote_tool.h"

#define SECOND	1000000000LL
#define CELLS	30

int64_t monotonic_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

void progress_begin(struct progress *progress, uint64_t total, bool forced)
{
	*progress = (struct progress){
		.total = total, .start = monotonic_time(),
		.enabled = forced || isatty(STDERR_FILENO),
	};
	progress->shown = progress->start + (forced ? -SECOND : SECOND * 9 / 10);
}

static void progress_draw(const struct progress *progress, int64_t now)
{
	const double seconds = (double)(now - progress->start) / SECOND;
	char done[NUMBER_SIZE], total[NUMBER_SIZE], rate[NUMBER_SIZE], cells[CELLS + 1] = { 0 };

	format_size(progress->done, done);
	format_size(seconds > 0 ? (uint64_t)((double)progress->done / seconds) : 0, rate);
	if (!progress->total) {
		fprintf(stderr, "\r%s, %s/s\033[K", done, rate);
		return;
	}
	format_size(progress->total, total);
	for (uint64_t i = 0; i < CELLS; i++)
		cells[i] = (double)progress->done * CELLS > (double)progress->total * (double)i
				   ? '#'
				   : '.';
	fprintf(stderr, "\r[%s] %3.0f%%  %s of %s, %s/s\033[K", cells,
		100. * (double)progress->done / (double)progress->total, done, total, rate);
}

void progress_step(struct progress *progress, uint64_t bytes)
{
	const int64_t now = monotonic_time();

	progress->done += bytes;
	if (!progress->enabled || now - progress->shown < SECOND / 10)
		return;
	progress->shown = now;
	progress->drawn = true;
	progress_draw(progress, now);
	fflush(stderr);
}

double progress_end(struct progress *progress)
{
	if (progress->drawn) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
	return (double)(monotonic_time() - progress->start) / SECOND;
}
