// SPDX-License-Identifier: GPL-2.0
/*
 * ndshm-fuzz: runs programs of calls against the module, keeps those that reach what
 * none had reached before, and makes new ones of them. README.md says more.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/ndshm.h>

#include "../ndshm_debug.h"
#include "corpus.h"
#include "machine.h"
#include "mutate.h"
#include "record.h"
#include "run.h"

#define BATCH		2000	/* programs of one process */
#define MOUNTING	8	/* one of so many batches begins without a client */
#define PATIENCE	120	/* seconds without a program's end */
#define TELL		10	/* seconds between lines about how it goes */

/* Seen by all processes. */
static struct {
	__u64 programs;
	__u64 calls;
	unsigned int seeds_run;
	struct fuzz_program now;
} *shared;

static struct {
	__u64 seed;
	__u64 calls;
	__u64 seconds;
	const char *out;
	const char *replay;
	bool minimise;
} options;

static time_t began;
static unsigned int seeds;	/* programs that were read */

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static bool finished(void)
{
	if (options.minimise)
		return shared->seeds_run == seeds;
	return (options.calls && shared->calls >= options.calls) ||
	       (options.seconds && now() - began >= (time_t)options.seconds);
}

static void run(const struct fuzz_program *program)
{
	shared->now = *program;
	record(shared->programs, program);
	fuzz_run(program, &shared->calls);
	__atomic_add_fetch(&shared->programs, 1, __ATOMIC_RELAXED);
}

/* Leave out all calls without which it still shows what was new: first many at once. */
static void shorten(struct fuzz_program *program)
{
	static struct fuzz_program shorter;
	unsigned int step, at;

	for (step = FUZZ_CALLS / 2; step; step /= 2) {
		at = 0;
		while (at + step <= program->count && step < program->count) {
			shorter = *program;
			fuzz_remove_calls(&shorter, at, step);
			run(&shorter);
			if (corpus_again())
				*program = shorter;
			else
				at += step;
		}
	}
}

static void run_new(struct fuzz_random *random)
{
	const struct fuzz_program *from = corpus_pick(random);
	static struct fuzz_program program;

	if (from && !fuzz_chance(random, 10)) {
		program = *from;
		fuzz_mutate(&program, corpus_pick(random), random);
		fuzz_lengthen(&program, corpus_pick(random), random);
	} else {
		fuzz_generate(&program, random);
	}
	run(&program);
	if (!corpus_look())
		return;
	shorten(&program);
	corpus_known();
	corpus_keep(&program);
}

/* What was read is there already, and may stand for something that is not new. */
static void run_seed(void)
{
	const struct fuzz_program *program = corpus_get(shared->seeds_run);

	shared->seeds_run++;
	run(program);
	if (corpus_look() && options.minimise)
		corpus_write(program);
	corpus_known();
}

/* A process that runs programs and can be lost. What it does follows from the seed. */
static void run_batch(void)
{
	__u64 end = shared->programs + BATCH;
	int error;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	machine_mine();
	error = fuzz_run_begin();
	if (error) {
		fprintf(stderr, "cannot run programs: %s\n", strerror(-error));
		_exit(2);
	}
	/* Without a client, each program's first has to mount what files are on. */
	if (shared->programs / BATCH % MOUNTING)
		open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	while (!finished() && shared->programs < end) {
		struct fuzz_random random = {
			options.seed ^ shared->programs * 0x9e3779b97f4a7c15ULL
		};

		if (shared->seeds_run < seeds)
			run_seed();
		else
			run_new(&random);
	}
	_exit(0);
}

static void show_program(const char *why)
{
	static char text[FUZZ_TEXT];

	fuzz_print(&shared->now, '\n', text, sizeof(text));
	printf("# %s, in program %llu:\n%s", why,
	       (unsigned long long)shared->programs, text);
	fflush(stdout);
}

static void tell(void)
{
	long seconds = now() - began;

	printf("# %ld s: %llu programs, %llu calls (%llu a second), ", seconds,
	       (unsigned long long)shared->programs,
	       (unsigned long long)shared->calls,
	       (unsigned long long)(shared->calls / (seconds ?: 1)));
	printf("corpus %u, %u places, %u pairs\n", corpus_count(),
	       corpus_places(), corpus_pairs());
	fflush(stdout);
}

/* False: it hung, or ended as it should not. */
static bool wait_for(pid_t pid)
{
	static time_t told;
	__u64 programs = shared->programs;
	time_t moved = now();
	int status;

	while (!waitpid(pid, &status, WNOHANG)) {
		struct timespec second = { .tv_sec = 1 };
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGCHLD);
		sigtimedwait(&set, NULL, &second);
		if (shared->programs != programs) {
			programs = shared->programs;
			moved = now();
		} else if (now() - moved > PATIENCE) {
			show_program("nothing moves any more");
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return false;
		}
		if (now() - told >= TELL) {
			told = now();
			tell();
		}
	}
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	show_program(WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) :
					   "the process ended by itself");
	return false;
}

static unsigned int cases;

static bool verdict(bool good, const char *format, const char *text)
{
	printf("%sok %u - ", good ? "" : "not ", ++cases);
	printf(format, text);
	printf("\n");
	fflush(stdout);
	return good;
}

/* Batches to the end; after each the machine has to be as it was. */
static bool run_all(void)
{
	bool ran = true, clean = true;
	char text[256] = "";
	pid_t pid;

	while (ran && clean && !finished()) {
		pid = fork();
		if (pid < 0) {
			perror("fork");
			return false;
		}
		if (!pid)
			run_batch();
		ran = wait_for(pid);
		machine_mine();
		machine_restore();
		clean = machine_clean(text, sizeof(text));
	}
	tell();
	ran = verdict(ran, "every program came to its end%s", "");
	return verdict(clean, clean ? "nothing was left behind%s" :
				      "left behind: %s", text) && ran;
}

static bool end_verdicts(void)
{
	char text[4096] = "";
	int leaks = ndshm_kmemleak(text, sizeof(text));
	bool good;

	if (leaks < 0)
		return verdict(true, "no leak # SKIP the kernel cannot tell%s",
			       "");
	good = verdict(!leaks, "no leak%s", "");
	if (leaks)
		printf("# %s\n", text);
	return good;
}

/* One program, call by call. */
static int replay(const char *path)
{
	const char *wrong;
	static char text[FUZZ_TEXT];
	static struct fuzz_program program;
	FILE *file = fopen(path, "r");
	unsigned int line;
	int error;

	if (!file) {
		perror(path);
		return 2;
	}
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	wrong = fuzz_parse(&program, text, &line);
	if (wrong) {
		fprintf(stderr, "%s:%u: %s\n", path, line, wrong);
		return 2;
	}
	machine_mine();
	error = fuzz_run_begin();
	if (error) {
		fprintf(stderr, "cannot run programs: %s\n", strerror(-error));
		return 2;
	}
	fuzz_run_verbose();
	run(&program);
	return 0;
}

static const char usage[] =
"usage: ndshm-fuzz [OPTION]...\n"
"	--seconds N	how long (default: 60), or\n"
"	--calls N	how many calls\n"
"	--seed N	what is made up follows from it (also: NDSHM_SEED)\n"
"	--corpus DIR	programs to begin with; repeatable\n"
"	--out DIR	where new ones are written to\n"
"	--minimise	run the corpus only; write those to --out that add something\n"
"	--replay FILE	run one program, and show each call's outcome\n";

static int read_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "calls", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 'r' },
		{ "corpus", required_argument, NULL, 'c' },
		{ "out", required_argument, NULL, 'o' },
		{ "minimise", no_argument, NULL, 'm' },
		{ "replay", required_argument, NULL, 'p' },
		{}
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0)
		switch (option) {
		case 's':
			options.seconds = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			options.calls = strtoull(optarg, NULL, 0);
			break;
		case 'r':
			options.seed = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			if (corpus_read(optarg) < 0)
				return 2;
			break;
		case 'o':
			options.out = optarg;
			break;
		case 'm':
			options.minimise = true;
			break;
		case 'p':
			options.replay = optarg;
			break;
		default:
			fputs(usage, stderr);
			return 2;
		}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (!options.seconds && !options.calls)
		options.seconds = 60;
	return 0;
}

static void choose_seed(void)
{
	const char *seed = getenv("NDSHM_SEED");

	if (seed)
		options.seed = strtoull(seed, NULL, 0);
	else if (getrandom(&options.seed, sizeof(options.seed), 0) !=
		 sizeof(options.seed))
		options.seed = now();
}

int main(int argc, char **argv)
{
	sigset_t set;
	bool good;
	int error;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || corpus_begin()) {
		perror("mmap");
		return 2;
	}
	choose_seed();
	error = read_options(argc, argv);
	if (error)
		return error;
	printf("TAP version 13\n# seed %#llx\n",
	       (unsigned long long)options.seed);
	fflush(stdout);

	if (machine_begin())
		return 2;
	if (!record_begin())
		printf("# no recorder: a panic will not say what was run\n");
	if (options.replay) {
		error = replay(options.replay);
		machine_end();
		return error;
	}
	/* So that the end of a child ends the wait for it. */
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);

	seeds = corpus_count();
	corpus_write_to(options.out);
	began = now();
	good = run_all();
	if (corpus_places())
		printf("# KCOV guided it\n");
	good &= end_verdicts();
	machine_end();
	printf("1..%u\n", cases);
	return !good;
}
