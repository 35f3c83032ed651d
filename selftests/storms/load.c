// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client.h"
#include "load.h"
#include "slow.h"

#define STEPS		80	/* of a client, at most */
#define FEW		20	/* of one that pauses */
#define BLOCKS		24
#define PAUSE		10000	/* microseconds, at most */
#define AWAY		3	/* times as long as there, at most */
#define PATIENCE	60	/* seconds in which nothing moves */
#define TICK		5000	/* microseconds between two looks */

static const struct storm_load *now;
/* One more than the others that have a client before the load has begun. */
static pid_t workers[STORM_WORKERS + 1];
#define SLOW	STORM_WORKERS
static unsigned int started;

static struct {
	unsigned int counted;
	__u64 since;
} last_move;

static bool stopped(void)
{
	return storm_read(&storm.board->stop);
}

/* The sum of all calls and of the other counters. */
static unsigned int moves(void)
{
	unsigned int sum = storm_read(&storm.board->ready) +
			   storm_read(&storm.board->gone), reason;

	for (reason = 0; reason < ARRAY_SIZE(storm.board->refused); reason++)
		sum += storm_read(&storm.board->refused[reason]);
	return sum;
}

bool storm_load_moves(void)
{
	unsigned int counted = moves();

	if (counted != last_move.counted) {
		last_move.counted = counted;
		last_move.since = storm_now();
	}
	return storm_seconds(last_move.since) < PATIENCE ||
	       storm_complain("the load stands still");
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

static void rest(void)
{
	if (!storm_read(&storm.board->rest))
		return;
	storm_count(&storm.board->resting);
	while (storm_read(&storm.board->rest) && !stopped())
		storm_sleep(TICK);
	__atomic_sub_fetch(&storm.board->resting, 1, __ATOMIC_RELAXED);
}

/*
 * There is no device while the module is unloaded or being unloaded. An open file
 * keeps the module. Pause for longer than it was open, so that even on a slow machine
 * there are moments without an open file.
 */
static bool use_module(struct storm_client *client)
{
	__u64 since = storm_now();
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
	storm_sleep(storm_below(&client->random,
				AWAY * 1e6 * storm_seconds(since) + 1));
	rest();
	return fine;
}

static bool work(unsigned int number)
{
	static struct storm_client client;
	static struct storm_stall stall;
	struct storm_random random = storm_stream(now->name, number);
	bool stalled = storm_stall_begin(&stall, random);

	setpgid(0, 0);
	setpriority(PRIO_PROCESS, 0, 0);
	do {
		client = (struct storm_client){
			.random = { storm_draw(&random) },
			.target_may = now->target_may,
			.maker_may = now->maker_may,
			.target = now->target,
			.maker = now->maker,
			.most = BLOCKS,
			.place = &storm.board->places[number % STORM_WORKERS],
			/* Netlink comes and goes with the module. */
			.threaded = now->pause,
			.stall = stalled && storm_chance(&random, 40) ?
				 &stall : NULL,
		};
		if (!(now->pause ? use_module(&client) : use_all(&client)))
			return false;
		storm_count(&storm.board->ready);
	} while (!stopped());
	return true;
}

/* It is in the middle of something for as long as others get much done. */
static bool work_slowly(unsigned int number)
{
	return storm_slow_enter() && work(number);
}

static bool start_slow_worker(void)
{
	workers[SLOW] = 0;
	if (now->pause || !storm_has_slow())
		return true;
	storm_slow_release(false);
	workers[SLOW] = storm_start(work_slowly, started++ * STORM_WORKERS);
	if (workers[SLOW] > 0)
		setpgid(workers[SLOW], workers[SLOW]);
	return workers[SLOW] > 0;
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
	__atomic_store_n(&storm.board->resting, 0, __ATOMIC_RELAXED);
	last_move.since = storm_now();
	for (i = 0; i < STORM_WORKERS; i++)
		fine &= start_worker(i);
	fine &= start_slow_worker();
	/* Each of them has had a client, or there is no load yet. */
	while (fine && storm_read(&storm.board->ready) < STORM_WORKERS) {
		storm_sleep(TICK);
		fine = storm_load_moves();
	}
	return fine;
}

bool storm_load_rest(void)
{
	bool fine = true;

	__atomic_store_n(&storm.board->rest, 1, __ATOMIC_RELAXED);
	while (fine && storm_read(&storm.board->resting) < STORM_WORKERS) {
		storm_sleep(TICK);
		fine = storm_load_moves();
	}
	return fine;
}

void storm_load_go_on(void)
{
	__atomic_store_n(&storm.board->rest, 0, __ATOMIC_RELAXED);
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
	storm_slow_release(true);
	for (i = 0; i <= STORM_WORKERS && workers[i]; i++) {
		fine &= storm_finish(workers[i], "worker");
		storm_kill_group(workers[i]);
	}
	storm_slow_release(false);
	return fine;
}
