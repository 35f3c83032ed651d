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

static void forget(struct stress_client *client, struct stress_request *entry)
{
	*entry = client->requests[--client->requested];
}

static struct stress_request *some_request(struct stress_client *client)
{
	return &client->requests[stress_below(&client->random, client->requested)];
}

static struct stress_request *find(struct stress_client *client, __u64 cookie)
{
	unsigned int i;

	for (i = 0; i < client->requested; i++)
		if (client->requests[i].alloc.cookie == cookie)
			return &client->requests[i];
	return NULL;
}

bool stress_do_ask(struct stress_client *client)
{
	struct ndshm_block_alloc_args request = stress_some_request(client, NULL);
	__u32 reason;

	if (client->count + client->requested >= client->most)
		return stress_do_free(client);
	if (client->requested == STRESS_REQUESTS) {
		/* Others may have read all of them. */
		if (!client->shared)
			return stress_do_read(client);
		forget(client, some_request(client));
	}
	request.flags |= NDSHM_ALLOC_ASYNC;
	request.cookie = stress_draw(&client->random);
	reason = stress_answer(client, NDSHM_BLOCK_ALLOC, &request,
			       sizeof(request));
	if (reason == STRESS_BROKEN)
		return false;
	if (reason == NDSHM_REASON_PENDING) {
		client->requests[client->requested++] = (struct stress_request){
			.alloc = request,
		};
		return true;
	}
	/* The limit counts requests of all processes that have the client. */
	return (client->shared && reason == NDSHM_REASON_REQUESTS) ||
	       refusal_allowed(reason, stress_excuses(client, &request)) ||
	       stress_error("what was asked for later: reason %u", reason);
}

bool stress_do_cancel(struct stress_client *client)
{
	struct ndshm_block_cancel_args request = {};
	struct stress_request *entry = NULL;
	__u32 reason;

	/* Or one that is none. */
	request.cookie = stress_draw(&client->random);
	if (client->requested && stress_chance(&client->random, 90)) {
		entry = some_request(client);
		request.cookie = entry->alloc.cookie;
	}
	reason = stress_answer(client, NDSHM_BLOCK_CANCEL, &request,
			       sizeof(request));
	if (reason == STRESS_BROKEN)
		return false;
	if (reason == NDSHM_REASON_REQUEST_UNKNOWN)
		return true;
	if (reason || !entry || entry->cancelled)
		return stress_error("what is not out was cancelled: reason %u",
				    reason);
	entry->cancelled = true;
	return true;
}

static bool give_back(struct stress_client *client, __u32 handle)
{
	struct ndshm_block_free_args request = { .handle = handle };

	return !stress_call(client, NDSHM_BLOCK_FREE, &request, sizeof(request),
			    0);
}

static bool take_block(struct stress_client *client,
		       const struct stress_request *entry,
		       const struct ndshm_completion *record)
{
	if (entry && entry->cancelled)
		return stress_error("a block was made of what was cancelled");
	/* Another process has asked for it, and knows how long it is to be. */
	if (!entry || client->count == STRESS_BLOCKS)
		return give_back(client, record->block.handle);
	return stress_keep(client, &entry->alloc, &record->block);
}

static bool take(struct stress_client *client,
		 const struct ndshm_completion *record)
{
	struct stress_request *entry = find(client, record->cookie);
	bool fine = true;

	if (!entry && !client->shared)
		return stress_error("a record of nobody: reason %u",
				    record->reason);
	if (record->reason == NDSHM_REASON_NONE)
		fine = take_block(client, entry, record);
	else if (record->block.handle)
		fine = stress_error("reason %u, and a block", record->reason);
	else if (entry && entry->cancelled)
		fine = record->reason == NDSHM_REASON_REQUEST_ABORTED;
	else if (entry)
		fine = refusal_allowed(record->reason,
				       stress_excuses(client, &entry->alloc));
	if (!fine)
		return stress_error("a record: reason %u", record->reason);
	if (entry)
		forget(client, entry);
	return true;
}

/* Read the available records; or wait for the next one, which must come. */
bool stress_do_read(struct stress_client *client)
{
	const unsigned int most = 1 + stress_below(&client->random, RECORDS);
	struct pollfd wanted = { .fd = client->fd, .events = POLLIN };
	struct ndshm_completion records[RECORDS];
	const size_t each = sizeof(records[0]);
	bool wait = client->requested && !client->shared &&
		    stress_chance(&client->random, 50);
	long got, i;
	int ready;

	ready = poll(&wanted, 1, wait ? PATIENCE : 0);
	if (wait && !ready)
		return stress_error("no record comes of %u", client->requested);
	got = read(client->fd, records, most * each);
	if (got < 0)
		return errno == EAGAIN || (errno == EINTR && client->signals) ||
		       stress_error("read: %s", strerror(errno));
	if (!got || got % each)
		return stress_error("read: %ld bytes", got);
	for (i = 0; i < got / (long)each; i++)
		if (!take(client, &records[i]))
			return false;
	return true;
}
