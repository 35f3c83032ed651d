// SPDX-License-Identifier: GPL-2.0
/*
 * The NDIS calls, as single steps of the module with their test cases, which are the texts of
 * scenarios. State left behind by a failure would make the next step fail.
 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock.h"

#define CASES	"ndshm_ndis_cases"
#define STEP	"/sys/module/" CASES "/parameters/step"

static int step_fd = -1;

static int take(const char *name)
{
	ssize_t length = strlen(name), put = pwrite(step_fd, name, length, 0);

	return put == length ? 0 : put < 0 ? -errno : -EIO;
}

static const char *load_cases(void)
{
	char copy[4096], path[4200];

	snprintf(copy, sizeof(copy), "%s", getenv("NDSHM_MOCK"));
	snprintf(path, sizeof(path), "%s/" CASES ".ko", dirname(copy));
	if (ndshm_load_module(path, ""))
		return CASES " cannot be loaded";
	step_fd = open(STEP, O_WRONLY | O_CLOEXEC);
	return step_fd < 0 ? STEP " cannot be opened" : NULL;
}

static const char *begin(void)
{
	const char *why = fail_nth_mock_begin();

	if (why)
		return why;
	why = load_cases();
	if (why)
		fail_nth_mock_end();
	return why;
}

static void end(void)
{
	close(step_fd);
	fail_nth_expect(!ndshm_unload_module(CASES));
	fail_nth_mock_end();
}

static void state(char *text, size_t size)
{
	char steps[512] = "";

	ndshm_read_file(STEP, steps, sizeof(steps));
	snprintf(text, size, ", %s", steps);
}

static int call_step(void)
{
	return take(fail_nth_scenario->text);
}

static void clean(void)
{
	fail_nth_mock("worker free");
	fail_nth_must("end");
}

/*
 * Completion: the worker allocates memory for the first request and then for
 * the second
 */

static bool stop_worker(void)
{
	return fail_nth_expect(!fail_nth_mock("worker stop")) && fail_nth_must("async") &&
	       fail_nth_expect(!fail_nth_mock("worker wait"));
}

static int call_reported(void)
{
	return take("async") ?: fail_nth_mock("worker go") ?: take("told");
}

static void check_reported(int error)
{
	fail_nth_expect(!fail_nth_mock("worker free"));
	/* In case the call did not get that far. */
	take("told");
	if (error)
		stop_worker();
}

#define OPEN	"begin;open"

#define NDIS(name_, points_, before_, text_, after_) { \
	.name = name_, .points = points_, .errors = { ENOMEM, EFAULT }, .flags = FAIL_NTH_DMA, \
	.before = before_, .text = text_, .after = after_, .call = call_step }

static const struct fail_nth_scenario scenarios[] = {
	NDIS("ndis-open", 4, "begin", "open", "close"),
	NDIS("ndis-register", 5, OPEN, "register", NULL),
	/* The provider has a block that was allocated with the previous handlers. */
	NDIS("ndis-replace", 3, OPEN ";register;allocate", "replace", NULL),
	NDIS("ndis-allocate", 12, OPEN ";register", "allocate", "free"),
	NDIS("ndis-free", 2, OPEN ";register;allocate", "free", NULL),
	NDIS("ndis-m-allocate", 5, OPEN, "m-allocate", "m-free"),
	NDIS("ndis-m-free", 2, OPEN ";m-allocate", "m-free", NULL),
	NDIS("ndis-dma-register", 3, OPEN, "dma-register", "dma-deregister"),
	NDIS("ndis-dma-deregister", 2, OPEN ";dma-register", "dma-deregister", NULL),
	{
		/* EIO: NDIS has no other status for this. */
		.name = "ndis-async", .points = 3, .errors = { ENOMEM, EFAULT, EIO },
		.before = OPEN ";dma-register", .text = "async", .after = "told",
		.call = call_step,
	},
	NDIS("ndis-close", 2, OPEN ";register;dma-register", "close", NULL),
	{
		.name = "ndis-told", .points = 6, .errors = { ENOMEM, EFAULT, EIO },
		.flags = FAIL_NTH_DMA, .before = OPEN ";dma-register", .setup = stop_worker,
		.call = call_reported, .check = check_reported,
	},
};

const struct fail_nth_group fail_nth_ndis = {
	.name = "ndis",
	.scenarios = scenarios,
	.count = ARRAY_SIZE(scenarios),
	.begin = begin,
	.end = end,
	.must = take,
	.clean = clean,
	.state = state,
};
