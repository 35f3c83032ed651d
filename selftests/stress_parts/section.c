// SPDX-License-Identifier: GPL-2.0
/*
 * Sections: processes of two threads share one and are killed at any point, while
 * it grows and shrinks, is deleted, or goes with its adapter. Each writes its own
 * pattern into its extents: no page is two holders', and none is lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ndshm_clock.h"
#include "ndshm_proc.h"
#include "client.h"
#include "sharer.h"

#define HUGE		(2UL << 20)
#define KILLS		28	/* of a round, at most: idle memory is freed after a second */
#define LONGEST		20000	/* microseconds until a kill */
#define STEPS		60	/* operations before the timer that kills the process, at most */
#define PATIENCE	30	/* seconds for an end, or for the next caller */
#define LONGEST_END	2	/* seconds that the removal of the adapter may take */

struct worker {
	pid_t pid;
	unsigned int steps;
};

static struct worker start(struct stress_random *random, unsigned int number)
{
	struct worker worker = {
		.steps = stress_chance(random, 50) ?
			 1 + stress_below(random, STEPS) : 0,
	};
	struct stress_random own = { .state = stress_draw(random) };

	worker.pid = fork();
	if (worker.pid < 0)
		stress_error("fork: %s", strerror(errno));
	if (worker.pid) {
		setpgid(worker.pid, worker.pid);
		return worker;
	}
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(sharer_live(own, number, worker.steps) ? 0 : 1);
}

/* The process must end: no wait may depend on objects that others keep. */
static bool ends(pid_t pid, int *status)
{
	const __u64 since = stress_now();

	while (waitpid(pid, status, WNOHANG) != pid) {
		if (stress_seconds(since) > PATIENCE)
			return stress_error("process %d does not end", pid);
		stress_sleep(500);
	}
	return true;
}

/* Some kill themselves in a call, the others are killed by the clock. */
static bool kill_worker(struct stress_random *random, struct worker *worker,
			unsigned int number)
{
	int status = 0;
	bool fine;

	stress_sleep(stress_chance(random, 30) ? stress_spread(random, LONGEST) :
						stress_below(random, LONGEST));
	if (!worker->steps || stress_read(&hall->ending))
		kill(-worker->pid, SIGKILL);
	if (!ends(worker->pid, &status))
		return false;
	fine = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	stress_count(&hall->killed[stress_read(&hall->places[number].op)]);
	stress_kill_group(worker->pid);
	return fine || stress_error("worker %u ended with %#x", number,
				    status);
}

/*
 * A round
 */

static struct stress_client maker;

static bool make_section(struct stress_random *random)
{
	const __u64 initial[] = { 0, stress.page, HUGE + stress.page, 4 * HUGE };
	struct ndshm_adapter_claim_args claim = { .address_width = EDU_WIDTH };
	struct ndshm_section_create_args request = {
		.adapter = stress.nodes[stress_below(random, stress.node_count)],
		.max_size = (8 + stress_below(random, 16)) * HUGE +
			    stress_below(random, 512) * stress.page,
		.initial_size = initial[stress_below(random,
						     ARRAY_SIZE(initial))],
		.preferred_node = NDSHM_NODE_ANY,
	};

	maker = (struct stress_client){ .random = *random };
	if (!stress_client_open(&maker))
		return false;
	if (hall->fate == SHARER_UNBOUND) {
		claim.device = open(ndshm_node(stress.edu.adapter.name), O_RDWR | O_CLOEXEC);
		if (sharer_call(maker.fd, NDSHM_ADAPTER_CLAIM, &claim, 0))
			return false;
		close(claim.device);
		request.adapter = claim.out_adapter;
	}
	if (sharer_call(maker.fd, NDSHM_SECTION_CREATE, &request, 0))
		return false;
	hall->section = request.out_section;
	hall->max = request.max_size;
	return true;
}

static bool delete(bool force)
{
	struct ndshm_section_delete_args request = {
		.flags = force ? NDSHM_DELETE_FORCE : 0, .holder = -1,
	};
	__u32 reason = sharer_call(hall->section, NDSHM_SECTION_DELETE,
				   &request,
				   force ? 0 : STRESS_MAY(SECTION_BUSY));

	if (!reason)
		__atomic_store_n(&hall->ended, 1, __ATOMIC_RELAXED);
	return reason != STRESS_BROKEN;
}

/* Print where the kernel waits while @pid removes the adapter, until killed. */
static bool watch_removal(unsigned int pid)
{
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/stack", pid);
	for (;;) {
		stress_sleep(LONGEST_END * 1000000 / 2);
		stress_say("the removal is in:");
		file = fopen(path, "re");
		while (file && fgets(line, sizeof(line), file))
			stress_say("%.*s", (int)strcspn(line, "\n"), line);
		if (file)
			fclose(file);
	}
	return true;
}

/*
 * The limit is for what the removal waits for, other than a processor. Many processes are
 * busy, and the kernel's own part of an unbind is long on debug kernels.
 */
static bool take_away(void)
{
	struct ndshm_clock since;
	double took;
	pid_t watcher;
	int error;

	if (setpriority(PRIO_PROCESS, 0, -20))
		return stress_error("setpriority: %s", strerror(errno));
	watcher = stress_start(watch_removal, getpid());
	since = ndshm_clock_now();
	error = ndshm_pci_unbind(&stress.edu.pci);
	__atomic_store_n(&hall->ended, 1, __ATOMIC_RELAXED);
	took = ndshm_clock_ran(since);
	setpriority(PRIO_PROCESS, 0, 0);
	if (watcher > 0) {
		kill(watcher, SIGKILL);
		waitpid(watcher, NULL, 0);
	}
	if (took > LONGEST_END)
		return stress_error("unbind took %.1f s", took);
	return !error || stress_error("unbind: %s", strerror(-error));
}

/* In the middle of it all. */
static bool meet_fate(void)
{
	if (hall->fate < SHARER_DELETED)
		return true;
	__atomic_store_n(&hall->ending, 1, __ATOMIC_SEQ_CST);
	if (hall->fate == SHARER_UNBOUND)
		return take_away();
	return delete(hall->fate == SHARER_FORCED);
}

/* Each way to end is met once, however few are to die. */
static unsigned int kills_of_round(void)
{
	unsigned int kills = (stress.deaths + SHARER_FATES - 1) / SHARER_FATES;

	return kills < KILLS ? kills : KILLS;
}

static bool be_busy(struct stress_random *random, unsigned int kills)
{
	struct worker workers[SHARER_PROCESSES];
	unsigned int i, at;
	bool fine = true;
	int status;

	for (i = 0; i < SHARER_PROCESSES; i++)
		workers[i] = start(random, i);
	for (i = 0; fine && i < kills; i++) {
		at = stress_below(random, SHARER_PROCESSES);
		fine = kill_worker(random, &workers[at], at);
		workers[at] = start(random, at);
		if (i >= kills / 2 && !stress_read(&hall->ended))
			fine = meet_fate() && fine;
	}
	/* Kill the processes that would be killed in a step, so that the rest survives. */
	for (i = 0; i < SHARER_PROCESSES; i++)
		if (workers[i].steps)
			stress_kill_group(workers[i].pid);
	__atomic_store_n(&hall->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < SHARER_PROCESSES; i++)
		if (!workers[i].steps && (!ends(workers[i].pid, &status) ||
					  status))
			fine = stress_error("sharer %u did not end well", i);
	return fine;
}

/* The last that have gone may be going still. */
static bool is_empty(struct ndshm_section_query_args *query)
{
	return sharer_look(query) && !query->out_holders &&
	       !query->out_extents && !query->out_taken;
}

static bool is_trimmed(struct ndshm_section_query_args *query)
{
	return sharer_look(query) &&
	       query->out_committed ==
	       (query->out_flags & NDSHM_SECTION_DELETED ?
		0 : query->out_initial_size);
}

static bool looks_unused(void)
{
	struct ndshm_section_query_args query = {};

	if (!ndshm_soon(is_empty(&query)))
		return stress_error("%u holders, %u extents of %llu bytes are left",
				    query.out_holders, query.out_extents,
				    query.out_taken);
	if (hall->fate == SHARER_UNBOUND)
		return true;
	return ndshm_soon(is_trimmed(&query)) ||
	       stress_error("%llu bytes have memory, %llu had from the start",
			    query.out_committed, query.out_initial_size);
}

/* The delete that failed while other holders had extents must succeed. */
static bool is_deleted(void)
{
	if (hall->fate != SHARER_DELETED || stress_read(&hall->ended))
		return true;
	return delete(false) &&
	       (stress_read(&hall->ended) ||
		stress_error("an unused section cannot be deleted"));
}

/* Use the section as a new process would. */
static bool be_next(unsigned int round)
{
	struct sharer sharer = {
		.random = stress_stream("next", round), .map = sharer_show(),
	};
	bool fine;

	if (stress_read(&hall->ended))
		return sharer.map == MAP_FAILED ||
		       stress_error("what has gone can be mapped");
	sharer.holder = sharer_attach(hall->section);
	if (sharer.holder < 0 || sharer.map == MAP_FAILED)
		return stress_error("nobody can have the section any more");
	fine = sharer_take(&sharer, 3 * HUGE / 2) && sharer_take(&sharer, 1);
	if (!sharer.count)
		fine = stress_error("an unused section has no place");
	while (fine && sharer.count)
		fine = sharer_give(&sharer, &sharer.extents[0]);
	return fine;
}

static bool serves_next(unsigned int round)
{
	pid_t pid = stress_start(be_next, round);
	int status = 0;

	return pid > 0 && ends(pid, &status) &&
	       (!status || stress_error("who came next ended with %#x",
					status));
}

static bool come_again(void)
{
	int error = hall->fate == SHARER_UNBOUND ?
		    ndshm_edu_rebind(&stress.edu) : 0;

	return !error || stress_error("bind: %s", strerror(-error));
}

static bool one_round(unsigned int round)
{
	struct stress_random random = stress_stream("sections", round);
	bool fine;

	hall->fate = round % SHARER_FATES;
	if (hall->fate == SHARER_UNBOUND && !stress.has_edu)
		return true;
	hall->stop = 0;
	hall->ending = 0;
	hall->ended = 0;
	fine = make_section(&random);
	if (fine) {
		fine = be_busy(&random, kills_of_round());
		fine = looks_unused() && fine;
		fine = is_deleted() && fine;
		fine = serves_next(round) && fine;
		close(hall->section);
	}
	fine = stress_client_close(&maker) && fine;
	return come_again() && fine;
}

bool stress_sections(void)
{
	unsigned int rounds = (stress.deaths + KILLS - 1) / KILLS, round;
	__u64 since = stress_now();
	char when[64];
	bool fine = true;

	hall = mmap(NULL, sizeof(*hall), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (hall == MAP_FAILED)
		return stress_error("mmap: %s", strerror(errno));
	if (rounds < SHARER_FATES)
		rounds = SHARER_FATES;
	if (!ndshm_clock_start())
		return stress_error("no process looks at the clock");
	for (round = 0; fine && round < rounds; round++) {
		fine = one_round(round);
		snprintf(when, sizeof(when), "after round %u", round);
		fine = stress_is_idle(when) && fine;
		/* As often as progress of kills is printed. */
		if (round % 10 == 9)
			stress_say("%u of %u died, %.1f ms each",
				   (round + 1) * kills_of_round(), stress.deaths,
				   stress_seconds(since) * 1e3 /
				   ((round + 1) * kills_of_round()));
	}
	ndshm_clock_stop();
	sharer_report();
	if (fine && (!hall->handed || !hall->reported))
		fine = stress_error("nothing was shared, or nothing ended");
	munmap(hall, sizeof(*hall));
	return fine;
}
