// SPDX-License-Identifier: GPL-2.0
/*
 * The netlink family: single requests, dumps, and joining the event group. A
 * dump that ends without an error must be complete.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "client.h"

static struct fail_nth_client *const of = &fail_nth_of;

static struct ndshm_nl nl = { .fd = -1 };
static struct ndshm_nl_adapter adapter;
static struct ndshm_nl_provider provider;
static struct ndshm_nl_block block;
static struct ndshm_nl_queue queue;
static int adapters, providers, blocks, queues, shown;

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
	if (!fail_nth_open_block() || !open_socket())
		return false;
	adapters = ndshm_nl_adapters(&nl, NULL, 0);
	providers = ndshm_nl_providers(&nl, NULL, 0);
	blocks = ndshm_nl_blocks(&nl, NULL, 0);
	queues = ndshm_nl_queues(&nl, NULL, 0);
	return fail_nth_expect(!ndshm_nl_provider_by_name(&nl, "coherent",
							  &provider)) &&
	       fail_nth_expect(!ndshm_nl_adapter_by_id(&nl, of->adapter,
						       &adapter));
}

static void clean(void)
{
	ndshm_nl_close(&nl);
	fail_nth_close();
}

/* The socket may contain a partial answer. */
static void again(int error)
{
	if (!error)
		return;
	ndshm_nl_close(&nl);
	open_socket();
}

static int call_adapter_id(void)
{
	return ndshm_nl_adapter_by_id(&nl, of->adapter, &adapter);
}

static int call_adapter_name(void)
{
	struct ndshm_nl_adapter found;
	int error = ndshm_nl_adapter_by_name(&nl, adapter.name, &found);

	if (!error)
		adapter = found;
	return error;
}

static void check_adapter(int error)
{
	if (!error)
		fail_nth_expect(adapter.id == of->adapter);
	again(error);
}

static int call_provider_id(void)
{
	struct ndshm_nl_provider found;
	int error = ndshm_nl_provider_by_id(&nl, provider.id, &found);

	if (!error)
		provider = found;
	return error;
}

static int call_provider_name(void)
{
	return ndshm_nl_provider_by_name(&nl, "coherent", &provider);
}

static void check_provider(int error)
{
	if (!error)
		fail_nth_expect(!strcmp(provider.name, "coherent"));
	again(error);
}

static int call_block(void)
{
	return ndshm_nl_block_by_id(&nl, of->blocks[0].shared_memory_handle,
				    &block);
}

static void check_block(int error)
{
	if (!error)
		fail_nth_expect(block.length == of->blocks[0].length);
	again(error);
}

static int shown_or_error(int count)
{
	shown = count;
	return count < 0 ? count : 0;
}

static int call_adapters(void)
{
	return shown_or_error(ndshm_nl_adapters(&nl, NULL, 0));
}

static void check_adapters(int error)
{
	if (!error)
		fail_nth_expect(shown == adapters);
	again(error);
}

static int call_providers(void)
{
	return shown_or_error(ndshm_nl_providers(&nl, NULL, 0));
}

static void check_providers(int error)
{
	if (!error)
		fail_nth_expect(shown == providers);
	again(error);
}

static int call_blocks(void)
{
	return shown_or_error(ndshm_nl_blocks(&nl, NULL, 0));
}

static void check_blocks(int error)
{
	if (!error)
		fail_nth_expect(shown == blocks);
	again(error);
}

static int call_queue(void)
{
	return ndshm_nl_queue_by_id(&nl, of->adapter, 0, 0, &queue);
}

static void check_queue(int error)
{
	if (!error)
		fail_nth_expect(queue.adapter == of->adapter && queue.state);
	again(error);
}

static int call_queues(void)
{
	return shown_or_error(ndshm_nl_queues(&nl, NULL, 0));
}

static void check_queues(int error)
{
	if (!error)
		fail_nth_expect(shown == queues);
	again(error);
}

/*
 * Permissions: all that was asked for is set, or nothing is
 */

#define ACCESS	(NDSHM_NL_OWNER | NDSHM_NL_GROUP | NDSHM_NL_MODE)
#define MODE	0640
#define USER	54321

static const struct ndshm_nl_access strict = {
	.set = ACCESS, .owner = USER, .group = USER, .mode = MODE,
};

static void check_access(int error, __u32 owner, __u32 group, __u32 mode,
			 const struct ndshm_nl_access *usual)
{
	if (owner == USER)
		fail_nth_expect(group == USER && mode == MODE);
	else
		fail_nth_expect(error && owner == usual->owner &&
				group == usual->group && mode == usual->mode);
}

static int call_set_adapter(void)
{
	return ndshm_nl_set_adapter(&nl, of->adapter, &strict);
}

static void check_set_adapter(int error)
{
	const struct ndshm_nl_access usual = {
		.set = ACCESS, .owner = adapter.owner, .group = adapter.group,
		.mode = adapter.mode,
	};
	struct ndshm_nl_adapter now;

	again(error);
	fail_nth_expect(!ndshm_nl_adapter_by_id(&nl, of->adapter, &now));
	check_access(error, now.owner, now.group, now.mode, &usual);
	fail_nth_expect(!ndshm_nl_set_adapter(&nl, of->adapter, &usual));
}

static int call_set_provider(void)
{
	return ndshm_nl_set_provider(&nl, provider.id, &strict);
}

static void check_set_provider(int error)
{
	const struct ndshm_nl_access usual = {
		.set = ACCESS, .owner = provider.owner,
		.group = provider.group, .mode = provider.mode,
	};
	struct ndshm_nl_provider now;

	again(error);
	fail_nth_expect(!ndshm_nl_provider_by_id(&nl, provider.id, &now));
	check_access(error, now.owner, now.group, now.mode, &usual);
	fail_nth_expect(!ndshm_nl_set_provider(&nl, provider.id, &usual));
}

static int call_join(void)
{
	return ndshm_nl_join_events(&nl);
}

#define NETLINK_COMMAND(name_, call_, check_) \
	{ \
		.name = name_, .errors = { ENOMEM, ENOBUFS, EFAULT }, \
		.setup = setup, .call = call_, .check = check_, \
		.clean = clean, \
	}

static const struct fail_nth_command commands[] = {
	NETLINK_COMMAND("adapter-get-id", call_adapter_id, check_adapter),
	NETLINK_COMMAND("adapter-get-name", call_adapter_name, check_adapter),
	NETLINK_COMMAND("provider-get-id", call_provider_id, check_provider),
	NETLINK_COMMAND("provider-get-name", call_provider_name,
			check_provider),
	NETLINK_COMMAND("block-get", call_block, check_block),
	NETLINK_COMMAND("adapter-dump", call_adapters, check_adapters),
	NETLINK_COMMAND("provider-dump", call_providers, check_providers),
	NETLINK_COMMAND("block-dump", call_blocks, check_blocks),
	NETLINK_COMMAND("queue-get", call_queue, check_queue),
	NETLINK_COMMAND("queue-dump", call_queues, check_queues),
	NETLINK_COMMAND("adapter-set", call_set_adapter, check_set_adapter),
	NETLINK_COMMAND("provider-set", call_set_provider, check_set_provider),
	NETLINK_COMMAND("events-join", call_join, NULL),
};

const struct fail_nth_group fail_nth_netlink = {
	.name = "netlink",
	.commands = commands,
	.count = ARRAY_SIZE(commands),
	.state = fail_nth_client_state,
};
