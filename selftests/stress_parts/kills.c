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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ndshm_proc.h"
#include "client.h"

#define ROUND		200	/* kills between two checks for leaks */
#define LONGEST		20000	/* microseconds until another process kills */
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
	unsigned int after;	/* microseconds, or things that it does */
	unsigned int stops;
	unsigned int steps;
	enum stress_op op;	/* in which the timer goes off */
	__u64 chance;	/* and when */
	struct stress_random random;
};

static struct plan make_plan(unsigned int index)
{
	struct stress_random random = stress_stream("victim", index);
	static const unsigned int most[METHODS] = { LONGEST, CALLS, CALLS };
	struct plan plan = {
		.role = stress_below(&random, ROLES),
		.method = stress_below(&random, METHODS),
		.group = stress_chance(&random, 50),
		.stalled = stress_chance(&random, 15),
		.op = 1 + stress_below(&random, STRESS_OPS - 1),
		.chance = stress_draw(&random),
	};

	plan.after = stress_chance(&random, 30) ?
		     stress_spread(&random, most[plan.method]) :
		     stress_below(&random, most[plan.method]);
	plan.stops = stress_below(&random, STOPS);
	plan.steps = stress_chance(&random, 50) ?
		     stress_below(&random, STEPS) : 0;
	if (plan.role == DRIVER && !stress.has_edu)
		plan.role = ORDINARY;
	/* A stop is one thread's affair. */
	if (plan.role == THREADS && plan.method == BY_STEP)
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
	unsigned int done = stress_read(&stress.board->done[plan->op]);
	__u64 spent = __atomic_load_n(&stress.board->spent[plan->op],
					 __ATOMIC_RELAXED);
	__u64 usual = done ? spent / done : CALL;
	struct itimerspec when = {};
	timer_t timer;

	when.it_value.tv_nsec = 1 + plan->chance % (usual + usual / 4 + 1) %
				    999999999;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &when, NULL)) {
		stress_error("timer: %s", strerror(errno));
		_exit(1);
	}
}

/* From here on it runs from stop to stop: each takes long, so not all its life. */
static void be_stopped(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) || raise(SIGSTOP)) {
		stress_error("ptrace: %s", strerror(errno));
		_exit(1);
	}
}

static void live(struct stress_client *client, const struct plan *plan)
{
	unsigned int step;
	enum stress_op op;

	for (step = 0;; step++) {
		op = stress_client_pick(client);
		if (plan->method == BY_TIMER && step == plan->after) {
			op = plan->op;
			arm(plan);
		}
		if (plan->method == BY_STEP && step == plan->after) {
			op = plan->op;
			be_stopped();
		}
		if (!stress_client_do(client, op))
			_exit(1);
	}
}

static struct stress_client clients[2];

static void *second_life(void *context)
{
	static const struct plan endless = { .method = BY_CLOCK };

	(void)context;
	live(&clients[1], &endless);
	return NULL;
}

/* The other thread has a descriptor of its own, and its own blocks. */
static bool start_thread(struct stress_client *client)
{
	static struct stress_place nowhere;
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

static bool be_limited(struct stress_client *client)
{
	const rlim_t bytes = (8 + stress_below(&client->random, 56)) *
			     stress.page;

	client->uid = stress_chance(&client->random, 50) ? NDSHM_USER_A :
							  NDSHM_USER_B;
	client->may |= STRESS_MAY(MEMLOCK);
	close(client->fd);
	client->fd = ndshm_open_as(client->uid, bytes);
	return client->fd >= 0 && ndshm_become(client->uid);
}

static void be_victim(const struct plan *plan, struct stress_place *place)
{
	struct stress_client *client = &clients[0];
	static struct stress_stall stall;
	bool fine = true;

	*client = (struct stress_client){
		.random = plan->random,
		.most = plan->role == MANY ? STRESS_BLOCKS : 24,
		.place = place,
		.lingers = true,
		.target = plan->role == DRIVER ? stress.edu.pci.name : NULL,
	};
	if (plan->stalled && stress_stall_begin(&stall, plan->random))
		client->stall = &stall;
	if (!stress_client_open(client))
		_exit(1);
	if (plan->role == LIMITED)
		fine = be_limited(client) && fine;
	if (plan->role == THREADS)
		fine = start_thread(client) && fine;
	if (!fine) {
		stress_error("a victim could not begin");
		_exit(1);
	}
	while (plan->role == MANY &&
	       client->count < STRESS_BLOCKS - STRESS_BLOCKS / 8)
		if (!stress_client_do(client, STRESS_ALLOC_MANY))
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
		return stress_error("ptrace: %s", strerror(errno));
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

void stress_kill_group(pid_t pid)
{
	kill(-pid, SIGKILL);
	while (waitpid(-pid, NULL, 0) > 0 || errno == EINTR)
		;
}

static bool kill_one(unsigned int index, struct stress_place *place)
{
	struct plan plan = make_plan(index);
	int status = 0;
	pid_t pid;
	bool fine;

	place->op = STRESS_BETWEEN;
	pid = fork();
	if (pid < 0)
		return stress_error("fork: %s", strerror(errno));
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
			stress_sleep(plan.after);
			kill_it(pid, &plan);
		}
		fine = waitpid(pid, &status, 0) == pid;
	}
	stress_count(&stress.board->killed[stress_read(&place->op)]);
	stress_kill_group(pid);
	if (fine && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return true;
	return stress_error("victim %u (role %d, method %d) ended with %#x",
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
	for (i = killer; i < round_now.count; i += STRESS_KILLERS)
		if (!kill_one(round_now.first + i,
			      &stress.board->places[killer]))
			return false;
	return true;
}

static bool one_round(void)
{
	pid_t killers[STRESS_KILLERS];
	bool fine = true;
	unsigned int i;

	for (i = 0; i < STRESS_KILLERS; i++)
		killers[i] = stress_start(be_killer, i);
	for (i = 0; i < STRESS_KILLERS; i++)
		fine &= stress_finish(killers[i], "killer");
	return fine;
}

static void report_places(void)
{
	unsigned int op;

	for (op = 0; op < STRESS_OPS; op++)
		if (stress.board->killed[op])
			stress_say("killed %s: %u", stress_op_name(op),
				   stress.board->killed[op]);
	stress_say("%u times pinned, %u times advised, %u times tracked, %u replies delayed",
		   stress.board->pinned, stress.board->advised,
		   stress.board->observed, stress.board->stalled);
}

/* Most of them die in a call, or this is no test of calls. */
static bool calls_were_hit(void)
{
	unsigned int hit = 0, op;

	for (op = 1; op < STRESS_OPS; op++)
		hit += stress.board->killed[op];
	if (hit <= stress.kills / 4)
		return stress_error("only %u of %u died in a call", hit,
				    stress.kills);
	return (stress.board->pinned && stress.board->advised) ||
	       stress_error("nothing was pinned, or no advice was taken");
}

bool stress_kills(void)
{
	__u64 since = stress_now();
	char when[64];
	bool fine = true;

	while (fine && round_now.first < stress.kills) {
		round_now.count = stress.kills - round_now.first;
		if (round_now.count > ROUND)
			round_now.count = ROUND;
		fine = one_round();
		round_now.first += round_now.count;
		snprintf(when, sizeof(when), "after %u kills", round_now.first);
		fine = stress_is_idle(when) && fine;
		stress_say("%u of %u killed, %.1f ms each", round_now.first,
			   stress.kills, stress_seconds(since) * 1e3 /
					round_now.first);
	}
	report_places();
	return fine && calls_were_hit();
}
