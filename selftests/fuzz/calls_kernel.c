// SPDX-License-Identifier: GPL-2.0
/*
 * Calls of kernel drivers: packets, asynchronous blocks, the NDIS calls.
 */
#include <errno.h>
#include <stdio.h>

#include <linux/ndshm.h>

#include "arguments.h"

/* Two of each, as of the mock's blocks. */
static const char *const slots[] = { "0", "1", NULL };

static const char *const packet_words[] = { "resolve", "put", NULL };

/* A client's block, one of the mock's, or an arbitrary number. */
static const char *const packet_blocks[] = { "block=0", "block=1", NULL };

enum { PACKET_WORD, PACKET_SLOT, PACKET_ADAPTER, PACKET_HANDLE, PACKET_OFFSET,
	PACKET_LENGTH };
static const struct fuzz_argument packet_arguments[] = {
	[PACKET_WORD] = FUZZ_WORDS("what", packet_words, 0),
	[PACKET_SLOT] = FUZZ_WORDS("slot", slots, 0),
	[PACKET_ADAPTER] = FUZZ_WORDS("adapter", machine_adapters,
				      MACHINE_NODE0),
	[PACKET_HANDLE] = {
		.name = "handle",
		.registers = 'h',
		.words = packet_blocks,
		FUZZ_NUMBERS(0, 1, 0x1001, 0x7fffffff, 0xffffffff),
		.usual = { 0, FUZZ_REGISTER },
	},
	[PACKET_OFFSET] = FUZZ_ANY("offset", 0, 1, 0xfff, 0x1000, 0x1fffff,
				   0x7fffffffffffffff, 0xffffffffffffffff),
	[PACKET_LENGTH] = FUZZ_ANY("length", 1, 0, 0x1000, 0x1001, 0x200000,
				   0x8000000000000001, 0xffffffffffffffff),
	{}
};

static long run_packet(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	const char *adapter = machine_adapter_name(a[PACKET_ADAPTER].number);
	const struct fuzz_value *handle = &a[PACKET_HANDLE];
	const char *slot = slots[a[PACKET_SLOT].number];
	char command[128], number[16];

	(void)thread;
	if (a[PACKET_WORD].number) {
		snprintf(command, sizeof(command), "packet put %s", slot);
		return machine_mock(command);
	}
	if (!adapter)
		return -ENOENT;
	snprintf(number, sizeof(number), "%u",
		 handle->form == FUZZ_REGISTER ? fuzz_handle(handle)->id :
						 (__u32)handle->number);
	snprintf(command, sizeof(command), "packet resolve %s %s %s %llu %llu",
		 slot, adapter,
		 handle->form == FUZZ_WORD ? packet_blocks[handle->number] :
					     number,
		 a[PACKET_OFFSET].number, a[PACKET_LENGTH].number);
	return machine_mock(command);
}

static const char *const request_words[] = { "ask", "end", NULL };
#define WORD_END	1

enum { REQUEST_WORD, REQUEST_SLOT, REQUEST_ADAPTER, REQUEST_PROVIDER,
	REQUEST_LENGTH };
static const struct fuzz_argument request_arguments[] = {
	[REQUEST_WORD] = FUZZ_WORDS("what", request_words, 0),
	[REQUEST_SLOT] = FUZZ_ANY("slot", 0, 1, 2, 3, 4, 5, 6, 7, 8),
	[REQUEST_ADAPTER] = FUZZ_WORDS("adapter", machine_adapters,
				       MACHINE_NODE0),
	[REQUEST_PROVIDER] = FUZZ_WORDS("provider", machine_providers, 0),
	[REQUEST_LENGTH] = FUZZ_BLOCK_LENGTH,
	{}
};

static long run_request(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	__u64 length = a[REQUEST_LENGTH].number;
	const char *adapter, *provider;
	char command[256];

	(void)thread;
	if (a[REQUEST_WORD].number == WORD_END)
		return machine_mock("request end");
	if (length > 16UL << 20 && length <= 8UL << 30)
		return -EFBIG;
	adapter = machine_adapter_name(a[REQUEST_ADAPTER].number);
	provider = a[REQUEST_PROVIDER].number == MACHINE_ANY ? "default" :
		   machine_providers[a[REQUEST_PROVIDER].number];
	if (!adapter)
		return -ENOENT;
	snprintf(command, sizeof(command), "request ask %llu %s %s %llu",
		 a[REQUEST_SLOT].number, adapter, provider, length);
	return machine_mock(command);
}

static const char *const steps[] = { "begin", "open", "register", "replace",
	"allocate", "free", "m-allocate", "m-free", "dma-register",
	"dma-deregister", "async", "told", "close", "end", NULL };

static const struct fuzz_argument ndis_arguments[] = {
	FUZZ_WORDS("step", steps, 0),
	{}
};

static long run_ndis(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	(void)thread;
	return machine_ndis(steps[a[0].number]);
}

const struct fuzz_kind fuzz_kernel_kinds[] = {
	{ "packet", 4, packet_arguments, run_packet, machine_has_mock },
	{ "request", 4, request_arguments, run_request, machine_has_mock },
	{ "ndis", 6, ndis_arguments, run_ndis, machine_has_ndis },
	{}
};
