// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that are killed: by the clock of another processor, by a timer that
 * goes off in the middle of a chosen call, after a number of system calls and
 * instructions from a chosen call on. Some have many blocks, some are at their
 * limits, some have a device do DMA, some are threads, some leave children
 * behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ndshm_proc.h"
#include "client.h"
#include "slow.h"

#define ROUND		200	/* kills between two checks for leaks */
#define LONGEST		20000	/* microseconds until another process kills */
#define SLOWER		10	/* times as many, for a throttled process */
#define CALLS		80	/* things that are done, until the timer or the stops */
#define STOPS		40	/* system calls, in and out */
#define STEPS		200	/* instructions after them */
#define CALL		200000	/* nanoseconds that a call takes, if not known */

enum role {
	ORDINARY,
	MANY,			/* blocks, from the beginning */
	LIMITED,		/* a user with little to lock */
	DRIVER,			/* of the edu device */
	THREADS,
	ROLES,
};

enum method {
	BY_CLOCK,
	BY_TIMER,
	BY_STEP,
	METHODS,
};

/* The kind of end of victim @index, drawn before it begins. */
struct plan {
	enum role role;
	enum method method;
	bool group;		/* its children are killed with it */
	bool stalled;		/* replies to it are delayed */
	bool slow;		/* in the cgroup that hardly runs */
	unsigned int after;	/* microseconds, or things that it does */
	unsigned int stops;
	unsigned int steps;
	enum storm_op op;	/* in which the timer goes off */
	__u64 chance;	/* and when */
	struct storm_random random;
};

static struct plan make_plan(unsigned int index)
{
	struct storm_random random = storm_stream("victim", index);
	static const unsigned int most[METHODS] = { LONGEST, CALLS, CALLS };
	struct plan plan = {
		.role = storm_below(&random, ROLES),
		.method = storm_below(&random, METHODS),
		.group = storm_chance(&random, 50),
		.stalled = storm_chance(&random, 15),
		.slow = storm_chance(&random, 4),
		.op = 1 + storm_below(&random, STORM_OPS - 1),
		.chance = storm_draw(&random),
	};

	plan.after = storm_chance(&random, 30) ?
		     storm_spread(&random, most[plan.method]) :
		     storm_below(&random, most[plan.method]);
	if (plan.slow)
		plan.after = SLOWER * storm_below(&random, LONGEST);
	plan.stops = storm_below(&random, STOPS);
	plan.steps = storm_chance(&random, 50) ?
		     storm_below(&random, STEPS) : 0;
	if (plan.role == DRIVER && !storm.has_edu)
		plan.role = ORDINARY;
	plan.slow &= storm_has_slow();
	/* A stop is one thread's affair. */
	if (plan.slow || (plan.role == THREADS && plan.method == BY_STEP))
		plan.method = BY_CLOCK;
	plan.random = random;
	return plan;
}

/*
 * The victim
 */

/* SIGKILL at some instant of the call that comes next, be it in the kernel. */
static void arm(const struct plan *plan)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGKILL,
	};
	unsigned int done = storm_read(&storm.board->done[plan->op]);
	__u64 spent = __atomic_load_n(&storm.board->spent[plan->op],
					 __ATOMIC_RELAXED);
	__u64 usual = done ? spent / done : CALL;
	struct itimerspec when = {};
	timer_t timer;

	when.it_value.tv_nsec = 1 + plan->chance % (usual + usual / 4 + 1) %
				    999999999;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &when, NULL)) {
		storm_complain("timer: %s", strerror(errno));
		_exit(1);
	}
}

/* From here on it runs from stop to stop: each takes long, so not all its life. */
static void be_stopped(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) || raise(SIGSTOP)) {
		storm_complain("ptrace: %s", strerror(errno));
		_exit(1);
	}
}

static void live(struct storm_client *client, const struct plan *plan)
{
	unsigned int step;
	enum storm_op op;

	for (step = 0;; step++) {
		op = storm_client_pick(client);
		if (plan->method == BY_TIMER && step == plan->after) {
			op = plan->op;
			arm(plan);
		}
		if (plan->method == BY_STEP && step == plan->after) {
			op = plan->op;
			be_stopped();
		}
		if (!storm_client_do(client, op))
			_exit(1);
	}
}

static struct storm_client clients[2];

static void *second_life(void *context)
{
	static const struct plan endless = { .method = BY_CLOCK };

	(void)context;
	live(&clients[1], &endless);
	return NULL;
}

/* The other thread has a descriptor of its own, and its own blocks. */
static bool start_thread(struct storm_client *client)
{
	static struct storm_place nowhere;
	pthread_t thread;

	client->shared = true;
	client->threaded = true;
	clients[1] = *client;
	clients[1].stall = NULL;
	clients[1].random.state++;
	clients[1].place = &nowhere;
	clients[1].fd = fcntl(client->fd, F_DUPFD_CLOEXEC, 0);
	return clients[1].fd >= 0 &&
	       !pthread_create(&thread, NULL, second_life, NULL);
}

static bool be_limited(struct storm_client *client)
{
	const rlim_t bytes = (8 + storm_below(&client->random, 56)) *
			     storm.page;
	const struct rlimit limit = { bytes, bytes };

	client->uid = storm_chance(&client->random, 50) ? NDSHM_USER_A :
							  NDSHM_USER_B;
	client->may |= STORM_MAY(MEMLOCK);
	return !setrlimit(RLIMIT_MEMLOCK, &limit) && ndshm_become(client->uid);
}

static void be_victim(const struct plan *plan, struct storm_place *place)
{
	struct storm_client *client = &clients[0];
	static struct storm_stall stall;
	bool fine = !plan->slow || storm_slow_enter();

	*client = (struct storm_client){
		.random = plan->random,
		.most = plan->role == MANY ? STORM_BLOCKS : 24,
		.place = place,
		.lingers = true,
		.target = plan->role == DRIVER ? storm.edu.pci.name : NULL,
	};
	if (plan->stalled && storm_stall_begin(&stall, plan->random))
		client->stall = &stall;
	if (!storm_client_open(client))
		_exit(1);
	if (plan->role == LIMITED)
		fine = be_limited(client) && fine;
	if (plan->role == THREADS)
		fine = start_thread(client) && fine;
	if (!fine) {
		storm_complain("a victim could not begin");
		_exit(1);
	}
	while (plan->role == MANY &&
	       client->count < STORM_BLOCKS - STORM_BLOCKS / 8)
		if (!storm_client_do(client, STORM_ALLOC_MANY))
			_exit(1);
	live(client, plan);
}

/*
 * The killer
 */

static void kill_it(pid_t pid, const struct plan *plan)
{
	kill(plan->group ? -pid : pid, SIGKILL);
}

/* Continue to the next stop; waitpid() shows an end before that. */
static bool go_on(pid_t pid, int request, int *status)
{
	int number = 0;

	/* A signal of its own, such as a child's end, is passed on. */
	if (WIFSTOPPED(*status) && WSTOPSIG(*status) != (SIGTRAP | 0x80) &&
	    WSTOPSIG(*status) != SIGTRAP && WSTOPSIG(*status) != SIGSTOP)
		number = WSTOPSIG(*status);
	return !ptrace(request, pid, NULL, (void *)(long)number) &&
	       waitpid(pid, status, 0) == pid && WIFSTOPPED(*status);
}

static bool kill_by_step(pid_t pid, const struct plan *plan, int *status)
{
	unsigned int i;
	bool lives;

	if (waitpid(pid, status, 0) != pid || !WIFSTOPPED(*status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL,
		   (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD)))
		return storm_complain("ptrace: %s", strerror(errno));
	lives = true;
	for (i = 0; i < plan->stops && lives; i++)
		lives = go_on(pid, PTRACE_SYSCALL, status);
	for (i = 0; i < plan->steps && lives; i++)
		lives = go_on(pid, PTRACE_SINGLESTEP, status);
	if (!lives)
		return true;
	kill_it(pid, plan);
	return waitpid(pid, status, 0) == pid;
}

void storm_kill_group(pid_t pid)
{
	kill(-pid, SIGKILL);
	while (waitpid(-pid, NULL, 0) > 0 || errno == EINTR)
		;
}

static bool kill_one(unsigned int index, struct storm_place *place)
{
	struct plan plan = make_plan(index);
	int status = 0;
	pid_t pid;
	bool fine;

	place->op = STORM_BETWEEN;
	pid = fork();
	if (pid < 0)
		return storm_complain("fork: %s", strerror(errno));
	if (!pid) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		be_victim(&plan, place);
	}
	setpgid(pid, pid);
	if (plan.method == BY_STEP) {
		fine = kill_by_step(pid, &plan, &status);
	} else {
		if (plan.method == BY_CLOCK) {
			storm_sleep(plan.after);
			kill_it(pid, &plan);
		}
		if (plan.slow)
			storm_slow_dies();
		fine = waitpid(pid, &status, 0) == pid;
		if (plan.slow)
			storm_slow_died();
	}
	storm_count(&storm.board->killed[storm_read(&place->op)]);
	storm_kill_group(pid);
	if (fine && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	return storm_complain("victim %u (role %d, method %d) ended with %#x",
			      index, plan.role, plan.method, status);
}

static struct {
	unsigned int first;
	unsigned int count;
} round_now;

static bool be_killer(unsigned int killer)
{
	unsigned int i;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (i = killer; i < round_now.count; i += STORM_KILLERS)
		if (!kill_one(round_now.first + i,
			      &storm.board->places[killer]))
			return false;
	return true;
}

static bool one_round(void)
{
	pid_t killers[STORM_KILLERS];
	bool fine = true;
	unsigned int i;

	for (i = 0; i < STORM_KILLERS; i++)
		killers[i] = storm_start(be_killer, i);
	for (i = 0; i < STORM_KILLERS; i++)
		fine &= storm_finish(killers[i], "killer");
	return fine;
}

static void tell_places(void)
{
	unsigned int op;

	for (op = 0; op < STORM_OPS; op++)
		if (storm.board->killed[op])
			storm_say("killed %s: %u", storm_op_name(op),
				  storm.board->killed[op]);
	storm_say("%u times pinned, %u times advised, %u times tracked, %u replies delayed",
		  storm.board->pinned, storm.board->advised,
		  storm.board->watched, storm.board->stalled);
}

/* Most of them die in a call, or this is no test of calls. */
static bool calls_were_hit(void)
{
	unsigned int hit = 0, op;

	for (op = 1; op < STORM_OPS; op++)
		hit += storm.board->killed[op];
	if (hit <= storm.kills / 4)
		return storm_complain("only %u of %u died in a call", hit,
				      storm.kills);
	return (storm.board->pinned && storm.board->advised) ||
	       storm_complain("nothing was pinned, or no advice was taken");
}

bool storm_kills(void)
{
	__u64 since = storm_now();
	char when[64];
	bool fine = true;

	while (fine && round_now.first < storm.kills) {
		round_now.count = storm.kills - round_now.first;
		if (round_now.count > ROUND)
			round_now.count = ROUND;
		fine = one_round();
		round_now.first += round_now.count;
		snprintf(when, sizeof(when), "after %u kills", round_now.first);
		fine = storm_settled(when) && fine;
		storm_say("%u of %u killed, %.1f ms each", round_now.first,
			  storm.kills, storm_seconds(since) * 1e3 /
				       round_now.first);
	}
	tell_places();
	return fine && calls_were_hit();
}
