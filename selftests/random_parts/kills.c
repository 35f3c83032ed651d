// SPDX-License-Identifier: GPL-2.0
/*
 * Processes run programs at the same time, as several users, and are killed at any point, while
 * adapters and providers go and a section that all of them share is deleted. Afterwards all must
 * be as it was before.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ndshm_clock.h"
#include "ndshm_nl.h"
#include "ndshm_requests.h"
#include "random.h"

#define ACTORS		4	/* at a time */
#define ROUND		40	/* kills under one section */
#define LONGEST		100000	/* microseconds until another process kills */
#define CALLS		16	/* until the timer or the stops */
#define STOPS		40	/* system calls, in and out */
#define STEPS		200	/* instructions after them */
#define PATIENCE	120	/* seconds for a process to begin, or to end */
#define REMOVAL_MS	2000	/* the longest that a removal may take */
#define BLOCKS		256
#define PAGES		1024	/* of the shared section */
#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP		CGROUPS "/ndshm-random"
#define CGROUP_LIMIT	"33554432"

enum fate { KEPT, DELETED, FORCED, REVOKED, UNBOUND, FATES };
enum method { BY_CLOCK, BY_TIMER, BY_STEP, METHODS };

/* The kind of end of a process, drawn before it begins. */
struct plan {
	enum method method;
	bool group;		/* its children are killed with it */
	bool alarms;		/* signals interrupt its calls */
	bool limited;		/* its cgroup has little memory */
	unsigned int after;	/* microseconds, or calls */
	unsigned int stops, steps;
	__u64 when;		/* in the call */
	struct chance chance;
};

struct actor {
	pid_t pid;
	struct plan plan;
};

/* The current call of each process, or the number of kinds; the processes with each page. */
static struct {
	unsigned int places[ACTORS];
	pid_t owners[PAGES];
	unsigned int removals;
} *board;

static struct actor actors[ACTORS];
static unsigned int number;	/* of this actor */
static struct plan *plan;	/* of this actor */
static struct chance chance;
static int client = -1;
static enum fate fate;
static double longest;
static bool has_cgroup;

static struct plan draw_plan(void)
{
	struct plan plan = {
		.method = chance_below(&chance, METHODS),
		.group = chance_percent(&chance, 50),
		.alarms = chance_percent(&chance, 20),
		.limited = chance_percent(&chance, 20),
		.stops = chance_below(&chance, STOPS),
		.steps = chance_percent(&chance, 50) ? chance_below(&chance, STEPS) : 0,
		.when = chance_draw(&chance),
		.chance = { chance_draw(&chance) },
	};

	plan.after = chance_below(&chance, plan.method == BY_CLOCK ? LONGEST : CALLS);
	return plan;
}

/*
 * The extents of the shared section: no page is two holders'. Called with the pages that an alloc
 * returned, or before they are freed, in programs of one thread.
 */

void kills_own(__u64 offset, __u64 length, bool own)
{
	const __u64 page = getpagesize();
	const __u64 first = offset / page, end = (offset + length + page - 1) / page;
	pid_t other;
	__u64 i;

	for (i = first; i < end && i < PAGES; i++) {
		if (!own) {
			__atomic_store_n(&board->owners[i], 0, __ATOMIC_SEQ_CST);
			continue;
		}
		other = __atomic_exchange_n(&board->owners[i], getpid(), __ATOMIC_SEQ_CST);
		/* A process that is killed loses its extents before it is gone. */
		if (other && other != getpid() && !ndshm_soon(kill(other, 0)))
			wrong("page %llu of the section is that of process %d, too", i, other);
	}
}

void kills_disown(void)
{
	const pid_t pid = getpid();
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		if (board->owners[i] == pid)
			__atomic_store_n(&board->owners[i], 0, __ATOMIC_SEQ_CST);
}

/*
 * A process that is to be killed
 */

/* SIGKILL at some instant of the call that comes next, be it in the kernel. */
static void arm(unsigned int kind)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	const struct tally *t = &tally[kind];
	__u64 usual = t->made ? t->nanoseconds / t->made : 200000;
	struct itimerspec when = {};
	timer_t timer;

	when.it_value.tv_nsec = 1 + plan->when % (usual + usual / 4 + 1) % 999999999;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &when, NULL))
		_exit(2);
}

static void before_call(unsigned int kind)
{
	__atomic_store_n(&board->places[number], kind, __ATOMIC_RELAXED);
	if (kind == kind_count() || plan->method == BY_CLOCK || plan->after--)
		return;
	if (plan->method == BY_TIMER)
		arm(kind);
	/* From here on it runs from stop to stop. */
	else if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) || raise(SIGSTOP))
		_exit(2);
}

/* Half of the programs use the section that all processes have, in place of their own ones. */
static void share(struct program *program, struct chance *chance)
{
	const bool shares = chance_percent(chance, 50);
	unsigned int i, j;

	for (i = 0; shares && i < program->count; i++) {
		const struct kind *kind = kind_at(program->calls[i].kind);

		if (!strncmp(kind->name, "delete", 6) && chance_percent(chance, 95))
			continue;
		for (j = 0; kind->arguments[j].name; j++)
			if (kind->arguments[j].class == 's' && !kind->arguments[j].result)
				program->calls[i].values[j].number = FEW - 1;
	}
}

static void act(unsigned int index, int ready)
{
	static struct program program;
	const struct program *from;
	struct chance chance;

	number = index;
	plan = &actors[index].plan;
	chance = plan->chance;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	if (plan->limited && has_cgroup)
		ndshm_write_file(CGROUP "/cgroup.procs", "0");
	run_in_kills = true;
	must_begin();
	run_before = before_call;
	if (plan->alarms)
		ndshm_set_alarms(1000 + chance_below(&chance, 20000));
	if (write(ready, "", 1) != 1)
		_exit(2);
	close(ready);
	for (;;) {
		from = corpus_pick(&chance);
		if (from && chance_percent(&chance, 60)) {
			program = *from;
			program_mutate(&program, corpus_pick(&chance), &chance);
		} else {
			program_generate(&program, &chance);
		}
		share(&program, &chance);
		run_program(&program);
		if (corpus_look())
			corpus_known();
	}
}

/*
 * The process that kills
 */

static void start(unsigned int index)
{
	struct actor *actor = &actors[index];
	int ready[2];
	char byte;

	actor->plan = draw_plan();
	board->places[index] = kind_count();
	if (pipe2(ready, O_CLOEXEC))
		exit(2);
	fflush(stdout);
	actor->pid = fork();
	if (!actor->pid) {
		close(ready[0]);
		act(index, ready[1]);
	}
	setpgid(actor->pid, actor->pid);
	close(ready[1]);
	/* End of file is its death. */
	if (actor->pid < 0 || read(ready[0], &byte, 1) < 0)
		exit(2);
	close(ready[0]);
}

/* The process must end: no wait may depend on objects that others keep. */
static int status_of(pid_t pid)
{
	const time_t since = time(NULL);
	int status = -1;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (time(NULL) - since > PATIENCE) {
			wrong("process %d does not end", pid);
			break;
		}
		usleep(500);
	}
	return status;
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

static int end_by_step(const struct actor *actor)
{
	const struct plan *plan = &actor->plan;
	unsigned int i;
	int status = 0;
	bool lives;

	if (waitpid(actor->pid, &status, WUNTRACED) != actor->pid || !WIFSTOPPED(status))
		return status;
	lives = !ptrace(PTRACE_SETOPTIONS, actor->pid, NULL,
			(void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD));
	for (i = 0; i < plan->stops && lives; i++)
		lives = go_on(actor->pid, PTRACE_SYSCALL, &status);
	for (i = 0; i < plan->steps && lives; i++)
		lives = go_on(actor->pid, PTRACE_SINGLESTEP, &status);
	if (!lives)
		return status;
	kill(plan->group ? -actor->pid : actor->pid, SIGKILL);
	return status_of(actor->pid);
}

static void reap_group(pid_t pid)
{
	kill(-pid, SIGKILL);
	while (waitpid(-pid, NULL, 0) > 0 || errno == EINTR)
		;
}

static void end(unsigned int index)
{
	struct actor *actor = &actors[index];
	unsigned int place;
	int status;

	if (actor->plan.method == BY_STEP) {
		status = end_by_step(actor);
	} else {
		if (actor->plan.method == BY_CLOCK) {
			usleep(actor->plan.after);
			kill(actor->plan.group ? -actor->pid : actor->pid, SIGKILL);
		}
		status = status_of(actor->pid);
	}
	place = __atomic_load_n(&board->places[index], __ATOMIC_RELAXED);
	if (place < kind_count())
		count(&tally[place].killed);
	reap_group(actor->pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		wrong("process %d, killed by method %d, ended with %#x", actor->pid,
		      actor->plan.method, status);
}

/*
 * Removals
 */

/* Nothing that went has memory. */
static void has_no_blocks(__u32 adapter)
{
	static struct ndshm_nl_block blocks[BLOCKS];
	int count = ndshm_nl_blocks(&machine_nl, blocks, BLOCKS), i;

	for (i = 0; i < count && i < BLOCKS; i++)
		if (blocks[i].adapter == adapter && !blocks[i].revoked)
			wrong("adapter %u has gone, and has a block", adapter);
}

/* What is in use must go soon. */
static void remove_soon(const char *what)
{
	const struct ndshm_clock since = ndshm_clock_now();
	double took;

	setpriority(PRIO_PROCESS, 0, -20);
	if (!strcmp(what, "edu"))
		machine_bind(MACHINE_EDU, false);
	else
		machine_mock(what);
	took = ndshm_clock_ran(since) * 1e3;
	setpriority(PRIO_PROCESS, 0, 0);
	board->removals++;
	if (took > longest)
		longest = took;
	if (took > REMOVAL_MS)
		wrong("%s: it took %.0f ms to go", what, took);
}

static void remove_edu(void)
{
	const __u32 adapter = machine_adapter(MACHINE_EDU);

	if (!adapter)
		return;
	remove_soon("edu");
	has_no_blocks(adapter);
	machine_bind(MACHINE_EDU, true);
}

static void remove_something(void)
{
	const int error = ndshm_unload_module("ndshm");

	if (error != -EWOULDBLOCK)
		wrong("the module in use can be unloaded: %s", strerror(-error));
	switch (chance_below(&chance, 4)) {
	case 0:
		if (machine_has_edu() && fate != UNBOUND)
			remove_edu();
		break;
	case 1:
		machine_mock("provider add p0");
		remove_soon("provider revoke p0");
		break;
	case 2:
		machine_mock("adapter add a0");
		remove_soon("adapter del a0");
		break;
	default:
		machine_mock("provider replace p0");
	}
}

/*
 * A round
 */

static bool create_section(void)
{
	const __u64 size = (__u64)PAGES * getpagesize();
	struct ndshm_section_create_args create =
		section_create_request(machine_adapter(MACHINE_NODE0), size, 0);
	struct ndshm_adapter_claim_args claim;
	int device;

	client = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	if (fate == UNBOUND && machine_has_edu()) {
		device = open(ndshm_node(machine_adapter_name(MACHINE_EDU)), O_RDWR | O_CLOEXEC);
		claim = adapter_claim_request(device, 28);
		if (!ioctl(client, NDSHM_ADAPTER_CLAIM, &claim))
			create.adapter = claim.out_adapter;
		close(device);
	}
	run_section = ioctl(client, NDSHM_SECTION_CREATE, &create) ? -1 : create.out_section;
	memset(board->owners, 0, sizeof(board->owners));
	return run_section >= 0;
}

static void meet_fate(void)
{
	static const __u32 flags[FATES] = {
		[FORCED] = NDSHM_DELETE_FORCE, [REVOKED] = NDSHM_DELETE_REVOKE,
	};
	struct ndshm_section_delete_args request = section_delete_request(flags[fate], -1);

	if (fate == UNBOUND && machine_has_edu())
		remove_edu();
	else if (fate != KEPT && fate != UNBOUND &&
		 ioctl(run_section, NDSHM_SECTION_DELETE, &request) &&
		 request.reason != NDSHM_REASON_SECTION_DELETED &&
		 (fate != DELETED || request.reason != NDSHM_REASON_SECTION_BUSY))
		wrong("the section cannot be deleted: reason %u", request.reason);
}

/* Faults in flight can keep idle memory, which goes with the next end of a holder. */
static bool is_unused(struct ndshm_section_query_args *query)
{
	struct ndshm_section_attach_args attach = section_attach_request(0);

	if (!ioctl(run_section, NDSHM_SECTION_ATTACH, &attach))
		close(attach.out_holder);
	*query = section_query_request();
	return !ioctl(run_section, NDSHM_SECTION_QUERY, query) && !query->out_holders &&
	       !query->out_extents && !query->out_taken &&
	       (fate == UNBOUND || query->out_committed == 0);
}

static bool round_run(unsigned int kills)
{
	struct ndshm_section_query_args query;
	char left[256] = "", class;
	unsigned int i;
	int fd;

	if (!create_section()) {
		wrong("no section to share");
		return false;
	}
	for (i = 0; i < ACTORS; i++)
		start(i);
	for (i = 0; i < kills; i++) {
		const unsigned int index = chance_below(&chance, ACTORS);

		end(index);
		start(index);
		if (i == kills / 2)
			meet_fate();
		if (chance_percent(&chance, 15))
			remove_something();
	}
	for (i = 0; i < ACTORS; i++)
		reap_group(actors[i].pid);
	while ((fd = mail_receive(&class)) >= 0)
		close(fd);
	machine_restore();
	if (!ndshm_soon(is_unused(&query)))
		wrong("fate %d leaves %u holders, %u extents, %#llx bytes taken, %#llx committed",
		      fate, query.out_holders, query.out_extents, query.out_taken,
		      query.out_committed);
	close(run_section);
	close(client);
	if (!ndshm_soon(machine_clean(left, sizeof(left))))
		wrong("left behind: %s", left);
	return !wrong_count();
}

/* Most processes die in a call, or this is no test of calls. */
static bool calls_were_hit(unsigned int kills)
{
	__u64 hit = 0;
	unsigned int i;

	for (i = 0; i < kind_count(); i++)
		hit += tally[i].killed;
	printf("# %llu of %u processes were killed in a call, %u removals took at most %.0f ms\n",
	       (unsigned long long)hit, kills, board->removals, longest);
	return hit > kills / 4;
}

static void cgroup_begin(void)
{
	ndshm_write_file(CGROUPS "/cgroup.subtree_control", "+memory");
	has_cgroup = !mkdir(CGROUP, 0755) && !ndshm_write_file(CGROUP "/memory.max", CGROUP_LIMIT);
	if (!has_cgroup)
		printf("# no memory cgroup at " CGROUPS ": no process has little memory\n");
	ndshm_write_file(CGROUP "/memory.swap.max", "0");
}

bool kills_run(const struct options *options)
{
	const unsigned int kills = options->kills;
	unsigned int done, round = 0, now;
	bool fine = true;

	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	if (board == MAP_FAILED || !ndshm_clock_start())
		return verdict(false, "processes can be killed", "");
	chance.state = options->seed;
	/* Reap the children of killed processes here instead of in init. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	machine_mine();
	cgroup_begin();
	for (done = 0; fine && done < kills; done += now, round++) {
		/* Each fate is met, however few are to die. */
		now = kills / FATES + 1 < ROUND ? kills / FATES + 1 : ROUND;
		fate = round % FATES;
		fine = round_run(now);
		printf("# %u of %u killed\n", done + now, kills);
		fflush(stdout);
	}
	if (has_cgroup && !ndshm_soon(!rmdir(CGROUP)))
		wrong("the cgroup stays: %s", strerror(errno));
	ndshm_clock_stop();
	fine = verdict(calls_were_hit(done), "most processes were killed in a call", "");
	return verdict(!wrong_count(), "processes were killed at any point", "") && fine;
}
