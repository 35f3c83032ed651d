// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel users of ndshm: providers, adapters and blocks. The mock module
 * executes each command in the context of the process that writes it, so
 * injection for this thread applies.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mock.h"

#define PAGES	12

static struct fail_nth_client *const of = &fail_nth_of;

/*
 * Existence
 */

static void check_provider_there(int error)
{
	struct ndshm_nl_provider provider;

	fail_nth_expect(fail_nth_have_provider(&provider) == !error);
}

static void check_provider_gone(int error)
{
	struct ndshm_nl_provider provider;

	fail_nth_expect(fail_nth_have_provider(&provider) == !!error);
}

static void check_adapter_there(int error)
{
	struct ndshm_nl_adapter adapter;

	fail_nth_expect(fail_nth_have_adapter(&adapter) == !error);
}

static void check_adapter_gone(int error)
{
	struct ndshm_nl_adapter adapter;

	fail_nth_expect(fail_nth_have_adapter(&adapter) == !!error);
}

static void clean_heard(void)
{
	fail_nth_deaf();
	fail_nth_mock_clean();
}

/*
 * Providers
 */

static bool setup_add(void)
{
	fail_nth_mock_text = "provider add mock";
	return true;
}

static bool setup_add_machine(void)
{
	fail_nth_mock_text = "provider add mock machine";
	return true;
}

static bool setup_add_adapter(void)
{
	fail_nth_mock_text = "provider add mock adapter=node0";
	return true;
}

static bool setup_add_heard(void)
{
	return setup_add() && fail_nth_listen();
}

static void check_add_heard(int error)
{
	check_provider_there(error);
	fail_nth_heard(error, NDSHM_CMD_PROVIDER_ADDED_NTF);
}

static bool setup_replace(void)
{
	fail_nth_mock_text = "provider replace mock";
	return fail_nth_must("provider add mock");
}

static bool setup_del(void)
{
	fail_nth_mock_text = "provider del mock";
	return fail_nth_must("provider add mock");
}

static bool setup_del_heard(void)
{
	return setup_del() && fail_nth_listen();
}

static void check_del_heard(int error)
{
	check_provider_gone(error);
	fail_nth_heard(error, NDSHM_CMD_PROVIDER_GONE_NTF);
}

/* A client's block of the mock provider for @adapter, with one segment per page. */
static bool setup_request(__u32 adapter)
{
	struct ndshm_nl_provider provider;

	if (!fail_nth_open() || !fail_nth_expect(fail_nth_have_provider(&provider)))
		return false;
	fail_nth_alloc_request(adapter ? adapter : of->adapter, provider.id,
			       PAGES * getpagesize(), 1);
	of->alloc.segment_capacity = FAIL_NTH_SEGMENTS;
	of->alloc.segments = (uintptr_t)of->segments;
	return true;
}

static bool setup_multi(void)
{
	return fail_nth_must("provider add mock") && fail_nth_must("script mock list=multi") &&
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

/* Blocks of a client, which maps its block, and of the kernel. */
static bool setup_blocks(__u32 adapter, const char *kernel_block)
{
	if (!setup_request(adapter) || !fail_nth_expect(!fail_nth_call_alloc()))
		return false;
	map = fail_nth_map();
	return fail_nth_expect(map != MAP_FAILED) && fail_nth_must(kernel_block);
}

static void check_revoked(int error)
{
	struct ndshm_block_query_args query = {
		.size = sizeof(query), .handle = of->blocks[0].handle,
	};

	fail_nth_expect(fail_nth_ioctl(NDSHM_BLOCK_QUERY, &query) ==
			(error ? 0 : -ENODEV));
}

static bool setup_revoke(void)
{
	fail_nth_mock_text = "provider revoke mock";
	map = MAP_FAILED;
	return fail_nth_must("provider add mock") && fail_nth_must("script mock list=multi") &&
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
	fail_nth_mock_clean();
}

/*
 * Adapters
 */

static bool setup_adapter(void)
{
	fail_nth_mock_text = "adapter add mocked";
	return true;
}

static bool setup_adapter_heard(void)
{
	return setup_adapter() && fail_nth_listen();
}

static void check_adapter_heard(int error)
{
	check_adapter_there(error);
	fail_nth_heard(error, NDSHM_CMD_ADAPTER_ADDED_NTF);
}

static bool setup_adapter_del(void)
{
	struct ndshm_nl_adapter adapter;

	fail_nth_mock_text = "adapter del mocked";
	map = MAP_FAILED;
	return fail_nth_must("provider add mock") && fail_nth_must("adapter add mocked") &&
	       fail_nth_expect(fail_nth_have_adapter(&adapter)) &&
	       setup_blocks(adapter.id, "block alloc 0 mocked mock 20000");
}

static void check_adapter_del(int error)
{
	check_adapter_gone(error);
	check_revoked(error);
}

/*
 * Kernel blocks
 */

static bool setup_kernel_alloc(void)
{
	fail_nth_mock_text = "block alloc 0 node0 default 4096";
	return true;
}

static bool setup_kernel_multi(void)
{
	fail_nth_mock_text = "block alloc 0 node0 mock 49152 capacity=16";
	return fail_nth_must("provider add mock") && fail_nth_must("script mock list=multi");
}

static void undo_kernel_alloc(void)
{
	fail_nth_must("block free 0");
}

static bool setup_kernel_free(void)
{
	fail_nth_mock_text = "block free 0";
	return fail_nth_must("block alloc 0 node0 default 4096");
}

#define KERNEL_COMMAND(name_, setup_, check_, clean_) \
	{ \
		.name = name_, .errors = { ENOMEM, EFAULT }, \
		.setup = setup_, .call = fail_nth_call_mock, .check = check_, \
		.clean = clean_, \
	}

static const struct fail_nth_command commands[] = {
	KERNEL_COMMAND("provider-add", setup_add, check_provider_there, fail_nth_mock_clean),
	KERNEL_COMMAND("provider-add-machine", setup_add_machine,
		       check_provider_there, fail_nth_mock_clean),
	KERNEL_COMMAND("provider-add-adapter", setup_add_adapter,
		       check_provider_there, fail_nth_mock_clean),
	KERNEL_COMMAND("provider-add-heard", setup_add_heard, check_add_heard,
		       clean_heard),
	KERNEL_COMMAND("provider-replace", setup_replace, NULL, fail_nth_mock_clean),
	KERNEL_COMMAND("provider-del", setup_del, check_provider_gone, fail_nth_mock_clean),
	KERNEL_COMMAND("provider-del-heard", setup_del_heard, check_del_heard,
		       clean_heard),
	KERNEL_COMMAND("provider-revoke", setup_revoke, check_revoke,
		       clean_revoke),
	KERNEL_COMMAND("adapter-add", setup_adapter, check_adapter_there,
		       fail_nth_mock_clean),
	{
		/*
		 * As for pci-bind, the id may need a new xarray node; runs of the same
		 * module had 29 to 31 points.
		 */
		.name = "adapter-add-heard", .errors = { ENOMEM, EFAULT },
		.slack = 2,
		.setup = setup_adapter_heard, .call = fail_nth_call_mock,
		.check = check_adapter_heard, .clean = clean_heard,
	},
	KERNEL_COMMAND("adapter-del", setup_adapter_del, check_adapter_del,
		       clean_revoke),
	{
		.name = "kernel-alloc", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_kernel_alloc, .call = fail_nth_call_mock,
		.undo = undo_kernel_alloc, .clean = fail_nth_mock_clean,
	}, {
		.name = "kernel-alloc-multi", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_kernel_multi, .call = fail_nth_call_mock,
		.undo = undo_kernel_alloc, .clean = fail_nth_mock_clean,
	},
	KERNEL_COMMAND("kernel-free", setup_kernel_free, NULL, fail_nth_mock_clean),
	{
		.name = "block-alloc-multi", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_multi, .call = fail_nth_call_alloc,
		.check = check_multi, .undo = fail_nth_free_all, .clean = fail_nth_mock_clean,
	}, {
		.name = "block-alloc-multi-many", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_multi_many, .call = fail_nth_call_alloc,
		.check = fail_nth_check_alloc, .undo = fail_nth_free_all,
		.clean = fail_nth_mock_clean,
	}, {
		.name = "mmap-multi", .errors = { ENOMEM, ENFILE },
		.keeps_file = true,
		.setup = setup_multi_block, .call = call_mmap,
		.undo = undo_mmap, .clean = fail_nth_mock_clean,
	},
};

const struct fail_nth_group fail_nth_kernel = {
	.name = "kernel",
	.commands = commands,
	.count = ARRAY_SIZE(commands),
	.begin = fail_nth_mock_begin,
	.end = fail_nth_mock_end,
	.state = fail_nth_mock_state,
};
