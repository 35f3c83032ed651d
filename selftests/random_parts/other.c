// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink, and what an administrator, a provider and kernel drivers do.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ndshm_nl.h"
#include "random.h"

/*
 * Netlink
 */

#define SOCKET	FROM("socket", 'n')

KIND(nlopen) = { TO("socket", 'n'), {} };

RUN(nlopen)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (fd >= 0)
		fd_keep('n', v[0].number, fd);
	return fd < 0 ? -1 : 0;
}

static const char *const options[] = { "join", "leave", "ext-ack", "strict", "no-enobufs",
	"small-buffer", NULL };
KIND(nloption) = { SOCKET, WORDS("option", options, 0), ANY("value", 1, 0, 0xffffffff), {} };

RUN(nloption)
{
	static const int numbers[] = { NETLINK_ADD_MEMBERSHIP, NETLINK_DROP_MEMBERSHIP,
		NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK, NETLINK_NO_ENOBUFS };
	int fd = fd_of(&kind->arguments[0], &v[0]), value = v[2].number;
	__u64 which = v[1].number;

	if (which < 2 && value == 1)
		value = machine_nl.group;
	return which == 5 ? setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, sizeof(value)) :
			    setsockopt(fd, SOL_NETLINK, numbers[which], &value, sizeof(value));
}

static const char *const families[] = { "ndshm", "control", NULL };
static const char *const nl_names[] = { "none", "node0", "edu", "a0", "coherent", "p0", "empty",
	"unknown", "long", "unended", NULL };
enum { NAME_NONE, NAME_EDU = 2, NAME_EMPTY = 6, NAME_LONG = 8, NAME_UNENDED };

/*
 * @type: of the id's attribute; 0: no attribute; 1: what the command expects. @extra: length of an
 * additional unknown attribute; @cut: number of bytes cut off.
 */
enum { SEND_SOCKET, SEND_AT, SEND_FAMILY, SEND_COMMAND, SEND_VERSION, SEND_FLAGS, SEND_ID,
	SEND_NAME, SEND_TYPE, SEND_EXTRA, SEND_CUT };
KIND(nlsend) = {
	SOCKET, PLACE("at", PLACE_GOOD), WORDS("family", families, 0),
	ANY("command", NDSHM_CMD_ADAPTER_GET, 0, NDSHM_CMD_PROVIDER_GET, NDSHM_CMD_BLOCK_GET,
	    NDSHM_CMD_ADAPTER_ADDED_NTF, NDSHM_CMD_SECTION_GET, NDSHM_CMD_QUEUE_GET, 255),
	ANY("version", NDSHM_FAMILY_VERSION, 0, 255),
	ANY("flags", NLM_F_REQUEST | NLM_F_ACK, NLM_F_REQUEST, NLM_F_REQUEST | NLM_F_DUMP,
	    NLM_F_REQUEST | NLM_F_ROOT, NLM_F_REQUEST | NLM_F_ECHO, 0),
	{ .name = "id", .class = 'h', .words = machine_adapters, .usual = { 0, NUMBER },
	  NUMBERS(0, 1, 2, 3, 1000) },
	WORDS("name", nl_names, 0), ANY("type", 0, 1, 2, 3, 0x8001, 0x4001, 255),
	ANY("extra", 0, 1, 4, 100, 900), ANY("cut", 0, 1, 4, 8, 16, 36),
	{}
};

static void put_name(struct ndshm_nl_request *request, __u64 which)
{
	static const char long_name[100] = "a name that is longer than any can be, and so no name";
	const char *name = nl_names[which];

	if (which == NAME_EDU)
		name = machine_adapter_name(MACHINE_EDU) ?: name;
	else if (which == NAME_EMPTY)
		name = "";
	else if (which == NAME_LONG)
		name = long_name;
	ndshm_nl_put(request, 2, name, strlen(name) + (which != NAME_UNENDED));
}

RUN(nlsend)
{
	static const char nothing[900];
	struct ndshm_nl_request request;
	const struct value *id = &v[SEND_ID];
	__u64 cut = v[SEND_CUT].number % 64;
	__u32 number = id->form == REGISTER ? registers.handles[id->number].id :
		       id->form == WORD ? machine_adapter(id->number) : id->number;
	void *at, *seen;

	ndshm_nl_begin(&request, v[SEND_FAMILY].number ? GENL_ID_CTRL : machine_nl.family,
		       v[SEND_COMMAND].number, v[SEND_FLAGS].number);
	request.genl.version = v[SEND_VERSION].number;
	if (v[SEND_TYPE].number)
		ndshm_nl_put(&request, v[SEND_TYPE].number, &number, sizeof(number));
	if (v[SEND_NAME].number != NAME_NONE)
		put_name(&request, v[SEND_NAME].number);
	if (v[SEND_EXTRA].number)
		ndshm_nl_put(&request, 99, nothing, v[SEND_EXTRA].number % sizeof(nothing));
	if (cut < request.header.nlmsg_len)
		request.header.nlmsg_len -= cut;
	thread->beside = v[SEND_FAMILY].number || !machine_nl.family;
	at = place_put(thread, &v[SEND_AT], &request, request.header.nlmsg_len, &seen);
	return send(fd_of(&kind->arguments[0], &v[SEND_SOCKET]), at, request.header.nlmsg_len,
		    MSG_DONTWAIT);
}

KIND(nlreceive) = {
	SOCKET, PLACE("at", PLACE_GOOD), ANY("size", 8192, 0, 1, 100, 512),
	ANY("times", 1, 2, 3, 10), {}
};

RUN(nlreceive)
{
	static const char nothing[8192];
	size_t size = v[2].number % (sizeof(nothing) + 1);
	__u64 times = v[3].number % 16;
	const struct nlmsghdr *got;
	void *at, *seen;
	long ret = 0;

	at = place_put(thread, &v[1], nothing, size, &seen);
	thread->beside = true;
	while (times-- && ret >= 0) {
		ret = recv(fd_of(&kind->arguments[0], &v[0]), at, size, MSG_DONTWAIT);
		/* Only a message of the family itself counts as success, not an error. */
		got = seen;
		if (got && ret >= (long)sizeof(*got))
			thread->beside &= got->nlmsg_type != machine_nl.family;
	}
	place_end(&v[1]);
	return thread->beside ? ret : 0;
}

/*
 * The mock: a provider, an adapter, and a kernel user with blocks in two slots
 */

static const char *const verbs[] = { "provider add", "provider replace", "provider del",
	"provider revoke", "adapter add", "adapter del", "script", "block alloc", "block free",
	"block get", "block put", "block sync", NULL };

/* In a program's text each is one word. */
static const char *const verb_words[] = { "add", "replace", "del", "revoke", "adapter-add",
	"adapter-del", "script", "alloc", "free", "get", "put", "sync", NULL };
enum { VERB_ALLOC = 7, VERB_SYNC = 11 };

/* The number of a provider or an adapter, or a slot. */
static const char *const which[] = { "0", "1", NULL };

static const char *const mock_options[] = { "none", "machine", "adapter=a0", "adapter=node0",
	"type=0", "revision=0", "revision=2", "size=0", "size=500", "flags=1", "allocate=null",
	"free=null", "pfn=null", "page", "sync=null", "needs_sync=1", "owner=null", "name=null",
	"name=p0", "status=success", "status=resources", "status=invalid", "status=failure",
	"status=0x12345678", "list=good", "list=short", "list=overlap", "list=multi",
	"list=reverse", "list=empty", "list=long", "list=zero", "list=wrap", "list=bad",
	"context=null", "context=own", "address=null", "consumed=1", "consumed=0x10000",
	"consumed=0x4000000", "delay_ms=2", "nth=1", "nth=2", "every=2", "reset",
	"callback=free", "callback=none", "contiguous=1", "capacity=0", "capacity=1",
	"capacity=16", "usage=0", "usage=10", "callback_us=500", "queue=0", "queue=1", "port=0",
	"port=1", NULL };

#define BLOCK_LENGTH	ANY("length", 0x1000, 1, 0x1001, 0x2000, 0x10000, 0x201000)

KIND(mock) = {
	WORDS("verb", verb_words, 0), WORDS("which", which, 0),
	WORDS("adapter", machine_adapters, MACHINE_NODE0), WORDS("provider", machine_providers, 0),
	BLOCK_LENGTH, WORDS("first", mock_options, 0), WORDS("second", mock_options, 0), {}
};

static bool too_long(__u64 length)
{
	return length > 16UL << 20 && length <= 8UL << 30;
}

/* An option; with kills the mock does not serve the whole machine. */
static const char *option(const struct value *value)
{
	return value->number > run_in_kills ? mock_options[value->number] : "";
}

static const char *provider_name(const struct value *value)
{
	return value->number == MACHINE_ANY ? "default" : machine_providers[value->number];
}

RUN(mock)
{
	__u64 verb = v[0].number, length = v[4].number;
	const char *adapter = machine_adapter_name(v[2].number), *slot = which[v[1].number];
	char command[256];

	if (registers.dma)
		return -EBUSY;
	forget_addresses();
	if (verb == VERB_ALLOC && (too_long(length) || !adapter))
		return -EFBIG;
	if (verb < VERB_ALLOC) {
		snprintf(command, sizeof(command), "%s %s%s %s %s", verbs[verb],
			 strncmp(verb_words[verb], "adapter", 7) ? "p" : "a", slot, option(&v[5]),
			 option(&v[6]));
	} else if (verb == VERB_SYNC) {
		snprintf(command, sizeof(command), "%s %s %d 0 %llu", verbs[verb], slot,
			 v[5].number ? NDSHM_SYNC_FOR_DEVICE : NDSHM_SYNC_FOR_CPU, length);
	} else if (verb > VERB_ALLOC) {
		snprintf(command, sizeof(command), "%s %s", verbs[verb], slot);
	} else {
		snprintf(command, sizeof(command), "%s %s %s %s %llu %s %s", verbs[verb], slot,
			 adapter, provider_name(&v[3]), length, option(&v[5]), option(&v[6]));
	}
	return machine_mock(command);
}

/* Queues of the mock's adapters, which end with these. */
static const char *const queue_words[] = { "add", "filter", "clear", "complete", "free", "stopped",
	"add-port", "activate", "delete", NULL };
#define WORD_ADD_PORT	6

KIND(queue) = {
	WORDS("what", queue_words, 0), WORDS("slot", which, 0), WORDS("adapter", which, 0), {}
};

RUN(queue)
{
	__u64 word = v[0].number;
	const char *object = word < WORD_ADD_PORT ? "queue" : "port";
	char command[64];

	if (word && word != WORD_ADD_PORT)
		snprintf(command, sizeof(command), "%s event %s %s", object, which[v[1].number],
			 queue_words[word]);
	else
		snprintf(command, sizeof(command), "%s add %s a%s", object, which[v[1].number],
			 which[v[2].number]);
	return machine_mock(command);
}

static const char *const packet_words[] = { "resolve", "put", NULL };
/* A client's block, one of the mock's, or an arbitrary number. */
static const char *const packet_blocks[] = { "block=0", "block=1", NULL };
KIND(packet) = {
	WORDS("what", packet_words, 0), WORDS("slot", which, 0),
	WORDS("adapter", machine_adapters, MACHINE_NODE0),
	{ .name = "handle", .class = 'h', .words = packet_blocks, .usual = { 0, REGISTER },
	  NUMBERS(0, 1, 0x1001) },
	ANY("offset", 0, 1, 0xfff, 0x1000, 0x1fffff), ANY("length", 1, 0, 0x1000, 0x1001, 0x200000),
	{}
};

RUN(packet)
{
	const char *adapter = machine_adapter_name(v[2].number), *slot = which[v[1].number];
	const struct value *handle = &v[3];
	char command[128], number[16];

	if (v[0].number) {
		snprintf(command, sizeof(command), "packet put %s", slot);
		return machine_mock(command);
	}
	if (!adapter)
		return -ENOENT;
	snprintf(number, sizeof(number), "%u", handle->form == REGISTER ?
		 registers.handles[handle->number].id : (__u32)handle->number);
	snprintf(command, sizeof(command), "packet resolve %s %s %s %llu %llu", slot, adapter,
		 handle->form == WORD ? packet_blocks[handle->number] : number, v[4].number,
		 v[5].number);
	return machine_mock(command);
}

static const char *const request_words[] = { "ask", "end", NULL };
KIND(request) = {
	WORDS("what", request_words, 0), ANY("slot", 0, 1, 2, 3, 4, 5, 6, 7, 8),
	WORDS("adapter", machine_adapters, MACHINE_NODE0), WORDS("provider", machine_providers, 0),
	BLOCK_LENGTH, {}
};

RUN(request)
{
	const char *adapter = machine_adapter_name(v[2].number);
	char command[256];

	if (v[0].number)
		return machine_mock("request end");
	if (too_long(v[4].number))
		return -EFBIG;
	if (!adapter)
		return -ENOENT;
	snprintf(command, sizeof(command), "request ask %llu %s %s %llu", v[1].number,
		 adapter, provider_name(&v[3]), v[4].number);
	return machine_mock(command);
}

static const char *const steps[] = { "begin", "open", "register", "replace", "allocate", "free",
	"m-allocate", "m-free", "dma-register", "dma-deregister", "async", "told", "close", "end",
	NULL };
KIND(ndis) = { WORDS("step", steps, 0), {} };

RUN(ndis)
{
	return machine_ndis(steps[v[0].number]);
}

/*
 * The administrator
 */

static const char *const bind_ways[] = { "unbind", "bind", NULL };
KIND(bind) = {
	WORDS("adapter", machine_adapters, MACHINE_EDU), WORDS("way", bind_ways, 0), {}
};

RUN(bind)
{
	long ret = machine_bind(v[0].number, v[1].number);

	forget_addresses();
	if (!ret && v[0].number == MACHINE_EDU && !v[1].number)
		windows_revoke(0);
	return ret;
}

static const char *const parameters[] = { "allow_unisolated", "max_block_bytes",
	"max_section_bytes", NULL };
KIND(parameter) = {
	WORDS("name", parameters, 0), ANY("value", 1, 0, 0xfff, 0x1000, 0x10000), {}
};

RUN(parameter)
{
	char value[32];

	snprintf(value, sizeof(value), "%llu", v[1].number % 0x100000000);
	return machine_parameter(parameters[v[0].number], value);
}

#define ROW(name, weight, possible) \
	{ #name, weight, name##_arguments, run_##name, possible, 0, NULL }

const struct kind other_kinds[] = {
	ROW(nlopen, 4, NULL),
	ROW(nloption, 2, NULL),
	ROW(nlsend, 10, NULL),
	ROW(nlreceive, 5, NULL),
	ROW(mock, 8, machine_has_mock),
	ROW(queue, 4, machine_has_mock),
	ROW(packet, 4, machine_has_mock),
	ROW(request, 4, machine_has_mock),
	ROW(ndis, 6, machine_has_ndis),
	ROW(bind, 0, machine_has_function),
	ROW(parameter, 2, NULL),
	{}
};
