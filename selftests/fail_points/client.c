// SPDX-License-Identifier: GPL-2.0
/*
 * A client: open, close, and the ioctls that need no device.
 */
#include <string.h>
#include <sys/mman.h>

#include "fail_nth.h"

static struct fail_nth_objects *const of = &fail_nth_of;

/* No other client is open: this open is the first, or this close the last. */
static bool setup_alone(void)
{
	return fail_nth_keep(false);
}

static void clean_alone(void)
{
	fail_nth_keep(true);
}

static int call_open(void)
{
	int fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);

	of->objects.fds[COMMAND_CLIENT] = fd;
	return fd < 0 ? -errno : 0;
}

static int call_close(void)
{
	int fd = of->objects.fds[COMMAND_CLIENT];

	of->objects.fds[COMMAND_CLIENT] = -1;
	return close(fd) ? -errno : 0;
}

static void undo_open(void)
{
	fail_nth_close(COMMAND_CLIENT);
}

/* The block has a file, which the free returns to the file cache. */
static bool setup_was_mapped(void)
{
	fail_nth_unmap();
	return true;
}

/* Two blocks, one of which has a file. */
static bool setup_full(void)
{
	fail_nth_unmap();
	return fail_nth_make_block(0, NULL, 1);
}

static bool setup_last(void)
{
	return setup_full() && fail_nth_keep(false);
}

static void check_info(int error)
{
	if (!error)
		fail_nth_expect(of->request.info.out_features & NDSHM_FEATURE_BLOCKS);
}

static bool setup_large(void)
{
	of->request.alloc.length = 1 << 20;
	of->request.alloc.flags = NDSHM_ALLOC_CONTIGUOUS;
	return true;
}

static bool setup_named(void)
{
	return fail_nth_name_provider("coherent");
}

static bool setup_pages(void)
{
	return fail_nth_name_provider("pages");
}

/* Two chunks; failing the large one makes the allocator use smaller ones. */
static bool setup_chunks(void)
{
	of->request.alloc.length = (2 << 20) + getpagesize();
	return fail_nth_name_provider("pages");
}

static bool setup_segments(void)
{
	of->request.alloc.segment_capacity = FAIL_NTH_SEGMENTS;
	of->request.alloc.segments = to_u64(of->segments);
	return true;
}

static bool setup_many(void)
{
	of->request.alloc.count = FAIL_NTH_BLOCKS;
	return true;
}

/* If the result cannot be written, no block must have been freed. */
static void check_freed(__u32 handle, int error)
{
	struct ndshm_block_query_args query = block_query_request(handle);

	fail_nth_expect(fail_nth_ioctl(NDSHM_BLOCK_QUERY, &query) == (error ? 0 : -ENOENT));
}

static void check_free(int error)
{
	check_freed(of->objects.handle, error);
}

static __u32 handles[FAIL_NTH_BLOCKS];

static bool setup_free_many(void)
{
	int i;

	of->objects.length = 3 * getpagesize();
	fail_nth_build(NDSHM_BLOCK_ALLOC);
	of->request.alloc.count = FAIL_NTH_BLOCKS;
	if (!fail_nth_expect(!fail_nth_ioctl(NDSHM_BLOCK_ALLOC, &of->request)))
		return false;
	for (i = 0; i < FAIL_NTH_BLOCKS; i++)
		handles[i] = of->blocks[i].handle;
	fail_nth_build(NDSHM_BLOCK_FREE);
	of->request.free = blocks_free_request(handles, FAIL_NTH_BLOCKS);
	return true;
}

static void check_free_many(int error)
{
	int i;

	for (i = 0; i < FAIL_NTH_BLOCKS; i++)
		check_freed(handles[i], error);
}

/* The block has one segment. Three pages do not, unless they happen to be adjacent. */
static bool setup_query(void)
{
	if (!fail_nth_make_block(0, NULL, 2 * getpagesize()))
		return false;
	fail_nth_build(NDSHM_BLOCK_QUERY);
	of->request.query.segment_capacity = FAIL_NTH_SEGMENTS;
	of->request.query.segments = to_u64(of->segments);
	return true;
}

static void check_query(int error)
{
	if (error)
		return;
	fail_nth_expect(!memcmp(&of->request.query.out_block, &of->objects.made,
				sizeof(of->objects.made)));
	fail_nth_expect(of->segments[0].length == of->objects.made.length);
}

#define ALLOC(name_, points_, setup_) { \
	.name = name_, .points = points_, .errors = { ENOMEM, EFAULT }, .flags = FAIL_NTH_DMA, \
	.needs = NEEDS_CLIENT, .ioctl = NDSHM_BLOCK_ALLOC, .setup = setup_, \
	.check = fail_nth_check_alloc, .undo = fail_nth_free_all }

static const struct fail_nth_scenario scenarios[] = {
	{
		.name = "open", .points = 5, .errors = { ENOMEM, EFAULT },
		.call = call_open, .undo = undo_open,
	}, {
		.name = "open-first", .points = 16, .errors = { ENOMEM, EFAULT },
		.setup = setup_alone, .call = call_open, .undo = undo_open, .clean = clean_alone,
	}, {
		.name = "close", .points = 2,
		.needs = NEEDS_MAP, .setup = setup_full, .call = call_close,
	}, {
		.name = "close-last", .points = 2,
		.needs = NEEDS_MAP, .setup = setup_last, .call = call_close, .clean = clean_alone,
	}, {
		.name = "get-info", .points = 2, .errors = { EFAULT },
		.needs = NEEDS_CLIENT, .ioctl = NDSHM_GET_INFO, .check = check_info,
	},
	ALLOC("block-alloc", 6, NULL),
	ALLOC("block-alloc-large", 6, setup_large),
	ALLOC("block-alloc-named", 6, setup_named),
	ALLOC("block-alloc-pages", 6, setup_pages),
	ALLOC("block-alloc-chunks", 11, setup_chunks),
	ALLOC("block-alloc-segments", 7, setup_segments),
	ALLOC("block-alloc-many", 16, setup_many),
	{
		.name = "block-free", .points = 2, .errors = { EFAULT },
		.needs = NEEDS_BLOCK, .ioctl = NDSHM_BLOCK_FREE, .check = check_free,
	}, {
		.name = "block-free-shown", .points = 2, .errors = { EFAULT },
		.needs = NEEDS_MAP, .ioctl = NDSHM_BLOCK_FREE, .setup = setup_was_mapped,
		.check = check_free,
	}, {
		.name = "block-free-many", .points = 3, .errors = { EFAULT },
		.needs = NEEDS_CLIENT, .ioctl = NDSHM_BLOCK_FREE, .setup = setup_free_many,
		.check = check_free_many,
	}, {
		.name = "block-query", .points = 3, .errors = { EFAULT },
		.flags = FAIL_NTH_PARTIAL, .needs = NEEDS_CLIENT, .ioctl = NDSHM_BLOCK_QUERY,
		.setup = setup_query, .check = check_query,
	}, {
		.name = "block-sync", .points = 2, .errors = { EFAULT },
		.needs = NEEDS_BLOCK, .ioctl = NDSHM_BLOCK_SYNC,
	}, {
		.name = "block-export", .points = 11, .errors = { ENOMEM, EMFILE, EFAULT },
		.flags = FAIL_NTH_FILE, .needs = NEEDS_BLOCK, .ioctl = NDSHM_BLOCK_EXPORT,
	},
};

const struct fail_nth_group fail_nth_client = {
	.name = "client",
	.scenarios = scenarios,
	.count = ARRAY_SIZE(scenarios),
	.state = fail_nth_state,
};
