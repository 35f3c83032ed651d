// SPDX-License-Identifier: GPL-2.0
/*
 * fail_nth [--table FILE] [GROUP]...: run every entry into the module with the
 * first, the second, ... allocation or user copy failing. After each failure
 * the outputs must be as the contract says, no charge, mapping or object may be
 * left, and the same call must work at once. The log must be clean after each
 * command, the number of pages owned must be the same after each group, and
 * nothing may have leaked at the end. The last two checks are slow and report
 * where the memory was allocated.
 *
 * How many points a command has is compared with fail_nth.table: fewer, and the
 * sweep does not reach what it reached before. --table writes the table with the rows
 * of this kernel and of the groups that are named anew, the others as they are: the
 * fewest of some runs, and of the sweep, after whose failures caches can be fuller.
 * fail_points/table.sh does so for each kernel.
 *
 * If NDSHM_SHARD is set, slow commands test only every sixth point, starting at
 * a random one of the first three. NDSHM_KO and NDSHM_MOCK name the files of the
 * module and of the mock provider; groups that need a missing one are skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/ndshm.h>

#include "fail_points/fail_nth.h"
#include "ndshm_debug.h"
#include "ndshm_proc.h"

#define WARM_RUNS	3	/* the run with the fewest points counts */
#define PASSES		2	/* a cache refilled in one pass may hide a point of ours */
#define TABLE_RUNS	20	/* like WARM_RUNS, for --table: later runs must not find fewer */
#define LIMIT		600U
#define NOISE		3	/* extra points tolerated: a cache was refilled */
#define MOST_WRONG	8	/* failures after which a command is abandoned */
#define STATE_SIZE	1024

#define REFERENCES	"/sys/module/ndshm/refcnt"

static const struct fail_nth_group *const groups[] = {
	&fail_nth_client, &fail_nth_mapping, &fail_nth_section,
	&fail_nth_netlink, &fail_nth_kernel, &fail_nth_queue,
	&fail_nth_request, &fail_nth_ndis, &fail_nth_pci, &fail_nth_module,
};

static const char *const table[] = {
#include "fail_nth_table.h"
	NULL
};

struct ndshm_nl fail_nth_nl = { .fd = -1 };

static unsigned int warm_runs = WARM_RUNS;
static FILE *new_table;
static int log_mark;

/*
 * Messages
 */

static const struct fail_nth_command *current;
static unsigned int current_nth, wrongs;

void fail_nth_wrong(const char *format, ...)
{
	va_list arguments;

	wrongs++;
	printf("# %s, ", current ? current->name : "around");
	if (current_nth == FAIL_NTH_FAR)
		printf("nothing failing: ");
	else
		printf("point %u: ", current_nth);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/*
 * State
 */

int fail_nth_keeper = -1;

bool fail_nth_keep(bool keep)
{
	if (!keep) {
		close(fail_nth_keeper);
		fail_nth_keeper = -1;
		return true;
	}
	fail_nth_keeper = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	return fail_nth_expect(fail_nth_keeper >= 0);
}

static unsigned long long user_locked(void)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };
	int fd = fail_nth_keeper;

	if (fd < 0)
		fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	if (ioctl(fd, NDSHM_GET_INFO, &info))
		fail_nth_wrong("GET_INFO: %s", strerror(errno));
	if (fd != fail_nth_keeper)
		close(fd);
	return info.out_user_locked;
}

static void get_state(const struct fail_nth_group *group, bool references,
		      char *text)
{
	int length = 0;

	if (!group->without_module)
		length = snprintf(text, STATE_SIZE,
				  "locked %llu, references %lld, blocks %d, adapters %d, providers %d, ",
				  user_locked(),
				  references ? ndshm_read_number(REFERENCES) : 0,
				  ndshm_nl_blocks(&fail_nth_nl, NULL, 0),
				  ndshm_nl_adapters(&fail_nth_nl, NULL, 0),
				  ndshm_nl_providers(&fail_nth_nl, NULL, 0));
	length += snprintf(text + length, STATE_SIZE - length,
			   "DMA entries %d", ndshm_dma_entries());
	if (group->state)
		group->state(text + length, STATE_SIZE - length);
}

/* Compare the state with @state, or store it there if @state is empty. */
static void same_state(const struct fail_nth_group *group, bool references,
		       char *state, const char *when)
{
	char now[STATE_SIZE];

	if (!state[0]) {
		ndshm_wait_deferred();
		get_state(group, references, state);
		return;
	}
	get_state(group, references, now);
	if (!strcmp(state, now))
		return;
	/* Memory kept by a mapping or idle in a section is freed asynchronously. */
	ndshm_wait_deferred();
	if (!ndshm_soon((get_state(group, references, now),
			 !strcmp(state, now))))
		fail_nth_wrong("%s: was %s; is %s", when, state, now);
}

/*
 * Steps
 */

/**
 * struct sweep - one command in progress
 * @group: group of the command
 * @command: the command
 * @idle: state before and after a step
 * @ready: state after the setup, and after a failure
 */
struct sweep {
	const struct fail_nth_group *group;
	const struct fail_nth_command *command;
	char idle[STATE_SIZE];
	char ready[STATE_SIZE];
};

static bool allowed(const struct fail_nth_command *command, int error)
{
	int i;

	for (i = 0; i < FAIL_NTH_ERRORS; i++)
		if (command->errors[i] == error)
			return true;
	return false;
}

static void end_of_success(const struct fail_nth_command *command)
{
	if (command->check)
		command->check(0);
	if (command->undo)
		command->undo();
}

/* Check the state after a failed call, and that the call now works. */
static void after_failure(struct sweep *sweep, int error)
{
	const struct fail_nth_command *command = sweep->command;

	if (!allowed(command, error))
		fail_nth_wrong("%s is not in the contract", strerror(error));
	if (command->check)
		command->check(error);
	same_state(sweep->group, !command->keeps_file, sweep->ready,
		   "after the failure");
	if (command->slow)
		return;
	error = -command->call();
	if (error)
		fail_nth_wrong("does not work right afterwards: %s",
			       strerror(error));
	else
		end_of_success(command);
}

/*
 * Run the call with point @nth failing. Return how many points were not
 * reached, or 0 if the call failed.
 */
static unsigned int step(struct sweep *sweep, unsigned int nth)
{
	const struct fail_nth_command *command = sweep->command;
	unsigned int left = 0;
	int error;

	current_nth = nth;
	same_state(sweep->group, true, sweep->idle, "before all");
	if (!command->setup || command->setup()) {
		if (!sweep->ready[0])
			same_state(sweep->group, !command->keeps_file,
				   sweep->ready, "");
		fail_nth_arm(nth, command->dma);
		error = -command->call();
		left = fail_nth_disarm();
		if (error && left)
			fail_nth_wrong("fails by itself: %s", strerror(error));
		if (error)
			after_failure(sweep, error);
		else
			end_of_success(command);
	}
	if (command->clean)
		command->clean();
	return left;
}

/* The number of points in the table; -1 if the command or the kernel is not listed. */
static long points_before(const char *kernel, const char *command,
			  bool *known_kernel)
{
	char at_kernel[64], at_command[64];
	long points;
	size_t i;

	*known_kernel = false;
	for (i = 0; table[i]; i++) {
		if (sscanf(table[i], "%63s %63s %ld", at_kernel, at_command,
			   &points) != 3 || strcmp(at_kernel, kernel))
			continue;
		*known_kernel = true;
		if (!strcmp(at_command, command))
			return points;
	}
	return -1;
}

/*
 * The release without its patch level: version and configuration determine the
 * points.
 */
static const char *this_kernel(void)
{
	static char name[128];
	struct utsname uts;
	unsigned int major, minor;
	const char *local;

	uname(&uts);
	if (sscanf(uts.release, "%u.%u", &major, &minor) != 2)
		return uts.release[0] ? "unknown" : "";
	local = strchr(uts.release, '-');
	snprintf(name, sizeof(name), "%u.%u%.64s", major, minor,
		 local ? local : "");
	return name;
}

static void compare_points(const struct fail_nth_command *command, long points)
{
	bool known;
	long before = points_before(this_kernel(), command->name, &known);

	if (new_table)
		return;
	/* The table is complete for the kernels that the project builds itself. */
	known |= !!strstr(this_kernel(), "-ndshm-debug");
	if (before > points + command->slack)
		fail_nth_wrong("%ld points, but there were %ld", points,
			       before);
	else if (known && before < 0)
		fail_nth_wrong("not in the table (%s): see --table",
			       this_kernel());
	else if (known && points > before + command->slack + NOISE)
		printf("# note: %s has %ld points, %ld in the table\n",
		       command->name, points, before);
}

static unsigned int least(unsigned int one, unsigned int two)
{
	return one < two ? one : two;
}

/*
 * Count the points without a failure. The minimum of several runs is used,
 * because debugging delays the reuse of freed memory, and a run that refills
 * caches has more points.
 */
static unsigned int count_points(struct sweep *sweep)
{
	unsigned int points = FAIL_NTH_FAR, i;

	for (i = 0; i < warm_runs && !wrongs; i++)
		points = least(points, FAIL_NTH_FAR - step(sweep, FAIL_NTH_FAR));
	return points;
}

/* Run every point from @nth to the last one. Return the number of the last. */
static unsigned int pass(struct sweep *sweep, unsigned int nth,
			 unsigned int *left)
{
	const unsigned int limit = nth + (sweep->command->limit ?: LIMIT);
	const char *shard = getenv("NDSHM_SHARD");
	unsigned int increment = 1;

	if (sweep->command->slow && shard && *shard)
		increment = 6;
	nth += random() % increment;
	for (*left = 0; !*left && wrongs < MOST_WRONG; nth += increment) {
		*left = step(sweep, nth);
		if (nth > limit && !*left) {
			fail_nth_wrong("no end is in sight");
			break;
		}
	}
	return nth - increment;
}

/* Write the command to the kernel log, which shows it if the kernel crashes. */
static void begin_command(const struct fail_nth_command *command)
{
	char text[128];

	current = command;
	current_nth = FAIL_NTH_FAR;
	wrongs = 0;
	snprintf(text, sizeof(text), "selftest: fail_nth: %s\n", command->name);
	ndshm_write_file("/dev/kmsg", text);
}

/* Run all points of a command. Return their number. */
static unsigned int run_command(const struct fail_nth_group *group,
				const struct fail_nth_command *command)
{
	struct sweep sweep = { .group = group, .command = command };
	unsigned int passes = command->limit ? 1 : PASSES;
	unsigned int end, left, foreign, points;
	double begin = seconds();
	char text[512];

	begin_command(command);
	foreign = command->foreign ? command->foreign() : 0;
	points = count_points(&sweep);
	while (passes--) {
		end = pass(&sweep, foreign + 1, &left);
		/* The last step did not fail, so it counts the points as well. */
		if (left)
			points = least(points, end - left);
	}
	same_state(group, true, sweep.idle, "after all");
	if (!ndshm_log_clean(log_mark, text, sizeof(text)))
		fail_nth_wrong("the log: %s", text);
	points = wrongs && points == FAIL_NTH_FAR ? 0 :
		 points - least(points, foreign);
	printf("# points %s %u\n", command->name, points);
	compare_points(command, points);
	printf("# %s: %.1f s\n", command->name, seconds() - begin);
	return points;
}

/*
 * Groups
 */

static void skip_group(const struct fail_nth_group *group, const char *why)
{
	size_t i;

	for (i = 0; i < group->count; i++)
		ksft_test_result_skip("%s %s # SKIP %s\n", group->name,
				      group->commands[i].name, why);
	ksft_test_result_skip("%s pages # SKIP %s\n", group->name, why);
}

static void test_pages(const struct fail_nth_group *group, long before)
{
	double begin = seconds();
	long pages = ndshm_pages_owned();

	if (pages != before) {
		ksft_print_msg("%ld pages were owned, and now %ld:\n", before,
			       pages);
		ndshm_pages_print();
	}
	printf("# page owners: %.1f s\n", seconds() - begin);
	ksft_test_result(pages >= 0 && pages == before, "%s pages\n",
			 group->name);
}

/*
 * Check once, after all groups: each leak's record says where the object was
 * allocated.
 */
static void test_leaks(void)
{
	double begin = seconds();
	char text[4096];
	int leaks = ndshm_kmemleak(text, sizeof(text));

	if (leaks)
		ksft_print_msg("%d objects have leaked, such as\n%s", leaks,
			       text);
	printf("# kmemleak: %.1f s\n", seconds() - begin);
	ksft_test_result(!leaks, "leaks\n");
}

static void run_group(const struct fail_nth_group *group)
{
	unsigned int points;
	const char *why;
	long pages;
	size_t i;

	current = NULL;
	current_nth = FAIL_NTH_FAR;
	why = group->begin ? group->begin() : NULL;
	if (why) {
		skip_group(group, why);
		return;
	}
	if (!group->without_module &&
	    (ndshm_nl_open(&fail_nth_nl) || !fail_nth_keep(true)))
		ksft_exit_fail_msg("the module is not there\n");
	pages = ndshm_pages_owned();
	for (i = 0; i < group->count; i++) {
		points = run_command(group, &group->commands[i]);
		if (new_table)
			fprintf(new_table, "%s %s %u\n", this_kernel(),
				group->commands[i].name, points);
		ksft_test_result(!wrongs, "%s %s\n", group->name,
				 group->commands[i].name);
		fflush(stdout);
	}
	if (!group->without_module) {
		fail_nth_keep(false);
		ndshm_nl_close(&fail_nth_nl);
	}
	/* Before end(), so that the objects made by begin() are counted both times. */
	test_pages(group, pages);
	if (group->end)
		group->end();
}

static bool chosen(const struct fail_nth_group *group, char **names)
{
	bool any = !*names;

	for (; *names; names++)
		any |= !strcmp(*names, group->name);
	return any;
}

/* Is that command counted anew? */
static bool is_counted(const char *command, char **names)
{
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(groups); i++)
		for (j = 0; j < groups[i]->count; j++)
			if (!strcmp(groups[i]->commands[j].name, command))
				return chosen(groups[i], names);
	return true;
}

/* The head, and the rows that stay. */
static void begin_table(const char *path, char **names)
{
	char kernel[64], command[64];
	size_t i;

	warm_runs = TABLE_RUNS;
	new_table = fopen(path, "we");
	if (!new_table)
		ksft_exit_fail_msg("%s: %s\n", path, strerror(errno));
	fprintf(new_table, "# %s-License-Identifier: GPL-2.0\n", "SPDX");
	fputs("# Points of failure: kernel, command, how many. Written by fail_nth --table.\n",
	      new_table);
	for (i = 0; table[i]; i++)
		if (sscanf(table[i], "%63s %63s", kernel, command) == 2 &&
		    (strcmp(kernel, this_kernel()) ||
		     !is_counted(command, names)))
			fprintf(new_table, "%s\n", table[i]);
}

/*
 * Run on one CPU, so that per-CPU caches behave the same each time, and charge
 * this user.
 */
static void prepare(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	const char *why;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	if (setrlimit(RLIMIT_MEMLOCK, &limit) ||
	    !ndshm_set_capability(CAP_IPC_LOCK, false))
		ksft_exit_fail_msg("RLIMIT_MEMLOCK: %s\n", strerror(errno));
	why = fail_nth_inject();
	if (why)
		ksft_exit_skip("this kernel cannot inject faults: no %s\n",
			       why);
	if (ndshm_dma_entries() < 0)
		ksft_exit_fail_msg("this kernel does not debug the DMA API\n");
	if (access(NDSHM_DEVICE, F_OK))
		ksft_exit_skip("no " NDSHM_DEVICE "\n");
	log_mark = ndshm_log_mark();
	ndshm_kmemleak_forget();
}

int main(int argc, char **argv)
{
	size_t i, n = ARRAY_SIZE(groups);
	const char *new_path = NULL;
	unsigned int seed = ndshm_number("NDSHM_SEED", time(NULL));
	unsigned int plan = 0;
	double begin = seconds();

	if (ndshm_without_rseq(argv))
		ksft_exit_fail_msg("/proc/self/exe: %s\n", strerror(errno));
	if (argc > 2 && !strcmp(argv[1], "--table")) {
		new_path = argv[2];
		argv += 2;
	}
	ksft_print_header();
	if (geteuid())
		ksft_exit_skip("only root can inject faults\n");
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# NDSHM_SEED=%u\n", seed);
	srandom(seed);
	prepare();
	if (new_path)
		begin_table(new_path, argv + 1);
	for (i = 0; i < n; i++)
		if (chosen(groups[i], argv + 1))
			plan += groups[i]->count + 1;
	ksft_set_plan(plan + 1);
	for (i = 0; i < n; i++)
		if (chosen(groups[i], argv + 1))
			run_group(groups[i]);
	test_leaks();
	if (new_table)
		fclose(new_table);
	printf("# %.1f s\n", seconds() - begin);
	ksft_finished();
}
