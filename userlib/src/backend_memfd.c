// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * "memfd:", an emulation of the module: every block is a memfd. There is no DMA, so there
 * are no addresses, no claims and no queues. Requests are validated like the module does, in the
 * same order and with the same reasons.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backend_memfd.h"
#include "internal.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* Of the adapter and of the provider. */
#define NAME		"memfd"

/* Limits of the module. */
#define MAX_LENGTH	(4ULL << 30)
#define MAX_BATCH	64U
#define MAX_BLOCKS	0xffffU

struct block {
	struct block *next;	/* in the list of its client */
	int fd;			/* of its memory */
	pid_t pid;		/* process that allocated it */
	int32_t node;		/* preferred */
	uint32_t usage;
	bool dumped;		/* as the module's */
	struct ndshm_block_info info;
};

static int client_open(struct ndshm *ndshm, const char *where)
{
	if (strcmp(where, ndshm->backend->scheme))
		return -EINVAL;
	ndshm->memfd = calloc(1, sizeof(*ndshm->memfd));
	return ndshm->memfd ? 0 : -ENOMEM;
}

static void blocks_free(struct block *list)
{
	struct block *block;

	while ((block = list)) {
		list = block->next;
		ndshm__close(block->fd);
		free(block);
	}
}

static void client_close(struct ndshm *ndshm)
{
	blocks_free(ndshm->memfd->blocks);
	free(ndshm->memfd);
	ndshm->memfd = NULL;
}

/* Return the pointer to the block in the list, or to NULL. Called with ndshm__lock() held. */
static struct block **block_find(struct ndshm_memfd *client, uint32_t handle)
{
	struct block **at = &client->blocks;

	while (*at && (*at)->info.handle != handle)
		at = &(*at)->next;
	return at;
}

/* Copy a block to *@out. */
static uint32_t block_get(struct ndshm *ndshm, uint32_t handle, struct block *out)
{
	const struct block *block;

	ndshm__lock();
	block = *block_find(ndshm->memfd, handle);
	if (block)
		*out = *block;
	ndshm__unlock();
	return block ? NDSHM_REASON_NONE : NDSHM_REASON_HANDLE_UNKNOWN;
}

/* Return a number that is not 0 and not in use. Called with ndshm__lock() held. */
static uint32_t new_handle(struct ndshm_memfd *client)
{
	do {
		client->last_handle++;
	} while (!client->last_handle || *block_find(client, client->last_handle));
	return client->last_handle;
}

int ndshm__memfd_reply(void *argument, uint32_t reason)
{
	struct ndshm_header *header = argument;

	header->reason = reason;
	header->status = ndshm__reason_status(reason);
	return ndshm__reason_errno(reason);
}

uint32_t ndshm__memfd_new_id(void)
{
	static atomic_uint last_id;
	uint32_t id;

	do {
		id = ++last_id;
	} while (!id);
	return id;
}

static uint32_t get_info(struct ndshm *ndshm, struct ndshm_get_info_args *argument)
{
	argument->out_features = NDSHM_FEATURE_BLOCKS | NDSHM_FEATURE_SYNC |
				 NDSHM_FEATURE_SECTIONS;
	argument->out_max_length = MAX_LENGTH;
	argument->out_max_blocks = MAX_BLOCKS;
	argument->out_max_batch = MAX_BATCH;
	argument->out_page_size = page_size();
	/* Its memory has no huge pages. */
	argument->out_huge_size = page_size();
	argument->out_default_adapter = MEMFD_ADAPTER_ID;
	argument->out_user_locked = 0;
	argument->out_max_section = MEMFD_MAX_SECTION;
	ndshm__lock();
	argument->out_blocks = ndshm->memfd->count;
	argument->out_bytes = ndshm->memfd->bytes;
	ndshm__unlock();
	return NDSHM_REASON_NONE;
}

static bool node_exists(int32_t node)
{
	char path[64];

	/* Kernels without NUMA have no node directories; node 0 always exists. */
	if (node <= 0)
		return !node || node == NDSHM_NODE_ANY;
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d", node);
	return !access(path, F_OK);
}

uint32_t ndshm__memfd_check_length(uint64_t length, uint64_t limit)
{
	if (!length)
		return NDSHM_REASON_LENGTH_ZERO;
	/* Rounding up to pages overflows. */
	if (length > UINT64_MAX - (page_size() - 1))
		return NDSHM_REASON_LENGTH_OVERFLOW;
	return length > limit ? NDSHM_REASON_LENGTH_LIMIT : NDSHM_REASON_NONE;
}

uint32_t ndshm__memfd_check_place(int32_t node, uint32_t adapter, uint32_t provider)
{
	if (!node_exists(node))
		return NDSHM_REASON_NODE;
	if (adapter != MEMFD_ADAPTER_ID)
		return NDSHM_REASON_ADAPTER_UNKNOWN;
	return provider && provider != MEMFD_PROVIDER_ID ? NDSHM_REASON_PROVIDER_UNKNOWN :
							   NDSHM_REASON_NONE;
}

static uint32_t block_check(const struct ndshm_block_alloc_args *argument)
{
	uint32_t reason;

	if (argument->flags & ~(NDSHM_ALLOC_CONTIGUOUS | NDSHM_ALLOC_DUMP))
		return NDSHM_REASON_FLAGS;
	if (argument->usage == NDSHM_USAGE_UNDEFINED || argument->usage >= NDSHM_USAGE_MAX)
		return NDSHM_REASON_USAGE;
	reason = ndshm__memfd_check_length(argument->length, MAX_LENGTH);
	return reason == NDSHM_REASON_NONE ?
	       ndshm__memfd_check_place(argument->preferred_node, argument->adapter,
					argument->provider) : reason;
}

int ndshm__memfd_create(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	/* Linux before 6.3. */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

static int change_memory(int fd, int mode, uint64_t offset, uint64_t length)
{
	int ret, state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	do {
		ret = fallocate(fd, mode, offset, length);
	} while (ret && errno == EINTR);
	pthread_setcancelstate(state, NULL);
	return ret ? -ENOMEM : 0;
}

int ndshm__memfd_allocate(int fd, uint64_t offset, uint64_t length)
{
	struct rlimit limit;
	int error = 0;

	/* Beyond RLIMIT_FSIZE fallocate() raises SIGXFSZ. */
	if (getrlimit(RLIMIT_FSIZE, &limit) || offset + length > limit.rlim_cur)
		return -ENOMEM;
	while (!error && length) {
		uint64_t step = length < MEMFD_CHUNK_BYTES ? length : MEMFD_CHUNK_BYTES;

		error = change_memory(fd, 0, offset, step);
		offset += step;
		length -= step;
	}
	return error;
}

int ndshm__memfd_free(int fd, uint64_t offset, uint64_t length)
{
	return change_memory(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

/* Return a memfd with memory allocated, as that of the module's blocks is; or -errno. */
static int create_memory(uint64_t length)
{
	int fd = ndshm__memfd_create("ndshm"), error;

	if (fd < 0)
		return fd;
	error = ndshm__memfd_allocate(fd, 0, length);
	if (!error)
		return fd;
	ndshm__close(fd);
	return error;
}

static uint32_t block_create(const struct ndshm_block_alloc_args *argument, struct block **out)
{
	uint64_t length = (argument->length + page_size() - 1) & ~(page_size() - 1);
	struct block *block;
	int fd;

	block = calloc(1, sizeof(*block));
	if (!block)
		return NDSHM_REASON_MEMORY;
	fd = create_memory(length);
	if (fd < 0) {
		free(block);
		/* As each handle needs a descriptor, their limit is that of handles. */
		return fd == -EMFILE || fd == -ENFILE ? NDSHM_REASON_HANDLES : NDSHM_REASON_MEMORY;
	}
	*block = (struct block){
		.fd = fd,
		.pid = getpid(),
		.node = argument->preferred_node,
		.usage = argument->usage,
		.dumped = argument->flags & NDSHM_ALLOC_DUMP,
		.info = {
			.flags = NDSHM_BLOCK_MAPPABLE | NDSHM_BLOCK_REUSABLE,
			.segments = 1,
			.length = length,
			.consumed = length,
			.address = NDSHM_ADDRESS_HIDDEN,
		},
	};
	*out = block;
	return NDSHM_REASON_NONE;
}

/* Create all blocks of a request, or none. */
static uint32_t blocks_create(const struct ndshm_block_alloc_args *argument, struct block **list)
{
	uint32_t reason = NDSHM_REASON_NONE;
	struct block *block;

	*list = NULL;
	for (uint32_t i = 0; i < argument->count; i++) {
		reason = block_create(argument, &block);
		if (reason != NDSHM_REASON_NONE) {
			blocks_free(*list);
			*list = NULL;
			break;
		}
		block->next = *list;
		*list = block;
	}
	return reason;
}

static uint32_t block_alloc(struct ndshm *ndshm, struct ndshm_block_alloc_args *argument)
{
	struct ndshm_block_info *info = (struct ndshm_block_info *)(uintptr_t)argument->blocks;
	struct ndshm_memfd *client = ndshm->memfd;
	uint32_t reason = block_check(argument);
	struct block *list, *block;
	bool full;

	if (reason != NDSHM_REASON_NONE)
		return reason;
	/* Count the blocks first, so that concurrent calls cannot exceed the limit. */
	ndshm__lock();
	full = argument->count > MAX_BLOCKS - client->count;
	client->count += full ? 0 : argument->count;
	ndshm__unlock();
	if (full)
		return NDSHM_REASON_HANDLES;
	reason = blocks_create(argument, &list);
	ndshm__lock();
	if (reason != NDSHM_REASON_NONE)
		client->count -= argument->count;
	while ((block = list)) {
		list = block->next;
		block->info.handle = new_handle(client);
		block->info.shared_memory_handle = ndshm__memfd_new_id();
		block->info.mmap_offset = block->info.handle * page_size();
		block->next = client->blocks;
		client->blocks = block;
		client->bytes += block->info.consumed;
		*info++ = block->info;
	}
	ndshm__unlock();
	/* Only for a single block. */
	argument->out_segments = reason == NDSHM_REASON_NONE && argument->count == 1;
	return reason;
}

static uint32_t block_free(struct ndshm *ndshm, const struct ndshm_block_free_args *argument)
{
	struct ndshm_memfd *client = ndshm->memfd;
	uint32_t reason = NDSHM_REASON_HANDLE_UNKNOWN;
	struct block *block, **at;

	if (argument->flags)
		return NDSHM_REASON_FLAGS;
	ndshm__lock();
	at = block_find(client, argument->handle);
	block = *at;
	if (block) {
		*at = block->next;
		block->next = NULL;
		client->count--;
		client->bytes -= block->info.consumed;
		reason = NDSHM_REASON_NONE;
	}
	ndshm__unlock();
	blocks_free(block);
	return reason;
}

static uint32_t block_query(struct ndshm *ndshm, struct ndshm_block_query_args *argument)
{
	struct ndshm_segment *segments = (struct ndshm_segment *)(uintptr_t)argument->segments;
	struct block block;
	uint32_t reason = block_get(ndshm, argument->handle, &block);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	argument->out_block = block.info;
	argument->out_adapter = MEMFD_ADAPTER_ID;
	argument->out_provider = MEMFD_PROVIDER_ID;
	argument->out_preferred_node = block.node;
	argument->out_usage = block.usage;
	if (argument->segment_capacity)
		segments[0] = (struct ndshm_segment){
			.address = NDSHM_ADDRESS_HIDDEN,
			.length = block.info.length,
		};
	return reason;
}

uint32_t ndshm__memfd_check_sync(uint32_t direction, uint64_t offset, uint64_t length,
				 uint64_t total)
{
	if (direction != NDSHM_SYNC_FOR_DEVICE && direction != NDSHM_SYNC_FOR_CPU)
		return NDSHM_REASON_DIRECTION;
	if (!length)
		return NDSHM_REASON_LENGTH_ZERO;
	if (offset >= total || length > total - offset)
		return NDSHM_REASON_RANGE;
	return NDSHM_REASON_NONE;
}

/* No device needs a sync, but arguments are validated. */
static uint32_t block_sync(struct ndshm *ndshm, const struct ndshm_block_sync_args *argument)
{
	struct block block;
	uint32_t reason = block_get(ndshm, argument->handle, &block);

	return reason == NDSHM_REASON_NONE ?
	       ndshm__memfd_check_sync(argument->direction, argument->offset, argument->length,
				       block.info.length) : reason;
}

static int client_command(struct ndshm *ndshm, unsigned long number, void *argument)
{
	switch (number) {
	case NDSHM_GET_INFO:
		return ndshm__memfd_reply(argument, get_info(ndshm, argument));
	case NDSHM_ADAPTER_CLAIM:
		return ndshm__memfd_reply(argument, NDSHM_REASON_CLAIM_UNSUPPORTED);
	case NDSHM_BLOCK_ALLOC:
		return ndshm__memfd_reply(argument, block_alloc(ndshm, argument));
	case NDSHM_BLOCK_FREE:
		return ndshm__memfd_reply(argument, block_free(ndshm, argument));
	case NDSHM_BLOCK_QUERY:
		return ndshm__memfd_reply(argument, block_query(ndshm, argument));
	case NDSHM_BLOCK_SYNC:
		return ndshm__memfd_reply(argument, block_sync(ndshm, argument));
	default:
		return -ENOTTY;
	}
}

/* The caller must not free the block meanwhile, so its descriptor stays open. */
static int client_map(struct ndshm *ndshm, uint64_t offset, uint64_t length, void **out)
{
	struct block block;
	void *start;

	if (block_get(ndshm, offset / page_size(), &block) != NDSHM_REASON_NONE ||
	    block.info.mmap_offset != offset || length > block.info.length)
		return -ENXIO;
	if (length > SIZE_MAX)
		return -ENOMEM;
	start = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, block.fd, 0);
	if (start == MAP_FAILED)
		return -errno;
	/* As mappings of the module. */
	if (!block.dumped)
		madvise(start, length, MADV_DONTDUMP);
	*out = start;
	return 0;
}

static int list_adapters(void **out, size_t *count)
{
	struct ndshm_adapter_info *row = calloc(1, sizeof(*row));

	if (!row)
		return -ENOMEM;
	*row = (struct ndshm_adapter_info){
		.name = NAME,
		.id = MEMFD_ADAPTER_ID,
		.node = NDSHM_NODE_ANY,
		.isolation = NDSHM_ISOLATION_NO_TRANSLATION,
		.open = true,
	};
	*out = row;
	*count = 1;
	return 0;
}

static int list_providers(struct ndshm *ndshm, void **out, size_t *count)
{
	struct ndshm_provider_info *row = calloc(1, sizeof(*row));

	if (!row)
		return -ENOMEM;
	*row = (struct ndshm_provider_info){
		.name = NAME,
		.id = MEMFD_PROVIDER_ID,
		.scope = 1, /* machine */
		.mappable = true,
		.usage = true,
		.open = true,
	};
	ndshm__lock();
	row->blocks = ndshm->memfd->count;
	ndshm__unlock();
	*out = row;
	*count = 1;
	return 0;
}

static struct ndshm_block_row row_of(const struct block *block)
{
	return (struct ndshm_block_row){
		.id = block->info.shared_memory_handle,
		.adapter = MEMFD_ADAPTER_ID,
		.provider = MEMFD_PROVIDER_ID,
		.usage = block->usage,
		.uid = getuid(),
		.pid = block->pid,
		.segments = block->info.segments,
		.preferred_node = block->node,
		.length = block->info.length,
		.consumed = block->info.consumed,
	};
}

static int list_blocks(struct ndshm *ndshm, void **out, size_t *count)
{
	struct ndshm_block_row *rows = NULL;
	struct block *block;
	size_t n = 0;

	ndshm__lock();
	for (block = ndshm->memfd->blocks; block; block = block->next)
		n++;
	if (n)
		rows = calloc(n, sizeof(*rows));
	*count = 0;
	/* Reverse the list, so that the oldest block is the first row. */
	for (block = ndshm->memfd->blocks; rows && block; block = block->next)
		rows[n - 1 - (*count)++] = row_of(block);
	ndshm__unlock();
	*out = rows;
	return n && !rows ? -ENOMEM : 0;
}

static int client_list(struct ndshm *ndshm, enum ndshm_list list, const void *key, void **out,
		       size_t *count)
{
	/* The key is the name of an adapter or of a provider. */
	if (key && strcmp(key, NAME))
		return -ENOENT;
	switch (list) {
	case NDSHM_LIST_ADAPTERS:
		return list_adapters(out, count);
	case NDSHM_LIST_PROVIDERS:
		return list_providers(ndshm, out, count);
	case NDSHM_LIST_BLOCKS:
		return list_blocks(ndshm, out, count);
	case NDSHM_LIST_SECTIONS:
		return ndshm__memfd_list_sections(out, count);
	case NDSHM_LIST_QUEUES:
	case NDSHM_LISTS:
		break;
	}
	return -EOPNOTSUPP;
}

const struct ndshm_backend ndshm__backend_memfd = {
	.scheme = "memfd:",
	.open = client_open,
	.close = client_close,
	.command = client_command,
	.map = client_map,
	.create_section = ndshm__memfd_create_section,
	.list = client_list,
};
