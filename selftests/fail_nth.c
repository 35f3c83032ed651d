// SPDX-License-Identifier: GPL-2.0
/*
 * fail_nth [GROUP|SCENARIO]...: run every entry into the module with the first, the
 * second, ... allocation or user copy failing. After each failure the outputs
 * must be as the contract says, no charge, mapping or object may be left, and
 * the same call must work at once. The log must be clean after each scenario,
 * the number of pages owned must be the same after each group, and nothing may
 * have leaked at the end. The last two checks are slow and report where the
 * memory was allocated.
 *
 * If NDSHM_SHARD is set, slow scenarios test only every sixth point, starting at
 * a random one of the first six. NDSHM_KO and NDSHM_MOCK name the files of the
 * module and of the mock provider; groups that need a missing one are skipped.
 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>

#include <linux/capability.h>

#include "fail_points/fail_nth.h"
#include "ndshm_debug.h"

#define WARM_RUNS	3	/* the run with the fewest points counts */
#define PASSES		2	/* a cache refilled in one pass may hide a point of ours */
#define LIMIT		600U	/* points of a scenario */
#define LONG_LIMIT	2000U	/* of one with many points */
#define MOST_WRONG	8	/* failures after which a scenario is abandoned */
#define STATE_SIZE	1024

#define REFERENCES	"/sys/module/ndshm/refcnt"

static const struct fail_nth_group *const groups[] = {
	&fail_nth_client, &fail_nth_mapping, &fail_nth_section,
	&fail_nth_netlink, &fail_nth_kernel, &fail_nth_queue,
	&fail_nth_request, &fail_nth_ndis, &fail_nth_pci, &fail_nth_module,
};

struct ndshm_nl fail_nth_nl = { .fd = -1 };

static int log_mark;

/*
 * Messages
 */

const struct fail_nth_scenario *fail_nth_scenario;

static const struct fail_nth_group *group;
static unsigned int current_nth, wrongs;

void fail_nth_wrong(const char *format, ...)
{
	va_list arguments;

	wrongs++;
	printf("# %s, ", fail_nth_scenario ? fail_nth_scenario->name : "around");
	if (current_nth == FAIL_NTH_FAR)
		printf("nothing failing: ");
	else
		printf("point %u: ", current_nth);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

bool fail_nth_must(const char *text)
{
	int error = group->must(text);

	if (error)
		fail_nth_wrong("%s: %s", text, strerror(-error));
	return !error;
}

/*
 * State
 */

static int keeper = -1;

bool fail_nth_keep(bool keep)
{
	if (!keep) {
		close(keeper);
		keeper = -1;
		return true;
	}
	keeper = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	return fail_nth_expect(keeper >= 0);
}

static unsigned long long user_locked(void)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };
	int fd = keeper;

	if (fd < 0)
		fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	if (ioctl(fd, NDSHM_GET_INFO, &info))
		fail_nth_wrong("GET_INFO: %s", strerror(errno));
	if (fd != keeper)
		close(fd);
	return info.out_user_locked;
}

static void get_state(bool references, char *text)
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
static void same_state(bool references, char *state, const char *when)
{
	char now[STATE_SIZE];

	if (!state[0]) {
		ndshm_wait_deferred();
		get_state(references, state);
		return;
	}
	get_state(references, now);
	if (!strcmp(state, now))
		return;
	/* Memory kept by a mapping or idle in a section is freed asynchronously. */
	ndshm_wait_deferred();
	if (!ndshm_soon((get_state(references, now),
			 !strcmp(state, now))))
		fail_nth_wrong("%s: was %s; is %s", when, state, now);
}

/*
 * Steps
 */

/* States before and after a step; and after the setup, and after a failure. */
static char idle[STATE_SIZE], ready[STATE_SIZE];

static bool has_flag(unsigned int flag)
{
	return fail_nth_scenario->flags & flag;
}

static bool allowed(int error)
{
	int i;

	for (i = 0; i < FAIL_NTH_ERRORS; i++)
		if (fail_nth_scenario->errors[i] == error)
			return true;
	return false;
}

/* Return: 0 or the errno. */
static int call(void)
{
	return -(fail_nth_scenario->call ?: fail_nth_call)();
}

static void check(int error)
{
	if (!fail_nth_scenario->call)
		fail_nth_check_reply(error);
	if (fail_nth_scenario->check)
		fail_nth_scenario->check(error);
}

static void end_of_success(void)
{
	check(0);
	if (fail_nth_scenario->undo)
		fail_nth_scenario->undo();
	else if (fail_nth_scenario->after)
		fail_nth_must(fail_nth_scenario->after);
	else if (!fail_nth_scenario->call)
		fail_nth_undo();
}

/* Check the state after a failed call, and that the call now works. */
static void after_failure(int error)
{
	if (!allowed(error))
		fail_nth_wrong("%s is not in the contract", strerror(error));
	check(error);
	same_state(!has_flag(FAIL_NTH_FILE), ready, "after the failure");
	if (has_flag(FAIL_NTH_SLOW))
		return;
	error = call();
	if (error)
		fail_nth_wrong("does not work right afterwards: %s",
			       strerror(error));
	else
		end_of_success();
}

/*
 * Run the call with point @nth failing. Return how many points were not
 * reached, or 0 if the call failed.
 */
static unsigned int step(unsigned int nth)
{
	unsigned int left = 0;
	int error;

	current_nth = nth;
	same_state(true, idle, "before all");
	if (fail_nth_make(fail_nth_scenario)) {
		if (!ready[0])
			same_state(!has_flag(FAIL_NTH_FILE), ready, "");
		fail_nth_arm(nth, has_flag(FAIL_NTH_DMA));
		error = call();
		left = fail_nth_disarm();
		if (error && left)
			fail_nth_wrong("fails by itself: %s", strerror(error));
		if (error)
			after_failure(error);
		else
			end_of_success();
	}
	if (fail_nth_scenario->clean)
		fail_nth_scenario->clean();
	fail_nth_close_all();
	if (group->clean)
		group->clean();
	return left;
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
static unsigned int count_points(void)
{
	unsigned int points = FAIL_NTH_FAR, i;

	for (i = 0; i < WARM_RUNS && !wrongs; i++)
		points = least(points, FAIL_NTH_FAR - step(FAIL_NTH_FAR));
	return points;
}

/* Run every point from @nth to the last one. Return the number of the last. */
static unsigned int pass(unsigned int nth, unsigned int *left)
{
	const unsigned int limit = nth + (has_flag(FAIL_NTH_LONG) ? LONG_LIMIT : LIMIT);
	const char *shard = getenv("NDSHM_SHARD");
	unsigned int increment = 1;

	if (has_flag(FAIL_NTH_SLOW) && shard && *shard)
		increment = 6;
	nth += random() % increment;
	for (*left = 0; !*left && wrongs < MOST_WRONG; nth += increment) {
		*left = step(nth);
		if (nth > limit && !*left) {
			fail_nth_wrong("no end is in sight");
			break;
		}
	}
	return nth - increment;
}

/* Write the name to the kernel log, which shows it if the kernel crashes. */
static void begin_scenario(const struct fail_nth_scenario *scenario)
{
	char text[128];

	fail_nth_scenario = scenario;
	current_nth = FAIL_NTH_FAR;
	wrongs = 0;
	idle[0] = '\0';
	ready[0] = '\0';
	snprintf(text, sizeof(text), "selftest: fail_nth: %s\n", scenario->name);
	ndshm_write_file("/dev/kmsg", text);
}

/* Version and configuration determine the points: compare them only where both are ours. */
static void compare_points(unsigned int points)
{
	struct utsname uts;

	uname(&uts);
	printf("# points %s %u\n", fail_nth_scenario->name, points);
	if (points < fail_nth_scenario->points && strstr(uts.release, "-ndshm-debug"))
		fail_nth_wrong("%u points, but there were %u", points,
			       fail_nth_scenario->points);
}

/* Run all points of a scenario. */
static void run_scenario(const struct fail_nth_scenario *scenario)
{
	unsigned int passes = scenario->flags & FAIL_NTH_LONG ? 1 : PASSES;
	unsigned int end, left, foreign, points;
	long long begin = ndshm_ms();
	char text[512];

	begin_scenario(scenario);
	foreign = scenario->foreign ? scenario->foreign() : 0;
	points = count_points();
	while (passes--) {
		end = pass(foreign + 1, &left);
		/* The last step did not fail, so it counts the points as well. */
		if (left)
			points = least(points, end - left);
	}
	same_state(true, idle, "after all");
	if (!ndshm_log_clean(log_mark, text, sizeof(text)))
		fail_nth_wrong("the log: %s", text);
	points = wrongs && points == FAIL_NTH_FAR ? 0 :
		 points - least(points, foreign);
	compare_points(points);
	printf("# %s: %lld ms\n", scenario->name, ndshm_ms() - begin);
}

/*
 * Groups
 */

static void test_pages(long before)
{
	long long begin = ndshm_ms();
	long pages = ndshm_pages_owned();

	if (pages != before) {
		ksft_print_msg("%ld pages were owned, and now %ld:\n", before,
			       pages);
		ndshm_pages_print();
	}
	printf("# page owners: %lld ms\n", ndshm_ms() - begin);
	ksft_test_result(pages >= 0 && pages == before, "%s pages\n",
			 group->name);
}

/*
 * Check once, after all groups: each leak's record says where the object was
 * allocated.
 */
static void test_leaks(void)
{
	long long begin = ndshm_ms();
	char text[4096];
	int leaks = ndshm_kmemleak(text, sizeof(text));

	if (leaks)
		ksft_print_msg("%d objects have leaked, such as\n%s", leaks,
			       text);
	printf("# kmemleak: %lld ms\n", ndshm_ms() - begin);
	ksft_test_result(!leaks, "leaks\n");
}

/* Names of groups and scenarios; none: all. */
static char **names;

/* Is the scenario of @one chosen, or, for NULL, any of them? */
static bool chosen(const struct fail_nth_group *one, const struct fail_nth_scenario *scenario)
{
	char **name;
	size_t i;

	if (!*names)
		return true;
	for (name = names; *name; name++) {
		if (!strcmp(*name, one->name))
			return true;
		for (i = 0; i < one->count; i++)
			if (!strcmp(*name, one->scenarios[i].name) &&
			    (!scenario || scenario == &one->scenarios[i]))
				return true;
	}
	return false;
}

static void skip_group(const char *why)
{
	size_t i;

	for (i = 0; i < group->count; i++)
		if (chosen(group, &group->scenarios[i]))
			ksft_test_result_skip("%s %s # SKIP %s\n", group->name,
					      group->scenarios[i].name, why);
	ksft_test_result_skip("%s pages # SKIP %s\n", group->name, why);
}

static void run_group(void)
{
	const char *why;
	long pages;
	size_t i;

	fail_nth_scenario = NULL;
	current_nth = FAIL_NTH_FAR;
	why = group->begin ? group->begin() : NULL;
	if (why) {
		skip_group(why);
		return;
	}
	if (!group->without_module &&
	    (ndshm_nl_open(&fail_nth_nl) || !fail_nth_keep(true)))
		ksft_exit_fail_msg("the module is not there\n");
	pages = ndshm_pages_owned();
	for (i = 0; i < group->count; i++) {
		if (!chosen(group, &group->scenarios[i]))
			continue;
		run_scenario(&group->scenarios[i]);
		ksft_test_result(!wrongs, "%s %s\n", group->name,
				 group->scenarios[i].name);
		fflush(stdout);
	}
	if (!group->without_module) {
		fail_nth_keep(false);
		ndshm_nl_close(&fail_nth_nl);
	}
	/* Before end(), so that the objects made by begin() are counted both times. */
	test_pages(pages);
	if (group->end)
		group->end();
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
	size_t i, j, n = ARRAY_SIZE(groups);
	unsigned int seed = ndshm_number("NDSHM_SEED", time(NULL));
	unsigned int plan = 0;
	long long begin = ndshm_ms();

	if (argc < 1 || ndshm_without_rseq(argv))
		ksft_exit_fail_msg("/proc/self/exe: %s\n", strerror(errno));
	ksft_print_header();
	if (geteuid())
		ksft_exit_skip("only root can inject faults\n");
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# NDSHM_SEED=%u\n", seed);
	srandom(seed);
	prepare();
	names = argv + 1;
	for (i = 0; i < n; i++) {
		plan += chosen(groups[i], NULL);
		for (j = 0; j < groups[i]->count; j++)
			plan += chosen(groups[i], &groups[i]->scenarios[j]);
	}
	ksft_set_plan(plan + 1);
	for (i = 0; i < n; i++) {
		group = groups[i];
		if (chosen(group, NULL))
			run_group();
	}
	test_leaks();
	printf("# %lld ms\n", ndshm_ms() - begin);
	ksft_finished();
}
