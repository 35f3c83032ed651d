// SPDX-License-Identifier: GPL-2.0
/*
 * Asynchronous allocations: a process that is killed or closes the client leaves them
 * in any state. Each is the request of one process, but any process that has the client
 * may read its record.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

#define RECORDS		4	/* that are read at once, at most */
#define PATIENCE	60000	/* milliseconds until a record comes */

static bool refusal_allowed(__u32 reason, __u64 allowed)
{
	return reason < 64 && allowed >> reason & 1;
}

static void forget(struct storm_client *client, struct storm_asked *asked)
{
	*asked = client->requests[--client->asked];
}

static struct storm_asked *some_asked(struct storm_client *client)
{
	return &client->requests[storm_below(&client->random, client->asked)];
}

static struct storm_asked *find(struct storm_client *client, __u64 cookie)
{
	unsigned int i;

	for (i = 0; i < client->asked; i++)
		if (client->requests[i].alloc.cookie == cookie)
			return &client->requests[i];
	return NULL;
}

bool storm_do_ask(struct storm_client *client)
{
	struct ndshm_block_alloc request = storm_some_request(client, NULL);
	__u32 reason;

	if (client->count + client->asked >= client->most)
		return storm_do_free(client);
	if (client->asked == STORM_ASKED) {
		/* Others may have read all of them. */
		if (!client->shared)
			return storm_do_read(client);
		forget(client, some_asked(client));
	}
	request.flags |= NDSHM_ALLOC_ASYNC;
	request.cookie = storm_draw(&client->random);
	reason = storm_answer(client, NDSHM_BLOCK_ALLOC, &request,
			      sizeof(request));
	if (reason == STORM_BROKEN)
		return false;
	if (reason == NDSHM_REASON_PENDING) {
		client->requests[client->asked++] = (struct storm_asked){
			.alloc = request,
		};
		return true;
	}
	/* The limit counts requests of all processes that have the client. */
	return (client->shared && reason == NDSHM_REASON_REQUESTS) ||
	       refusal_allowed(reason, storm_excuses(client, &request)) ||
	       storm_complain("what was asked for later: reason %u", reason);
}

bool storm_do_cancel(struct storm_client *client)
{
	struct ndshm_block_cancel request = {};
	struct storm_asked *asked = NULL;
	__u32 reason;

	/* Or one that is none. */
	request.cookie = storm_draw(&client->random);
	if (client->asked && storm_chance(&client->random, 90)) {
		asked = some_asked(client);
		request.cookie = asked->alloc.cookie;
	}
	reason = storm_answer(client, NDSHM_BLOCK_CANCEL, &request,
			      sizeof(request));
	if (reason == STORM_BROKEN)
		return false;
	if (reason == NDSHM_REASON_REQUEST_UNKNOWN)
		return true;
	if (reason || !asked || asked->cancelled)
		return storm_complain("what is not out was cancelled: reason %u",
				      reason);
	asked->cancelled = true;
	return true;
}

static bool give_back(struct storm_client *client, __u32 handle)
{
	struct ndshm_block_free request = { .handle = handle };

	return !storm_call(client, NDSHM_BLOCK_FREE, &request, sizeof(request),
			   0);
}

static bool take_block(struct storm_client *client,
		       const struct storm_asked *asked,
		       const struct ndshm_completion *record)
{
	if (asked && asked->cancelled)
		return storm_complain("a block was made of what was cancelled");
	/* Another process has asked for it, and knows how long it is to be. */
	if (!asked || client->count == STORM_BLOCKS)
		return give_back(client, record->block.handle);
	return storm_keep(client, &asked->alloc, &record->block);
}

static bool take(struct storm_client *client,
		 const struct ndshm_completion *record)
{
	struct storm_asked *asked = find(client, record->cookie);
	bool fine = true;

	if (!asked && !client->shared)
		return storm_complain("a record of nobody: reason %u",
				      record->reason);
	if (record->reason == NDSHM_REASON_NONE)
		fine = take_block(client, asked, record);
	else if (record->block.handle)
		fine = storm_complain("reason %u, and a block", record->reason);
	else if (asked && asked->cancelled)
		fine = record->reason == NDSHM_REASON_REQUEST_ABORTED;
	else if (asked)
		fine = refusal_allowed(record->reason,
				       storm_excuses(client, &asked->alloc));
	if (!fine)
		return storm_complain("a record: reason %u", record->reason);
	if (asked)
		forget(client, asked);
	return true;
}

/* Read the available records; or wait for the next one, which must come. */
bool storm_do_read(struct storm_client *client)
{
	const unsigned int most = 1 + storm_below(&client->random, RECORDS);
	struct pollfd wanted = { .fd = client->fd, .events = POLLIN };
	struct ndshm_completion records[RECORDS];
	const size_t each = sizeof(records[0]);
	bool wait = client->asked && !client->shared &&
		    storm_chance(&client->random, 50);
	long got, i;
	int ready;

	ready = poll(&wanted, 1, wait ? PATIENCE : 0);
	if (wait && !ready)
		return storm_complain("no record comes of %u", client->asked);
	got = read(client->fd, records, most * each);
	if (got < 0)
		return errno == EAGAIN || (errno == EINTR && client->signals) ||
		       storm_complain("read: %s", strerror(errno));
	if (!got || got % each)
		return storm_complain("read: %ld bytes", got);
	for (i = 0; i < got / (long)each; i++)
		if (!take(client, &records[i]))
			return false;
	return true;
}
