// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel users of ndshm: providers, adapters, blocks and requests.
 */
#include <stdio.h>
#include <string.h>

#include "mock.h"

#define PAGES	12
#define MULTI	"provider add mock;script mock list=multi"

static struct fail_nth_objects *const of = &fail_nth_of;

/*
 * Events: received, or reported as lost. After a failure there is none.
 */

static struct ndshm_nl ear = { .fd = -1 };

static bool listen_to_events(void)
{
	return fail_nth_expect(!ndshm_nl_open(&ear)) &&
	       fail_nth_expect(!ndshm_nl_join_events(&ear));
}

static void clean_events(void)
{
	ndshm_nl_close(&ear);
}

static void heard(int error, int event)
{
	union {
		struct nlmsghdr header;
		char space[4096];
	} message;
	int got = ndshm_nl_event(&ear, 0, &message, sizeof(message));

	if (error)
		fail_nth_expect(got == -ETIMEDOUT);
	else if (got != event && got != -ENOBUFS)
		fail_nth_wrong("no event %d, but %d", event, got);
}

/*
 * Providers and adapters
 */

static void check_provider_there(int error)
{
	struct ndshm_nl_provider provider;

	fail_nth_expect(fail_nth_have_provider(&provider) == !error);
}

static void check_provider_gone(int error)
{
	check_provider_there(!error);
}

static void check_adapter_there(int error)
{
	struct ndshm_nl_adapter adapter;

	fail_nth_expect(fail_nth_have_adapter(&adapter) == !error);
}

static void check_provider_heard(int error)
{
	check_provider_there(error);
	heard(error, NDSHM_CMD_PROVIDER_ADDED_NTF);
}

static void check_provider_gone_heard(int error)
{
	check_provider_gone(error);
	heard(error, NDSHM_CMD_PROVIDER_GONE_NTF);
}

static void check_adapter_heard(int error)
{
	check_adapter_there(error);
	heard(error, NDSHM_CMD_ADAPTER_ADDED_NTF);
}

/* Blocks of a client, which maps its block, and of the kernel. */
static bool setup_blocks(__u32 adapter, const char *kernel_block)
{
	return fail_nth_make_block(adapter, "mock", PAGES * getpagesize()) &&
	       fail_nth_expect(!fail_nth_map()) && fail_nth_must(kernel_block);
}

static void check_revoked(int error)
{
	struct ndshm_block_query_args query = block_query_request(of->objects.handle);

	fail_nth_expect(fail_nth_ioctl(NDSHM_BLOCK_QUERY, &query) == (error ? 0 : -ENODEV));
}

static bool setup_revoke(void)
{
	return setup_blocks(0, "block alloc 0 node0 mock 20000");
}

static void check_revoke(int error)
{
	check_provider_gone(error);
	check_revoked(error);
}

static bool setup_adapter_del(void)
{
	struct ndshm_nl_adapter adapter;

	return fail_nth_expect(fail_nth_have_adapter(&adapter)) &&
	       setup_blocks(adapter.id, "block alloc 0 mocked mock 20000");
}

static void check_adapter_del(int error)
{
	check_adapter_there(!error);
	check_revoked(error);
}

/*
 * A client's block with one segment per page
 */

static bool setup_multi(void)
{
	of->request.alloc.length = PAGES * getpagesize();
	of->request.alloc.segment_capacity = FAIL_NTH_SEGMENTS;
	of->request.alloc.segments = to_u64(of->segments);
	return fail_nth_name_provider("mock");
}

static void check_multi(int error)
{
	fail_nth_check_alloc(error);
	if (!error)
		fail_nth_expect(of->request.alloc.out_segments == PAGES);
}

static bool setup_multi_many(void)
{
	of->request.alloc.length = PAGES * getpagesize();
	of->request.alloc.count = FAIL_NTH_BLOCKS;
	return fail_nth_name_provider("mock");
}

static bool setup_multi_block(void)
{
	return fail_nth_make_block(0, "mock", PAGES * getpagesize());
}

/* A call of the mock; a failure leaves everything as it was. */
#define MOCK(name_, points_, before_, text_, check_) { \
	.name = name_, .points = points_, .errors = { ENOMEM, EFAULT }, .before = before_, \
	.text = text_, .call = fail_nth_call_text, .check = check_ }

/* One that sends an event. */
#define HEARD(name_, points_, before_, text_, check_) { \
	.name = name_, .points = points_, .errors = { ENOMEM, EFAULT }, .before = before_, \
	.text = text_, .setup = listen_to_events, .call = fail_nth_call_text, .check = check_, \
	.clean = clean_events }

/* One that takes blocks from a client. */
#define REVOKE(name_, points_, before_, text_, setup_, check_) { \
	.name = name_, .points = points_, .errors = { ENOMEM, EFAULT }, .needs = NEEDS_CLIENT, \
	.before = before_, .text = text_, .setup = setup_, .call = fail_nth_call_text, \
	.check = check_ }

/* One that allocates block 0. */
#define ALLOC(name_, points_, before_, text_) { \
	.name = name_, .points = points_, .errors = { ENOMEM, EFAULT }, .flags = FAIL_NTH_DMA, \
	.before = before_, .text = text_, .call = fail_nth_call_text, .after = "block free 0" }

static const struct fail_nth_scenario scenarios[] = {
	MOCK("provider-add", 5, NULL, "provider add mock", check_provider_there),
	MOCK("provider-add-machine", 5, NULL, "provider add mock machine", check_provider_there),
	MOCK("provider-add-adapter", 5, NULL, "provider add mock adapter=node0",
	     check_provider_there),
	HEARD("provider-add-heard", 7, NULL, "provider add mock", check_provider_heard),
	MOCK("provider-replace", 2, "provider add mock", "provider replace mock", NULL),
	MOCK("provider-del", 1, "provider add mock", "provider del mock", check_provider_gone),
	HEARD("provider-del-heard", 3, "provider add mock", "provider del mock",
	      check_provider_gone_heard),
	REVOKE("provider-revoke", 1, MULTI, "provider revoke mock", setup_revoke, check_revoke),
	MOCK("adapter-add", 26, NULL, "adapter add mocked", check_adapter_there),
	/* As for pci-bind, the id may need a new xarray node: 29 to 31 points. */
	HEARD("adapter-add-heard", 27, NULL, "adapter add mocked", check_adapter_heard),
	REVOKE("adapter-del", 3, "provider add mock;adapter add mocked", "adapter del mocked",
	       setup_adapter_del, check_adapter_del),
	ALLOC("kernel-alloc", 3, NULL, "block alloc 0 node0 default 4096"),
	ALLOC("kernel-alloc-multi", 9, MULTI, "block alloc 0 node0 mock 49152 capacity=16"),
	MOCK("kernel-free", 1, "block alloc 0 node0 default 4096", "block free 0", NULL),
	{
		.name = "block-alloc-multi", .points = 24, .errors = { ENOMEM, EFAULT },
		.flags = FAIL_NTH_DMA, .needs = NEEDS_CLIENT, .ioctl = NDSHM_BLOCK_ALLOC,
		.before = MULTI, .setup = setup_multi, .check = check_multi,
		.undo = fail_nth_free_all,
	}, {
		.name = "block-alloc-multi-many", .points = 40, .errors = { ENOMEM, EFAULT },
		.flags = FAIL_NTH_DMA, .needs = NEEDS_CLIENT, .ioctl = NDSHM_BLOCK_ALLOC,
		.before = MULTI, .setup = setup_multi_many, .check = fail_nth_check_alloc,
		.undo = fail_nth_free_all,
	}, {
		.name = "mmap-multi", .points = 4, .errors = { ENOMEM, ENFILE },
		.flags = FAIL_NTH_FILE, .needs = NEEDS_CLIENT, .before = MULTI,
		.setup = setup_multi_block, .call = fail_nth_map, .undo = fail_nth_unmap,
	},
};

const struct fail_nth_group fail_nth_kernel = {
	.name = "kernel",
	.scenarios = scenarios,
	.count = ARRAY_SIZE(scenarios),
	.begin = fail_nth_mock_begin,
	.end = fail_nth_mock_end,
	.must = fail_nth_mock,
	.clean = fail_nth_mock_clean,
	.state = fail_nth_mock_state,
};

/*
 * Requests that a worker executes, and whose user drops its block at once. The mock module
 * transfers the injection of this thread to the worker, from the end of the first request to the
 * end of the second. So either may fail, and the failure must be reported.
 */

static const char *begin_requests(void)
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

static void clean_requests(void)
{
	fail_nth_mock("worker free");
	fail_nth_mock("script mock reset");
	fail_nth_mock("request told");
	fail_nth_mock_clean();
}

/* The first request, as the scenario's but of slot 0. */
static bool setup_worker(void)
{
	char first[128];

	snprintf(first, sizeof(first), "%s", fail_nth_scenario->text);
	*strchr(first, '1') = '0';
	return fail_nth_must("worker stop") && fail_nth_must(first) &&
	       fail_nth_must("worker wait");
}

static int call_worker(void)
{
	return fail_nth_call_text() ?: fail_nth_mock("worker go") ?:
	       fail_nth_mock("request told");
}

static void check_worker(int error)
{
	fail_nth_must("worker free");
	fail_nth_mock("request told");
	if (error)
		setup_worker();
}

static const struct fail_nth_scenario requests[] = {
	{
		.name = "kernel-ask", .points = 1, .errors = { EFAULT },
		.text = "request ask 0 node0 default 4096", .call = fail_nth_call_text,
		.after = "request told",
	}, {
		.name = "worker-kernel", .points = 2, .errors = { ENOMEM, EFAULT },
		.flags = FAIL_NTH_DMA, .text = "request ask 1 node0 default 4096",
		.setup = setup_worker, .call = call_worker, .check = check_worker,
	}, {
		.name = "worker-kernel-multi", .points = 8, .errors = { ENOMEM, EFAULT },
		.flags = FAIL_NTH_DMA, .before = MULTI, .text = "request ask 1 node0 mock 49152",
		.setup = setup_worker, .call = call_worker, .check = check_worker,
	},
};

const struct fail_nth_group fail_nth_request = {
	.name = "request",
	.scenarios = requests,
	.count = ARRAY_SIZE(requests),
	.begin = begin_requests,
	.end = fail_nth_mock_end,
	.must = fail_nth_mock,
	.clean = clean_requests,
	.state = fail_nth_mock_state,
};
