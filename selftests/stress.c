// SPDX-License-Identifier: GPL-2.0
/*
 * Races and stress: processes are killed at any point of any call, adapters and
 * providers are removed while in use, users reach their limits, memory is pinned,
 * advised and locked. Charges, counts and allocations must be afterwards as they were
 * before.
 *
 * stress [OPTION]... [PART]...: all parts, or those named. Root only.
 *
 * --kills N		number of killed processes, 500
 * --deaths N		number of killed processes that share a section, 500
 * --unbinds N		number of unbinds of each kind of adapter, 50
 *
 * NDSHM_SEED		seed of all choices; printed first
 * NDSHM_SCALE		percent of these defaults and of the rounds of other parts, 100
 * NDSHM_KO		ndshm.ko, to load it again
 * NDSHM_MOCK		ndshm_mock.ko, for providers and adapters that go
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/ndshm.h>

#include "ndshm_debug.h"
#include "ndshm_proc.h"
#include "stress_parts/stress.h"
#include "stress_parts/actor.h"

#define ERRORS		20	/* that are printed */

struct stress stress;

/*
 * Chance
 */

struct stress_random stress_stream(const char *what, unsigned int index)
{
	struct stress_random random = { .state = stress.seed };

	for (; *what; what++)
		random.state = stress_mix(random.state + (unsigned char)*what);
	random.state = stress_mix(random.state + index);
	return random;
}

unsigned int stress_spread(struct stress_random *random, unsigned int most)
{
	unsigned int bits = 1;

	while (bits < 31 && 1U << bits <= most)
		bits++;
	bits = 1 + stress_below(random, bits);
	bits = 1 + stress_below(random, 1U << bits);
	return bits < most ? bits : most;
}

/*
 * Words
 */

bool stress_error(const char *format, ...)
{
	char text[512];
	va_list arguments;

	if (__atomic_add_fetch(&stress.board->errors, 1, __ATOMIC_RELAXED) >
	    ERRORS)
		return false;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	dprintf(STDOUT_FILENO, "# WRONG: %s (process %d)\n", text, getpid());
	return false;
}

bool stress_failed(void)
{
	return stress_read(&stress.board->errors);
}

void stress_say(const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	dprintf(STDOUT_FILENO, "# %s\n", text);
}

__u64 stress_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

double stress_seconds(__u64 since)
{
	return (stress_now() - since) / 1e9;
}

void stress_sleep(unsigned int microseconds)
{
	const struct timespec time = {
		.tv_sec = microseconds / 1000000,
		.tv_nsec = microseconds % 1000000 * 1000L,
	};

	nanosleep(&time, NULL);
}

/*
 * Processes
 */

pid_t stress_start(bool (*run)(unsigned int index), unsigned int index)
{
	pid_t pid = fork();

	if (pid < 0)
		stress_error("fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	_exit(run(index) ? 0 : 1);
}

bool stress_finish(pid_t pid, const char *number)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	return (WIFEXITED(status) && !WEXITSTATUS(status)) ||
	       stress_error("%s %d ended with %#x", number, pid, status);
}

/*
 * Parts
 */

static const char *needs_mock(void)
{
	return stress.mock ? NULL : "NDSHM_MOCK is no module";
}

static const char *needs_ko(void)
{
	return stress.ko ? NULL : "NDSHM_KO is no module";
}

static const char *needs_edu(void)
{
	return stress.has_edu ? NULL : "no edu device";
}

static const struct part {
	const char *name;
	const char *what;
	bool (*run)(void);
	const char *(*lacks)(void);	/* why it cannot be, or NULL */
} parts[] = {
	{ "kills", "processes are killed at any point", stress_kills, NULL },
	{ "unbind", "a function goes while it is used", stress_unbind_edu,
	  needs_edu },
	{ "adapters", "an adapter goes while it is used", stress_unbind_mock,
	  needs_mock },
	{ "providers", "a provider goes while it is used", stress_providers,
	  needs_mock },
	{ "reload", "the module is unloaded as soon as nobody uses it",
	  stress_reload, needs_ko },
	{ "handle", "threads use one handle", stress_one_handle, NULL },
	{ "signals", "signals come during all calls", stress_signals, NULL },
	{ "memlock", "clients at their user's limit", stress_memlock, NULL },
	{ "pressure", "a memory cgroup at its limit", stress_pressure, NULL },
	{ "descriptors", "no descriptor is left", stress_descriptors, NULL },
	{ "owners", "descriptors, mappings and users part", stress_owners, NULL },
	{ "sections", "sections grow, shrink and end while they are shared",
	  stress_sections, NULL },
};

static bool is_named(const struct part *part, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, part->name))
			return true;
	return false;
}

static void run_part(const struct part *part)
{
	const char *lacks = part->lacks ? part->lacks() : NULL;
	__u64 since = stress_now();
	bool fine;

	if (lacks) {
		ksft_test_result_skip("%s: %s\n", part->name, lacks);
		return;
	}
	__atomic_store_n(&stress.board->errors, 0, __ATOMIC_RELAXED);
	/* A module that is loaded again begins with the first number. */
	stress.board->gone_adapter = 0;
	stress.board->gone_provider = 0;
	fine = part->run();
	fine &= stress_is_idle(part->name);
	fine &= !stress_failed();
	if (!fine)
		stress_say("NDSHM_SEED=%llu", stress.seed);
	ksft_test_result(fine, "%s: %s (%.1f s)\n", part->name, part->what,
			 stress_seconds(since));
}

static void look_for_leaks(void)
{
	int leaks = stress_leaks();

	if (leaks < 0)
		ksft_test_result_skip("kmemleak: the kernel has none\n");
	else
		ksft_test_result(!leaks, "kmemleak: nothing is lost\n");
}

/*
 * Setting up
 */

static const char *module_path(const char *name)
{
	const char *path = getenv(name);

	return path && *path && !access(path, R_OK) ? path : NULL;
}

static unsigned int option_number(void)
{
	unsigned long number;
	char *end;

	number = strtoul(optarg, &end, 10);
	if (*end || !number || number > UINT_MAX) {
		fprintf(stderr, "%s: not a number from 1\n", optarg);
		exit(KSFT_FAIL);
	}
	return number;
}

/* Parse the options. Return the names of the parts. */
static char **settings(int argc, char **argv)
{
	static const struct option options[] = {
		{ "kills", required_argument, NULL, 'k' },
		{ "deaths", required_argument, NULL, 'd' },
		{ "unbinds", required_argument, NULL, 'u' },
		{ }
	};
	int option;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	stress.seed = ndshm_number("NDSHM_SEED",
				   stress_mix(now.tv_sec * 1000000000ULL +
					      now.tv_nsec) >> 32);
	stress.kills = ndshm_rounds(500, 1);
	stress.deaths = ndshm_rounds(500, 1);
	stress.unbinds = ndshm_rounds(50, 1);
	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (option) {
		case 'k':
			stress.kills = option_number();
			break;
		case 'd':
			stress.deaths = option_number();
			break;
		case 'u':
			stress.unbinds = option_number();
			break;
		default:
			exit(KSFT_FAIL);
		}
	}
	stress.ko = module_path("NDSHM_KO");
	stress.mock = module_path("NDSHM_MOCK");
	stress.page = sysconf(_SC_PAGESIZE);
	return argv + optind;
}

/* Root is charged as users are, or it could not be seen that it is paid back. */
static bool be_charged(void)
{
	const struct rlimit limit = {
		.rlim_cur = RLIM_INFINITY,
		.rlim_max = RLIM_INFINITY,
	};

	return !setrlimit(RLIMIT_MEMLOCK, &limit) &&
	       ndshm_set_capability(CAP_IPC_LOCK, false);
}

static void find_nodes(void)
{
	struct ndshm_nl_adapter adapters[32];
	int count = ndshm_nl_adapters(&stress.nl, adapters, 32), i;

	for (i = 0; i < count && i < 32 && stress.node_count < STRESS_NODES; i++)
		if (!strncmp(adapters[i].name, "node", 4))
			stress.nodes[stress.node_count++] = adapters[i].id;
	if (!stress.node_count)
		ksft_exit_fail_msg("no adapter of a node\n");
}

static void find_pages(void)
{
	struct ndshm_nl_provider provider;

	if (ndshm_nl_provider_by_name(&stress.nl, "pages", &provider))
		ksft_exit_fail_msg("no provider of pages\n");
	stress.pages = provider.id;
}

static void set_up(void)
{
	int error;

	if (geteuid())
		ksft_exit_skip("only root can do all this\n");
	if (access(NDSHM_DEVICE, R_OK | W_OK))
		ksft_exit_skip("%s: %s\n", NDSHM_DEVICE, strerror(errno));
	error = ndshm_nl_open(&stress.nl);
	if (error)
		ksft_exit_fail_msg("netlink: %s\n", strerror(-error));
	stress.board = mmap(NULL, sizeof(*stress.board), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (stress.board == MAP_FAILED)
		ksft_exit_fail_msg("mmap: %s\n", strerror(errno));
	if (!be_charged())
		ksft_exit_fail_msg("RLIMIT_MEMLOCK: %s\n", strerror(errno));
	/* Reap the children of killed processes here instead of in init. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	find_nodes();
	find_pages();
	stress.has_edu = !ndshm_edu_find(&stress.edu);
	if (stress.has_edu && ndshm_edu_bind(&stress.edu))
		ksft_exit_fail_msg("%s cannot be bound\n", stress.edu.pci.name);
	ndshm_kmemleak_forget();
	if (!stress_baseline())
		ksft_exit_fail_msg("there is no quiet to begin with\n");
}

int main(int argc, char **argv)
{
	unsigned int i, count = 1;
	char **names;

	if (actor_is_called(argc, argv))
		actor_called(argv);
	/* Lines of several processes, none of them cut or said twice. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	names = settings(argc, argv);
	ksft_print_header();
	stress_say("NDSHM_SEED=%llu: %u kills, %u deaths, %u unbinds",
		   stress.seed, stress.kills, stress.deaths, stress.unbinds);
	set_up();
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		count += is_named(&parts[i], names);
	ksft_set_plan(count);
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (is_named(&parts[i], names))
			run_part(&parts[i]);
	look_for_leaks();
	if (stress.has_edu)
		ndshm_edu_restore(&stress.edu);
	if (ksft_get_fail_cnt())
		ksft_exit_fail();
	ksft_exit_pass();
}
