// SPDX-License-Identifier: GPL-2.0
/*
 * The netlink family: single requests, dumps, and joining the event group. A
 * dump that ends without an error must be complete.
 */
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "fail_nth.h"

static struct fail_nth_objects *const of = &fail_nth_of;

static struct ndshm_nl nl = { .fd = -1 };
static struct ndshm_nl_adapter adapter;
static struct ndshm_nl_provider provider;
static int adapters, providers, blocks, queues;

/* What the answer has, and what it must have. */
static __u64 has, must_have;

/* A missing answer must be reported instead of blocking the program. */
static bool open_socket(void)
{
	const struct timeval limit = { .tv_sec = 10 };

	return fail_nth_expect(!ndshm_nl_open(&nl)) &&
	       fail_nth_expect(!setsockopt(nl.fd, SOL_SOCKET, SO_RCVTIMEO,
					   &limit, sizeof(limit)));
}

/* At least one object of each kind exists. */
static bool setup(void)
{
	if (!open_socket())
		return false;
	adapters = ndshm_nl_adapters(&nl, NULL, 0);
	providers = ndshm_nl_providers(&nl, NULL, 0);
	blocks = ndshm_nl_blocks(&nl, NULL, 0);
	queues = ndshm_nl_queues(&nl, NULL, 0);
	return fail_nth_expect(!ndshm_nl_provider_by_name(&nl, "coherent", &provider)) &&
	       fail_nth_expect(!ndshm_nl_adapter_by_id(&nl, of->objects.adapter, &adapter));
}

static void clean(void)
{
	ndshm_nl_close(&nl);
}

/* The socket may contain a partial answer. */
static void again(int error)
{
	if (!error)
		return;
	ndshm_nl_close(&nl);
	open_socket();
}

static void check(int error)
{
	if (!error)
		fail_nth_expect(has == must_have);
	again(error);
}

static int answer(int error, __u64 answer_has, __u64 answer_must_have)
{
	has = answer_has;
	must_have = answer_must_have;
	return error;
}

/* Ask for one object. */
#define ASK_FOR(name, object, call, answer_has, answer_must_have) \
static int call_##name(void) \
{ \
	struct ndshm_nl_##object found = {}; \
	int error = call; \
\
	return answer(error, answer_has, answer_must_have); \
}

ASK_FOR(adapter_id, adapter, ndshm_nl_adapter_by_id(&nl, adapter.id, &found), found.id, adapter.id)
ASK_FOR(adapter_name, adapter, ndshm_nl_adapter_by_name(&nl, adapter.name, &found),
	found.id, adapter.id)
ASK_FOR(provider_id, provider, ndshm_nl_provider_by_id(&nl, provider.id, &found),
	!strcmp(found.name, "coherent"), true)
ASK_FOR(provider_name, provider, ndshm_nl_provider_by_name(&nl, "coherent", &found),
	found.id, provider.id)
ASK_FOR(block, block, ndshm_nl_block_by_id(&nl, of->objects.made.shared_memory_handle, &found),
	found.length, of->objects.made.length)
ASK_FOR(queue, queue, ndshm_nl_queue_by_id(&nl, adapter.id, 0, 0, &found),
	found.state ? found.adapter : 0, adapter.id)

/* Count all objects of a kind. */
#define DUMP(objects) \
static int call_##objects(void) \
{ \
	int count = ndshm_nl_##objects(&nl, NULL, 0); \
\
	return answer(count < 0 ? count : 0, count, objects); \
}

DUMP(adapters)
DUMP(providers)
DUMP(blocks)
DUMP(queues)

static int call_join(void)
{
	return answer(ndshm_nl_join_events(&nl), 0, 0);
}

#define NETLINK(name_, points_, call_, check_) { \
	.name = name_, .points = points_, .errors = { ENOMEM, ENOBUFS, EFAULT }, \
	.needs = NEEDS_BLOCK, .setup = setup, .call = call_, .check = check_, .clean = clean }

static const struct fail_nth_scenario scenarios[] = {
	NETLINK("adapter-get-id", 11, call_adapter_id, check),
	NETLINK("adapter-get-name", 11, call_adapter_name, check),
	NETLINK("provider-get-id", 11, call_provider_id, check),
	NETLINK("provider-get-name", 11, call_provider_name, check),
	NETLINK("block-get", 11, call_block, check),
	NETLINK("adapter-dump", 8, call_adapters, check),
	NETLINK("provider-dump", 8, call_providers, check),
	NETLINK("block-dump", 8, call_blocks, check),
	NETLINK("queue-get", 11, call_queue, check),
	NETLINK("queue-dump", 8, call_queues, check),
	NETLINK("events-join", 2, call_join, NULL),
};

const struct fail_nth_group fail_nth_netlink = {
	.name = "netlink",
	.scenarios = scenarios,
	.count = ARRAY_SIZE(scenarios),
	.state = fail_nth_state,
};
