// SPDX-License-Identifier: GPL-2.0
/*
 * Run random programs of calls, keep those with new coverage, and derive new programs from them;
 * kill processes that run them. See random_parts/README.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "ndshm_debug.h"
#include "ndshm_proc.h"
#include "random_parts/random.h"

/* Only if the module was built with KCOV instrumentation. */
#define COVERAGE_FILE	"/sys/kernel/debug/ndshm_coverage"
#define RECORDER_SIZE	(64 << 10)
#define SKIPPED		4

static struct options options;
static unsigned int cases;
static long pages;

static const char usage[] =
"usage: random [OPTION]...\n"
"	--seconds N	how long random programs run, or\n"
"	--calls N	how many calls; the corpus is run in any case\n"
"	--kills N	how many processes that run programs are killed\n"
"			(default: 300, without --seconds, --calls, --corpus)\n"
"	--seed N	what is made up follows from it (also: NDSHM_SEED)\n"
"	--corpus FILE	programs to begin with; repeatable\n"
"	--out DIR	where new ones are written to\n"
"	--minimise	run the corpus only; write those to --out that add something\n"
"	--replay FILE	run the programs in it, and show each call's outcome\n"
"NDSHM_MOCK names ndshm_mock.ko, NDSHM_SCALE is a percentage of the default kills.\n";

/*
 * Verdicts
 */

bool verdict(bool good, const char *what, const char *text)
{
	printf("%sok %u - %s%s\n", good ? "" : "not ", ++cases, what, text);
	fflush(stdout);
	return good;
}

static bool skip(const char *what, const char *why)
{
	printf("ok %u - %s # SKIP %s\n", ++cases, what, why);
	return true;
}

/* Without coverage the programs would be unguided and find little. */
static bool guided(void)
{
	static const char what[] = "KCOV guides it";

	if (access(KCOV_FILE, F_OK))
		return skip(what, "the kernel has no KCOV");
	if (access(COVERAGE_FILE, F_OK))
		return skip(what, "ndshm.ko was not built with NDSHM_COVERAGE=1");
	return verdict(corpus_places(), what, "");
}

static bool each_kind_succeeded(void)
{
	static const char what[] = "each kind of call has succeeded";
	char missing[512];
	bool good;

	tally_print();
	/* Only the corpus is sure to have a program for each kind. */
	if (!corpus_seeds_run())
		return true;
	good = verdict(!tally_missing(missing, sizeof(missing)), what, "");
	if (!good)
		printf("# never succeeded:%s\n", missing);
	return good;
}

static bool no_object_leaked(void)
{
	static const char what[] = "no object has leaked";
	char text[4096];
	int leaks = ndshm_kmemleak(text, sizeof(text));

	if (leaks < 0)
		return skip(what, "the kernel cannot tell");
	if (leaks)
		printf("# %s\n", text);
	return verdict(!leaks, what, "");
}

static bool no_page_leaked(void)
{
	static const char what[] = "no page has leaked";
	long now = ndshm_pages_owned();

	if (pages < 0 || now < 0)
		return skip(what, "the kernel cannot tell");
	if (now > pages) {
		printf("# %ld pages, %ld before:\n", now, pages);
		ndshm_pages_print();
	}
	return verdict(now <= pages, what, "");
}

/*
 * The recorder keeps the last programs for a panic.
 */

static struct {
	__u32 written;
	char text[RECORDER_SIZE - sizeof(__u32)];
} *recorder = MAP_FAILED;

static void record_begin(void)
{
	int fd = open("/dev/ndshm_recorder", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		recorder = mmap(NULL, RECORDER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (recorder == MAP_FAILED)
		printf("# no recorder: a panic will not say what was run\n");
	close(fd);
}

static void put(const char *text)
{
	for (; *text; text++)
		recorder->text[recorder->written++ % sizeof(recorder->text)] = *text;
}

void record(unsigned long long number, const char *program)
{
	char line[48];

	if (recorder == MAP_FAILED)
		return;
	snprintf(line, sizeof(line), PROGRAM_MARK "%llu\n", number);
	put(line);
	put(program);
}

/*
 * Options
 */

static int read_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "calls", required_argument, NULL, 'n' },
		{ "kills", required_argument, NULL, 'k' },
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
		case 'k':
			options.kills = strtoull(optarg, NULL, 0);
			break;
		case 'r':
			options.seed = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			if (corpus_read(optarg) < 0)
				return 2;
			break;
		case 'o':
			corpus_write_to(optarg);
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
	if (optind < argc || (options.minimise && access(KCOV_FILE, F_OK))) {
		fputs(optind < argc ? usage : "--minimise needs a kernel with KCOV\n", stderr);
		return 2;
	}
	if (!options.seconds && !options.calls && !options.kills && !corpus_count())
		options.kills = ndshm_rounds(300, 25);
	return 0;
}

static void choose_seed(void)
{
	const char *seed = getenv("NDSHM_SEED");

	if (seed)
		options.seed = strtoull(seed, NULL, 0);
	else if (getrandom(&options.seed, sizeof(options.seed), 0) != sizeof(options.seed))
		options.seed = time(NULL);
}

static bool work(void)
{
	bool good = true;
	char missing[512];

	/* What the machine lacks is looked up once, before there are other processes. */
	tally_missing(missing, sizeof(missing));
	record_begin();
	if (options.replay)
		return replay_run(options.replay);
	pages = ndshm_pages_owned();
	ndshm_kmemleak_forget();
	if (options.seconds || options.calls || corpus_count())
		good = batch_run(&options);
	if (good && options.kills)
		good = kills_run(&options);
	if (options.seconds || options.calls)
		good &= guided();
	good &= each_kind_succeeded();
	good &= no_object_leaked();
	good &= no_page_leaked();
	return good;
}

int main(int argc, char **argv)
{
	bool good = false;
	int error;

	/* This would damage any machine but a throw-away guest. */
	if (!getenv("NDSHM_VM")) {
		fprintf(stderr, "%s: not outside a guest of selftests/vm/run.sh\n", argv[0]);
		return SKIPPED;
	}
	if (ndshm_without_rseq(argv) || corpus_begin() || tally_begin() || run_prepare()) {
		perror(argv[0]);
		return 2;
	}
	choose_seed();
	error = read_options(argc, argv);
	if (error)
		return error;
	printf("TAP version 13\n# seed %#llx\n", (unsigned long long)options.seed);
	fflush(stdout);
	if (!machine_begin())
		good = work();
	good = verdict(machine_end(), "the modules can be unloaded", "") && good;
	printf("1..%u\n", cases);
	return !good;
}
