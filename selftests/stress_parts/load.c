// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client.h"
#include "load.h"

#define STEPS		80	/* of a client, at most */
#define FEW		20	/* of one that pauses */
#define BLOCKS		24
#define PAUSE		10000	/* microseconds, at most */
#define AWAY		3	/* times as long as there, at most */
#define PATIENCE	60	/* seconds in which nothing moves */
#define TICK		5000	/* microseconds between two looks */

static const struct stress_load *now;
static pid_t workers[STRESS_WORKERS];
static unsigned int started;

static struct {
	unsigned int counted;
	__u64 since;
} last_move;

static bool stopped(void)
{
	return stress_read(&stress.board->stop);
}

/* The sum of all calls and of the other counters. */
static unsigned int moves(void)
{
	unsigned int sum = stress_read(&stress.board->ready) +
			   stress_read(&stress.board->gone), reason;

	for (reason = 0; reason < ARRAY_SIZE(stress.board->refused); reason++)
		sum += stress_read(&stress.board->refused[reason]);
	return sum;
}

bool stress_load_moves(void)
{
	unsigned int counted = moves();

	if (counted != last_move.counted) {
		last_move.counted = counted;
		last_move.since = stress_now();
	}
	return stress_seconds(last_move.since) < PATIENCE ||
	       stress_error("the load stands still");
}

/* A life of a client. */
static bool use_all(struct stress_client *client)
{
	unsigned int steps = stress_below(&client->random,
					  now->pause ? FEW : STEPS);
	bool fine = stress_client_open(client);

	if (!fine)
		return false;
	while (fine && steps-- && !stopped())
		fine = stress_client_do(client, stress_client_pick(client));
	return stress_client_close(client) && fine;
}

static void rest(void)
{
	if (!stress_read(&stress.board->rest))
		return;
	stress_count(&stress.board->resting);
	while (stress_read(&stress.board->rest) && !stopped())
		stress_sleep(TICK);
	__atomic_sub_fetch(&stress.board->resting, 1, __ATOMIC_RELAXED);
}

/*
 * There is no device while the module is unloaded or being unloaded. An open file
 * keeps the module. Pause for longer than it was open, so that even on a slow machine
 * there are moments without an open file.
 */
static bool use_module(struct stress_client *client)
{
	__u64 since = stress_now();
	int fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	bool fine;

	stress_sleep(stress_below(&client->random, PAUSE));
	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO)) {
		stress_count(&stress.board->gone);
		return true;
	}
	if (fd < 0)
		return stress_error("open: %s", strerror(errno));
	fine = use_all(client);
	close(fd);
	stress_sleep(stress_below(&client->random,
				  AWAY * 1e6 * stress_seconds(since) + 1));
	rest();
	return fine;
}

static bool work(unsigned int number)
{
	static struct stress_client client;
	static struct stress_stall stall;
	struct stress_random random = stress_stream(now->name, number);
	bool stalled = stress_stall_begin(&stall, random);

	setpgid(0, 0);
	setpriority(PRIO_PROCESS, 0, 0);
	do {
		client = (struct stress_client){
			.random = { stress_draw(&random) },
			.target_may = now->target_may,
			.maker_may = now->maker_may,
			.target = now->target,
			.maker = now->maker,
			.most = BLOCKS,
			.place = &stress.board->places[number % STRESS_WORKERS],
			/* Netlink comes and goes with the module. */
			.threaded = now->pause,
			.stall = stalled && stress_chance(&random, 40) ?
				 &stall : NULL,
		};
		if (!(now->pause ? use_module(&client) : use_all(&client)))
			return false;
		stress_count(&stress.board->ready);
	} while (!stopped());
	return true;
}

static bool start_worker(unsigned int place)
{
	/* The number says where it works as well. */
	workers[place] = stress_start(work, place + STRESS_WORKERS * started++);
	if (workers[place] < 0)
		return false;
	setpgid(workers[place], workers[place]);
	return true;
}

bool stress_load_begin(const struct stress_load *load)
{
	unsigned int i;
	bool fine = true;

	now = load;
	__atomic_store_n(&stress.board->stop, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&stress.board->ready, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&stress.board->resting, 0, __ATOMIC_RELAXED);
	last_move.since = stress_now();
	for (i = 0; i < STRESS_WORKERS; i++)
		fine &= start_worker(i);
	/* Each of them has had a client, or there is no load yet. */
	while (fine && stress_read(&stress.board->ready) < STRESS_WORKERS) {
		stress_sleep(TICK);
		fine = stress_load_moves();
	}
	return fine;
}

bool stress_load_rest(void)
{
	bool fine = true;

	__atomic_store_n(&stress.board->rest, 1, __ATOMIC_RELAXED);
	while (fine && stress_read(&stress.board->resting) < STRESS_WORKERS) {
		stress_sleep(TICK);
		fine = stress_load_moves();
	}
	return fine;
}

void stress_load_go_on(void)
{
	__atomic_store_n(&stress.board->rest, 0, __ATOMIC_RELAXED);
}

bool stress_load_replace(struct stress_random *random)
{
	unsigned int place = stress_below(random, STRESS_WORKERS);

	stress_kill_group(workers[place]);
	return start_worker(place);
}

bool stress_load_end(void)
{
	bool fine = true;
	unsigned int i;

	__atomic_store_n(&stress.board->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < STRESS_WORKERS; i++) {
		fine &= stress_finish(workers[i], "worker");
		stress_kill_group(workers[i]);
	}
	return fine;
}
