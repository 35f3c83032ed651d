// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to observe blocks: their events, while a program reads these, and a list of all.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/ndshm_nl.h"
#include "bench.h"
#include "cycle.h"

/* A round has many cycles, so that it includes what the reader does meanwhile. */
#define CYCLES	1000
#define ROUNDS	20

#define RECEIVE	65536

/* Read events and discard them. */
static void run_reader(int ready)
{
	static char events[RECEIVE];
	struct ndshm_nl nl;

	if (ndshm_nl_open(&nl) || ndshm_nl_join_events(&nl))
		_exit(1);
	scenario_ready(ready);
	while (recv(nl.fd, events, sizeof(events), 0) > 0 || errno == ENOBUFS)
		;
	_exit(1);
}

static const struct scenario state_read = { EVENTS_READ, NULL, run_reader };
static const struct scenario state_unread = { EVENTS_NONE, NULL, NULL };

static int many_cycles(void *argument)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < CYCLES && !ret; i++)
		ret = cycle_unmapped(argument);
	return ret;
}

static int events_measure_peers(const char *place, const char *what, int (*enter)(void))
{
	static const struct peer *const peers[] = { &ndshm_peer, &fresh_peer };
	struct figure figure;
	struct cycle cycle;
	unsigned int i;
	int ret = enter();

	for (i = 0; i < ARRAY_SIZE(peers) && !ret; i++) {
		ret = peers[i]->open();
		if (ret)
			break;
		cycle = (struct cycle){ .peer = peers[i], .length = 4 * KIB };
		figure = figure_each(measure(many_cycles, &cycle, ROUNDS), CYCLES);
		table_add(place, what, peers[i]->name, cycle.length, &figure, 0);
		peers[i]->close();
	}
	return ret;
}

static int events_measure_in(const struct scenario *state, const char *place, int (*enter)(void))
{
	int helper = scenario_start(state), status = -1;
	pid_t child;

	if (helper < 0)
		return helper;
	child = fork();
	if (!child)
		_exit(!!events_measure_peers(place, state->name, enter));
	if (child > 0)
		waitpid(child, &status, 0);
	scenario_end(helper);
	return status ? -EIO : 0;
}

int events_measure(const char *place, int (*enter)(void))
{
	return events_measure_in(&state_unread, place, enter) ?:
	       events_measure_in(&state_read, place, enter);
}

/* Receive the list, and do not look at it. */
static int list_blocks(void *argument)
{
	struct ndshm_nl *nl = argument;

	return ndshm_nl_discard(nl, NDSHM_CMD_BLOCK_GET);
}

struct figure events_list_blocks(unsigned int blocks)
{
	struct figure figure = { 0 };
	struct ndshm_nl nl;

	figure.error = -ndshm_nl_open(&nl);
	if (figure.error)
		return figure;
	figure = figure_each(measure(list_blocks, &nl, 3), blocks);
	ndshm_nl_close(&nl);
	return figure;
}
