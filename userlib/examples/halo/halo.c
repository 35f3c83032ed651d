// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm-halo: the temperature of a plate, of which each process has a strip.
 *
 *	ndshm-halo DIRECTORY RANK COUNT STEPS [ADDRESS]
 *		compute strip RANK of COUNT, and print it
 *
 * Each step needs the row beyond each end of the strip, its halo, which a neighbour computes. The
 * neighbour puts it into the memory of this process, and then adds one to a counter there: accesses
 * of a connection are executed in order, so that the row is there when the counter has changed. No
 * process receives a message.
 *
 * There are two copies of the strip, for even and odd steps: a neighbour may be one step ahead, but
 * not two, as it waits for the row of the step between. DIRECTORY stands for the configuration. The
 * process listens at ADDRESS, or at 127.0.0.1.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <ndshm/section.h>

#include "../table/place.h"

#define ROWS	48u		/* of the plate */
#define COLUMNS	64u
#define PATIENCE	20	/* s to wait for a neighbour */

enum side { ABOVE, BELOW, SIDES };

/* What is exported. Rows 0 and @rows + 1 of a copy are the halo. */
struct strip {
	uint64_t arrived[SIDES];	/* rows from there */
	double copy[2][ROWS + 2][COLUMNS];
};

struct neighbour {
	struct ndshm_remote_peer *peer;
	struct ndshm_remote_range *range;
	unsigned int rank;
};

struct process {
	const char *directory, *address;
	unsigned int rank, count, rows;
	struct ndshm *ndshm;
	struct ndshm_section *section;
	struct ndshm_remote *remote;
	struct ndshm_remote_export *exported;
	struct strip *strip;
	struct neighbour neighbours[SIDES];	/* without a peer at the edge of the plate */
};

static int halo_fail(const char *what, int error)
{
	fprintf(stderr, "ndshm-halo: %s: %s\n", what, strerror(-error));
	return 1;
}

static char *process_path(const struct process *process, unsigned int rank, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%u%s", process->directory, rank, name) < 0)
		exit(1);
	return path;
}

static int process_export(struct process *process)
{
	struct ndshm_section_request range = NDSHM_SECTION_REQUEST_INIT;
	struct ndshm_remote_request request = NDSHM_REMOTE_REQUEST_INIT;
	const uint32_t rights = NDSHM_REMOTE_WRITE | NDSHM_REMOTE_ATOMIC;
	char *path = process_path(process, process->rank, "");
	struct place place = { 0 };
	uint64_t offset, length;
	int error;

	snprintf(place.address, sizeof(place.address), "%s", process->address);
	range.max_size = 4 * sizeof(*process->strip);
	error = ndshm_open(NULL, &process->ndshm);
	if (!error)
		error = ndshm_section_create(process->ndshm, &range, &process->section);
	if (!error)
		error = ndshm_extent_alloc(process->section, sizeof(*process->strip), 0, &offset,
					   &length);
	if (!error)
		error = ndshm_remote_open(&request, &process->remote);
	if (!error)
		error = ndshm_remote_export_section(process->remote, process->section, offset,
						    sizeof(*process->strip), rights,
						    &process->exported);
	if (!error &&
	    ((mkdir(path, 0700) && errno != EEXIST) || place_read_token(path, true, &place)))
		error = -errno;
	if (!error)
		error = ndshm_remote_listen(process->remote, place.address, 0, place.token,
					    sizeof(place.token), &place.port);
	if (!error) {
		process->strip = (void *)((char *)ndshm_section_base(process->section) + offset);
		ndshm_remote_export_blob(process->exported, place.blob);
		error = place_write(path, &place) ? -errno : 0;
	}
	free(path);
	return error;
}

/* Neighbours start in any order. */
static int neighbour_connect(struct process *process, struct neighbour *neighbour)
{
	char *path = process_path(process, neighbour->rank, "");
	const time_t end = time(NULL) + PATIENCE;
	struct place place;
	int error = -ETIMEDOUT;

	while (place_read_token(path, false, &place) || place_read(path, &place)) {
		if (time(NULL) > end)
			goto out;
		usleep(10000);
	}
	error = ndshm_remote_connect(process->remote, place.address, place.port, place.token,
				     sizeof(place.token), &neighbour->peer);
	if (!error)
		error = ndshm_remote_import(neighbour->peer, place.blob, sizeof(place.blob),
					    &neighbour->range);
out:
	free(path);
	return error;
}

/* Our first row is the halo below the strip above, and our last one that above the strip below. */
static int halo_send(struct process *process, uint64_t step)
{
	const unsigned int parity = step % 2;

	for (int side = 0; side < SIDES; side++) {
		struct neighbour *to = &process->neighbours[side];
		const unsigned int from_row = side == ABOVE ? 1 : process->rows;
		const unsigned int to_row = side == ABOVE ? process->rows + 1 : 0;
		const enum side their_side = side == ABOVE ? BELOW : ABOVE;
		uint64_t old;
		int error;

		if (!to->peer)
			continue;
		error = ndshm_remote_put(to->range, offsetof(struct strip, copy[parity][to_row]),
					 process->strip->copy[parity][from_row],
					 sizeof(process->strip->copy[0][0]));
		if (!error)
			error = ndshm_remote_fetch_add(
				to->range, offsetof(struct strip, arrived[their_side]), 1, &old);
		if (error)
			return error;
	}
	return 0;
}

static int halo_wait(struct process *process, uint64_t step)
{
	const time_t end = time(NULL) + PATIENCE;

	for (int side = 0; side < SIDES; side++)
		while (process->neighbours[side].peer &&
		       __atomic_load_n(&process->strip->arrived[side], __ATOMIC_ACQUIRE) <= step) {
			if (time(NULL) > end)
				return -ETIMEDOUT;
			usleep(50);
		}
	return 0;
}

static void strip_compute(struct strip *strip, unsigned int rows, uint64_t step)
{
	double (*from)[COLUMNS] = strip->copy[step % 2], (*to)[COLUMNS] = strip->copy[!(step % 2)];

	for (unsigned int row = 1; row <= rows; row++)
		for (unsigned int column = 0; column < COLUMNS; column++) {
			const double left = column ? from[row][column - 1] : 0;
			const double right = column + 1 < COLUMNS ? from[row][column + 1] : 0;

			to[row][column] = (from[row - 1][column] + from[row + 1][column] + left +
					   right) / 4;
		}
}

/* The upper edge of the plate is hot, the others are cold. */
static void strip_init(struct process *process)
{
	for (int copy = 0; !process->rank && copy < 2; copy++)
		for (unsigned int column = 0; column < COLUMNS; column++)
			process->strip->copy[copy][0][column] = 100;
}

/* A process must not end before its neighbours have the replies to all of their calls. */
static int process_finish(struct process *process)
{
	const time_t end = time(NULL) + PATIENCE;
	char *path = process_path(process, process->rank, "/done");
	FILE *file = fopen(path, "we");

	free(path);
	if (!file || fclose(file))
		return -errno;
	for (int side = 0; side < SIDES; side++) {
		if (!process->neighbours[side].peer)
			continue;
		path = process_path(process, process->neighbours[side].rank, "/done");
		while (access(path, F_OK) && time(NULL) <= end)
			usleep(5000);
		free(path);
	}
	return time(NULL) > end ? -ETIMEDOUT : 0;
}

static int process_run(struct process *process, uint64_t steps)
{
	int error = 0;

	for (uint64_t step = 0; step < steps && !error; step++) {
		error = halo_send(process, step);
		if (!error)
			error = halo_wait(process, step);
		if (!error)
			strip_compute(process->strip, process->rows, step);
	}
	if (error)
		return halo_fail("a step", error);
	for (unsigned int row = 1; row <= process->rows; row++)
		for (unsigned int column = 0; column < COLUMNS; column++)
			printf("%a%c", process->strip->copy[steps % 2][row][column],
			       column + 1 < COLUMNS ? ' ' : '\n');
	error = process_finish(process);
	return error ? halo_fail("a neighbour", error) : 0;
}

static int process_main(struct process *process, uint64_t steps)
{
	int error = process_export(process);

	if (error)
		return halo_fail("cannot export", error);
	strip_init(process);
	for (int side = 0; side < SIDES; side++) {
		struct neighbour *neighbour = &process->neighbours[side];

		neighbour->rank = side == ABOVE ? process->rank - 1 : process->rank + 1;
		if (side == ABOVE ? !process->rank : neighbour->rank == process->count)
			continue;
		error = neighbour_connect(process, neighbour);
		if (error)
			return halo_fail("cannot connect", error);
	}
	return process_run(process, steps);
}

int main(int argc, char **argv)
{
	struct process process = {
		.directory = argc > 1 ? argv[1] : "",
		.address = argc == 6 ? argv[5] : "127.0.0.1",
	};
	int status;

	if (argc == 5 || argc == 6) {
		process.rank = (unsigned int)atoi(argv[2]);
		process.count = (unsigned int)atoi(argv[3]);
	}
	if (!process.count || ROWS % process.count || process.rank >= process.count) {
		fprintf(stderr,
			"usage: ndshm-halo DIRECTORY RANK COUNT STEPS [ADDRESS]; COUNT divides %u\n",
			ROWS);
		return 2;
	}
	process.rows = ROWS / process.count;
	status = process_main(&process, strtoull(argv[4], NULL, 10));
	if (process.remote)
		ndshm_remote_close(process.remote);
	if (process.section)
		ndshm_section_close(process.section);
	if (process.ndshm)
		ndshm_close(process.ndshm);
	return status;
}
