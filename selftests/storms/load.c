// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ndshm_proc.h"
#include "client.h"
#include "load.h"

#define STEPS		80	/* of a client, at most */
#define FEW		20	/* of one that pauses */
#define BLOCKS		24
#define PAUSE		10000	/* microseconds, at most */

static const struct storm_load *now;
static pid_t workers[STORM_WORKERS];
static unsigned int started;

static bool stopped(void)
{
	return storm_read(&storm.board->stop);
}

/* A life of a client. */
static bool use_all(struct storm_client *client)
{
	unsigned int steps = storm_below(&client->random,
					 now->pause ? FEW : STEPS);
	bool fine = storm_client_open(client);

	if (!fine)
		return false;
	while (fine && steps-- && !stopped())
		fine = storm_client_do(client, storm_client_pick(client));
	return storm_client_close(client) && fine;
}

/*
 * The module may be gone, or about to go: then there is no device. Who has it
 * open keeps it.
 */
static bool use_module(struct storm_client *client)
{
	int fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	bool fine;

	storm_sleep(storm_below(&client->random, PAUSE));
	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO)) {
		storm_count(&storm.board->gone);
		return true;
	}
	if (fd < 0)
		return storm_complain("open: %s", strerror(errno));
	fine = use_all(client);
	close(fd);
	storm_sleep(storm_below(&client->random, PAUSE));
	return fine;
}

static bool work(unsigned int number)
{
	static struct storm_client client;
	struct storm_random random = storm_stream(now->name, number);

	setpgid(0, 0);
	do {
		client = (struct storm_client){
			.random = { storm_draw(&random) },
			.may = now->may,
			.target = now->target,
			.maker = now->maker,
			.most = BLOCKS,
			.place = &storm.board->places[number % STORM_WORKERS],
			/* Netlink comes and goes with the module. */
			.threaded = now->pause,
		};
		if (!(now->pause ? use_module(&client) : use_all(&client)))
			return false;
		storm_count(&storm.board->ready);
	} while (!stopped());
	return true;
}

static bool start_worker(unsigned int place)
{
	/* The number says where it works as well. */
	workers[place] = storm_start(work, place + STORM_WORKERS * started++);
	if (workers[place] < 0)
		return false;
	setpgid(workers[place], workers[place]);
	return true;
}

bool storm_load_begin(const struct storm_load *load)
{
	unsigned int i;
	bool fine = true;

	now = load;
	__atomic_store_n(&storm.board->stop, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&storm.board->ready, 0, __ATOMIC_RELAXED);
	for (i = 0; i < STORM_WORKERS; i++)
		fine &= start_worker(i);
	/* Each of them has had a client, or there is no load yet. */
	return fine && (ndshm_soon(storm_read(&storm.board->ready) >=
				   STORM_WORKERS) ||
			storm_complain("the load does not begin"));
}

bool storm_load_replace(struct storm_random *random)
{
	unsigned int place = storm_below(random, STORM_WORKERS);

	storm_kill_group(workers[place]);
	return start_worker(place);
}

bool storm_load_end(void)
{
	bool fine = true;
	unsigned int i;

	__atomic_store_n(&storm.board->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < STORM_WORKERS; i++) {
		fine &= storm_finish(workers[i], "worker");
		storm_kill_group(workers[i]);
	}
	return fine;
}
