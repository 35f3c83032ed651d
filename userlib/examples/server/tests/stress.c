// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * stress: a stress test of ndshm-server with hostile clients, which are killed at random times.
 * Each hostile request must be served or refused as predicted, honest clients verify every byte
 * of their results, and the server must return to its initial state.
 */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"
#include "stress_alone.h"

#define HONEST		2
#define PLACES		64		/* ranges for results, used in turns */
#define KILL_US		100000		/* longest time between two kills */
#define SLACK		(256U << 10)	/* permitted growth of the server, bytes */
#define HANG		5000		/* timeout, seconds */

static struct options {
	const char *server;
	const char *backend;
	uint64_t count;
	uint64_t seed;
} options;

static struct stress *stress;
static pid_t honest[HONEST], villains[HARMS];
static uint64_t kills[HARMS], starts;
static uint64_t memory;		/* of the server at the start */
static unsigned int passed, failed;
static time_t began;

bool stress_wrong(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fputs("# ", stdout);
	vprintf(format, arguments);
	putchar('\n');
	va_end(arguments);
	fflush(stdout);
	return false;
}

static void check(bool good, const char *name)
{
	good ? passed++ : failed++;
	printf("%s %u - %s\n", good ? "ok" : "not ok", passed + failed, name);
	fflush(stdout);
}

static bool is_stand_in(void)
{
	const char *where = options.backend ? options.backend : getenv("NDSHM_BACKEND");

	return where && !strncmp(where, "memfd:", 6);
}

/* The stress test */

/*
 * A killed client may have a request in flight, whose result must not go to memory that another
 * client has allocated by then. Therefore the keeper owns the result ranges. A buffer that the
 * server lends is not lent again while such a request is pending.
 */
static struct client_plan next_plan(void)
{
	struct client_plan plan = {
		.stress = stress, .path = stress_server.path, .seed = options.seed + starts * 7919,
	};

	if (stress_keeper.own)
		plan.results = stress_keeper.offset + starts % PLACES * HOSTILE_MEMORY;
	starts++;
	return plan;
}

static pid_t start(int harm)
{
	const struct client_plan plan = next_plan();
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(harm < 0 ? !stress_honest(&plan) : !stress_harm(&plan, harm));
}

static bool kill_one(struct hostile *random)
{
	uint64_t harm = hostile_below(random, HARMS);
	int status;

	if (villains[harm] <= 0)
		return true;
	kill(villains[harm], SIGKILL);
	if (waitpid(villains[harm], &status, 0) != villains[harm] || !WIFSIGNALED(status))
		return stress_wrong("a client that means harm ended by itself: %#x", status);
	kills[harm]++;
	villains[harm] = start(harm);
	return villains[harm] > 0;
}

static bool ends_well(pid_t pid)
{
	int status;

	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

static bool rage(void)
{
	struct hostile random = { .random = options.seed };
	bool fine = true;

	for (int i = 0; i < HONEST; i++)
		honest[i] = start(-1);
	for (int i = 0; i < HARMS; i++)
		if (i != HARM_VANISHING || stress_keeper.own)
			villains[i] = start(i);
	while (fine && stress->spoiled < options.count) {
		struct timespec time = { .tv_nsec = hostile_below(&random, KILL_US) * 1000 };

		nanosleep(&time, NULL);
		fine = kill_one(&random) && stress_server_lives(&stress_server);
	}
	stress->stop = true;
	for (int i = 0; i < HARMS; i++)
		if (villains[i] > 0)
			fine = ends_well(villains[i]) && fine;
	return fine;
}

static bool honest_were_served(void)
{
	bool fine = stress->honest;

	for (int i = 0; i < HONEST; i++)
		fine = ends_well(honest[i]) && fine;
	return fine;
}

/* Returns true if every answer, prediction and kind of client occurred. */
static bool all_was_met(void)
{
	bool fine = stress->hung_up && (!stress_keeper.own || stress->by_harm[HARM_VANISHING]);

	for (int i = 0; i < STATUS_CLIENTS; i++)
		if (!stress->by_status[i])
			fine = stress_wrong("never: %s", status_name(i));
	for (int i = 0; i <= VERDICT_EITHER; i++)
		fine = fine && stress->foreseen[i];
	return fine && stress->by_harm[HARM_EXACT] && stress->by_harm[HARM_CHANGED] &&
	       stress->by_harm[HARM_RUDE];
}

static void stress_print(void)
{
	static const char *const names[HARMS] = { "exact", "changed", "vanishing", "rude" };

	printf("# spoiled requests: %llu; honest ones: %llu; hung up: %llu; %ld s\n",
	       (unsigned long long)stress->spoiled, (unsigned long long)stress->honest,
	       (unsigned long long)stress->hung_up, (long)(time(NULL) - began));
	for (int i = 0; i < HARMS; i++)
		printf("# %s: %llu, %llu clients killed\n", names[i],
		       (unsigned long long)stress->by_harm[i], (unsigned long long)kills[i]);
	for (int i = 0; i < STATUS_CLIENTS; i++)
		printf("# answer %s: %llu\n", status_name(i),
		       (unsigned long long)stress->by_status[i]);
}

/* Setup and final checks */

static bool begin(void)
{
	const char *failed_at;
	int error;

	if (!stress_server_start(&stress_server, options.server, options.backend, STRESS_CLIENTS))
		return false;
	error = call_open(&stress_keeper, stress_server.path, PLACES * HOSTILE_MEMORY, &failed_at);
	if (error)
		return stress_wrong("%s: %s", failed_at, strerror(-error));
	if (stress_keeper.own == is_stand_in())
		return stress_wrong("memory is lent where clients can allocate, or not where not");
	if (!stress_use_once())
		return stress_wrong("the greatest request is not served");
	stress_descriptors = stress_server_descriptors(&stress_server);
	memory = stress_server_memory(&stress_server);
	return stress_descriptors && memory;
}

/* Returns true if the keeper is the only holder and only its allocations remain. */
static bool is_given_back(void)
{
	struct ndshm_section_info info;

	return !ndshm_section_query(stress_keeper.section, &info) && info.holders == 1 &&
	       info.taken >= PLACES * HOSTILE_MEMORY && info.taken <= 4 * PLACES * HOSTILE_MEMORY;
}

static bool is_as_it_was(void)
{
	uint64_t now = stress_server_memory(&stress_server);

	printf("# the server's memory: %llu KiB at the start, %llu now\n",
	       (unsigned long long)memory >> 10, (unsigned long long)now >> 10);
	return stress_server_lives(&stress_server) && stress_use_once() &&
	       stress_soon(stress_has_no_more_descriptors) &&
	       now <= memory + SLACK;
}


static uint64_t number(const json_t *report, const char *name)
{
	return json_integer_value(json_object_get(report, name));
}

static uint64_t sum(const json_t *report, const char *name)
{
	json_t *value;
	const char *key;
	uint64_t total = 0;

	json_object_foreach(json_object_get(report, name), key, value)
		total += json_integer_value(value);
	return total;
}

/* The counters of server and clients must agree, except for requests of killed clients. */
static bool adds_up(const json_t *report)
{
	uint64_t requests = number(report, "requests");
	uint64_t served = sum(report, "served"), refused = sum(report, "refused");

	printf("# the server: %llu requests, %llu served, %llu refused, %llu clients\n",
	       (unsigned long long)requests, (unsigned long long)served,
	       (unsigned long long)refused, (unsigned long long)number(report, "clients"));
	if (report && requests == served + refused &&
	    requests >= stress->spoiled + stress->honest && number(report, "turned_away") == 1 &&
	    number(report, "dropped") == 1 && !number(report, "now") &&
	    !number(json_object_get(report, "section"), "taken"))
		return true;
	fputs("# ", stdout);
	json_dumpf(report, stdout, JSON_COMPACT);
	putchar('\n');
	return false;
}

/* Command line */

enum key { KEY_SERVER = 's', KEY_BACKEND = 'b', KEY_COUNT = 'n', KEY_SEED = 'r' };

static const struct argp_option table[] = {
	{ "server", KEY_SERVER, "PROGRAM", 0, "ndshm-server", 0 },
	{ "backend", KEY_BACKEND, "WHERE", 0, "As the server takes it", 0 },
	{ "count", KEY_COUNT, "N", 0, "Spoiled requests (default 50000)", 0 },
	{ "seed", KEY_SEED, "N", 0, "What is left to chance (default: NDSHM_SEED, or any)", 0 },
	{ 0 }
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	switch (key) {
	case KEY_SERVER:
		options.server = argument;
		break;
	case KEY_BACKEND:
		options.backend = argument;
		break;
	case KEY_COUNT:
		options.count = strtoull(argument, NULL, 0);
		break;
	case KEY_SEED:
		options.seed = strtoull(argument, NULL, 0);
		break;
	case ARGP_KEY_END:
		if (!options.server || !options.count)
			argp_error(state, "--server is missing, or --count is no number");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void take_options(int argc, char **argv)
{
	static const struct argp argp = { .options = table, .parser = parse };
	const char *seed = getenv("NDSHM_SEED");

	options.count = 50000;
	options.seed = seed ? strtoull(seed, NULL, 0) :
			      (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
}

int main(int argc, char **argv)
{
	json_t *report;

	take_options(argc, argv);
	alarm(HANG);
	began = time(NULL);
	printf("TAP version 13\n# NDSHM_SEED=%llu, %llu requests\n",
	       (unsigned long long)options.seed, (unsigned long long)options.count);
	stress = mmap(NULL, sizeof(*stress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (stress == MAP_FAILED || !begin()) {
		printf("Bail out! no server\n");
		return EXIT_FAILURE;
	}
	check(stress_turns_away_too_many(), "one client too many is turned away");
	check(stress_drops_slow_readers(), "who does not read his answers is dropped");
	check(stress_forgets_gone_clients(), "who has gone gets no result any more");
	check(stress_does_without_descriptors(),
	      "without descriptors for more it serves those it has");
	check(rage(), "each spoiled request is served or refused, as is right");
	check(honest_were_served(), "honest clients have each result, byte for byte");
	stress_print();
	check(all_was_met(), "each way of going wrong was gone");
	if (stress_keeper.own)
		check(stress_soon(is_given_back), "who was killed has nothing of the section");
	check(is_as_it_was(), "the server lives, and has grown by nothing");
	call_close(&stress_keeper);
	report = stress_server_end(&stress_server);
	check(report, "it ends well");
	check(adds_up(report), "its counters add up, and all of the section was given back");
	json_decref(report);
	printf("1..%u\n%u passed, %u failed\n", passed + failed, passed, failed);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
