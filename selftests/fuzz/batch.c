// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/ndshm.h>

#include "batch.h"
#include "corpus.h"
#include "machine.h"
#include "mutate.h"
#include "record.h"
#include "run.h"
#include "tally.h"
#include "verdict.h"

#define BATCH		2000	/* programs per process */
#define MOUNTING	32	/* one program in so many runs without the held client */
#define PATIENCE	120	/* seconds until a program without progress counts as hung */
#define REPORT_EVERY	10	/* seconds between status lines */

/* Shared by all processes. */
static struct {
	__u64 programs;
	__u64 digest;		/* of the texts of all programs */
	unsigned int seeds_run;
	char now[FUZZ_TEXT];
} *shared;

static const struct batch_options *options;
static time_t began;
static unsigned int seeds;	/* programs read from the corpus */

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

bool batch_seeds_run(void)
{
	return seeds && shared->seeds_run == seeds;
}

static bool finished(void)
{
	if (shared->seeds_run < seeds)
		return false;
	return options->minimise ||
	       (options->calls && tally_calls() >= options->calls) ||
	       (options->seconds && now() - began >= (time_t)options->seconds);
}

/*
 * The first client mounts the file system of the blocks' files and the last one
 * unmounts it, which takes longer than anything else. So hold a client, except
 * for some programs.
 */
static void hold_client(bool hold)
{
	static int fd = -1;

	if (hold && fd < 0)
		fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	if (!hold)
		fuzz_set_fd(&fd, -1);
}

static void run(const struct fuzz_program *program)
{
	const char *text = shared->now;

	fuzz_print(program, '\n', shared->now, sizeof(shared->now));
	for (; *text; text++)
		shared->digest = (shared->digest ^ (unsigned char)*text) *
				 0x100000001b3ULL;
	record(shared->programs, shared->now);
	hold_client(shared->programs % MOUNTING);
	fuzz_run(program);
	__atomic_add_fetch(&shared->programs, 1, __ATOMIC_RELAXED);
}

/*
 * Remove all calls without which the program still shows its new coverage;
 * first many calls at once.
 */
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

/* Coverage that does not appear in a second run is not attributed to the program. */
static bool shows_again(const struct fuzz_program *program)
{
	run(program);
	return corpus_again();
}

/* A program read from the corpus is known already, even if its coverage is not new. */
static void run_seed(void)
{
	const struct fuzz_program *program = corpus_get(shared->seeds_run);

	shared->seeds_run++;
	run(program);
	if (corpus_look() && options->minimise && shows_again(program))
		corpus_write(program);
	corpus_known();
}

/*
 * A child process that runs programs and may die. The programs depend only on
 * the seed.
 */
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
	while (!finished() && shared->programs < end) {
		struct fuzz_random random = {
			options->seed ^ shared->programs * 0x9e3779b97f4a7c15ULL
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
	printf("# %s, in program %llu:\n%s", why,
	       (unsigned long long)shared->programs, shared->now);
	fflush(stdout);
}

static void report(void)
{
	__u64 calls = tally_calls();
	long seconds = now() - began;

	printf("# %ld s: %llu programs, %llu calls (%llu a second), ", seconds,
	       (unsigned long long)shared->programs, (unsigned long long)calls,
	       (unsigned long long)(calls / (seconds ?: 1)));
	printf("corpus %u, %u places, %u pairs\n", corpus_count(),
	       corpus_places(), corpus_pairs());
	fflush(stdout);
}

/* Return: false if the process hung or died. */
static bool wait_for(pid_t pid)
{
	static time_t reported;
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
		if (now() - reported >= REPORT_EVERY) {
			reported = now();
			report();
		}
	}
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	show_program(WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) :
					   "the process ended by itself");
	return false;
}

/* Run batches up to the limit. After each the machine must be in its initial state. */
static bool run_batches(void)
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
	report();
	/* Equal digests mean that two runs executed the same programs. */
	printf("# digest of the programs: %016llx\n",
	       (unsigned long long)shared->digest);
	ran = verdict(ran, "every program came to its end", "");
	return verdict(clean, clean ? "nothing was left behind" :
				      "left behind: ", text) && ran;
}

bool batch_run_all(const struct batch_options *how)
{
	sigset_t set;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		perror("mmap");
		return false;
	}
	/* SIGCHLD must end the wait. */
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	options = how;
	seeds = corpus_count();
	began = now();
	return run_batches();
}
