// SPDX-License-Identifier: GPL-2.0
/*
 * What kernel code does with ndshm: providers, adapters, and blocks of its own.
 * The mock module does it in the context of who writes to its file, so that
 * injection for the writer reaches it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"
#include "ndshm_proc.h"

#define MOCK	"/sys/kernel/debug/ndshm_mock/"
#define PAGES	12

static struct fail_nth_client *const of = &fail_nth_of;

static int ctl = -1;
static bool loaded;
static const char *command_text;

static int tell(const char *text)
{
	ssize_t length = strlen(text), put = write(ctl, text, length);

	return put == length ? 0 : put < 0 ? -errno : -EIO;
}

static bool must(const char *text)
{
	int error = tell(text);

	if (error)
		fail_nth_wrong("%s: %s", text, strerror(-error));
	return !error;
}

static int call(void)
{
	return tell(command_text);
}

/*
 * The first 64 ids share a node of their table, which is there already: with those
 * that follow, nodes are allocated.
 */
static void use_up_ids(void)
{
	int i;

	for (i = 0; i < 64; i++) {
		must("provider add mock");
		must("provider del mock");
		must("adapter add mocked");
		must("adapter del mocked");
	}
}

static const char *begin(void)
{
	const char *path = getenv("NDSHM_MOCK");

	if (access(MOCK "ctl", F_OK)) {
		if (!path)
			return "NDSHM_MOCK is not given";
		if (ndshm_load_module(path, ""))
			return "the mock module cannot be loaded";
		loaded = true;
	}
	ctl = open(MOCK "ctl", O_WRONLY | O_CLOEXEC);
	if (ctl < 0)
		return "the mock module's file cannot be opened";
	use_up_ids();
	return NULL;
}

static void end(void)
{
	close(ctl);
	if (loaded)
		fail_nth_expect(!ndshm_unload_module("ndshm_mock"));
}

/* The sum of all numbers that follow @key. */
static long long sum(const char *text, const char *key)
{
	long long total = 0;

	while ((text = strstr(text, key))) {
		text += strlen(key);
		total += atoll(text);
	}
	return total;
}

/* What the handlers and the kernel user have seen. */
static void mock_state(char *text, size_t size)
{
	char providers[4096] = "", blocks[8192] = "";
	int length;

	ndshm_read_file(MOCK "providers", providers, sizeof(providers));
	ndshm_read_file(MOCK "blocks", blocks, sizeof(blocks));
	length = snprintf(text, size,
			  ", given %lld, held %d, mistakes %lld",
			  sum(providers, "live="),
			  !!strstr(blocks, "state=held"),
			  sum(providers, "double_free=") +
			  sum(providers, "use_after_free=") +
			  sum(providers, "overrun=") +
			  sum(providers, "misused=") +
			  sum(providers, "inside=") + sum(blocks, "late=") +
			  sum(blocks, "broken=") + sum(blocks, "inside="));
	fail_nth_client_state(text + length, size - length);
}

/*
 * Who is there
 */

static bool have_provider(struct ndshm_nl_provider *provider)
{
	return !ndshm_nl_provider_by_name(&fail_nth_nl, "mock", provider);
}

static bool have_adapter(struct ndshm_nl_adapter *adapter)
{
	return !ndshm_nl_adapter_by_name(&fail_nth_nl, "mocked", adapter);
}

static void check_provider_there(int error)
{
	struct ndshm_nl_provider provider;

	fail_nth_expect(have_provider(&provider) == !error);
}

static void check_provider_gone(int error)
{
	struct ndshm_nl_provider provider;

	fail_nth_expect(have_provider(&provider) == !!error);
}

static void check_adapter_there(int error)
{
	struct ndshm_nl_adapter adapter;

	fail_nth_expect(have_adapter(&adapter) == !error);
}

static void check_adapter_gone(int error)
{
	struct ndshm_nl_adapter adapter;

	fail_nth_expect(have_adapter(&adapter) == !!error);
}

/* In the order in which they can go; what is not there is none the worse. */
static void clean(void)
{
	struct ndshm_nl_provider provider;
	struct ndshm_nl_adapter adapter;

	fail_nth_close();
	tell("block free 0");
	if (have_provider(&provider))
		must("provider del mock");
	if (have_adapter(&adapter))
		must("adapter del mocked");
}

/*
 * Events: heard, or it is heard that one was missed
 */

static struct ndshm_nl ear = { .fd = -1 };

static bool listen_now(void)
{
	return fail_nth_expect(!ndshm_nl_open(&ear)) &&
	       fail_nth_expect(!ndshm_nl_join_events(&ear));
}

static void clean_heard(void)
{
	ndshm_nl_close(&ear);
	clean();
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
 * Providers
 */

static bool setup_add(void)
{
	command_text = "provider add mock";
	return true;
}

static bool setup_add_machine(void)
{
	command_text = "provider add mock machine";
	return true;
}

static bool setup_add_adapter(void)
{
	command_text = "provider add mock adapter=node0";
	return true;
}

static bool setup_add_heard(void)
{
	return setup_add() && listen_now();
}

static void check_add_heard(int error)
{
	check_provider_there(error);
	heard(error, NDSHM_CMD_PROVIDER_ADDED_NTF);
}

static bool setup_replace(void)
{
	command_text = "provider replace mock";
	return must("provider add mock");
}

static bool setup_del(void)
{
	command_text = "provider del mock";
	return must("provider add mock");
}

static bool setup_del_heard(void)
{
	return setup_del() && listen_now();
}

static void check_del_heard(int error)
{
	check_provider_gone(error);
	heard(error, NDSHM_CMD_PROVIDER_GONE_NTF);
}

/* A client's block of the mock provider, for @adapter, with a segment each page. */
static bool setup_request(__u32 adapter)
{
	struct ndshm_nl_provider provider;

	if (!fail_nth_open() || !fail_nth_expect(have_provider(&provider)))
		return false;
	fail_nth_alloc_request(adapter ? adapter : of->adapter, provider.id,
			       PAGES * getpagesize(), 1);
	of->alloc.segment_capacity = FAIL_NTH_SEGMENTS;
	of->alloc.segments = (uintptr_t)of->segments;
	return true;
}

static bool setup_multi(void)
{
	return must("provider add mock") && must("script mock list=multi") &&
	       setup_request(0);
}

static void check_multi(int error)
{
	fail_nth_check_alloc(error);
	if (!error)
		fail_nth_expect(of->alloc.out_segments == PAGES);
}

static bool setup_multi_many(void)
{
	if (!setup_multi())
		return false;
	of->alloc.segment_capacity = 0;
	of->alloc.segments = 0;
	of->alloc.count = FAIL_NTH_BLOCKS;
	return true;
}

static bool setup_multi_block(void)
{
	return setup_multi() && fail_nth_expect(!fail_nth_call_alloc());
}

static void *map;

static int call_mmap(void)
{
	map = fail_nth_map();
	return map == MAP_FAILED ? -errno : 0;
}

static void undo_mmap(void)
{
	munmap(map, of->blocks[0].length);
}

/* Blocks of a client, who maps it, and of the kernel. */
static bool setup_blocks(__u32 adapter, const char *kernel_block)
{
	if (!setup_request(adapter) || !fail_nth_expect(!fail_nth_call_alloc()))
		return false;
	map = fail_nth_map();
	return fail_nth_expect(map != MAP_FAILED) && must(kernel_block);
}

static void check_revoked(int error)
{
	struct ndshm_block_query query = {
		.size = sizeof(query), .handle = of->blocks[0].handle,
	};

	fail_nth_expect(fail_nth_ioctl(NDSHM_BLOCK_QUERY, &query) ==
			(error ? 0 : -ENODEV));
}

static bool setup_revoke(void)
{
	command_text = "provider revoke mock";
	map = MAP_FAILED;
	return must("provider add mock") && must("script mock list=multi") &&
	       setup_blocks(0, "block alloc 0 node0 mock 20000");
}

static void check_revoke(int error)
{
	check_provider_gone(error);
	check_revoked(error);
}

static void clean_revoke(void)
{
	if (map != MAP_FAILED)
		undo_mmap();
	clean();
}

/*
 * Adapters
 */

static bool setup_adapter(void)
{
	command_text = "adapter add mocked";
	return true;
}

static bool setup_adapter_heard(void)
{
	return setup_adapter() && listen_now();
}

static void check_adapter_heard(int error)
{
	check_adapter_there(error);
	heard(error, NDSHM_CMD_ADAPTER_ADDED_NTF);
}

static bool setup_adapter_del(void)
{
	struct ndshm_nl_adapter adapter;

	command_text = "adapter del mocked";
	map = MAP_FAILED;
	return must("provider add mock") && must("adapter add mocked") &&
	       fail_nth_expect(have_adapter(&adapter)) &&
	       setup_blocks(adapter.id, "block alloc 0 mocked mock 20000");
}

static void check_adapter_del(int error)
{
	check_adapter_gone(error);
	check_revoked(error);
}

/*
 * Blocks of the kernel
 */

static bool setup_kernel_alloc(void)
{
	command_text = "block alloc 0 node0 default 4096";
	return true;
}

static bool setup_kernel_multi(void)
{
	command_text = "block alloc 0 node0 mock 49152 capacity=16";
	return must("provider add mock") && must("script mock list=multi");
}

static void undo_kernel_alloc(void)
{
	must("block free 0");
}

static bool setup_kernel_free(void)
{
	command_text = "block free 0";
	return must("block alloc 0 node0 default 4096");
}

#define KERNEL_COMMAND(name_, setup_, check_, clean_) \
	{ \
		.name = name_, .errors = { ENOMEM, EFAULT }, \
		.setup = setup_, .call = call, .check = check_, \
		.clean = clean_, \
	}

static const struct fail_nth_command commands[] = {
	KERNEL_COMMAND("provider-add", setup_add, check_provider_there, clean),
	KERNEL_COMMAND("provider-add-machine", setup_add_machine,
		       check_provider_there, clean),
	KERNEL_COMMAND("provider-add-adapter", setup_add_adapter,
		       check_provider_there, clean),
	KERNEL_COMMAND("provider-add-heard", setup_add_heard, check_add_heard,
		       clean_heard),
	KERNEL_COMMAND("provider-replace", setup_replace, NULL, clean),
	KERNEL_COMMAND("provider-del", setup_del, check_provider_gone, clean),
	KERNEL_COMMAND("provider-del-heard", setup_del_heard, check_del_heard,
		       clean_heard),
	KERNEL_COMMAND("provider-revoke", setup_revoke, check_revoke,
		       clean_revoke),
	KERNEL_COMMAND("adapter-add", setup_adapter, check_adapter_there,
		       clean),
	KERNEL_COMMAND("adapter-add-heard", setup_adapter_heard,
		       check_adapter_heard, clean_heard),
	KERNEL_COMMAND("adapter-del", setup_adapter_del, check_adapter_del,
		       clean_revoke),
	{
		.name = "kernel-alloc", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_kernel_alloc, .call = call,
		.undo = undo_kernel_alloc, .clean = clean,
	}, {
		.name = "kernel-alloc-multi", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_kernel_multi, .call = call,
		.undo = undo_kernel_alloc, .clean = clean,
	},
	KERNEL_COMMAND("kernel-free", setup_kernel_free, NULL, clean),
	{
		.name = "block-alloc-multi", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_multi, .call = fail_nth_call_alloc,
		.check = check_multi, .undo = fail_nth_free_all, .clean = clean,
	}, {
		.name = "block-alloc-multi-many", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_multi_many, .call = fail_nth_call_alloc,
		.check = fail_nth_check_alloc, .undo = fail_nth_free_all,
		.clean = clean,
	}, {
		.name = "mmap-multi", .errors = { ENOMEM, ENFILE },
		.keeps_file = true,
		.setup = setup_multi_block, .call = call_mmap,
		.undo = undo_mmap, .clean = clean,
	},
};

const struct fail_nth_group fail_nth_kernel = {
	.name = "kernel",
	.commands = commands,
	.count = ARRAY_SIZE(commands),
	.begin = begin,
	.end = end,
	.state = mock_state,
};
