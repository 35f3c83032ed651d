// SPDX-License-Identifier: GPL-2.0
/*
 * Coverage that is known, and the programs that reach it; random programs derived from them, in
 * child processes that may die.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "random.h"

/* Escaped, so that it is not taken for this file's own licence line. */
#define HEADER	"# SPDX\055License-Identifier: GPL-2.0\n"

#define PAIRS		0x40000		/* powers of two */
#define PLACES		0x10000
#define NEW		4096		/* new pairs of a program that are considered */
#define BATCH		2000		/* programs per process */
#define MOUNTING	32		/* one program in so many runs without the held client */
#define PATIENCE	120		/* seconds until a program counts as hung */
#define REPORT_EVERY	10		/* seconds between status lines */

/* Shared by all processes. */
static struct {
	unsigned int count;
	unsigned int places;
	unsigned int pairs;
	__u8 pair[PAIRS];
	__u8 place[PLACES];
	struct program programs[CORPUS_MOST];
	/* Of the batches. */
	__u64 number;
	__u64 digest;		/* of the texts of all programs */
	unsigned int seeds_run;
	char now[PROGRAM_TEXT];
} *corpus;

static const char *out;

/* The number of the last look that saw each pair, and the new items of the current look. */
static __u32 seen[PAIRS];
static __u32 look_number;
static __u32 new_pairs[NEW], new_places[NEW];
static unsigned int new_pair_count, new_place_count;

int corpus_begin(void)
{
	corpus = mmap(NULL, sizeof(*corpus), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return corpus == MAP_FAILED ? -errno : 0;
}

unsigned int corpus_count(void)
{
	return corpus->count;
}

const struct program *corpus_pick(struct chance *chance)
{
	unsigned int count = __atomic_load_n(&corpus->count, __ATOMIC_ACQUIRE), recent = count / 4;

	if (!count)
		return NULL;
	if (recent && chance_percent(chance, 40))
		return &corpus->programs[count - 1 - chance_below(chance, recent)];
	return &corpus->programs[chance_below(chance, count)];
}

static __u32 hash(__u64 number, unsigned int size)
{
	return ((number * 0x9e3779b97f4a7c15ULL) >> 40) & (size - 1);
}

static void look_at(const __u64 *pcs, __u64 count)
{
	__u64 before = 0, i;

	for (i = 0; i < count; before = pcs[i++]) {
		const __u32 pair = hash(pcs[i] ^ (before << 20), PAIRS);
		const __u32 place = hash(pcs[i], PLACES);

		if (!pcs[i] || seen[pair] == look_number)
			continue;
		seen[pair] = look_number;
		if (!corpus->pair[pair] && new_pair_count < NEW)
			new_pairs[new_pair_count++] = pair;
		if (!corpus->place[place] && new_place_count < NEW)
			new_places[new_place_count++] = place;
	}
}

unsigned int corpus_look(void)
{
	look_number++;
	new_pair_count = 0;
	new_place_count = 0;
	run_coverage(look_at);
	return new_pair_count;
}

static void look_again(const __u64 *pcs, __u64 count)
{
	__u64 before = 0, i;

	for (i = 0; i < count; before = pcs[i++])
		if (pcs[i])
			seen[hash(pcs[i] ^ (before << 20), PAIRS)] = look_number;
}

static bool corpus_again(void)
{
	unsigned int i;

	look_number++;
	run_coverage(look_again);
	for (i = 0; i < new_pair_count; i++)
		if (seen[new_pairs[i]] != look_number)
			return false;
	return true;
}

void corpus_known(void)
{
	unsigned int i;

	for (i = 0; i < new_pair_count; i++)
		corpus->pair[new_pairs[i]] = 1;
	corpus->pairs += new_pair_count;
	/* A place can be the end of several new pairs. */
	for (i = 0; i < new_place_count; i++) {
		corpus->places += !corpus->place[new_places[i]];
		corpus->place[new_places[i]] = 1;
	}
}

unsigned int corpus_places(void)
{
	return corpus->places;
}

void corpus_write_to(const char *directory)
{
	out = directory;
}

static __u64 digest(__u64 hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ULL;
	return hash;
}

/* The name is a hash of the text, so that equal programs are stored once. */
static void corpus_write(const struct program *program)
{
	static char text[PROGRAM_TEXT];
	char path[4096];
	FILE *file;

	if (!out)
		return;
	program_print(program, text, sizeof(text));
	snprintf(path, sizeof(path), "%s/%016llx.txt", out, digest(0xcbf29ce484222325ULL, text));
	file = fopen(path, "w");
	if (!file || fputs(HEADER, file) < 0 || fputs(text, file) < 0 || fclose(file))
		perror(path);
}

static void corpus_add(const struct program *program)
{
	if (corpus->count == CORPUS_MOST)
		return;
	corpus->programs[corpus->count] = *program;
	/* Release: a concurrent corpus_pick() must see the whole program. */
	__atomic_store_n(&corpus->count, corpus->count + 1, __ATOMIC_RELEASE);
}

static void corpus_keep(const struct program *program)
{
	corpus_add(program);
	corpus_write(program);
}

typedef void (*program_taker)(const struct program *program);

/* Call @take with each program of a file. */
static bool programs_in(const char *path, program_taker take)
{
	static struct program program;
	FILE *file = fopen(path, "r");
	char *text, *next;
	const char *wrong;
	unsigned int line, number = 0;
	long size = file && !fseek(file, 0, SEEK_END) ? ftell(file) : -1;
	bool good = true;

	if (size < 0) {
		perror(path);
		return false;
	}
	rewind(file);
	text = calloc(1, size + 1);
	good = text && fread(text, 1, size, file) == (size_t)size;
	fclose(file);
	/* The first program may be truncated in the log. */
	next = good ? strstr(text, PROGRAM_MARK) : NULL;
	for (text = next ?: text; good && text; text = next) {
		next = strstr(text + 1, PROGRAM_MARK);
		if (next)
			next[-1] = '\0';
		number++;
		wrong = program_parse(&program, text, &line);
		if (wrong)
			fprintf(stderr, "%s, program %u, line %u: %s\n", path, number, line, wrong);
		else
			take(&program);
		good = !wrong;
	}
	return good;
}

int corpus_read(const char *path)
{
	return programs_in(path, corpus_add) ? (int)corpus->count : -1;
}

/*
 * A program
 */

static const struct options *options;
static time_t began;
static unsigned int seeds;	/* programs read from the corpus */

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

bool corpus_seeds_run(void)
{
	return seeds && corpus->seeds_run == seeds;
}

static bool finished(void)
{
	if (wrong_count())
		return true;
	if (corpus->seeds_run < seeds)
		return false;
	return options->minimise || (options->calls && tally_calls() >= options->calls) ||
	       now() - began >= (time_t)options->seconds;
}

/*
 * The first client mounts the file system of the blocks' files and the last one unmounts it, which
 * takes longer than anything else. So hold a client, except for some programs.
 */
static void hold_client(bool hold)
{
	static int fd = -1;

	if (hold && fd < 0)
		fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	if (!hold && fd >= 0) {
		close(fd);
		fd = -1;
	}
}

static void show_program(const char *why)
{
	printf("# %s, in program %llu:\n%s", why, (unsigned long long)corpus->number, corpus->now);
	fflush(stdout);
}

static void run(const struct program *program)
{
	program_print(program, corpus->now, sizeof(corpus->now));
	corpus->digest = digest(corpus->digest, corpus->now);
	record(corpus->number, corpus->now);
	hold_client(corpus->number % MOUNTING);
	run_program(program);
	if (wrong_count())
		show_program("something was wrong");
	__atomic_add_fetch(&corpus->number, 1, __ATOMIC_RELAXED);
}

/* Remove all calls without which the program still shows its new coverage; first many at once. */
static void shorten(struct program *program)
{
	static struct program shorter;
	unsigned int step, at;

	for (step = PROGRAM_CALLS / 2; step; step /= 2) {
		at = 0;
		while (at + step <= program->count && step < program->count) {
			shorter = *program;
			program_remove(&shorter, at, step);
			run(&shorter);
			if (corpus_again())
				*program = shorter;
			else
				at += step;
		}
	}
}

static void run_new(struct chance *chance)
{
	const struct program *from = corpus_pick(chance);
	static struct program program;

	if (from && !chance_percent(chance, 10)) {
		program = *from;
		program_mutate(&program, corpus_pick(chance), chance);
	} else {
		program_generate(&program, chance);
	}
	run(&program);
	if (!corpus_look())
		return;
	shorten(&program);
	corpus_known();
	corpus_keep(&program);
}

/*
 * A program read from the corpus is known already, even if its coverage is not new. Coverage that
 * does not appear in a second run is not attributed to the program.
 */
static void run_seed(void)
{
	const struct program *program = &corpus->programs[corpus->seeds_run++];

	run(program);
	if (corpus_look() && options->minimise) {
		run(program);
		if (corpus_again())
			corpus_write(program);
	}
	corpus_known();
}

void must_begin(void)
{
	int error;

	machine_mine();
	error = run_begin();
	if (error) {
		fprintf(stderr, "cannot run programs: %s\n", strerror(-error));
		_exit(2);
	}
}

/* A child process that runs programs and may die. The programs depend only on the seed. */
static void run_batch(void)
{
	__u64 end = corpus->number + BATCH;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	must_begin();
	while (!finished() && corpus->number < end) {
		struct chance chance = {
			options->seed ^ corpus->number * 0x9e3779b97f4a7c15ULL
		};

		if (corpus->seeds_run < seeds)
			run_seed();
		else
			run_new(&chance);
	}
	_exit(0);
}

/*
 * Batches
 */

static void report(void)
{
	__u64 calls = tally_calls();
	long seconds = now() - began;

	printf("# %ld s: %llu programs, %llu calls (%llu a second), ", seconds,
	       (unsigned long long)corpus->number, (unsigned long long)calls,
	       (unsigned long long)(calls / (seconds ?: 1)));
	printf("corpus %u, %u places, %u pairs\n", corpus->count, corpus->places, corpus->pairs);
	fflush(stdout);
}

/* Return: false if the process hung or died. */
static bool wait_for(pid_t pid)
{
	static time_t reported;
	__u64 programs = corpus->number;
	time_t moved = now();
	int status;

	while (!waitpid(pid, &status, WNOHANG)) {
		struct timespec second = { .tv_sec = 1 };
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGCHLD);
		sigtimedwait(&set, NULL, &second);
		if (corpus->number != programs) {
			programs = corpus->number;
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
bool batch_run(const struct options *how)
{
	bool ran = true, clean = true;
	char text[256] = "";
	sigset_t set;
	pid_t pid;

	/* SIGCHLD must end the wait. */
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	options = how;
	seeds = corpus->count;
	began = now();
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
	printf("# digest of the programs: %016llx\n", (unsigned long long)corpus->digest);
	ran = verdict(ran, "every program came to its end", "");
	ran &= verdict(!wrong_count(), "nothing was wrong", "");
	return verdict(clean, clean ? "nothing was left behind" : "left behind: ", text) && ran;
}

/*
 * Programs of a file, with each call's outcome
 */

static void run_and_report(const struct program *program)
{
	char left[256];

	printf(PROGRAM_MARK "%llu\n", (unsigned long long)corpus->number);
	fflush(stdout);
	run(program);
	hold_client(false);
	if (!machine_clean(left, sizeof(left)))
		wrong("left behind: %s", left);
}

bool replay_run(const char *path)
{
	bool good;

	must_begin();
	run_verbose();
	good = verdict(programs_in(path, run_and_report), "each program was run", "");
	return verdict(!wrong_count(), "nothing was wrong, or left behind", "") && good;
}
