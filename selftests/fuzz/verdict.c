// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <unistd.h>

#include "ndshm_debug.h"
#include "corpus.h"
#include "kcov.h"
#include "machine.h"
#include "tally.h"
#include "verdict.h"

/* After this many random calls each kind must have succeeded. */
#define CALLS_ENOUGH	50000
/* Only if the module was built with KCOV instrumentation. */
#define COVERAGE_FILE	"/sys/kernel/debug/ndshm_coverage"

static unsigned int cases;
static long pages;

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

void verdict_begin(void)
{
	if (!machine_has_edu())
		printf("# no edu device: nothing does DMA\n");
	if (!machine_has_function())
		printf("# no PCI function: nothing can be claimed\n");
	if (!machine_has_mock())
		printf("# no ndshm_mock.ko: providers answer as they should\n");
	pages = ndshm_pages_owned();
}

/* Without coverage the fuzzer would run unguided and find little. */
static bool guided(void)
{
	static const char what[] = "KCOV guides it";

	if (access(KCOV_FILE, F_OK))
		return skip(what, "the kernel has no KCOV");
	if (access(COVERAGE_FILE, F_OK))
		return skip(what, "ndshm.ko was not built with NDSHM_COVERAGE=1");
	return verdict(corpus_places(), what, "");
}

static bool each_kind_succeeded(bool all_seeds_run)
{
	static const char what[] = "each kind of call has succeeded";
	char missing[512];
	bool good;

	tally_print();
	if (!all_seeds_run && tally_calls() < CALLS_ENOUGH)
		return skip(what, "no seeds, and not many calls");
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

bool verdict_end(bool all_seeds_run)
{
	bool good = guided();

	good &= each_kind_succeeded(all_seeds_run);
	good &= no_object_leaked();
	good &= no_page_leaked();
	printf("1..%u\n", cases);
	return good;
}
