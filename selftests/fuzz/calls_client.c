// SPDX-License-Identifier: GPL-2.0
/*
 * Calls of /dev/ndshm except mmap().
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/ndshm.h>

#include "ndshm_proc.h"
#include "command.h"

#define CLIENT		FUZZ_FROM("client", 'c')
#define COMMAND(structure)	FUZZ_COMMAND(CLIENT, structure)

/* Issue a command on a client's descriptor. */
static long command(struct fuzz_thread *thread, unsigned long number,
		    const struct fuzz_value *a, struct ndshm_header *header,
		    size_t known)
{
	return fuzz_command(thread, fuzz_client(&a[COMMAND_OF]), number, a,
			    header, known, NULL);
}

static __u32 handle_of(const struct fuzz_value *value)
{
	return value->form == FUZZ_REGISTER ? fuzz_handle(value)->handle :
					      value->number;
}

static const char *const open_modes[] = { "rw", "ro", "wo", NULL };
static const struct fuzz_argument open_arguments[] = {
	CLIENT,
	FUZZ_WORDS("mode", open_modes, 0),
	{}
};

static long run_open(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	static const int modes[] = { O_RDWR, O_RDONLY, O_WRONLY };
	int fd = open(NDSHM_DEVICE, modes[a[1].number] | O_CLOEXEC);

	(void)thread;
	fuzz_forget_addresses();
	if (fd >= 0)
		fuzz_set_fd(&fuzz_registers_now.clients[a[0].number], fd);
	return fd < 0 ? -1 : 0;
}

static const struct fuzz_argument close_arguments[] = { CLIENT, {} };

static long run_close(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	(void)thread;
	fuzz_forget_addresses();
	fuzz_set_fd(&fuzz_registers_now.clients[a[0].number], -1);
	return 0;
}

static const struct fuzz_argument dup_arguments[] = {
	CLIENT,
	FUZZ_FROM("to", 'c'),
	{}
};

static long run_dup(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	int fd = fcntl(fuzz_client(&a[0]), F_DUPFD_CLOEXEC, 0);

	(void)thread;
	fuzz_forget_addresses();
	if (fd >= 0)
		fuzz_set_fd(&fuzz_registers_now.clients[a[1].number], fd);
	return fd < 0 ? -1 : 0;
}

enum { INFO_RESERVED = COMMAND_OWN };
static const struct fuzz_argument info_arguments[] = {
	COMMAND(struct ndshm_get_info_args),
	[INFO_RESERVED] = RESERVED,
	{}
};

static long run_info(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	struct ndshm_get_info_args info = {
		.__reserved = a[INFO_RESERVED].number,
	};

	return command(thread, NDSHM_GET_INFO, a, (void *)&info, sizeof(info));
}

enum { CLAIM_ADAPTER = COMMAND_OWN, CLAIM_WIDTH };
static const struct fuzz_argument claim_arguments[] = {
	COMMAND(struct ndshm_adapter_claim_args),
	[CLAIM_ADAPTER] = FUZZ_ADAPTER(MACHINE_EDU),
	[CLAIM_WIDTH] = FUZZ_ANY("width", 28, 0, 1, 23, 24, 32, 64, 65,
				 0xffffffff),
	{}
};

/* A number is that of a descriptor. */
static long run_claim(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	const struct fuzz_value *adapter = &a[CLAIM_ADAPTER];
	struct ndshm_adapter_claim_args claim = {
		.device = adapter->number,
		.address_width = a[CLAIM_WIDTH].number,
	};
	int node = -1;
	long ret;

	if (adapter->form == FUZZ_WORD) {
		node = open(ndshm_node(machine_adapter_name(adapter->number) ?: "none"),
			    O_RDWR | O_CLOEXEC);
		claim.device = node;
	}
	ret = command(thread, NDSHM_ADAPTER_CLAIM, a, (void *)&claim, sizeof(claim));
	if (node >= 0)
		close(node);
	return ret;
}

enum { START_ADAPTER = COMMAND_OWN, START_RESERVED };
static const struct fuzz_argument start_arguments[] = {
	COMMAND(struct ndshm_adapter_start_args),
	[START_ADAPTER] = FUZZ_ADAPTER(MACHINE_EDU),
	[START_RESERVED] = RESERVED,
	{}
};

static long run_start(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	struct ndshm_adapter_start_args start = {
		.adapter = fuzz_adapter(&a[START_ADAPTER]),
		.__reserved = a[START_RESERVED].number,
	};

	/* A transfer would continue that the end of the last claim had stopped. */
	if (fuzz_registers_now.dma)
		return -EBUSY;
	return command(thread, NDSHM_ADAPTER_START, a, (void *)&start,
		       sizeof(start));
}

static const char *const irq_descriptors[] = { "eventfd", "none", "wrong", "null", NULL };
enum { IRQS_ADAPTER = COMMAND_OWN, IRQS_KIND, IRQS_FIRST, IRQS_COUNT, IRQS_FDS };
static const struct fuzz_argument irqs_arguments[] = {
	COMMAND(struct ndshm_adapter_set_irqs_args),
	[IRQS_ADAPTER] = FUZZ_ADAPTER(MACHINE_EDU),
	[IRQS_KIND] = FUZZ_ANY("kind", NDSHM_IRQ_MSI, NDSHM_IRQ_NONE,
			       NDSHM_IRQ_INTX, NDSHM_IRQ_MSI, NDSHM_IRQ_MSIX,
			       NDSHM_IRQ_KINDS, 0xffffffff),
	[IRQS_FIRST] = FUZZ_ANY("first", 0, 0, 1, 2, 255, 256, 0xffffffff),
	[IRQS_COUNT] = FUZZ_ANY("count", 1, 0, 1, 2, 255, 256, 257, 0xffffffff),
	[IRQS_FDS] = FUZZ_WORDS("eventfds", irq_descriptors, 0),
	{}
};

/* The command holds its own reference to the eventfd. */
static long run_irqs(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	const int way = a[IRQS_FDS].number;
	int event = way ? -1 : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), i;
	__s32 fds[NDSHM_MAX_IRQS + 1];
	struct ndshm_adapter_set_irqs_args irqs = {
		.adapter = fuzz_adapter(&a[IRQS_ADAPTER]),
		.kind = a[IRQS_KIND].number,
		.first = a[IRQS_FIRST].number,
		.count = a[IRQS_COUNT].number,
		.eventfds = way == 3 || !a[IRQS_COUNT].number ? 0 : (uintptr_t)fds,
	};
	long ret;

	for (i = 0; i <= (int)NDSHM_MAX_IRQS; i++)
		fds[i] = way == 2 ? fuzz_client(&a[COMMAND_OF]) : event;
	ret = command(thread, NDSHM_ADAPTER_SET_IRQS, a, (void *)&irqs,
		      sizeof(irqs));
	if (event >= 0)
		close(event);
	return ret;
}

enum { RESET_ADAPTER = COMMAND_OWN, RESET_RESERVED };
static const struct fuzz_argument reset_arguments[] = {
	COMMAND(struct ndshm_adapter_reset_args),
	[RESET_ADAPTER] = FUZZ_ADAPTER(MACHINE_EDU),
	[RESET_RESERVED] = RESERVED,
	{}
};

static long run_reset(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	struct ndshm_adapter_reset_args reset = {
		.adapter = fuzz_adapter(&a[RESET_ADAPTER]),
		.__reserved = a[RESET_RESERVED].number,
	};

	return command(thread, NDSHM_ADAPTER_RESET, a, (void *)&reset,
		       sizeof(reset));
}

enum { CONFIG_ADAPTER = COMMAND_OWN, CONFIG_OFFSET, CONFIG_WIDTH, CONFIG_VALUE };
static const struct fuzz_argument config_arguments[] = {
	COMMAND(struct ndshm_adapter_config_args),
	[CONFIG_ADAPTER] = FUZZ_ADAPTER(MACHINE_EDU),
	[CONFIG_OFFSET] = FUZZ_ANY("offset", 0, 4, 6, 12, 13, 16, 0x30, 0x34, 0x3c, 0x40,
				   0x44, 0xc8, 0xcc, 0xd0, 0xd4, 0xe8, 0xea, 0xfe, 0x100,
				   0x104, 0xffc, 0x1000, 0xffffffff),
	[CONFIG_WIDTH] = FUZZ_ANY("width", 4, 0, 1, 2, 3, 4, 8, 0xffffffff),
	[CONFIG_VALUE] = FUZZ_ANY("value", 0, 1, 4, 7, 0x10, 0xff, 0x8000, 0xf900, 0xffff,
				  0xfee00000, 0xffffffff),
	{}
};

static long run_config(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	struct ndshm_adapter_config_args config = {
		.adapter = fuzz_adapter(&a[CONFIG_ADAPTER]),
		.offset = a[CONFIG_OFFSET].number,
		.width = a[CONFIG_WIDTH].number,
		.value = a[CONFIG_VALUE].number,
	};

	return command(thread, NDSHM_ADAPTER_CONFIG, a, (void *)&config,
		       sizeof(config));
}

enum { BAR_ADAPTER = COMMAND_OWN, BAR_NUMBER, BAR_HANDLE };
static const struct fuzz_argument bar_arguments[] = {
	COMMAND(struct ndshm_adapter_map_bar_args),
	[BAR_ADAPTER] = FUZZ_ADAPTER(MACHINE_EDU),
	[BAR_NUMBER] = FUZZ_ANY("bar", 0, 0, 1, 2, 3, 5, 6, 0xffffffff),
	[BAR_HANDLE] = FUZZ_FROM("handle", 'h'),
	{}
};

static long run_bar(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	struct ndshm_adapter_map_bar_args bar = {
		.adapter = fuzz_adapter(&a[BAR_ADAPTER]),
		.bar = a[BAR_NUMBER].number,
	};
	long ret = command(thread, NDSHM_ADAPTER_MAP_BAR, a, (void *)&bar,
			   sizeof(bar));

	if (!ret)
		*fuzz_handle(&a[BAR_HANDLE]) = (struct fuzz_handle){
			.offset = bar.out_mmap_offset,
			.length = bar.out_length,
		};
	return ret;
}

/* flags=4 reuses freed blocks. */
enum { ALLOC_HANDLE = COMMAND_OWN, ALLOC_ADAPTER, ALLOC_PROVIDER, ALLOC_LENGTH,
	ALLOC_NODE, ALLOC_USAGE, ALLOC_QUEUE, ALLOC_VPORT, ALLOC_COUNT,
	ALLOC_CAPACITY, ALLOC_BLOCKS, ALLOC_SEGMENTS, ALLOC_TAG };
static const struct fuzz_argument alloc_arguments[] = {
	COMMAND(struct ndshm_block_alloc_args),
	[ALLOC_HANDLE] = FUZZ_FROM("handle", 'h'),
	[ALLOC_ADAPTER] = FUZZ_ADAPTER(MACHINE_NODE0),
	[ALLOC_PROVIDER] = FUZZ_PROVIDER,
	[ALLOC_LENGTH] = FUZZ_BLOCK_LENGTH,
	[ALLOC_NODE] = FUZZ_ANY("node", (__u32)NDSHM_NODE_ANY, 0, 1, 2, 63,
				1024, 0x7fffffff, 0x80000000, 0xfffffffe),
	[ALLOC_USAGE] = FUZZ_ANY("usage", NDSHM_USAGE_OTHER,
				 NDSHM_USAGE_UNDEFINED, NDSHM_USAGE_XMIT,
				 NDSHM_USAGE_RECEIVE, NDSHM_USAGE_MAX,
				 0xffffffff),
	[ALLOC_QUEUE] = FUZZ_ANY("queue", 0, 1, 0xffffffff),
	[ALLOC_VPORT] = FUZZ_ANY("vport", 0, 1, 0xffffffff),
	[ALLOC_COUNT] = FUZZ_ANY("count", 1, 0, 2, 3, 16, 63, 64, 65,
				 0x10000000, 0xffffffff),
	[ALLOC_CAPACITY] = FUZZ_ANY("capacity", 0, 1, 2, 16, 0xffffffff),
	[ALLOC_BLOCKS] = FUZZ_AT("blocks"),
	[ALLOC_SEGMENTS] = {
		.name = "segments",
		.registers = 'm',
		.words = fuzz_places,
		.usual = { FUZZ_NULL, FUZZ_WORD },
	},
	[ALLOC_TAG] = FUZZ_ANY("tag", 0, NDSHM_TAG('f', 'u', 'z', 'z'), 1, 0xffffffff),
	{}
};

/* Store the blocks in consecutive registers, from the named one on. */
static void keep_blocks(const struct fuzz_value *first,
			const struct ndshm_block_info *infos, __u32 count,
			bool edu)
{
	__u64 i;

	for (i = 0; i < count && first->number + i < FUZZ_HANDLES; i++)
		fuzz_registers_now.handles[first->number + i] =
			(struct fuzz_handle){
				.handle = infos[i].handle,
				.id = infos[i].shared_memory_handle,
				.offset = infos[i].mmap_offset,
				.length = infos[i].length,
				.address = edu ? infos[i].address : 0,
			};
}

static long run_alloc(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	static const struct ndshm_block_info no_infos[64];
	static const struct ndshm_segment no_segments[64];
	struct ndshm_block_alloc_args alloc = {
		.adapter = fuzz_adapter(&a[ALLOC_ADAPTER]),
		.provider = fuzz_provider(&a[ALLOC_PROVIDER]),
		.length = a[ALLOC_LENGTH].number,
		.preferred_node = a[ALLOC_NODE].number,
		.usage = a[ALLOC_USAGE].number,
		.queue_id = a[ALLOC_QUEUE].number,
		.vport_id = a[ALLOC_VPORT].number,
		.count = a[ALLOC_COUNT].number,
		.segment_capacity = a[ALLOC_CAPACITY].number,
		.tag = a[ALLOC_TAG].number,
	};
	__u32 infos = alloc.count < 64 ? alloc.count : 64;
	__u32 segments = alloc.segment_capacity < 64 ?
			 alloc.segment_capacity : 64;
	void *blocks_seen, *segments_seen;
	long ret;

	if (fuzz_takes_all(alloc.length, alloc.count))
		return -EFBIG;
	alloc.blocks = (unsigned long)
		fuzz_put(thread, &a[ALLOC_BLOCKS], no_infos,
			 infos * sizeof(no_infos[0]), &blocks_seen);
	alloc.segments = (unsigned long)
		fuzz_put(thread, &a[ALLOC_SEGMENTS], no_segments,
			 segments * sizeof(no_segments[0]), &segments_seen);
	ret = command(thread, NDSHM_BLOCK_ALLOC, a, (void *)&alloc,
		      sizeof(alloc));
	if (!ret && blocks_seen)
		keep_blocks(&a[ALLOC_HANDLE], blocks_seen, infos,
			    a[ALLOC_ADAPTER].form == FUZZ_WORD &&
			    a[ALLOC_ADAPTER].number == MACHINE_EDU);
	return ret;
}

/* A handle in a register, or an arbitrary number. */
#define HANDLE { \
	.name = "handle", \
	.registers = 'h', \
	FUZZ_NUMBERS(0, 1, 0x1001, 0x7fffffff, 0xffffffff), \
	.usual = { 0, FUZZ_REGISTER }, \
}

/* With a count, the handles of consecutive registers are freed, from the named one on. */
enum { FREE_HANDLE = COMMAND_OWN, FREE_RESERVED, FREE_COUNT, FREE_HANDLES, FREE_BOTH };
static const struct fuzz_argument free_arguments[] = {
	COMMAND(struct ndshm_block_free_args),
	[FREE_HANDLE] = HANDLE,
	[FREE_RESERVED] = RESERVED,
	[FREE_COUNT] = FUZZ_ANY("count", 0, 1, 2, 3, 16, 63, 64, 65, 0xffffffff),
	[FREE_HANDLES] = FUZZ_AT("handles"),
	[FREE_BOTH] = FUZZ_ANY("both", 0, 1),
	{}
};

static long run_free(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	struct ndshm_block_free_args argument = {
		.handle = handle_of(&a[FREE_HANDLE]),
		.__reserved = a[FREE_RESERVED].number,
		.count = a[FREE_COUNT].number,
	};
	__u32 count = argument.count < 64 ? argument.count : 64, i;
	struct fuzz_value handle = a[FREE_HANDLE];
	__u32 handles[64];
	void *seen;

	if (fuzz_registers_now.dma)
		return -EBUSY;
	for (i = 0; i < count; i++, handle.number++) {
		if (handle.form == FUZZ_REGISTER && handle.number >= FUZZ_HANDLES)
			handle.number = 0;
		handles[i] = handle_of(&handle);
	}
	/* Both members, with one of which the other must be 0. */
	if (count || a[FREE_BOTH].number)
		argument.handles = (unsigned long)
			fuzz_put(thread, &a[FREE_HANDLES], handles,
				 count * sizeof(handles[0]), &seen);
	if (count && !a[FREE_BOTH].number)
		argument.handle = 0;
	fuzz_forget_addresses();
	return command(thread, NDSHM_BLOCK_FREE, a, (void *)&argument,
		       sizeof(argument));
}

enum { QUERY_HANDLE = COMMAND_OWN, QUERY_CAPACITY, QUERY_SEGMENTS };
static const struct fuzz_argument query_arguments[] = {
	COMMAND(struct ndshm_block_query_args),
	[QUERY_HANDLE] = HANDLE,
	[QUERY_CAPACITY] = FUZZ_ANY("capacity", 0, 1, 2, 16, 0xffffffff),
	[QUERY_SEGMENTS] = {
		.name = "segments",
		.registers = 'm',
		.words = fuzz_places,
		.usual = { FUZZ_NULL, FUZZ_WORD },
	},
	{}
};

static long run_query(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	static const struct ndshm_segment no_segments[64];
	struct ndshm_block_query_args query = {
		.handle = handle_of(&a[QUERY_HANDLE]),
		.segment_capacity = a[QUERY_CAPACITY].number,
	};
	__u32 segments = query.segment_capacity < 64 ?
			 query.segment_capacity : 64;
	void *seen;

	query.segments = (unsigned long)
		fuzz_put(thread, &a[QUERY_SEGMENTS], no_segments,
			 segments * sizeof(no_segments[0]), &seen);
	return command(thread, NDSHM_BLOCK_QUERY, a, (void *)&query,
		       sizeof(query));
}

enum { SYNC_HANDLE = COMMAND_OWN, SYNC_DIRECTION, SYNC_OFFSET, SYNC_LENGTH };
static const struct fuzz_argument sync_arguments[] = {
	COMMAND(struct ndshm_block_sync_args),
	[SYNC_HANDLE] = HANDLE,
	[SYNC_DIRECTION] = FUZZ_ANY("direction", NDSHM_SYNC_FOR_DEVICE,
				    NDSHM_SYNC_FOR_CPU, 0, 3, 0xffffffff),
	[SYNC_OFFSET] = FUZZ_ANY("offset", 0, 1, 0xfff, 0x1000, 0x1ff000,
				 0x200000, 0x7fffffffffffffff,
				 0xffffffffffffffff),
	[SYNC_LENGTH] = FUZZ_ANY("length", 1, 0, 0x1000, 0x1001, 0x200000,
				 0x400000, 0x8000000000000001,
				 0xffffffffffffffff),
	{}
};

static long run_sync(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	struct ndshm_block_sync_args sync = {
		.handle = handle_of(&a[SYNC_HANDLE]),
		.direction = a[SYNC_DIRECTION].number,
		.offset = a[SYNC_OFFSET].number,
		.length = a[SYNC_LENGTH].number,
	};

	return command(thread, NDSHM_BLOCK_SYNC, a, (void *)&sync,
		       sizeof(sync));
}

enum { IOCTL_NUMBER = COMMAND_OWN, IOCTL_FILL };
static const struct fuzz_argument ioctl_arguments[] = {
	COMMAND(struct ndshm_block_alloc_args),
	[IOCTL_NUMBER] = FUZZ_ANY("number", NDSHM_GET_INFO, 0, 0x5e7f, 0x5e80,
				  0x5e81, 0x5e82, 0x5e83, 0x5e84, 0x5e85,
				  0x5e86, 0x5e87, 0x5e88, 0x5e89, 0x5e8b, 0x5e8d, 0x5eff,
				  0xc0085e80, 0xffffffff),
	[IOCTL_FILL] = FUZZ_ANY("fill", 0, 1, 0x1000, 0x7fffffff, 0xffffffff),
	{}
};

/* An arbitrary command number; all words of the argument are equal. */
static long run_ioctl(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	__u32 words[sizeof(struct ndshm_block_alloc_args) / sizeof(__u32)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = a[IOCTL_FILL].number;
	return command(thread, a[IOCTL_NUMBER].number, a, (void *)words,
		       sizeof(words));
}

const struct fuzz_kind fuzz_client_kinds[] = {
	{ "open", 12, open_arguments, run_open, NULL },
	{ "close", 6, close_arguments, run_close, NULL },
	{ "dup", 2, dup_arguments, run_dup, NULL },
	{ "info", 4, info_arguments, run_info, NULL },
	{ "claim", 10, claim_arguments, run_claim, machine_has_function },
	{ "start", 5, start_arguments, run_start, machine_has_function },
	{ "irqs", 8, irqs_arguments, run_irqs, machine_has_function },
	{ "reset", 3, reset_arguments, run_reset, machine_has_function },
	{ "config", 6, config_arguments, run_config, machine_has_function },
	{ "bar", 6, bar_arguments, run_bar, machine_has_function },
	{ "alloc", 30, alloc_arguments, run_alloc, NULL },
	{ "free", 15, free_arguments, run_free, NULL },
	{ "query", 10, query_arguments, run_query, NULL },
	{ "sync", 6, sync_arguments, run_sync, NULL },
	{ "ioctl", 3, ioctl_arguments, run_ioctl, NULL },
	{}
};
