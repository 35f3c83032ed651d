// SPDX-License-Identifier: GPL-2.0
/*
 * The NDIS calls, as single steps of the module with their test cases. State
 * left behind by a failure would make the next step fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mock.h"
#include "ndshm_proc.h"

#define CASES	"ndshm_ndis_cases"
#define STEP	"/sys/module/" CASES "/parameters/step"

static int step_fd = -1;
static bool loaded;
static const char *step_name;

static int take(const char *name)
{
	ssize_t length = strlen(name), put = pwrite(step_fd, name, length, 0);

	return put == length ? 0 : put < 0 ? -errno : -EIO;
}

static bool must(const char *name)
{
	int error = take(name);

	if (error)
		fail_nth_wrong("%s: %s", name, strerror(-error));
	return !error;
}

static const char *load_cases(void)
{
	const char *mock = getenv("NDSHM_MOCK");
	char copy[4096], path[4200];

	if (access(STEP, F_OK)) {
		if (!mock)
			return "NDSHM_MOCK is not given";
		snprintf(copy, sizeof(copy), "%s", mock);
		snprintf(path, sizeof(path), "%s/" CASES ".ko", dirname(copy));
		if (ndshm_load_module(path, ""))
			return CASES " cannot be loaded";
		loaded = true;
	}
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
	if (loaded)
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
	return take(step_name);
}

static void clean(void)
{
	fail_nth_mock("worker free");
	must("end");
}

static bool setup_open(void)
{
	step_name = "open";
	return must("begin");
}

static void undo_open(void)
{
	must("close");
}

static bool opened(void)
{
	return must("begin") && must("open");
}

static bool setup_register(void)
{
	step_name = "register";
	return opened();
}

/* The provider has a block that was allocated with the previous handlers. */
static bool setup_replace(void)
{
	step_name = "replace";
	return opened() && must("register") && must("allocate");
}

static bool setup_allocate(void)
{
	step_name = "allocate";
	return opened() && must("register");
}

static void undo_allocate(void)
{
	must("free");
}

static bool setup_free(void)
{
	bool ready = setup_allocate() && must("allocate");

	step_name = "free";
	return ready;
}

static bool setup_m_allocate(void)
{
	step_name = "m-allocate";
	return opened();
}

static void undo_m_allocate(void)
{
	must("m-free");
}

static bool setup_m_free(void)
{
	bool ready = setup_m_allocate() && must("m-allocate");

	step_name = "m-free";
	return ready;
}

static bool setup_dma(void)
{
	step_name = "dma-register";
	return opened();
}

static void undo_dma(void)
{
	must("dma-deregister");
}

static bool setup_dma_end(void)
{
	bool ready = setup_dma() && must("dma-register");

	step_name = "dma-deregister";
	return ready;
}

static bool setup_async(void)
{
	step_name = "async";
	return opened() && must("dma-register");
}

static void undo_async(void)
{
	must("told");
}

static bool setup_close(void)
{
	step_name = "close";
	return opened() && must("register") && must("dma-register");
}

/*
 * Completion: the worker allocates memory for the first request and then for
 * the second
 */

static bool stop_worker(void)
{
	return fail_nth_must("worker stop") && must("async") &&
	       fail_nth_must("worker wait");
}

static bool setup_reported(void)
{
	return setup_async() && stop_worker();
}

static int call_reported(void)
{
	return take("async") ?: fail_nth_mock("worker go") ?: take("told");
}

static void check_reported(int error)
{
	fail_nth_must("worker free");
	/* In case the call did not get that far. */
	take("told");
	if (error)
		stop_worker();
}

#define NDIS_COMMAND(name_, setup_, undo_) \
	{ \
		.name = name_, .errors = { ENOMEM, EFAULT }, .dma = true, \
		.setup = setup_, .call = call_step, .undo = undo_, \
		.clean = clean, \
	}

static const struct fail_nth_command commands[] = {
	NDIS_COMMAND("ndis-open", setup_open, undo_open),
	NDIS_COMMAND("ndis-register", setup_register, NULL),
	NDIS_COMMAND("ndis-replace", setup_replace, NULL),
	NDIS_COMMAND("ndis-allocate", setup_allocate, undo_allocate),
	NDIS_COMMAND("ndis-free", setup_free, NULL),
	NDIS_COMMAND("ndis-m-allocate", setup_m_allocate, undo_m_allocate),
	NDIS_COMMAND("ndis-m-free", setup_m_free, NULL),
	NDIS_COMMAND("ndis-dma-register", setup_dma, undo_dma),
	NDIS_COMMAND("ndis-dma-deregister", setup_dma_end, NULL),
	{
		/* EIO: NDIS has no other status for this. */
		.name = "ndis-async", .errors = { ENOMEM, EFAULT, EIO },
		.setup = setup_async, .call = call_step, .undo = undo_async,
		.clean = clean,
	},
	NDIS_COMMAND("ndis-close", setup_close, NULL),
	{
		.name = "ndis-told", .errors = { ENOMEM, EFAULT, EIO },
		.dma = true, .slack = 3, .setup = setup_reported,
		.call = call_reported, .check = check_reported, .clean = clean,
	},
};

const struct fail_nth_group fail_nth_ndis = {
	.name = "ndis",
	.commands = commands,
	.count = ARRAY_SIZE(commands),
	.begin = begin,
	.end = end,
	.state = state,
};
