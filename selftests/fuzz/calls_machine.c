// SPDX-License-Identifier: GPL-2.0
/*
 * Actions of an administrator, a kernel user and a provider.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/ndshm.h>

#include "ndshm_proc.h"
#include "arguments.h"

static const char *const mock_verbs[] = { "provider add", "provider replace",
	"provider del", "provider revoke", "adapter add", "adapter del", "script",
	"block alloc", "block free", "block get", "block put", "block sync", NULL };

/* In a program's text each is one word. */
static const char *const mock_words[] = { "add", "replace", "del", "revoke",
	"adapter-add", "adapter-del", "script", "alloc", "free", "get", "put",
	"sync", NULL };
#define VERB_ALLOC	7
#define VERB_SYNC	11

/* The number of a provider or an adapter, or a block's slot. */
static const char *const mock_which[] = { "0", "1", NULL };

static const char *const mock_options[] = { "none", "machine", "adapter=a0",
	"adapter=node0", "type=0", "revision=0", "revision=2", "size=0",
	"size=500", "flags=1", "allocate=null", "free=null", "pfn=null",
	"page", "sync=null", "needs_sync=1", "owner=null", "name=null", "name=p0",
	"status=success", "status=resources", "status=invalid", "status=failure",
	"status=0x12345678", "list=good", "list=short", "list=overlap",
	"list=multi", "list=reverse", "list=empty", "list=long", "list=zero",
	"list=wrap", "list=bad", "context=null", "context=own", "address=null",
	"consumed=1", "consumed=0x10000", "consumed=0x4000000", "delay_ms=2",
	"nth=1", "nth=2", "every=2", "reset", "callback=free", "callback=none",
	"contiguous=1", "capacity=0", "capacity=1", "capacity=16", "usage=0",
	"usage=10", "callback_us=500", "queue=0", "queue=1", "port=0", "port=1",
	NULL };

enum { MOCK_VERB, MOCK_WHICH, MOCK_ADAPTER, MOCK_PROVIDER, MOCK_LENGTH,
	MOCK_FIRST, MOCK_SECOND };
static const struct fuzz_argument mock_arguments[] = {
	[MOCK_VERB] = FUZZ_WORDS("verb", mock_words, 0),
	[MOCK_WHICH] = FUZZ_WORDS("which", mock_which, 0),
	/* For a kernel user's block. */
	[MOCK_ADAPTER] = FUZZ_WORDS("adapter", machine_adapters, MACHINE_NODE0),
	[MOCK_PROVIDER] = FUZZ_WORDS("provider", machine_providers, 0),
	[MOCK_LENGTH] = FUZZ_BLOCK_LENGTH,
	[MOCK_FIRST] = FUZZ_WORDS("first", mock_options, 0),
	[MOCK_SECOND] = FUZZ_WORDS("second", mock_options, 0),
	{}
};

static const char *option(const struct fuzz_value *value)
{
	return value->number ? mock_options[value->number] : "";
}

static long run_mock(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	__u64 verb = a[MOCK_VERB].number, length = a[MOCK_LENGTH].number;
	const char *adapter, *provider, *number = mock_which[a[MOCK_WHICH].number];
	char command[256];

	(void)thread;
	if (fuzz_registers_now.dma)
		return -EBUSY;
	fuzz_forget_addresses();
	if (verb < VERB_ALLOC) {
		snprintf(command, sizeof(command), "%s %s%s %s %s",
			 mock_verbs[verb],
			 strncmp(mock_words[verb], "adapter", 7) ? "p" : "a",
			 number, option(&a[MOCK_FIRST]),
			 option(&a[MOCK_SECOND]));
		return machine_mock(command);
	}
	if (verb == VERB_SYNC) {
		snprintf(command, sizeof(command), "%s %s %d 0 %llu",
			 mock_verbs[verb], number,
			 a[MOCK_FIRST].number ? NDSHM_SYNC_FOR_DEVICE :
						NDSHM_SYNC_FOR_CPU, length);
		return machine_mock(command);
	}
	if (verb > VERB_ALLOC) {
		snprintf(command, sizeof(command), "%s %s", mock_verbs[verb],
			 number);
		return machine_mock(command);
	}
	if (length > 16UL << 20 && length <= 8UL << 30)
		return -EFBIG;
	adapter = machine_adapter_name(a[MOCK_ADAPTER].number);
	provider = a[MOCK_PROVIDER].number == MACHINE_ANY ? "default" :
		   machine_providers[a[MOCK_PROVIDER].number];
	if (!adapter)
		return -ENOENT;
	snprintf(command, sizeof(command), "block alloc %s %s %s %llu %s %s",
		 number, adapter, provider, length, option(&a[MOCK_FIRST]),
		 option(&a[MOCK_SECOND]));
	return machine_mock(command);
}

/* Queues of the mock's adapters, which end with these. */
static const char *const queue_words[] = { "add", "filter", "clear", "complete",
	"free", "stopped", "add-port", "activate", "delete", NULL };
#define WORD_ADD_PORT	6

enum { QUEUE_WORD, QUEUE_SLOT, QUEUE_ADAPTER };
static const struct fuzz_argument queue_arguments[] = {
	[QUEUE_WORD] = FUZZ_WORDS("what", queue_words, 0),
	[QUEUE_SLOT] = FUZZ_WORDS("slot", mock_which, 0),
	[QUEUE_ADAPTER] = FUZZ_WORDS("adapter", mock_which, 0),
	{}
};

static long run_queue(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	__u64 word = a[QUEUE_WORD].number;
	const char *kind = word < WORD_ADD_PORT ? "queue" : "port";
	const char *slot = mock_which[a[QUEUE_SLOT].number];
	char command[64];

	(void)thread;
	if (word && word != WORD_ADD_PORT)
		snprintf(command, sizeof(command), "%s event %s %s", kind, slot,
			 queue_words[word]);
	else
		snprintf(command, sizeof(command), "%s add %s a%s", kind, slot,
			 mock_which[a[QUEUE_ADAPTER].number]);
	return machine_mock(command);
}

static const char *const bind_ways[] = { "unbind", "bind", NULL };
enum { BIND_ADAPTER, BIND_WAY };
static const struct fuzz_argument bind_arguments[] = {
	[BIND_ADAPTER] = FUZZ_WORDS("adapter", machine_adapters, MACHINE_EDU),
	[BIND_WAY] = FUZZ_WORDS("way", bind_ways, 0),
	{}
};

static long run_bind(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	(void)thread;
	fuzz_forget_addresses();
	return machine_bind(a[BIND_ADAPTER].number, a[BIND_WAY].number);
}

static const char *const parameters[] = { "allow_unisolated", "max_block_bytes",
	"max_section_bytes", NULL };
enum { PARAMETER_NAME, PARAMETER_VALUE };
static const struct fuzz_argument parameter_arguments[] = {
	[PARAMETER_NAME] = FUZZ_WORDS("name", parameters, 0),
	[PARAMETER_VALUE] = FUZZ_ANY("value", 1, 0, 0xfff, 0x1000, 0x10000),
	{}
};

static long run_parameter(struct fuzz_thread *thread,
			  const struct fuzz_value *a)
{
	char value[32];

	(void)thread;
	snprintf(value, sizeof(value), "%llu",
		 a[PARAMETER_VALUE].number % 0x100000000);
	return machine_parameter(parameters[a[PARAMETER_NAME].number], value);
}

/* Permissions are those of the effective user, whoever opened the descriptor. */
static const char *const users[] = { "root", "a", "b", NULL };
static const struct fuzz_argument become_arguments[] = {
	FUZZ_WORDS("user", users, 1),
	{}
};

static long run_become(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	static const uid_t uids[] = { 0, NDSHM_USER_A, NDSHM_USER_B };

	return fuzz_become(thread, uids[a[0].number]) ? 0 : -1;
}

const struct fuzz_kind fuzz_machine_kinds[] = {
	{ "mock", 8, mock_arguments, run_mock, machine_has_mock },
	{ "queue", 4, queue_arguments, run_queue, machine_has_mock },
	{ "bind", 0, bind_arguments, run_bind, machine_has_function },
	{ "become", 2, become_arguments, run_become, NULL },
	{ "parameter", 2, parameter_arguments, run_parameter, NULL },
	{}
};
