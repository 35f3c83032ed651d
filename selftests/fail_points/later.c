// SPDX-License-Identifier: GPL-2.0
/*
 * Asynchronous requests: cancelled, and executed by a worker. The mock module
 * transfers the injection of this thread to the worker, from the end of the
 * first request to the end of the second. So either may fail, and the failure
 * must be reported.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mock.h"
#include "ndshm_proc.h"
#include "ndshm_reasons.h"

#define PROVIDERS	"/sys/kernel/debug/ndshm_mock/providers"

static struct fail_nth_client *const of = &fail_nth_of;

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

/*
 * Requests of a client
 */

static bool setup_client(const char *provider)
{
	bool opened = fail_nth_open();

	fail_nth_alloc_request(of->adapter, 0, 2 * getpagesize(), 1);
	of->alloc.flags = NDSHM_ALLOC_ASYNC;
	of->alloc.blocks = 0;
	of->free.handle = 0;
	return opened && (!provider || fail_nth_name_provider(provider));
}

static int ask(__u64 cookie)
{
	of->alloc.cookie = cookie;
	return fail_nth_call_alloc();
}

/* Return the errno of the next record; its block is in of->record. */
static int call_read(void)
{
	long got = read(of->fd, &of->record, sizeof(of->record));

	if (got < 0)
		return -errno;
	if (of->record.reason >= NDSHM_REASON_COUNT_KNOWN)
		return -EPROTO;
	return -ndshm_expected[of->record.reason].error;
}

static __u32 requests_out(void)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };

	fail_nth_expect(!fail_nth_ioctl(NDSHM_GET_INFO, &info));
	return info.out_requests;
}

/* Read all records and free their blocks. */
static void drain(void)
{
	while (requests_out()) {
		memset(&of->record, 0, sizeof(of->record));
		call_read();
		if (of->record.block.handle)
			fail_nth_free(of->record.block.handle);
	}
}

static void clean(void)
{
	fail_nth_mock("worker free");
	fail_nth_mock("script mock reset");
	if (of->fd >= 0)
		drain();
	fail_nth_mock("request told");
	fail_nth_mock_clean();
}

/*
 * Cancel while the provider has the request
 */

static struct ndshm_block_cancel_args cancel;

static bool provider_keeps_it(void)
{
	char text[4096];

	return !ndshm_read_file(PROVIDERS, text, sizeof(text)) &&
	       strstr(text, " inside=1");
}

static bool setup_cancel(void)
{
	cancel = (struct ndshm_block_cancel_args){
		.size = sizeof(cancel), .cookie = 1,
	};
	memset(&cancel.status, FAIL_NTH_POISON, 8);
	return fail_nth_must("provider add mock") &&
	       fail_nth_must("script mock hold=1") && setup_client("mock") &&
	       fail_nth_expect(!ask(1)) &&
	       fail_nth_expect(ndshm_soon(provider_keeps_it()));
}

static int call_cancel(void)
{
	return fail_nth_ioctl(NDSHM_BLOCK_CANCEL, &cancel);
}

/*
 * After a failure the request must still be in flight, so its cookie cannot be
 * reused; otherwise its record must be there.
 */
static void check_cancel(int error)
{
	fail_nth_check_header(&cancel, error);
	if (error) {
		fail_nth_expect(ask(1) == -EEXIST);
		return;
	}
	fail_nth_must("script mock reset");
	fail_nth_expect(call_read() == -ECANCELED);
	fail_nth_expect(of->record.cookie == 1);
}

/*
 * Execution
 */

static bool stop_client(void)
{
	return fail_nth_must("worker stop") && fail_nth_expect(!ask(1)) &&
	       fail_nth_must("worker wait");
}

static bool setup_worker(void)
{
	return setup_client(NULL) && stop_client();
}

static bool setup_worker_pages(void)
{
	return setup_client("pages") && stop_client();
}

static bool setup_worker_mock(void)
{
	return fail_nth_must("provider add mock") &&
	       fail_nth_must("script mock list=multi") &&
	       setup_client("mock") && stop_client();
}

static int call_worker(void)
{
	int ret = ask(2) ?: fail_nth_mock("worker go"), first;

	if (ret)
		return ret;
	/* A record that could not be copied is returned again. */
	first = call_read();
	if (first == -EFAULT)
		return first;
	/* Records come in the order of the requests. */
	fail_nth_expect(of->record.cookie == 1 &&
			!of->record.block.handle == !!first);
	of->free.handle = of->record.block.handle;
	return call_read() ?: first;
}

/* Whatever the results, prepare a first request again. */
static void check_worker(int error)
{
	fail_nth_expect(!fail_nth_mock("worker free"));
	if (!error)
		fail_nth_free(of->record.block.handle);
	if (of->free.handle)
		fail_nth_free(of->free.handle);
	of->free.handle = 0;
	drain();
	fail_nth_expect(!requests_out());
	if (error)
		stop_client();
}

/*
 * Requests of a kernel user, which drops its block at once
 */

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
		.name = "block-cancel", .errors = { EFAULT },
		.setup = setup_cancel, .call = call_cancel,
		.check = check_cancel, .clean = clean,
	}, {
		.name = "kernel-ask", .errors = { EFAULT },
		.setup = setup_ask, .call = fail_nth_call_mock,
		.undo = undo_ask, .clean = clean,
	},
	WORKER_COMMAND("worker", setup_worker, call_worker, check_worker),
	WORKER_COMMAND("worker-pages", setup_worker_pages, call_worker,
		       check_worker),
	WORKER_COMMAND("worker-multi", setup_worker_mock, call_worker,
		       check_worker),
	WORKER_COMMAND("worker-kernel", setup_kernel, call_kernel,
		       check_kernel),
	WORKER_COMMAND("worker-kernel-multi", setup_kernel_mock, call_kernel,
		       check_kernel),
};

const struct fail_nth_group fail_nth_later = {
	.name = "later",
	.commands = commands,
	.count = ARRAY_SIZE(commands),
	.begin = begin,
	.end = fail_nth_mock_end,
	.state = fail_nth_mock_state,
};
