// SPDX-License-Identifier: GPL-2.0
/*
 * ndshm-fuzz: run programs of calls against the module, keep those with new
 * coverage, and derive new programs from them. See README.md.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "ndshm_debug.h"
#include "batch.h"
#include "corpus.h"
#include "kcov.h"
#include "machine.h"
#include "record.h"
#include "replay.h"
#include "tally.h"
#include "verdict.h"

static struct {
	struct batch_options batch;
	const char *out;
	const char *replay;
} options;

static const char usage[] =
"usage: ndshm-fuzz [OPTION]...\n"
"	--seconds N	how long (default: 60), or\n"
"	--calls N	how many calls; the corpus is run in any case\n"
"	--seed N	what is made up follows from it (also: NDSHM_SEED)\n"
"	--corpus DIR	programs to begin with; repeatable\n"
"	--out DIR	where new ones are written to\n"
"	--minimise	run the corpus only; write those to --out that add something\n"
"	--replay FILE	run the programs in it, and show each call's outcome\n";

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
			options.batch.seconds = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			options.batch.calls = strtoull(optarg, NULL, 0);
			break;
		case 'r':
			options.batch.seed = strtoull(optarg, NULL, 0);
			break;
		case 'c':
			if (corpus_read(optarg) < 0)
				return 2;
			break;
		case 'o':
			options.out = optarg;
			break;
		case 'm':
			options.batch.minimise = true;
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
	if (options.batch.minimise && access(KCOV_FILE, F_OK)) {
		fputs("--minimise needs a kernel with KCOV\n", stderr);
		return 2;
	}
	if (!options.batch.seconds && !options.batch.calls)
		options.batch.seconds = 60;
	return 0;
}

static void choose_seed(void)
{
	const char *seed = getenv("NDSHM_SEED");

	if (seed)
		options.batch.seed = strtoull(seed, NULL, 0);
	else if (getrandom(&options.batch.seed, sizeof(options.batch.seed), 0) !=
		 sizeof(options.batch.seed))
		options.batch.seed = time(NULL);
}

static bool work(void)
{
	bool good;

	if (machine_begin())
		return false;
	if (!record_begin())
		printf("# no recorder: a panic will not say what was run\n");
	if (options.replay)
		return replay(options.replay);
	corpus_write_to(options.out);
	verdict_begin();
	good = batch_run_all(&options.batch);
	return verdict_end(batch_seeds_run()) && good;
}

int main(int argc, char **argv)
{
	bool good;
	int error;

	/* The fuzzer would damage any machine but a throw-away guest. */
	if (!getenv("NDSHM_VM")) {
		fprintf(stderr, "%s: not outside a guest of selftests/vm/run.sh\n",
			argv[0]);
		return 2;
	}
	if (ndshm_without_rseq(argv) || corpus_begin() || tally_begin()) {
		perror(argv[0]);
		return 2;
	}
	choose_seed();
	error = read_options(argc, argv);
	if (error)
		return error;
	printf("TAP version 13\n# seed %#llx\n",
	       (unsigned long long)options.batch.seed);
	fflush(stdout);
	good = work();
	machine_end();
	return !good;
}
