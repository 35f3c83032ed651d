// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of a kernel user, which drops its block at once, executed by a worker. The
 * mock module transfers the injection of this thread to the worker, from the end of the
 * first request to the end of the second. So either may fail, and the failure must be
 * reported.
 */
#include <errno.h>

#include "mock.h"

static const char *begin(void)
{
	const char *why = fail_nth_mock_begin();
	int error;

	if (why)
		return why;
	error = fail_nth_mock("worker stop");
	fail_nth_mock("worker free");
	if (!error)
		return NULL;
	fail_nth_mock_end();
	return "the mock module cannot stop a worker";
}

static void clean(void)
{
	fail_nth_mock("worker free");
	fail_nth_mock("script mock reset");
	fail_nth_mock("request told");
	fail_nth_mock_clean();
}

static const char *first_request, *second_request;

static bool stop_kernel(void)
{
	return fail_nth_must("worker stop") && fail_nth_must(first_request) &&
	       fail_nth_must("worker wait");
}

static bool setup_kernel(void)
{
	first_request = "request ask 0 node0 default 4096";
	second_request = "request ask 1 node0 default 4096";
	return stop_kernel();
}

static bool setup_kernel_mock(void)
{
	first_request = "request ask 0 node0 mock 49152";
	second_request = "request ask 1 node0 mock 49152";
	return fail_nth_must("provider add mock") &&
	       fail_nth_must("script mock list=multi") && stop_kernel();
}

static int call_kernel(void)
{
	return fail_nth_mock(second_request) ?: fail_nth_mock("worker go") ?:
	       fail_nth_mock("request told");
}

static void check_kernel(int error)
{
	fail_nth_expect(!fail_nth_mock("worker free"));
	fail_nth_mock("request told");
	if (error)
		stop_kernel();
}

static bool setup_ask(void)
{
	fail_nth_mock_text = "request ask 0 node0 default 4096";
	return true;
}

static void undo_ask(void)
{
	fail_nth_must("request told");
}

#define WORKER_COMMAND(name_, setup_, call_, check_) \
	{ \
		.name = name_, .errors = { ENOMEM, EFAULT }, \
		.dma = true, .slack = 3, .setup = setup_, .call = call_, \
		.check = check_, .clean = clean, \
	}

static const struct fail_nth_command commands[] = {
	{
		.name = "kernel-ask", .errors = { EFAULT },
		.setup = setup_ask, .call = fail_nth_call_mock,
		.undo = undo_ask, .clean = clean,
	},
	WORKER_COMMAND("worker-kernel", setup_kernel, call_kernel,
		       check_kernel),
	WORKER_COMMAND("worker-kernel-multi", setup_kernel_mock, call_kernel,
		       check_kernel),
};

const struct fail_nth_group fail_nth_request = {
	.name = "request",
	.commands = commands,
	.count = ARRAY_SIZE(commands),
	.begin = begin,
	.end = fail_nth_mock_end,
	.state = fail_nth_mock_state,
};
