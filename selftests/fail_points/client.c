// SPDX-License-Identifier: GPL-2.0
/*
 * A client: open, close, and the ioctls that need no device.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client.h"
#include "ndshm_reasons.h"

struct fail_nth_client fail_nth_of = { .fd = -1 };

static struct fail_nth_client *const of = &fail_nth_of;

/*
 * Requests
 */

/* Fill with the poison pattern and set a valid header. */
static void poison(void *argument, __u32 size)
{
	struct ndshm_header *header = argument;

	memset(argument, FAIL_NTH_POISON, size);
	header->size = size;
	header->flags = 0;
}

bool fail_nth_untouched(const void *memory, size_t length)
{
	const unsigned char *bytes = memory;

	while (length--)
		if (*bytes++ != FAIL_NTH_POISON)
			return false;
	return true;
}

/* A failed request returns nothing: each byte must be zero or unchanged. */
static bool blank(const void *memory, size_t length)
{
	const unsigned char *bytes = memory;

	for (; length; length--, bytes++)
		if (*bytes && *bytes != FAIL_NTH_POISON)
			return false;
	return true;
}

void fail_nth_alloc_request(__u32 adapter, __u32 provider, __u64 length,
			    __u32 count)
{
	struct ndshm_block_alloc_args *alloc = &of->alloc;

	memset(of->blocks, FAIL_NTH_POISON, sizeof(of->blocks));
	memset(of->segments, FAIL_NTH_POISON, sizeof(of->segments));
	poison(alloc, sizeof(*alloc));
	alloc->adapter = adapter;
	alloc->provider = provider;
	alloc->length = length;
	alloc->preferred_node = NDSHM_NODE_ANY;
	alloc->usage = NDSHM_USAGE_OTHER;
	alloc->queue_id = 0;
	alloc->vport_id = 0;
	alloc->count = count;
	alloc->segment_capacity = 0;
	alloc->blocks = (uintptr_t)of->blocks;
	alloc->segments = 0;
	alloc->tag = 0;
}

int fail_nth_ioctl(unsigned long command, void *argument)
{
	return ioctl(of->fd, command, argument) ? -errno : 0;
}

int fail_nth_call_alloc(void)
{
	return fail_nth_ioctl(NDSHM_BLOCK_ALLOC, &of->alloc);
}

/*
 * The kernel writes the header unless that copy failed. Poison it again, so
 * that the check of the next call sees whether it was written.
 */
void fail_nth_check_header(void *argument, int error)
{
	struct ndshm_header *header = argument;

	if (fail_nth_untouched(&header->status, 8)) {
		fail_nth_expect(error == EFAULT);
	} else if (fail_nth_expect(header->reason < NDSHM_REASON_COUNT_KNOWN)) {
		fail_nth_expect(ndshm_expected[header->reason].error == error);
		fail_nth_expect(ndshm_expected[header->reason].status ==
				header->status);
	}
	memset(&header->status, FAIL_NTH_POISON, 8);
}

void fail_nth_check_alloc(int error)
{
	struct ndshm_block_alloc_args *alloc = &of->alloc;
	__u32 i;

	fail_nth_check_header(alloc, error);
	if (error) {
		fail_nth_expect(blank(&alloc->out_segments, 4));
		/* Only one of several copies failed; the others may have been made. */
		if (error == EFAULT)
			return;
		fail_nth_expect(blank(of->blocks, sizeof(of->blocks)));
		fail_nth_expect(blank(of->segments, sizeof(of->segments)));
		return;
	}
	for (i = 0; i < alloc->count; i++) {
		fail_nth_expect(of->blocks[i].handle);
		fail_nth_expect(of->blocks[i].shared_memory_handle);
		fail_nth_expect(of->blocks[i].flags & NDSHM_BLOCK_CHARGED);
	}
	if (alloc->segment_capacity)
		fail_nth_expect(!fail_nth_untouched(of->segments,
						    sizeof(of->segments[0])));
}

void fail_nth_free(__u32 handle)
{
	struct ndshm_block_free_args request = {
		.size = sizeof(request), .handle = handle,
	};

	fail_nth_expect(!fail_nth_ioctl(NDSHM_BLOCK_FREE, &request));
}

void fail_nth_free_all(void)
{
	__u32 i;

	for (i = 0; i < of->alloc.count; i++)
		fail_nth_free(of->blocks[i].handle);
}

void *fail_nth_map(void)
{
	return mmap(NULL, of->blocks[0].length, PROT_READ | PROT_WRITE,
		    MAP_SHARED, of->fd, of->blocks[0].mmap_offset);
}

/*
 * Open and close
 */

bool fail_nth_open(void)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };

	of->fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	if (!fail_nth_expect(of->fd >= 0))
		return false;
	of->adapter = 0;
	if (!fail_nth_expect(!fail_nth_ioctl(NDSHM_GET_INFO, &info)))
		return false;
	of->adapter = info.out_default_adapter;
	return true;
}

void fail_nth_close(void)
{
	if (of->fd >= 0)
		close(of->fd);
	of->fd = -1;
}

bool fail_nth_open_block(void)
{
	if (!fail_nth_open())
		return false;
	fail_nth_alloc_request(of->adapter, 0, 3 * getpagesize(), 1);
	return fail_nth_expect(!fail_nth_call_alloc());
}

void fail_nth_client_state(char *text, size_t size)
{
	struct ndshm_get_info_args info = { .size = sizeof(info) };

	if (of->fd < 0)
		return;
	fail_nth_expect(!fail_nth_ioctl(NDSHM_GET_INFO, &info));
	snprintf(text, size, ", handles %u, bytes %llu", info.out_blocks,
		 (unsigned long long)info.out_bytes);
}

/* No other client is open: this open is the first. */
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
	of->fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	return of->fd < 0 ? -errno : 0;
}

static int call_close(void)
{
	int fd = of->fd;

	of->fd = -1;
	return close(fd) ? -errno : 0;
}

/* The last close of a client that has blocks, one of them mapped. */
static bool setup_full(void)
{
	void *map;

	if (!fail_nth_open())
		return false;
	fail_nth_alloc_request(of->adapter, 0, 1, 2);
	if (!fail_nth_expect(!fail_nth_call_alloc()))
		return false;
	map = fail_nth_map();
	return fail_nth_expect(map != MAP_FAILED) &&
	       fail_nth_expect(!munmap(map, of->blocks[0].length));
}

static bool setup_last(void)
{
	return setup_full() && fail_nth_keep(false);
}

/*
 * Commands
 */

static bool setup_info(void)
{
	bool opened = fail_nth_open();

	poison(&of->info, sizeof(of->info));
	of->info.__reserved = 0;
	return opened;
}

static int call_info(void)
{
	return fail_nth_ioctl(NDSHM_GET_INFO, &of->info);
}

static void check_info(int error)
{
	fail_nth_check_header(&of->info, error);
	if (error)
		fail_nth_expect(fail_nth_untouched(&of->info.out_features, 8));
	else
		fail_nth_expect(of->info.out_features & NDSHM_FEATURE_BLOCKS);
}

static bool setup_alloc(void)
{
	bool opened = fail_nth_open();

	fail_nth_alloc_request(of->adapter, 0, 1, 1);
	return opened;
}

static bool setup_large(void)
{
	bool opened = setup_alloc();

	of->alloc.length = 1 << 20;
	of->alloc.flags = NDSHM_ALLOC_CONTIGUOUS;
	return opened;
}

bool fail_nth_name_provider(const char *name)
{
	struct ndshm_nl_provider provider;

	if (!fail_nth_expect(!ndshm_nl_provider_by_name(&fail_nth_nl, name,
							&provider)))
		return false;
	of->alloc.provider = provider.id;
	return true;
}

static bool setup_named(void)
{
	return setup_alloc() && fail_nth_name_provider("coherent");
}

static bool setup_pages(void)
{
	return setup_alloc() && fail_nth_name_provider("pages");
}

/* Two chunks; failing the large one makes the allocator use smaller ones. */
static bool setup_chunks(void)
{
	bool opened = setup_pages();

	of->alloc.length = (2 << 20) + getpagesize();
	return opened;
}

static bool setup_segments(void)
{
	bool opened = setup_alloc();

	of->alloc.segment_capacity = FAIL_NTH_SEGMENTS;
	of->alloc.segments = (uintptr_t)of->segments;
	return opened;
}

static bool setup_many(void)
{
	bool opened = setup_alloc();

	of->alloc.count = FAIL_NTH_BLOCKS;
	return opened;
}

static bool setup_free(void)
{
	bool opened = fail_nth_open_block();

	poison(&of->free, sizeof(of->free));
	of->free.handle = of->blocks[0].handle;
	of->free.__reserved = 0;
	of->free.handles = 0;
	of->free.count = 0;
	return opened;
}

static bool setup_free_many(void)
{
	__u32 i;

	if (!fail_nth_open())
		return false;
	fail_nth_alloc_request(of->adapter, 0, 3 * sysconf(_SC_PAGESIZE), FAIL_NTH_BLOCKS);
	if (!fail_nth_expect(!fail_nth_call_alloc()))
		return false;
	for (i = 0; i < FAIL_NTH_BLOCKS; i++)
		of->handles[i] = of->blocks[i].handle;
	poison(&of->free, sizeof(of->free));
	of->free.handle = 0;
	of->free.__reserved = 0;
	of->free.handles = (uintptr_t)of->handles;
	of->free.count = FAIL_NTH_BLOCKS;
	return true;
}

/* The block has a file, which the free returns to the file cache. */
static bool setup_free_shown(void)
{
	bool opened = setup_free();
	void *map = fail_nth_map();

	return opened && fail_nth_expect(map != MAP_FAILED) &&
	       fail_nth_expect(!munmap(map, of->blocks[0].length));
}

static int call_free(void)
{
	return fail_nth_ioctl(NDSHM_BLOCK_FREE, &of->free);
}

/* If the result cannot be written, the block must not have been freed. */
static void check_free(int error)
{
	struct ndshm_block_query_args query = {
		.size = sizeof(query), .handle = of->free.handle,
	};

	fail_nth_check_header(&of->free, error);
	fail_nth_expect(fail_nth_ioctl(NDSHM_BLOCK_QUERY, &query) ==
			(error ? 0 : -ENOENT));
}

/* If a copy failed, no block must have been freed. */
static void check_free_many(int error)
{
	struct ndshm_block_query_args query = { .size = sizeof(query) };
	__u32 i;

	fail_nth_check_header(&of->free, error);
	for (i = 0; i < FAIL_NTH_BLOCKS; i++) {
		query.handle = of->handles[i];
		fail_nth_expect(fail_nth_ioctl(NDSHM_BLOCK_QUERY, &query) ==
				(error ? 0 : -ENOENT));
	}
}

/* The block has one segment. Three pages do not, unless they happen to be adjacent. */
static bool setup_query(void)
{
	if (!fail_nth_open())
		return false;
	fail_nth_alloc_request(of->adapter, 0, 2 * getpagesize(), 1);
	if (!fail_nth_expect(!fail_nth_call_alloc()))
		return false;
	poison(&of->query, sizeof(of->query));
	of->query.handle = of->blocks[0].handle;
	of->query.segment_capacity = FAIL_NTH_SEGMENTS;
	of->query.segments = (uintptr_t)of->segments;
	return true;
}

static int call_query(void)
{
	return fail_nth_ioctl(NDSHM_BLOCK_QUERY, &of->query);
}

static void check_query(int error)
{
	fail_nth_check_header(&of->query, error);
	if (!error) {
		fail_nth_expect(!memcmp(&of->query.out_block, &of->blocks[0],
					sizeof(of->blocks[0])));
		fail_nth_expect(of->segments[0].length == of->blocks[0].length);
	}
}

static bool setup_sync(void)
{
	bool opened = fail_nth_open_block();

	poison(&of->sync, sizeof(of->sync));
	of->sync.handle = of->blocks[0].handle;
	of->sync.direction = NDSHM_SYNC_FOR_DEVICE;
	of->sync.offset = 0;
	of->sync.length = of->blocks[0].length;
	return opened;
}

static int call_sync(void)
{
	return fail_nth_ioctl(NDSHM_BLOCK_SYNC, &of->sync);
}

static void check_sync(int error)
{
	fail_nth_check_header(&of->sync, error);
}

static bool setup_export(void)
{
	bool opened = fail_nth_open_block();

	poison(&of->export, sizeof(of->export));
	of->export.handle = of->blocks[0].handle;
	of->export.fd_flags = O_RDWR | O_CLOEXEC;
	of->export.__reserved = 0;
	return opened;
}

static int call_export(void)
{
	return fail_nth_ioctl(NDSHM_BLOCK_EXPORT, &of->export);
}

static void check_export(int error)
{
	fail_nth_check_header(&of->export, error);
}

static void undo_export(void)
{
	fail_nth_expect(!close(of->export.out_dmabuf));
}

static const struct fail_nth_command commands[] = {
	{
		.name = "open", .errors = { ENOMEM, EFAULT },
		.call = call_open, .undo = fail_nth_close,
	}, {
		.name = "open-first", .errors = { ENOMEM, EFAULT },
		.slack = 1,
		.setup = setup_alone, .call = call_open,
		.undo = fail_nth_close, .clean = clean_alone,
	}, {
		.name = "close", .setup = setup_full, .call = call_close,
	}, {
		.name = "close-last", .setup = setup_last, .call = call_close,
		.clean = clean_alone,
	}, {
		.name = "get-info", .errors = { EFAULT },
		.setup = setup_info, .call = call_info, .check = check_info,
		.clean = fail_nth_close,
	}, {
		.name = "block-alloc", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_alloc, .call = fail_nth_call_alloc,
		.check = fail_nth_check_alloc, .undo = fail_nth_free_all,
		.clean = fail_nth_close,
	}, {
		.name = "block-alloc-large", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_large, .call = fail_nth_call_alloc,
		.check = fail_nth_check_alloc, .undo = fail_nth_free_all,
		.clean = fail_nth_close,
	}, {
		.name = "block-alloc-named", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_named, .call = fail_nth_call_alloc,
		.check = fail_nth_check_alloc, .undo = fail_nth_free_all,
		.clean = fail_nth_close,
	}, {
		.name = "block-alloc-pages", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_pages, .call = fail_nth_call_alloc,
		.check = fail_nth_check_alloc, .undo = fail_nth_free_all,
		.clean = fail_nth_close,
	}, {
		.name = "block-alloc-chunks", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_chunks, .call = fail_nth_call_alloc,
		.check = fail_nth_check_alloc, .undo = fail_nth_free_all,
		.clean = fail_nth_close,
	}, {
		.name = "block-alloc-segments", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_segments, .call = fail_nth_call_alloc,
		.check = fail_nth_check_alloc, .undo = fail_nth_free_all,
		.clean = fail_nth_close,
	}, {
		.name = "block-alloc-many", .errors = { ENOMEM, EFAULT },
		.dma = true, .setup = setup_many, .call = fail_nth_call_alloc,
		.check = fail_nth_check_alloc, .undo = fail_nth_free_all,
		.clean = fail_nth_close,
	}, {
		.name = "block-free", .errors = { EFAULT },
		.setup = setup_free, .call = call_free, .check = check_free,
		.clean = fail_nth_close,
	}, {
		.name = "block-free-shown", .errors = { EFAULT },
		.setup = setup_free_shown, .call = call_free,
		.check = check_free, .clean = fail_nth_close,
	}, {
		.name = "block-free-many", .errors = { EFAULT },
		.setup = setup_free_many, .call = call_free,
		.check = check_free_many, .clean = fail_nth_close,
	}, {
		.name = "block-query", .errors = { EFAULT },
		.setup = setup_query, .call = call_query, .check = check_query,
		.clean = fail_nth_close,
	}, {
		.name = "block-sync", .errors = { EFAULT },
		.setup = setup_sync, .call = call_sync, .check = check_sync,
		.clean = fail_nth_close,
	}, {
		.name = "block-export", .errors = { ENOMEM, EMFILE, EFAULT },
		.keeps_file = true, .setup = setup_export, .call = call_export,
		.check = check_export, .undo = undo_export,
		.clean = fail_nth_close,
	},
};

const struct fail_nth_group fail_nth_client = {
	.name = "client",
	.commands = commands,
	.count = ARRAY_SIZE(commands),
	.state = fail_nth_client_state,
};
