// SPDX-License-Identifier: GPL-2.0
/*
 * The netlink family: requests for one, dumps, and joining the event group. A
 * dump that says it is complete is.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "client.h"

static struct fail_nth_client *const of = &fail_nth_of;

static struct ndshm_nl nl = { .fd = -1 };
static struct ndshm_nl_adapter adapter;
static struct ndshm_nl_provider provider;
static struct ndshm_nl_block block;
static int adapters, providers, blocks, shown;

/* An answer that never comes is a mistake as well. */
static bool open_socket(void)
{
	const struct timeval limit = { .tv_sec = 10 };

	return fail_nth_expect(!ndshm_nl_open(&nl)) &&
	       fail_nth_expect(!setsockopt(nl.fd, SOL_SOCKET, SO_RCVTIMEO,
					   &limit, sizeof(limit)));
}

/* There is something to show of each kind. */
static bool setup(void)
{
	if (!fail_nth_open_block() || !open_socket())
		return false;
	adapters = ndshm_nl_adapters(&nl, NULL, 0);
	providers = ndshm_nl_providers(&nl, NULL, 0);
	blocks = ndshm_nl_blocks(&nl, NULL, 0);
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

/* Half an answer may be left in the socket. */
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
	NETLINK_COMMAND("events-join", call_join, NULL),
};

const struct fail_nth_group fail_nth_netlink = {
	.name = "netlink",
	.commands = commands,
	.count = ARRAY_SIZE(commands),
	.state = fail_nth_client_state,
};
